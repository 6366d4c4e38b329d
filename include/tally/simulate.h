/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_SIMULATE_H
#define TALLY_SIMULATE_H
/*
 * What if: a report's licence positions beside those of its estate with changes, by
 * the same rules (FORMAT.md section 24). Computed, not measured: nothing here ever
 * reaches a ledger. PURE.
 */
#include "tally/report.h"

enum tally_change {
	TALLY_CHANGE_ADD_HOST,
	TALLY_CHANGE_REMOVE_HOST,
	TALLY_CHANGE_MOVE,
	TALLY_CHANGE_GROW,
};
/* Changes in the order in which they are made. */
struct tally_changes;
struct tally_changes *tally_changes_new(void);
void tally_changes_free(struct tally_changes *list);
/* One more, from its words: tally-simulate(1). TALLY_USE, with its number, its words and
 * the character where it is wrong. */
int tally_changes_add(struct tally_changes *list, enum tally_change kind, const char *words,
		      struct tally_err *err);

struct tally_simulation;
/* `r` was made by `o`, with rule packs; both and the changes outlive the simulation.
 * TALLY_USE: a change names what is not there, or changes nothing. */
int tally_simulation_make(struct tally_simulation **out, struct tally_report *r,
			  const struct tally_report_options *o, const struct tally_changes *list,
			  struct tally_err *err);
void tally_simulation_free(struct tally_simulation *s);
/* What would be short of what is held: as tally_report_short. */
size_t tally_simulation_short(const struct tally_simulation *s, struct tally_bytes *lines);
/* `all`: also the rows that are the same, and every machine that moved. */
void tally_simulation_text(const struct tally_simulation *s, struct tally_buf *out, unsigned width,
			   bool all);
void tally_simulation_json(const struct tally_simulation *s, struct tally_buf *out);
void tally_simulation_csv(const struct tally_simulation *s, struct tally_buf *out);

#endif
