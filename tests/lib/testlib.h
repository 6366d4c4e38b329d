/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TESTLIB_H
#define TALLY_TESTLIB_H
/*
 * What tests of every room share: a clock that stands still until it is told,
 * a disk that fails when it is told, and folders that are gone afterwards.
 * Helpers abort with a message where the machine itself fails them.
 */
#include "tally/clock.h"
#include "tally/file.h"

/* Includes what cmocka's header needs before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* A clock. Hand `&c.table` to what wants one; the struct must not move after. */
struct test_clock {
	struct tally_clock table;
	struct tally_now now;
	uint8_t boot_id[16];
	bool boot_unknown; /* makes boot_id() say -1 */
	int64_t suspended; /* of this boot, ns */
};

/* Stands at the wall time `rfc3339`, with an uptime of 1000 s. */
void test_clock_init(struct test_clock *c, const char *rfc3339);
/* Both times go on, as they do on a healthy machine. */
void test_clock_advance(struct test_clock *c, int64_t ns);
/* Only the wall steps, as somebody sets it; may be negative. */
void test_clock_step(struct test_clock *c, int64_t ns);
void test_clock_set(struct test_clock *c, const char *rfc3339);
/* Both times go on, but nothing runs: the machine sleeps. */
void test_clock_suspend(struct test_clock *c, int64_t ns);
/* Uptime begins again at 10 s, with another boot id; the wall goes on by `down_ns`. */
void test_clock_reboot(struct test_clock *c, int64_t down_ns);
/* The instant of an RFC 3339 text; aborts where it is none. */
struct tally_wall test_wall(const char *rfc3339);

/*
 * A disk. Calls are counted over all functions of the table; the `fail_at`-th
 * (from 1) fails with `error`, and with `stay_failed` every later one too, as
 * on a machine that has died. 0 never fails. A typical use:
 *
 *	for (unsigned n = 1;; n++) {
 *		test_disk_init(&d, n, EIO);
 *		... do it with &d.table ...
 *		if (!d.failed)
 *			break;	(n was past the last call: it must have worked)
 *		... look at what is there ...
 *	}
 */
struct test_disk {
	struct tally_disk table;
	unsigned fail_at, calls;
	int error;
	bool stay_failed;
	bool torn; /* a failing write writes half of it first */
	bool failed;
};
void test_disk_init(struct test_disk *d, unsigned fail_at, int error);

/* A new folder under $TMPDIR or /tmp; its path is to be freed by remove. */
char *test_dir_make(void);
void test_dir_remove(char *path);
/* Allocated "dir/name"; free it. */
char *test_path(const char *dir, const char *name);
/* The number of entries of a folder, without "." and "..". */
unsigned test_dir_count(const char *path);
void test_file_write(const char *path, const void *p, size_t n);
/* The whole file, NUL behind it; NULL where there is none. Free it. */
char *test_file_read(const char *path, size_t *n);
/* The folder of the public vectors, or NULL where this checkout has none. */
const char *test_vectors(void);

#endif
