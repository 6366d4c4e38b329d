/* SPDX-License-Identifier: Apache-2.0 */
/* What is told beside problems: none is forged, and none that matters is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "verify_internal.h"

static char *
told(const struct tally_verify *v, bool json)
{
	struct tally_buf out = TALLY_BUF_INIT;
	char *text;

	if (json)
		tally_verify_json(v, &out);
	else
		tally_verify_text(v, &out);
	text = tally_strdup(tally_buf_cstr(&out));
	tally_buf_deinit(&out);
	return text;
}

static size_t
times(const char *in, const char *what)
{
	size_t n = 0;

	for (const char *p = in; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
a_remark_is_one_line_whatever_is_in_it(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;
	char *text, *json;

	(void)state;
	assert_int_equal(tally_verify_new(&v, &err), 0);
	remark(&v->problems, "a: %s", "by h\nb: issued: entry 4");
	remark_verdict(&v->problems, "c: %s", "by h\nb: issued: entry 4");
	text = told(v, false), json = told(v, true);
	assert_int_equal(times(text, "remark: "), 2);
	assert_null(strstr(text, "\nb:"));
	assert_non_null(strstr(text, "remark: a: by h\\x0ab: issued"));
	assert_non_null(strstr(json, "\"c: by h\\nb: issued: entry 4\",\n"));
	assert_non_null(strstr(json, "\"a: by h\\nb: issued: entry 4\"\n"));
	free(text), free(json);
	tally_verify_free(v);
}

static void
many_remarks_of_one_path_take_no_room_from_others_and_are_counted(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;
	char *text, *json;

	(void)state;
	assert_int_equal(tally_verify_new(&v, &err), 0);
	remarks_begin(&v->problems);
	for (unsigned i = 0; i < 3000; i++)
		remark(&v->problems, "first: %u", i);
	remarks_begin(&v->problems);
	remark(&v->problems, "second: 0");
	for (unsigned i = 0; i < 200; i++)
		remark_verdict(&v->problems, "report: superseded by %u", i);
	text = told(v, false), json = told(v, true);
	assert_int_equal(times(text, "remark: first: "), REMARKS_MAX);
	assert_int_equal(times(text, "remark: second: 0\n"), 1);
	assert_int_equal(times(text, "remark: report: superseded by "), 200);
	/* What matters comes first; what is left out, last. */
	assert_true(strstr(text, "superseded by 199\n") < strstr(text, "first: 0\n"));
	assert_non_null(strstr(text, "remark: second: 0\nand 2936 more remarks\n"));
	assert_non_null(strstr(json, "\"more_remarks\": 2936,"));
	assert_int_equal(times(json, "superseded by "), 200);
	free(text), free(json);
	tally_verify_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_remark_is_one_line_whatever_is_in_it),
		cmocka_unit_test(many_remarks_of_one_path_take_no_room_from_others_and_are_counted),
	};

	return cmocka_run_group_tests_name("verify remarks", tests, NULL, NULL);
}
