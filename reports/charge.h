/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_CHARGE_H
#define TALLY_REPORTS_CHARGE_H
/*
 * Charges: what ran, times what it costs (FORMAT.md section 21). Quantities are
 * rounded once, over the running total of their group, and price x quantity =
 * cost holds to the last digit. Lines that were billed are never changed:
 * charges_correct adds lines beside them.
 */
#include "counted.h"
#include "estate.h"
#include "price.h"
#include "rule.h"

struct tally_json;

enum charge_kind {
	CHARGE_USAGE,
	CHARGE_MINIMUM,  /* what lacks to the minimum charge of a VM, SKU and month */
	CHARGE_ROUNDING, /* what makes an invoice whole minor units */
	CHARGE_KINDS
};
enum charge_evidence { CHARGE_WITNESSED, CHARGE_IMPORTED, CHARGE_MIXED, CHARGE_EVIDENCES };

/* An operator's entry that says who owned the VM. */
struct charge_owner {
	uint32_t origin; /* text */
	uint64_t index;
};
#define CHARGE_OWNERS 100 /* of a line, at most: those recorded first */

/* Texts are numbers of `strings`; 0, the empty one, is absent. */
struct charge {
	enum charge_kind kind;
	uint32_t revision;                /* 0: as billed first; else the n-th correction */
	int64_t billing_from, billing_to; /* the calendar month */
	int64_t from, to;                 /* the charge period, inside of it */
	bool has_vm;
	uint8_t vm[TALLY_UUID];
	uint32_t sku, price_id, meter, service, category, unit, consumed_unit;
	uint32_t account_name, issuer, provider, publisher; /* of the list that billed it */
	uint32_t name, tenant, cost_center, environment, host, region, origin, rule_pack, invoice;
	struct decimal quantity, consumed, price; /* of usage */
	struct decimal cost;                      /* price x quantity, or what is added */
	struct decimal billed;                    /* cost, rounded where the list says so */
	enum charge_evidence evidence;            /* of usage and minima, as the entries: */
	uint64_t first, last;                     /* indexes in the ledger `origin` */
	const struct charge_owner *owners;        /* kept by the charges; lines share them */
	uint32_t n_owners;
	/* Not shown, and not read from an earlier report: */
	uint32_t sku_number;
	int64_t until; /* where the time that counts in it ends */
};
/* What a SKU could not count, and whether it counted at all. */
struct charge_note {
	uint64_t lines;
	tally_i128 unknown_ns;    /* run time whose vCPUs or memory nobody knows */
	tally_i128 unknown_os_ns; /* or whose OS or edition, on which it depends */
	uint32_t ledger;          /* where that is said first */
	uint64_t entry;
};
struct charges {
	struct strings *strings;
	const struct tally_prices *prices;
	struct charge *p; /* in the order of the report */
	size_t n, cap;
	struct charge_note *notes;  /* of each SKU of the list */
	struct tally_arena *owners; /* NULL: no line has any */
};
struct charge_inputs {
	const struct estate *estate;
	const struct tally_prices *prices;
	const struct tally_zone *zone;
	int64_t from, to; /* the report's period, inside the estate's window */
	struct tally_pack *const *packs;
	size_t n_packs;
	const struct counted_rights *rights; /* NULL: none are held */
	const struct tally_bytes *origins;   /* of each ledger */
};
/* TALLY_USE: no price where one is needed, a rule that no pack has, an overflow. */
int charges_make(struct charges *out, const struct charge_inputs *in, struct tally_err *err);
void charges_deinit(struct charges *c);

/* The lines of an earlier report's `charges`, then what brings them to what `c`
 * holds: `c` becomes both. TALLY_USE where `old` is not such an array, or of
 * another account or currency. */
int charges_correct(struct charges *c, const struct tally_json *old, struct tally_err *err);

/* One invoice after the other, ascending; false behind the last. `next` begins as 0. */
struct invoice {
	uint32_t id;
	int64_t from, to;
	size_t lines;
	struct decimal billed;
};
/* TALLY_USE: an overflow. Allocates; free(*out). */
int charges_invoices(const struct charges *c, struct invoice **out, size_t *n,
		     struct tally_err *err);

struct tally_jsonw;
void charges_json(const struct charges *c, struct tally_jsonw *w); /* the array */

/* The FinOps FOCUS 1.2 data set as CSV, and what describes it (render_focus.c).
 * `roots` are those of the report's ledgers, by origin. */
struct charge_root {
	struct tally_bytes origin;
	const uint8_t *root; /* TALLY_HASH bytes */
};
void charges_focus(const struct charges *c, const struct charge_root *roots, size_t n,
		   struct tally_buf *out);
/* `name` and `bytes` are those of the CSV file; TALLY_USE: an overflow. */
int charges_focus_metadata(const struct charges *c, const char *name, uint64_t bytes,
			   struct tally_buf *out, struct tally_err *err);

const char *charge_evidence_name(enum charge_evidence e);
const char *charge_kind_name(enum charge_kind kind);
#endif
