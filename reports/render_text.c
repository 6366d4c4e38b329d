/* SPDX-License-Identifier: Apache-2.0 */
/* An overview for a human: what was asked, how good the evidence is, how much of
 * the time it covers, then the figures, and what to look at, gravest first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "columns.h"
#include "report_internal.h"
#include "tally/csv.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void
add_seconds(struct columns *c, tally_i128 ns)
{
	char text[64];

	tally_seconds_text(text, ns);
	columns_str(c, text);
}

static void
add_time(struct columns *c, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ at });
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
	tally_buf_add_str(out,
			  "  evidence  self-declared: a report alone anchors nothing; tally verify "
			  "--anchor does\n");
}

static void
ledgers_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "-host", "-origin", ">entries", "!checkpoint",
					     "!root" };
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
}

static void
usage_row_out(const struct tally_report *r, const struct usage_row *row, struct columns *c)
{
	char text[32];

	columns_str(c, usage_scope_name(row->scope));
	columns_add(c, report_text(r, row->id));
	add_seconds(c, row->sum[RUNNING] + row->sum[PAUSED]);
	add_seconds(c, row->vcpu_sum);
	add_seconds(c, row->sum[PAUSED]);
	add_seconds(c, row->sum[SUSPENDED]);
	add_seconds(c, row->sum[SAVED]);
	add_seconds(c, row->sum[CRASHED]);
	add_number(c, row->peak);
	if (row->peak > 0)
		add_time(c, row->peak_at);
	else
		columns_str(c, "-");
	report_millionths(text, report_average(r, row));
	columns_str(c, text);
}

/* A table for each product and edition, under its name and the evidence's class. */
static void
usage_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "!scope",    "-id",          ">run s",   ">vcpu s",
					     ">paused s", ">suspended s", ">saved s", ">crashed s",
					     ">peak",     "!peak at",     ">average" };
	const struct usage *u = &r->sweep.usage;

	tally_buf_add_str(out, "\nUsage\n");
	if (u->count == 0)
		tally_buf_add_str(out, "  nothing ran\n");
	for (size_t i = 0, end; i < u->count; i = end) {
		const struct usage_row *first = u->rows[i];
		struct columns c;

		columns_init(&c, heads, COUNT(heads));
		for (end = i; end < u->count && u->rows[end]->product == first->product &&
			      u->rows[end]->edition == first->edition;
		     end++)
			usage_row_out(r, u->rows[end], &c);
		tally_buf_add_str(out, i ? "\n  " : "  ");
		tally_printable(out, report_text(r, first->product));
		if (report_text(r, first->edition).len > 0)
			tally_buf_add_str(out, " ");
		tally_printable(out, report_text(r, first->edition));
		tally_buf_add_str(out, " (self-declared)\n");
		columns_print(&c, out, width);
		columns_deinit(&c);
	}
}

static void
vm_title(const struct tally_report *r, const struct vm_row *row, struct columns *c)
{
	struct tally_bytes name = report_text(r, row->claims.value[CLAIM_NAME]);
	struct tally_buf title = TALLY_BUF_INIT;
	char uuid[TALLY_UUID_TEXT];

	tally_uuid_text(uuid, row->vm->uuid);
	tally_buf_add_str(&title, uuid);
	tally_buf_add_str(&title, name.len > 0 ? "  " : "");
	tally_buf_add_bytes(&title, name);
	columns_title(c, tally_buf_view(&title));
	tally_buf_deinit(&title);
}

static void
vm_row_out(const struct tally_report *r, const struct vm_row *row, struct columns *c)
{
	struct tally_buf hosts = TALLY_BUF_INIT;

	for (uint32_t h = 0; h < row->hosts.n; h++) {
		tally_buf_add_str(&hosts, h ? " " : "");
		tally_buf_add_bytes(&hosts, r->ledgers[row->hosts.p[h]].host);
	}
	columns_add(c, report_text(r, row->product));
	columns_add(c, report_text(r, row->edition));
	columns_add(c, report_text(r, row->claims.value[CLAIM_TENANT]));
	columns_add(c, report_text(r, row->claims.value[CLAIM_COST_CENTER]));
	add_seconds(c, row->run);
	add_seconds(c, row->vcpu);
	columns_add(c, tally_buf_view(&hosts));
	add_time(c, row->first);
	add_time(c, row->last);
	columns_str(c, tally_evidence_name(row->claims.evidence));
	tally_buf_deinit(&hosts);
}

/* Rows of one VM and name under a line of their own. */
static void
vms_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "<product", "-edition", "-tenant", "-cost center",
					     ">run s",   ">vcpu s",  "-hosts",  "!first",
					     "!last",    "!evidence" };
	const struct vms *v = &r->sweep.vms;
	struct columns c;

	columns_init(&c, heads, COUNT(heads));
	for (size_t i = 0; i < v->count; i++) {
		const struct vm_row *row = v->rows[i], *before = i ? v->rows[i - 1] : NULL;

		if (!before || before->vm != row->vm ||
		    before->claims.value[CLAIM_NAME] != row->claims.value[CLAIM_NAME])
			vm_title(r, row, &c);
		vm_row_out(r, row, &c);
	}
	tally_buf_add_str(out, "\nVMs\n");
	if (c.count > 0)
		columns_print(&c, out, width);
	else
		tally_buf_add_str(out, "  none\n");
	columns_deinit(&c);
}

static void
findings_out(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const severities[] = { "error", "warning", "info" };

	tally_buf_add_str(out, "\nFindings\n");
	for (size_t s = 0; s < COUNT(severities); s++) {
		for (size_t i = 0; i < r->findings.count; i++) {
			const struct finding *f = r->findings.list[i];

			if (strcmp(finding_severity(f->kind), severities[s]) != 0)
				continue;
			tally_buf_addf(out, "  %-7s  %-16s  ", severities[s],
				       finding_name(f->kind));
			columns_wrap(out, tally_buf_view(&f->text), 29, width);
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
	vms_out(r, out, width);
	findings_out(r, out, width);
}
