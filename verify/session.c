/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM sessions. The statement that stands in the log is checked once: its quote,
 * the keys it names, the tree before it. Rows behind it are judged by it until
 * the next one comes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "verify_internal.h"

void
sessions_deinit(struct session *s)
{
	tally_identity_free(s->key);
	tally_arena_free(s->arena);
	tally_buf_deinit(&s->bytes);
	memset(s, 0, sizeof(*s));
}

bool
sessions_quote(struct session *s, struct tally_bytes line, const uint8_t q[TALLY_HASH],
	       struct tally_quote *quote, unsigned *check, struct tally_err *err)
{
	struct tally_blob blob;

	*check = 1;
	if (tally_blob_parse(&blob, line, err) < 0 ||
	    tally_quote_check(s->key, &s->st, &blob, q, quote, check, err) < 0)
		return false;
	s->unsafe += !quote->safe;
	return true;
}

/* What a statement says about the log, against the log. */
static void
check_claims(struct session *s, struct tally_export *x, const uint8_t root[2][TALLY_HASH],
	     const char *file)
{
	struct tally_buf vkey = TALLY_BUF_INIT;
	const char *dir = x->folder.path;
	struct problems *to = x->problems;
	const struct tally_statement *st = &s->st;

	if (x->has_key)
		tally_vkey_text(&vkey, &x->key);
	if (x->has_key && !tally_bytes_eq(st->vkey, tally_buf_view(&vkey)))
		problem_entry(to, "tpm-15", dir, file, s->index,
			      "the session statement names another log key");
	if (!tally_bytes_eq(st->origin, tally_bytes_str(x->origin)))
		problem_entry(to, "tpm-15", dir, file, s->index,
			      "the session statement names another origin");
	if (st->prev_size != s->index || (memcmp(st->prev_root.p, root[0], TALLY_HASH) != 0 &&
					  memcmp(st->prev_root.p, root[1], TALLY_HASH) != 0))
		problem_entry(to, "tpm-8", dir, file, s->index,
			      "the session statement was made over another log");
	tally_buf_deinit(&vkey);
}

static void
check_quote(struct session *s, struct tally_export *x, struct tally_bytes line, const char *file)
{
	struct tally_quote quote;
	uint8_t q[TALLY_HASH];
	struct tally_err err = TALLY_ERR_INIT;
	const char *dir = x->folder.path;
	unsigned check = 0;
	char name[16];

	tally_q_statement(q, tally_buf_view(&s->bytes));
	if (!sessions_quote(s, line, q, &quote, &check, &err)) {
		snprintf(name, sizeof(name), "tpm-%u", check);
		problem_entry(x->problems, name, dir, file, s->index, "session statement: %s",
			      err.text);
		return;
	}
	if (memcmp(quote.ledger_pcr, s->st.ledger_pcr_value.p, TALLY_HASH) != 0)
		problem_entry(x->problems, "tpm-8", dir, file, s->index,
			      "session statement: PCR %u was quoted with another value",
			      s->st.ledger_pcr);
	clocks_quote(x, &quote, file, "session statement");
	firmware_seen(x, s, quote.firmware, file, "session statement");
}

void
sessions_begin(struct session *s, struct tally_export *x, uint64_t index,
	       const struct tally_operations *o, const uint8_t root[2][TALLY_HASH],
	       const char *file)
{
	struct tally_err err = TALLY_ERR_INIT;
	const char *dir = x->folder.path;
	unsigned check = 1;
	char name[16];

	tally_identity_free(s->key);
	s->key = NULL;
	s->open = s->ended = false;
	s->index = index;
	if (!s->arena)
		s->arena = tally_arena_new(4096);
	tally_arena_reset(s->arena);
	tally_buf_clear(&s->bytes);
	tally_buf_add_bytes(&s->bytes, o->statement);
	if (tally_statement_decode(&s->st, tally_buf_view(&s->bytes), s->arena, &err) < 0 ||
	    tally_identity_open(&s->key, &s->st, &check, &err) < 0) {
		snprintf(name, sizeof(name), "tpm-%u", check);
		problem_entry(x->problems, name, dir, file, index, "%s", err.text);
		s->blind = true;
		return;
	}
	s->open = true;
	memcpy(s->value, s->st.ledger_pcr_value.p, TALLY_HASH);
	tally_evidence_key_id(s->id, x->origin, s->st.ak_public);
	tally_buf_clear(&x->transport);
	tally_buf_add_bytes(&x->transport, s->st.transport);
	check_claims(s, x, root, file);
	tpms_session(x, s, file);
	clocks_session(x, s, file);
	check_quote(s, x, o->quote, file);
	if (s->st.ledger_pcr == TALLY_NO_PCR && !s->told_no_pcr) {
		remark(x->problems,
		       "%s: entry %" PRIu64 ": no PCR is extended: quotes bind each checkpoint, "
		       "but within a TPM session "
		       "a second history is excluded by what left the host only",
		       dir, index);
		s->told_no_pcr = true;
	}
	if (s->st.foreign)
		remark(x->problems,
		       "%s: entry %" PRIu64 ": PCR %u was in use before this TPM session", dir,
		       index, s->st.ledger_pcr);
}
