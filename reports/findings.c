/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds holds the words; a finding's text is: host, how many, of
 * what, how long in all where that says something, then the first cases. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "findings.h"
#include "tally/err.h"

static const struct {
	const char *name, *severity, *one, *many;
} kinds[F_KINDS] = {
	[F_AFTER_CHECKPOINT] = { "after-checkpoint", "info",
				 "entry lies behind the newest checkpoint and is not in this "
				 "report",
				 "entries lie behind the newest checkpoint and are not in this "
				 "report" },
	[F_BILLING_PART] = { "billing-part", "warning",
			     "billing month is charged in part: its invoice, tiers and minimum "
			     "charges are of that part alone",
			     "billing months are charged in part: their invoices, tiers and "
			     "minimum charges are of those parts alone" },
	[F_CHANGED] = { "changed", "info", "", "" },
	[F_CHARGE_UNKNOWN] = { "charge-unknown", "warning",
			       "SKU of the price list could not count run time whose vCPUs, "
			       "memory, OS or edition nobody knows",
			       "SKUs of the price list could not count run time whose vCPUs, "
			       "memory, OS or edition nobody knows" },
	[F_CLOCK_STEP] = { "clock-step", "warning", "step of the wall clock",
			   "steps of the wall clock" },
	[F_CLONE] = { "clone", "warning",
		      "begin of a VM from a saved state that had begun it before",
		      "begins of VMs from saved states that had begun them before" },
	[F_COVERAGE_LOW] = { "coverage-low", "warning", "host was metered too little",
			     "hosts were metered too little" },
	[F_EDITION_MISMATCH] = { "edition-mismatch", "warning",
				 "guest is of an edition that its host's licences do not cover",
				 "guests are of editions that their host's licences do not cover" },
	[F_ENTERED_ESTATE] = { "entered-estate", "info",
			       "migration from outside the ledgers of this report",
			       "migrations from outside the ledgers of this report" },
	[F_ENTITLEMENT_EXPIRED] = { "entitlement-expired", "warning",
				    "entitlement has ended, or its maintenance has",
				    "entitlements have ended, or their maintenance has" },
	[F_ENTITLEMENT_EXPIRING] = { "entitlement-expiring", "info",
				     "entitlement ends within 90 days, or its maintenance does",
				     "entitlements end within 90 days, or their maintenance does" },
	[F_ENTITLEMENT_UNMATCHED] = { "entitlement-unmatched", "warning",
				      "entitlement counts for nothing here",
				      "entitlements count for nothing here" },
	[F_EVIDENCE_CLASS] = { "evidence-class", "info", "ledger whose evidence nothing anchors",
			       "ledgers whose evidence nothing anchors" },
	[F_GAP] = { "gap", "warning", "gap in what was recorded", "gaps in what was recorded" },
	[F_HOST_CRASH] = { "host-crash", "warning",
			   "run was ended by a new boot of the host, without a stop",
			   "runs were ended by a new boot of the host, without stops" },
	[F_HOST_FAILED] = { "host-failed", "warning", "failure of the host",
			    "failures of the host" },
	[F_HOST_RETIRED] = { "host-retired", "info", "retirement of the host",
			     "retirements of the host" },
	[F_IDENTITY_CHANGED] = { "identity-changed", "warning", "change of the host's identity",
				 "changes of the host's identity" },
	[F_IMPORTED] = { "imported", "info", "host whose run time rests on imported records",
			 "hosts whose run time rests on imported records" },
	[F_LEFT_ESTATE] = { "left-estate", "warning",
			    "migration to outside the ledgers of this report",
			    "migrations to outside the ledgers of this report" },
	[F_MISSED_STOP] = { "missed-stop", "warning", "run ended without a recorded stop",
			    "runs ended without a recorded stop" },
	[F_NO_CLUSTER] = { "no-cluster", "info",
			   "rule by clusters counts hosts that tell of none, each by itself",
			   "rules by clusters count hosts that tell of none, each by itself" },
	[F_NO_HOST_FACTS] = { "no-host-facts", "warning",
			      "event lies before the first facts of the host",
			      "events lie before the first facts of the host" },
	[F_NO_LEDGER_PCR] = { "no-ledger-pcr", "info",
			      "TPM session extends no PCR: a second history in it is excluded by "
			      "what left the host only",
			      "TPM sessions extend no PCR: a second history in one is excluded by "
			      "what left the host only" },
	[F_NOTHING_RECORDED] = { "nothing-recorded", "warning",
				 "ledger, and no other, tells of no time in the period",
				 "ledgers, and no others, tell of no time in the period" },
	[F_OS_CONFLICT] = { "os-conflict", "warning", "claim of an OS disagrees with another",
			    "claims of an OS disagree with others" },
	[F_OS_UNKNOWN] = { "os-unknown", "warning", "VM ran without a known OS",
			   "VMs ran without a known OS" },
	[F_PIN_BREACH] = { "pin-breach", "error", "breach of a pin: its host counts in full",
			   "breaches of pins: their hosts count in full" },
	[F_PRICE_UNKNOWN_PRODUCT] = { "price-unknown-product", "warning",
				      "SKU of the price list is for a product that no OS family, "
				      "rule pack or machine has",
				      "SKUs of the price list are for products that no OS family, "
				      "rule pack or machine has" },
	[F_PRICE_UNUSED] = { "price-unused", "info", "SKU of the price list counted nothing",
			     "SKUs of the price list counted nothing" },
	[F_PVU_MAX_SOCKETS] = { "pvu-max-sockets", "warning",
				"host of which only the populated sockets are known, by which its "
				"units were chosen",
				"hosts of which only the populated sockets are known, by which "
				"their "
				"units were chosen" },
	[F_ROSTER_EXTRA] = { "roster-extra", "warning",
			     "host reports that no line of the roster asks for",
			     "hosts report that no line of the roster asks for" },
	[F_ROSTER_MISSING] = { "roster-missing", "error", "host of the roster is absent",
			       "hosts of the roster are absent" },
	[F_RULE_VALIDITY] = { "rule-validity", "warning",
			      "rule is not valid in a part of the time that it looks at",
			      "rules are not valid in a part of the time that they look at" },
	[F_SHORT_HISTORY] = { "short-history", "warning",
			      "rule looks at days of which no ledger tells",
			      "rules look at days of which no ledger tells" },
	[F_STOP_UNCERTAIN] = { "stop-uncertain", "warning",
			       "stop may have been earlier than it was seen",
			       "stops may have been earlier than they were seen" },
	[F_TIME_TRAVEL] = { "time-travel", "warning", "VM was set back in time",
			    "times a VM was set back in time" },
	[F_UNCLASSIFIED_GROWING] = { "unclassified-growing", "warning",
				     "growth of the run time without a known OS",
				     "growths of the run time without a known OS" },
	[F_UNDISCLOSED] = { "undisclosed", "warning", "entry was not disclosed in full",
			    "entries were not disclosed in full" },
	[F_UNKNOWN_KIND] = { "unknown-kind", "info",
			     "entry is of a kind that this version does not know",
			     "entries are of kinds that this version does not know" },
	[F_UNLOGGED_BOOT] = { "unlogged-boot", "warning", "TPM reset left no session",
			      "TPM resets left no session" },
	[F_UNMANAGED_VM] = { "unmanaged-vm", "warning", "VM that its manager does not know",
			     "VMs that their manager does not know" },
	[F_UUID_CONFLICT] = { "uuid-conflict", "error",
			      "time that one UUID ran twice, not joined by a migration",
			      "times that one UUID ran twice, not joined by a migration" },
};

const char *
finding_name(enum finding_kind kind)
{
	return kinds[kind].name;
}

const char *
finding_severity(enum finding_kind kind)
{
	return kinds[kind].severity;
}

void
findings_init(struct findings *f, size_t ledgers)
{
	memset(f, 0, sizeof(*f));
	f->ledgers = ledgers;
	f->table = tally_alloc((ledgers + 1) * F_KINDS * sizeof(struct finding *));
}

void
findings_deinit(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		tally_buf_deinit(&f->list[i]->text);
		tally_buf_deinit(&f->list[i]->share);
		free(f->list[i]->entries);
		free(f->list[i]);
	}
	free(f->list);
	free(f->table);
}

struct finding *
findings_count(struct findings *f, enum finding_kind kind, uint32_t ledger, uint64_t n)
{
	size_t row = ledger == FLEET ? f->ledgers : ledger;
	struct finding **at = &f->table[row * F_KINDS + kind];

	if (!*at) {
		*at = tally_alloc(sizeof(**at));
		(*at)->kind = kind;
		(*at)->ledger = ledger;
		f->list = array_grow(f->list, &f->cap, f->count, sizeof(struct finding *));
		f->list[f->count++] = *at;
	}
	(*at)->count += n;
	return *at;
}

void
finding_entry(struct finding *g, uint32_t ledger, uint64_t index)
{
	if (g->n_entries == FINDING_ENTRIES)
		return;
	for (size_t i = g->n_entries; i-- > 0;)
		if (g->entries[i].ledger == ledger && g->entries[i].index == index)
			return;
	g->entries = array_grow(g->entries, &g->cap_entries, g->n_entries, sizeof(*g->entries));
	g->entries[g->n_entries++] = (struct finding_entry){ ledger, index };
}

bool
finding_tells(const struct finding *g)
{
	return g->cases < FINDING_CASES;
}

void
finding_case(struct finding *g, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (!finding_tells(g))
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0) {
		tally_buf_add_str(&g->text, g->cases++ ? "; " : ": ");
		tally_buf_add_str(&g->text, text);
	}
	va_end(ap);
	free(text);
}

static void
finish(struct finding *g, const struct tally_bytes *hosts)
{
	struct tally_buf cases = g->text;
	char seconds[64];

	g->text = (struct tally_buf)TALLY_BUF_INIT;
	if (g->ledger != FLEET) {
		tally_buf_add_str(&g->text, "host ");
		tally_buf_add_bytes(&g->text, hosts[g->ledger]);
		tally_buf_add_str(&g->text, ": ");
	}
	tally_buf_addf(&g->text, "%" PRIu64 " %s", g->count,
		       g->count == 1 ? kinds[g->kind].one : kinds[g->kind].many);
	if (g->ns > 0) {
		tally_seconds_text(seconds, g->ns);
		tally_buf_addf(&g->text, ", %s s in all", seconds);
	}
	if (g->share.len > 0) {
		tally_buf_add_str(&g->text, ", ");
		tally_buf_add_bytes(&g->text, tally_buf_view(&g->share));
	}
	tally_buf_add_bytes(&g->text, tally_buf_view(&cases));
	if (g->cases == FINDING_CASES && g->count > g->cases)
		tally_buf_addf(&g->text, "; and %" PRIu64 " more", g->count - g->cases);
	tally_buf_deinit(&cases);
}

static int
compare_entries(const void *a, const void *b, void *origins)
{
	const struct finding_entry *x = a, *y = b;
	const struct tally_bytes *o = origins;

	if (x->ledger != y->ledger) {
		int c = tally_bytes_cmp(o[x->ledger], o[y->ledger]);

		return c ? c : x->ledger < y->ledger ? -1 : 1;
	}
	return x->index < y->index ? -1 : x->index > y->index;
}

static int
compare(const void *a, const void *b)
{
	const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;
	int c = strcmp(kinds[x->kind].severity, kinds[y->kind].severity);

	if (c == 0)
		c = strcmp(kinds[x->kind].name, kinds[y->kind].name);
	return c ? c : tally_bytes_cmp(tally_buf_view(&x->text), tally_buf_view(&y->text));
}

void
findings_finish(struct findings *f, const struct tally_bytes *hosts,
		const struct tally_bytes *origins)
{
	for (size_t i = 0; i < f->count; i++)
		finish(f->list[i], hosts);
	findings_sort(f, origins);
}

struct finding *
findings_add(struct findings *f, enum finding_kind kind, struct tally_buf *text)
{
	struct finding *g = tally_alloc(sizeof(*g));

	g->kind = kind;
	g->ledger = FLEET;
	g->text = *text;
	*text = (struct tally_buf)TALLY_BUF_INIT;
	f->list = array_grow(f->list, &f->cap, f->count, sizeof(struct finding *));
	f->list[f->count++] = g;
	return g;
}

void
findings_sort(struct findings *f, const struct tally_bytes *origins)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i]->n_entries > 0)
			qsort_r(f->list[i]->entries, f->list[i]->n_entries,
				sizeof(*f->list[i]->entries), compare_entries,
				(void *)(uintptr_t)origins);
	if (f->count > 0)
		qsort(f->list, f->count, sizeof(struct finding *), compare);
}
