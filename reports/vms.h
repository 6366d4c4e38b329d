/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_VMS_H
#define TALLY_REPORTS_VMS_H
/* The rows of `vms`: one a VM and span of one (product, edition). */
#include "tally/time.h"
#include "residence.h"

struct vm_row {
	const struct vm *vm;
	uint32_t product, edition;
	tally_i128 run, vcpu;
	int64_t first, last;
	struct ids hosts, software; /* hosts: numbers of ledgers, which are in the order of names */
	uint32_t newest_host;       /* that was added to `hosts` last */
	struct effective claims;    /* in force at `last` */
	uint32_t last_ledger;
	uint32_t ledger; /* of the entry that began the first run */
	uint64_t index;
};
struct vms {
	struct tally_arena *arena;
	struct vm_row **rows;
	size_t count, cap;
};
void vms_init(struct vms *v);
void vms_deinit(struct vms *v);
/* The row of a span that begins to count at `at`: the VM's newest where the
 * pair is the same, else a new one. */
struct vm_row *vms_span(struct vms *v, struct run *run, uint32_t product, uint32_t edition,
			int64_t at);
/* A run of the row's VM ran or was paused over [from, to), as `claims` say. */
struct vm_step {
	struct vm_row *row;
	struct effective claims;
	uint32_t ledger, vcpus;
	unsigned state; /* RUNNING or PAUSED */
	int64_t from, to;
};
void vms_count(const struct vm_step *step);
void vms_finish(struct vms *v, const struct strings *strings);

#endif
