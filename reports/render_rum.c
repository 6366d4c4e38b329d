/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage as resource utilization measurements, in the shape that ISO/IEC 19770-4
 * gives them (FORMAT.md section 23): an identity and its metrics, each with a
 * type, a value and a period. The standard's schema is not public: the namespace
 * is ours, and nothing here is validated against it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "report_internal.h"
#include "xml.h"

#define RUM_NAMESPACE "https://tallystick.invalid/xmlns/rum/1"

struct rum {
	const struct tally_report *r;
	struct xml x;
	char issued[TALLY_TIME_TEXT];
};

static void
period(struct rum *m, const char *from, const char *to)
{
	xml_element(&m->x, "Period");
	xml_text(&m->x, "StartTime", tally_bytes_str(from));
	xml_text(&m->x, "EndTime", tally_bytes_str(to));
	xml_end(&m->x);
}

/* One measurement of [from, to). */
static void
metric(struct rum *m, const char *type, struct tally_bytes sub, const char *value, const char *unit,
       const char *from, const char *to)
{
	xml_element(&m->x, "Metric");
	if (m->r->has_issued)
		xml_attribute(&m->x, "logTime", tally_bytes_str(m->issued));
	xml_text(&m->x, "Type", tally_bytes_str(type));
	xml_text(&m->x, "SubType", sub);
	xml_text(&m->x, "Value", tally_bytes_str(value));
	xml_text(&m->x, "Unit", tally_bytes_str(unit));
	period(m, from, to);
	xml_end(&m->x);
}

static void
seconds(struct rum *m, const char *type, struct tally_bytes sub, tally_i128 ns, const char *unit,
	const char *from, const char *to)
{
	char text[64];

	tally_seconds_text(text, ns);
	metric(m, type, sub, text, unit, from, to);
}

static void
usage_metrics(struct rum *m, const struct usage_row *row)
{
	const char *from = m->r->from_text, *to = m->r->to_text;
	struct tally_buf sub = TALLY_BUF_INIT;
	char text[32];

	tally_buf_addf(&sub, "%s:", usage_scope_name(row->scope));
	tally_buf_add_bytes(&sub, report_text(m->r, row->id));
	seconds(m, "RUN_TIME", tally_buf_view(&sub), row->sum[RUNNING] + row->sum[PAUSED],
		"VM-Seconds", from, to);
	seconds(m, "VCPU_TIME", tally_buf_view(&sub), row->vcpu_sum, "VCPU-Seconds", from, to);
	snprintf(text, sizeof(text), "%" PRIu32, row->peak);
	metric(m, "CONCURRENT_PEAK", tally_buf_view(&sub), text, "VMs", from, to);
	tally_buf_deinit(&sub);
}

static void
identity(struct rum *m, uint32_t product, uint32_t edition, struct tally_bytes instance)
{
	struct tally_bytes name = report_text(m->r, product);

	xml_element(&m->x, "SoftwareIdentity");
	xml_text(&m->x, "PersistentId", name);
	xml_text(&m->x, "Name", name);
	if (edition)
		xml_text(&m->x, "Edition", report_text(m->r, edition));
	if (instance.len > 0)
		xml_text(&m->x, "InstanceId", instance);
	xml_end(&m->x);
}

/* Usage rows are in the order of product and edition: those of one pair are one asset. */
static void
products(struct rum *m)
{
	const struct usage *u = &m->r->sweep.usage;

	for (size_t i = 0; i < u->count; i++) {
		const struct usage_row *row = u->rows[i], *before = i ? u->rows[i - 1] : NULL;

		if (!before || before->product != row->product || before->edition != row->edition) {
			if (before)
				xml_end(&m->x);
			xml_element(&m->x, "ResourceUtilization");
			identity(m, row->product, row->edition, tally_bytes(NULL, 0));
		}
		usage_metrics(m, row);
	}
	if (u->count > 0)
		xml_end(&m->x);
}

static int
compare_texts(const void *a, const void *b)
{
	return tally_bytes_cmp(*(const struct tally_bytes *)a, *(const struct tally_bytes *)b);
}

static void
software(struct rum *m, const struct ids *set)
{
	struct tally_bytes *texts = tally_alloc((set->n + 1) * sizeof(*texts));

	for (uint32_t i = 0; i < set->n; i++)
		texts[i] = report_text(m->r, set->p[i]);
	if (set->n > 1)
		qsort(texts, set->n, sizeof(*texts), compare_texts);
	for (uint32_t i = 0; i < set->n; i++)
		xml_text(&m->x, "Software", texts[i]);
	free(texts);
}

static void
vm(struct rum *m, const struct vm_row *row)
{
	struct tally_bytes name = report_text(m->r, row->claims.value[CLAIM_NAME]);
	char uuid[TALLY_UUID_TEXT], from[TALLY_TIME_TEXT], to[TALLY_TIME_TEXT];

	tally_uuid_text(uuid, row->vm->uuid);
	tally_wall_text(from, (struct tally_wall){ row->first });
	tally_wall_text(to, (struct tally_wall){ row->last });
	xml_element(&m->x, "ResourceUtilization");
	identity(m, row->product, row->edition, tally_bytes_str(uuid));
	xml_element(&m->x, "Asset");
	xml_text(&m->x, "AssetId", tally_bytes_str(uuid));
	if (name.len > 0)
		xml_text(&m->x, "AssetName", name);
	for (uint32_t i = 0; i < row->hosts.n; i++)
		xml_text(&m->x, "Host", m->r->ledgers[row->hosts.p[i]].host);
	software(m, &row->software);
	xml_end(&m->x);
	seconds(m, "RUN_TIME", tally_bytes_str("vm"), row->run, "VM-Seconds", from, to);
	seconds(m, "VCPU_TIME", tally_bytes_str("vm"), row->vcpu, "VCPU-Seconds", from, to);
	xml_end(&m->x);
}

/* What a rule needs, in its three readings. */
static void
need(struct rum *m, const struct position *p)
{
	const struct {
		const char *type;
		amount value;
	} readings[] = { { "LICENCES_LOW", p->need.low },
			 { "LICENCES_MEASURED", p->need.measured },
			 { "LICENCES_HIGH", p->need.high } };
	struct tally_bytes unit = report_text(m->r, p->unit);
	struct tally_buf sub = TALLY_BUF_INIT;
	char text[DECIMAL_TEXT], name[128], from[TALLY_TIME_TEXT], to[TALLY_TIME_TEXT];

	snprintf(name, sizeof(name), "%.*s", (int)unit.len, (const char *)unit.p);
	tally_wall_text(from, (struct tally_wall){ p->from });
	tally_wall_text(to, (struct tally_wall){ p->to });
	tally_buf_addf(&sub, "%s:", usage_scope_name(p->scope));
	tally_buf_add_bytes(&sub, report_text(m->r, p->id));
	xml_element(&m->x, "ResourceUtilization");
	xml_element(&m->x, "SoftwareIdentity");
	xml_text(&m->x, "PersistentId", report_text(m->r, p->rule));
	xml_text(&m->x, "Name", report_text(m->r, p->product));
	xml_end(&m->x);
	for (size_t i = 0; i < sizeof(readings) / sizeof(*readings) - !m->r->with_high; i++) {
		decimal_text(text, decimal_of(readings[i].value, 6), 0);
		metric(m, readings[i].type, tally_buf_view(&sub), text, name, from, to);
	}
	xml_end(&m->x);
	tally_buf_deinit(&sub);
}

static void
source(struct rum *m)
{
	const struct tally_report *r = m->r;

	xml_element(&m->x, "Source");
	xml_text(&m->x, "Tool", tally_bytes_str(r->tool));
	xml_text(&m->x, "Report", tally_bytes_str(r->id));
	xml_text(&m->x, "TimeZone", tally_bytes_str(r->zone));
	period(m, r->from_text, r->to_text);
	for (size_t i = 0; i < r->n_ledgers; i++) {
		struct tally_buf root = TALLY_BUF_INIT;
		char size[24];

		tally_buf_add_base64(&root, r->ledgers[i].root, TALLY_HASH);
		snprintf(size, sizeof(size), "%" PRIu64, r->ledgers[i].size);
		xml_element(&m->x, "Ledger");
		xml_attribute(&m->x, "host", r->ledgers[i].host);
		xml_attribute(&m->x, "origin", r->ledgers[i].origin);
		xml_attribute(&m->x, "size", tally_bytes_str(size));
		xml_attribute(&m->x, "root", tally_buf_view(&root));
		xml_end(&m->x);
		tally_buf_deinit(&root);
	}
	xml_end(&m->x);
}

void
tally_report_rum(const struct tally_report *r, struct tally_buf *out)
{
	struct rum m = { .r = r };

	if (r->has_issued)
		tally_wall_text(m.issued, (struct tally_wall){ r->issued });
	xml_begin(&m.x, out);
	xml_element(&m.x, "ResourceUtilizationMeasurements");
	xml_attribute(&m.x, "xmlns", tally_bytes_str(RUM_NAMESPACE));
	xml_text(&m.x, "SchemaVersion", tally_bytes_str("1"));
	source(&m);
	products(&m);
	for (size_t i = 0; i < r->sweep.vms.count; i++)
		vm(&m, r->sweep.vms.rows[i]);
	for (size_t i = 0; i < r->positions.n; i++)
		need(&m, &r->positions.p[i]);
	xml_end(&m.x);
}
