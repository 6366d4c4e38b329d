/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write-ahead side of TPM evidence (FORMAT.md section 6): a note and its
 * pending row are on the disk before the PCR is extended, the evidence line and
 * the settled row after the quote. At most one row is pending.
 */
#include <string.h>
#include "store_internal.h"

static int
read_session(struct tally_store *s, MDB_txn *txn, uint64_t *index, struct tally_buf *statement,
	     struct tally_err *err)
{
	struct tally_arena *arena;
	struct tally_bytes value;
	struct store_leaf leaf;
	struct tally_event ev;
	int r = store_get(txn, s->meta, tally_bytes_str("session"), &value, err);

	if (r <= 0)
		return r;
	if (value.len != 8)
		return tally_err_set(err, TALLY_FAILS, "data.mdb: malformed session");
	*index = tally_get_u64(value.p);
	r = store_get(txn, s->leaf, store_key(index), &value, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return tally_err_set(err, TALLY_FAILS, "data.mdb: the session's entry is missing");
	if (store_leaf_read(&leaf, *index, value, err) < 0)
		return -1;
	if (leaf.header.kind != TALLY_SESSION_STATEMENT)
		return tally_err_set(err, TALLY_FAILS, "entry %llu: no session statement",
				     (unsigned long long)*index);
	arena = tally_arena_new(4096);
	r = tally_event_decode(&ev, leaf.entry.group, 1u << TALLY_OPERATIONS, arena, err);
	if (r == 0)
		tally_buf_add_bytes(statement, ev.o.statement);
	tally_arena_free(arena);
	return r < 0 ? -1 : 1;
}

static int
journal_last_session(void *ctx, uint64_t *index, struct tally_buf *statement, struct tally_err *err)
{
	struct tally_store *s = ctx;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = read_session(s, txn, index, statement, err);
	store_short_end(s, txn);
	return r;
}

static int
journal_session(void *ctx, uint64_t index, struct tally_bytes statement, struct tally_bytes quote,
		struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_SESSION_STATEMENT };
	struct tally_store *s = ctx;
	uint64_t at;

	if (s->tip.size != index)
		return 0;
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_AGENT;
	ev.o.statement = statement;
	ev.o.quote = quote;
	return tally_store_append_event(s, &ev, &at, err) < 0 ? -1 : 1;
}

static int
journal_head(void *ctx, uint64_t *size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	return tally_store_head(ctx, size, root, err);
}

static int
journal_last_row(void *ctx, struct tally_row *out, struct tally_err *err)
{
	return store_last_row(ctx, out, err);
}

struct intent {
	struct tally_row row;
	bool make_note;
	struct tally_frontier verified;
	struct tally_buf note;
};

static int
put_row(struct tally_store *s, MDB_txn *txn, const struct tally_row *row, unsigned flags,
	struct tally_err *err)
{
	uint8_t bytes[TALLY_ROW];
	uint64_t number = row->number;

	tally_row_write(bytes, row);
	return store_put(s, txn, s->att, store_key(&number), tally_bytes(bytes, sizeof(bytes)),
			 flags, err);
}

static int
intend_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	struct intent *c = ctx;

	if (c->make_note && store_checkpoint_put(s, txn, &c->verified, tally_buf_view(&c->note),
						 &c->row.note, err) < 0)
		return -1;
	return put_row(s, txn, &c->row, MDB_APPEND, err);
}

/* The note that the row is for: a new one, or the newest where it still covers
 * the head and its evidence was not made (no row, lost, foreign). 1, or 0
 * where nothing is left to attest. */
static int
choose_note(struct tally_store *s, struct intent *c, bool has_last, const struct tally_row *last,
	    struct tally_err *err)
{
	if (s->tip.size == 0)
		return 0;
	c->make_note = !s->has_note || s->signed_tip.size != s->tip.size;
	if (c->make_note)
		return store_checkpoint_make(s, &c->verified, &c->note, err) < 0 ? -1 : 1;
	if (has_last && last->note == s->note_seq && last->state == TALLY_ROW_DONE)
		return 0;
	c->row.note = s->note_seq;
	return tally_store_note(s, s->note_seq, &c->note, err);
}

static int
fill_row(struct intent *c, bool has_last, const struct tally_row *last, struct tally_err *err)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_note note;
	int r = tally_note_parse(&note, tally_buf_view(&c->note), &scratch, err);

	if (r == 0 && has_last && last->number == UINT32_MAX)
		r = tally_err_set(err, TALLY_FAILS, "too many evidence rows");
	if (r == 0) {
		c->row.state = TALLY_ROW_PENDING;
		c->row.number = has_last ? last->number + 1 : 0;
		tally_q_checkpoint(c->row.q, note.text);
		tally_pcr_extend(c->row.after, c->row.before, c->row.q);
	}
	tally_buf_deinit(&scratch);
	return r;
}

static int
intend(struct tally_store *s, struct intent *c, struct tally_err *err)
{
	struct tally_row last;
	int has_last, r;

	if (store_check_whole(s, err) < 0)
		return -1;
	has_last = store_last_row(s, &last, err);
	if (has_last < 0)
		return -1;
	if (has_last && last.state == TALLY_ROW_PENDING)
		return tally_err_set(err, TALLY_USE, "evidence row %u is still pending",
				     last.number);
	r = choose_note(s, c, has_last, &last, err);
	if (r <= 0)
		return r;
	if (fill_row(c, has_last, &last, err) < 0 || store_write(s, intend_body, c, err) < 0)
		return -1;
	if (c->make_note) {
		s->signed_tip = c->verified;
		s->note_seq = c->row.note;
		s->has_note = true;
	}
	return 1;
}

static int
journal_intend(void *ctx, struct tally_row *row, struct tally_err *err)
{
	struct intent c = { .row = *row, .note = TALLY_BUF_INIT };
	struct tally_store *s = ctx;
	int r = intend(s, &c, err);

	tally_buf_deinit(&c.note);
	if (r < 0)
		return tally_err_prefix(err, "%s: checkpoint", s->path);
	if (r > 0)
		*row = c.row;
	return r;
}

struct settlement {
	const struct tally_row *row;
	struct tally_bytes ak_public, blob;
};

/* Only the pending row may be settled, and it stays what it was. */
static int
check_row(struct tally_store *s, MDB_txn *txn, const struct tally_row *row, struct tally_err *err)
{
	uint64_t number = row->number;
	struct tally_bytes value;
	struct tally_row old;
	int r = store_get(txn, s->att, store_key(&number), &value, err);

	if (r < 0)
		return -1;
	if (r == 0 || value.len != TALLY_ROW)
		return tally_err_set(err, TALLY_FAILS, "evidence row %u: missing", row->number);
	if (tally_row_read(&old, value.p, err) < 0)
		return -1;
	if (old.state != TALLY_ROW_PENDING || old.note != row->note ||
	    old.session != row->session || old.pcr != row->pcr ||
	    memcmp(old.q, row->q, TALLY_HASH) != 0 ||
	    memcmp(old.before, row->before, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "evidence row %u: not the pending one",
				     row->number);
	return 0;
}

static int
settle_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	const struct settlement *c = ctx;
	struct tally_buf note = TALLY_BUF_INIT;
	struct tally_bytes value;
	uint8_t id[4];
	int r;

	if (check_row(s, txn, c->row, err) < 0 || put_row(s, txn, c->row, 0, err) < 0)
		return -1;
	if (c->blob.len == 0)
		return 0;
	r = store_get(txn, s->note, store_key(&c->row->note), &value, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return tally_err_set(err, TALLY_FAILS, "note %llu: missing",
				     (unsigned long long)c->row->note);
	tally_buf_add_bytes(&note, value); /* LMDB may move it while it is replaced */
	tally_evidence_key_id(id, s->origin, c->ak_public);
	tally_note_add_line(&note, s->origin, id, c->blob);
	if (note.len > TALLY_NOTE_MAX)
		r = tally_err_set(err, TALLY_USE, "note %llu: too long with its evidence",
				  (unsigned long long)c->row->note);
	else
		r = store_put(s, txn, s->note, store_key(&c->row->note), tally_buf_view(&note), 0,
			      err);
	tally_buf_deinit(&note);
	return r;
}

static int
journal_settle(void *ctx, const struct tally_row *row, struct tally_bytes ak_public,
	       struct tally_bytes blob, struct tally_err *err)
{
	struct settlement c = { row, ak_public, blob };
	struct tally_store *s = ctx;

	TALLY_ASSERT(row->state != TALLY_ROW_PENDING);
	TALLY_ASSERT((row->state == TALLY_ROW_DONE) == (blob.len > 0));
	if (store_write(s, settle_body, &c, err) < 0)
		return tally_err_prefix(err, "%s: evidence", s->path);
	return 0;
}

struct tally_journal
tally_store_journal(struct tally_store *s)
{
	struct tally_journal j = { .ctx = s,
				   .last_session = journal_last_session,
				   .session = journal_session,
				   .head = journal_head,
				   .last_row = journal_last_row,
				   .intend = journal_intend,
				   .settle = journal_settle };

	store_journal_anchors(&j);
	return j;
}
