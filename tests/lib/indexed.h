/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_INDEXED_H
#define TALLY_TEST_INDEXED_H
/* A ledger's entries through an index in memory, made of short pieces and short
 * segments, so that their edges are met often, each behind a gist. */
#include "tally/report.h"

/* Reads all of `plain.entries`. False where an entry is not disclosed in full:
 * no ledger has such, so an index neither. Close with test_indexed_close. */
bool test_indexed_open(struct tally_report_ledger *out, const struct tally_report_ledger *plain);
void test_indexed_close(struct tally_report_ledger *l);
/* Rows that were read so far, of all. */
extern _Atomic uint64_t test_indexed_count;

#endif
