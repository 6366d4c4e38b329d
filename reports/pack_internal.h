/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_PACK_INTERNAL_H
#define TALLY_REPORTS_PACK_INTERNAL_H
/*
 * How a pack is read. The schema walker fills a `raw` of each rule and test; its
 * texts are then turned into what they mean, each error at the value's place. The
 * raws live as long as the pack, for the rules point into them.
 */
#include "formula.h"

/* Where an error is told: the file's name, and the map whose value is read. */
struct pack_place {
	const char *name;
	const struct tally_yaml *map;
	struct tally_err *err;
};
/* -1, at the place of the map's value of that key ("a.b": in the map of a), or of
 * the map where there is none. */
#define pack_error(at, key, ...)                                                                   \
	tally_yaml_error((at)->name, pack_node((at)->map, (key)), (at)->err, __VA_ARGS__)
const struct tally_yaml *pack_node(const struct tally_yaml *map, const char *path);
const struct tally_yaml *pack_find(const struct tally_yaml *map, const char *path); /* or NULL */

/* Words for an enum, in its order; NULL ends them. */
extern const char *const pack_unknown_words[],
	*const pack_aggregation_words[],
		*const pack_window_words[],
			*const pack_reach_words[],
				*const pack_low_words[],
					*const pack_of_words[],
						*const pack_mode_words[],
							*const pack_round_words[],
								*const pack_scope_words[],
									*const pack_clock_words[],
										*const pack_hypervisor_words
											[];
/* All of these: 0 or -1; an absent text (NULL) leaves `out` as it is. */
int pack_word(const struct pack_place *at, const char *key, const char *text,
	      const char *const words[], unsigned *out);
int pack_words(const struct pack_place *at, const char *key, const struct tally_strings *list,
	       const char *const words[], unsigned *bits);
int pack_date(const struct pack_place *at, const char *key, const char *text, int64_t *out);
/* "0.25" with at most `decimals`, as a whole number of the last of them. */
int pack_decimal(const struct pack_place *at, const char *key, const char *text, unsigned decimals,
		 uint64_t *out);
/* A whole number of a list of texts. */
int pack_number(const struct pack_place *at, const char *key, const char *text, uint64_t max,
		uint64_t *out);
/* [a-z0-9.-]+; a rule's id is two of them with a slash between. */
bool pack_is_name(const char *text, size_t length);

struct raw_factor {
	char *cpu, *factor;
};
struct raw_tier {
	char *name, *factor;
	uint64_t up_to;
};
struct raw_rule {
	struct rule r;
	char *metric, *valid_from, *valid_to, *unknown_os, *unknown_edition, *aggregation, *window;
	char *reach, *low, *round, *of, *rounding, *factor_default, *time_factor, *price;
	struct tally_strings clock, scopes;
	struct tally_list factors, units, tiers, exclusions;
	struct tally_span time_min, time_step;
	uint64_t decimals;
	struct rule_place from_place; /* of valid_from */
};
extern const struct tally_field pack_rule_fields[];
/* Turns the texts into what they mean and checks that it makes sense; the map is
 * the rule's. What it allocates, pack_rule_deinit frees. */
int pack_rule_finish(struct raw_rule *raw, const struct pack_place *at);
void pack_rule_deinit(struct raw_rule *raw);
/* Each key of the map is one that the kind knows, and those that it needs stand there. */
int pack_rule_keys(const struct pack_place *at, enum metric_kind kind);

struct raw_host {
	struct tally_strings cores; /* or so many sockets of one core */
	uint64_t sockets, max_sockets, vms, vcpus, pinned, times;
	char *cpu, *partitioning;
	bool own, unknown;
};
struct raw_vm {
	uint64_t vcpus, times;
	char *hours;
};
struct pack_test {
	char *rule, *at, *source;
	struct tally_list hosts, vms; /* struct raw_host, struct raw_vm */
	uint64_t cluster_vms, cluster_vcpus;
	bool customer;
	char *expect_text, *low_text, *high_text, *order_text;

	const struct rule *of;
	struct rule_place place; /* of `expect` */
	amount expect, low, high, order;
	struct formula_input input; /* its arrays are the test's own */
};
extern const struct tally_field pack_test_fields[];
/* The map is the test's; the pack's rules stand. */
int pack_test_finish(struct pack_test *t, const struct tally_pack *p, const struct pack_place *at);
void pack_test_deinit(struct pack_test *t);

#endif
