/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of metric share: their names, arithmetic, rounding, reach, orders. */
#include <string.h>
#include "formula.h"
#include "tally/err.h"

/* A factor (of time) times a sum stays inside 127 bits below these. */
#define MOST_NUMERATOR ((tally_i128)1 << 126)

static const struct {
	const char *name;
	__typeof__(formula_figure) *figure;
} kinds[METRIC_KINDS] = {
	[METRIC_HOST_CORES] = { "host-cores", formula_host_cores },
	[METRIC_VM_CORES] = { "vm-cores", formula_vm_cores },
	[METRIC_SOCKET_PAIRS] = { "socket-pairs", formula_socket_pairs },
	[METRIC_VM_PAIRS] = { "vm-pairs-per-host", formula_vm_pairs },
	[METRIC_PROCESSOR_FACTOR] = { "processor-factor", formula_processor_factor },
	[METRIC_SUB_CAPACITY] = { "sub-capacity", formula_sub_capacity },
	[METRIC_INSTANCES] = { "instances", formula_instances },
	[METRIC_RUN_HOURS] = { "run-hours", formula_run_hours },
	[METRIC_VCPU_HOURS] = { "vcpu-hours", formula_vcpu_hours },
	[METRIC_CONCURRENT_PEAK] = { "concurrent-peak", formula_concurrent_peak },
	[METRIC_TIERS] = { "capacity-tiers", formula_tiers },
};

const char *
metric_name(enum metric_kind kind)
{
	return kinds[kind].name;
}

int
metric_find(struct tally_bytes name)
{
	for (int i = 0; i < METRIC_KINDS; i++)
		if (tally_bytes_eq(name, tally_bytes_str(kinds[i].name)))
			return i;
	return -1;
}

bool
formula_figure(amount *out, const struct rule *r, const struct formula_input *in)
{
	return kinds[r->kind].figure(out, r, in);
}

bool
formula_add(uint64_t *sum, uint64_t a, uint64_t b)
{
	uint64_t product;

	return !__builtin_mul_overflow(a, b, &product) &&
	       !__builtin_add_overflow(*sum, product, sum);
}

uint64_t
formula_ceil(uint64_t n, uint64_t unit)
{
	TALLY_ASSERT(unit > 0);
	return n / unit + (n % unit != 0);
}

bool
formula_cores(uint64_t *out, const struct formula_host *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->sockets; i++)
		if (!formula_add(&sum, h->cores[i], 1))
			return false;
	*out = sum;
	return true;
}

bool
formula_seen_cores(uint64_t *out, const struct formula_host *h)
{
	*out = h->vcpus > 0 ? h->vcpus : 1;
	return !h->known || formula_cores(out, h);
}

bool
formula_round(amount *out, const struct rule *r, tally_i128 num, tally_i128 den)
{
	tally_i128 step = AMOUNT_ONE, parts = 1, whole;

	TALLY_ASSERT(den > 0 && r->decimals <= 6);
	for (unsigned i = 0; i < r->decimals; i++) {
		step /= 10;
		parts *= 10;
	}
	if (num < 0 || num > MOST_NUMERATOR / (2 * AMOUNT_ONE) || den > MOST_NUMERATOR / 4)
		return false;
	num *= parts;
	if (r->rounding == ROUND_UP)
		whole = num / den + (num % den != 0);
	else if (r->rounding == ROUND_HALF_UP)
		whole = (2 * num + den) / (2 * den);
	else
		whole = num / den;
	if (whole > MOST_NUMERATOR / AMOUNT_ONE)
		return false;
	*out = whole * step;
	return true;
}

bool
formula_reach(amount *out, const struct rule *r, const struct formula_input *cluster, uint64_t vms,
	      uint64_t vcpus)
{
	amount sum = 0, one;

	if (r->reach == REACH_NONE || vms == 0)
		return formula_figure(out, r, cluster);
	/* Cores of one factor are rounded together, so this is no sum over hosts. */
	if (r->kind == METRIC_PROCESSOR_FACTOR)
		return formula_processor_reach(out, r, cluster);
	for (size_t i = 0; i < cluster->n_hosts; i++) {
		struct formula_host h = cluster->hosts[i];
		struct formula_input in = { .hosts = &h, .n_hosts = 1 };

		h.own = h.own || r->reach == REACH_CLUSTER;
		if (r->reach == REACH_WORST) {
			h.vms = vms;
			h.vcpus = vcpus;
		}
		if (!formula_figure(&one, r, &in) || __builtin_add_overflow(sum, one, &sum))
			return false;
	}
	*out = sum;
	return true;
}

bool
formula_order_packs(amount *out, const struct rule *r, amount need)
{
	amount pack = (amount)(r->order_pack ? r->order_pack : 1) * AMOUNT_ONE, up;

	TALLY_ASSERT(need >= 0);
	if (__builtin_add_overflow(need, pack - 1, &up))
		return false;
	*out = up / pack * pack;
	return true;
}

amount
formula_order_least(const struct rule *r, amount packs)
{
	amount least = (amount)r->order_min * AMOUNT_ONE;

	return packs > 0 && packs < least ? least : packs;
}
