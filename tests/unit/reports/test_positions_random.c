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
#include "reportlib.h"

#define HOSTS 4
#define VMS   6

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static unsigned
below(uint64_t *seed, unsigned n)
{
	return (unsigned)(next_random(seed) % n);
}

static const char *const systems[] = {
	"os=http://microsoft.com/win/2k22 edition=standard",
	"os=http://microsoft.com/win/2k19 edition=datacenter",
	"os=http://microsoft.com/win/2k22",
	"os=http://redhat.com/rhel/9.2",
	"os=http://suse.com/sles/15",
	"os=http://ubuntu.com/ubuntu/22.04",
	"os=http://microsoft.com/win/11",
	"",
	"software=oracle-database-enterprise pinned=0,1 os=http://redhat.com/rhel/9.2",
	"software=ibm-websphere-nd,sql-server-standard",
	"software=sql-server-enterprise os=http://microsoft.com/win/2k22 edition=standard",
};
static const char *const machines[] = {
	"cores_per_socket=8,8 cluster=c1 region=eu cpu=Xeon max_sockets=2",
	"cores_per_socket=4 cluster=c1 region=eu cpu=Xeon",
	"cores_per_socket=16,16,16 cluster=c2 region=us os=http://suse.com/sles/15 "
	"hypervisor=vmware",
	"cores_per_socket=2,2 region=us os=http://redhat.com/rhel/9.2 "
	"partitioning=oracle-linux-kvm",
	"cores_per_socket=24 cluster=c2 hypervisor=vmware",
};

struct event {
	unsigned at, vm;
	bool added; /* of the VM that is not in both histories */
	char text[200];
};
struct history {
	struct event p[400];
	size_t n;
};

static void __attribute__((format(printf, 5, 6)))
add(struct history *h, unsigned at, unsigned vm, bool added, const char *fmt, ...)
{
	struct event *e = &h->p[h->n++];
	va_list ap;

	assert_true(h->n <= sizeof(h->p) / sizeof(*h->p));
	*e = (struct event){ .at = at, .vm = vm, .added = added };
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

/* One VM's day: it starts, stops, moves, is resized, forgets to say that it ended. */
static void
live(struct history *h, uint64_t *seed, unsigned vm, bool added)
{
	unsigned at = 60 + below(seed, 300), host = below(seed, HOSTS);
	char name = (char)('a' + vm);
	bool runs = false;

	for (unsigned steps = 3 + below(seed, 8); steps > 0 && at < 1400; steps--) {
		unsigned what = below(seed, 8), other = below(seed, HOSTS);

		if (!runs) {
			add(h, at, vm, added, "h%u %02u:%02u start %c vcpus=%u %s\n", host, at / 60,
			    at % 60, name, 1 + below(seed, 20),
			    systems[below(seed, sizeof(systems) / sizeof(*systems))]);
			runs = true;
		} else if (what < 2) {
			add(h, at, vm, added, "h%u %02u:%02u stop %c cause=shutdown\n", host,
			    at / 60, at % 60, name);
			runs = false;
		} else if (what < 5 && other != host) {
			add(h, at, vm, added, "h%u %02u:%02u migrate-out %c\n", host, at / 60,
			    at % 60, name);
			host = other;
			add(h, at, vm, added, "h%u %02u:%02u migrate-in %c vcpus=%u\n", host,
			    at / 60, at % 60, name, 1 + below(seed, 20));
		} else if (what == 5) {
			add(h, at, vm, added, "h%u %02u:%02u config %c vcpus=%u\n", host, at / 60,
			    at % 60, name, 1 + below(seed, 20));
		} else if (what == 6) {
			add(h, at, vm, added, "h%u %02u:%02u start %c vcpus=2 %s\n", host, at / 60,
			    at % 60, name, systems[0]);
		} else {
			add(h, at, vm, added, "h%u %02u:%02u suspend %c\n", host, at / 60, at % 60,
			    name);
		}
		at += 10 * below(seed, 30);
	}
}

/* By insertion: what stands at one minute keeps its order. */
static void
sort(struct history *h)
{
	for (size_t i = 1; i < h->n; i++)
		for (size_t k = i; k > 0 && h->p[k - 1].at > h->p[k].at; k--) {
			struct event keep = h->p[k];

			h->p[k] = h->p[k - 1];
			h->p[k - 1] = keep;
		}
}

static void
make(struct history *h, uint64_t seed)
{
	h->n = 0;
	seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < HOSTS; i++) {
		add(h, 0, 0, false, "h%u 00:00 host %s boot=1\n", i,
		    machines[below(&seed, sizeof(machines) / sizeof(*machines))]);
		if (below(&seed, 3) == 0) {
			unsigned at = 600 + below(&seed, 300);

			add(h, at, 0, false, "h%u %02u:%02u host %s boot=%u\n", i, at / 60, at % 60,
			    machines[below(&seed, sizeof(machines) / sizeof(*machines))],
			    1 + below(&seed, 2));
		}
		/* Both histories end alike. */
		add(h, 1439, 0, false, "h%u 23:59 heartbeat\n", i);
	}
	for (unsigned vm = 0; vm < VMS; vm++)
		live(h, &seed, vm, vm + 1 == VMS);
	sort(h);
}

static void
write_history(struct tally_buf *out, const struct history *h, bool with_added)
{
	tally_buf_clear(out);
	for (size_t i = 0; i < h->n; i++)
		if (with_added || !h->p[i].added)
			tally_buf_add_str(out, h->p[i].text);
}

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

static void
the_three_readings_are_in_order(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t seen = 0, apart = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct history h;

		make(&h, seed);
		write_history(&b, &h, true);
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
	assert_true(seen > 5000 && apart > 200);
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
		struct history h;

		make(&h, seed);
		write_history(&b, &h, false);
		report(&b);
		keep_rows();
		write_history(&b, &h, true);
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
		struct history h;

		make(&h, seed);
		write_history(&b, &h, true);
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
		struct history h;

		make(&h, seed);
		write_history(&b, &h, true);
		r = report_of_day(tally_buf_cstr(&b));
		positions = tally_json_get(r, "positions");
		for (unsigned i = 0; i <= HOSTS; i++) {
			char id[16] = "fleet", key[160];
			const char *scope = i == HOSTS ? "fleet" : "host";
			const struct tally_json *row;
			int64_t seconds;

			if (i < HOSTS)
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
