/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `tally simulate`: what is wrong is told before any ledger is opened. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "cli.h"

/* Splits at blanks. */
static int
run(const char *line, struct tally_err *err)
{
	char *copy = strdup(line), *argv[24], *save = NULL;
	int argc = 0, r;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	*err = (struct tally_err)TALLY_ERR_INIT;
	r = cli_simulate(argc, argv, err);
	free(copy);
	return r;
}

#define FULL "simulate /nowhere --from 2026-03 --to 2026-04 "

static void
each_wrong_word_is_told_with_its_place(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{ "simulate", "no LEDGER or EXPORT is given ('tally simulate --help' says how)" },
		{ "simulate l", "no --from T is given ('tally simulate --help' says how)" },
		{ "simulate l --from 2026-03",
		  "no --to T is given ('tally simulate --help' says how)" },
		{ FULL, "no change (--add-host, --remove-host, --move, --grow) is given ('tally "
			"simulate --help' says how)" },
		{ FULL "--grow", "option '--grow' needs a value" },
		{ FULL "--all=1", "option '--all' takes no value" },
		{ FULL "--shrink a",
		  "unknown or incomplete option '--shrink' ('tally simulate --help' "
		  "lists them)" },
		{ FULL "--format html", "--format: 'html' is none of text, json, csv" },
		{ FULL "--prices p",
		  "unknown or incomplete option '--prices' ('tally simulate --help' "
		  "lists them)" },
		{ FULL "--remove-host h1 --move a", "change 2, --move 'a', character 1: says not "
						    "where to: to=HOST, to=cluster:NAME or "
						    "to=gone" },
		{ FULL "--add-host h9,cores=8 --add-host h8,core=8",
		  "change 2, --add-host 'h8,core=8', character 4: unknown key 'core' (it knows "
		  "like, "
		  "cores, cluster, region, cpu, max-sockets, threads, hypervisor, os, "
		  "partitioning)" },
		{ "simulate l --from 2026-13 --to 2026-04 --remove-host h1", "--from: " },
		{ "simulate l --from 2026-03 --to 2026-04 --tz Mars --remove-host h1", "--tz: " },
		{ FULL "--from 2026-05", "more than one --from is given: '2026-05'" },
	};
	struct tally_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(run(rows[i].line, &err), -1);
		assert_int_equal(tally_err_exit(&err), 2);
		if (strncmp(err.text, rows[i].error, strlen(rows[i].error)) != 0)
			fail_msg("'%s' instead of '%s'", err.text, rows[i].error);
	}
}

static void
what_is_not_there_is_no_wrong_use(void **state)
{
	struct tally_err err;

	(void)state;
	assert_int_equal(run(FULL "--remove-host h1 --entitlements /nowhere.yaml", &err), -1);
	assert_int_equal(tally_err_exit(&err), 3);
	assert_non_null(strstr(err.text, "--entitlements: /nowhere.yaml"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_word_is_told_with_its_place),
		cmocka_unit_test(what_is_not_there_is_no_wrong_use),
	};

	return cmocka_run_group_tests_name("cli simulate", tests, NULL, NULL);
}
