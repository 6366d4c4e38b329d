/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of an operator, out of a request on the control socket. */
#include "agent_operator.h"

#include <stdlib.h>
#include <string.h>

#include "agent_internal.h"
#include "tally/enrol.h"
#include "tally/err.h"
#include "tally/json.h"

struct entries {
	struct tally_event *events;
	size_t n;
	struct tally_buf *groups; /* TALLY_GROUPS an event */
	struct tally_arena *arena;
};

static const struct tally_json *
member(const struct tally_json *object, const char *key, enum tally_json_type type)
{
	const struct tally_json *v = NULL;
	if (object != NULL && tally_json_type(object) == TALLY_JSON_OBJECT)
		v = tally_json_get(object, key);
	return v != NULL && tally_json_type(v) == type ? v : NULL;
}

struct record {
	struct tally_bytes bytes;
	int64_t wall; /* ns since 1970 */
	bool known;   /* the ledger's newest one already */
	struct tally_arena *arena;
};

/* Nothing that the timeline could take for a sight of the host. */
static const char *
what_is_wrong(const struct tally_event *ev)
{
	bool claim = ev->kind != TALLY_OPERATOR_ACTION && ev->kind != TALLY_ENROLMENT &&
		     ev->kind != TALLY_REPORT_ISSUED;
	if (claim && !tally_event_is_correction(ev))
		return "neither an operator's action nor a claim with a span";
	if (claim && !ev->i.has_vm)
		return "a claim without a VM";
	if (ev->kind == TALLY_REPORT_ISSUED && !tally_event_is_issue(ev))
		return "an issue that does not say which report, of which period, in which bytes";
	if (!ev->o.has_source || ev->o.source != TALLY_SRC_OPERATOR)
		return "its source is not the operator";
	if (ev->m.has_run || ev->m.has_time || ev->m.has_uptime)
		return "it has a run or a time of its own";
	return NULL;
}

/* What a verifier would hold against it, said before it is stored for ever. */
static int
check_record(void *ctx, struct tally_store *store, struct tally_err *err)
{
	struct record *r = ctx;
	struct tally_enrolment_file f = { 0 };
	struct tally_store_origins o = { 0 };
	struct tally_record_ledger l = { tally_store_vkey(store), r->wall, &o };
	int rc = tally_enrolment_file_read(&f, "record", r->bytes, false, r->arena, err);
	if (rc == 0)
		rc = tally_store_origins_read(store, true, &o, err);
	if (rc == 0)
		rc = tally_record_fits(&f, "record", r->bytes, &l, err);
	r->known = rc > 0;
	tally_store_origins_deinit(&o);
	tally_enrolment_file_deinit(&f);
	return rc < 0 ? -1 : 0;
}

static int
read_groups(struct entries *e, const struct tally_json *list, struct tally_bytes out[TALLY_GROUPS],
	    struct tally_err *err)
{
	if (list == NULL || tally_json_count(list) != TALLY_GROUPS)
		return tally_err_set(err, TALLY_USE, "'groups' must be an array of three texts");
	for (size_t g = 0; g < TALLY_GROUPS; g++) {
		struct tally_bytes text = tally_json_string(tally_json_at(list, g));
		struct tally_buf *b = &e->groups[e->n * TALLY_GROUPS + g];
		if (!tally_unbase64(b, (const char *)text.p, text.len))
			return tally_err_set(err, TALLY_USE, "group %zu is no base64", g + 1);
		out[g] = tally_buf_view(b);
	}
	return 0;
}

static int
read_entry(struct entries *e, const struct tally_json *v, struct tally_err *err)
{
	const struct tally_json *kind = member(v, "kind", TALLY_JSON_INT);
	struct tally_event *ev = &e->events[e->n];
	struct tally_bytes groups[TALLY_GROUPS];
	const char *wrong;
	if (kind == NULL || tally_json_int(kind) < 1 || tally_json_int(kind) > UINT8_MAX)
		return tally_err_set(err, TALLY_USE, "'kind' must be a number of a kind");
	if (read_groups(e, member(v, "groups", TALLY_JSON_ARRAY), groups, err) < 0)
		return -1;
	if (tally_event_decode(ev, groups, (1u << TALLY_GROUPS) - 1, e->arena, err) < 0) {
		err->code = TALLY_USE;
		return -1;
	}
	ev->kind = (unsigned)tally_json_int(kind);
	wrong = what_is_wrong(ev);
	return wrong != NULL ? tally_err_set(err, TALLY_USE, "%s", wrong) : 0;
}

static int
read_entries(struct entries *e, const struct tally_json *list, struct tally_err *err)
{
	size_t count = tally_json_count(list);
	e->events = tally_alloc((count + 1) * sizeof(*e->events));
	e->groups = tally_alloc((count + 1) * TALLY_GROUPS * sizeof(*e->groups));
	while (e->n < count) {
		if (read_entry(e, tally_json_at(list, e->n), err) < 0)
			return tally_err_prefix(err, "entries[%zu]", e->n);
		e->n++;
	}
	return 0;
}

static void
release(struct entries *e, size_t count)
{
	for (size_t i = 0; e->groups != NULL && i < count * TALLY_GROUPS; i++)
		tally_buf_deinit(&e->groups[i]);
	free(e->groups);
	free(e->events);
	tally_arena_free(e->arena);
}

/* Whether it is to be stored: 1, 0 the ledger has it, -1. */
static int
look_at_record(struct agent *a, struct entries *e, size_t i, struct tally_err *err)
{
	struct record r = { .bytes = e->events[i].o.enrolment,
			    .wall = tally_clock_now(a->clock).wall.ns,
			    .arena = e->arena };
	if (recorder_read(a->recorder, check_record, &r, err) == 0)
		return !r.known;
	if (err->code == TALLY_FAILS || err->code == TALLY_USE) {
		err->code = TALLY_USE; /* it is not stored */
		(void)tally_err_prefix(err, "entries[%zu]", i);
	}
	return -1;
}

int
agent_operator_append(struct agent *a, const struct tally_json *request, size_t *records,
		      struct tally_err *err)
{
	const struct tally_json *list = member(request, "entries", TALLY_JSON_ARRAY);
	struct entries e = { 0 };
	bool *skip;
	int rc;
	if (list == NULL || tally_json_count(list) == 0)
		return tally_err_set(err, TALLY_USE, "'entries' must be an array with entries");
	e.arena = tally_arena_new(16384);
	rc = read_entries(&e, list, err);
	skip = tally_alloc((e.n + 1) * sizeof(*skip));
	for (size_t i = 0; i < e.n && rc == 0; i++) {
		int wanted = 1;
		if (e.events[i].kind == TALLY_ENROLMENT)
			wanted = look_at_record(a, &e, i, err);
		rc = wanted < 0 ? -1 : 0;
		skip[i] = wanted == 0;
	}
	for (size_t i = 0; i < e.n && rc == 0; i++)
		rc = skip[i] ? 0 : recorder_add(a->recorder, &e.events[i], err);
	if (rc == 0)
		rc = recorder_flush(a->recorder, err);
	*records = e.n;
	free(skip);
	release(&e, tally_json_count(list));
	return rc;
}
