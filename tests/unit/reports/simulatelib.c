/* SPDX-License-Identifier: Apache-2.0 */
/* Simulations of histories in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../../reports/simulate.h"
#include "simulatelib.h"

#define CHANGES_MOST 16

static struct tally_json_doc *doc;
static struct tally_err err;
static size_t short_of;

struct asked {
	char format; /* i: whether it is identical */
	struct tally_changes *changes;
	struct tally_buf out;
	bool made;
};

static void
add_change(struct tally_changes *list, const char *text)
{
	static const char *const names[] = { "--add-host ", "--remove-host ", "--move ",
					     "--grow " };

	for (unsigned i = 0; i < 4; i++)
		if (strncmp(text, names[i], strlen(names[i])) == 0) {
			struct tally_err e = TALLY_ERR_INIT;

			if (tally_changes_add(list, (enum tally_change)i, text + strlen(names[i]),
					      &e) < 0)
				fail_msg("%s", e.text);
			return;
		}
	fail_msg("no change: %s", text);
}

static void
positions_out(const struct tally_report *r, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	report_positions_json(w, r, true);
	tally_jsonw_free(w);
}

/* As if the report had been made of the other estate. */
static void
compare_positions(const struct tally_report *r, const struct tally_simulation *s)
{
	struct tally_buf a = TALLY_BUF_INIT, b = TALLY_BUF_INIT;
	struct tally_report other = *r;

	other.estate = s->estate;
	other.positions = s->positions;
	positions_out(r, &a);
	positions_out(&other, &b);
	assert_true(a.len > 2);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	for (size_t i = 0; i < s->n_rows; i++)
		assert_false(s->rows[i].differs);
	tally_buf_deinit(&a);
	tally_buf_deinit(&b);
}

static void
use(void *ctx, struct tally_report *r, const struct tally_report_options *o)
{
	struct asked *q = ctx;
	struct tally_simulation *s;
	struct tally_bytes lines;

	err = (struct tally_err)TALLY_ERR_INIT;
	if (tally_simulation_make(&s, r, o, q->changes, &err) < 0)
		return;
	q->made = true;
	short_of = tally_simulation_short(s, &lines);
	if (q->format == 'i')
		compare_positions(r, s);
	else if (q->format == 'c')
		tally_simulation_csv(s, &q->out);
	else if (q->format == 'j')
		tally_simulation_json(s, &q->out);
	else
		tally_simulation_text(s, &q->out, 120, q->format == 'a');
	tally_simulation_free(s);
}

static void
run(struct asked *q, const char *lines, va_list ap)
{
	struct test_history h;

	q->changes = tally_changes_new();
	for (const char *text; (text = va_arg(ap, const char *));)
		add_change(q->changes, text);
	test_history_init(&h);
	test_history_add(&h, lines);
	report_use(&h, "2026-03-01", "2026-03-02", "UTC", use, q);
	test_history_deinit(&h);
	tally_changes_free(q->changes);
}

void
what_if(const char *lines, ...)
{
	struct asked q = { .format = 'j' };
	struct tally_err e = TALLY_ERR_INIT;
	va_list ap;

	what_if_done();
	va_start(ap, lines);
	run(&q, lines, ap);
	va_end(ap);
	if (q.made && tally_json_parse(&doc, tally_buf_view(&q.out), &e) < 0)
		fail_msg("%s", e.text);
	tally_buf_deinit(&q.out);
}

void
what_if_as(char format, struct tally_buf *out, const char *lines, ...)
{
	struct asked q = { .format = format };
	va_list ap;

	va_start(ap, lines);
	run(&q, lines, ap);
	va_end(ap);
	if (!q.made)
		fail_msg("%s", err.text);
	tally_buf_deinit(out);
	*out = q.out;
}

void
identical(const char *lines, ...)
{
	struct asked q = { .format = 'i' };
	va_list ap;

	va_start(ap, lines);
	run(&q, lines, ap);
	va_end(ap);
	if (!q.made)
		fail_msg("%s", err.text);
}

void
what_if_done(void)
{
	tally_json_free(doc);
	doc = NULL;
}

const struct tally_json *
what_if_json(void)
{
	if (!doc)
		fail_msg("%s", err.text);
	return tally_json_root(doc);
}

void
assert_refused(const char *part)
{
	if (doc)
		fail_msg("taken: %s", part);
	assert_int_equal(err.code, TALLY_USE);
	if (!strstr(err.text, part))
		fail_msg("'%s' instead of '%s'", err.text, part);
}

static const struct tally_json *
change_at(size_t number)
{
	const struct tally_json *c =
		tally_json_at(tally_json_get(what_if_json(), "changes"), number - 1);

	assert_non_null(c);
	assert_int_equal(tally_json_int(tally_json_get(c, "number")), number);
	return c;
}

void
assert_told(size_t change, const char *text)
{
	const struct tally_json *told = tally_json_get(change_at(change), "effect");

	assert_string_equal((const char *)tally_json_string(told).p, text);
}

void
assert_machine(size_t change, const char *name, const char *field, const char *value)
{
	char where[128];

	snprintf(where, sizeof(where), "name=%s", name);
	/* Copies and their original may stand there side by side, and say the same. */
	if (rows(change_at(change), "machines", where) > 1)
		snprintf(where, sizeof(where), "name=%s copies=true", name);
	assert_figure(change_at(change), "machines", where, field, value);
}

size_t
notes(void)
{
	return tally_json_count(tally_json_get(what_if_json(), "notes"));
}

void
assert_noted(const char *part)
{
	const struct tally_json *list = tally_json_get(what_if_json(), "notes");

	for (size_t i = 0; i < tally_json_count(list); i++)
		if (strstr((const char *)tally_json_string(
				   tally_json_get(tally_json_at(list, i), "text"))
				   .p,
			   part))
			return;
	fail_msg("no note: %s", part);
}

size_t
hosts_left(void)
{
	return tally_json_count(
		tally_json_get(tally_json_get(what_if_json(), "simulation"), "hosts"));
}

size_t
shortfalls(void)
{
	(void)what_if_json();
	return short_of;
}

void
assert_has(struct tally_buf *text, const char *part)
{
	if (!strstr(tally_buf_cstr(text), part))
		fail_msg("no '%s' in\n%s", part, tally_buf_cstr(text));
}

static const char *
text_of(const struct tally_json *row, const char *key)
{
	return (const char *)tally_json_string(tally_json_get(row, key)).p;
}

static const struct tally_json *
row_like(const struct tally_json *list, const struct tally_json *row)
{
	static const char *const keys[] = { "rule", "product", "scope", "id" };

	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *other = tally_json_at(list, i);
		unsigned same = 0;

		for (unsigned k = 0; k < 4; k++)
			same += strcmp(text_of(row, keys[k]), text_of(other, keys[k])) == 0;
		if (same == 4)
			return other;
	}
	return NULL;
}

/* "16", or "0" where there is no such position. */
static void
figure_of(char out[64], const struct tally_json *position, const char *key)
{
	const struct tally_json *v = position ? tally_json_get(position, key) : NULL;

	if (v && tally_json_type(v) == TALLY_JSON_STRING)
		snprintf(out, 64, "%s", (const char *)tally_json_string(v).p);
	else
		snprintf(out, 64, "%lld", v ? (long long)tally_json_int(v) : 0LL);
}

/* The rule says something of the product at all. */
static bool
occurs(const struct tally_json *list, const struct tally_json *row)
{
	for (size_t i = 0; i < tally_json_count(list); i++)
		if (strcmp(text_of(tally_json_at(list, i), "rule"), text_of(row, "rule")) == 0 &&
		    strcmp(text_of(tally_json_at(list, i), "product"), text_of(row, "product")) ==
			    0)
			return true;
	return false;
}

static size_t
compare_row(const struct tally_json *row, const struct tally_json *computed,
	    const struct tally_json *recorded)
{
	static const char *const keys[] = { "low", "measured", "high", "order" };
	size_t seen = 0;

	for (unsigned k = 0; k < 4; k++) {
		char a[64], b[64];

		figure_of(a, computed, keys[k]);
		figure_of(b, recorded, keys[k]);
		if (strcmp(a, b) != 0)
			fail_msg("%s %s %s %s: %s is %s computed, %s recorded",
				 text_of(row, "rule"), text_of(row, "product"),
				 text_of(row, "scope"), text_of(row, "id"), keys[k], a, b);
		seen += strcmp(a, "0") != 0;
	}
	return seen;
}

size_t
same_as(const char *lines)
{
	const struct tally_json *computed = tally_json_get(what_if_json(), "positions");
	const struct tally_json *recorded = tally_json_get(report_of_day(lines), "positions");
	size_t seen = 0;

	for (size_t i = 0; i < tally_json_count(computed); i++) {
		const struct tally_json *row = tally_json_at(computed, i);
		const struct tally_json *new = tally_json_get(row, "new");

		bool there = tally_json_type(new) == TALLY_JSON_OBJECT;
		char measured[64];

		/* What occurs in ledgers goes on to occur in what is computed from them. */
		figure_of(measured, there ? new : NULL, "measured");
		if (!occurs(recorded, row))
			assert_string_equal(measured, "0");
		else
			seen += compare_row(row, there ? new : NULL, row_like(recorded, row));
	}
	for (size_t i = 0; i < tally_json_count(recorded); i++) {
		const struct tally_json *row = tally_json_at(recorded, i);

		if (!row_like(computed, row))
			compare_row(row, NULL, row);
	}
	return seen;
}
