/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_GIST_H
#define TALLY_GIST_H
/*
 * The gist of a ledger's first entries (FORMAT.md section 7): those of them that still
 * matter to a time behind all of them. A timeline that reads these instead says the
 * same of any such time. PURE; implemented in ledger/log.
 */
#include "tally/entry.h"

struct tally_gist;
struct tally_gist *tally_gist_new(void); /* of no entries */
void tally_gist_free(struct tally_gist *g);
/* Entries in their order. Those that an older gist kept may stand for all that it is
 * of: after them tally_gist_goes_on() is told what was known of it. */
void tally_gist_add(struct tally_gist *g, const struct tally_header *h,
		    const struct tally_bytes groups[TALLY_GROUPS]);
void tally_gist_goes_on(struct tally_gist *g, uint64_t next, int64_t horizon);
/* The entry behind those that it is of. */
uint64_t tally_gist_next(const struct tally_gist *g);
/* The last instant that they speak of: only behind it the gist is as good as they are. */
int64_t tally_gist_horizon(const struct tally_gist *g);
/* What is kept, ascending; valid until the next call. */
size_t tally_gist_rows(struct tally_gist *g, const uint64_t **rows);

#endif
