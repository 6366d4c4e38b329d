/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GIST_INTERNAL_H
#define GIST_INTERNAL_H
/* A VM in one part of a ledger, and its runs there (FORMAT.md section 10, rules 2 to
 * 4). A run's entries are kept together or not at all. */
#include "tally/event.h"

/* PAUSE: a suspension or a resumption. SIGHT: says nothing but that the VM is there. */
enum gist_says { GIST_WORD, GIST_PAUSE, GIST_SIGHT };
struct gist_row {
	uint64_t index;
	enum gist_says says;
};
struct gist_run {
	struct gist_row *rows;
	size_t count, cap;
	bool inherits; /* it migrated in: what it does not give was the VM's before */
	bool mixes;    /* and gave something later than with its begin */
	bool missed;   /* it ended where the next one began */
	bool stays;    /* whatever comes */
	bool needed;
	uint8_t gave; /* with its begin */
};
struct gist_guest {
	uint8_t vm[TALLY_UUID];
	struct gist_run *runs;
	size_t count, cap;
	bool open; /* the newest one */
	bool has_domain_id, has_start_ticks;
	int64_t domain_id;
	uint64_t start_ticks;
};

void gist_guest_deinit(struct gist_guest *g);
/* What an entry of the VM does; whether it belongs to a run. */
bool gist_guest_step(struct gist_guest *g, bool live, const struct tally_event *ev, uint64_t index);
/* The newest run stays. */
void gist_guest_hold(struct gist_guest *g);

#endif
