/* SPDX-License-Identifier: Apache-2.0 */
/* The metric kinds' formulas: what they give at their corners, and that a figure
 * which does not fit is never a smaller one. */
#include <string.h>
#include "testlib.h"
#include "../../../reports/formula.h"
#include "tally/err.h"

#define HOUR (3600 * (tally_i128)TALLY_SECOND)
#define BIG  UINT64_MAX

static const uint32_t eights[] = { 8, 8, 8, 8, 8, 8, 8, 8 };
static const uint32_t largest[] = { UINT32_MAX, UINT32_MAX };

static struct formula_host
host(const uint32_t *cores, size_t sockets, uint64_t vms)
{
	struct formula_host h = { .known = true, .cores = cores, .sockets = sockets, .vms = vms };

	return h;
}

static uint64_t
whole(bool made, const amount *figure)
{
	assert_true(made);
	assert_true(*figure % AMOUNT_ONE == 0);
	return (uint64_t)(*figure / AMOUNT_ONE);
}

static uint64_t
figure_of(const struct rule *r, const struct formula_host *hosts, size_t n)
{
	struct formula_input in = { .hosts = hosts, .n_hosts = n };
	amount figure = 0;
	bool made = formula_figure(&figure, r, &in);

	return whole(made, &figure);
}

static bool
overflows(const struct rule *r, const struct formula_host *hosts, size_t n)
{
	struct formula_input in = { .hosts = hosts, .n_hosts = n };
	amount figure = -7;
	bool made = formula_figure(&figure, r, &in);

	assert_true(made || figure == -7);
	return !made;
}

static void
every_kind_has_a_name_that_finds_it(void **state)
{
	(void)state;
	for (int i = 0; i < METRIC_KINDS; i++)
		assert_int_equal(metric_find(tally_bytes_str(metric_name((enum metric_kind)i))), i);
	assert_int_equal(metric_find(tally_bytes_str("cores")), -1);
	assert_int_equal(metric_find(tally_bytes_str("")), -1);
}

static void
host_cores_have_minima_and_stacks(void **state)
{
	struct rule r = { .kind = METRIC_HOST_CORES,
			  .min_per_socket = 8,
			  .min_per_host = 16,
			  .vms_per_stack = 2 };
	const uint32_t sixes[] = { 6, 6 }, mixed[] = { 4, 20 };
	struct formula_host h = host(sixes, 2, 2), two[2];

	(void)state;
	assert_int_equal(figure_of(&r, &h, 1), 16);
	h.vms = 3;
	assert_int_equal(figure_of(&r, &h, 1), 32);
	h.vms = 0;
	assert_int_equal(figure_of(&r, &h, 1), 0);
	h = host(mixed, 2, 1);
	assert_int_equal(figure_of(&r, &h, 1), 28);
	h = host(eights, 1, 1); /* the host's minimum, above the socket's */
	assert_int_equal(figure_of(&r, &h, 1), 16);
	h.own = true; /* counts once by itself, whatever stands on it */
	h.vms = 0;
	assert_int_equal(figure_of(&r, &h, 1), 16);
	h.vms = 5;
	assert_int_equal(figure_of(&r, &h, 1), 48);
	r.vms_per_stack = 0;
	assert_int_equal(figure_of(&r, &h, 1), 16);
	h.known = false; /* without facts the minima are all there is */
	h.own = false;
	assert_int_equal(figure_of(&r, &h, 1), 16);
	r.min_total = 100;
	two[0] = two[1] = host(eights, 4, 1);
	assert_int_equal(figure_of(&r, two, 2), 64);
	assert_int_equal(figure_of(&r, NULL, 0), 0);
	r.vms_per_stack = 1;
	h = host(largest, 2, BIG);
	assert_true(overflows(&r, &h, 1));
}

static void
vm_cores_have_minima_and_the_customer_one(void **state)
{
	struct rule r = { .kind = METRIC_VM_CORES, .min_per_vm = 8, .min_total = 16 };
	struct formula_vm vms[] = { { 4, 0 }, { 12, 0 }, { 8, 0 } };
	struct formula_input in = { .vms = vms, .n_vms = 3 };
	amount figure = 0;

	(void)state;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 28);
	in.n_vms = 1;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 8);
	in.customer = true;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 16);
	in.n_vms = 0;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 0);
	vms[0].vcpus = vms[1].vcpus = BIG;
	in.n_vms = 2;
	assert_false(formula_figure(&figure, &r, &in));
	assert_int_equal(formula_vm_need(&r, 0), 8);
}

static void
socket_pairs_are_rounded_on_each_host(void **state)
{
	struct rule r = { .kind = METRIC_SOCKET_PAIRS, .sockets_per_unit = 2 };
	struct formula_host hosts[] = { host(eights, 1, 1), host(eights, 3, 1),
					host(eights, 8, 0) };

	(void)state;
	assert_int_equal(figure_of(&r, hosts, 3), 3);
	hosts[2].own = true;
	assert_int_equal(figure_of(&r, hosts, 3), 7);
	hosts[2].known = false;
	assert_int_equal(figure_of(&r, hosts, 3), 4); /* it has one at least */
	r.unknown_sockets = 3;
	assert_int_equal(figure_of(&r, hosts, 3), 5);
}

static void
vm_pairs_are_rounded_where_the_rule_says(void **state)
{
	struct rule r = { .kind = METRIC_VM_PAIRS, .vms_per_unit = 2, .round_per_host = true };
	struct formula_host hosts[] = { host(eights, 4, 1), host(eights, 4, 3) };

	(void)state;
	assert_int_equal(figure_of(&r, hosts, 2), 3);
	r.round_per_host = false;
	assert_int_equal(figure_of(&r, hosts, 2), 2);
	hosts[0].own = true; /* without a rule for sockets that says nothing */
	assert_int_equal(figure_of(&r, hosts, 2), 2);
	r.sockets_per_unit = 2;
	assert_int_equal(figure_of(&r, hosts, 2), 4);
	hosts[0].vms = hosts[1].vms = BIG;
	assert_true(overflows(&r, hosts, 2));
	r.round_per_host = true;
	r.vms_per_unit = 1;
	assert_true(overflows(&r, hosts, 2));
}

static void
processor_factors_are_rounded_by_group(void **state)
{
	char xeon[] = "*xeon*", t2[] = "*t2*", amd[] = "*epyc*", hard[] = "olvm*";
	struct rule_factor factors[] = { { xeon, 50 }, { t2, 75 }, { amd, 50 } };
	char *approved[] = { hard };
	struct rule r = { .kind = METRIC_PROCESSOR_FACTOR,
			  .factors = factors,
			  .n_factors = 3,
			  .factor_default = 100,
			  .approved = { approved, 1 },
			  .reach = REACH_CLUSTER };
	const uint32_t three[] = { 3 };
	struct formula_host hosts[] = { host(three, 1, 1), host(three, 1, 1), host(three, 1, 0) };
	struct formula_input in = { .hosts = hosts, .n_hosts = 3 };
	amount figure = 0;

	(void)state;
	hosts[0].cpu = tally_bytes_str("Intel Xeon");
	hosts[1].cpu = tally_bytes_str("AMD EPYC 7763");
	hosts[2].cpu = tally_bytes_str("something");
	assert_int_equal(figure_of(&r, hosts, 3), 3); /* (3 + 3) x 0.5 */
	hosts[1].cpu = tally_bytes_str("T2");
	assert_int_equal(figure_of(&r, hosts, 3), 2 + 3);
	hosts[2].vms = 1;
	assert_int_equal(figure_of(&r, hosts, 3), 2 + 3 + 3);
	hosts[2].vms = 0;
	assert_int_equal(whole(formula_reach(&figure, &r, &in, 1, 1), &figure), 8);
	assert_int_equal(whole(formula_reach(&figure, &r, &in, 0, 0), &figure), 5);
	hosts[0].pinned = 1; /* without approval pins change nothing */
	assert_int_equal(whole(formula_processor_pinned(&figure, &r, &in), &figure), 5);
	hosts[0].partitioning = tally_bytes_str("OLVM 4.4");
	assert_int_equal(whole(formula_processor_pinned(&figure, &r, &in), &figure), 4);
	assert_int_equal(figure_of(&r, hosts, 3), 5);
	hosts[0].own = true; /* nor where the host itself counts */
	assert_int_equal(whole(formula_processor_pinned(&figure, &r, &in), &figure), 5);
	hosts[0].own = false;
	hosts[0].pinned = BIG;
	assert_false(formula_processor_pinned(&figure, &r, &in));
}

static void
a_host_without_facts_has_the_cores_that_its_guests_show(void **state)
{
	char xeon[] = "*xeon*";
	struct rule_factor factors[] = { { xeon, 50 } };
	struct rule r = { .kind = METRIC_PROCESSOR_FACTOR,
			  .factors = factors,
			  .n_factors = 1,
			  .factor_default = 100 };
	struct rule_tier tier = { .hundredths = 100 };
	struct rule tiers = { .kind = METRIC_TIERS, .of = OF_HOSTS, .tiers = &tier, .n_tiers = 1 };
	struct formula_host h = { .vms = 2, .vcpus = 12 };

	(void)state;
	assert_int_equal(figure_of(&r, &h, 1), 12);
	assert_int_equal(figure_of(&tiers, &h, 1), 12);
	h.vcpus = 0; /* nor are these known */
	assert_int_equal(figure_of(&r, &h, 1), 1);
	assert_int_equal(figure_of(&tiers, &h, 1), 1);
	h.vms = 0;
	assert_int_equal(figure_of(&r, &h, 1), 0);
	assert_int_equal(figure_of(&tiers, &h, 1), 0);
}

static void
sub_capacity_is_capped_where_the_server_is_known(void **state)
{
	char xeon[] = "*xeon*";
	struct rule_units units[] = { { xeon, 2, 70 }, { xeon, 4, 100 }, { xeon, 0, 120 } };
	struct rule r = { .kind = METRIC_SUB_CAPACITY,
			  .units = units,
			  .n_units = 3,
			  .units_default = 90,
			  .units_unknown = 120,
			  .cap_at_cores = true };
	struct formula_host h = host(eights, 2, 3);

	(void)state;
	h.cpu = tally_bytes_str("Intel Xeon");
	h.vcpus = 24;
	h.max_sockets = 2;
	assert_int_equal(figure_of(&r, &h, 1), 1120);
	h.vcpus = 4;
	assert_int_equal(figure_of(&r, &h, 1), 280);
	h.max_sockets = 3;
	assert_int_equal(figure_of(&r, &h, 1), 400);
	h.max_sockets = 8;
	assert_int_equal(figure_of(&r, &h, 1), 480);
	h.max_sockets = 0; /* the populated ones */
	assert_int_equal(figure_of(&r, &h, 1), 280);
	h.cpu = tally_bytes_str("");
	assert_int_equal(figure_of(&r, &h, 1), 360);
	h.vcpus = 24;
	h.known = false;
	assert_int_equal(figure_of(&r, &h, 1), 2880);
	h.vcpus = BIG / 100;
	assert_true(overflows(&r, &h, 1));
	h.known = true;
	r.cap_at_cores = false;
	r.units_default = 200;
	assert_true(overflows(&r, &h, 1));
}

static void
instances_and_peaks_are_counts(void **state)
{
	struct rule r = { .kind = METRIC_INSTANCES, .of = OF_HOSTS };
	struct formula_host hosts[] = { host(eights, 1, 4), host(eights, 1, 0),
					host(eights, 1, 0) };
	struct formula_vm vms[4] = { { 2, 0 } };
	struct formula_input in = { .hosts = hosts, .n_hosts = 3, .vms = vms, .n_vms = 4 };
	amount figure = 0;

	(void)state;
	hosts[2].own = true;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 2);
	r.of = OF_VMS;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 4);
	r.kind = METRIC_CONCURRENT_PEAK;
	assert_int_equal(whole(formula_figure(&figure, &r, &in), &figure), 4);
}

static amount
hours(const struct rule *r, const struct formula_vm *vms, size_t n)
{
	struct formula_input in = { .vms = vms, .n_vms = n };
	amount figure = 0;

	assert_true(formula_figure(&figure, r, &in));
	return figure;
}

static void
time_is_rounded_once_at_the_end(void **state)
{
	struct rule r = { .kind = METRIC_VCPU_HOURS,
			  .time_factor = AMOUNT_ONE,
			  .decimals = 6,
			  .rounding = ROUND_HALF_UP };
	struct formula_vm vms[] = { { 2, 10 * HOUR }, { 4, 14 * HOUR } };
	struct formula_vm third[] = { { 1, HOUR / 3 }, { 1, HOUR / 3 }, { 1, HOUR / 3 } };

	(void)state;
	assert_true(hours(&r, vms, 2) == 76 * AMOUNT_ONE);
	assert_true(hours(&r, third, 1) == 333333);
	assert_true(hours(&r, third, 2) == 666667);
	assert_true(hours(&r, third, 3) == AMOUNT_ONE);
	r.decimals = 2;
	assert_true(hours(&r, third, 2) == 670000);
	r.rounding = ROUND_DOWN;
	assert_true(hours(&r, third, 2) == 660000);
	r.rounding = ROUND_UP;
	r.decimals = 0;
	assert_true(hours(&r, third, 1) == AMOUNT_ONE);
	assert_true(hours(&r, third, 3) == AMOUNT_ONE);
	assert_true(hours(&r, third, 0) == 0);
	r.decimals = 6;
	r.time_factor = 250000;
	assert_true(hours(&r, vms, 2) == 19 * AMOUNT_ONE);
	r.time_factor = 1;
	assert_true(hours(&r, vms, 2) == 76);
	r.kind = METRIC_RUN_HOURS;
	r.time_factor = AMOUNT_ONE;
	assert_true(hours(&r, vms, 2) == 24 * AMOUNT_ONE);
}

static void
a_vms_time_has_a_minimum_and_steps(void **state)
{
	struct rule r = { .kind = METRIC_RUN_HOURS,
			  .time_factor = AMOUNT_ONE,
			  .decimals = 6,
			  .time_min = 60 * TALLY_SECOND };
	struct formula_vm vms[] = { { 1, 1 }, { 1, 61 * TALLY_SECOND }, { 1, 0 } };

	(void)state;
	assert_true(hours(&r, &vms[0], 1) == 16667); /* 60 s, rounded up */
	assert_true(hours(&r, &vms[1], 1) == 16945);
	assert_true(hours(&r, &vms[2], 1) == 0); /* what did not run costs nothing */
	r.time_min = 0;
	r.time_step = 3600 * TALLY_SECOND;
	assert_true(hours(&r, vms, 3) == 2 * AMOUNT_ONE); /* each started hour of each VM */
	vms[0].run = HOUR;
	assert_true(hours(&r, vms, 1) == AMOUNT_ONE);
}

static void
time_that_does_not_fit_is_told(void **state)
{
	struct rule r = { .kind = METRIC_VCPU_HOURS, .time_factor = AMOUNT_ONE, .decimals = 6 };
	struct formula_vm vms[] = { { 1, ((tally_i128)1 << 105) + 1 }, { (uint64_t)1 << 32, 1 } };
	struct formula_input in = { .vms = vms, .n_vms = 1 };
	amount figure = 0;

	(void)state;
	assert_false(formula_figure(&figure, &r, &in));
	in.vms = &vms[1];
	assert_false(formula_figure(&figure, &r, &in));
	assert_true(formula_hours(&figure, &r, (tally_i128)1 << 82));
	/* 20,000 VMs of 64 vCPUs over 100 years */
	assert_true(formula_hours(&figure, &r, (tally_i128)20000 * 64 * 100 * 8766 * HOUR));
	assert_true(figure == (amount)20000 * 64 * 100 * 8766 * AMOUNT_ONE);
	r.time_factor = ((amount)1 << 40) - 1; /* which nothing divides */
	assert_false(formula_hours(&figure, &r, (tally_i128)1 << 82));
	/* A host with 2,600 VMs of 65,536 vCPUs for a year. */
	r.time_factor = AMOUNT_ONE;
	assert_true(formula_hours(&figure, &r, (tally_i128)2600 * 65536 * 8766 * HOUR));
	assert_true(figure == (amount)2600 * 65536 * 8766 * AMOUNT_ONE);
}

static void
tiers_are_graduated(void **state)
{
	char name[] = "t";
	struct rule_tier tiers[] = { { name, 10, 100 }, { name, 20, 50 }, { name, 0, 25 } };
	struct rule r = {
		.kind = METRIC_TIERS, .of = OF_VMS, .tiers = tiers, .n_tiers = 3, .decimals = 2
	};
	static const struct {
		uint64_t count;
		amount units;
	} cases[] = { { 0, 0 },         { 1, 1000000 },   { 10, 10000000 },
		      { 11, 10500000 }, { 20, 15000000 }, { 21, 15250000 } };
	struct formula_vm vm = { 21, 0 };
	struct formula_host h = host(eights, 2, 1);
	struct formula_input in = { .vms = &vm, .n_vms = 1, .hosts = &h, .n_hosts = 1 };
	amount figure = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(formula_tier_units(&figure, &r, cases[i].count));
		assert_true(figure == cases[i].units);
	}
	assert_true(formula_figure(&figure, &r, &in) && figure == 15250000);
	r.of = OF_HOSTS;
	assert_true(formula_figure(&figure, &r, &in) && figure == 13 * AMOUNT_ONE);
	assert_false(formula_tier_units(&figure, &r, BIG));
}

static void
reach_licenses_each_host_for_the_worst(void **state)
{
	struct rule r = { .kind = METRIC_HOST_CORES,
			  .min_per_socket = 8,
			  .min_per_host = 16,
			  .vms_per_stack = 2,
			  .reach = REACH_WORST };
	struct formula_host hosts[] = { host(eights, 2, 3), host(eights, 2, 3) };
	struct formula_input in = { .hosts = hosts, .n_hosts = 2 };
	amount figure = 0;

	(void)state;
	assert_int_equal(whole(formula_reach(&figure, &r, &in, 6, 12), &figure), 96);
	assert_int_equal(whole(formula_reach(&figure, &r, &in, 0, 0), &figure), 64);
	r.reach = REACH_NONE;
	assert_int_equal(whole(formula_reach(&figure, &r, &in, 6, 12), &figure), 64);
	r.reach = REACH_CLUSTER;
	hosts[1].vms = 0;
	assert_int_equal(whole(formula_reach(&figure, &r, &in, 3, 6), &figure), 48);
	r.reach = REACH_WORST;
	r.vms_per_stack = 1;
	hosts[0] = host(largest, 2, 1);
	assert_false(formula_reach(&figure, &r, &in, BIG, 1));
}

static void
orders_come_in_packs_and_have_a_minimum(void **state)
{
	struct rule r = { .order_pack = 2 };
	amount order = 0;

	(void)state;
	assert_int_equal(whole(formula_order_packs(&order, &r, 17 * AMOUNT_ONE), &order), 18);
	assert_int_equal(whole(formula_order_packs(&order, &r, 18 * AMOUNT_ONE), &order), 18);
	assert_int_equal(whole(formula_order_packs(&order, &r, 18 * AMOUNT_ONE + 1), &order), 20);
	assert_int_equal(whole(formula_order_packs(&order, &r, 0), &order), 0);
	r.order_pack = 0;
	assert_int_equal(whole(formula_order_packs(&order, &r, AMOUNT_ONE / 2), &order), 1);
	r.order_min = 72;
	assert_true(formula_order_least(&r, 0) == 0);
	assert_true(formula_order_least(&r, AMOUNT_ONE) == 72 * AMOUNT_ONE);
	assert_true(formula_order_least(&r, 80 * AMOUNT_ONE) == 80 * AMOUNT_ONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_name_that_finds_it),
		cmocka_unit_test(host_cores_have_minima_and_stacks),
		cmocka_unit_test(vm_cores_have_minima_and_the_customer_one),
		cmocka_unit_test(socket_pairs_are_rounded_on_each_host),
		cmocka_unit_test(vm_pairs_are_rounded_where_the_rule_says),
		cmocka_unit_test(processor_factors_are_rounded_by_group),
		cmocka_unit_test(a_host_without_facts_has_the_cores_that_its_guests_show),
		cmocka_unit_test(sub_capacity_is_capped_where_the_server_is_known),
		cmocka_unit_test(instances_and_peaks_are_counts),
		cmocka_unit_test(time_is_rounded_once_at_the_end),
		cmocka_unit_test(a_vms_time_has_a_minimum_and_steps),
		cmocka_unit_test(time_that_does_not_fit_is_told),
		cmocka_unit_test(tiers_are_graduated),
		cmocka_unit_test(reach_licenses_each_host_for_the_worst),
		cmocka_unit_test(orders_come_in_packs_and_have_a_minimum),
	};

	return cmocka_run_group_tests_name("reports formula", tests, NULL, NULL);
}
