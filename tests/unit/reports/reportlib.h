/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_REPORTLIB_H
#define TALLY_TEST_REPORTLIB_H
/* A report of a history that is written as text, and its figures by name. */
#include "history.h"
#include "tally/json.h"
#include "testlib.h"

/* Makes the JSON report of `lines` over [from, to), given as 2026-03-01T.. or as
 * a date or month in `zone`; freed by the next call, and by report_done. */
const struct tally_json *report_of(const char *lines, const char *from, const char *to,
				   const char *zone);
/* The whole of 2026-03-01, UTC. */
const struct tally_json *report_of_day(const char *lines);
/* Of a history that stands, over [from, to) in UTC; freed as the others are. */
const struct tally_json *report_of_history(const struct test_history *h, const char *from,
					   const char *to);
/* Of a history that stands: its report's bytes. `format` is j, c, t, x, or n for
 * a narrow text. */
void report_bytes(const struct test_history *h, const char *from, const char *to, const char *zone,
		  char format, struct tally_buf *out);
/* The report itself, for as long as `use` takes: with all that a page is drawn from. */
void report_use(const struct test_history *h, const char *from, const char *to, const char *zone,
		void (*use)(void *ctx, struct tally_report *r,
			    const struct tally_report_options *o),
		void *ctx);
/* How long before a period entries are left out, and how many the last report took. */
extern int64_t report_margin;
extern uint64_t report_entries;
void report_done(void);
/* Reports from here on are by these rules, until report_done: all packs that the
 * product has, or one that is written here. */
void report_by_all_packs(void);
void report_by_pack(const char *yaml);
/* And with these files, held.yaml and roster.yaml; NULL: without. */
void report_with(const char *entitlements, const char *roster);

/* A field of the only row of an array whose members agree with `where`, which is
 * "key=value key=value"; "" where there is no such row, a number in decimal, null
 * as "null", an array as its texts with commas. States are "states.running". */
const char *figure(const struct tally_json *report, const char *array, const char *where,
		   const char *field);
size_t rows(const struct tally_json *report, const char *array, const char *where);

#define assert_figure(report, array, where, field, expected)                                       \
	assert_string_equal(figure(report, array, where, field), expected)

#endif
