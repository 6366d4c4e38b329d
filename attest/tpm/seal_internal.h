/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEAL_INTERNAL_H
#define SEAL_INTERNAL_H
/*
 * A seal: one TPM over one journal. What it knows of its session comes from
 * the journal's bytes, so that a crash loses nothing but time.
 */
#include "tally/tpm.h"

struct tally_seal {
	struct tally_tpm *tpm;
	struct tally_journal journal;
	/* for statements */
	char *origin, *version;
	struct tally_buf vkey;
	uint8_t program_hash[TALLY_HASH];
	unsigned wanted_pcr; /* for the next statement: tally_seal_info's, 0 until it is known */
	/* the session, as its statement gives it */
	struct tally_buf statement;
	struct tally_arena *arena; /* of `st` */
	struct tally_statement st;
	struct tally_identity_key *key;
	uint64_t session; /* index of its entry */
	uint8_t pcrs[TALLY_PCRS];
	size_t pcr_count;
	/* The ledger PCR where nobody else extends it: what the next row begins at.
	 * Without a ledger PCR the rows chain all the same, from zero. */
	uint8_t value[TALLY_HASH];
	bool left_pcr;   /* what the next statement finds in the ledger PCR is ours */
	bool ready;      /* nothing is pending, and the above is current */
	bool unanchored; /* its session began here, and has no anchor yet */
};

static inline bool
seal_has_pcr(const struct tally_seal *s)
{
	return s->st.ledger_pcr != TALLY_NO_PCR;
}

/* session.c */
/* Takes over the newest statement of the journal: 1, 0 where there is none. */
int session_load(struct tally_seal *s, struct tally_err *err);
/* Whether the loaded statement is that of the TPM's present session; `expected`
 * is the value that the ledger PCR had in it at least. */
bool session_is_current(const struct tally_seal *s, const struct tally_tpm_info *info,
			const uint8_t value[TALLY_HASH], const uint8_t expected[TALLY_HASH]);
/* Whether the loaded statement is of that TPM session, of another key say, and led to that value
 * of the ledger PCR. */
bool session_left_pcr(const struct tally_seal *s, const struct tally_tpm_info *info,
		      const uint8_t value[TALLY_HASH], const uint8_t expected[TALLY_HASH]);
/* Writes a statement for the TPM's present session. */
int session_begin(struct tally_seal *s, const struct tally_tpm_info *info,
		  const uint8_t value[TALLY_HASH], struct tally_err *err);

/* seal.c */
/* A quote over q that the verifier would accept; evidence that would not hold
 * is never written down. */
int seal_quote(struct tally_seal *s, const uint8_t q[TALLY_HASH], struct tally_buf *blob,
	       struct tally_quote *out, struct tally_err *err);
/* Quotes and settles a row whose q was extended. 1 done; 0 where somebody else
 * had extended the PCR too: settled as foreign, the next row begins there. */
int seal_attest(struct tally_seal *s, struct tally_row *row, struct tally_err *err);
int seal_settle_foreign(struct tally_seal *s, struct tally_row *row,
			const uint8_t found[TALLY_HASH], struct tally_err *err);

/* One attested checkpoint of a seal that is ready: 1 made, 0 nothing new. */
int seal_checkpoint(struct tally_seal *s, struct tally_err *err);

/* recover.c */
/* Brings journal and TPM together after a start or a failure. `*settled` is set
 * where a pending checkpoint was completed. */
int seal_recover(struct tally_seal *s, bool *settled, struct tally_err *err);

#endif
