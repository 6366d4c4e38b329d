/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that moves only when a test says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"

static struct tally_now
fake_now(void *ctx)
{
	const struct test_clock *c = ctx;

	return c->now;
}

static int
fake_boot_id(void *ctx, uint8_t out[16])
{
	const struct test_clock *c = ctx;

	if (c->boot_unknown)
		return -1;
	memcpy(out, c->boot_id, sizeof(c->boot_id));
	return 0;
}

static int64_t
fake_suspended(void *ctx)
{
	const struct test_clock *c = ctx;

	return c->suspended;
}

struct tally_wall
test_wall(const char *rfc3339)
{
	struct tally_wall t;

	if (!tally_wall_parse(&t, rfc3339, strlen(rfc3339), true)) {
		fprintf(stderr, "not a time: %s\n", rfc3339);
		abort();
	}
	return t;
}

void
test_clock_init(struct test_clock *c, const char *rfc3339)
{
	memset(c, 0, sizeof(*c));
	c->table.ctx = c;
	c->table.now = fake_now;
	c->table.boot_id = fake_boot_id;
	c->table.suspended = fake_suspended;
	c->now.wall = test_wall(rfc3339);
	c->now.uptime.ns = 1000 * TALLY_SECOND;
	for (size_t i = 0; i < sizeof(c->boot_id); i++)
		c->boot_id[i] = (uint8_t)(0xb0 + i);
}

void
test_clock_advance(struct test_clock *c, int64_t ns)
{
	c->now.wall.ns += ns;
	c->now.uptime.ns += ns;
}

void
test_clock_step(struct test_clock *c, int64_t ns)
{
	c->now.wall.ns += ns;
}

void
test_clock_set(struct test_clock *c, const char *rfc3339)
{
	c->now.wall = test_wall(rfc3339);
}

void
test_clock_suspend(struct test_clock *c, int64_t ns)
{
	test_clock_advance(c, ns);
	c->suspended += ns;
}

void
test_clock_reboot(struct test_clock *c, int64_t down_ns)
{
	c->now.wall.ns += down_ns;
	c->now.uptime.ns = 10 * TALLY_SECOND;
	c->boot_id[15]++;
	c->suspended = 0;
}
