/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_FINDINGS_H
#define TALLY_REPORTS_FINDINGS_H
/*
 * What an auditor should know beside the figures. Cases of one kind and host are
 * one finding: it counts all of them, tells the first few, and names the entries
 * of the first hundred.
 */
#include "tally/time.h"
#include "table.h"

enum finding_kind {
	F_AFTER_CHECKPOINT,
	F_BILLING_PART,
	F_CHANGED,
	F_CHARGE_UNKNOWN,
	F_CLOCK_STEP,
	F_CLONE,
	F_COVERAGE_LOW,
	F_EDITION_MISMATCH,
	F_ENTERED_ESTATE,
	F_ENTITLEMENT_EXPIRED,
	F_ENTITLEMENT_EXPIRING,
	F_ENTITLEMENT_UNMATCHED,
	F_EVIDENCE_CLASS,
	F_GAP,
	F_HOST_CRASH,
	F_HOST_FAILED,
	F_HOST_RETIRED,
	F_IDENTITY_CHANGED,
	F_IMPORTED,
	F_LEFT_ESTATE,
	F_MISSED_STOP,
	F_NO_CLUSTER,
	F_NO_HOST_FACTS,
	F_NO_LEDGER_PCR,
	F_NOTHING_RECORDED,
	F_OS_CONFLICT,
	F_OS_UNKNOWN,
	F_PIN_BREACH,
	F_PRICE_UNKNOWN_PRODUCT,
	F_PRICE_UNUSED,
	F_PVU_MAX_SOCKETS,
	F_ROSTER_EXTRA,
	F_ROSTER_MISSING,
	F_RULE_VALIDITY,
	F_SHORT_HISTORY,
	F_STOP_UNCERTAIN,
	F_TIME_TRAVEL,
	F_UNCLASSIFIED_GROWING,
	F_UNDISCLOSED,
	F_UNKNOWN_KIND,
	F_UNLOGGED_BOOT,
	F_UNMANAGED_VM,
	F_UUID_CONFLICT,
	F_KINDS
};
#define FINDING_CASES   5
#define FINDING_ENTRIES 100

struct finding_entry {
	uint32_t ledger;
	uint64_t index;
};
struct finding {
	enum finding_kind kind;
	uint32_t ledger; /* FLEET: of no single host */
	uint64_t count;
	tally_i128 ns;
	unsigned cases;
	struct tally_buf share; /* of a whole, where that says something */
	struct tally_buf text;  /* the cases; later the whole */
	struct finding_entry *entries;
	size_t n_entries, cap_entries;
};
#define FLEET UINT32_MAX
struct findings {
	struct finding **table; /* [ledger][kind], FLEET last */
	size_t ledgers;
	struct finding **list;
	size_t count, cap;
};
void findings_init(struct findings *f, size_t ledgers);
void findings_deinit(struct findings *f);
/* Counts `n` more; the finding, for the functions below. */
struct finding *findings_count(struct findings *f, enum finding_kind kind, uint32_t ledger,
			       uint64_t n);
void finding_entry(struct finding *g, uint32_t ledger, uint64_t index);
/* Whether one more case would be told: ask before a text is made. */
bool finding_tells(const struct finding *g);
void finding_case(struct finding *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Texts whole, in the order of the report; names and origins are the ledgers'. */
void findings_finish(struct findings *f, const struct tally_bytes *hosts,
		     const struct tally_bytes *origins);
/* One more of a kind, for the fleet, behind finish: it takes `text` as the whole.
 * Entries may be added; sort when all are there. */
struct finding *findings_add(struct findings *f, enum finding_kind kind, struct tally_buf *text);
void findings_sort(struct findings *f, const struct tally_bytes *origins);
const char *finding_name(enum finding_kind kind);
const char *finding_severity(enum finding_kind kind);

#endif
