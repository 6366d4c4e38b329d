/* SPDX-License-Identifier: Apache-2.0 */
/* The report is read back from its JSON, so every case proves the renderer too. */
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../../reports/lane.h"
#include "../../../reports/resume.h"
#include "../../../reports/rule.h"
#include "indexed.h"
#include "reportlib.h"
#include "tally/err.h"
#include "tally/parallel.h"

#define MOST_PACKS 32

static struct tally_pack *packs[MOST_PACKS];
static size_t n_packs;
static struct tally_report_input held, roster;
static struct tally_json_doc *doc;
static struct tally_buf text;
int64_t report_margin;
uint64_t report_entries;

/* Nothing here looks at ids but for their being there; the golden test does. */
static void
no_hash(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	memset(out, (int)(in.len & 0xff), TALLY_HASH);
}

static void
must(int rc, const struct tally_err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static void
render(const struct tally_report_ledger *ledgers, size_t n, const struct tally_report_options *o,
       char format, struct tally_buf *out)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report *r;

	must(tally_report_make(&r, ledgers, n, o, &err), &err);
	if (format == 'j')
		tally_report_json(r, out);
	else if (format == 'c')
		tally_report_csv(r, out);
	else if (format == 'x')
		tally_report_rum(r, out);
	else
		tally_report_text(r, out, format == 'n' ? 80 : 160);
	tally_report_free(r);
}

/* Jobs may be done in any order. */
static void
backwards(size_t n, void (*job)(void *arg, size_t i), void *arg)
{
	while (n > 0)
		job(arg, --n);
}

/* Whatever is reported here is reported from an index, too, which leaves out of the
 * time before the period what it can; on threads and in another order. */
static void
compare_indexed(const struct tally_report_ledger *ledgers, size_t n,
		const struct tally_report_options *o, char format, const struct tally_buf *expected)
{
	struct tally_report_options other = *o;
	struct tally_report_ledger indexed[16];
	struct tally_buf out = TALLY_BUF_INIT;
	size_t made = 0;

	resume_margin = report_margin;
	while (made < n && test_indexed_open(&indexed[made], &ledgers[made]))
		made++;
	for (int way = 0; made == n && way < 2; way++) {
		other.parallel = way ? backwards : tally_parallel;
		other.threads = way ? 3 : tally_parallel_threads();
		lane_patience = way ? 1 : 512;
		tally_buf_clear(&out);
		test_indexed_count = 0;
		render(indexed, n, &other, format, &out);
		assert_int_equal(out.len, expected->len);
		assert_memory_equal(out.p, expected->p, out.len);
	}
	report_entries = test_indexed_count;
	while (made > 0)
		test_indexed_close(&indexed[--made]);
	tally_buf_deinit(&out);
}

/* What a report is made of: ledgers that are open, and options. */
struct opened {
	struct tally_report_ledger ledgers[16];
	size_t n;
	struct tally_report_options o;
	struct tally_zone *zone;
};

static void
open_all(struct opened *a, const struct test_history *h, const char *from, const char *to,
	 const char *zone)
{
	struct tally_err err = TALLY_ERR_INIT;

	*a = (struct opened){ .n = h->count,
			      .o = { .tool = "tally 0.1.0",
				     .tzdata = "2025b",
				     .sha256 = no_hash,
				     .packs = packs,
				     .n_packs = n_packs,
				     .entitlements = held.name ? &held : NULL,
				     .roster = roster.name ? &roster : NULL } };
	must(tally_zone_open(&a->zone, zone, &err), &err);
	must(tally_zone_parse_t(a->zone, from, &a->o.from, &err), &err);
	must(tally_zone_parse_t(a->zone, to, &a->o.to, &err), &err);
	a->o.zone = a->zone;
	for (size_t i = 0; i < h->count; i++)
		a->ledgers[i] = test_ledger_open(&h->ledgers[i]);
}

static void
close_all(struct opened *a)
{
	for (size_t i = 0; i < a->n; i++)
		test_ledger_close(&a->ledgers[i]);
	tally_zone_free(a->zone);
}

void
report_bytes(const struct test_history *h, const char *from, const char *to, const char *zone,
	     char format, struct tally_buf *out)
{
	struct opened a;

	open_all(&a, h, from, to, zone);
	tally_buf_clear(out);
	render(a.ledgers, a.n, &a.o, format, out);
	compare_indexed(a.ledgers, a.n, &a.o, format, out);
	close_all(&a);
}

void
report_use(const struct test_history *h, const char *from, const char *to, const char *zone,
	   void (*use)(void *ctx, struct tally_report *r, const struct tally_report_options *o),
	   void *ctx)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report *r;
	struct opened a;

	open_all(&a, h, from, to, zone);
	a.o.stays = true;
	must(tally_report_make(&r, a.ledgers, a.n, &a.o, &err), &err);
	use(ctx, r, &a.o);
	tally_report_free(r);
	close_all(&a);
}

static void
add_pack(const char *path, struct tally_bytes text_of)
{
	struct tally_err err = TALLY_ERR_INIT;

	assert_true(n_packs < MOST_PACKS);
	must(tally_pack_parse(&packs[n_packs], path, text_of, &err), &err);
	no_hash(packs[n_packs++]->sha256, text_of);
}

static void
settle_packs(void)
{
	struct tally_err err = TALLY_ERR_INIT;

	must(tally_packs_settle(packs, n_packs, &err), &err);
}

static void
drop_packs(void)
{
	while (n_packs > 0)
		tally_pack_free(packs[--n_packs]);
}

void
report_by_all_packs(void)
{
	const char *dir = getenv("TALLY_PACKS");
	struct tally_buf b = TALLY_BUF_INIT;
	glob_t found;

	drop_packs();
	assert_non_null(dir);
	tally_buf_addf(&b, "%s/*.yaml", dir);
	assert_int_equal(glob(tally_buf_cstr(&b), 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct tally_err err = TALLY_ERR_INIT;

		tally_buf_clear(&b);
		must(tally_file_read(AT_FDCWD, found.gl_pathv[i], 1 << 20, &b, &err) - 1, &err);
		add_pack(found.gl_pathv[i], tally_buf_view(&b));
	}
	settle_packs();
	globfree(&found);
	tally_buf_deinit(&b);
}

void
report_by_pack(const char *yaml)
{
	drop_packs();
	add_pack("test.yaml", tally_bytes_str(yaml));
	settle_packs();
}

void
report_with(const char *entitlements, const char *lines)
{
	held = (struct tally_report_input){ entitlements ? "held.yaml" : NULL,
					    tally_bytes_str(entitlements) };
	roster =
		(struct tally_report_input){ lines ? "roster.yaml" : NULL, tally_bytes_str(lines) };
}

static void
drop_report(void)
{
	tally_json_free(doc);
	doc = NULL;
	tally_buf_deinit(&text);
}

void
report_done(void)
{
	drop_report();
	drop_packs();
	report_with(NULL, NULL);
}

const struct tally_json *
report_of_history(const struct test_history *h, const char *from, const char *to)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	drop_report();
	report_bytes(h, from, to, "UTC", 'j', &out);
	must(tally_json_parse(&doc, tally_buf_view(&out), &err), &err);
	tally_buf_deinit(&out);
	return tally_json_root(doc);
}

const struct tally_json *
report_of(const char *lines, const char *from, const char *to, const char *zone)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;

	drop_report();
	test_history_init(&h);
	test_history_add(&h, lines);
	report_bytes(&h, from, to, zone, 'j', &out);
	must(tally_json_parse(&doc, tally_buf_view(&out), &err), &err);
	tally_buf_deinit(&out);
	test_history_deinit(&h);
	return tally_json_root(doc);
}

const struct tally_json *
report_of_day(const char *lines)
{
	return report_of(lines, "2026-03-01", "2026-03-02", "UTC");
}

static void
value_out(const struct tally_json *v, struct tally_buf *out)
{
	switch (tally_json_type(v)) {
	case TALLY_JSON_STRING:
		tally_buf_add_bytes(out, tally_json_string(v));
		break;
	case TALLY_JSON_INT:
		tally_buf_addf(out, "%" PRId64, tally_json_int(v));
		break;
	case TALLY_JSON_BOOL:
		tally_buf_add_str(out, tally_json_bool(v) ? "true" : "false");
		break;
	case TALLY_JSON_NULL:
		tally_buf_add_str(out, "null");
		break;
	case TALLY_JSON_ARRAY:
		for (size_t i = 0; i < tally_json_count(v); i++) {
			tally_buf_add_str(out, i ? "," : "");
			value_out(tally_json_at(v, i), out);
		}
		break;
	default:
		tally_buf_add_str(out, "?");
	}
}

/* "surplus.low", "choices.0.rule": members, and numbers of a list's items. */
static void
field_out(const struct tally_json *row, const char *field, struct tally_buf *out)
{
	tally_buf_clear(out);
	while (row && *field != '\0') {
		size_t n = strcspn(field, ".");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)n, field);
		if (name[0] >= '0' && name[0] <= '9')
			row = (size_t)(name[0] - '0') < tally_json_count(row)
				      ? tally_json_at(row, (size_t)(name[0] - '0'))
				      : NULL;
		else
			row = tally_json_get(row, name);
		field += n + (field[n] == '.');
	}
	if (row)
		value_out(row, out);
}

static bool
agrees(const struct tally_json *row, const char *where)
{
	struct tally_buf value = TALLY_BUF_INIT;
	char *copy = tally_strdup(where), *save = NULL;
	bool yes = true;

	for (char *w = strtok_r(copy, " ", &save); w && yes; w = strtok_r(NULL, " ", &save)) {
		char *is = strchr(w, '=');

		assert_non_null(is);
		*is = '\0';
		field_out(row, w, &value);
		yes = strcmp(tally_buf_cstr(&value), is + 1) == 0;
	}
	tally_buf_deinit(&value);
	free(copy);
	return yes;
}

static const struct tally_json *
find(const struct tally_json *report, const char *array, const char *where, size_t *count)
{
	const struct tally_json *list = tally_json_get(report, array), *found = NULL;

	*count = 0;
	assert_non_null(list);
	for (size_t i = 0; i < tally_json_count(list); i++)
		if (agrees(tally_json_at(list, i), where)) {
			found = tally_json_at(list, i);
			(*count)++;
		}
	return found;
}

const char *
figure(const struct tally_json *report, const char *array, const char *where, const char *field)
{
	size_t count;
	const struct tally_json *row = find(report, array, where, &count);

	if (count > 1)
		fail_msg("%zu rows of %s where %s", count, array, where);
	tally_buf_clear(&text);
	if (row)
		field_out(row, field, &text);
	return tally_buf_cstr(&text);
}

size_t
rows(const struct tally_json *report, const char *array, const char *where)
{
	size_t count;

	find(report, array, where, &count);
	return count;
}
