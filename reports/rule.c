/* SPDX-License-Identifier: Apache-2.0 */
/* What rules ask of texts: patterns, prefixes, members of a list. */
#include <string.h>
#include <strings.h>
#include "rule.h"

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* The newest star takes one byte more whenever what follows it does not fit, so
 * this ends after at most length x length steps. */
bool
rule_text_fits(const char *pattern, struct tally_bytes text)
{
	const char *star = NULL;
	size_t i = 0, taken = 0;

	while (i < text.len) {
		if (*pattern == '*') {
			star = pattern++;
			taken = i;
		} else if (*pattern && lower((uint8_t)*pattern) == lower(text.p[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star + 1;
			i = ++taken;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
rule_os_fits(const struct tally_strings *prefixes, struct tally_bytes os)
{
	for (size_t i = 0; i < prefixes->count; i++) {
		size_t n = strlen(prefixes->items[i]);

		if (n <= os.len && memcmp(prefixes->items[i], os.p, n) == 0)
			return true;
	}
	return false;
}

bool
rule_knows(const struct tally_strings *list, struct tally_bytes text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->items[i]) == text.len &&
		    strncasecmp(list->items[i], (const char *)text.p, text.len) == 0)
			return true;
	return false;
}

bool
rule_in(const struct tally_strings *list, struct tally_bytes text)
{
	for (size_t i = 0; i < list->count; i++)
		if (tally_bytes_eq(text, tally_bytes_str(list->items[i])))
			return true;
	return false;
}
