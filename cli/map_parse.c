/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows into operator entries: one os-claim, software and tags entry each, as far
 * as the row says something of the kind. An empty cell says nothing. Every claim
 * has a begin, so that it is a correction and nothing that a host witnessed.
 */
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"
#include "map.h"
#include "record.h"

enum column {
	VM,
	NAME,
	OS,
	EDITION,
	SOFTWARE,
	SOFTWARE_REMOVED,
	TENANT,
	COST_CENTER,
	ENVIRONMENT,
	FROM,
	TO,
	REASON,
	BY,
	EVIDENCE,
	COLUMNS
};
static const char *const names[COLUMNS] = { "vm",      "name",        "os",
					    "edition", "software",    "software_removed",
					    "tenant",  "cost_center", "environment",
					    "from",    "to",          "reason",
					    "by",      "evidence" };

struct reading {
	struct map_file *file;
	const struct map_defaults *defaults;
	size_t at[COLUMNS];
	const struct tally_csv_row *row;
	struct tally_event base; /* what all entries of the row have */
};

#define fault(r, column, err, ...)                                                                 \
	tally_csv_error((r)->file->csv, place(r, column), err, __VA_ARGS__)

/* A column that the file does not have: told at the row's begin. */
static const struct tally_csv_cell *
place(const struct reading *r, enum column c)
{
	return &r->row->cells[r->at[c] == SIZE_MAX ? 0 : r->at[c]];
}

static struct tally_bytes
cell(const struct reading *r, enum column c)
{
	if (r->at[c] == SIZE_MAX)
		return tally_bytes(NULL, 0);
	return r->row->cells[r->at[c]].text;
}

/* An empty cell leaves `out` as it is. */
static int
take_text(const struct reading *r, enum column c, size_t max, struct tally_bytes *out,
	  struct tally_err *err)
{
	struct tally_bytes text = cell(r, c);

	if (text.len > max)
		return fault(r, c, err, "'%s' has %zu bytes, %zu are the most", names[c], text.len,
			     max);
	if (text.len > 0)
		*out = text;
	return 0;
}

static int
take_vm(struct reading *r, struct tally_err *err)
{
	struct tally_bytes text = cell(r, VM);

	if (!tally_uuid_parse(r->base.i.vm, (const char *)text.p, text.len))
		return fault(r, VM, err,
			     "'vm' must be a UUID, as 6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11");
	r->base.i.has_vm = true;
	return 0;
}

static int
take_time(const struct reading *r, enum column c, uint64_t *out, bool *has, struct tally_err *err)
{
	struct tally_bytes text = cell(r, c);
	struct tally_err why = TALLY_ERR_INIT;
	struct tally_wall t;

	if (text.len == 0)
		return 0;
	/* The reader ends a cell with NUL and lets none be inside. */
	if (tally_zone_parse_t(r->defaults->zone, (const char *)text.p, &t, &why) < 0)
		return fault(r, c, err, "'%s': %s", names[c], why.text);
	*out = (uint64_t)t.ns;
	*has = true;
	return 0;
}

static int
take_span(struct reading *r, struct tally_err *err)
{
	struct tally_metering *m = &r->base.m;

	m->has_from = true;
	m->from = (uint64_t)r->defaults->since.ns;
	if (take_time(r, FROM, &m->from, &m->has_from, err) < 0 ||
	    take_time(r, TO, &m->to, &m->has_to, err) < 0)
		return -1;
	if (m->has_to && m->from >= m->to)
		return fault(r, TO, err, "'to' is not behind %s",
			     cell(r, FROM).len > 0 ? "'from'" : "the time from which rows hold");
	return 0;
}

static int
take_words(struct reading *r, struct tally_err *err)
{
	struct tally_operations *o = &r->base.o;
	const struct map_defaults *d = r->defaults;
	struct tally_bytes evidence = cell(r, EVIDENCE);
	int n = TALLY_E_OPERATOR;

	o->by = tally_bytes_str(d->by);
	o->reason = tally_bytes_str(d->reason);
	if (take_text(r, BY, MAP_TEXT_MAX, &o->by, err) < 0 ||
	    take_text(r, REASON, MAP_WORDS_MAX, &o->reason, err) < 0)
		return -1;
	if (o->reason.len == 0)
		return fault(r, REASON, err, "'reason' is empty, and there is no --reason");
	if (evidence.len > 0)
		n = tally_evidence_find(evidence);
	if (n <= TALLY_E_NONE)
		return fault(r, EVIDENCE, err,
			     "'evidence' must be one of operator, hypervisor, agent, disk, vendor");
	r->base.m.has_evidence = true;
	r->base.m.evidence = (uint32_t)n;
	return 0;
}

static struct tally_event *
add(struct reading *r, unsigned kind)
{
	struct map_file *f = r->file;

	if (f->count == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->claims = tally_realloc_array(f->claims, f->cap, sizeof(*f->claims));
	}
	f->claims[f->count].ev = r->base;
	f->claims[f->count].ev.kind = kind;
	f->claims[f->count].vm = place(r, VM);
	return &f->claims[f->count++].ev;
}

static int
take_os(struct reading *r, struct tally_err *err)
{
	struct tally_bytes os = { 0 }, edition = { 0 };
	struct tally_event *ev;

	if (take_text(r, OS, MAP_TEXT_MAX, &os, err) < 0 ||
	    take_text(r, EDITION, MAP_TEXT_MAX, &edition, err) < 0)
		return -1;
	if (os.p && !record_is_uri(os))
		return fault(r, OS, err, "'os' must be a libosinfo URI");
	if (!os.p && !edition.p)
		return 0;
	ev = add(r, TALLY_OS_CLAIM);
	ev->m.os = os;
	ev->m.edition = edition;
	return 0;
}

/* Product ids with semicolons between them. */
static int
take_ids(struct reading *r, enum column c, struct tally_texts *out, struct tally_err *err)
{
	struct tally_bytes rest = cell(r, c);
	struct tally_bytes *items;
	size_t n = 0;

	if (rest.len == 0)
		return 0;
	if (rest.len > 16384)
		return fault(r, c, err, "'%s' is too long", names[c]);
	for (size_t i = 0; i < rest.len; i++)
		n += rest.p[i] == ';';
	items = tally_arena_alloc(r->file->arena, (n + 1) * sizeof(*items));
	for (n = 0;; n++) {
		const uint8_t *end = memchr(rest.p, ';', rest.len);
		struct tally_bytes id =
			tally_bytes(rest.p, end ? (size_t)(end - rest.p) : rest.len);

		rest = tally_bytes(rest.p + id.len + 1, end ? rest.len - id.len - 1 : 0);
		while (id.len > 0 && id.p[0] == ' ')
			id = tally_bytes(id.p + 1, id.len - 1);
		while (id.len > 0 && id.p[id.len - 1] == ' ')
			id.len--;
		if (id.len == 0 || id.len > MAP_TEXT_MAX)
			return fault(r, c, err,
				     "'%s' must hold product ids of 1 to %d bytes with ';' between "
				     "them",
				     names[c], MAP_TEXT_MAX);
		items[n] = id;
		if (!end)
			break;
	}
	*out = (struct tally_texts){ items, n + 1 };
	return 0;
}

static int
take_software(struct reading *r, struct tally_err *err)
{
	struct tally_texts added = { 0 }, removed = { 0 };
	struct tally_event *ev;

	if (take_ids(r, SOFTWARE, &added, err) < 0 ||
	    take_ids(r, SOFTWARE_REMOVED, &removed, err) < 0)
		return -1;
	for (size_t i = 0; i < added.count; i++)
		for (size_t k = 0; k < removed.count; k++)
			if (tally_bytes_eq(added.items[i], removed.items[k]))
				return fault(r, SOFTWARE_REMOVED, err,
					     "a product stands in 'software', too");
	if (added.count + removed.count == 0)
		return 0;
	ev = add(r, TALLY_SOFTWARE);
	ev->m.software = added;
	ev->m.software_removed = removed;
	return 0;
}

static int
take_tags(struct reading *r, struct tally_err *err)
{
	struct tally_bytes tenant = { 0 }, center = { 0 }, environment = { 0 };
	struct tally_event *ev;

	if (take_text(r, TENANT, MAP_TEXT_MAX, &tenant, err) < 0 ||
	    take_text(r, COST_CENTER, MAP_TEXT_MAX, &center, err) < 0 ||
	    take_text(r, ENVIRONMENT, MAP_TEXT_MAX, &environment, err) < 0)
		return -1;
	if (!tenant.p && !center.p && !environment.p)
		return 0;
	ev = add(r, TALLY_TAGS);
	ev->i.tenant = tenant;
	ev->i.cost_center = center;
	ev->m.environment = environment;
	return 0;
}

static int
take_row(struct reading *r, struct tally_err *err)
{
	struct tally_bytes name;
	size_t before = r->file->count;

	r->base = (struct tally_event){ 0 };
	r->base.o.has_source = true;
	r->base.o.source = TALLY_SRC_OPERATOR;
	r->base.o.has_line = true;
	r->base.o.line = r->row->cells[0].line;
	if (take_vm(r, err) < 0 || take_text(r, NAME, MAP_TEXT_MAX, &name, err) < 0 ||
	    take_span(r, err) < 0 || take_words(r, err) < 0 || take_os(r, err) < 0 ||
	    take_software(r, err) < 0 || take_tags(r, err) < 0)
		return -1;
	if (r->file->count == before)
		return fault(r, VM, err, "the row claims nothing of its VM");
	return 0;
}

int
map_parse(struct map_file *out, const char *name, struct tally_bytes text,
	  const struct map_defaults *d, struct tally_err *err)
{
	struct reading r = { .file = out, .defaults = d };

	*out = (struct map_file){ .arena = tally_arena_new(16384) };
	if (tally_csv_parse(&out->csv, name, text, err) < 0 ||
	    tally_csv_columns(out->csv, names, COLUMNS, r.at, err) < 0)
		return -1;
	r.row = &out->csv->rows[0];
	if (r.at[VM] == SIZE_MAX)
		return fault(&r, VM, err, "no column 'vm'");
	for (size_t i = 1; i < out->csv->count; i++, out->rows++) {
		r.row = &out->csv->rows[i];
		if (take_row(&r, err) < 0)
			return -1;
	}
	if (out->rows == 0)
		return fault(&r, VM, err, "no row but the one that names the columns");
	return 0;
}

void
map_file_deinit(struct map_file *f)
{
	tally_csv_free(f->csv);
	tally_arena_free(f->arena);
	free(f->claims);
	*f = (struct map_file){ 0 };
}
