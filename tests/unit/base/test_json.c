/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in and out. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/json.h"

static int
collect(void *ctx, const char *key, const struct tally_json *member)
{
	struct tally_buf *b = ctx;

	tally_buf_addf(b, "%s=%d ", key, (int)tally_json_type(member));
	return strcmp(key, "stop") == 0 ? 7 : 0;
}

static void
values_are_read_as_what_they_are(void **state)
{
	const char *text = "{\"z\":[1,-2,2.5],\"s\":\"a\\u00e9\\n\",\"t\":true,\"n\":null,"
			   "\"stop\":{},\"big\":9223372036854775807}";
	struct tally_json_doc *doc;
	struct tally_err err;
	const struct tally_json *root, *list;
	struct tally_buf seen = TALLY_BUF_INIT;

	(void)state;
	assert_int_equal(tally_json_parse(&doc, tally_bytes_str(text), &err), 0);
	root = tally_json_root(doc);
	assert_int_equal(tally_json_type(root), TALLY_JSON_OBJECT);
	assert_int_equal(tally_json_count(root), 6);
	list = tally_json_get(root, "z");
	assert_int_equal(tally_json_count(list), 3);
	assert_true(tally_json_int(tally_json_at(list, 1)) == -2);
	assert_true(tally_json_real(tally_json_at(list, 2)) == 2.5);
	assert_null(tally_json_at(list, 3));
	assert_null(tally_json_get(root, "absent"));
	assert_null(tally_json_get(list, "z"));
	assert_true(tally_bytes_eq(tally_json_string(tally_json_get(root, "s")),
				   tally_bytes_str("a\xc3\xa9\n")));
	assert_true(tally_json_bool(tally_json_get(root, "t")));
	assert_true(tally_json_int(tally_json_get(root, "big")) == INT64_MAX);
	/* As what it is not. */
	assert_int_equal(tally_json_string(list).len, 0);
	assert_true(tally_json_int(tally_json_get(root, "s")) == 0);
	assert_false(tally_json_bool(tally_json_get(root, "n")));
	assert_int_equal(tally_json_each(root, collect, &seen), 7);
	assert_string_equal(tally_buf_cstr(&seen), "z=5 s=4 t=1 n=0 stop=6 ");
	tally_buf_deinit(&seen);
	tally_json_free(doc);
	tally_json_free(NULL);
}

static void
what_is_not_strict_json_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *place;
	} cases[] = {
		{ "", "1:1: " },
		{ "{", "1:2: " },
		{ "{\"a\":1", "1:7: " },
		{ "{\"a\":1}x", "1:8: " },
		{ "{\"a\":1} {}", "1:9: " },
		{ "{\"a\":1,\"b\":2,\"a\":3}", "1:14: " },
		{ "{\"a\\\"\":1, \"a\\\"\":3}", "1:11: " },
		{ "{\"a\":\n ?}", "2:2: " },
		{ "{\n\n  \"\xc3\xa9\": ?}", "3:9: " },
		{ "[1,]", "1:4: " },
		{ "[01]", "1:" },
		{ "[1e999]", "1:" },
		{ "[9223372036854775808]", "1:" },
		{ "\"\\u0000\"", "1:" },
		{ "{\"a\\u0000\":1}", "1:" },
		{ "\"\\ud800\"", "1:" },
		{ "\"\xff\"", "1:" },
		{ "\"a\nb\"", "1:2: " },
		{ "\xef\xbb\xbf{}", "1:1: " },
		{ "'a'", "1:1: " },
		{ "nul", "1:" },
		{ "{a:1}", "1:2: " },
		{ "[1] // c", "1:5: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_json_doc *doc;
		struct tally_err err = TALLY_ERR_INIT;

		assert_int_equal(tally_json_parse(&doc, tally_bytes_str(cases[i].text), &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		if (strncmp(err.text, cases[i].place, strlen(cases[i].place)) != 0)
			fail_msg("%s: '%s' is not at %s", cases[i].text, err.text, cases[i].place);
	}
}

static void
a_nul_byte_ends_nothing(void **state)
{
	static const char *const texts[] = { "{}\0", "\0{}", "[1\0]", "\"a\0b\"" };
	static const size_t lengths[] = { 3, 3, 4, 5 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct tally_json_doc *doc;
		struct tally_err err;

		assert_int_equal(tally_json_parse(&doc, tally_bytes(texts[i], lengths[i]), &err),
				 -1);
	}
}

static void
deep_nesting_is_an_error_and_no_crash(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_json_doc *doc;
	struct tally_err err;

	(void)state;
	memset(tally_buf_grow(&b, 1000000), '[', 1000000);
	assert_int_equal(tally_json_parse(&doc, tally_buf_view(&b), &err), -1);
	tally_buf_deinit(&b);
}

static void
errors_do_not_carry_what_a_terminal_obeys(void **state)
{
	struct tally_json_doc *doc;
	struct tally_err err;

	(void)state;
	assert_int_equal(tally_json_parse(&doc, tally_bytes_str("{\"\x1b[2J\": \x1b}"), &err), -1);
	assert_null(strchr(err.text, 0x1b));
}

static void
columns_of_members_are_found(void **state)
{
	static const struct {
		const char *line, *key;
		size_t column, value;
	} cases[] = {
		{ "{\"a\":1,\"b\":2}", "a", 2, 6 },
		{ "{\"a\":1,\"b\":2}", "b", 8, 12 },
		{ "{\"a\":1,\"b\":2}", "c", 1, 1 },
		{ " { \"x\" : [ {\"b\":\"}\"}, \"]\" ] , \"b\" :  null }", "b", 31, 38 },
		{ "{\"k\\\"\":\"b\\\\\",\"b\":\"\"}", "b", 14, 18 },
		{ "{\"\\u0062\":{}}", "b", 2, 11 },
		{ "{\"\xc3\xa9\":1,\"b\":3}", "b", 9, 13 },
		{ "{}", "b", 1, 1 },
		{ "[1]", "b", 1, 1 },
		{ "", "b", 1, 1 },
		{ "{\"b", "b", 1, 1 },
		{ "{\"\\", "b", 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_bytes line = tally_bytes_str(cases[i].line);

		assert_int_equal(tally_json_key_column(line, cases[i].key, false), cases[i].column);
		assert_int_equal(tally_json_key_column(line, cases[i].key, true), cases[i].value);
	}
}

static void
write_sample(struct tally_buf *out, bool one_line)
{
	struct tally_jsonw *w = tally_jsonw_new(out, one_line);

	tally_jsonw_object(w);
	tally_jsonw_key(w, "a");
	tally_jsonw_array(w);
	tally_jsonw_u64(w, UINT64_MAX);
	tally_jsonw_i64(w, INT64_MIN);
	tally_jsonw_object(w);
	tally_jsonw_end(w);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "aa");
	tally_jsonw_bool(w, true);
	tally_jsonw_key(w, "b");
	tally_jsonw_null(w);
	tally_jsonw_key(w, "c");
	tally_jsonw_str(w, "text");
	tally_jsonw_key(w, "d");
	tally_jsonw_array(w);
	tally_jsonw_end(w);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

static void
the_writer_indents_or_keeps_to_one_line(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	write_sample(&b, false);
	assert_string_equal(tally_buf_cstr(&b), "{\n"
						"  \"a\": [\n"
						"    18446744073709551615,\n"
						"    -9223372036854775808,\n"
						"    {}\n"
						"  ],\n"
						"  \"aa\": true,\n"
						"  \"b\": null,\n"
						"  \"c\": \"text\",\n"
						"  \"d\": []\n"
						"}");
	tally_buf_clear(&b);
	write_sample(&b, true);
	assert_string_equal(tally_buf_cstr(&b),
			    "{\"a\":[18446744073709551615,-9223372036854775808,{}],\"aa\":true,"
			    "\"b\":null,\"c\":\"text\",\"d\":[]}");
	tally_buf_deinit(&b);
}

static void
every_byte_of_a_string_comes_back_or_is_replaced(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t text[3] = { 'x', (uint8_t)c, 'y' };
		struct tally_buf b = TALLY_BUF_INIT;
		struct tally_jsonw *w = tally_jsonw_new(&b, true);
		struct tally_json_doc *doc;
		struct tally_err err;

		tally_jsonw_string(w, tally_bytes(text, 3));
		for (size_t i = 0; i < b.len; i++)
			assert_true(b.p[i] >= 0x20 && b.p[i] != 0x7f);
		if (c == 0) {
			assert_string_equal(tally_buf_cstr(&b), "\"x\\u0000y\"");
		} else {
			assert_int_equal(tally_json_parse(&doc, tally_buf_view(&b), &err), 0);
			assert_true(tally_bytes_eq(tally_json_string(tally_json_root(doc)),
						   c < 0x80 ? tally_bytes(text, 3)
							    : tally_bytes_str("x\xef\xbf\xbdy")));
			tally_json_free(doc);
		}
		tally_jsonw_free(w);
		tally_buf_deinit(&b);
	}
}

/* Runs f in a child; whether it died of an assert. */
static bool
asserts(void (*f)(struct tally_jsonw *w))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct tally_buf b = TALLY_BUF_INIT;
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		f(tally_jsonw_new(&b, true));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
key_twice(struct tally_jsonw *w)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "a");
	tally_jsonw_null(w);
	tally_jsonw_key(w, "a");
}

static void
key_descends(struct tally_jsonw *w)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "ab");
	tally_jsonw_null(w);
	tally_jsonw_key(w, "a");
}

static void
value_without_key(struct tally_jsonw *w)
{
	tally_jsonw_object(w);
	tally_jsonw_null(w);
}

static void
key_without_value(struct tally_jsonw *w)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "a");
	tally_jsonw_end(w);
}

static void
two_documents(struct tally_jsonw *w)
{
	tally_jsonw_null(w);
	tally_jsonw_null(w);
}

static void
in_order(struct tally_jsonw *w)
{
	tally_jsonw_object(w);
	tally_jsonw_key(w, "");
	tally_jsonw_null(w);
	tally_jsonw_key(w, "a");
	tally_jsonw_null(w);
	tally_jsonw_end(w);
}

static void
what_would_be_no_document_is_a_bug_of_ours(void **state)
{
	(void)state;
	assert_true(asserts(key_twice));
	assert_true(asserts(key_descends));
	assert_true(asserts(value_without_key));
	assert_true(asserts(key_without_value));
	assert_true(asserts(two_documents));
	assert_false(asserts(in_order));
}

static void
thousandths_are_written_as_decimals(void **state)
{
	static const int64_t values[] = { 0, 1, -1, 1250, -62999, INT64_MIN };
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_jsonw *w = tally_jsonw_new(&out, true);

	(void)state;
	tally_jsonw_array(w);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		tally_jsonw_milli(w, values[i]);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	assert_string_equal(tally_buf_cstr(&out),
			    "[0.000,0.001,-0.001,1.250,-62.999,-9223372036854775.808]");
	tally_buf_deinit(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousandths_are_written_as_decimals),
		cmocka_unit_test(values_are_read_as_what_they_are),
		cmocka_unit_test(what_is_not_strict_json_is_refused_with_its_place),
		cmocka_unit_test(a_nul_byte_ends_nothing),
		cmocka_unit_test(deep_nesting_is_an_error_and_no_crash),
		cmocka_unit_test(errors_do_not_carry_what_a_terminal_obeys),
		cmocka_unit_test(columns_of_members_are_found),
		cmocka_unit_test(the_writer_indents_or_keeps_to_one_line),
		cmocka_unit_test(every_byte_of_a_string_comes_back_or_is_replaced),
		cmocka_unit_test(what_would_be_no_document_is_a_bug_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
