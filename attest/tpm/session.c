/* SPDX-License-Identifier: Apache-2.0 */
/* The statement that opens a TPM session (FORMAT.md section 6). */
#include <string.h>
#include "tally/err.h"
#include "seal_internal.h"

#define PCR_BANK 0x000b /* SHA-256 */
#define TRIES    8

static const uint32_t boot_pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static const uint8_t zero[TALLY_HASH];

/* Boot PCRs and the ledger PCR if any, in one ascending list. */
static void
list_pcrs(struct tally_seal *s)
{
	size_t i = 0;
	bool listed = !seal_has_pcr(s);

	s->pcr_count = 0;
	while (i < s->st.boot_pcrs.count || !listed) {
		bool ours = !listed && (i == s->st.boot_pcrs.count ||
					s->st.ledger_pcr < s->st.boot_pcrs.items[i]);

		TALLY_ASSERT(s->pcr_count < TALLY_PCRS);
		s->pcrs[s->pcr_count++] =
			(uint8_t)(ours ? s->st.ledger_pcr : s->st.boot_pcrs.items[i]);
		i += !ours;
		listed = listed || ours;
	}
}

/* Makes `st`, the key and the list of PCRs from the bytes of the statement. */
static int
take_over(struct tally_seal *s, struct tally_err *err)
{
	unsigned check;

	tally_identity_free(s->key);
	s->key = NULL;
	tally_arena_reset(s->arena);
	if (tally_statement_decode(&s->st, tally_buf_view(&s->statement), s->arena, err) < 0 ||
	    tally_identity_open(&s->key, &s->st, &check, err) < 0)
		return -1;
	list_pcrs(s);
	return 0;
}

int
session_load(struct tally_seal *s, struct tally_err *err)
{
	int r;

	tally_buf_clear(&s->statement);
	r = s->journal.last_session(s->journal.ctx, &s->session, &s->statement, err);
	if (r < 0)
		return tally_err_prefix(err, "newest session statement");
	if (r == 0)
		return 0;
	if (take_over(s, err) < 0)
		return tally_err_prefix(err, "session statement in entry %llu",
					(unsigned long long)s->session);
	return 1;
}

bool
session_is_current(const struct tally_seal *s, const struct tally_tpm_info *info,
		   const uint8_t value[TALLY_HASH], const uint8_t expected[TALLY_HASH])
{
	if (s->st.reset_count != info->reset_count || s->st.restart_count != info->restart_count ||
	    !tally_bytes_eq(s->st.ek_public, info->ek_public) ||
	    !tally_bytes_eq(s->st.ak_public, info->ak_public) ||
	    !tally_bytes_eq(s->st.nv_public, info->nv_public) || s->st.ledger_pcr != s->wanted_pcr)
		return false;
	/* No extend leads back to zero: the TPM was set back, and counts again. (Where
	 * nothing is extended, that does not show.) */
	return !seal_has_pcr(s) || memcmp(value, zero, TALLY_HASH) != 0 ||
	       memcmp(expected, zero, TALLY_HASH) == 0;
}

bool
session_left_pcr(const struct tally_seal *s, const struct tally_tpm_info *info,
		 const uint8_t value[TALLY_HASH], const uint8_t expected[TALLY_HASH])
{
	return s->st.reset_count == info->reset_count &&
	       s->st.restart_count == info->restart_count && !s->st.foreign &&
	       tally_bytes_eq(s->st.ek_public, info->ek_public) &&
	       s->st.ledger_pcr == s->wanted_pcr && memcmp(value, expected, TALLY_HASH) == 0;
}

static int
encode(struct tally_seal *s, const struct tally_tpm_info *info, const uint8_t value[TALLY_HASH],
       uint64_t size, const uint8_t root[TALLY_HASH], struct tally_err *err)
{
	uint8_t host_id[TALLY_HASH];
	struct tally_statement st = {
		.version = 1,
		.host_id = tally_bytes(host_id, sizeof(host_id)),
		.ek_public = info->ek_public,
		.ak_public = info->ak_public,
		.origin = tally_bytes_str(s->origin),
		.vkey = tally_buf_view(&s->vkey),
		.agent_version = tally_bytes_str(s->version),
		.agent_hash = tally_bytes(s->program_hash, TALLY_HASH),
		.pcr_bank = PCR_BANK,
		.boot_pcrs = { boot_pcrs, sizeof(boot_pcrs) / sizeof(boot_pcrs[0]) },
		.ledger_pcr = s->wanted_pcr,
		.reset_count = info->reset_count,
		.restart_count = info->restart_count,
		.prev_size = size,
		.prev_root = tally_bytes(root, TALLY_HASH),
		.transport = tally_bytes_str(info->transport),
		.ledger_pcr_value = tally_bytes(value, TALLY_HASH),
		/* After a resume (restartCount > 0) the PCR is kept, and ours; and so it is
		 * behind another statement of the same session, of another key say. */
		.foreign = info->restart_count == 0 && !s->left_pcr &&
			   memcmp(value, zero, TALLY_HASH) != 0,
	};

	if (info->nv_public.len > 0)
		st.nv_public = info->nv_public;
	tally_host_id(host_id, info->ek_public);
	tally_buf_clear(&s->statement);
	return tally_statement_encode(&st, &s->statement, err);
}

/* 1 written, 0 where entries came in between. */
static int
try_begin(struct tally_seal *s, const struct tally_tpm_info *info, const uint8_t value[TALLY_HASH],
	  struct tally_buf *blob, struct tally_err *err)
{
	uint8_t root[TALLY_HASH], q[TALLY_HASH];
	struct tally_quote quote;

	if (s->journal.head(s->journal.ctx, &s->session, root, err) < 0 ||
	    encode(s, info, value, s->session, root, err) < 0 || take_over(s, err) < 0)
		return -1;
	tally_q_statement(q, tally_buf_view(&s->statement));
	tally_buf_clear(blob);
	if (seal_quote(s, q, blob, &quote, err) < 0)
		return -1;
	if (memcmp(quote.ledger_pcr, value, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_TPM, "PCR %u is extended by somebody else",
				     s->st.ledger_pcr);
	return s->journal.session(s->journal.ctx, s->session, tally_buf_view(&s->statement),
				  tally_buf_view(blob), err);
}

int
session_begin(struct tally_seal *s, const struct tally_tpm_info *info,
	      const uint8_t value[TALLY_HASH], struct tally_err *err)
{
	struct tally_buf blob = TALLY_BUF_INIT;
	int r = 0;

	for (int i = 0; i < TRIES && r == 0; i++)
		r = try_begin(s, info, value, &blob, err);
	tally_buf_deinit(&blob);
	if (r == 0)
		r = tally_err_set(err, TALLY_SYS, "the ledger's head does not stand still");
	if (r < 0)
		return tally_err_prefix(err, "session statement");
	memcpy(s->value, value, TALLY_HASH);
	s->unanchored = true;
	return 0;
}
