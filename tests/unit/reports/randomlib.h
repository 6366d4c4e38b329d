/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_RANDOMLIB_H
#define TALLY_TEST_RANDOMLIB_H
/* Random small histories of 2026-03-01: machines that start, stop, move, are resized,
 * forget to say that they ended, on hosts h0, h1, ... whose facts may change. The same
 * seed gives the same one. */
#include "testlib.h"
#include "tally/bytes.h"

#define RANDOM_HOSTS 4
#define RANDOM_VMS   6 /* a, b, ... */

struct random_event {
	unsigned at, vm;
	bool added; /* of the VM that is not in both histories */
	char text[200];
};
struct random_history {
	struct random_event p[400];
	size_t n;
};

/* Not more than n - 1. */
unsigned random_below(uint64_t *seed, unsigned n);
enum {
	RANDOM_MOVES = 1,  /* machines migrate; without it each stays on its host */
	RANDOM_LOSSES = 2, /* hosts crash, stops are missed: what one machine's entries show
			      of its host is of weight for others */
	RANDOM_ALL = 3,
};
void random_make(struct random_history *h, uint64_t seed, unsigned how);
/* As lines of history.h, with or without the last VM. */
void random_write(struct tally_buf *out, const struct random_history *h, bool with_added);

#endif
