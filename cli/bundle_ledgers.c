/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers as members of a bundle. Which files an export has follows from its size: nothing
 * else that lies in a folder is taken along. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/file.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/store.h"
#include "bundle.h"
#include "cli.h"
#include "disclose.h"

#define TILE 256U

struct ledger {
	char *dir, *origin;
	uint64_t size;
};

static void
show(void *ctx, uint64_t done, uint64_t all)
{
	cli_progress_show(ctx, done, all);
}

/* The folder of a ledger's export: a new one, or the path where that is one itself. */
static int
make_export(struct ledger *l, const char *path, const char *scratch, size_t number,
	    struct tally_err *err)
{
	struct tally_buf name = TALLY_BUF_INIT;
	struct cli_progress progress;
	struct tally_store *store;
	struct stat st;
	int status;

	tally_buf_addf(&name, "%s/data.mdb", path);
	if (stat(tally_buf_cstr(&name), &st) < 0) {
		tally_buf_deinit(&name);
		l->dir = tally_strdup(path);
		return 0;
	}
	tally_buf_clear(&name);
	tally_buf_addf(&name, "%s/%zu", scratch, number);
	l->dir = tally_strdup(tally_buf_cstr(&name));
	tally_buf_deinit(&name);
	if (tally_store_open(&store, path, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	cli_progress_begin(&progress, "export: entries");
	status = tally_store_export(store, l->dir, false, show, &progress, err);
	cli_progress_end(&progress);
	tally_store_close(store);
	return status;
}

/* What its checkpoint says; whether that is true, the verifier finds. */
static int
read_checkpoint(struct ledger *l, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT, note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	struct tally_note parsed;
	int status;

	tally_buf_addf(&path, "%s/checkpoint", l->dir);
	status = cli_read_input(tally_buf_cstr(&path), TALLY_NOTE_MAX, &note, err);
	if (status == 0)
		status = tally_note_parse(&parsed, tally_buf_view(&note), &scratch, err);
	if (status == 0)
		status = tally_checkpoint_parse(&cp, parsed.text, false, err);
	if (status == 0) {
		l->origin = tally_strndup((const char *)cp.origin.p, cp.origin.len);
		l->size = cp.size;
	}
	tally_buf_deinit(&path);
	tally_buf_deinit(&note);
	tally_buf_deinit(&scratch);
	return status;
}

static void
add_one(struct bundle_items *items, const struct ledger *l, size_t number, const char *name)
{
	struct tally_buf member = TALLY_BUF_INIT, path = TALLY_BUF_INIT;

	tally_buf_addf(&member, "ledgers/%zu/%s", number, name);
	tally_buf_addf(&path, "%s/%s", l->dir, name);
	bundle_add_file(items, tally_buf_cstr(&member), tally_buf_cstr(&path));
	tally_buf_deinit(&member);
	tally_buf_deinit(&path);
}

/* A level of the tree; -1 are entries, -2 payloads. False where it has none. */
static bool
add_level(struct bundle_items *items, const struct ledger *l, size_t number, int level)
{
	unsigned at = level > 0 ? (unsigned)level : 0, width;
	char name[TALLY_TILE_PATH + 16], *tile = name;
	uint64_t n;

	if (level == -2) {
		memcpy(name, "private/payload/", 16);
		tile = name + 16;
	}
	for (n = 0; (width = tally_tile_width(l->size, at, n)) > 0; n++) {
		tally_tile_path(tile, level, n, width);
		add_one(items, l, number, name);
		if (width < TILE)
			return true;
	}
	return n > 0;
}

static void
add_ledger(struct bundle_items *items, const struct ledger *l, size_t number)
{
	static const char *const names[] = { "checkpoint", "private/evidence", "private/format",
					     "private/notes", "vkey" };
	int level = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_one(items, l, number, names[i]);
	(void)add_level(items, l, number, -2);
	(void)add_level(items, l, number, -1);
	while (add_level(items, l, number, level))
		level++;
}

static int
compare_origins(const void *a, const void *b)
{
	return strcmp(((const struct ledger *)a)->origin, ((const struct ledger *)b)->origin);
}

/* What the licensor does not get to see goes out of exports of our own. */
static int
disclose(const struct bundle_ledgers *l, const struct ledger *ledgers, struct tally_err *err)
{
	struct cli_disclosure d = { .packs = l->only };
	int status = 0;

	for (size_t i = 0; i < l->n && status == 0; i++) {
		if (strcmp(ledgers[i].dir, l->paths[i]) == 0)
			status = tally_err_set(err, TALLY_USE,
					       "--for: %s: an export: what a licensor gets is "
					       "made from the ledger",
					       l->paths[i]);
		else
			status = cli_disclose(&d, ledgers[i].dir, ledgers[i].size, false, err);
	}
	cli_disclosure_sort(&d);
	for (size_t i = 0; i < l->n && status == 0; i++)
		status = cli_disclose(&d, ledgers[i].dir, ledgers[i].size, true, err);
	cli_disclosure_deinit(&d);
	return status;
}

int
bundle_add_ledgers(struct bundle_items *items, struct bundle_ledgers *l, struct tally_err *err)
{
	struct ledger *ledgers = tally_alloc(l->n * sizeof(*ledgers));
	int status = 0;

	for (size_t i = 0; i < l->n && status == 0; i++) {
		status = make_export(&ledgers[i], l->paths[i], l->scratch, i, err);
		if (status == 0 && read_checkpoint(&ledgers[i], err) < 0)
			status = tally_err_prefix(err, "%s", l->paths[i]);
	}
	if (status == 0 && l->only)
		status = disclose(l, ledgers, err);
	l->dirs = tally_alloc((l->n + 1) * sizeof(char *));
	for (size_t i = 0; i < l->n; i++)
		l->dirs[i] = ledgers[i].dir;
	if (status == 0)
		qsort(ledgers, l->n, sizeof(*ledgers), compare_origins);
	for (size_t i = 0; i < l->n && status == 0; i++)
		add_ledger(items, &ledgers[i], i);
	for (size_t i = 0; i < l->n; i++)
		free(ledgers[i].origin);
	free(ledgers);
	return status;
}
