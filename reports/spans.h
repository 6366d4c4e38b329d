/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_SPANS_H
#define TALLY_REPORTS_SPANS_H
/* Sets of instants as half-open spans. Spans may be added in any order; what
 * touches or overlaps becomes one, so a set is as large as its holes are many. */
#include <stddef.h>
#include <stdint.h>
#include "tally/time.h"

struct span {
	int64_t from, to;
};
struct spans {
	struct span *p;
	size_t n, cap;
};
void spans_deinit(struct spans *s);
void spans_add(struct spans *s, int64_t from, int64_t to); /* nothing where empty */
void spans_add_all(struct spans *s, const struct spans *other);
/* Ascending and apart; the others make it so by themselves. */
void spans_settle(struct spans *s);
void spans_cut(struct spans *s, const struct spans *limits); /* only what both hold */
void spans_subtract(struct spans *s, const struct spans *other);
tally_i128 spans_sum(struct spans *s);

#endif
