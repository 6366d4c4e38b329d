/* SPDX-License-Identifier: Apache-2.0 */
/* The journal in memory, with a fault to inject before or after each of its calls. */
#include <openssl/evp.h>
#include <string.h>
#include "tally/err.h"
#include "memjournal.h"

#define ORIGIN "example.com/memory"

static void
sha256(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	TALLY_ASSERT(EVP_Digest(in.p, in.len, out, NULL, EVP_sha256(), NULL) == 1);
}

static void
extend(uint8_t out[TALLY_HASH], const uint8_t before[TALLY_HASH], const uint8_t q[TALLY_HASH])
{
	uint8_t both[2 * TALLY_HASH];

	memcpy(both, before, TALLY_HASH);
	memcpy(both + TALLY_HASH, q, TALLY_HASH);
	sha256(out, tally_bytes(both, sizeof(both)));
}

static void
hash_note(uint8_t out[TALLY_HASH], struct tally_bytes text)
{
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_add(&b, "tally/checkpoint/v1", 20);
	tally_buf_add_bytes(&b, text);
	sha256(out, tally_buf_view(&b));
	tally_buf_deinit(&b);
}

static void
make_root(uint64_t size, uint8_t out[TALLY_HASH])
{
	uint8_t bytes[8];

	tally_put_u64(bytes, size);
	sha256(out, tally_bytes(bytes, sizeof(bytes)));
}

static bool
begin(struct memjournal *j)
{
	j->calls++;
	return j->fail_at == 0 || j->calls < j->fail_at || (j->late && j->calls == j->fail_at);
}

static int
end(struct memjournal *j, int r, struct tally_err *err)
{
	if (j->fail_at != 0 && j->calls >= j->fail_at)
		return tally_err_set(err, TALLY_SYS, "journal in memory: told to fail");
	return r;
}

static int
mem_last_session(void *ctx, uint64_t *index, struct tally_buf *statement, struct tally_err *err)
{
	struct memjournal *j = ctx;
	int r = 0;

	if (begin(j) && j->sessions > 0) {
		*index = j->session[j->sessions - 1].index;
		tally_buf_add_bytes(statement,
				    tally_buf_view(&j->session[j->sessions - 1].statement));
		r = 1;
	}
	return end(j, r, err);
}

static int
mem_session(void *ctx, uint64_t index, struct tally_bytes statement, struct tally_bytes quote,
	    struct tally_err *err)
{
	struct memjournal *j = ctx;
	int r = 0;

	if (j->moves > 0) {
		j->moves--;
		j->size++;
	}
	if (begin(j) && index == j->size) {
		struct memjournal_session *s = &j->session[j->sessions++];

		TALLY_ASSERT(j->sessions < MEMJOURNAL_MAX);
		s->index = j->size++;
		tally_buf_add_bytes(&s->statement, statement);
		tally_buf_add_bytes(&s->quote, quote);
		r = 1;
	}
	return end(j, r, err);
}

static int
mem_head(void *ctx, uint64_t *size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	struct memjournal *j = ctx;

	if (begin(j)) {
		*size = j->size;
		make_root(j->size, root);
	}
	return end(j, 0, err);
}

static int
mem_last_row(void *ctx, struct tally_row *out, struct tally_err *err)
{
	struct memjournal *j = ctx;
	int r = 0;

	if (begin(j) && j->rows > 0) {
		*out = j->row[j->rows - 1];
		r = 1;
	}
	return end(j, r, err);
}

static void
add_note(struct memjournal *j)
{
	struct memjournal_note *n = &j->note[j->notes++];
	uint8_t root[TALLY_HASH];

	TALLY_ASSERT(j->notes < MEMJOURNAL_MAX);
	n->size = j->size;
	make_root(j->size, root);
	tally_buf_addf(&n->text, "%s\n%llu\n", ORIGIN, (unsigned long long)j->size);
	tally_buf_add_base64(&n->text, root, sizeof(root));
	tally_buf_add_str(&n->text, "\n");
}

static int
mem_intend(void *ctx, struct tally_row *row, struct tally_err *err)
{
	struct memjournal *j = ctx;
	int r = 0;

	if (begin(j)) {
		bool covered = j->notes > 0 && j->note[j->notes - 1].size == j->size;
		bool foreign = j->rows > 0 && j->row[j->rows - 1].state == TALLY_ROW_FOREIGN;

		TALLY_ASSERT(j->rows == 0 || j->row[j->rows - 1].state != TALLY_ROW_PENDING);
		if (!covered)
			add_note(j);
		if (!covered || foreign) {
			row->state = TALLY_ROW_PENDING;
			row->note = j->notes - 1;
			row->number = (uint32_t)j->rows;
			hash_note(row->q, tally_buf_view(&j->note[j->notes - 1].text));
			extend(row->after, row->before, row->q);
			j->row[j->rows++] = *row;
			TALLY_ASSERT(j->rows < MEMJOURNAL_MAX);
			r = 1;
		}
	}
	return end(j, r, err);
}

static int
mem_settle(void *ctx, const struct tally_row *row, struct tally_bytes ak_public,
	   struct tally_bytes blob, struct tally_err *err)
{
	struct memjournal *j = ctx;

	if (begin(j)) {
		struct memjournal_note *n = &j->note[row->note];

		TALLY_ASSERT(row->number == j->rows - 1);
		TALLY_ASSERT(j->row[row->number].state == TALLY_ROW_PENDING);
		TALLY_ASSERT(row->state != TALLY_ROW_PENDING);
		TALLY_ASSERT((row->state == TALLY_ROW_DONE) == (blob.len > 0));
		j->row[row->number] = *row;
		if (blob.len > 0) {
			TALLY_ASSERT(n->blob.len == 0);
			tally_buf_add_bytes(&n->ak_public, ak_public);
			tally_buf_add_bytes(&n->blob, blob);
		}
	}
	return end(j, 0, err);
}

void
memjournal_init(struct memjournal *j)
{
	memset(j, 0, sizeof(*j));
	j->table = (struct tally_journal){ j,         mem_last_session, mem_session,
					   mem_head,  mem_last_row,     mem_intend,
					   mem_settle };
}

void
memjournal_deinit(struct memjournal *j)
{
	for (size_t i = 0; i < j->sessions; i++) {
		tally_buf_deinit(&j->session[i].statement);
		tally_buf_deinit(&j->session[i].quote);
	}
	for (size_t i = 0; i < j->notes; i++) {
		tally_buf_deinit(&j->note[i].text);
		tally_buf_deinit(&j->note[i].ak_public);
		tally_buf_deinit(&j->note[i].blob);
	}
}

void
memjournal_append(struct memjournal *j)
{
	j->size++;
}

size_t
memjournal_count(const struct memjournal *j, enum tally_row_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < j->rows; i++)
		n += j->row[i].state == state;
	return n;
}

static int
judge_quote(struct tally_identity_key *key, const struct tally_statement *st,
	    struct tally_bytes bytes, const uint8_t q[TALLY_HASH], struct tally_quote *out,
	    struct tally_err *err)
{
	struct tally_blob blob;
	unsigned check = 0;

	if (tally_blob_parse(&blob, bytes, err) < 0)
		return -1;
	if (tally_quote_check(key, st, &blob, q, out, &check, err) < 0)
		return tally_err_prefix(err, "check %u", check);
	return 0;
}

/* One row against the session and the value at which it must begin. */
static int
judge_row(const struct memjournal *j, const struct tally_row *row, struct tally_identity_key *key,
	  const struct tally_statement *st, uint8_t value[TALLY_HASH], struct tally_err *err)
{
	const struct memjournal_note *n = &j->note[row->note];
	uint8_t q[TALLY_HASH], after[TALLY_HASH];
	struct tally_quote quote;

	hash_note(q, tally_buf_view(&n->text));
	extend(after, row->before, q);
	if (memcmp(q, row->q, TALLY_HASH) != 0 || memcmp(row->before, value, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "does not chain");
	memcpy(value, row->after, TALLY_HASH);
	if (row->state == TALLY_ROW_FOREIGN)
		return memcmp(row->after, after, TALLY_HASH) == 0
			       ? tally_err_set(err, TALLY_FAILS, "foreign, yet it is ours")
			       : 0;
	if (memcmp(row->after, after, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "its after is not its extend");
	if (row->state == TALLY_ROW_LOST)
		return 0;
	if (row->state != TALLY_ROW_DONE)
		return tally_err_set(err, TALLY_FAILS, "still pending");
	if (!tally_bytes_eq(tally_buf_view(&n->ak_public), st->ak_public))
		return tally_err_set(err, TALLY_FAILS, "of another key");
	if (judge_quote(key, st, tally_buf_view(&n->blob), q, &quote, err) < 0)
		return -1;
	if (st->ledger_pcr != TALLY_NO_PCR && memcmp(quote.ledger_pcr, row->after, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "quoted at another value");
	return 0;
}

static int
judge_rows(const struct memjournal *j, const struct memjournal_session *s, size_t *next,
	   struct tally_identity_key *key, const struct tally_statement *st, struct tally_err *err)
{
	uint8_t value[TALLY_HASH];
	bool lost = false;

	memcpy(value, st->ledger_pcr_value.p, TALLY_HASH);
	for (; *next < j->rows && j->row[*next].session == s->index; (*next)++) {
		if (lost)
			return tally_err_set(err, TALLY_FAILS, "row %zu: behind a lost one", *next);
		if (judge_row(j, &j->row[*next], key, st, value, err) < 0)
			return tally_err_prefix(err, "row %zu", *next);
		lost = j->row[*next].state == TALLY_ROW_LOST;
	}
	return 0;
}

static int
judge_session(const struct memjournal *j, size_t i, size_t *next, struct tally_err *err)
{
	const struct memjournal_session *s = &j->session[i];
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_identity_key *key = NULL;
	struct tally_statement st;
	struct tally_quote quote;
	uint8_t q[TALLY_HASH], root[TALLY_HASH];
	unsigned check;
	int r;

	make_root(s->index, root);
	tally_q_statement(q, tally_buf_view(&s->statement));
	r = tally_statement_decode(&st, tally_buf_view(&s->statement), arena, err);
	if (r == 0)
		r = tally_identity_open(&key, &st, &check, err);
	if (r == 0)
		r = judge_quote(key, &st, tally_buf_view(&s->quote), q, &quote, err);
	if (r == 0 &&
	    (st.prev_size != s->index ||
	     (!j->real_roots && !tally_bytes_eq(st.prev_root, tally_bytes(root, TALLY_HASH))) ||
	     !tally_bytes_eq(st.ledger_pcr_value, tally_bytes(quote.ledger_pcr, TALLY_HASH))))
		r = tally_err_set(err, TALLY_FAILS, "says what is not so");
	if (r == 0)
		r = judge_rows(j, s, next, key, &st, err);
	tally_identity_free(key);
	tally_arena_free(arena);
	return r < 0 ? tally_err_prefix(err, "session %zu", i) : 0;
}

int
memjournal_judge(const struct memjournal *j, struct tally_err *err)
{
	size_t next = 0, note = 0;

	for (size_t i = 0; i < j->sessions; i++)
		if (judge_session(j, i, &next, err) < 0)
			return -1;
	if (next != j->rows)
		return tally_err_set(err, TALLY_FAILS, "row %zu has no session", next);
	for (size_t i = 0; i < j->rows; i++)
		if (j->row[i].note == note)
			note++;
	if (note != j->notes)
		return tally_err_set(err, TALLY_FAILS, "note %zu has no row", note);
	return 0;
}

void
memjournal_chain_end(const struct memjournal *j, uint8_t out[TALLY_HASH])
{
	const struct memjournal_session *s = &j->session[j->sessions - 1];

	if (j->rows > 0 && j->row[j->rows - 1].session == s->index) {
		memcpy(out, j->row[j->rows - 1].after, TALLY_HASH);
	} else {
		struct tally_arena *arena = tally_arena_new(4096);
		struct tally_statement st;
		struct tally_err err;

		TALLY_ASSERT(tally_statement_decode(&st, tally_buf_view(&s->statement), arena,
						    &err) == 0);
		memcpy(out, st.ledger_pcr_value.p, TALLY_HASH);
		tally_arena_free(arena);
	}
}
