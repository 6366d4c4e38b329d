/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H
/* splitmix64 (Steele, Lea, Flood 2014): one state, one seed, one history. */
#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

uint64_t random_next(struct random *r);
uint64_t random_below(struct random *r, uint64_t n);                /* n > 0 */
int64_t random_between(struct random *r, int64_t from, int64_t to); /* both may come */
bool random_chance(struct random *r, unsigned percent);
/* Exponential with this mean: the waiting time for what comes without memory. */
int64_t random_wait(struct random *r, int64_t mean);

#endif
