/* SPDX-License-Identifier: Apache-2.0 */
/* Rule packs: what is read, what is refused and where, packs beside each other. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "../../../reports/rule.h"
#include "tally/err.h"

static const char base[] = "pack: p\n"                                       /* 1 */
			   "version: \"1\"\n"                                /* 2 */
			   "title: T\n"                                      /* 3 */
			   "vendor: V\n"                                     /* 4 */
			   "rules:\n"                                        /* 5 */
			   "  - rule: a/host\n"                              /* 6 */
			   "    metric: host-cores\n"                        /* 7 */
			   "    valid_from: 2026-01-01\n"                    /* 8 */
			   "    source: {text: s, read: 2026-01-02}\n"       /* 9 */
			   "    unit: core\n"                                /* 10 */
			   "    product: a\n"                                /* 11 */
			   "    guests: {os: [\"http://a/\"]}\n"             /* 12 */
			   "    minimum: {per_socket: 8}\n"                  /* 13 */
			   "    vms_per_stack: 2\n"                          /* 14 */
			   "tests:\n"                                        /* 15 */
			   "  - rule: a/host\n"                              /* 16 */
			   "    input: {hosts: [{cores: [6, 6], vms: 2}]}\n" /* 17 */
			   "    expect: 16\n";                               /* 18 */

#define SECOND                                                                                     \
	"  - rule: %s\n    metric: host-cores\n    valid_from: %s\n    unit: core\n    product: "  \
	"a\n"                                                                                      \
	"    source: {text: s, read: 2026-01-02}\n    guests: {os: [x]}\n"

static const char software[] = "pack: p\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
			       "  - rule: a/processor\n"
			       "    metric: processor-factor\n"
			       "    valid_from: 2026-01-01\n"
			       "    source: {text: s, read: 2026-01-02}\n"
			       "    unit: processor\n"
			       "    guests: {software: [a]}\n"
			       "    factors: [{cpu: x, factor: 0.5}]\n";

/* `text` with `old` (which stands there once) by `with`. */
static void
replace(struct tally_buf *out, const char *text, const char *old, const char *with)
{
	const char *at = strstr(text, old);

	if (!at)
		fail_msg("not there: %s", old);
	tally_buf_clear(out);
	tally_buf_add(out, text, (size_t)(at - text));
	tally_buf_add_str(out, with);
	tally_buf_add_str(out, at + strlen(old));
}

static struct tally_pack *
parse(const char *text)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_pack *p = NULL;

	if (tally_pack_parse(&p, "dir/f.yaml", tally_bytes_str(text), &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void
refuses(const char *text, const char *error)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_pack *p = NULL;

	if (tally_pack_parse(&p, "dir/f.yaml", tally_bytes_str(text), &err) == 0)
		fail_msg("taken, but: %s", error);
	assert_int_equal(err.code, TALLY_USE);
	if (strncmp(err.text, error, strlen(error)) != 0)
		fail_msg("'%s', not '%s'", err.text, error);
}

static void
a_pack_is_read_with_what_is_absent(void **state)
{
	struct tally_pack *p = parse(base);
	const struct rule *r = &p->rules[0];

	(void)state;
	assert_string_equal(p->name, "f.yaml");
	assert_string_equal(p->path, "dir/f.yaml");
	assert_string_equal(p->id, "p");
	assert_string_equal(p->version, "1");
	assert_int_equal(p->n_rules, 1);
	assert_int_equal(p->n_tests, 1);
	assert_string_equal(r->id, "a/host");
	assert_int_equal(r->kind, METRIC_HOST_CORES);
	assert_int_equal(r->valid_from, INT64_C(1767225600000000000));
	assert_true(r->valid_to == INT64_MAX);
	assert_int_equal(r->place.line, 6);
	assert_int_equal(r->place.column, 11);
	assert_int_equal(r->min_per_socket, 8);
	assert_int_equal(r->vms_per_stack, 2);
	assert_int_equal(r->clock, 3);
	assert_int_equal(r->scopes, RULE_HOST | RULE_CLUSTER | RULE_FLEET);
	assert_int_equal(r->aggregation, AGG_INSTANT);
	assert_int_equal(r->window, WINDOW_PERIOD);
	assert_int_equal(r->unknown_os, UNKNOWN_HIGH);
	assert_int_equal(r->unknown_edition, UNKNOWN_IGNORED);
	assert_true(r->with_guests);
	assert_true(r->time_factor == AMOUNT_ONE);
	assert_int_equal(r->licences.count, 1);
	assert_string_equal(r->licences.items[0], "a");
	tally_pack_free(p);
	tally_pack_free(NULL);
}

static void
what_a_rule_can_say_is_read(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_pack *p;
	const struct rule *r;

	(void)state;
	replace(&b, base, "    vms_per_stack: 2\n",
		"    vms_per_stack: 2\n    aggregation: host-peaks\n    window: 90d\n    reach: "
		"worst\n"
		"    low: tokens\n    move_days: 90\n    scopes: [host, region]\n"
		"    order: {pack: 2, minimum: 72, per_host: true}\n    licences: [b, c]\n"
		"    exclusions: [{right: dr, environments: [dr]}]\n"
		"    covers_editions: [standard]\n    valid_to: 2027-01-01\n"
		"    compare: {group: g, price: 73.5, needs_maintenance: true}\n");
	p = parse(tally_buf_cstr(&b));
	r = &p->rules[0];
	assert_int_equal(r->aggregation, AGG_HOST_PEAKS);
	assert_int_equal(r->window, WINDOW_DAYS);
	assert_int_equal(r->window_days, 90);
	assert_int_equal(r->reach, REACH_WORST);
	assert_int_equal(r->low, LOW_TOKENS);
	assert_int_equal(r->move_days, 90);
	assert_int_equal(r->scopes, RULE_HOST | RULE_REGION);
	assert_int_equal(r->order_pack, 2);
	assert_int_equal(r->order_min, 72);
	assert_true(r->order_per_host);
	assert_int_equal(r->licences.count, 2);
	assert_int_equal(r->n_exclusions, 1);
	assert_string_equal(r->exclusions[0].right, "dr");
	assert_string_equal(r->covers_editions.items[0], "standard");
	assert_true(r->priced && r->price == 73500000);
	assert_true(r->needs_maintenance);
	assert_int_equal(r->valid_to - r->valid_from, INT64_C(365) * 86400 * TALLY_SECOND);
	tally_pack_free(p);
	replace(&b, base, "guests: {os: [\"http://a/\"]}",
		"guests: {os: [x], editions: [e], unknown_os: ignored, unknown_edition: counted, "
		"standby: true, clock: [running, saved]}\n"
		"    exclusions: [{right: dr, environments: [dr], standby: true}]");
	p = parse(tally_buf_cstr(&b));
	r = &p->rules[0];
	assert_int_equal(r->unknown_os, UNKNOWN_IGNORED);
	assert_int_equal(r->unknown_edition, UNKNOWN_COUNTED);
	assert_true(r->count_standby && r->exclusions[0].standby);
	assert_int_equal(r->clock, 1 | 8);
	tally_pack_free(p);
	p = parse(software);
	r = &p->rules[0];
	assert_null(r->product);
	assert_int_equal(r->unknown_os, UNKNOWN_IGNORED);
	assert_int_equal(r->factors[0].hundredths, 50);
	assert_int_equal(r->factor_default, 100);
	tally_pack_free(p);
	tally_buf_deinit(&b);
}

/* A text of the base, what stands in its place, the error. */
static const char *const malformed[][3] = {
	{ "vendor: V\n", "vendor: V\nvendr: V\n", "dir/f.yaml:5:1: unknown key 'vendr'" },
	{ "vendor: V\n", "", "dir/f.yaml:1:1: key 'vendor' is missing" },
	{ "pack: p", "pack: P", "dir/f.yaml:1:7: 'pack' must be" },
	{ "version: \"1\"", "version: {}", "dir/f.yaml:2:10: 'version' must be a text" },
	{ "vms_per_stack", "stack_vm", "dir/f.yaml:14:5: unknown key 'stack_vm'" },
	{ "vms_per_stack: 2", "vms_per_stack: two",
	  "dir/f.yaml:14:20: 'vms_per_stack' must be a whole number" },
	{ "vms_per_stack: 2", "vms_per_stack: 0",
	  "dir/f.yaml:14:20: 'vms_per_stack' must be from 1" },
	{ "vms_per_stack: 2", "vms_per_stack: 99999999999",
	  "dir/f.yaml:14:20: 'vms_per_stack' must be from 1" },
	{ "vms_per_stack: 2", "vms_per_stack: -2",
	  "dir/f.yaml:14:20: 'vms_per_stack' must be a whole number" },
	{ "vms_per_stack: 2", "vms_per_stack: 2\n    vms_per_stack: 3",
	  "dir/f.yaml:15:5: doubled key 'vms_per_stack'" },
	{ "vms_per_stack: 2", "vms_per_unit: 2",
	  "dir/f.yaml:14:19: 'vms_per_unit' means nothing to the metric host-cores" },
	{ "{per_socket: 8}", "{per_vm: 8}",
	  "dir/f.yaml:13:23: 'minimum.per_vm' means nothing to the metric host-cores" },
	{ "{per_socket: 8}", "8", "dir/f.yaml:13:14: 'minimum' must be a map" },
	{ "host-cores", "cores", "dir/f.yaml:7:13: unknown metric kind 'cores'" },
	{ "host-cores", "socket-pairs", "dir/f.yaml:13:14: 'minimum' means nothing" },
	{ "    metric: host-cores\n", "", "dir/f.yaml:6:5: key 'metric' is missing" },
	{ "    source: {text: s, read: 2026-01-02}\n", "",
	  "dir/f.yaml:6:5: key 'source' is missing" },
	{ "text: s, ", "", "dir/f.yaml:9:13: key 'text' is missing" },
	{ "2026-01-02", "2026-02-30", "dir/f.yaml:9:29: 'read' must be a date" },
	{ ", read: 2026-01-02", "", "dir/f.yaml:9:13: key 'read' is missing" },
	{ "2026-01-01", "January", "dir/f.yaml:8:17: 'valid_from' must be a date" },
	{ "2026-01-01", "2026-01-01T00:00:00Z", "dir/f.yaml:8:17: 'valid_from' must be" },
	{ "    valid_from: 2026-01-01\n", "", "dir/f.yaml:6:5: key 'valid_from' is missing" },
	{ "unit: core", "unit: core\n    valid_to: 2026-01-01",
	  "dir/f.yaml:11:15: 'valid_to' must lie behind" },
	{ "rule: a/host\n    metric", "rule: host\n    metric",
	  "dir/f.yaml:6:11: 'rule' must be such as" },
	{ "rule: a/host\n    metric", "rule: a/b/c\n    metric",
	  "dir/f.yaml:6:11: 'rule' must be such as" },
	{ "    product: a\n", "", "dir/f.yaml:6:5: key 'product' is missing" },
	{ "    guests: {os: [\"http://a/\"]}\n", "", "dir/f.yaml:6:5: nothing is counted" },
	{ "[\"http://a/\"]", "[]", "dir/f.yaml:12:18: 'guests.os' is empty" },
	{ "[\"http://a/\"]", "[\"\"]", "dir/f.yaml:12:19: an empty text in 'guests.os'" },
	{ "[\"http://a/\"]", "[x], software: [y]",
	  "dir/f.yaml:12:33: guests are counted by 'os' or by 'software'" },
	{ "[\"http://a/\"]", "x", "dir/f.yaml:12:18: 'os' must be a list of texts" },
	{ "[\"http://a/\"]", "[x], unknown_os: maybe",
	  "dir/f.yaml:12:35: 'guests.unknown_os' must be one of: high, counted, ignored" },
	{ "[\"http://a/\"]", "[x], clock: [running, walking]",
	  "dir/f.yaml:12:40: 'guests.clock' must be one of" },
	{ "unit: core", "unit: core\n    aggregation: peak",
	  "dir/f.yaml:11:18: 'aggregation' must be one of" },
	{ "unit: core", "unit: core\n    aggregation: time",
	  "dir/f.yaml:11:18: the metric host-cores is not summed over 'time'" },
	{ "unit: core", "unit: core\n    window: 90", "dir/f.yaml:11:13: 'window' must be period" },
	{ "unit: core", "unit: core\n    window: 90h",
	  "dir/f.yaml:11:13: 'window' must be period" },
	{ "unit: core", "unit: core\n    window: 9000d",
	  "dir/f.yaml:11:13: 'window' is more than" },
	{ "unit: core", "unit: core\n    low: pinned",
	  "dir/f.yaml:11:10: 'pinned' means nothing to the metric host-cores" },
	{ "unit: core", "unit: core\n    low: tokens",
	  "dir/f.yaml:6:5: 'move_days' and 'low: tokens' go together" },
	{ "unit: core", "unit: core\n    move_days: 9",
	  "dir/f.yaml:11:16: 'move_days' and 'low: tokens' go together" },
	{ "unit: core", "unit: core\n    scopes: [planet]",
	  "dir/f.yaml:11:14: 'scopes' must be one of: host, cluster, region, fleet" },
	{ "unit: core", "unit: core\n    scopes: []", "dir/f.yaml:11:13: 'scopes' is empty" },
	{ "unit: core", "unit: core\n    exclusions: [{right: dr}]",
	  "dir/f.yaml:11:18: an exclusion needs 'environments' or 'standby'" },
	{ "unit: core", "unit: core\n    exclusions: [{environments: [dr]}]",
	  "dir/f.yaml:11:18: key 'right' is missing" },
	{ "unit: core", "unit: core\n    hosts: {hypervisors: [esx]}",
	  "dir/f.yaml:11:27: 'hosts.hypervisors' must be one of" },
	{ "unit: core", "unit: core\n    compare: {group: g, price: 1.2345678}",
	  "dir/f.yaml:11:32: 'compare.price' must be a number with at most 6" },
	{ "unit: core", "unit: core\n    decimals: 2",
	  "dir/f.yaml:11:15: 'decimals' means nothing to the metric host-cores" },
	{ "rules:\n", "rules: []\nx:\n", "dir/f.yaml:6:1: unknown key 'x'" },
	{ "  - rule: a/host\n    input", "  - rule: b/host\n    input",
	  "dir/f.yaml:16:11: no rule 'b/host' of this pack" },
	{ "    input", "    at: 2025-01-01\n    input",
	  "dir/f.yaml:16:11: no rule 'a/host' that is valid then" },
	{ "expect: 16", "expect: many", "dir/f.yaml:18:13: 'expect' must be a number" },
	{ "expect: 16", "expect: -1", "dir/f.yaml:18:13: 'expect' must be a number" },
	{ "    expect: 16\n", "", "dir/f.yaml:16:5: key 'expect' is missing" },
	{ "expect: 16", "expect: 16\n    low: 1", "dir/f.yaml:19:10: no 'low' of this rule" },
	{ "expect: 16", "expect: 16\n    high: 1", "dir/f.yaml:19:11: this rule has no 'reach'" },
	{ "[6, 6]", "[6, x]", "dir/f.yaml:17:29: 'cores' must be whole numbers" },
	{ "cores: [6, 6]", "cores: [6], sockets: 1",
	  "dir/f.yaml:17:21: a host has either 'cores', 'sockets' or 'unknown'" },
	{ "cores: [6, 6], ", "", "dir/f.yaml:17:21: a host has either" },
	{ "vms_per_stack: 2", "vms_per_stack: 2\n    exclusions: [{right: dr, standby: true}]",
	  "dir/f.yaml:15:17: 'standby' excludes what 'guests.standby' does not count" },
	{ "vms: 2", "vms: 2, times: 100000}, {sockets: 1",
	  "dir/f.yaml:17:20: more than 100000 hosts" },
};

static void
what_is_malformed_is_refused_at_its_place(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		replace(&b, base, malformed[i][0], malformed[i][1]);
		refuses(tally_buf_cstr(&b), malformed[i][2]);
	}
	refuses("pack: p\nversion: \"1\"\ntitle: T\nvendor: V\nrules: []\n",
		"dir/f.yaml:5:8: a pack without rules");
	refuses("", "dir/f.yaml:1:1: key 'pack' is missing");
	refuses("- a\n", "dir/f.yaml:1:1: must be a map");
	refuses("a: [\n", "dir/f.yaml:2:1: ");
	tally_buf_deinit(&b);
}

static void
factors_are_no_more_than_a_scope_can_hold(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT, factors = TALLY_BUF_INIT;
	struct tally_pack *p;

	(void)state;
	for (unsigned n = 256; n <= 257; n++) {
		tally_buf_clear(&b);
		tally_buf_clear(&factors);
		for (unsigned i = 0; i < n; i++)
			tally_buf_addf(&factors, "      - {cpu: x%u, factor: 0.%02u}\n", i,
				       1 + i % 99);
		tally_buf_addf(&b,
			       "pack: p\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
			       "  - rule: a/p\n    metric: processor-factor\n"
			       "    valid_from: 2026-01-01\n"
			       "    source: {text: s, read: 2026-01-02}\n    unit: core\n"
			       "    product: a\n    guests: {os: [x]}\n    factors:\n%s",
			       tally_buf_cstr(&factors));
		if (n == 257)
			refuses(tally_buf_cstr(&b), "dir/f.yaml:14:7: more than 256 factors");
		else if ((p = parse(tally_buf_cstr(&b))))
			tally_pack_free(p);
	}
	tally_buf_deinit(&factors);
	tally_buf_deinit(&b);
}

static void
so_is_what_is_malformed_in_tables(void **state)
{
	static const char *const cases[][3] = {
		{ "    factors: [{cpu: x, factor: 0.5}]\n", "",
		  "dir/f.yaml:6:5: key 'factors' is missing for the metric processor-factor" },
		{ "0.5", "half", "dir/f.yaml:12:32: 'factor' must be a number" },
		{ "0.5", "0.555", "dir/f.yaml:12:32: 'factor' must be a number" },
		{ "0.5", "0.", "dir/f.yaml:12:32: 'factor' must be a number" },
		{ "0.5", ".5", "dir/f.yaml:12:32: 'factor' must be a number" },
		{ "0.5", "0.x5", "dir/f.yaml:12:32: 'factor' must be a number" },
		{ "cpu: x, ", "", "dir/f.yaml:12:15: key 'cpu' is missing" },
		{ "unit: processor", "unit: processor\n    product: a",
		  "dir/f.yaml:11:14: a rule about software names its product by it" },
		{ "unit: processor", "unit: processor\n    low: pinned",
		  "dir/f.yaml:6:5: 'approved' and 'low: pinned' go together" },
		{ "unit: processor", "unit: processor\n    low: tokens\n    approved: [x]",
		  "dir/f.yaml:11:10: 'tokens' means nothing to the metric processor-factor" },
		{ "unit: processor", "unit: processor\n    approved: [x]",
		  "dir/f.yaml:11:15: 'approved' and 'low: pinned' go together" },
		{ "[a]", "[a], unknown_os: high",
		  "dir/f.yaml:11:41: 'unknown_os' means nothing without 'os'" },
		{ "processor-factor", "vcpu-hours",
		  "dir/f.yaml:12:14: 'factors' means nothing to the metric vcpu-hours" },
		{ "processor-factor\n", "vcpu-hours\n    time: {factor: 0}\n    x",
		  "dir/f.yaml:9:5: unknown key" },
	};
	static const char *const tiers[][2] = {
		{ "[{name: a, factor: 1}, {name: b, factor: 2}]",
		  "dir/f.yaml:13:13: every tier but the last has 'up_to'" },
		{ "[{name: a, up_to: 5, factor: 1}]",
		  "dir/f.yaml:13:30: every tier but the last has 'up_to'" },
		{ "[{name: a, up_to: 5, factor: 1}, {name: b, up_to: 5, factor: 2}, {name: c, "
		  "factor: 1}]",
		  "dir/f.yaml:13:62: 'up_to' must be above that before it" },
		{ "[]", "dir/f.yaml:13:12: 'tiers' is empty" },
	};
	struct tally_buf b = TALLY_BUF_INIT, c = TALLY_BUF_INIT, t = TALLY_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		replace(&b, software, cases[i][0], cases[i][1]);
		refuses(tally_buf_cstr(&b), cases[i][2]);
	}
	replace(&c, software, "processor-factor\n", "capacity-tiers\n    of: hosts\n");
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		tally_buf_clear(&t);
		tally_buf_addf(&t, "tiers: %s", tiers[i][0]);
		replace(&b, tally_buf_cstr(&c), "factors: [{cpu: x, factor: 0.5}]",
			tally_buf_cstr(&t));
		refuses(tally_buf_cstr(&b), tiers[i][1]);
	}
	tally_buf_deinit(&b);
	tally_buf_deinit(&c);
	tally_buf_deinit(&t);
}

/* The base's rules with another behind them, and no tests. */
static const char *
with_second(struct tally_buf *out, const char *first_to, const char *id, const char *from)
{
	tally_buf_clear(out);
	tally_buf_add(out, base, (size_t)(strstr(base, "tests:") - base));
	if (first_to)
		tally_buf_addf(out, "    valid_to: %s\n", first_to);
	tally_buf_addf(out, SECOND, id, from);
	return tally_buf_cstr(out);
}

static void
versions_of_a_rule_follow_one_another(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_pack *p = parse(with_second(&b, "2026-07-01", "a/host", "2026-07-01"));
	struct tally_bytes id = tally_bytes_str("a/host");
	int64_t july = p->rules[0].valid_to;

	(void)state;
	assert_int_equal(p->n_rules, 2);
	assert_ptr_equal(pack_rule(p, id, july - 1), &p->rules[0]);
	assert_ptr_equal(pack_rule(p, id, july), &p->rules[1]);
	assert_ptr_equal(pack_rule(p, id, INT64_MAX - 1), &p->rules[1]);
	assert_null(pack_rule(p, id, p->rules[0].valid_from - 1));
	assert_null(pack_rule(p, tally_bytes_str("a/hos"), july));
	tally_pack_free(p);
	/* In whatever order they stand. */
	p = parse(with_second(&b, NULL, "a/aa", "2026-07-01"));
	assert_string_equal(p->rules[0].id, "a/aa");
	tally_pack_free(p);
	refuses(with_second(&b, "2026-07-01", "a/host", "2026-07-02"),
		"dir/f.yaml:18:17: a hole in validity between rule 'a/host' and its other version "
		"of line 6");
	refuses(with_second(&b, "2026-07-02", "a/host", "2026-07-01"),
		"dir/f.yaml:18:17: overlapping validity of rule 'a/host'");
	refuses(with_second(&b, NULL, "a/host", "2026-07-01"),
		"dir/f.yaml:17:17: overlapping validity of rule 'a/host'");
	refuses(with_second(&b, NULL, "a/host", "2026-01-01"),
		"dir/f.yaml:15:11: doubled rule: 'a/host' and its other version of line 6");
	tally_buf_deinit(&b);
}

static void
packs_stand_together_without_a_double(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_pack *packs[2];

	(void)state;
	packs[0] = parse(base);
	replace(&b, base, "pack: p", "pack: o");
	packs[1] = parse(tally_buf_cstr(&b));
	assert_int_equal(tally_packs_settle(packs, 2, &err), -1);
	assert_string_equal(err.text, "dir/f.yaml:6:11: rule 'a/host' stands in dir/f.yaml:6:11, "
				      "too");
	assert_int_equal(err.code, TALLY_USE);
	tally_pack_free(packs[0]); /* the one called o, now */
	packs[0] = parse(software);
	assert_int_equal(tally_packs_settle(packs, 2, &err), -1);
	assert_string_equal(err.text, "dir/f.yaml:1:1: the pack 'p' is dir/f.yaml, too");
	tally_pack_free(packs[0]);
	packs[0] = packs[1];
	replace(&b, software, "pack: p", "pack: o");
	packs[1] = parse(tally_buf_cstr(&b));
	assert_int_equal(tally_packs_settle(packs, 2, &err), 0);
	assert_string_equal(packs[0]->id, "o");
	assert_int_equal(tally_packs_settle(packs, 0, &err), 0);
	tally_pack_free(packs[0]);
	tally_pack_free(packs[1]);
	tally_buf_deinit(&b);
}

static void
a_failing_test_is_told_with_its_place(void **state)
{
	static const char *const cases[][3] = {
		{ "expect: 16", "expect: 17", "dir/f.yaml:18:13: rule 'a/host' gives 16, not 17" },
		{ "expect: 16", "expect: 16.5",
		  "dir/f.yaml:18:13: rule 'a/host' gives 16, not 16.5" },
		{ "expect: 16", "expect: 16\n    order: 15",
		  "dir/f.yaml:18:13: rule 'a/host' gives order 16, not 15" },
		{ "vms: 2", "vms: 3", "dir/f.yaml:18:13: rule 'a/host' gives 32, not 16" },
		{ "per_socket: 8", "per_socket: 6",
		  "dir/f.yaml:18:13: rule 'a/host' gives 12, not 16" },
	};
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_pack *p = parse(base);
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(tally_pack_check(p, &err), 0);
	tally_pack_free(p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		replace(&b, base, cases[i][0], cases[i][1]);
		p = parse(tally_buf_cstr(&b));
		assert_int_equal(tally_pack_check(p, &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		assert_string_equal(err.text, cases[i][2]);
		tally_pack_free(p);
	}
	replace(&b, base, "{per_socket: 8}", "{per_socket: 1000000000}");
	p = parse(tally_buf_cstr(&b));
	assert_int_equal(tally_pack_check(p, &err), -1);
	assert_string_equal(err.text, "dir/f.yaml:18:13: rule 'a/host' gives 2000000000, not 16");
	tally_pack_free(p);
	tally_buf_deinit(&b);
}

static void
texts_fit_patterns_and_prefixes(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "a", "A", true },
		{ "A", "a", true },
		{ "*xeon*", "Intel(R) Xeon(R) Gold", true },
		{ "*xeon*", "Intel Xe on", false },
		{ "xeon*", "Intel Xeon", false },
		{ "*on", "xeon", true },
		{ "*on", "xeons", false },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "acb", false },
		{ "*a*b", "aab", true },
		{ "*ab", "aab", true },
		{ "**", "x", true },
		{ "a**", "a", true },
		{ "a", "ab", false },
		{ "ab", "a", false },
	};
	char *items[] = { (char *)(uintptr_t) "http://a/1", (char *)(uintptr_t) "http://b/" };
	struct tally_strings list = { items, 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (rule_text_fits(cases[i].pattern, tally_bytes_str(cases[i].text)) !=
		    cases[i].fits)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
	assert_true(rule_os_fits(&list, tally_bytes_str("http://a/1")));
	assert_true(rule_os_fits(&list, tally_bytes_str("http://a/10")));
	assert_true(rule_os_fits(&list, tally_bytes_str("http://b/x")));
	assert_false(rule_os_fits(&list, tally_bytes_str("http://a/")));
	assert_false(rule_os_fits(&list, tally_bytes_str("")));
	assert_true(rule_in(&list, tally_bytes_str("http://b/")));
	assert_false(rule_in(&list, tally_bytes_str("http://b/x")));
}

static void
a_pack_is_told_to_a_reader(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct tally_pack *p = parse(with_second(&b, "2026-07-01", "a/host", "2026-07-01"));

	(void)state;
	tally_packs_list(&p, 1, &out);
	assert_string_equal(
		tally_buf_cstr(&out),
		"a/host  host-cores         2026-01-01  2026-07-01  p                1\n"
		"a/host  host-cores         2026-07-01  -           p                1\n");
	tally_buf_clear(&out);
	tally_pack_show(p, "b/host", &out);
	assert_int_equal(out.len, 0);
	tally_pack_show(p, "a/host", &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "\nmin per socket   8\n"));
	assert_non_null(strstr(tally_buf_cstr(&out), "\nvalid to         2026-07-01\n"));
	assert_non_null(strstr(tally_buf_cstr(&out), "\n\nrule             a/host\n"));
	tally_pack_free(p);
	tally_buf_deinit(&b);
	tally_buf_deinit(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pack_is_read_with_what_is_absent),
		cmocka_unit_test(what_a_rule_can_say_is_read),
		cmocka_unit_test(what_is_malformed_is_refused_at_its_place),
		cmocka_unit_test(factors_are_no_more_than_a_scope_can_hold),
		cmocka_unit_test(so_is_what_is_malformed_in_tables),
		cmocka_unit_test(versions_of_a_rule_follow_one_another),
		cmocka_unit_test(packs_stand_together_without_a_double),
		cmocka_unit_test(a_failing_test_is_told_with_its_place),
		cmocka_unit_test(texts_fit_patterns_and_prefixes),
		cmocka_unit_test(a_pack_is_told_to_a_reader),
	};

	return cmocka_run_group_tests_name("reports pack", tests, NULL, NULL);
}
