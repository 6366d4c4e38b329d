/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger that is already there says of the file: whether it holds it
 * whole, in part (a crash), or not; and what its host was doing before it.
 */
#include <string.h>

#include "tally/csv.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/note.h"
#include "tally/store.h"
#include "filed.h"
#include "record.h"

struct reading {
	struct record_host *host;
	struct cli_filed filed;
};

static void
take_entry(struct reading *r, const struct tally_entry *e, const struct tally_event *ev)
{
	bool imported = (e->header.flags & TALLY_FLAG_IMPORTED) != 0;

	if (e->header.kind == TALLY_IMPORT) {
		cli_filed_begin(&r->filed, e, ev);
		if (r->filed.ours)
			r->host->records = r->filed.due;
		return;
	}
	if (imported) {
		r->filed.got++;
		if (r->filed.ours)
			r->filed.end = e->header.index + 1;
	}
	/* The state is that of the moment before this file's import. */
	if (r->filed.ours || e->header.kind == TALLY_LEDGER_BEGIN || e->header.kind > TALLY_IMPORT)
		return;
	/* Nor is an operator's word anything that happened on the host. */
	if (!imported && tally_event_is_correction(ev))
		return;
	record_state_take(r->host->state, ev, ev->m.has_time ? ev->m.time : e->header.wall);
}

static int
read_entries(struct reading *r, struct tally_store *store, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entries entries;
	struct tally_entry e;
	struct tally_event ev;
	int n;

	if (tally_store_entries(store, 0, r->host->size, &entries, err) < 0) {
		tally_arena_free(arena);
		return -1;
	}
	while ((n = entries.next(entries.ctx, &e, err)) > 0) {
		tally_arena_reset(arena);
		n = tally_event_decode(&ev, e.group, e.mask, arena, err);
		if (n < 0) {
			(void)tally_err_prefix(err, "entry %llu",
					       (unsigned long long)e.header.index);
			break;
		}
		ev.kind = e.header.kind;
		take_entry(r, &e, &ev);
	}
	entries.close(entries.ctx);
	tally_arena_free(arena);
	return n;
}

/* The newest note covers everything of this file and carries its evidence. */
static int
read_seal(struct reading *r, struct tally_store *store, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_note note;
	struct tally_checkpoint c;
	uint64_t sequence;
	int n = tally_store_last_note(store, &sequence, &text, err);

	if (n > 0) {
		n = tally_note_parse(&note, tally_buf_view(&text), &scratch, err);
		if (n == 0)
			n = tally_checkpoint_parse(&c, note.text, false, err);
		if (n == 0)
			r->host->sealed =
				c.size >= r->filed.end && tally_note_lines_of(&note, c.origin) > 1;
	}
	tally_buf_deinit(&text);
	tally_buf_deinit(&scratch);
	return n < 0 ? -1 : 0;
}

static int
decide(struct reading *r, struct tally_err *err)
{
	static const struct cli_filed_words words = { "import", "events", "record" };
	struct record_host *h = r->host;
	enum cli_filed_state is;

	if (cli_filed_state(&is, &r->filed, &words, err) < 0)
		return -1;
	h->have = r->filed.ours ? r->filed.got : 0;
	if (is != CLI_FILED_NOT)
		h->progress = is == CLI_FILED_WHOLE ? RECORD_DONE : RECORD_PARTIAL;
	return 0;
}

int
record_host_read(struct record_host *h, const uint8_t hash[TALLY_HASH], struct tally_err *err)
{
	struct reading r = { .host = h, .filed.hash = hash };
	struct tally_store *store;
	uint8_t root[TALLY_HASH];
	int status;

	if (tally_store_open(&store, h->path, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	status = tally_store_head(store, &h->size, root, err);
	if (status >= 0)
		status = read_entries(&r, store, err);
	if (status >= 0)
		status = decide(&r, err);
	if (status >= 0 && h->progress == RECORD_DONE)
		status = read_seal(&r, store, err);
	tally_buf_deinit(&r.filed.name);
	tally_store_close(store);
	return status < 0 ? -1 : 0;
}
