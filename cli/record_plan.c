/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole file, checked before anything is stored. What it leaves behind is
 * where each host's events stand (24 bytes an event) and a hash of each batch
 * of lines: storing reads the lines again and takes none that has changed.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "cli.h"
#include "ledger.h"
#include "record.h"

static int
compare_name(const void *a, const void *b)
{
	return strcmp(((const struct record_host *)a)->name, ((const struct record_host *)b)->name);
}

static void
host_free(struct record_host *h)
{
	record_state_free(h->state);
	tally_sha256_free(h->hash);
	free(h->path);
	free(h->places);
	free(h->batch);
	free(h);
}

void
record_plan_deinit(struct record_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		host_free(plan->hosts[i]);
	free(plan->hosts);
	record_parser_free(plan->parser);
	record_file_close(plan->file);
}

static void
nothing(void *p)
{
	(void)p;
}

/* The host of this name, which is new to the plan where `*fresh`. */
static struct record_host *
need_host(struct record_plan *plan, void **tree, const char *folder, struct tally_bytes name,
	  bool *fresh)
{
	struct record_host *h = tally_alloc(sizeof(*h)), **node;
	struct tally_buf path = TALLY_BUF_INIT;

	memcpy(h->name, name.p, name.len);
	node = tsearch(h, tree, compare_name);
	if (!node)
		abort();
	*fresh = *node == h;
	if (!*fresh) {
		free(h);
		return *node;
	}
	tally_buf_addf(&path, "%s/%s", folder, h->name);
	h->path = tally_strdup(tally_buf_cstr(&path));
	tally_buf_deinit(&path);
	h->state = record_state_new();
	h->hash = tally_sha256_new();
	plan->hosts =
		tally_realloc_array(plan->hosts, plan->count + 1, sizeof(struct record_host *));
	plan->hosts[plan->count++] = h;
	return h;
}

static int
read_ledger(struct record_host *h, const uint8_t hash[TALLY_HASH], struct tally_err *err)
{
	struct stat st;

	if (lstat(h->path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : tally_err_sys(err, "%s", h->path);
	h->exists = true;
	if (record_host_read(h, hash, err) < 0)
		return cli_ledger_prefix(h->path, err);
	return 0;
}

static void
end_batch(struct record_host *h)
{
	h->batch = tally_realloc_array(h->batch, h->batches + 1, TALLY_HASH);
	tally_sha256_end(h->hash, h->batch[h->batches++]);
}

static void
add_place(struct record_host *h, const struct record_line *l, uint64_t offset, uint64_t run)
{
	if (h->count == h->room) {
		h->room = h->room ? h->room * 2 : 64;
		h->places = tally_realloc_array(h->places, h->room, sizeof(*h->places));
	}
	h->places[h->count++] =
		(struct record_place){ .offset = offset, .run = run, .line = l->number };
	tally_sha256_add(h->hash, l->text.p, l->text.len);
	tally_sha256_add(h->hash, "\n", 1);
	if (h->count % RECORD_BATCH == 0)
		end_batch(h);
}

static int
take_line(struct record_plan *plan, void **tree, const char *folder, struct tally_bytes text,
	  uint64_t offset, struct tally_err *err)
{
	struct record_line l;
	struct record_host *h;
	uint64_t run = 0;
	bool fresh;

	if (record_parse(plan->parser, text, plan->lines, &l, err) < 0)
		return -1;
	if (l.header)
		return 0;
	h = need_host(plan, tree, folder, l.host, &fresh);
	if (fresh && read_ledger(h, plan->hash, err) < 0)
		return -1;
	/* What is all there was checked when it went in. */
	if (h->progress != RECORD_DONE &&
	    record_state_check(h->state, plan->parser, &l, &run, err) < 0)
		return -1;
	add_place(h, &l, offset, run);
	plan->events++;
	return 0;
}

static int
take_lines(struct record_plan *plan, const char *folder, uint8_t seen[TALLY_HASH],
	   struct cli_progress *progress, struct tally_err *err)
{
	struct tally_sha256 *hash = tally_sha256_new();
	struct tally_bytes text;
	void *tree = NULL;
	uint64_t offset = 0;
	bool newline = true;
	int r;

	for (;;) {
		r = record_file_line(plan->file, offset, &text, &newline, err);
		if (r < 0)
			(void)tally_err_prefix(err, "%s:%llu:1", plan->path,
					       (unsigned long long)plan->lines + 1);
		if (r <= 0)
			break;
		plan->lines++;
		tally_sha256_add(hash, text.p, text.len);
		tally_sha256_add(hash, "\n", newline ? 1 : 0);
		r = take_line(plan, &tree, folder, text, offset, err);
		if (r < 0)
			break;
		offset += text.len + (newline ? 1 : 0);
		if (plan->lines % 1024 == 0)
			cli_progress_show(progress, offset, record_file_size(plan->file));
	}
	tally_sha256_end(hash, seen);
	tally_sha256_free(hash);
	tdestroy(tree, nothing);
	return r;
}

static int
compare_host(const void *a, const void *b)
{
	return compare_name(*(struct record_host *const *)a, *(struct record_host *const *)b);
}

int
record_plan_make(struct record_plan *plan, const char *folder, const char *path,
		 struct cli_progress *progress, struct tally_err *err)
{
	const char *slash = strrchr(path, '/');
	uint8_t seen[TALLY_HASH];

	*plan = (struct record_plan){ .path = path, .name = slash ? slash + 1 : path };
	if (record_file_open(&plan->file, path, err) < 0)
		return -1;
	plan->parser = record_parser_new(path);
	if (record_file_hash(plan->file, plan->hash, err) < 0)
		return tally_err_prefix(err, "%s", path);
	if (take_lines(plan, folder, seen, progress, err) < 0)
		return -1;
	if (memcmp(seen, plan->hash, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_USE, "%s: the file changed while it was read",
				     path);
	if (plan->events == 0)
		return tally_err_set(err, TALLY_USE, "%s: no event in it", path);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->hosts[i]->count % RECORD_BATCH != 0)
			end_batch(plan->hosts[i]);
	qsort(plan->hosts, plan->count, sizeof(struct record_host *), compare_host);
	return 0;
}
