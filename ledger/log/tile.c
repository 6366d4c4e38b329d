/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tiles lie (c2sp.org/tlog-tiles). A tile holds 256 hashes of every
 * eighth level, fewer only at the right edge. One tile has one path: parsing
 * accepts nothing that writing would not give.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tally/err.h"
#include "tally/merkle.h"
#include "tally/parse.h"

#define FULL       256U
#define LEVEL_MAX  63
#define GROUPS_MAX 7 /* of three digits, for 64 bits */

void
tally_tile_path(char out[TALLY_TILE_PATH], int level, uint64_t n, unsigned width)
{
	unsigned group[GROUPS_MAX], groups = 0;
	size_t at = 0;

	TALLY_ASSERT(level >= -2 && level <= LEVEL_MAX && width >= 1 && width <= FULL);
	do {
		group[groups++] = (unsigned)(n % 1000);
		n /= 1000;
	} while (n > 0);
#define ADD(...) at += (size_t)snprintf(out + at, TALLY_TILE_PATH - at, __VA_ARGS__)
	if (level == -1)
		ADD("tile/entries/");
	else if (level >= 0)
		ADD("tile/%d/", level);
	else
		out[0] = '\0';
	while (groups > 1)
		ADD("x%03u/", group[--groups]);
	ADD("%03u", group[0]);
	if (width < FULL)
		ADD(".p/%u", width);
#undef ADD
	TALLY_ASSERT(at < TALLY_TILE_PATH);
}

static bool
take(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

/* What stands before the number: the level, and `p` at the number. */
static bool
parse_level(const char **p, int *level)
{
	const char *slash;
	uint64_t value;

	*level = -2;
	if (!take(p, "tile/"))
		return true;
	*level = -1;
	if (take(p, "entries/"))
		return true;
	slash = strchr(*p, '/');
	if (!slash || !tally_parse_u64(&value, *p, (size_t)(slash - *p), LEVEL_MAX))
		return false;
	*level = (int)value;
	*p = slash + 1;
	return true;
}

static bool
parse_number(const char **p, uint64_t *n)
{
	*n = 0;
	for (int i = 0; i < GROUPS_MAX; i++) {
		bool more = take(p, "x");
		unsigned group = 0;

		for (int digit = 0; digit < 3; digit++, (*p)++) {
			if (**p < '0' || **p > '9')
				return false;
			group = group * 10 + (unsigned)(**p - '0');
		}
		if (__builtin_mul_overflow(*n, 1000U, n) || __builtin_add_overflow(*n, group, n))
			return false;
		if (!more)
			return true;
		if (!take(p, "/"))
			return false;
	}
	return false;
}

static bool
parse_width(const char **p, unsigned *width)
{
	uint64_t value;
	size_t n;

	*width = FULL;
	if (!take(p, ".p/"))
		return true;
	n = strlen(*p);
	if (!tally_parse_u64(&value, *p, n, FULL - 1) || value == 0)
		return false;
	*width = (unsigned)value;
	*p += n;
	return true;
}

int
tally_tile_parse(const char *path, int *level, uint64_t *n, unsigned *width, struct tally_err *err)
{
	const char *p = path;
	char canonical[TALLY_TILE_PATH];

	if (parse_level(&p, level) && parse_number(&p, n) && parse_width(&p, width) && *p == '\0') {
		/* Leading groups of x000 would be a second name. */
		tally_tile_path(canonical, *level, *n, *width);
		if (strcmp(canonical, path) == 0)
			return 0;
	}
	return tally_err_set(err, TALLY_FAILS, "not the path of a tile");
}

unsigned
tally_tile_width(uint64_t size, unsigned level, uint64_t n)
{
	uint64_t nodes = level >= 8 ? 0 : size >> (8 * level), first;

	if (__builtin_mul_overflow(n, FULL, &first) || first >= nodes)
		return 0;
	return nodes - first < FULL ? (unsigned)(nodes - first) : FULL;
}
