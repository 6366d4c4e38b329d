/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's clock. The two readings lie as close to each other as can be had. */
#include <time.h>
#include "tally/clock.h"
#include "tally/err.h"
#include "tally/file.h"

#include <fcntl.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	TALLY_ASSERT(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * TALLY_SECOND + ts.tv_nsec;
}

/* A preemption between the two would look like a step of the wall clock, so
 * the wall is read between two uptimes and the tightest of a few tries wins. */
static struct tally_now
real_now(void *ctx)
{
	struct tally_now now = { { 0 }, { 0 } };
	int64_t best = INT64_MAX;

	(void)ctx;
	for (int i = 0; i < 4 && best > 20000; i++) {
		int64_t before = read_clock(CLOCK_BOOTTIME);
		int64_t wall = read_clock(CLOCK_REALTIME);
		int64_t width = read_clock(CLOCK_BOOTTIME) - before;

		if (width < best) {
			best = width;
			now.wall.ns = wall;
			now.uptime.ns = before + width / 2;
		}
	}
	return now;
}

/* The narrowest of a few readings of one between two of the other, as above. */
static int64_t
real_suspended(void *ctx)
{
	int64_t best = INT64_MAX, suspended = 0;

	(void)ctx;
	for (int i = 0; i < 4 && best > 20000; i++) {
		int64_t before = read_clock(CLOCK_BOOTTIME);
		int64_t monotonic = read_clock(CLOCK_MONOTONIC);
		int64_t width = read_clock(CLOCK_BOOTTIME) - before;

		if (width < best) {
			best = width;
			suspended = before + width / 2 - monotonic;
		}
	}
	return suspended;
}

static int
real_boot_id(void *ctx, uint8_t out[16])
{
	struct tally_err err;
	struct tally_buf text = TALLY_BUF_INIT;
	bool ok;

	(void)ctx;
	ok = tally_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &err) == 1 &&
	     text.len >= TALLY_UUID_TEXT - 1 &&
	     tally_uuid_parse(out, (const char *)text.p, TALLY_UUID_TEXT - 1);
	tally_buf_deinit(&text);
	return ok ? 0 : -1;
}

const struct tally_clock *
tally_clock_real(void)
{
	static const struct tally_clock real = { NULL, real_now, real_boot_id, real_suspended };

	return &real;
}
