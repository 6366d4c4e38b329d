/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: one error in one line, and which word it is about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "cli.h"

struct options {
	struct cli_input input;
	const char *to, *path;
	uint64_t number;
	bool json;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 't':
		return cli_take_one(&o->input, &o->to, "--to", arg);
	case 'n':
		return cli_take_u64(&o->input, &o->number, "--number", arg);
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->path, "PATH", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "to", 't', "DIR", 0, "where", 0 },
	{ "number", 'n', "N", 0, "how many", 0 },
	{ "json", 'j', NULL, 0, "as JSON", 0 },
	{ 0 },
};
static const struct argp argp = { argp_options, parse, "PATH", "Does.\vExample:\n  tally x y\n",
				  NULL,         NULL,  NULL };

/* Splits at blanks; "_" is an empty word. */
static int
run(const char *line, struct options *o, struct tally_err *err)
{
	char *copy = strdup(line), *argv[16];
	int argc = 0, r;

	for (char *at = copy; *at; argc++) {
		char *end = at + strcspn(at, " ");

		argv[argc] = at;
		at = *end ? end + 1 : end;
		*end = '\0';
		if (strcmp(argv[argc], "_") == 0)
			argv[argc]++;
	}
	argv[argc] = NULL;
	*o = (struct options){ 0 };
	*err = (struct tally_err)TALLY_ERR_INIT;
	r = cli_parse(&argp, argc, argv, &o->input, err);
	free(copy);
	return r;
}

static void
options_and_arguments_come_in_any_order(void **state)
{
	static const char *const lines[] = { "x p --to d --number 7 --json",
					     "x --to=d --json -n7 p", "x -j -t d --num 7 -- p",
					     "x -jtd -n 7 p" };
	struct tally_err err;
	struct options o;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(run(lines[i], &o, &err), 0);
		assert_true(o.to && o.path && o.json && o.number == 7);
	}
}

static void
each_wrong_word_is_named(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{ "x --foo", "unknown or incomplete option '--foo' ('tally x --help' lists them)" },
		{ "x --foo=1 p",
		  "unknown or incomplete option '--foo' ('tally x --help' lists them)" },
		{ "x p --to", "option '--to' needs a value" },
		{ "x --json=1 p", "option '--json' takes no value" },
		{ "x p q", "more than one PATH is given: 'q'" },
		{ "x --to a --to b", "more than one --to is given: 'b'" },
		{ "x --to _", "an empty --to is given" },
		{ "x _", "an empty PATH is given" },
		{ "x --number -1", "--number: '-1' is no number" },
		{ "x --number 18446744073709551616",
		  "--number: '18446744073709551616' is no number" },
		{ "x -q p", "unknown or incomplete option '-q' ('tally x --help' lists them)" },
		{ "x p -jq", "unknown or incomplete option '-jq' ('tally x --help' lists them)" },
		{ "x p -t", "unknown or incomplete option '-t' ('tally x --help' lists them)" },
	};
	struct tally_err err;
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(rows[i].line, &o, &err), -1);
		assert_int_equal(tally_err_exit(&err), 2);
		assert_string_equal(err.text, rows[i].error);
	}
}

static void
help_is_no_error_and_ends_the_parsing(void **state)
{
	struct tally_err err;
	struct options o;

	(void)state;
	assert_int_equal(run("x --help --foo", &o, &err), 1);
	assert_int_equal(run("x -h", &o, &err), 1);
	assert_int_equal(err.code, TALLY_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_come_in_any_order),
		cmocka_unit_test(each_wrong_word_is_named),
		cmocka_unit_test(help_is_no_error_and_ends_the_parsing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
