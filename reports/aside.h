/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ASIDE_H
#define TALLY_REPORTS_ASIDE_H
/*
 * What an operator wrote into a ledger beside its host: corrections that were not
 * imported. No host saw anything when they were written, so they stand apart from
 * the live entries; they are few, and kept here from the survey on.
 */
#include "tally/entry.h"

struct aside_item;
struct aside {
	struct aside_item *items;
	size_t n, cap;
	size_t next; /* to be read */
	struct tally_buf bytes;
};
void aside_deinit(struct aside *a);
void aside_add(struct aside *a, const struct tally_entry *e);
uint64_t aside_index(const struct aside *a, size_t i); /* of its i-th entry, in the ledger */
/* As a part's cursor, in the order in which they were added; no ledger is read. */
struct tally_entries aside_entries(struct aside *a);

#endif
