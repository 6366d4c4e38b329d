/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a report that may be anything. A value that is not what it must be is
 * told by the member it stands in: JSON's reader keeps no places of values. */
#include <inttypes.h>
#include <string.h>
#include "compare.h"
#include "report_internal.h"
#include "survey.h"
#include "tally/csv.h"
#include "tally/err.h"

/* A text member; an empty view where there is none. */
static struct tally_bytes
text(const struct tally_json *object, const char *key)
{
	const struct tally_json *v = object ? tally_json_get(object, key) : NULL;

	return v ? tally_json_string(v) : tally_bytes(NULL, 0);
}

static const struct tally_json *
report_of(const struct compare *c)
{
	return tally_json_get(tally_json_root(c->doc), "report");
}

static const struct tally_json *
ledgers_of(const struct compare *c)
{
	const struct tally_json *evidence = tally_json_get(tally_json_root(c->doc), "evidence");
	const struct tally_json *list = evidence ? tally_json_get(evidence, "ledgers") : NULL;

	return list && tally_json_type(list) == TALLY_JSON_ARRAY ? list : NULL;
}

/* What it says must be ours, to the byte. */
static int
check_same(const struct compare *c, const char *key, const char *ours, const char *what,
	   struct tally_err *err)
{
	struct tally_bytes theirs = text(report_of(c), key);
	struct tally_buf shown = TALLY_BUF_INIT;
	int rc = 0;

	if (!tally_bytes_eq(theirs, tally_bytes_str(ours))) {
		tally_printable(&shown, tally_bytes(theirs.p, theirs.len < 64 ? theirs.len : 64));
		rc = tally_err_set(err, TALLY_USE, "%s: report.%s: another %s: '%s', not '%s'",
				   c->name, key, what, tally_buf_cstr(&shown), ours);
		tally_buf_deinit(&shown);
	}
	return rc;
}

static int
check_arrays(const struct compare *c, struct tally_err *err)
{
	static const char *const arrays[] = { "charges",   "coverage", "findings",
					      "positions", "usage",    "vms" };
	const struct tally_json *root = tally_json_root(c->doc);

	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays); i++) {
		const struct tally_json *list = tally_json_get(root, arrays[i]);

		if (!list || tally_json_type(list) != TALLY_JSON_ARRAY)
			return tally_err_set(err, TALLY_USE, "%s: %s: no array: this is no report",
					     c->name, arrays[i]);
		for (size_t k = 0; k < tally_json_count(list); k++)
			if (tally_json_type(tally_json_at(list, k)) != TALLY_JSON_OBJECT)
				return tally_err_set(err, TALLY_USE, "%s: %s[%zu]: no object",
						     c->name, arrays[i], k);
	}
	return 0;
}

static bool
is_id(struct tally_bytes id)
{
	uint8_t hash[TALLY_HASH];

	for (size_t i = 0; i < id.len; i++)
		if (id.p[i] >= 'A' && id.p[i] <= 'F')
			return false;
	return id.len == 2 * sizeof(hash) &&
	       tally_unhex(hash, sizeof(hash), (const char *)id.p, id.len);
}

static int
check_report(struct compare *c, const struct tally_report *r, struct tally_err *err)
{
	const struct tally_json *root = tally_json_root(c->doc), *report = NULL;

	if (tally_json_type(root) == TALLY_JSON_OBJECT)
		report = tally_json_get(root, "report");
	if (!report || tally_json_type(report) != TALLY_JSON_OBJECT)
		return tally_err_set(err, TALLY_USE,
				     "%s: report: no such object: this is no report in JSON",
				     c->name);
	c->id = text(report, "id");
	if (!is_id(c->id))
		return tally_err_set(err, TALLY_USE, "%s: report.id: not 64 hexadecimal digits",
				     c->name);
	if (check_same(c, "from", r->from_text, "period", err) < 0 ||
	    check_same(c, "to", r->to_text, "period", err) < 0 ||
	    check_same(c, "timezone", r->zone, "calendar", err) < 0)
		return -1;
	return check_arrays(c, err);
}

int
compare_read(struct compare *c, const struct tally_report_input *old, const struct tally_report *r,
	     struct tally_err *err)
{
	*c = (struct compare){ .name = old->name };
	if (tally_json_parse(&c->doc, old->content, err) < 0) {
		/* The place is the line and the column of the file that `name` names. */
		char what[sizeof(err->text)];

		memcpy(what, err->text, sizeof(what));
		return tally_err_set(err, TALLY_USE, "%s:%s", c->name, what);
	}
	return check_report(c, r, err);
}

void
compare_deinit(struct compare *c)
{
	tally_json_free(c->doc);
	*c = (struct compare){ 0 };
}

static const struct survey *
find_ledger(const struct tally_report *r, const struct survey *surveys, struct tally_bytes origin)
{
	for (size_t i = 0; i < r->n_ledgers; i++)
		if (tally_bytes_eq(r->ledgers[i].origin, origin))
			return &surveys[i];
	return NULL;
}

/* Why a ledger of ours is not the one that it rests on; NULL: it is, and may have grown. */
static int
judge_ledger(const struct tally_report_ledger *ours, uint64_t size, struct tally_bytes root,
	     const char **what, struct tally_err *err)
{
	uint8_t then[TALLY_HASH];
	struct tally_buf text = TALLY_BUF_INIT;

	*what = NULL;
	if (size > ours->size) {
		*what = "it rests on more entries than are here of";
		return 0;
	}
	memcpy(then, ours->root, TALLY_HASH);
	if (size < ours->size) {
		if (!ours->root_at) {
			*what = "nobody can tell what it rests on of";
			return 0;
		}
		if (ours->root_at(ours->root_ctx, size, then, err) < 0)
			return -1;
	}
	tally_buf_add_base64(&text, then, TALLY_HASH);
	if (!tally_bytes_eq(root, tally_buf_view(&text)))
		*what = "it rests on another history of";
	tally_buf_deinit(&text);
	return 0;
}

static int
check_ledger(const struct compare *c, const struct tally_report *r, const struct survey *surveys,
	     size_t i, const struct tally_json *theirs, struct tally_err *err)
{
	struct tally_bytes origin = text(theirs, "origin");
	const struct tally_json *size = tally_json_get(theirs, "size");
	const struct survey *ours = find_ledger(r, surveys, origin);
	const char *what = "another estate: no ledger here is";
	struct tally_buf shown = TALLY_BUF_INIT;

	if (origin.len == 0 || !size || tally_json_type(size) != TALLY_JSON_INT ||
	    tally_json_int(size) < 0)
		return tally_err_set(err, TALLY_USE,
				     "%s: evidence.ledgers[%zu]: no origin, or no size", c->name,
				     i);
	if (ours && judge_ledger(ours->ledger, (uint64_t)tally_json_int(size), text(theirs, "root"),
				 &what, err) < 0)
		return -1;
	if (!what)
		return 0;
	tally_printable(&shown, tally_bytes(origin.p, origin.len < 255 ? origin.len : 255));
	(void)tally_err_set(err, TALLY_USE, "%s: evidence.ledgers[%zu]: %s '%s'", c->name, i, what,
			    tally_buf_cstr(&shown));
	tally_buf_deinit(&shown);
	return -1;
}

int
compare_ledgers(const struct compare *c, const struct tally_report *r, const struct survey *surveys,
		struct tally_err *err)
{
	const struct tally_json *list = ledgers_of(c);

	if (!list || tally_json_count(list) == 0)
		return tally_err_set(err, TALLY_USE, "%s: evidence.ledgers: it names no ledgers",
				     c->name);
	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *ledger = tally_json_at(list, i);

		if (tally_json_type(ledger) != TALLY_JSON_OBJECT)
			return tally_err_set(err, TALLY_USE, "%s: evidence.ledgers[%zu]: no object",
					     c->name, i);
		if (check_ledger(c, r, surveys, i, ledger, err) < 0)
			return -1;
	}
	return 0;
}

uint64_t
compare_size(const struct compare *c, struct tally_bytes origin)
{
	const struct tally_json *list = ledgers_of(c);

	for (size_t i = 0; list && i < tally_json_count(list); i++) {
		const struct tally_json *ledger = tally_json_at(list, i);

		if (tally_bytes_eq(text(ledger, "origin"), origin))
			return (uint64_t)tally_json_int(tally_json_get(ledger, "size"));
	}
	return 0;
}
