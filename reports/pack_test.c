/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack's own tests: an input of one scope, as plain numbers, and the figures
 * that its rule must give. What needs time (tokens that move) no test can say.
 */
#include <stdlib.h>
#include <string.h>
#include "pack_internal.h"
#include "tally/err.h"
#include "tally/parse.h"

#define AT(member)   offsetof(struct pack_test, member)
#define HOST(member) offsetof(struct raw_host, member)
#define MANY         UINT64_C(1000000000)
#define MOST_LINES   UINT64_C(100000) /* hosts, or VMs, of one test */

#define NUM(key, at)                                                                               \
	{                                                                                          \
		key, TALLY_F_U64, at, false, 0, MANY, NULL, 0                                      \
	}
#define STR(key, at)                                                                               \
	{                                                                                          \
		key, TALLY_F_STRING, at, false, 1, 4096, NULL, 0                                   \
	}

static const struct tally_field host_fields[] = {
	{ "cores", TALLY_F_STRINGS, HOST(cores), false, 0, 0, NULL, 0 },
	{ "sockets", TALLY_F_U64, HOST(sockets), false, 1, 4096, NULL, 0 },
	NUM("max_sockets", HOST(max_sockets)),
	STR("cpu", HOST(cpu)),
	STR("partitioning", HOST(partitioning)),
	NUM("vms", HOST(vms)),
	NUM("vcpus", HOST(vcpus)),
	NUM("pinned", HOST(pinned)),
	{ "times", TALLY_F_U64, HOST(times), false, 1, MOST_LINES, NULL, 0 },
	{ "own", TALLY_F_BOOL, HOST(own), false, 0, 0, NULL, 0 },
	{ "unknown", TALLY_F_BOOL, HOST(unknown), false, 0, 0, NULL, 0 },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL, 0 },
};
static const struct tally_field vm_fields[] = {
	NUM("vcpus", offsetof(struct raw_vm, vcpus)),
	STR("hours", offsetof(struct raw_vm, hours)),
	{ "times", TALLY_F_U64, offsetof(struct raw_vm, times), false, 1, MOST_LINES, NULL, 0 },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL, 0 },
};
static const struct tally_field input_fields[] = {
	{ "hosts", TALLY_F_LIST, AT(hosts), false, 0, 0, host_fields, sizeof(struct raw_host) },
	{ "vms", TALLY_F_LIST, AT(vms), false, 0, 0, vm_fields, sizeof(struct raw_vm) },
	NUM("cluster_vms", AT(cluster_vms)),
	NUM("cluster_vcpus", AT(cluster_vcpus)),
	{ "customer", TALLY_F_BOOL, AT(customer), false, 0, 0, NULL, 0 },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL, 0 },
};
const struct tally_field pack_test_fields[] = {
	{ "rule", TALLY_F_STRING, AT(rule), true, 1, 255, NULL, 0 },
	STR("at", AT(at)),
	STR("source", AT(source)),
	{ "input", TALLY_F_MAP, 0, true, 0, 0, input_fields, 0 },
	{ "expect", TALLY_F_STRING, AT(expect_text), true, 1, 64, NULL, 0 },
	STR("low", AT(low_text)),
	STR("high", AT(high_text)),
	STR("order", AT(order_text)),
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL, 0 },
};

static int
read_amount(const struct pack_place *at, const char *key, const char *text, amount *out)
{
	uint64_t millionths = 0;

	if (pack_decimal(at, key, text, 6, &millionths) < 0)
		return -1;
	*out = millionths;
	return 0;
}

/* The version at the test's date; without a date the newest. */
static int
find_rule(struct pack_test *t, const struct tally_pack *p, const struct pack_place *at)
{
	int64_t when = 0;

	if (pack_date(at, "at", t->at, &when) < 0)
		return -1;
	if (t->at)
		t->of = pack_rule(p, tally_bytes_str(t->rule), when);
	for (size_t i = 0; !t->at && i < p->n_rules; i++)
		if (strcmp(p->rules[i].id, t->rule) == 0)
			t->of = &p->rules[i];
	if (!t->of)
		return pack_error(at, "rule", "no rule '%s'%s of this pack", t->rule,
				  t->at ? " that is valid then" : "");
	return 0;
}

static int
take_cores(struct formula_host *h, const struct raw_host *raw, const struct pack_place *at)
{
	uint64_t n = raw->cores.count ? raw->cores.count : raw->sockets, cores = 1;
	uint32_t *list;

	if ((raw->cores.count > 0) + (raw->sockets > 0) + raw->unknown != 1)
		return pack_error(at, "", "a host has either 'cores', 'sockets' or 'unknown'");
	list = tally_realloc_array(NULL, n + 1, sizeof(*list));
	h->cores = list;
	h->sockets = n;
	for (size_t i = 0; i < n; i++) {
		if (raw->cores.count &&
		    pack_number(at, "cores", raw->cores.items[i], 1000000, &cores) < 0)
			return -1;
		list[i] = (uint32_t)cores;
	}
	return 0;
}

static int
take_hosts(struct pack_test *t, const struct pack_place *at)
{
	const struct tally_yaml *list = pack_node(at->map, "input.hosts");
	struct formula_host *hosts;
	uint64_t n = 0;

	for (size_t i = 0; i < t->hosts.count; i++) {
		const struct raw_host *raw = (struct raw_host *)t->hosts.items + i;

		n += raw->times ? raw->times : 1;
		if (n > MOST_LINES)
			return pack_error(at, "input.hosts", "more than %llu hosts",
					  (unsigned long long)MOST_LINES);
	}
	hosts = tally_alloc((n + 1) * sizeof(*hosts));
	t->input.hosts = hosts;
	for (size_t i = 0; i < t->hosts.count; i++) {
		const struct raw_host *raw = (struct raw_host *)t->hosts.items + i;
		struct pack_place line = { at->name, list->items[i], at->err };
		struct formula_host *first = &hosts[t->input.n_hosts++];

		first->known = !raw->unknown;
		first->own = raw->own;
		first->max_sockets = raw->max_sockets;
		first->cpu = tally_bytes_str(raw->cpu);
		first->partitioning = tally_bytes_str(raw->partitioning);
		first->vms = raw->vms;
		first->vcpus = raw->vcpus;
		first->pinned = raw->pinned;
		if (take_cores(first, raw, &line) < 0)
			return -1;
		for (uint64_t k = 1; k < raw->times; k++)
			hosts[t->input.n_hosts++] = *first;
	}
	return 0;
}

static int
take_vms(struct pack_test *t, const struct pack_place *at)
{
	const struct tally_yaml *list = pack_node(at->map, "input.vms");
	struct formula_vm *vms;
	uint64_t n = 0;

	for (size_t i = 0; i < t->vms.count; i++) {
		const struct raw_vm *raw = (struct raw_vm *)t->vms.items + i;

		n += raw->times ? raw->times : 1;
		if (n > MOST_LINES)
			return pack_error(at, "input.vms", "more than %llu VMs",
					  (unsigned long long)MOST_LINES);
	}
	vms = tally_alloc((n + 1) * sizeof(*vms));
	t->input.vms = vms;
	for (size_t i = 0; i < t->vms.count; i++) {
		const struct raw_vm *raw = (struct raw_vm *)t->vms.items + i;
		struct pack_place line = { at->name, list->items[i], at->err };
		uint64_t micros = 0;

		if (pack_decimal(&line, "hours", raw->hours, 6, &micros) < 0)
			return -1;
		for (uint64_t k = 0; k < (raw->times ? raw->times : 1); k++) {
			vms[t->input.n_vms].vcpus = raw->vcpus;
			vms[t->input.n_vms++].run =
				(tally_i128)micros * 3600 * (TALLY_SECOND / AMOUNT_ONE);
		}
	}
	return 0;
}

int
pack_test_finish(struct pack_test *t, const struct tally_pack *p, const struct pack_place *at)
{
	const struct tally_yaml *expect = pack_node(at->map, "expect");

	t->place = (struct rule_place){ expect->line, expect->column };
	if (find_rule(t, p, at) < 0 || read_amount(at, "expect", t->expect_text, &t->expect) < 0 ||
	    read_amount(at, "low", t->low_text, &t->low) < 0 ||
	    read_amount(at, "high", t->high_text, &t->high) < 0 ||
	    read_amount(at, "order", t->order_text, &t->order) < 0)
		return -1;
	if (t->low_text && t->of->low != LOW_PINNED)
		return pack_error(at, "low", "no 'low' of this rule follows from a test's input");
	if (t->high_text && t->of->reach == REACH_NONE)
		return pack_error(at, "high", "this rule has no 'reach'");
	t->input.customer = t->customer;
	return take_hosts(t, at) < 0 || take_vms(t, at) < 0 ? -1 : 0;
}

void
pack_test_deinit(struct pack_test *t)
{
	/* Hosts of one line follow one another and share their cores. */
	for (size_t i = 0; i < t->input.n_hosts; i++)
		if (i == 0 || t->input.hosts[i].cores != t->input.hosts[i - 1].cores)
			free((uint32_t *)(uintptr_t)t->input.hosts[i].cores);
	free((struct formula_host *)(uintptr_t)t->input.hosts);
	free((struct formula_vm *)(uintptr_t)t->input.vms);
	t->input = (struct formula_input){ 0 };
}

/* What can be ordered: of the whole need, or of each host's. */
static bool
order_of(amount *out, const struct rule *r, const struct formula_input *in, amount need)
{
	amount sum = 0, one;

	for (size_t i = 0; r->order_per_host && i < in->n_hosts; i++) {
		struct formula_input host = { .hosts = &in->hosts[i], .n_hosts = 1 };

		if (!formula_figure(&one, r, &host) || !formula_order_packs(&one, r, one) ||
		    __builtin_add_overflow(sum, one, &sum))
			return false;
	}
	if (!r->order_per_host && !formula_order_packs(&sum, r, need))
		return false;
	*out = formula_order_least(r, sum);
	return true;
}

static int
compare(const struct tally_pack *p, const struct pack_test *t, const char *what, bool made,
	amount expected, amount given, struct tally_err *err)
{
	char want[64], have[64];

	if (made && expected == given)
		return 0;
	tally_seconds_text(want, expected * (TALLY_SECOND / AMOUNT_ONE));
	tally_seconds_text(have, given * (TALLY_SECOND / AMOUNT_ONE));
	return tally_err_set(err, TALLY_USE, "%s:%u:%u: rule '%s' gives %s%s, not %s", p->path,
			     t->place.line, t->place.column, t->rule,
			     made ? what : "a figure that overflows", made ? have : "", want);
}

static int
run(const struct tally_pack *p, const struct pack_test *t, struct tally_err *err)
{
	const struct rule *r = t->of;
	amount figure = 0, other = 0;
	bool made = formula_figure(&figure, r, &t->input);

	if (compare(p, t, "", made, t->expect, figure, err) < 0)
		return -1;
	if (t->low_text) {
		made = formula_processor_pinned(&other, r, &t->input);
		if (compare(p, t, "low ", made, t->low, other, err) < 0)
			return -1;
	}
	if (t->high_text) {
		made = formula_reach(&other, r, &t->input, t->cluster_vms, t->cluster_vcpus);
		if (compare(p, t, "high ", made, t->high, other, err) < 0)
			return -1;
	}
	if (t->order_text) {
		made = order_of(&other, r, &t->input, figure);
		if (compare(p, t, "order ", made, t->order, other, err) < 0)
			return -1;
	}
	return 0;
}

int
tally_pack_check(const struct tally_pack *p, struct tally_err *err)
{
	for (size_t i = 0; i < p->n_tests; i++)
		if (run(p, &p->tests[i], err) < 0)
			return -1;
	return 0;
}
