/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random small histories: what is not changed stays as it is, to the byte; what is
 * changed is as if it had been recorded so; and a machine more lowers nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "randomlib.h"
#include "simulatelib.h"

#define SEEDS 24

/* A line in front of all others. */
static const char *
with(struct tally_buf *out, const char *line, const struct random_history *h, bool with_added)
{
	struct tally_buf b = TALLY_BUF_INIT;

	random_write(&b, h, with_added);
	tally_buf_clear(out);
	tally_buf_add_str(out, line);
	tally_buf_add_bytes(out, tally_buf_view(&b));
	tally_buf_deinit(&b);
	return tally_buf_cstr(out);
}

static void
no_change_gives_the_same_bytes(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	for (uint64_t seed = 1; seed <= 3 * SEEDS; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		identical(with(&b, "", &h, true), NULL);
	}
	tally_buf_deinit(&b);
}

static void
there_and_back_gives_the_same_bytes(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		/* A machine that is on h0 for some time, or the move has nobody to move. */
		identical(with(&b, "h0 00:30 start q vcpus=3\nh0 00:31 stop q\n", &h, true),
			  "--add-host z,like=h0", "--move *,host=h0,to=z", "--move *,host=z,to=h0",
			  "--remove-host z", NULL);
		identical(tally_buf_cstr(&b), "--add-host z,cores=8", "--add-host y,like=z",
			  "--grow z,cores=9", "--remove-host z", "--move *71,to=y",
			  "--remove-host y,to=h0", NULL);
	}
	tally_buf_deinit(&b);
}

static void
an_empty_host_apart_changes_nothing(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t rows_seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_history h;
		const struct tally_json *list;

		random_make(&h, seed, RANDOM_ALL);
		what_if(with(&b, "", &h, true), "--add-host z,cores=8+8,cluster=apart", NULL);
		list = tally_json_get(what_if_json(), "positions");
		for (size_t i = 0; i < tally_json_count(list); i++)
			assert_false(
				tally_json_bool(tally_json_get(tally_json_at(list, i), "differs")));
		rows_seen += tally_json_count(list);
	}
	assert_true(rows_seen > 700);
	tally_buf_deinit(&b);
}

/* In its cluster it is within reach; and whatever its facts say is as if recorded. */
static void
an_added_host_is_as_one_that_was_recorded(void **state)
{
	static const char *const facts[][2] = {
		{ "cores=8+8,cluster=c1,region=eu,cpu=Xeon,max-sockets=2",
		  "cores_per_socket=8,8 cluster=c1 region=eu cpu=Xeon max_sockets=2" },
		{ "cores=2x16,cluster=c2,region=us,hypervisor=vmware,os=http://suse.com/sles/15",
		  "cores_per_socket=16,16 cluster=c2 region=us hypervisor=vmware "
		  "os=http://suse.com/sles/15" },
	};
	struct tally_buf b = TALLY_BUF_INIT, change = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		const char *const *f = facts[seed % 2];
		char line[256];
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		tally_buf_clear(&change);
		tally_buf_addf(&change, "--add-host h9,%s", f[0]);
		what_if(with(&b, "", &h, true), tally_buf_cstr(&change), NULL);
		snprintf(line, sizeof(line), "h9 00:00 host %s boot=1\nh9 23:59 heartbeat\n", f[1]);
		seen += same_as(with(&b, line, &h, true));
	}
	assert_true(seen > 700);
	tally_buf_deinit(&b);
	tally_buf_deinit(&change);
}

static void
a_removed_host_is_as_a_ledger_that_is_not_there(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT, rest = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_LOSSES);
		what_if(with(&b, "", &h, true), "--remove-host h0,to=gone", NULL);
		tally_buf_clear(&rest);
		for (size_t i = 0; i < h.n; i++)
			if (strncmp(h.p[i].text, "h0 ", 3) != 0)
				tally_buf_add_str(&rest, h.p[i].text);
		seen += same_as(tally_buf_cstr(&rest));
	}
	assert_true(seen > 700);
	tally_buf_deinit(&b);
	tally_buf_deinit(&rest);
}

static void
a_machine_that_is_gone_was_never_there(void **state)
{
	char change[64];
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	snprintf(change, sizeof(change), "--move 00000000-0000-0000-0000-0000000000%02x,to=gone",
		 'a' + RANDOM_VMS - 1);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_MOVES);
		what_if(with(&b, "", &h, true), change, NULL);
		seen += same_as(with(&b, "", &h, false));
	}
	assert_true(seen > 700);
	tally_buf_deinit(&b);
}

static void
other_vcpus_are_as_if_they_were_recorded(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT, other = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		what_if(with(&b, "", &h, true), "--grow *,vcpus=21", NULL);
		tally_buf_clear(&other);
		for (const char *p = tally_buf_cstr(&b); *p;) {
			const char *at = strstr(p, "vcpus=");

			if (!at)
				at = p + strlen(p);
			tally_buf_add(&other, p, (size_t)(at - p));
			p = at;
			if (*p) {
				tally_buf_add_str(&other, "vcpus=21");
				p += strlen("vcpus=");
				p += strspn(p, "0123456789");
			}
		}
		seen += same_as(tally_buf_cstr(&other));
	}
	assert_true(seen > 700);
	tally_buf_deinit(&b);
	tally_buf_deinit(&other);
}

/* Exact: integers, and decimals of one rule with as many digits as they need. */
static bool
falls(const struct tally_json *more, const char *key)
{
	const struct tally_json *v = tally_json_get(more, key);

	if (tally_json_type(v) == TALLY_JSON_STRING)
		return tally_json_string(v).p[0] == '-';
	return tally_json_int(v) < 0;
}

static void
copies_lower_nothing(void **state)
{
	static const char *const changes[] = { "--grow *,copies=1", "--grow *,host=h1,copies=3",
					       "--grow *,os=windows-server,copies=2,to=h2",
					       "--grow *,copies=2,to=cluster:c1" };
	struct tally_buf b = TALLY_BUF_INIT;
	size_t risen = 0, made = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
		struct random_history h;
		const struct tally_json *list;

		random_make(&h, seed, RANDOM_ALL);
		/* One of each kind, so that there is something to copy and a place for it. */
		what_if(with(&b,
			     "h1 00:10 start q vcpus=3 os=http://microsoft.com/win/2k22\n"
			     "h1 00:11 stop q\nh9 00:00 host cores_per_socket=8 cluster=c1\n"
			     "h9 23:59 heartbeat\n",
			     &h, true),
			changes[seed % 4], NULL);
		list = tally_json_get(what_if_json(), "positions");
		for (size_t i = 0; i < tally_json_count(list); i++) {
			const struct tally_json *row = tally_json_at(list, i);
			const struct tally_json *more = tally_json_get(row, "more");

			if (falls(more, "low") || falls(more, "measured") || falls(more, "high"))
				fail_msg(
					"seed %" PRIu64 ": %s %s falls", seed,
					(const char *)tally_json_string(tally_json_get(row, "rule"))
						.p,
					(const char *)tally_json_string(tally_json_get(row, "id"))
						.p);
			risen += tally_json_bool(tally_json_get(row, "differs"));
		}
		made++;
	}
	assert_true(made == 2 * SEEDS && risen > 300);
	tally_buf_deinit(&b);
}

/* What counts machines and not hosts does not see where they stand. */
static void
moves_conserve_what_machines_need(void **state)
{
	static const char *const rules[] = { "windows-server/payg", "windows-server/vm",
					     "ubuntu-pro/vm",       "sql-server/vm",
					     "rhel/vm-pairs",       "windows-client/concurrent" };
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		what_if(with(&b, "h0 00:30 start q vcpus=3\nh0 00:31 stop q\n", &h, true),
			"--add-host z,cores=8,cluster=y", "--add-host x,like=z",
			"--move *,host=h0,to=cluster:y", "--remove-host h1,to=cluster:y",
			"--remove-host x", NULL);
		for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
			char where[128];

			snprintf(where, sizeof(where), "rule=%s scope=fleet differs=true",
				 rules[i]);
			if (rows(what_if_json(), "positions", where) > 0)
				fail_msg("seed %" PRIu64 ": %s", seed, rules[i]);
			snprintf(where, sizeof(where), "rule=%s scope=fleet", rules[i]);
			seen += rows(what_if_json(), "positions", where);
		}
	}
	assert_true(seen > 80);
	tally_buf_deinit(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_change_gives_the_same_bytes),
		cmocka_unit_test(there_and_back_gives_the_same_bytes),
		cmocka_unit_test(an_empty_host_apart_changes_nothing),
		cmocka_unit_test(an_added_host_is_as_one_that_was_recorded),
		cmocka_unit_test(a_removed_host_is_as_a_ledger_that_is_not_there),
		cmocka_unit_test(a_machine_that_is_gone_was_never_there),
		cmocka_unit_test(other_vcpus_are_as_if_they_were_recorded),
		cmocka_unit_test(copies_lower_nothing),
		cmocka_unit_test(moves_conserve_what_machines_need),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports simulate random", tests, NULL, NULL);
	what_if_done();
	report_done();
	return failed;
}
