/* SPDX-License-Identifier: Apache-2.0 */
/* The real disk, but for one call. */
#include <errno.h>
#include <string.h>
#include "testlib.h"

/* Whether this call is to fail; counts it. */
static bool
fails(struct test_disk *d)
{
	d->calls++;
	if (d->calls != d->fail_at && !(d->stay_failed && d->failed))
		return false;
	d->failed = true;
	errno = d->error;
	return true;
}

static ssize_t
faulty_write(void *ctx, int fd, const void *p, size_t n)
{
	struct test_disk *d = ctx;
	const struct tally_disk *real = tally_disk_real();

	if (fails(d)) {
		if (d->torn && n > 1)
			(void)real->write(real->ctx, fd, p, n / 2);
		errno = d->error;
		return -1;
	}
	return real->write(real->ctx, fd, p, n);
}

static int
faulty_fdatasync(void *ctx, int fd)
{
	const struct tally_disk *real = tally_disk_real();

	return fails(ctx) ? -1 : real->fdatasync(real->ctx, fd);
}

static int
faulty_fsync(void *ctx, int fd)
{
	const struct tally_disk *real = tally_disk_real();

	return fails(ctx) ? -1 : real->fsync(real->ctx, fd);
}

static int
faulty_rename(void *ctx, int fromdir, const char *from, int todir, const char *to)
{
	const struct tally_disk *real = tally_disk_real();

	return fails(ctx) ? -1 : real->rename(real->ctx, fromdir, from, todir, to);
}

void
test_disk_init(struct test_disk *d, unsigned fail_at, int error)
{
	memset(d, 0, sizeof(*d));
	d->table = (struct tally_disk){ d, faulty_write, faulty_fdatasync, faulty_fsync,
					faulty_rename };
	d->fail_at = fail_at;
	d->error = error;
}
