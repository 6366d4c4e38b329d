/* SPDX-License-Identifier: Apache-2.0 */
/* What single texts of a pack mean: words of enums, dates, decimals. */
#include <stdio.h>
#include <string.h>
#include "pack_internal.h"
#include "tally/err.h"
#include "tally/parse.h"

const char *const pack_unknown_words[] = { "high", "counted", "ignored", NULL };
const char *const pack_aggregation_words[] = { "instant",  "host-peaks", "region-peaks",
					       "distinct", "time",       NULL };
const char *const pack_window_words[] = { "period", "days", "month", "quarter", NULL };
const char *const pack_reach_words[] = { "none", "worst", "cluster", NULL };
const char *const pack_low_words[] = { "measured", "tokens", "pinned", NULL };
const char *const pack_of_words[] = { "hosts", "vms", NULL };
const char *const pack_mode_words[] = { "up", "half-up", "down", NULL };
const char *const pack_round_words[] = { "scope", "host", NULL };
const char *const pack_scope_words[] = { "host", "cluster", "region", "fleet", NULL };
const char *const pack_clock_words[] = {
	"running", "paused", "suspended", "saved", "crashed", NULL
};
const char *const pack_hypervisor_words[] = { "qemu", "xen", "vmware", "hyperv", "other", NULL };

const char *
rule_aggregation_word(enum rule_aggregation a)
{
	return pack_aggregation_words[a];
}

const char *
rule_window_word(enum rule_window w)
{
	return pack_window_words[w];
}

const char *
rule_reach_word(enum rule_reach reach)
{
	return pack_reach_words[reach];
}

const char *
rule_low_word(enum rule_low low)
{
	return pack_low_words[low];
}

/* As far as the path leads; `rest` is what it does not. */
static const struct tally_yaml *
follow(const struct tally_yaml *map, const char *path, const char **rest)
{
	while (map->type == TALLY_YAML_MAP && *path) {
		const struct tally_yaml *below = NULL;
		size_t n = strcspn(path, ".");

		for (size_t i = 0; i < map->count && !below; i++)
			if (strlen(map->keys[i]) == n && memcmp(map->keys[i], path, n) == 0)
				below = map->items[i];
		if (!below)
			break;
		map = below;
		path += path[n] ? n + 1 : n;
	}
	*rest = path;
	return map;
}

const struct tally_yaml *
pack_node(const struct tally_yaml *map, const char *path)
{
	const char *rest;

	return follow(map, path, &rest);
}

const struct tally_yaml *
pack_find(const struct tally_yaml *map, const char *path)
{
	const char *rest;
	const struct tally_yaml *node = follow(map, path, &rest);

	return *rest ? NULL : node;
}

static int
refuse_word(const struct pack_place *at, const struct tally_yaml *node, const char *key,
	    const char *const words[])
{
	char list[256];
	size_t used = 0;

	for (size_t i = 0; words[i]; i++) {
		int n = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);

		TALLY_ASSERT(n > 0 && (size_t)n < sizeof(list) - used);
		used += (size_t)n;
	}
	return tally_yaml_error(at->name, node, at->err, "'%s' must be one of: %s", key, list);
}

static int
find_word(const char *text, const char *const words[])
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

int
pack_word(const struct pack_place *at, const char *key, const char *text, const char *const words[],
	  unsigned *out)
{
	int found;

	if (!text)
		return 0;
	found = find_word(text, words);
	if (found < 0)
		return refuse_word(at, pack_node(at->map, key), key, words);
	*out = (unsigned)found;
	return 0;
}

int
pack_words(const struct pack_place *at, const char *key, const struct tally_strings *list,
	   const char *const words[], unsigned *bits)
{
	const struct tally_yaml *node = pack_node(at->map, key);
	unsigned found = 0;

	for (size_t i = 0; i < list->count; i++) {
		int word = find_word(list->items[i], words);

		if (word < 0)
			return refuse_word(at, node->items[i], key, words);
		found |= 1U << word;
	}
	if (found)
		*bits = found;
	return 0;
}

int
pack_date(const struct pack_place *at, const char *key, const char *text, int64_t *out)
{
	char full[sizeof("YYYY-MM-DDT00:00:00Z")];
	struct tally_wall wall;

	if (!text)
		return 0;
	if (strlen(text) != 10)
		return pack_error(at, key, "'%s' must be a date such as 2026-11-01", key);
	(void)snprintf(full, sizeof(full), "%sT00:00:00Z", text);
	if (!tally_wall_parse(&wall, full, strlen(full), false))
		return pack_error(at, key, "'%s' must be a date such as 2026-11-01", key);
	*out = wall.ns;
	return 0;
}

int
pack_number(const struct pack_place *at, const char *key, const char *text, uint64_t max,
	    uint64_t *out)
{
	if (!tally_parse_u64(out, text, strlen(text), max))
		return pack_error(at, key, "'%s' must be whole numbers, none above %llu", key,
				  (unsigned long long)max);
	return 0;
}

int
pack_decimal(const struct pack_place *at, const char *key, const char *text, unsigned decimals,
	     uint64_t *out)
{
	const uint64_t max = UINT64_C(1000000000000);
	uint64_t whole = 0, rest = 0;
	const char *dot;
	size_t digits;

	if (!text)
		return 0;
	dot = strchr(text, '.');
	digits = dot ? strlen(dot + 1) : 0;
	if (!tally_parse_u64(&whole, text, dot ? (size_t)(dot - text) : strlen(text), max) ||
	    (dot && digits == 0) || digits > decimals)
		return pack_error(at, key, "'%s' must be a number with at most %u decimals", key,
				  decimals);
	for (size_t i = 0; i < decimals; i++) {
		char c = i < digits ? dot[1 + i] : '0';

		if (c < '0' || c > '9')
			return pack_error(at, key, "'%s' must be a number with at most %u decimals",
					  key, decimals);
		rest = 10 * rest + (uint64_t)(c - '0');
		whole *= 10; /* up to 10^12 times 10^6 */
	}
	*out = whole + rest;
	return 0;
}

bool
pack_is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') ||
		      text[i] == '-' || text[i] == '.'))
			return false;
	return length > 0;
}
