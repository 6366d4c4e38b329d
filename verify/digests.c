/* SPDX-License-Identifier: Apache-2.0 */
/* What is found by its SHA-256: a bundle may hold 200,000 reports and inputs, each of which may be
 * named by all others. Those of one bundle and one content stand together, the first one first. */
#include <stdlib.h>
#include <string.h>
#include "digests.h"
#include "tally/bytes.h"

static int
compare_content(const struct digest *x, size_t bundle, const uint8_t hash[TALLY_HASH])
{
	if (x->bundle != bundle)
		return x->bundle < bundle ? -1 : 1;
	return memcmp(x->hash, hash, TALLY_HASH);
}

static int
compare_digests(const void *a, const void *b)
{
	const struct digest *x = a, *y = b;
	int c = compare_content(x, y->bundle, y->hash);

	return c ? c : x->at < y->at ? -1 : x->at > y->at;
}

void
digests_add(struct digests *d, size_t bundle, const uint8_t hash[TALLY_HASH], size_t at)
{
	struct digest *x;

	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 16;
		d->p = tally_realloc_array(d->p, d->cap, sizeof(*d->p));
	}
	x = &d->p[d->n++];
	*x = (struct digest){ .bundle = bundle, .at = at };
	memcpy(x->hash, hash, TALLY_HASH);
}

void
digests_sort(struct digests *d)
{
	if (d->n > 1)
		qsort(d->p, d->n, sizeof(*d->p), compare_digests);
}

/* The first one that is not before this content or, with `behind`, behind it. */
static size_t
bound(const struct digests *d, size_t bundle, const uint8_t hash[TALLY_HASH], bool behind)
{
	size_t low = 0, high = d->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_content(&d->p[middle], bundle, hash) < (behind ? 1 : 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct digest *
digests_find(const struct digests *d, size_t bundle, const uint8_t hash[TALLY_HASH], size_t *n)
{
	size_t first = bound(d, bundle, hash, false);

	*n = bound(d, bundle, hash, true) - first;
	return *n > 0 ? &d->p[first] : NULL;
}

void
digests_deinit(struct digests *d)
{
	free(d->p);
}
