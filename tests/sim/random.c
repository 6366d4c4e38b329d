/* SPDX-License-Identifier: Apache-2.0 */
/* See random.h. Integers only, but for the logarithm of a waiting time. */
#include "random.h"

#include <math.h>

uint64_t
random_next(struct random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
random_below(struct random *r, uint64_t n)
{
	return random_next(r) % n;
}

int64_t
random_between(struct random *r, int64_t from, int64_t to)
{
	return from + (int64_t)random_below(r, (uint64_t)(to - from) + 1);
}

bool
random_chance(struct random *r, unsigned percent)
{
	return random_below(r, 100) < percent;
}

int64_t
random_wait(struct random *r, int64_t mean)
{
	double u = (double)(random_next(r) >> 11) / 9007199254740992.0; /* [0, 1) */
	return 1 + (int64_t)((double)mean * -log1p(-u));
}
