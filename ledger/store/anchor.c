/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors as the ledger keeps them (FORMAT.md section 6): intents and what came of
 * them are entries, each linked to the intent before it; "anchor" in `meta` is the
 * newest of both. An entry that ends an intent is always behind it.
 *
 * How long ago one was is told by the clocks of its boots alone, which nobody sets:
 * within a boot by CLOCK_BOOTTIME, over a boot by what that has counted since. The
 * time in which the host was off is left out, so that the cap is never exceeded, and
 * a wall clock that is set either way changes nothing, over restarts too.
 */
#include <string.h>
#include "store_internal.h"

#define DAY (86400 * TALLY_SECOND)

/* One of these entries, as far as it matters here. */
struct link {
	unsigned kind;
	uint32_t boot;
	uint64_t index, wall, uptime;
	bool has_before, has_counter, gap;
	uint64_t before, counter;
};

static int
read_link(struct tally_store *s, MDB_txn *txn, uint64_t index, struct link *out,
	  struct tally_err *err)
{
	struct tally_arena *arena;
	struct tally_bytes value;
	struct store_leaf leaf;
	struct tally_event ev;
	int r = store_get(txn, s->leaf, store_key(&index), &value, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "data.mdb: entry %llu is missing",
				  (unsigned long long)index);
	if (r < 0 || store_leaf_read(&leaf, index, value, err) < 0)
		return -1;
	arena = tally_arena_new(1024);
	r = tally_event_decode(&ev, leaf.entry.group, 1u << TALLY_OPERATIONS, arena, err);
	*out = (struct link){ .kind = leaf.header.kind,
			      .boot = leaf.header.boot,
			      .index = index,
			      .wall = leaf.header.wall,
			      .uptime = leaf.header.uptime,
			      .has_before = ev.o.has_anchor && ev.o.anchor < index,
			      .before = ev.o.anchor,
			      .has_counter = ev.o.has_counter,
			      .counter = ev.o.counter,
			      .gap = !ev.o.tpm_time.p };
	tally_arena_free(arena);
	if (r == 0 && out->kind != TALLY_ANCHOR_INTENT && out->kind != TALLY_ANCHOR)
		r = tally_err_set(err, TALLY_FAILS, "entry %llu: no anchor",
				  (unsigned long long)index);
	return r;
}

/* ns that have surely gone by from one link to a later one. */
static int64_t
between(const struct link *from, const struct link *to)
{
	uint64_t ns = to->uptime;

	if (from->boot == to->boot)
		ns = to->uptime > from->uptime ? to->uptime - from->uptime : 0;
	return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
}

static int64_t
sum(int64_t a, int64_t b)
{
	int64_t ns;

	return __builtin_add_overflow(a, b, &ns) ? INT64_MAX : ns;
}

/* This instant as a link: of the newest boot that has entries, or of a later one. A boot that
 * has no name is a later one where its uptime is smaller than the newest link's. */
static int
read_now(struct tally_store *s, MDB_txn *txn, const struct link *newest, struct link *out,
	 struct tally_err *err)
{
	struct tally_now now = tally_clock_now(s->clock);
	struct tally_bytes boot;
	int r = store_get(txn, s->head, tally_bytes_str("boot"), &boot, err);

	*out = (struct link){ .wall = (uint64_t)now.wall.ns, .uptime = (uint64_t)now.uptime.ns };
	if (r < 0)
		return -1;
	if (r == 0 || boot.len != 20)
		return tally_err_set(err, TALLY_FAILS, "head: malformed boot");
	out->boot = tally_get_u32(boot.p);
	if (memcmp(boot.p + 4, s->boot_id, 16) != 0 ||
	    (!s->boot_known && newest->boot == out->boot && out->uptime < newest->uptime))
		out->boot++;
	return 0;
}

/* Intents of the last day, from the newest one back; no more than the cap. */
static int
count_day(struct tally_store *s, MDB_txn *txn, struct link l, int64_t age,
	  struct tally_anchors *out, struct tally_err *err)
{
	while (age < DAY) {
		struct link later = l;

		if (++out->day == TALLY_ANCHOR_CAP) {
			out->free_in = DAY - age;
			break;
		}
		if (!l.has_before)
			break;
		if (read_link(s, txn, l.before, &l, err) < 0)
			return -1;
		age = sum(age, between(&l, &later));
	}
	return 0;
}

static int
read_anchors(struct tally_store *s, MDB_txn *txn, struct tally_anchors *out, struct tally_err *err)
{
	struct link newest, intent, now;
	uint64_t index;
	int r = store_newest(s, txn, "anchor", &index, err);

	memset(out, 0, sizeof(*out));
	if (r <= 0)
		return r;
	if (read_link(s, txn, index, &newest, err) < 0 || read_now(s, txn, &newest, &now, err) < 0)
		return -1;
	intent = newest;
	out->open = newest.kind == TALLY_ANCHOR_INTENT;
	out->any = out->open || newest.has_before;
	if (!out->open && newest.has_before && read_link(s, txn, newest.before, &intent, err) < 0)
		return -1;
	out->intent = intent.index;
	out->has_counter = newest.gap && !out->open ? newest.has_counter : intent.has_counter;
	out->counter = newest.gap && !out->open ? newest.counter : intent.counter;
	/* A gap tells of no time: behind one an anchor is due. */
	out->has_last = newest.kind == TALLY_ANCHOR && !newest.gap;
	out->age = between(&newest, &now);
	out->told_age = (int64_t)now.wall - (int64_t)newest.wall;
	return out->any ? count_day(s, txn, intent, sum(out->age, between(&intent, &newest)), out,
				    err)
			: 0;
}

int
tally_store_anchors(struct tally_store *s, struct tally_anchors *out, struct tally_err *err)
{
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = read_anchors(s, txn, out, err);
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s: anchors", s->path) : 0;
}

static int
journal_anchors(void *ctx, struct tally_anchors *out, struct tally_err *err)
{
	return tally_store_anchors(ctx, out, err);
}

static int
journal_anchor_intend(void *ctx, const struct tally_anchor *a, uint64_t *index,
		      struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_ANCHOR_INTENT };
	struct tally_store *s = ctx;
	struct tally_anchors now;
	int receipt;

	if (tally_store_anchors(s, &now, err) < 0)
		return -1;
	receipt = store_newest_find(s, "receipt", TALLY_RECEIPT, &ev.o.newest_receipt, err);
	if (receipt < 0)
		return -1;
	ev.o.has_newest_receipt = receipt > 0;
	ev.o.has_source = ev.o.has_reset_count = ev.o.has_restart_count = true;
	ev.o.source = TALLY_SRC_AGENT;
	ev.o.has_counter = a->has_counter;
	ev.o.counter = a->counter;
	ev.o.reset_count = a->reset_count;
	ev.o.restart_count = a->restart_count;
	ev.o.has_anchor = now.any;
	ev.o.anchor = now.intent;
	return tally_store_append_event(s, &ev, index, err);
}

static int
journal_anchor_settle(void *ctx, const struct tally_anchor *a, struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_ANCHOR };
	struct tally_store *s = ctx;
	struct tally_anchors now;
	uint64_t index;

	TALLY_ASSERT((a->gap == NULL) == (a->time.len > 0));
	if (tally_store_anchors(s, &now, err) < 0)
		return -1;
	TALLY_ASSERT(a->gap || now.open);
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_AGENT;
	ev.o.has_anchor = now.any;
	ev.o.anchor = now.intent;
	if (a->gap) {
		ev.o.has_counter = a->has_counter;
		ev.o.counter = a->counter;
		ev.o.detail = tally_bytes_str(a->gap);
	} else {
		ev.o.tpm_time = a->time;
		if (a->certification.len > 0)
			ev.o.certification = a->certification;
		if (a->told)
			ev.o.detail = tally_bytes_str(a->told);
	}
	return tally_store_append_event(s, &ev, &index, err);
}

/* Text and size of a note: 1, 0 there is none, -1. */
static int
note_size(struct tally_store *s, uint64_t sequence, uint64_t *size, uint8_t q[TALLY_HASH],
	  struct tally_err *err)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	struct tally_note note;
	int r = tally_store_note(s, sequence, &bytes, err);

	if (r > 0 && (tally_note_parse(&note, tally_buf_view(&bytes), &scratch, err) < 0 ||
		      tally_checkpoint_parse(&cp, note.text, false, err) < 0))
		r = -1;
	if (r > 0) {
		*size = cp.size;
		tally_q_checkpoint(q, note.text);
	}
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
	return r;
}

/* Sizes rise with the sequence, so the first that covers an entry is found by halves. */
static int
journal_anchor_note(void *ctx, uint64_t intent, uint8_t q[TALLY_HASH], struct tally_err *err)
{
	struct tally_store *s = ctx;
	uint64_t low = 0, high = s->note_seq, size;
	int r;

	if (!s->has_note)
		return 0;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		r = note_size(s, middle, &size, q, err);
		if (r == 0)
			r = tally_err_set(err, TALLY_FAILS, "note %llu: missing",
					  (unsigned long long)middle);
		if (r < 0)
			return -1;
		if (size > intent)
			high = middle;
		else
			low = middle + 1;
	}
	r = note_size(s, low, &size, q, err);
	return r > 0 ? size > intent : r;
}

static int
journal_close_signing(void *ctx, const char *why, struct tally_err *err)
{
	return tally_store_close_signing(ctx, why, err);
}

void
store_journal_anchors(struct tally_journal *j)
{
	j->anchors = journal_anchors;
	j->anchor_intend = journal_anchor_intend;
	j->anchor_note = journal_anchor_note;
	j->anchor_settle = journal_anchor_settle;
	j->close_signing = journal_close_signing;
}
