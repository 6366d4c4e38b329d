/* SPDX-License-Identifier: Apache-2.0 */
/* An overview for a human: what was asked, how good the evidence is, how much of
 * the time it covers, then the figures, and what to look at, gravest first. What
 * is the same in all rows is left out, and figures are rounded: the exact ones
 * are those of the JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "columns.h"
#include "report_internal.h"
#include "tally/csv.h"
#include "tally/event.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MILLI    1000000
#define WIDE     120 /* has room for what a VM is beside its figures */

/* To the millisecond, half up; below one exact, for what is there is not told as 0. */
static void
add_seconds(struct columns *c, tally_i128 ns)
{
	char text[64];

	if (ns >= MILLI)
		ns = (ns + MILLI / 2) / MILLI * MILLI;
	tally_seconds_text(text, ns);
	columns_str(c, text);
}

/* The second in which it lies. */
static void
add_time(struct columns *c, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ at - at % TALLY_SECOND });
	columns_str(c, text);
}

static void
add_number(struct columns *c, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	columns_str(c, text);
}

static void
head_out(const struct tally_report *r, struct tally_buf *out)
{
	char issued[TALLY_TIME_TEXT] = "-";

	if (r->has_issued)
		tally_wall_text(issued, (struct tally_wall){ r->issued });
	tally_buf_addf(out, "Usage from %s to %s\n", r->from_text, r->to_text);
	tally_buf_addf(out, "  calendar  %s, tzdata %s\n", r->zone, r->tzdata);
	tally_buf_addf(out, "  report    %s\n  issued    %s by %s\n", r->id, issued, r->tool);
	if (r->supersedes[0])
		tally_buf_addf(out, "  replaces  %s\n", r->supersedes);
	tally_buf_add_str(out, "  evidence  self-declared: a report alone anchors nothing,\n"
			       "            tally verify --anchor does\n"
			       "  figures   rounded, to the millisecond or down to the second;\n"
			       "            the json and csv formats are exact\n");
}

static void
ledgers_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "-host", "<origin", ">entries", "!checkpoint",
					     "-root" };
	struct columns c;

	columns_init(&c, heads, COUNT(heads));
	for (size_t i = 0; i < r->n_ledgers; i++) {
		const struct report_ledger *l = &r->ledgers[i];
		struct tally_buf root = TALLY_BUF_INIT;

		tally_buf_add_base64(&root, l->root, TALLY_HASH);
		columns_add(&c, l->host);
		columns_add(&c, l->origin);
		add_number(&c, l->size);
		if (l->size > 0)
			add_time(&c, l->checkpoint);
		else
			columns_str(&c, "-");
		columns_add(&c, tally_buf_view(&root));
		tally_buf_deinit(&root);
	}
	tally_buf_add_str(out, "\nLedgers\n");
	columns_print(&c, out, width);
	columns_deinit(&c);
}

/* What the TPM says of the same time. */
static void
tpm_out(const struct report_ledger *l, struct tally_buf *out)
{
	const struct powered_time *t = &l->coverage.tpm;
	char powered[64], metered[64], resolution[64];

	if (!t->known)
		return;
	tally_seconds_text(powered, t->powered);
	tally_seconds_text(metered, t->metered);
	tally_seconds_text(resolution, t->resolution);
	tally_buf_add_str(out, "by the TPM of ");
	tally_printable(out, l->host);
	tally_buf_addf(out,
		       ": powered %s s in %zu intervals, resolved to %s s; metered %s s of it; "
		       "boots %" PRIu64 ", unlogged %" PRIu64 ", suspends %" PRIu64
		       ", unclean stops %" PRIu64 ", clock sets %" PRIu64 "\n",
		       powered, t->intervals.n, resolution, metered, t->boots, t->unlogged,
		       t->suspends, t->unclean, t->clock_sets);
}

static void
coverage_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "-host",         ">powered s", ">metered s",
					     ">unattested s", ">coverage",  ">gaps" };
	struct columns c;

	columns_init(&c, heads, COUNT(heads));
	for (size_t i = 0; i < r->n_ledgers; i++) {
		const struct host_coverage *h = &r->ledgers[i].coverage;
		uint64_t ratio;
		char text[32] = "-";

		columns_add(&c, r->ledgers[i].host);
		add_seconds(&c, h->powered);
		add_seconds(&c, h->metered);
		add_seconds(&c, h->powered - h->metered);
		if (coverage_ratio(&ratio, h->metered, h->powered))
			report_millionths(text, ratio);
		columns_str(&c, text);
		add_number(&c, h->gaps.n);
	}
	tally_buf_add_str(out, "\nCoverage\n");
	columns_print(&c, out, width);
	columns_deinit(&c);
	for (size_t i = 0; i < r->n_ledgers; i++)
		tpm_out(&r->ledgers[i], out);
}

/* From the whole to its parts. */
static const enum scope scopes[] = { SCOPE_FLEET, SCOPE_REGION, SCOPE_CLUSTER,
				     SCOPE_HOST,  SCOPE_TENANT, SCOPE_COST_CENTER };

/* A scope that nobody names says what the fleet says. */
static bool
scope_named(const struct tally_report *r, enum scope scope)
{
	const struct usage *u = &r->sweep.usage;

	for (size_t i = 0; i < u->count; i++)
		if (u->rows[i]->scope == (uint32_t)scope && report_text(r, u->rows[i]->id).len > 0)
			return true;
	return false;
}

static void
add_scope(const struct tally_report *r, const struct usage_row *row, struct columns *c)
{
	struct tally_bytes id = report_text(r, row->id);
	struct tally_buf text = TALLY_BUF_INIT;

	if (row->scope != SCOPE_FLEET) {
		tally_buf_add_str(&text, row->scope == SCOPE_COST_CENTER
						 ? "cost center"
						 : usage_scope_name(row->scope));
		tally_buf_add_str(&text, " ");
	}
	tally_buf_add_bytes(&text, id.len > 0 ? id : tally_bytes_str("-"));
	columns_add(c, tally_buf_view(&text));
	tally_buf_deinit(&text);
}

static void
time_row_out(const struct tally_report *r, const struct usage_row *row, struct columns *c)
{
	char text[32];

	add_scope(r, row, c);
	add_seconds(c, row->sum[RUNNING] + row->sum[PAUSED]);
	add_seconds(c, row->vcpu_sum);
	add_number(c, row->peak);
	if (row->peak > 0)
		add_time(c, row->peak_at);
	else
		columns_str(c, "-");
	report_millionths(text, report_average(r, row));
	columns_str(c, text);
}

/* States that time was spent in, apart from running. */
struct states {
	enum clock clock[CLOCKS];
	const char *head[CLOCKS + 1];
	size_t n;
};

static void
find_states(const struct tally_report *r, struct states *out)
{
	static const struct {
		enum clock clock;
		const char *head;
	} all[] = { { PAUSED, ">paused s" },
		    { SUSPENDED, ">suspended s" },
		    { SAVED, ">saved s" },
		    { CRASHED, ">crashed s" } };

	*out = (struct states){ .head = { "-scope" } };
	for (size_t i = 0; i < COUNT(all); i++) {
		bool any = false;

		for (size_t k = 0; k < r->sweep.usage.count; k++)
			any |= r->sweep.usage.rows[k]->sum[all[i].clock] > 0;
		if (!any)
			continue;
		out->clock[out->n++] = all[i].clock;
		out->head[out->n] = all[i].head;
	}
}

static void
state_row_out(const struct tally_report *r, const struct usage_row *row,
	      const struct states *states, struct columns *c)
{
	bool any = false;

	for (size_t i = 0; i < states->n; i++)
		any |= row->sum[states->clock[i]] > 0;
	if (!any)
		return;
	add_scope(r, row, c);
	for (size_t i = 0; i < states->n; i++)
		add_seconds(c, row->sum[states->clock[i]]);
}

static void
product_title(const struct tally_report *r, const struct usage_row *row, struct columns *c)
{
	struct tally_bytes edition = report_text(r, row->edition);
	struct tally_buf title = TALLY_BUF_INIT;

	tally_buf_add_bytes(&title, report_text(r, row->product));
	tally_buf_add_str(&title, edition.len > 0 ? " " : "");
	tally_buf_add_bytes(&title, edition);
	tally_buf_add_str(&title, " (self-declared)");
	columns_title(c, tally_buf_view(&title));
	tally_buf_deinit(&title);
}

/* Rows under their product and edition, with the class of the evidence beside it:
 * those of time, or of other states. */
static void
fill_usage(const struct tally_report *r, const struct states *states, struct columns *c)
{
	const struct usage *u = &r->sweep.usage;
	bool named[COUNT(scopes)];

	for (size_t s = 0; s < COUNT(scopes); s++)
		named[s] = scope_named(r, scopes[s]);
	for (size_t i = 0, end; i < u->count; i = end) {
		const struct usage_row *first = u->rows[i];
		size_t before = c->count, titles = c->n_titles;

		product_title(r, first, c);
		for (end = i; end < u->count && u->rows[end]->product == first->product &&
			      u->rows[end]->edition == first->edition;)
			end++;
		for (size_t s = 0; s < COUNT(scopes); s++)
			for (size_t k = i; named[s] && k < end; k++) {
				if (u->rows[k]->scope != (uint32_t)scopes[s])
					continue;
				if (states)
					state_row_out(r, u->rows[k], states, c);
				else
					time_row_out(r, u->rows[k], c);
			}
		if (c->count == before)
			columns_untitle(c, titles);
	}
}

static void
usage_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "-scope", ">run s",   ">vcpu s",
					     ">peak",  "!peak at", ">average" };
	struct columns c;

	columns_init(&c, heads, COUNT(heads));
	fill_usage(r, NULL, &c);
	tally_buf_add_str(out, "\nUsage\n");
	if (c.count > 0)
		columns_print(&c, out, width);
	else
		tally_buf_add_str(out, "  nothing ran\n");
	columns_deinit(&c);
}

static void
states_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	struct states states;
	struct columns c;

	find_states(r, &states);
	if (states.n == 0)
		return;
	columns_init(&c, states.head, states.n + 1);
	fill_usage(r, &states, &c);
	tally_buf_add_str(out, "\nOther states (paused is part of the run time)\n");
	columns_print(&c, out, width);
	columns_deinit(&c);
}

static void
add_hosts(const struct tally_report *r, const struct vm_row *row, struct tally_buf *out)
{
	for (uint32_t h = 0; h < row->hosts.n; h++) {
		tally_buf_add_str(out, h ? ", " : "");
		tally_buf_add_bytes(out, r->ledgers[row->hosts.p[h]].host);
	}
}

static void
add_product(const struct tally_report *r, const struct vm_row *row, struct tally_buf *out)
{
	struct tally_bytes edition = report_text(r, row->edition);

	tally_buf_add_bytes(out, report_text(r, row->product));
	tally_buf_add_str(out, edition.len > 0 ? " " : "");
	tally_buf_add_bytes(out, edition);
}

/* Which VM, and whose; in a narrow report also what stands in columns of a wide one. */
static void
vm_title(const struct tally_report *r, const struct vm_row *row, bool wide, struct tally_buf *out)
{
	static const struct {
		const char *label;
		enum claim_key key;
	} owners[] = { { ", tenant ", CLAIM_TENANT }, { ", cost center ", CLAIM_COST_CENTER } };
	struct tally_bytes name = report_text(r, row->claims.value[CLAIM_NAME]);
	char uuid[TALLY_UUID_TEXT];

	tally_uuid_text(uuid, row->vm->uuid);
	tally_buf_add_bytes(out, name);
	tally_buf_add_str(out, name.len > 0 ? "  " : "");
	tally_buf_add_str(out, uuid);
	for (size_t i = 0; i < COUNT(owners); i++) {
		struct tally_bytes text = report_text(r, row->claims.value[owners[i].key]);

		tally_buf_add_str(out, text.len > 0 ? owners[i].label : "");
		tally_buf_add_bytes(out, text);
	}
	if (wide)
		return;
	tally_buf_add_str(out, ", on ");
	add_hosts(r, row, out);
	tally_buf_add_str(out, ": ");
	add_product(r, row, out);
	if (row->claims.evidence != TALLY_E_NONE)
		tally_buf_addf(out, " (%s)", tally_evidence_name(row->claims.evidence));
}

static void
vm_row_out(const struct tally_report *r, const struct vm_row *row, bool wide, struct columns *c)
{
	struct tally_buf text = TALLY_BUF_INIT;

	if (wide) {
		add_product(r, row, &text);
		columns_add(c, tally_buf_view(&text));
		columns_str(c, tally_evidence_name(row->claims.evidence));
		tally_buf_clear(&text);
		add_hosts(r, row, &text);
		columns_add(c, tally_buf_view(&text));
	}
	add_seconds(c, row->run);
	add_seconds(c, row->vcpu);
	add_time(c, row->first);
	add_time(c, row->last);
	tally_buf_deinit(&text);
}

/* Each VM's spans under a line that says whose they are. */
static void
vms_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "<product", "!evidence", "-hosts", ">run s",
					     ">vcpu s",  "!first",    "!last" };
	const struct vms *v = &r->sweep.vms;
	bool wide = width >= WIDE;
	struct tally_buf title = TALLY_BUF_INIT, before = TALLY_BUF_INIT;
	struct columns c;

	columns_init(&c, wide ? heads : heads + 3, wide ? COUNT(heads) : COUNT(heads) - 3);
	for (size_t i = 0; i < v->count; i++) {
		tally_buf_clear(&title);
		vm_title(r, v->rows[i], wide, &title);
		if (i == 0 || !tally_bytes_eq(tally_buf_view(&title), tally_buf_view(&before)))
			columns_title(&c, tally_buf_view(&title));
		tally_buf_clear(&before);
		tally_buf_add_bytes(&before, tally_buf_view(&title));
		vm_row_out(r, v->rows[i], wide, &c);
	}
	tally_buf_add_str(out, "\nVMs\n");
	if (c.count > 0)
		columns_print(&c, out, width);
	else
		tally_buf_add_str(out, "  none\n");
	columns_deinit(&c);
	tally_buf_deinit(&title);
	tally_buf_deinit(&before);
}

static void
findings_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const severities[] = { "error", "warning", "info" };
	int kind = 16;

	for (size_t i = 0; i < r->findings.count; i++) {
		int length = (int)strlen(finding_name(r->findings.list[i]->kind));

		kind = length > kind ? length : kind;
	}
	tally_buf_add_str(out, "\nFindings\n");
	for (size_t s = 0; s < COUNT(severities); s++) {
		for (size_t i = 0; i < r->findings.count; i++) {
			const struct finding *f = r->findings.list[i];

			if (strcmp(finding_severity(f->kind), severities[s]) != 0)
				continue;
			tally_buf_addf(out, "  %-7s  %-*s  ", severities[s], kind,
				       finding_name(f->kind));
			columns_wrap(out, tally_buf_view(&f->text), 13 + (unsigned)kind, width);
		}
	}
}

void
tally_report_text(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	head_out(r, out);
	ledgers_out(r, out, width);
	coverage_out(r, out, width);
	usage_out(r, out, width);
	states_out(r, out, width);
	vms_out(r, out, width);
	report_positions_text(r, out, width);
	report_charges_text(r, out);
	findings_out(r, out, width);
}
