/* SPDX-License-Identifier: Apache-2.0 */
/* One rule of a pack: its texts become what they mean, or an error at their place. */
#include <stdlib.h>
#include <string.h>
#include "pack_internal.h"
#include "tally/err.h"

#define DEFAULT_CLOCK  3U /* running, paused */
#define DEFAULT_SCOPES (RULE_HOST | RULE_CLUSTER | RULE_FLEET)
#define MOST_DAYS      3660
#define MOST_FACTORS   256 /* each is a part of every scope */

static bool
is_over_hosts(const struct rule *r)
{
	switch (r->kind) {
	case METRIC_HOST_CORES:
	case METRIC_SOCKET_PAIRS:
	case METRIC_PROCESSOR_FACTOR:
	case METRIC_SUB_CAPACITY:
		return true;
	case METRIC_INSTANCES:
	case METRIC_TIERS:
		return r->of == OF_HOSTS;
	default:
		return false;
	}
}

static bool
is_over_time(const struct rule *r)
{
	return r->kind == METRIC_RUN_HOURS || r->kind == METRIC_VCPU_HOURS;
}

/* VMs one by one, each the same wherever it stands. */
static bool
counts_vms(const struct rule *r)
{
	switch (r->kind) {
	case METRIC_VM_CORES:
	case METRIC_CONCURRENT_PEAK:
		return true;
	case METRIC_INSTANCES:
	case METRIC_TIERS:
		return r->of == OF_VMS;
	default:
		return false;
	}
}

static int
check_id(const struct rule *r, const struct pack_place *at)
{
	const char *slash = strchr(r->id, '/');

	if (!slash || !pack_is_name(r->id, (size_t)(slash - r->id)) ||
	    !pack_is_name(slash + 1, strlen(slash + 1)) || strlen(r->id) > 128)
		return pack_error(at, "rule", "'rule' must be such as windows-server/vm");
	return 0;
}

/* One word of an enum; the enums are as wide as an unsigned. */
#define WORD(key, text, words, to)                                                                 \
	do {                                                                                       \
		unsigned word_ = (unsigned)(to);                                                   \
		if (pack_word(at, (key), (text), (words), &word_) < 0)                             \
			return -1;                                                                 \
		(to) = word_;                                                                      \
	} while (0)

static int
read_words(struct raw_rule *raw, const struct pack_place *at)
{
	struct rule *r = &raw->r;
	unsigned round = 0;

	r->clock = DEFAULT_CLOCK;
	r->scopes = DEFAULT_SCOPES;
	if (is_over_time(r))
		r->aggregation = AGG_TIME;
	WORD("guests.unknown_os", raw->unknown_os, pack_unknown_words, r->unknown_os);
	WORD("guests.unknown_edition", raw->unknown_edition, pack_unknown_words,
	     r->unknown_edition);
	WORD("aggregation", raw->aggregation, pack_aggregation_words, r->aggregation);
	WORD("reach", raw->reach, pack_reach_words, r->reach);
	WORD("low", raw->low, pack_low_words, r->low);
	WORD("of", raw->of, pack_of_words, r->of);
	WORD("rounding", raw->rounding, pack_mode_words, r->rounding);
	WORD("round", raw->round, pack_round_words, round);
	r->round_per_host = round == 1;
	if (pack_words(at, "guests.clock", &raw->clock, pack_clock_words, &r->clock) < 0 ||
	    pack_words(at, "scopes", &raw->scopes, pack_scope_words, &r->scopes) < 0)
		return -1;
	for (size_t i = 0; i < r->hypervisors.count; i++) {
		struct tally_strings one = { &r->hypervisors.items[i], 1 };
		unsigned bits = 0;

		if (pack_words(at, "hosts.hypervisors", &one, pack_hypervisor_words, &bits) < 0)
			return -1;
	}
	return 0;
}

/* "period", "month", "quarter" or days: "90d". */
static int
read_window(struct raw_rule *raw, const struct pack_place *at)
{
	static const char *const words[] = { "period", "month", "quarter", NULL };
	static const enum rule_window windows[] = { WINDOW_PERIOD, WINDOW_MONTH, WINDOW_QUARTER };
	struct tally_span span;
	unsigned word = 0;

	if (raw->window && tally_span_parse(&span, raw->window, strlen(raw->window)) &&
	    raw->window[strlen(raw->window) - 1] == 'd') {
		raw->r.window = WINDOW_DAYS;
		raw->r.window_days = (uint64_t)(span.ns / TALLY_SECOND / 86400);
		if (raw->r.window_days > MOST_DAYS)
			return pack_error(at, "window", "'window' is more than %d days", MOST_DAYS);
		return 0;
	}
	for (size_t i = 0; raw->window && words[i]; i++)
		if (strcmp(words[i], raw->window) == 0)
			word = (unsigned)i + 1;
	if (raw->window && word == 0)
		return pack_error(at, "window",
				  "'window' must be period, month, quarter, or days such as 90d");
	raw->r.window = windows[word ? word - 1 : 0];
	return 0;
}

static int
read_tables(struct raw_rule *raw, const struct pack_place *at)
{
	struct rule *r = &raw->r;

	r->factor_default = 100;
	if (pack_decimal(at, "factor_default", raw->factor_default, 2, &r->factor_default) < 0)
		return -1;
	r->n_factors = raw->factors.count;
	if (r->n_factors > MOST_FACTORS)
		return pack_error(at, "factors", "more than %d factors", MOST_FACTORS);
	r->factors = tally_alloc((r->n_factors + 1) * sizeof(*r->factors));
	for (size_t i = 0; i < r->n_factors; i++) {
		const struct raw_factor *f = (struct raw_factor *)raw->factors.items + i;
		struct pack_place line = { at->name, pack_node(at->map, "factors")->items[i],
					   at->err };

		r->factors[i].cpu = f->cpu;
		if (pack_decimal(&line, "factor", f->factor, 2, &r->factors[i].hundredths) < 0)
			return -1;
	}
	r->units = raw->units.items;
	r->n_units = raw->units.count;
	r->exclusions = raw->exclusions.items;
	r->n_exclusions = raw->exclusions.count;
	r->n_tiers = raw->tiers.count;
	r->tiers = tally_alloc((r->n_tiers + 1) * sizeof(*r->tiers));
	for (size_t i = 0; i < r->n_tiers; i++) {
		const struct raw_tier *t = (struct raw_tier *)raw->tiers.items + i;
		struct pack_place line = { at->name, pack_node(at->map, "tiers")->items[i],
					   at->err };

		r->tiers[i].name = t->name;
		r->tiers[i].up_to = t->up_to;
		if (pack_decimal(&line, "factor", t->factor, 2, &r->tiers[i].hundredths) < 0)
			return -1;
		if (i + 1 == r->n_tiers ? t->up_to != 0 : t->up_to == 0)
			return pack_error(&line, "up_to",
					  "every tier but the last has 'up_to', the last has none");
		if (i > 0 && t->up_to != 0 && t->up_to <= r->tiers[i - 1].up_to)
			return pack_error(&line, "up_to", "'up_to' must be above that before it");
	}
	return 0;
}

static int
read_numbers(struct raw_rule *raw, const struct pack_place *at)
{
	struct rule *r = &raw->r;
	const struct tally_yaml *source = pack_node(at->map, "source");
	struct pack_place from_source = { at->name, source, at->err };
	const struct tally_yaml *priced = pack_find(at->map, "compare.source");
	struct pack_place from_price = { at->name, priced, at->err };
	uint64_t factor = (uint64_t)AMOUNT_ONE, price = 0;
	int64_t read = 0;

	r->valid_to = INT64_MAX;
	if (pack_date(at, "valid_from", raw->valid_from, &r->valid_from) < 0 ||
	    pack_date(at, "valid_to", raw->valid_to, &r->valid_to) < 0 ||
	    pack_date(&from_source, "read", r->source.read, &read) < 0 ||
	    (priced && pack_date(&from_price, "read", r->price_source.read, &read) < 0) ||
	    pack_decimal(at, "time.factor", raw->time_factor, 6, &factor) < 0 ||
	    pack_decimal(at, "compare.price", raw->price, 6, &price) < 0)
		return -1;
	if (r->valid_to <= r->valid_from)
		return pack_error(at, "valid_to", "'valid_to' must lie behind 'valid_from'");
	if (factor == 0 || factor >= UINT64_C(1) << 40)
		return pack_error(at, "time.factor", "'factor' must be above 0 and below 1000000");
	r->time_factor = factor;
	r->priced = raw->price != NULL;
	r->price = price;
	r->time_min = raw->time_min.ns;
	r->time_step = raw->time_step.ns;
	r->decimals = (unsigned)raw->decimals;
	return 0;
}

/* What is counted is said, and said once. */
static int
check_subjects(const struct rule *r, const struct pack_place *at)
{
	bool by_os = r->os.count > 0, by_software = r->software.count > 0;
	bool by_host = r->host_os.count > 0 || r->hypervisors.count > 0;

	if (by_os && by_software)
		return pack_error(at, "guests.software",
				  "guests are counted by 'os' or by "
				  "'software', not by both");
	if (!by_os && !by_software && !by_host)
		return pack_error(at, "guests",
				  "nothing is counted: neither 'guests' by os or "
				  "software, nor 'hosts' by os or hypervisors");
	if (!by_os && !by_software && !is_over_hosts(r))
		return pack_error(at, "guests",
				  "the metric %s counts 'guests', of which none are "
				  "named",
				  metric_name(r->kind));
	if (!by_os && pack_find(at->map, "guests.unknown_os"))
		return pack_error(at, "guests.unknown_os",
				  "'unknown_os' means nothing without 'os'");
	if (by_software && r->product)
		return pack_error(at, "product", "a rule about software names its product by it");
	if (!by_software && !r->product)
		return tally_yaml_error(at->name, at->map, at->err, "key 'product' is missing");
	return 0;
}

static int
check_sense(const struct raw_rule *raw, const struct pack_place *at)
{
	const struct rule *r = &raw->r;

	if ((r->aggregation == AGG_TIME) != is_over_time(r))
		return pack_error(at, "aggregation", "the metric %s %s 'time'",
				  metric_name(r->kind),
				  is_over_time(r) ? "is summed over" : "is not summed over");
	if (r->aggregation == AGG_DISTINCT && !counts_vms(r))
		return pack_error(at, "aggregation", "'distinct' means nothing to the metric %s%s",
				  metric_name(r->kind), is_over_hosts(r) ? " of hosts" : "");
	if (r->low == LOW_TOKENS && r->kind != METRIC_HOST_CORES)
		return pack_error(at, "low", "'tokens' means nothing to the metric %s",
				  metric_name(r->kind));
	if (r->low == LOW_PINNED && r->kind != METRIC_PROCESSOR_FACTOR)
		return pack_error(at, "low", "'pinned' means nothing to the metric %s",
				  metric_name(r->kind));
	if ((r->low == LOW_TOKENS) != (r->move_days > 0))
		return pack_error(at, "move_days", "'move_days' and 'low: tokens' go together");
	if ((r->low == LOW_PINNED) != (r->approved.count > 0))
		return pack_error(at, "approved", "'approved' and 'low: pinned' go together");
	if (r->whole_cluster && !is_over_hosts(r))
		return pack_error(at, "hosts.whole_cluster",
				  "'whole_cluster' means nothing to the metric %s",
				  metric_name(r->kind));
	for (size_t i = 0; i < r->n_exclusions; i++)
		if (r->exclusions[i].standby && !r->count_standby)
			return pack_error(
				at, "exclusions",
				"'standby' excludes what 'guests.standby' does not count");
	if (r->move_days > MOST_DAYS)
		return pack_error(at, "move_days", "'move_days' is more than %d", MOST_DAYS);
	if (r->kind == METRIC_VM_PAIRS && (r->host_os.count > 0) != (r->sockets_per_unit > 0))
		return pack_error(at, "sockets_per_unit",
				  "'sockets_per_unit' and 'hosts' go together here");
	return 0;
}

/* No empty list, and no empty text in one: it would begin every OS and name every product. */
static int
check_lists(const struct rule *r, const struct pack_place *at)
{
	const struct {
		const char *key;
		const struct tally_strings *list;
	} lists[] = {
		{ "licences", &r->licences },
		{ "guests.os", &r->os },
		{ "guests.editions", &r->editions },
		{ "guests.software", &r->software },
		{ "hosts.os", &r->host_os },
		{ "hosts.hypervisors", &r->hypervisors },
		{ "approved", &r->approved },
		{ "covers_editions", &r->covers_editions },
		{ "guests.clock", NULL },
		{ "scopes", NULL },
		{ "factors", NULL },
		{ "core_units", NULL },
		{ "tiers", NULL },
		{ "exclusions", NULL },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct tally_yaml *node = pack_find(at->map, lists[i].key);

		if (!node)
			continue;
		if (node->count == 0)
			return tally_yaml_error(at->name, node, at->err, "'%s' is empty",
						lists[i].key);
		for (size_t k = 0; lists[i].list && k < lists[i].list->count; k++)
			if (!lists[i].list->items[k][0])
				return tally_yaml_error(at->name, node->items[k], at->err,
							"an empty text in '%s'", lists[i].key);
	}
	return 0;
}

static int
check_exclusions(const struct rule *r, const struct pack_place *at)
{
	for (size_t i = 0; i < r->n_exclusions; i++)
		if (r->exclusions[i].environments.count == 0 && !r->exclusions[i].standby)
			return tally_yaml_error(at->name,
						pack_node(at->map, "exclusions")->items[i], at->err,
						"an exclusion needs 'environments' or 'standby'");
	return 0;
}

int
pack_rule_finish(struct raw_rule *raw, const struct pack_place *at)
{
	struct rule *r = &raw->r;
	const struct tally_yaml *id = pack_node(at->map, "rule");
	const struct tally_yaml *from = pack_node(at->map, "valid_from");
	int kind = metric_find(tally_bytes_str(raw->metric));

	r->place = (struct rule_place){ id->line, id->column };
	raw->from_place = (struct rule_place){ from->line, from->column };
	if (kind < 0)
		return pack_error(at, "metric", "unknown metric kind '%s'", raw->metric);
	r->kind = (enum metric_kind)kind;
	if (check_id(r, at) < 0 || pack_rule_keys(at, r->kind) < 0 || read_words(raw, at) < 0 ||
	    read_window(raw, at) < 0 || read_numbers(raw, at) < 0 || check_lists(r, at) < 0 ||
	    read_tables(raw, at) < 0 || check_subjects(r, at) < 0 || check_sense(raw, at) < 0 ||
	    check_exclusions(r, at) < 0)
		return -1;
	if (r->os.count == 0)
		r->unknown_os = UNKNOWN_IGNORED;
	if (r->editions.count == 0 && r->unknown_edition == UNKNOWN_HIGH)
		r->unknown_edition = UNKNOWN_IGNORED; /* it counts as any other */
	r->with_guests = is_over_hosts(r) && (r->os.count > 0 || r->software.count > 0);
	if (r->licences.count == 0) {
		r->licences.items = tally_realloc_array(NULL, 1, sizeof(char *));
		r->licences.items[0] = tally_strndup(r->id, strcspn(r->id, "/"));
		r->licences.count = 1;
	}
	return 0;
}

void
pack_rule_deinit(struct raw_rule *raw)
{
	free(raw->r.factors);
	free(raw->r.tiers);
	raw->r.factors = NULL;
	raw->r.tiers = NULL;
}
