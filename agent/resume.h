/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RESUME_H
#define AGENT_RESUME_H
/*
 * What an earlier agent left in the ledger: runs that it saw begin and not end,
 * the last run's number, the boot they belong to. A run of this boot is adopted
 * (the first list says whether it still stands); a run of an earlier boot ended
 * with that boot.
 */
#include "machine.h"
#include "tally/store.h"

struct resume_run {
	struct tally_domain dom;
	uint64_t run;
};
struct resume {
	uint64_t next_run;
	struct tally_wall witnessed; /* instant of the last live entry; 0 none */
	struct tally_uptime uptime;
	bool same_boot;   /* the last host-boot entry names this boot */
	bool agent_began; /* an agent-start without an agent-stop behind it */
	struct resume_run *open;
	size_t count;
};

int resume_read(struct resume *out, struct tally_store *store, const uint8_t boot_id[16],
		struct tally_err *err);
void resume_release(struct resume *r);

#endif
