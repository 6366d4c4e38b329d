/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storing the events of one host: the ledger where it is absent, the `import`
 * entry, the events in batches, an attested checkpoint. Each step is found
 * again in the ledger, so that a repeat after a crash goes on where it stopped.
 */
#include <stdlib.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "cli.h"
#include "ledger.h"
#include "record.h"

/* Encoded entries of a batch. Groups lie behind one another in three buffers
 * that move as they grow, so views are made at the end. */
struct batch {
	struct tally_buf group[TALLY_GROUPS];
	size_t length[RECORD_BATCH][TALLY_GROUPS];
	uint8_t kind[RECORD_BATCH];
	struct tally_prepared prepared[RECORD_BATCH];
	uint8_t seed[RECORD_BATCH][TALLY_SEED];
	size_t count;
};

static void
batch_free(struct batch *b)
{
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&b->group[g]);
	free(b);
}

static int
batch_add(struct batch *b, const struct tally_event *ev, struct tally_err *err)
{
	size_t before[TALLY_GROUPS];

	for (size_t g = 0; g < TALLY_GROUPS; g++)
		before[g] = b->group[g].len;
	if (tally_event_encode(ev, b->group, err) < 0)
		return -1;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		b->length[b->count][g] = b->group[g].len - before[g];
	b->kind[b->count++] = (uint8_t)ev->kind;
	return 0;
}

static int
batch_store(struct batch *b, struct tally_store *store, struct tally_err *err)
{
	size_t at[TALLY_GROUPS] = { 0 };
	uint64_t first;

	tally_seeds(b->seed, b->count);
	for (size_t i = 0; i < b->count; i++) {
		struct tally_bytes groups[TALLY_GROUPS] = { 0 };

		for (size_t g = 0; g < TALLY_GROUPS; g++) {
			if (b->length[i][g] > 0)
				groups[g] = tally_bytes(b->group[g].p + at[g], b->length[i][g]);
			at[g] += b->length[i][g];
		}
		tally_prepare(&b->prepared[i], b->kind[i], TALLY_FLAG_IMPORTED, b->seed[i], groups);
	}
	if (b->count > 0 && tally_store_append(store, b->prepared, b->count, &first, err) < 0)
		return -1;
	b->count = 0;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_clear(&b->group[g]);
	return 0;
}

static int
changed(const struct record_plan *plan, struct tally_err *err)
{
	return tally_err_set(err, TALLY_USE, "%s: the file changed while it was read", plan->path);
}

/* Reads the lines of a batch again and encodes those from `skip` on. */
static int
read_batch(const struct record_plan *plan, const struct record_host *h, size_t n, uint64_t skip,
	   struct batch *b, struct tally_err *err)
{
	size_t from = n * RECORD_BATCH,
	       to = from + RECORD_BATCH < h->count ? from + RECORD_BATCH : h->count;
	uint8_t seen[TALLY_HASH];
	struct record_line l;
	struct tally_bytes text;
	bool newline;

	for (size_t i = from; i < to; i++) {
		int r = record_file_line(plan->file, h->places[i].offset, &text, &newline, err);

		if (r <= 0)
			return r < 0 ? -1 : changed(plan, err);
		tally_sha256_add(h->hash, text.p, text.len);
		tally_sha256_add(h->hash, "\n", 1);
		if (i < skip)
			continue;
		if (record_parse(plan->parser, text, h->places[i].line, &l, err) < 0)
			return -1;
		l.ev.m.has_run = h->places[i].run > 0;
		l.ev.m.run = h->places[i].run;
		if (batch_add(b, &l.ev, err) < 0)
			return tally_err_prefix(err, "%s:%llu:1", plan->path,
						(unsigned long long)l.number);
	}
	tally_sha256_end(h->hash, seen);
	return memcmp(seen, h->batch[n], TALLY_HASH) == 0 ? 0 : changed(plan, err);
}

static int
store_events(const struct record_plan *plan, struct record_host *h, struct cli_ledger *l,
	     uint64_t *stored, struct cli_progress *progress, struct tally_err *err)
{
	struct batch *b = tally_alloc(sizeof(*b));
	int status = 0;

	for (size_t n = (size_t)(h->have / RECORD_BATCH); n < h->batches && status == 0; n++) {
		size_t count;

		status = read_batch(plan, h, n, h->have, b, err);
		count = b->count;
		if (status == 0)
			status = batch_store(b, l->store, err);
		if (status == 0)
			*stored += count;
		cli_progress_show(progress, *stored, plan->events);
	}
	batch_free(b);
	return status;
}

static int
begin_import(const struct record_plan *plan, const struct record_host *h, struct cli_ledger *l,
	     struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_IMPORT };
	uint64_t index;

	ev.i.host = tally_bytes_str(h->name);
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_IMPORT;
	ev.o.file_hash = tally_bytes(plan->hash, TALLY_HASH);
	ev.o.file_name = tally_bytes_str(plan->name);
	ev.o.has_file_lines = true;
	ev.o.file_lines = plan->lines;
	ev.o.has_records = true;
	ev.o.records = h->count;
	return tally_store_append_event(l->store, &ev, &index, err);
}

static int
import_into(const struct record_plan *plan, struct record_host *h, struct cli_ledger *l,
	    uint64_t *stored, struct cli_progress *progress, struct tally_err *err)
{
	uint8_t root[TALLY_HASH];
	uint64_t size;

	if (tally_store_head(l->store, &size, root, err) < 0)
		return -1;
	if (h->exists && size != h->size)
		return tally_err_set(err, TALLY_SYS,
				     "somebody wrote into it meanwhile: repeat the import");
	if (cli_ledger_seal(l, false, err) < 0)
		return -1;
	if (h->progress == RECORD_NEW && begin_import(plan, h, l, err) < 0)
		return -1;
	if (h->progress != RECORD_DONE && store_events(plan, h, l, stored, progress, err) < 0)
		return -1;
	return cli_ledger_checkpoint(l, err) < 0 ? -1 : 0;
}

int
record_import_host(const struct record_plan *plan, struct record_host *h, uint64_t *stored,
		   struct cli_progress *progress, struct tally_buf *vkeys, struct tally_err *err)
{
	struct cli_ledger l;
	int status;

	if (!h->exists && cli_ledger_make(h->path, "libtpms", h->name, NULL, err) < 0)
		return cli_ledger_prefix(h->path, err);
	if (cli_ledger_open(&l, h->path, false, err) < 0)
		return cli_ledger_prefix(h->path, err);
	if (!h->exists) {
		tally_vkey_text(vkeys, tally_store_vkey(l.store));
		tally_buf_add_str(vkeys, "\n");
	}
	status = import_into(plan, h, &l, stored, progress, err);
	status = cli_ledger_close(&l, status, err);
	/* A fault of the file already says where it is. */
	if (status < 0 && err->code != TALLY_USE)
		(void)cli_ledger_prefix(h->path, err);
	return status;
}
