/* SPDX-License-Identifier: Apache-2.0 */
/* The report file. Keys come in ascending order by hand; the writer checks it. */
#include <stdlib.h>
#include "report_internal.h"
#include "tally/event.h"
#include "tally/json.h"

static void
put_time(struct tally_jsonw *w, const char *key, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ at });
	tally_jsonw_key(w, key);
	tally_jsonw_str(w, text);
}

static void
put_seconds(struct tally_jsonw *w, const char *key, tally_i128 ns)
{
	char text[64];

	tally_seconds_text(text, ns);
	tally_jsonw_key(w, key);
	tally_jsonw_str(w, text);
}

static void
put_text(struct tally_jsonw *w, const char *key, struct tally_bytes text)
{
	tally_jsonw_key(w, key);
	tally_jsonw_string(w, text);
}

static void
put_number(struct tally_jsonw *w, const char *key, uint64_t n)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, n);
}

static void
put_ratio(struct tally_jsonw *w, const char *key, uint64_t millionths)
{
	char text[32];

	report_millionths(text, millionths);
	put_text(w, key, tally_bytes_str(text));
}

/* Absent where no anchor tells of the period: unknown is not zero. */
static void
put_tpm(struct tally_jsonw *w, const struct powered_time *t)
{
	tally_i128 rest = t->powered - t->metered;

	tally_jsonw_key(w, "attested");
	tally_jsonw_object(w);
	put_number(w, "boots", t->boots);
	put_number(w, "clock_sets", t->clock_sets);
	tally_jsonw_key(w, "intervals");
	tally_jsonw_array(w);
	for (size_t i = 0; i < t->intervals.n; i++) {
		tally_jsonw_object(w);
		put_time(w, "from", t->intervals.p[i].from);
		put_time(w, "to", t->intervals.p[i].to);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
	put_seconds(w, "metered_seconds", t->metered);
	put_seconds(w, "powered_seconds", t->powered);
	put_seconds(w, "resolution_seconds", t->resolution);
	put_number(w, "suspends", t->suspends);
	put_seconds(w, "unattested_seconds", rest > 0 ? rest : 0);
	put_number(w, "unclean_stops", t->unclean);
	put_number(w, "unlogged_boots", t->unlogged);
	tally_jsonw_end(w);
}

static void
put_coverage(struct tally_jsonw *w, const struct tally_report *r, const struct report_ledger *l)
{
	const struct host_coverage *c = &l->coverage;
	uint64_t ratio;

	tally_jsonw_object(w);
	if (c->tpm.known)
		put_tpm(w, &c->tpm);
	if (coverage_ratio(&ratio, c->metered, c->powered)) {
		put_ratio(w, "coverage", ratio);
	} else {
		tally_jsonw_key(w, "coverage");
		tally_jsonw_null(w);
	}
	tally_jsonw_key(w, "gaps");
	tally_jsonw_array(w);
	for (size_t i = 0; i < c->gaps.n; i++) {
		tally_jsonw_object(w);
		put_time(w, "from", c->gaps.p[i].from);
		put_text(w, "reason", report_text(r, c->gaps.p[i].reason));
		put_time(w, "to", c->gaps.p[i].to);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
	put_text(w, "host", l->host);
	put_seconds(w, "metered_seconds", c->metered);
	put_seconds(w, "powered_seconds", c->powered);
	put_seconds(w, "unattested_seconds", c->powered - c->metered);
	tally_jsonw_end(w);
}

static void
put_evidence(struct tally_jsonw *w, const struct tally_report *r)
{
	tally_jsonw_object(w);
	put_text(w, "class", tally_bytes_str("self-declared"));
	tally_jsonw_key(w, "ledgers");
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->n_ledgers; i++) {
		const struct report_ledger *l = &r->ledgers[i];
		struct tally_buf root = TALLY_BUF_INIT;

		tally_buf_add_base64(&root, l->root, TALLY_HASH);
		tally_jsonw_object(w);
		put_number(w, "anchors", l->coverage.tpm.anchors);
		if (l->size > 0) {
			put_time(w, "checkpoint", l->checkpoint);
		} else {
			tally_jsonw_key(w, "checkpoint");
			tally_jsonw_null(w);
		}
		put_text(w, "host", l->host);
		put_text(w, "origin", l->origin);
		put_text(w, "root", tally_buf_view(&root));
		put_number(w, "size", l->size);
		put_number(w, "witnesses", 0);
		tally_jsonw_end(w);
		tally_buf_deinit(&root);
	}
	tally_jsonw_end(w);
	tally_jsonw_end(w);
}

static void
put_finding(struct tally_jsonw *w, const struct tally_report *r, const struct finding *f)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "entries");
	tally_jsonw_array(w);
	for (size_t i = 0; i < f->n_entries; i++) {
		tally_jsonw_object(w);
		put_number(w, "index", f->entries[i].index);
		put_text(w, "origin", r->ledgers[f->entries[i].ledger].origin);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
	put_text(w, "kind", tally_bytes_str(finding_name(f->kind)));
	put_text(w, "severity", tally_bytes_str(finding_severity(f->kind)));
	put_text(w, "text", tally_buf_view(&f->text));
	tally_jsonw_end(w);
}

void
report_inputs_json(struct tally_jsonw *w, const struct tally_report *r)
{
	char hash[2 * TALLY_HASH + 1];

	tally_jsonw_array(w);
	for (size_t i = 0; i < r->n_inputs; i++) {
		tally_hex(hash, r->inputs[i].hash, TALLY_HASH);
		tally_jsonw_object(w);
		put_text(w, "name", tally_bytes_str(r->inputs[i].name));
		put_text(w, "sha256", tally_bytes_str(hash));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
put_report(struct tally_jsonw *w, const struct tally_report *r)
{
	tally_jsonw_object(w);
	if (r->licensor) {
		tally_jsonw_key(w, "for");
		tally_jsonw_object(w);
		tally_jsonw_key(w, "high");
		tally_jsonw_bool(w, r->with_high);
		put_text(w, "licensor", tally_bytes_str(r->licensor));
		tally_jsonw_end(w);
	}
	put_text(w, "from", tally_bytes_str(r->from_text));
	tally_jsonw_key(w, "hosts");
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->n_ledgers; i++)
		tally_jsonw_string(w, r->ledgers[i].host);
	tally_jsonw_end(w);
	put_text(w, "id", tally_bytes_str(r->id));
	tally_jsonw_key(w, "inputs");
	report_inputs_json(w, r);
	if (r->has_issued) {
		put_time(w, "issued", r->issued);
	} else {
		tally_jsonw_key(w, "issued");
		tally_jsonw_null(w);
	}
	tally_jsonw_key(w, "rule_packs");
	report_packs_json(w, r);
	if (r->supersedes[0]) {
		put_text(w, "supersedes", tally_bytes_str(r->supersedes));
	} else {
		tally_jsonw_key(w, "supersedes");
		tally_jsonw_null(w);
	}
	put_text(w, "timezone", tally_bytes_str(r->zone));
	put_text(w, "to", tally_bytes_str(r->to_text));
	put_text(w, "tool", tally_bytes_str(r->tool));
	put_text(w, "tzdata", tally_bytes_str(r->tzdata));
	tally_jsonw_end(w);
}

static void
put_usage(struct tally_jsonw *w, const struct tally_report *r, const struct usage_row *row)
{
	tally_jsonw_object(w);
	put_ratio(w, "average", report_average(r, row));
	put_text(w, "edition", report_text(r, row->edition));
	put_text(w, "id", report_text(r, row->id));
	put_number(w, "peak", row->peak);
	if (row->peak > 0) {
		put_time(w, "peak_at", row->peak_at);
	} else {
		tally_jsonw_key(w, "peak_at");
		tally_jsonw_null(w);
	}
	put_seconds(w, "peak_seconds", row->peak_ns);
	put_text(w, "product", report_text(r, row->product));
	put_seconds(w, "run_seconds", row->sum[RUNNING] + row->sum[PAUSED]);
	put_text(w, "scope", tally_bytes_str(usage_scope_name(row->scope)));
	tally_jsonw_key(w, "states");
	tally_jsonw_object(w);
	put_seconds(w, "crashed", row->sum[CRASHED]);
	put_seconds(w, "paused", row->sum[PAUSED]);
	put_seconds(w, "running", row->sum[RUNNING]);
	put_seconds(w, "saved", row->sum[SAVED]);
	put_seconds(w, "suspended", row->sum[SUSPENDED]);
	tally_jsonw_end(w);
	put_seconds(w, "vcpu_seconds", row->vcpu_sum);
	tally_jsonw_end(w);
}

static int
compare_texts(const void *a, const void *b)
{
	return tally_bytes_cmp(*(const struct tally_bytes *)a, *(const struct tally_bytes *)b);
}

static void
put_software(struct tally_jsonw *w, const struct tally_report *r, const struct ids *set)
{
	struct tally_bytes *texts = tally_alloc((set->n + 1) * sizeof(*texts));

	for (uint32_t i = 0; i < set->n; i++)
		texts[i] = report_text(r, set->p[i]);
	if (set->n > 1)
		qsort(texts, set->n, sizeof(*texts), compare_texts);
	tally_jsonw_key(w, "software");
	tally_jsonw_array(w);
	for (uint32_t i = 0; i < set->n; i++)
		tally_jsonw_string(w, texts[i]);
	tally_jsonw_end(w);
	free(texts);
}

static void
put_vm(struct tally_jsonw *w, const struct tally_report *r, const struct vm_row *row)
{
	const struct effective *c = &row->claims;
	char uuid[TALLY_UUID_TEXT];

	tally_uuid_text(uuid, row->vm->uuid);
	tally_jsonw_object(w);
	put_text(w, "cost_center", report_text(r, c->value[CLAIM_COST_CENTER]));
	put_text(w, "edition", report_text(r, row->edition));
	put_text(w, "evidence", tally_bytes_str(tally_evidence_name(c->evidence)));
	put_time(w, "first", row->first);
	tally_jsonw_key(w, "hosts");
	tally_jsonw_array(w);
	for (uint32_t i = 0; i < row->hosts.n; i++)
		tally_jsonw_string(w, r->ledgers[row->hosts.p[i]].host);
	tally_jsonw_end(w);
	put_time(w, "last", row->last);
	put_text(w, "name", report_text(r, c->value[CLAIM_NAME]));
	put_text(w, "product", report_text(r, row->product));
	put_seconds(w, "run_seconds", row->run);
	put_software(w, r, &row->software);
	put_text(w, "tenant", report_text(r, c->value[CLAIM_TENANT]));
	put_seconds(w, "vcpu_seconds", row->vcpu);
	put_text(w, "vm", tally_bytes_str(uuid));
	tally_jsonw_end(w);
}

void
report_json(const struct tally_report *r, struct tally_buf *out, bool one_line,
	    const struct report_cut *cut)
{
	struct tally_jsonw *w = tally_jsonw_new(out, one_line);

	tally_jsonw_object(w);
	tally_jsonw_key(w, "charges");
	if (cut && cut->charges) {
		tally_jsonw_array(w);
		tally_jsonw_end(w);
	} else {
		report_charges_json(w, r);
	}
	tally_jsonw_key(w, "coverage");
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->n_ledgers; i++)
		put_coverage(w, r, &r->ledgers[i]);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "evidence");
	put_evidence(w, r);
	tally_jsonw_key(w, "findings");
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->findings.count; i++)
		put_finding(w, r, r->findings.list[i]);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "positions");
	report_positions_json(w, r, !cut || !cut->because);
	tally_jsonw_key(w, "report");
	put_report(w, r);
	tally_jsonw_key(w, "usage");
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->sweep.usage.count; i++)
		put_usage(w, r, r->sweep.usage.rows[i]);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "vms");
	tally_jsonw_array(w);
	for (size_t i = 0; i < r->sweep.vms.count && !(cut && cut->vms); i++)
		put_vm(w, r, r->sweep.vms.rows[i]);
	tally_jsonw_end(w);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

void
tally_report_json(const struct tally_report *r, struct tally_buf *out)
{
	report_json(r, out, false, NULL);
	tally_buf_add_u8(out, '\n');
}
