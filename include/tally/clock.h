/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLOCK_H
#define TALLY_CLOCK_H
/* The clock as a function table: the real one here, a fake one in tests. */
#include "tally/time.h"

struct tally_now {
	struct tally_wall wall;     /* CLOCK_REALTIME */
	struct tally_uptime uptime; /* CLOCK_BOOTTIME, read next to it */
};

struct tally_clock {
	void *ctx;
	struct tally_now (*now)(void *ctx);
	/* 16 bytes that name this boot of the machine (boot_id). 0, or -1 where unknown. */
	int (*boot_id)(void *ctx, uint8_t out[16]);
	/* ns of this boot in which the machine was suspended: CLOCK_BOOTTIME less
	 * CLOCK_MONOTONIC. NULL: it never is. */
	int64_t (*suspended)(void *ctx);
};

const struct tally_clock *tally_clock_real(void);

static inline struct tally_now
tally_clock_now(const struct tally_clock *c)
{
	return c->now(c->ctx);
}

static inline int64_t
tally_clock_suspended(const struct tally_clock *c)
{
	return c->suspended != NULL ? c->suspended(c->ctx) : 0;
}

#endif
