/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RESUME_H
#define AGENT_RESUME_H
/*
 * What an earlier agent left in the ledger: runs that it saw begin and not end,
 * the last run's number, the boot they belong to, a gap that nobody closed. A
 * run of this boot is adopted (the first list says whether it still stands); a
 * run of an earlier boot ended with that boot.
 */
#include "machine.h"
#include "tally/store.h"

struct resume_process {
	uint32_t pid;
	uint64_t start_ticks;
};
struct resume {
	uint64_t next_run;
	/* The last live entry: its instant, and the two times of its append, which
	 * were read next to each other. All 0 where there is none. */
	struct tally_wall witnessed;
	struct tally_now last;
	struct tally_wall seen;   /* and of the last one that says something of VMs */
	bool same_boot;           /* the last host-boot entry names this boot */
	bool listed;              /* a heartbeat of this boot: its VMs have been listed */
	bool gap_open;            /* a gap-begin without its gap-end, of any boot */
	struct machine_run *open; /* of this boot, by UUID */
	size_t count;
	uint8_t (*saved)[TALLY_UUID]; /* VMs whose newest begin or end is a stopped{saved} */
	size_t saves;
	struct resume_process *unmanaged; /* told in this boot */
	size_t unmanaged_count;
};

int resume_read(struct resume *out, struct tally_store *store, const uint8_t boot_id[16],
		struct tally_err *err);
void resume_release(struct resume *r);
/* All that the machine has to know of it; to be called once, on a new machine. */
void resume_adopt(const struct resume *r, struct machine *m);
/*
 * The `gap` of the time without an agent, where this boot had one before: from
 * what it witnessed last to now. False: there is none to tell. The event's texts
 * are literals.
 */
bool resume_gap(const struct resume *r, struct tally_now now, struct tally_event *ev);

#endif
