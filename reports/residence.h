/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_RESIDENCE_H
#define TALLY_REPORTS_RESIDENCE_H
/*
 * Which entries begin a run, continue it and end it (FORMAT.md section 10, rules
 * 2 to 5). Both readings of the ledgers go through this, so that they agree on
 * what a run is; what the run's time counts as, they decide by themselves.
 */
#include "claims.h"
#include "stream.h"

struct usage_row;
struct vm_row;
struct move;

/* What a run adds to the figures at the moment. */
struct standing {
	unsigned state; /* enum clock; NOT_COUNTED */
	uint32_t vcpus;
	struct effective claims;
	uint32_t cluster, region;
	int64_t since;
};
enum clock { RUNNING, PAUSED, SUSPENDED, SAVED, CRASHED, CLOCKS, NOT_COUNTED = CLOCKS };

/* Lines of memory decide what an event costs: what stands together is used together. */
struct run {
	struct vm *vm;
	struct part *part;
	struct run *vm_next, *part_prev, *part_next;
	uint64_t begin_index;
	uint64_t seen_index;   /* its newest entry */
	struct claims *claims; /* sweep.c, as all that follows but for the incarnation */

	struct standing now;
	struct usage_row *rows[SCOPES];
	struct vm_row *row;
	unsigned state;
	uint32_t vcpus;
	uint32_t size;                   /* in the estate's sizes */
	uint32_t stay;                   /* collect.c: number + 1; 0: it stands in none */
	uint32_t stay_claims, stay_size; /* of that stay, as the next two */
	uint8_t stay_state;
	bool stay_standby;
	uint32_t product, edition; /* of the span that `row` belongs to */
	bool cut;                  /* counts no longer, though no entry has ended it yet */
	bool saved;                /* ended, and what it left is kept until the VM's next begin */
	bool ended;                /* goes away when its last time is counted */
	bool standby;
	bool changed; /* since its time was last counted */

	bool open;
	/* Of a live part: stands suspended for a switch-over to another host. */
	bool departing;
	int64_t depart_at;
	uint64_t depart_index;
	bool moved_in, doubted; /* resume.c */
	bool has_domain_id, has_start_ticks;
	uint32_t boot; /* incarnation */
	uint64_t domain_id;
	uint64_t start_ticks;
};

/* The entry of the period that began it from a saved state, until it is saved anew. */
struct restored {
	bool set;
	uint32_t ledger;
	uint64_t index;
	int64_t at;
};
struct vm {
	uint8_t uuid[TALLY_UUID];
	struct run *runs;
	struct claims *last; /* of the run whose claims changed last */
	struct corrected *corrected;
	struct vm_row *row; /* of its newest span */
	struct conflict *conflict;
	uint32_t in_estate; /* number + 1 */
	uint32_t number;    /* in the order of first appearance */
	struct moves *moves;
	struct restored restored;
	bool chained; /* resume.c */
	int64_t chained_at;
	struct vm *shared; /* plan.c, of a lane's: that of all ledgers */
};

enum end_why {
	END_STOPPED,
	END_MIGRATED,
	END_MISSED, /* another run began on the same host */
	END_BOOT,
	END_FAILED,
	END_RETIRED,
	END_OPEN, /* the part's last entry */
};
struct residence_ops {
	void (*begin)(void *ctx, struct run *r, const struct slot *e);
	/* `by` is the entry that ends it; of MISSED and BOOT the one ahead. The run
	 * is taken out of its part's list and is the callee's. */
	void (*end)(void *ctx, struct run *r, int64_t at, enum end_why why, const struct slot *by);
	void (*go_on)(void *ctx, struct run *r, const struct slot *baseline);
	/* The run begins to depart, or stays after all. Either may be NULL. */
	void (*depart)(void *ctx, struct run *r, const struct slot *e);
	void (*stay)(void *ctx, struct run *r);
};
struct residence {
	bool apart; /* of one ledger among many: what texts remember of VMs is not its own */
	struct map vms;
	uint32_t vm_count;
	struct tally_arena *arena;
	struct run *spare;
	const struct residence_ops *ops;
	void *ctx;
};
void residence_init(struct residence *r, bool apart);
void residence_deinit(struct residence *r);
struct vm *residence_vm(struct residence *r, const uint8_t uuid[TALLY_UUID]);
/* The VM that an entry names, as it does. */
struct vm *residence_vm_of(struct residence *r, const struct slot *e);
/* The VM's open run in the part, or NULL. */
struct run *residence_open(const struct vm *vm, const struct part *p);
/* Of a stream_fetch stages 0 to 3: the entry, what it says, its VM, the VM's runs. */
void residence_fetch(const struct told *t, unsigned stage);
/* What an entry does to runs. */
void residence_step(struct residence *r, struct part *p, const struct slot *e,
		    const struct slot *next);
/* Out of the VM's list and back to the heap of spare ones. */
void residence_drop(struct residence *r, struct run *run);
void residence_link(struct run *run); /* into its part's list */
void residence_unlink(struct run *run);

#endif
