/* SPDX-License-Identifier: Apache-2.0 */
/* Files of claims: what a row becomes, and what is refused where. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/time.h"
#include "map.h"

#define VM "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"

struct scene {
	struct map_defaults defaults;
	struct tally_zone *zone;
	struct map_file file;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct scene *s = tally_alloc(sizeof(*s));

	if (tally_zone_open(&s->zone, "Europe/Berlin", &s->err) < 0)
		return -1;
	s->defaults.by = "ann";
	s->defaults.zone = s->zone;
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	tally_zone_free(s->zone);
	free(s);
	return 0;
}

static void
reads(struct scene *s, const char *text)
{
	if (map_parse(&s->file, "c.csv", tally_bytes_str(text), &s->defaults, &s->err) < 0)
		fail_msg("%s", s->err.text);
}

static void
assert_text(struct tally_bytes is, const char *expected)
{
	assert_true(tally_bytes_eq(is, tally_bytes_str(expected)));
}

static void
assert_time(uint64_t is, const char *expected)
{
	assert_int_equal(is, test_wall(expected).ns);
}

static void
a_row_becomes_an_entry_for_each_kind_of_claim_that_it_makes(void **state)
{
	struct scene *s = *state;
	const struct tally_event *ev;

	reads(s, "name,vm,os,edition,software,software_removed,tenant,cost_center,environment,from,"
		 "to,reason,by,evidence\r\n"
		 "web1," VM ",http://microsoft.com/win/2k22,standard,a; b ;c,d,acme,4711,test,"
		 "2026-03,2026-04-01T00:00:00.5Z,\"moved, late\",bob,vendor\r\n");
	assert_int_equal(s->file.count, 3);
	assert_int_equal(s->file.rows, 1);
	for (size_t i = 0; i < 3; i++) {
		ev = &s->file.claims[i].ev;
		assert_time(ev->m.from, "2026-02-28T23:00:00Z");
		assert_time(ev->m.to, "2026-04-01T00:00:00.5Z");
		assert_text(ev->o.by, "bob");
		assert_text(ev->o.reason, "moved, late");
		assert_int_equal(ev->m.evidence, TALLY_E_VENDOR);
		assert_int_equal(ev->o.source, TALLY_SRC_OPERATOR);
		assert_int_equal(ev->o.line, 2);
		assert_false(ev->i.name.p || ev->m.has_time || ev->imported);
		assert_int_equal(ev->i.vm[0], 0x6b);
	}
	ev = &s->file.claims[0].ev;
	assert_int_equal(ev->kind, TALLY_OS_CLAIM);
	assert_text(ev->m.os, "http://microsoft.com/win/2k22");
	assert_text(ev->m.edition, "standard");
	ev = &s->file.claims[1].ev;
	assert_int_equal(ev->kind, TALLY_SOFTWARE);
	assert_int_equal(ev->m.software.count, 3);
	assert_text(ev->m.software.items[1], "b");
	assert_text(ev->m.software_removed.items[0], "d");
	ev = &s->file.claims[2].ev;
	assert_int_equal(ev->kind, TALLY_TAGS);
	assert_text(ev->i.tenant, "acme");
	assert_text(ev->i.cost_center, "4711");
	assert_text(ev->m.environment, "test");
	map_file_deinit(&s->file);
}

static void
an_empty_cell_says_nothing_and_options_stand_for_it(void **state)
{
	struct scene *s = *state;
	const struct tally_event *ev;

	s->defaults.reason = "CMDB";
	s->defaults.since = test_wall("2026-03-05T00:00:00Z");
	reads(s, "vm,os,tenant,cost_center,from,reason\n" VM ",,=cmd|'/c calc'!A1,,,\n\n" VM
		 ",,,c,2026-03-06T00:00:00Z,own\n");
	assert_int_equal(s->file.count, 2);
	ev = &s->file.claims[0].ev;
	assert_text(ev->i.tenant, "=cmd|'/c calc'!A1");
	assert_null(ev->i.cost_center.p);
	assert_time(ev->m.from, "2026-03-05T00:00:00Z");
	assert_false(ev->m.has_to);
	assert_text(ev->o.by, "ann");
	assert_text(ev->o.reason, "CMDB");
	ev = &s->file.claims[1].ev;
	assert_null(ev->i.tenant.p);
	assert_text(ev->o.reason, "own");
	assert_int_equal(ev->o.line, 4);
	assert_time(ev->m.from, "2026-03-06T00:00:00Z");
	map_file_deinit(&s->file);
}

/* Without any begin a claim holds since ever, and is a correction all the same. */
static void
a_row_without_a_begin_holds_since_ever(void **state)
{
	struct scene *s = *state;

	reads(s, "vm,tenant,reason\n" VM ",t,r\n");
	assert_true(s->file.claims[0].ev.m.has_from);
	assert_int_equal(s->file.claims[0].ev.m.from, 0);
	assert_true(tally_event_is_correction(&s->file.claims[0].ev));
	map_file_deinit(&s->file);
}

static void
what_is_malformed_is_refused_with_its_place(void **state)
{
	static const char *const cases[][2] = {
		{ "", "c.csv:1:1: no row that names the columns" },
		{ "vm,tenant,reason\n", "c.csv:1:1: no row but the one that names the columns" },
		{ "tenant,reason\nt,r\n", "c.csv:1:1: no column 'vm'" },
		{ "vm,owner\n" VM ",x\n", "c.csv:1:4: unknown column 'owner'" },
		{ "vm,tenant,tenant\n" VM ",x,y\n",
		  "c.csv:1:11: the column 'tenant' is there twice" },
		{ "vm;tenant\n" VM ";x\n", "c.csv:1:1: unknown column 'vm;tenant'" },
		{ "vm,tenant,reason\nweb1,t,r\n",
		  "c.csv:2:1: 'vm' must be a UUID, as 6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11" },
		{ "tenant,vm,reason\nt,,r\n",
		  "c.csv:2:3: 'vm' must be a UUID, as 6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11" },
		{ "vm,tenant,reason\n" VM ",t,r\n" VM ",,r\n",
		  "c.csv:3:1: the row claims nothing of its VM" },
		{ "vm,tenant\n" VM ",t\n",
		  "c.csv:2:1: 'reason' is empty, and there is no --reason" },
		{ "vm,tenant,reason\n" VM ",t,\n",
		  "c.csv:2:40: 'reason' is empty, and there is no --reason" },
		{ "vm,tenant,reason,from,to\n" VM ",t,r,2026-04,2026-03\n",
		  "c.csv:2:50: 'to' is not behind 'from'" },
		{ "vm,tenant,reason,from,to\n" VM ",t,r,2026-04,2026-04\n",
		  "c.csv:2:50: 'to' is not behind 'from'" },
		{ "vm,os,reason\n" VM ",windows,r\n", "c.csv:2:38: 'os' must be a libosinfo URI" },
		{ "vm,software,reason\n" VM ",a;;b,r\n",
		  "c.csv:2:38: 'software' must hold product ids of 1 to 255 bytes with ';' between "
		  "them" },
		{ "vm,software,reason\n" VM ",a;,r\n",
		  "c.csv:2:38: 'software' must hold product ids of 1 to 255 bytes with ';' between "
		  "them" },
		{ "vm,software,software_removed,reason\n" VM ",a;b,b,r\n",
		  "c.csv:2:42: a product stands in 'software', too" },
		{ "vm,tenant,reason,evidence\n" VM ",t,r,none\n",
		  "c.csv:2:42: 'evidence' must be one of operator, hypervisor, agent, disk, "
		  "vendor" },
		{ "vm,tenant,reason\n" VM ",t\n",
		  "c.csv:2:38: the row has 2 cells, the first row names 3 columns" },
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(map_parse(&s->file, "c.csv", tally_bytes_str(cases[i][0]),
					   &s->defaults, &s->err),
				 -1);
		assert_int_equal(s->err.code, TALLY_USE);
		assert_string_equal(s->err.text, cases[i][1]);
		map_file_deinit(&s->file);
	}
}

static void
a_time_that_is_none_and_a_text_that_is_too_long_are_refused(void **state)
{
	struct scene *s = *state;
	struct tally_buf b = TALLY_BUF_INIT;

	assert_int_equal(map_parse(&s->file, "c.csv",
				   tally_bytes_str("vm,tenant,reason,from\n" VM ",t,r,soon\n"),
				   &s->defaults, &s->err),
			 -1);
	assert_ptr_equal(strstr(s->err.text, "c.csv:2:42: 'from': "), s->err.text);
	map_file_deinit(&s->file);
	tally_buf_add_str(&b, "vm,tenant,reason\n" VM ",");
	for (int i = 0; i < MAP_TEXT_MAX + 1; i++)
		tally_buf_add_str(&b, "x");
	tally_buf_add_str(&b, ",r\n");
	assert_int_equal(map_parse(&s->file, "c.csv", tally_buf_view(&b), &s->defaults, &s->err),
			 -1);
	assert_string_equal(s->err.text, "c.csv:2:38: 'tenant' has 256 bytes, 255 are the most");
	map_file_deinit(&s->file);
	tally_buf_deinit(&b);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_row_becomes_an_entry_for_each_kind_of_claim_that_it_makes),
		CASE(an_empty_cell_says_nothing_and_options_stand_for_it),
		CASE(a_row_without_a_begin_holds_since_ever),
		CASE(what_is_malformed_is_refused_with_its_place),
		CASE(a_time_that_is_none_and_a_text_that_is_too_long_are_refused),
	};

	return cmocka_run_group_tests_name("cli map parse", tests, NULL, NULL);
}
