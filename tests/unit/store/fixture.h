/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H
/* A ledger in a folder of its own, entries whose content follows from their
 * serial number, and a look at the whole that trusts none of the store's nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tally/err.h"
#include "tally/store.h"

/* A clock that stands where a test puts it. */
struct fake_clock {
	struct tally_clock clock;
	struct tally_now now;
	uint8_t boot_id[16];
	bool no_boot_id;
};
void fake_clock_init(struct fake_clock *c);

struct fixture {
	char root[64]; /* mkdtemp */
	char path[96]; /* the ledger */
	char out[96];  /* a place for an export, not made */
	struct fake_clock clock;
};
void fixture_init(struct fixture *f);
void fixture_deinit(struct fixture *f);
void fixture_create(struct fixture *f);
struct tally_store *fixture_open(struct fixture *f, enum tally_store_mode mode);

/* n entries with serial numbers from `serial`, about `bytes` of groups each. */
struct batch {
	struct tally_prepared *entry;
	uint8_t *bytes;
};
void batch_init(struct batch *b, uint64_t serial, size_t n, size_t bytes);
void batch_deinit(struct batch *b);
int append_serials(struct tally_store *s, uint64_t serial, size_t n, size_t bytes,
		   struct tally_err *err);

/* Opens for reading: at least `acknowledged` entries with serials 0, 1, ... and
 * a head that is the tree over all of them; the newest note, where there is
 * one, is a root of it. Gives the size. */
uint64_t check_ledger(const char *path, uint64_t acknowledged);

void remove_tree(const char *path);
int read_whole(const char *dir, const char *name, struct tally_buf *out);
#define assert_ok(call) fixture_assert_ok((call), &err, __FILE__, __LINE__)
void fixture_assert_ok(int r, const struct tally_err *err, const char *file, int line);

#endif
