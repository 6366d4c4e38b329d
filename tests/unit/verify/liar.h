/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_LIAR_H
#define VERIFY_LIAR_H
/*
 * A journal that lies: what the host's root would write of its anchors. Its functions
 * are called with the store's context, so there is one of it.
 */
#include "fixture.h"

#define MINUTES(n) ((int64_t)(n)*60 * TALLY_SECOND)
#define INDEX      0x01800042u /* of the NV counter */

extern struct liar {
	struct tally_journal true_one;

	struct ledger *l;
	enum lie {
		HONEST,
		FLIP_COUNTER,
		FLIP_TIME,
		OLD_COUNTER,
		OLD_TIME,
		OTHER_INDEX,
		OTHER_VALUE,
		NO_COUNTER,
		OTHER_SESSION,
		KNOW_NOTHING,
		NO_CLOSING
	} how;
	size_t at;                      /* of the byte to flip */
	struct tally_buf counter, time; /* of the anchor before */
	uint64_t intent, settled;       /* entries: the newest ones */
} liar;
void liar_free(void);

/* Opens the seal of a ledger anew, over the liar's journal, which begins honest. */
void reseal(struct ledger *l);
/* A ledger whose TPM has a counter, in a session that says so. */
void make(struct ledger *l);
int try_anchor(struct ledger *l, struct tally_anchors *out);
/* Entries, an anchor a quarter of an hour later, and a note over both. */
void anchor(struct ledger *l);
/* Of an export that is made now. */
struct tally_verify *verdict(struct ledger *l, const char *name);
void holds(struct ledger *l, const char *says);
void fails(struct ledger *l, const char *check, int64_t entry, const char *says);
/* Whether a problem is of this check, in this entry (-1: any), and says this. */
bool told(const struct tally_verify *v, const char *check, int64_t entry, const char *says);

#endif
