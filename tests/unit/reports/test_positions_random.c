/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random small histories under all packs. Whatever happens low <= measured <= high;
 * one VM more lowers no position; scopes add up as their rule says; and where a rule
 * counts what the usage rows count, it is the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "randomlib.h"
#include "reportlib.h"

/* Millionths of an integer or a decimal text. */
static int64_t
value(const struct tally_json *row, const char *key)
{
	const struct tally_json *v = tally_json_get(row, key);
	const char *s;
	char *end;
	int64_t whole, parts = 0;

	if (tally_json_type(v) == TALLY_JSON_INT)
		return tally_json_int(v) * 1000000;
	s = (const char *)tally_json_string(v).p;
	whole = strtoll(s, &end, 10) * 1000000;
	if (*end == '.')
		for (int64_t unit = 100000; *++end; unit /= 10)
			parts += (*end - '0') * unit;
	return whole + parts;
}

static bool
is(const struct tally_json *row, const char *key, const char *text)
{
	return tally_bytes_eq(tally_json_string(tally_json_get(row, key)), tally_bytes_str(text));
}

static const struct tally_json *positions;

static const struct tally_json *
report(struct tally_buf *lines)
{
	const struct tally_json *r = report_of_day(tally_buf_cstr(lines));

	positions = tally_json_get(r, "positions");
	return positions;
}

struct row {
	char key[160];
	int64_t low, measured, high;
};
static struct row before[2000];
static size_t n_before;

static void
key_of(char out[160], const struct tally_json *row)
{
	snprintf(out, 160, "%s %s %s %s",
		 (const char *)tally_json_string(tally_json_get(row, "rule")).p,
		 (const char *)tally_json_string(tally_json_get(row, "product")).p,
		 (const char *)tally_json_string(tally_json_get(row, "scope")).p,
		 (const char *)tally_json_string(tally_json_get(row, "id")).p);
}

static void
keep_rows(void)
{
	n_before = tally_json_count(positions);
	assert_true(n_before <= sizeof(before) / sizeof(*before));
	for (size_t i = 0; i < n_before; i++) {
		const struct tally_json *row = tally_json_at(positions, i);

		key_of(before[i].key, row);
		before[i].low = value(row, "low");
		before[i].measured = value(row, "measured");
		before[i].high = value(row, "high");
	}
}

static const struct tally_json *
row_of(const char *key)
{
	for (size_t i = 0; i < tally_json_count(positions); i++) {
		char own[160];

		key_of(own, tally_json_at(positions, i));
		if (strcmp(own, key) == 0)
			return tally_json_at(positions, i);
	}
	return NULL;
}

/* Rights of a part of the estate, and for a part of the time. */
static const char *const rights[] = {
	NULL,
	"- {product: sql-server-standard, metric: core, quantity: 8, rights: [dev-test], "
	"scope: \"cluster:c1\"}\n"
	"- {product: windows-server-standard, metric: core, quantity: 16, rights: [dev-test], "
	"valid_to: 2026-03-01}\n",
	"- {product: windows-server-standard, metric: core, quantity: 16, rights: [dev-test], "
	"valid_from: 2026-03-01, scope: \"host:h1\"}\n",
};

static void
the_three_readings_are_in_order(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0, apart = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 240; seed++) {
		struct random_history h;

		report_with(rights[seed % 3], NULL);
		random_make(&h, seed, RANDOM_ALL);
		random_write(&b, &h, true);
		report(&b);
		keep_rows();
		for (size_t i = 0; i < n_before; i++) {
			const struct row *r = &before[i];

			if (r->low < 0 || r->low > r->measured || r->measured > r->high)
				fail_msg("seed %" PRIu64 ": %s: %" PRId64 " %" PRId64 " %" PRId64,
					 seed, r->key, r->low, r->measured, r->high);
			apart += r->low < r->measured;
			apart += r->measured < r->high;
		}
		seen += n_before;
	}
	report_with(NULL, NULL);
	assert_true(seen > 10000 && apart > 400);
	tally_buf_deinit(&b);
}

/* Hosts whose processors change under a database that is pinned, or is not. */
static void
write_processors(struct tally_buf *b, uint64_t seed)
{
	static const char *const processors[] = { "Intel%20Xeon partitioning=oracle-linux-kvm",
						  "Intel%20Xeon", "IBM%20POWER9",
						  "SPARC-T4 partitioning=oracle-linux-kvm",
						  "other" };

	seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	tally_buf_clear(b);
	for (unsigned h = 0; h < 3; h++) {
		const char *cluster = random_below(&seed, 2) ? "c" : "";

		for (unsigned at = 0; at < 24; at += 4 + random_below(&seed, 12)) {
			tally_buf_addf(b,
				       "h%u %02u:00 host cores_per_socket=%u cluster=%s cpu=%s\n",
				       h, at, 1 + random_below(&seed, 5), cluster,
				       processors[random_below(&seed, 5)]);
			if (at == 0 || random_below(&seed, 3) == 0)
				tally_buf_addf(b,
					       "h%u %02u:%02u start %c vcpus=4 %s"
					       "software=oracle-database-enterprise\n",
					       h, at, random_below(&seed, 60), 'a' + (int)h,
					       random_below(&seed, 3) ? "pinned=0 " : "");
			if (random_below(&seed, 3) == 0)
				tally_buf_addf(b, "h%u %02u:59 stop %c cause=shutdown\n", h, at,
					       'a' + (int)h);
		}
		tally_buf_addf(b, "h%u 23:59 heartbeat\n", h);
	}
}

static void
so_they_are_where_processors_change(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0, apart = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		write_processors(&b, seed);
		report(&b);
		keep_rows();
		for (size_t i = 0; i < n_before; i++) {
			const struct row *r = &before[i];

			if (r->low < 0 || r->low > r->measured || r->measured > r->high)
				fail_msg("seed %" PRIu64 ": %s: %" PRId64 " %" PRId64 " %" PRId64,
					 seed, r->key, r->low, r->measured, r->high);
			apart += r->low < r->measured;
		}
		seen += n_before;
	}
	assert_true(seen > 1000 && apart > 50);
	tally_buf_deinit(&b);
}

/* `low` of pins may fall to full cores and so only rise; no rule here gets cheaper. */
static void
one_vm_more_lowers_nothing(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t risen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		random_write(&b, &h, false);
		report(&b);
		keep_rows();
		random_write(&b, &h, true);
		report(&b);
		for (size_t i = 0; i < n_before; i++) {
			const struct row *r = &before[i];
			const struct tally_json *now = row_of(r->key);

			if (!now)
				fail_msg("seed %" PRIu64 ": %s is gone", seed, r->key);
			if (value(now, "low") < r->low || value(now, "measured") < r->measured ||
			    value(now, "high") < r->high)
				fail_msg("seed %" PRIu64 ": %s: %" PRId64 " %" PRId64 " %" PRId64,
					 seed, r->key, r->low, r->measured, r->high);
			risen += value(now, "measured") > r->measured;
		}
	}
	assert_true(risen > 500);
	tally_buf_deinit(&b);
}

static int64_t
sum_of(const char *rule, const char *product, const char *scope, const char *reading, int64_t *most)
{
	int64_t sum = 0;

	*most = 0;
	for (size_t i = 0; i < tally_json_count(positions); i++) {
		const struct tally_json *row = tally_json_at(positions, i);

		if (!is(row, "rule", rule) || !is(row, "product", product) ||
		    !is(row, "scope", scope))
			continue;
		sum += value(row, reading);
		if (value(row, reading) > *most)
			*most = value(row, reading);
	}
	return sum;
}

static void
scopes_add_up_as_their_rule_says(void **state)
{
	/* Hosts' peaks are added; peaks of the scope lie between the largest and the sum. */
	static const struct {
		const char *rule, *product;
		bool sum;
	} rules[] = {
		{ "windows-server-standard/host", "windows-server", true },
		{ "windows-server-datacenter/host", "windows-server", true },
		{ "windows-server-standard/spla-month", "windows-server", true },
		{ "rhel/virtual-datacenter", "rhel", true },
		{ "rhel/socket-pairs", "rhel", false },
		{ "sles/sockets-or-vms", "sles", false },
		{ "ubuntu-pro/vm", "ubuntu", false },
		{ "vmware/cores", "vmware", false },
		{ "sql-server/vm", "sql-server-enterprise", false },
	};
	static const char *const readings[] = { "measured", "high" };
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		random_write(&b, &h, true);
		report(&b);
		for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
			for (size_t k = 0; k < 2; k++) {
				int64_t most, ignored, hosts, fleet;

				hosts = sum_of(rules[i].rule, rules[i].product, "host", readings[k],
					       &most);
				fleet = sum_of(rules[i].rule, rules[i].product, "fleet",
					       readings[k], &ignored);
				if (rules[i].sum ? fleet != hosts : fleet < most || fleet > hosts)
					fail_msg("seed %" PRIu64 ": %s: %s: %" PRId64
						 " of the hosts, %" PRId64,
						 seed, rules[i].rule, readings[k], hosts, fleet);
				seen += fleet > 0;
			}
	}
	assert_true(seen > 500);
	tally_buf_deinit(&b);
}

/* Of the usage rows at a scope whose product begins so: their peaks or seconds. */
static int64_t
used(const struct tally_json *r, const char *product, const char *scope, const char *id,
     const char *field)
{
	const struct tally_json *list = tally_json_get(r, "usage");
	int64_t sum = 0;

	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *row = tally_json_at(list, i);
		struct tally_bytes p = tally_json_string(tally_json_get(row, "product"));

		if (p.len >= strlen(product) && memcmp(p.p, product, strlen(product)) == 0 &&
		    is(row, "scope", scope) && is(row, "id", id))
			sum += value(row, field) / 1000000;
	}
	return sum;
}

static void
figures_agree_with_the_usage_rows(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		const struct tally_json *r;
		struct random_history h;

		random_make(&h, seed, RANDOM_ALL);
		random_write(&b, &h, true);
		r = report_of_day(tally_buf_cstr(&b));
		positions = tally_json_get(r, "positions");
		for (unsigned i = 0; i <= RANDOM_HOSTS; i++) {
			char id[16] = "fleet", key[160];
			const char *scope = i == RANDOM_HOSTS ? "fleet" : "host";
			const struct tally_json *row;
			int64_t seconds;

			if (i < RANDOM_HOSTS)
				snprintf(id, sizeof(id), "h%u", i);
			snprintf(key, sizeof(key), "ubuntu-pro/vm ubuntu %s %s", scope, id);
			if ((row = row_of(key)))
				assert_int_equal(
					value(row, "measured"),
					1000000 * used(r, "http://ubuntu.com/", scope, id, "peak"));
			snprintf(key, sizeof(key), "rhel/vm-pairs rhel %s %s", scope, id);
			if ((row = row_of(key)))
				assert_int_equal(
					value(row, "measured"),
					(used(r, "http://redhat.com/", scope, id, "peak") + 1) / 2 *
						1000000);
			snprintf(key, sizeof(key), "windows-server/payg windows-server %s %s",
				 scope, id);
			seconds = used(r, "http://microsoft.com/win/2k", scope, id, "vcpu_seconds");
			if ((row = row_of(key)))
				assert_int_equal(value(row, "measured"),
						 (seconds * 1000000 * 2 + 3600) / 7200);
			seen += row && seconds > 0;
		}
	}
	assert_true(seen > 200);
	tally_buf_deinit(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_readings_are_in_order),
		cmocka_unit_test(so_they_are_where_processors_change),
		cmocka_unit_test(one_vm_more_lowers_nothing),
		cmocka_unit_test(scopes_add_up_as_their_rule_says),
		cmocka_unit_test(figures_agree_with_the_usage_rows),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports positions random", tests, NULL, NULL);
	report_done();
	return failed;
}
