/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a rule in a pack: what the walker reads, and which kinds know them. */
#include <stddef.h>
#include "pack_internal.h"
#include "tally/err.h"

#define AT(member) offsetof(struct raw_rule, member)
#define MANY       UINT64_C(1000000000)
#define STR(key, at)                                                                               \
	{                                                                                          \
		key, TALLY_F_STRING, at, false, 1, 4096, NULL, 0                                   \
	}
#define MUST(key, at)                                                                              \
	{                                                                                          \
		key, TALLY_F_STRING, at, true, 1, 4096, NULL, 0                                    \
	}
#define NUM(key, at)                                                                               \
	{                                                                                          \
		key, TALLY_F_U64, at, false, 0, MANY, NULL, 0                                      \
	}
#define POS(key, at)                                                                               \
	{                                                                                          \
		key, TALLY_F_U64, at, false, 1, MANY, NULL, 0                                      \
	}
#define YES(key, at)                                                                               \
	{                                                                                          \
		key, TALLY_F_BOOL, at, false, 0, 0, NULL, 0                                        \
	}
#define LIST(key, at)                                                                              \
	{                                                                                          \
		key, TALLY_F_STRINGS, at, false, 0, 0, NULL, 0                                     \
	}
#define MAP(key, must, below)                                                                      \
	{                                                                                          \
		key, TALLY_F_MAP, 0, must, 0, 0, below, 0                                          \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, TALLY_F_STRING, 0, false, 0, 0, NULL, 0                                      \
	}

static const struct tally_field source_fields[] = {
	MUST("text", AT(r.source.text)),
	STR("url", AT(r.source.url)),
	MUST("read", AT(r.source.read)),
	END,
};
static const struct tally_field guests_fields[] = {
	LIST("os", AT(r.os)),
	LIST("editions", AT(r.editions)),
	LIST("software", AT(r.software)),
	STR("unknown_os", AT(unknown_os)),
	STR("unknown_edition", AT(unknown_edition)),
	YES("standby", AT(r.count_standby)),
	LIST("clock", AT(clock)),
	END,
};
static const struct tally_field hosts_fields[] = {
	LIST("os", AT(r.host_os)),
	LIST("hypervisors", AT(r.hypervisors)),
	YES("whole_cluster", AT(r.whole_cluster)),
	END,
};
static const struct tally_field minimum_fields[] = {
	NUM("per_socket", AT(r.min_per_socket)),
	NUM("per_host", AT(r.min_per_host)),
	NUM("per_vm", AT(r.min_per_vm)),
	NUM("total", AT(r.min_total)),
	END,
};
static const struct tally_field factor_fields[] = {
	MUST("cpu", offsetof(struct raw_factor, cpu)),
	MUST("factor", offsetof(struct raw_factor, factor)),
	END,
};
static const struct tally_field units_fields[] = {
	MUST("cpu", offsetof(struct rule_units, cpu)),
	POS("max_sockets", offsetof(struct rule_units, max_sockets)),
	{ "units", TALLY_F_U64, offsetof(struct rule_units, units), true, 1, MANY, NULL, 0 },
	END,
};
static const struct tally_field tier_fields[] = {
	MUST("name", offsetof(struct raw_tier, name)),
	POS("up_to", offsetof(struct raw_tier, up_to)),
	MUST("factor", offsetof(struct raw_tier, factor)),
	END,
};
static const struct tally_field time_fields[] = {
	{ "minimum", TALLY_F_SPAN, AT(time_min), false, 1, UINT64_C(86400000000000), NULL, 0 },
	{ "step", TALLY_F_SPAN, AT(time_step), false, 1, UINT64_C(86400000000000), NULL, 0 },
	STR("factor", AT(time_factor)),
	END,
};
static const struct tally_field order_fields[] = {
	POS("pack", AT(r.order_pack)),
	POS("minimum", AT(r.order_min)),
	YES("per_host", AT(r.order_per_host)),
	END,
};
static const struct tally_field exclusion_fields[] = {
	MUST("right", offsetof(struct rule_exclusion, right)),
	LIST("environments", offsetof(struct rule_exclusion, environments)),
	YES("standby", offsetof(struct rule_exclusion, standby)),
	END,
};
static const struct tally_field price_source_fields[] = {
	MUST("text", AT(r.price_source.text)),
	STR("url", AT(r.price_source.url)),
	MUST("read", AT(r.price_source.read)),
	END,
};
static const struct tally_field compare_fields[] = {
	MUST("group", AT(r.group)),
	STR("price", AT(price)),
	MAP("source", false, price_source_fields),
	YES("needs_maintenance", AT(r.needs_maintenance)),
	END,
};

const struct tally_field pack_rule_fields[] = {
	MUST("rule", AT(r.id)),
	STR("title", AT(r.title)),
	MUST("metric", AT(metric)),
	MUST("valid_from", AT(valid_from)),
	STR("valid_to", AT(valid_to)),
	MAP("source", true, source_fields),
	MUST("unit", AT(r.unit)),
	STR("product", AT(r.product)),
	LIST("licences", AT(r.licences)),
	MAP("guests", false, guests_fields),
	MAP("hosts", false, hosts_fields),
	MAP("minimum", false, minimum_fields),
	POS("vms_per_stack", AT(r.vms_per_stack)),
	POS("sockets_per_unit", AT(r.sockets_per_unit)),
	POS("unknown_sockets", AT(r.unknown_sockets)),
	POS("vms_per_unit", AT(r.vms_per_unit)),
	STR("round", AT(round)),
	STR("of", AT(of)),
	{ "factors", TALLY_F_LIST, AT(factors), false, 0, 0, factor_fields,
	  sizeof(struct raw_factor) },
	STR("factor_default", AT(factor_default)),
	LIST("approved", AT(r.approved)),
	{ "core_units", TALLY_F_LIST, AT(units), false, 0, 0, units_fields,
	  sizeof(struct rule_units) },
	POS("core_units_default", AT(r.units_default)),
	POS("core_units_unknown", AT(r.units_unknown)),
	YES("cap_at_cores", AT(r.cap_at_cores)),
	{ "tiers", TALLY_F_LIST, AT(tiers), false, 0, 0, tier_fields, sizeof(struct raw_tier) },
	MAP("time", false, time_fields),
	STR("aggregation", AT(aggregation)),
	STR("window", AT(window)),
	STR("reach", AT(reach)),
	STR("low", AT(low)),
	POS("move_days", AT(r.move_days)),
	LIST("scopes", AT(scopes)),
	{ "decimals", TALLY_F_U64, AT(decimals), false, 0, 6, NULL, 0 },
	STR("rounding", AT(rounding)),
	MAP("order", false, order_fields),
	{ "exclusions", TALLY_F_LIST, AT(exclusions), false, 0, 0, exclusion_fields,
	  sizeof(struct rule_exclusion) },
	LIST("covers_editions", AT(r.covers_editions)),
	MAP("compare", false, compare_fields),
	END,
};

#define BIT(kind) (1U << METRIC_##kind)
#define HOSTS                                                                                      \
	(BIT(HOST_CORES) | BIT(SOCKET_PAIRS) | BIT(PROCESSOR_FACTOR) | BIT(SUB_CAPACITY) |         \
	 BIT(INSTANCES) | BIT(TIERS))
#define TIMES (BIT(RUN_HOURS) | BIT(VCPU_HOURS))

/* Keys that not every kind knows; `needed` by those kinds. */
static const struct {
	const char *key;
	unsigned known, needed;
} kind_keys[] = {
	{ "hosts", HOSTS | BIT(VM_PAIRS), 0 },
	{ "minimum", BIT(HOST_CORES) | BIT(VM_CORES), 0 },
	{ "minimum.per_socket", BIT(HOST_CORES), 0 },
	{ "minimum.per_host", BIT(HOST_CORES), 0 },
	{ "minimum.per_vm", BIT(VM_CORES), 0 },
	{ "vms_per_stack", BIT(HOST_CORES), 0 },
	{ "sockets_per_unit", BIT(SOCKET_PAIRS) | BIT(VM_PAIRS), BIT(SOCKET_PAIRS) },
	{ "unknown_sockets", BIT(SOCKET_PAIRS) | BIT(VM_PAIRS), 0 },
	{ "vms_per_unit", BIT(VM_PAIRS), BIT(VM_PAIRS) },
	{ "round", BIT(VM_PAIRS), BIT(VM_PAIRS) },
	{ "of", BIT(INSTANCES) | BIT(TIERS), BIT(INSTANCES) | BIT(TIERS) },
	{ "factors", BIT(PROCESSOR_FACTOR), BIT(PROCESSOR_FACTOR) },
	{ "factor_default", BIT(PROCESSOR_FACTOR), 0 },
	{ "approved", BIT(PROCESSOR_FACTOR), 0 },
	{ "core_units", BIT(SUB_CAPACITY), BIT(SUB_CAPACITY) },
	{ "core_units_default", BIT(SUB_CAPACITY), BIT(SUB_CAPACITY) },
	{ "core_units_unknown", BIT(SUB_CAPACITY), BIT(SUB_CAPACITY) },
	{ "cap_at_cores", BIT(SUB_CAPACITY), 0 },
	{ "tiers", BIT(TIERS), BIT(TIERS) },
	{ "time", TIMES, 0 },
	{ "reach", BIT(HOST_CORES) | BIT(SOCKET_PAIRS) | BIT(PROCESSOR_FACTOR), 0 },
	{ "low", BIT(HOST_CORES) | BIT(PROCESSOR_FACTOR), 0 },
	{ "move_days", BIT(HOST_CORES), 0 },
	{ "decimals", TIMES | BIT(TIERS), 0 },
	{ "rounding", TIMES | BIT(TIERS), 0 },
};

int
pack_rule_keys(const struct pack_place *at, enum metric_kind kind)
{
	for (size_t i = 0; i < sizeof(kind_keys) / sizeof(kind_keys[0]); i++) {
		const char *key = kind_keys[i].key;
		const struct tally_yaml *node = pack_find(at->map, key);

		if (node && !(kind_keys[i].known >> kind & 1))
			return tally_yaml_error(at->name, node, at->err,
						"'%s' means nothing to the metric %s", key,
						metric_name(kind));
		if (!node && (kind_keys[i].needed >> kind & 1))
			return tally_yaml_error(at->name, at->map, at->err,
						"key '%s' is missing for the metric %s", key,
						metric_name(kind));
	}
	return 0;
}
