/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_DIGESTS_H
#define VERIFY_DIGESTS_H
/* Targets or inputs by their bundle and the SHA-256 of what is in them. */
#include <stddef.h>
#include "tally/bytes.h"

struct digests {
	struct digest {
		size_t bundle, at;
		uint8_t hash[TALLY_HASH];
	} * p;
	size_t n, cap;
};
void digests_add(struct digests *d, size_t bundle, const uint8_t hash[TALLY_HASH], size_t at);
void digests_sort(struct digests *d);
/* The first of those with this content, and how many follow on from it; NULL: none. */
const struct digest *digests_find(const struct digests *d, size_t bundle,
				  const uint8_t hash[TALLY_HASH], size_t *n);
void digests_deinit(struct digests *d);

#endif
