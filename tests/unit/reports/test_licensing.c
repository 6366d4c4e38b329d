/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packs that are shipped: each rule of the design is there, each pack's own tests
 * hold, and the public licence cases come out of them. Those lie beside the checkout;
 * the ones about time are played by the timeline's test.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "../../../reports/pack_internal.h"
#include "tally/err.h"
#include "tally/json.h"

#define MOST 64

static struct tally_pack *packs[MOST];
static size_t n_packs;

/* Kinds that no pack of ours needs, but the public cases do. */
static const char others[] =
	"pack: others\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
	"  - {rule: rhel/hybrid, metric: vm-pairs-per-host, valid_from: 2026-01-01, unit: u,\n"
	"     product: rhel, source: {text: ServiceNow, read: 2026-11-01}, guests: {os: [x]},\n"
	"     hosts: {os: [x]}, vms_per_unit: 2, round: scope, sockets_per_unit: 2}\n"
	"  - {rule: rhel/sockets, metric: socket-pairs, valid_from: 2026-01-01, unit: socket,\n"
	"     product: rhel, source: {text: rhsm-subscriptions, read: 2026-11-01},\n"
	"     guests: {os: [x]}, sockets_per_unit: 1, unknown_sockets: 1}\n"
	"  - {rule: ibm/rvu-mapc, metric: capacity-tiers, of: hosts, valid_from: 2026-01-01,\n"
	"     unit: rvu, source: {text: HCL BigFix Inventory, read: 2026-11-01},\n"
	"     guests: {software: [x]}, tiers: [{name: a, up_to: 2500, factor: 1.00},\n"
	"     {name: b, up_to: 10000, factor: 0.80}, {name: c, up_to: 50000, factor: 0.60},\n"
	"     {name: d, up_to: 150000, factor: 0.40}, {name: e, factor: 0.20}]}\n"
	"  - {rule: openshift/vcpu-hours, metric: vcpu-hours, valid_from: 2026-01-01,\n"
	"     unit: four-vcpu-hour, product: x, source: {text: rosa.yaml, read: 2026-11-01},\n"
	"     guests: {os: [x]}, time: {factor: 0.25}, decimals: 6}\n";

static int
load(void **state)
{
	const char *folder = getenv("TALLY_PACKS");
	struct tally_err err = TALLY_ERR_INIT;
	const struct dirent *e;
	DIR *d = folder ? opendir(folder) : NULL;

	(void)state;
	if (!d)
		return -1;
	while ((e = readdir(d))) {
		char *path, *text;
		size_t n = strlen(e->d_name);

		if (n < 5 || strcmp(e->d_name + n - 5, ".yaml") != 0)
			continue;
		assert_true(n_packs < MOST - 1);
		path = test_path(folder, e->d_name);
		text = test_file_read(path, &n);
		if (tally_pack_parse(&packs[n_packs++], e->d_name, tally_bytes(text, n), &err) < 0)
			fail_msg("%s", err.text);
		free(text);
		free(path);
	}
	(void)closedir(d);
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_packs; i++)
		tally_pack_free(packs[i]);
	return 0;
}

static const struct rule *
rule_of(const char *id)
{
	int64_t at = INT64_C(1793491200) * TALLY_SECOND; /* 2026-11-01 */

	for (size_t i = 0; i < n_packs; i++) {
		const struct rule *r = pack_rule(packs[i], tally_bytes_str(id), at);

		if (r)
			return r;
	}
	fail_msg("no rule '%s'", id);
	return NULL;
}

static bool
has_test(const struct tally_pack *p, const char *id)
{
	for (size_t i = 0; i < p->n_tests; i++)
		if (strcmp(p->tests[i].rule, id) == 0)
			return true;
	return false;
}

static void
every_rule_of_the_design_is_in_a_pack_with_a_test(void **state)
{
	static const char *const ids[] = {
		"windows-server-standard/host",
		"windows-server-datacenter/host",
		"windows-server/vm",
		"windows-server-standard/spla-month",
		"windows-server/payg",
		"sql-server/vm",
		"sql-server-enterprise/host",
		"rhel/socket-pairs",
		"rhel/vm-pairs",
		"rhel/virtual-datacenter",
		"sles/sockets-or-vms",
		"sles/unlimited",
		"ubuntu-pro/host",
		"ubuntu-pro/vm",
		"oracle-database/processor",
		"ibm/pvu-subcapacity",
		"vmware/cores",
		"windows-client/concurrent",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct rule *r = rule_of(ids[i]);
		bool tested = false;

		for (size_t p = 0; p < n_packs; p++)
			tested = tested || has_test(packs[p], ids[i]);
		if (!tested)
			fail_msg("%s has no test", ids[i]);
		assert_true(strlen(r->source.text) > 10);
	}
}

static void
each_packs_own_tests_hold(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	size_t tests = 0;

	(void)state;
	for (size_t i = 0; i < n_packs; i++) {
		if (tally_pack_check(packs[i], &err) < 0)
			fail_msg("%s", err.text);
		tests += packs[i]->n_tests;
	}
	print_message("%zu tests of %zu packs\n", tests, n_packs);
	assert_true(tests >= 70);
}

static void
they_stand_together(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	if (tally_packs_settle(packs, n_packs, &err) < 0)
		fail_msg("%s", err.text);
}

/* A case's input, as hosts and VMs; everything lives as long as the next case. */
struct input {
	struct formula_host hosts[64];
	uint32_t cores[64][64];
	struct formula_vm vms[64];
	struct formula_input in;
};

static const char *
text_of(const struct tally_json *v, const char *key)
{
	return (const char *)tally_json_string(tally_json_get(v, key)).p;
}

static struct formula_host *
add_host(struct input *i, size_t sockets, const struct tally_json *cores)
{
	struct formula_host *h = &i->hosts[i->in.n_hosts];
	uint32_t *list = i->cores[i->in.n_hosts++];

	assert_true(i->in.n_hosts <= 64 && sockets <= 64);
	for (size_t k = 0; k < sockets; k++)
		list[k] = cores ? (uint32_t)tally_json_int(tally_json_at(cores, k)) : 1;
	h->known = true;
	h->cores = list;
	h->sockets = sockets;
	return h;
}

static void
add_vm(struct input *i, int64_t vcpus)
{
	assert_true(i->in.n_vms < 64);
	i->vms[i->in.n_vms++].vcpus = (uint64_t)vcpus;
}

static uint64_t
number(const struct tally_json *v, const char *key)
{
	int64_t n = tally_json_int(tally_json_get(v, key));

	assert_true(tally_json_get(v, key) && n >= 0);
	return (uint64_t)n;
}

/* Millionths of a number that JSON may hold as a binary fraction. */
static amount
millionths(const struct tally_json *v)
{
	if (tally_json_type(v) == TALLY_JSON_INT)
		return (amount)tally_json_int(v) * AMOUNT_ONE;
	return (amount)(tally_json_real(v) * 1e6 + 0.5);
}

static void
gives(const struct tally_json *c, bool made, const amount *is)
{
	amount want = millionths(tally_json_get(c, "expect"));

	if (!made || *is != want)
		fail_msg("%s: %.6f, not %.6f", text_of(c, "id"), (double)*is / 1e6,
			 (double)want / 1e6);
}

/* Hosts by their cores, sockets, or VMs; VMs by their vCPUs or number. */
static void
read_input(struct input *i, const struct tally_json *in)
{
	static const char *const lists[] = { "hosts", "hosts_visited" };
	const struct tally_json *v;

	memset(i, 0, sizeof(*i));
	i->in.hosts = i->hosts;
	i->in.vms = i->vms;
	if ((v = tally_json_get(in, "cores_per_cpu")))
		add_host(i, tally_json_count(v), v);
	for (size_t l = 0; l < 2; l++)
		for (size_t k = 0; (v = tally_json_get(in, lists[l])) && k < tally_json_count(v);
		     k++)
			add_host(i, tally_json_count(tally_json_at(v, k)), tally_json_at(v, k));
	if ((v = tally_json_get(in, "host_sockets")))
		for (size_t k = 0; k < tally_json_count(v); k++)
			add_host(i, (size_t)tally_json_int(tally_json_at(v, k)), NULL);
	if (tally_json_get(in, "sockets"))
		add_host(i, number(in, "sockets"), NULL)->own = true;
	if ((v = tally_json_get(in, "vms_per_host")))
		for (size_t k = 0; k < tally_json_count(v); k++)
			add_host(i, 2, NULL)->vms = (uint64_t)tally_json_int(tally_json_at(v, k));
	if ((v = tally_json_get(in, "vcpus")) && tally_json_type(v) == TALLY_JSON_ARRAY)
		for (size_t k = 0; k < tally_json_count(v); k++)
			add_vm(i, tally_json_int(tally_json_at(v, k)));
	else if (v)
		add_vm(i, tally_json_int(v));
}

/* Rules whose input is all that they need; the VMs of a host where they are not in
 * its own line. */
static bool
play_plain(const struct tally_json *c, const char *name, const struct tally_json *in)
{
	static const struct {
		const char *name, *rule, *vms;
		uint64_t each; /* VMs of each host, where `vms` is no key */
		bool own, customer;
	} rules[] = {
		{ "WS_STD_HOST", "windows-server-standard/host", "peak_vms", 0, false, false },
		{ "WS_DC_HOST", "windows-server-datacenter/host", NULL, 1, false, false },
		{ "WS_PER_VM", "windows-server/vm", NULL, 0, false, false },
		{ "WS_PER_VM_CUSTOMER", "windows-server/vm", NULL, 0, false, true },
		{ "WS_STD_SPLA_MONTH", "windows-server-standard/spla-month", NULL, 1, false,
		  false },
		{ "SQL_PER_VM", "sql-server/vm", NULL, 0, false, false },
		{ "SQL_ENT_HOST", "sql-server-enterprise/host", NULL, 1, false, false },
		{ "RHEL_SOCKET_PAIR", "rhel/socket-pairs", NULL, 0, true, false },
		{ "RHEL_HYBRID", "rhel/hybrid", "vms", 0, true, false },
		{ "RHEL_VDC", "rhel/virtual-datacenter", NULL, 1, false, false },
		{ "SLES_1_2_VM", "sles/sockets-or-vms", NULL, 0, false, false },
		{ "SLES_1_2_SOCKET", "sles/sockets-or-vms", NULL, 0, true, false },
		{ "SLES_UNLIMITED", "sles/unlimited", NULL, 0, true, false },
		{ "VMWARE_CORES", "vmware/cores", NULL, 0, true, false },
	};
	struct input i;
	amount figure = 0;

	for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++) {
		if (strcmp(rules[k].name, name) != 0)
			continue;
		read_input(&i, in);
		for (size_t h = 0; h < i.in.n_hosts; h++) {
			i.hosts[h].own = rules[k].own;
			if (rules[k].vms)
				i.hosts[h].vms = number(in, rules[k].vms);
			else if (rules[k].each)
				i.hosts[h].vms = rules[k].each;
		}
		i.in.customer = rules[k].customer;
		gives(c, formula_figure(&figure, rule_of(rules[k].rule), &i.in), &figure);
		return true;
	}
	return false;
}

static void
play_pvu(const struct tally_json *c, const struct tally_json *in)
{
	struct rule r = *rule_of("ibm/pvu-subcapacity");
	uint64_t cores = number(in, "physical_cores");
	uint32_t socket = (uint32_t)cores;
	struct formula_host h = { .vms = 1, .cores = &socket, .sockets = 1 };
	const struct tally_json *vcpus = tally_json_get(in, "vcpus");
	uint64_t units = 0;
	amount figure;

	/* A million cores is how the case says that nothing is known of them. */
	h.known = cores < 1000000;
	r.n_units = 0;
	r.units_default = number(in, "pvu_per_core");
	assert_true(h.known || r.units_unknown == number(in, "pvu_per_core"));
	for (size_t k = 0; k < tally_json_count(vcpus); k++)
		h.vcpus += (uint64_t)tally_json_int(tally_json_at(vcpus, k));
	assert_true(formula_server_units(&units, &r, &h));
	figure = (amount)units * AMOUNT_ONE;
	gives(c, true, &figure);
}

struct oracle {
	uint64_t sum;
};
static int
add_group(void *ctx, const char *key, const struct tally_json *cores)
{
	struct oracle *o = ctx;
	uint64_t group;

	assert_true(formula_factor_group(&group, (uint64_t)tally_json_int(cores),
					 strtoul(key, NULL, 10)));
	o->sum += group;
	return 0;
}

static void
play_hours(const struct tally_json *c, const struct rule *r, uint64_t vcpus, uint64_t hours,
	   amount price)
{
	struct formula_vm vm = { vcpus, (tally_i128)hours * 3600 * TALLY_SECOND };
	struct formula_input in = { .vms = &vm, .n_vms = 1 };
	amount figure = 0;
	bool made = formula_figure(&figure, r, &in);

	figure = figure * price / AMOUNT_ONE;
	gives(c, made, &figure);
}

/* Two hosts, one emptied for a while: what ran, and what could have been reached. */
static void
play_cluster(const struct tally_json *c, const struct tally_json *in)
{
	const struct rule *r = rule_of("windows-server-standard/host");
	const struct tally_json *peak = tally_json_get(in, "peak");
	struct input i;
	amount figure = 0;

	read_input(&i, in);
	for (size_t h = 0; h < i.in.n_hosts && peak; h++)
		i.hosts[h].vms = (uint64_t)tally_json_int(tally_json_at(peak, h));
	if (peak)
		gives(c, formula_figure(&figure, r, &i.in), &figure);
	else
		gives(c, formula_reach(&figure, r, &i.in, number(in, "vms"), 0), &figure);
}

static void
play_count(const struct tally_json *c, const struct tally_json *in, const char *rule)
{
	uint64_t n = number(in, "vms");
	struct formula_host host = { .vms = n };
	struct formula_vm *vms = tally_alloc((n + 1) * sizeof(*vms));
	struct formula_input input = { .hosts = &host, .n_hosts = 1, .vms = vms, .n_vms = n };
	amount figure = 0;

	gives(c, formula_figure(&figure, rule_of(rule), &input), &figure);
	free(vms);
}

static bool
play(const struct tally_json *c)
{
	const char *name = text_of(c, "rule");
	const struct tally_json *in = tally_json_get(c, "input");
	amount figure = 0;

	if (play_plain(c, name, in))
		return true;
	if (strcmp(name, "IBM_PVU_SUBCAP") == 0) {
		play_pvu(c, in);
	} else if (strcmp(name, "ORACLE_PROCESSOR") == 0) {
		struct oracle o = { 0 };

		(void)tally_json_each(tally_json_get(in, "cores_by_factor_percent"), add_group, &o);
		figure = (amount)o.sum * AMOUNT_ONE;
		gives(c, true, &figure);
	} else if (strcmp(name, "WS_PAYG") == 0) {
		play_hours(c, rule_of("windows-server/payg"), number(in, "vcpus"),
			   number(in, "hours"), millionths(tally_json_get(in, "rate")));
	} else if (strcmp(name, "REDHAT_VCPU_HOURS") == 0) {
		struct rule r = *rule_of("openshift/vcpu-hours");

		r.time_factor = millionths(tally_json_get(in, "billing_factor"));
		play_hours(c, &r, number(in, "vcpu_hours"), 1, AMOUNT_ONE);
	} else if (strcmp(name, "IBM_RVU_MAPC") == 0) {
		gives(c, formula_tier_units(&figure, rule_of("ibm/rvu-mapc"), number(in, "cores")),
		      &figure);
	} else if (strcmp(name, "SWATCH_SOCKETS") == 0) {
		struct formula_host h = { .vms = 1 };
		struct formula_input one = { .hosts = &h, .n_hosts = 1 };

		gives(c, formula_figure(&figure, rule_of("rhel/sockets"), &one), &figure);
	} else if (strcmp(name, "RHEL_VM_PAIR") == 0) {
		play_count(c, in, "rhel/vm-pairs");
	} else if (strcmp(name, "UBUNTU_PRO") == 0) {
		/* Not all hosts are covered, so the VMs count. */
		assert_true(number(in, "hosts_covered") < number(in, "hosts"));
		play_count(c, in, "ubuntu-pro/vm");
	} else if (strcmp(name, "WS_STD_90D_HWM") == 0 || strcmp(name, "WS_STD_REACH") == 0) {
		play_cluster(c, in);
	} else {
		return false;
	}
	return true;
}

static void
the_public_cases_come_out_of_the_packs(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	size_t n = 0, played = 0, of_time = 0, all;
	char *path, *text;

	(void)state;
	path = test_vectors() ? test_path(test_vectors(), "licensing.json") : NULL;
	text = path ? test_file_read(path, &n) : NULL;
	free(path);
	if (!text) {
		print_message("skipped: ../shared/vectors/licensing.json is not here\n");
		skip();
	}
	if (tally_json_parse(&doc, tally_bytes(text, n), &err) < 0 ||
	    tally_pack_parse(&packs[n_packs++], "others.yaml", tally_bytes_str(others), &err) < 0)
		fail_msg("%s", err.text);
	all = tally_json_count(tally_json_root(doc));
	for (size_t i = 0; i < all; i++) {
		const struct tally_json *c = tally_json_at(tally_json_root(doc), i);
		const char *name = text_of(c, "rule");

		if (play(c)) {
			played++;
		} else if (strncmp(name, "HWM", 3) == 0 || strncmp(name, "AVG_", 4) == 0 ||
			   strcmp(name, "VCPU_HOURS") == 0 || strcmp(name, "MONTH_HOURS") == 0 ||
			   strcmp(name, "RUN_SECONDS") == 0) {
			of_time++;
		} else {
			print_message("%s (%s) needs a history of an estate\n", text_of(c, "id"),
				      name);
		}
	}
	print_message("%zu of %zu cases by formulas, %zu are the timeline's test's\n", played, all,
		      of_time);
	assert_true(played >= 47);
	tally_json_free(doc);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_of_the_design_is_in_a_pack_with_a_test),
		cmocka_unit_test(each_packs_own_tests_hold),
		cmocka_unit_test(they_stand_together),
		cmocka_unit_test(the_public_cases_come_out_of_the_packs),
	};

	return cmocka_run_group_tests_name("reports licensing", tests, load, unload);
}
