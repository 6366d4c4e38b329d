/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_SOURCE_H
#define TALLY_SOURCE_H
/*
 * A hypervisor as a source of observations: libvirt now, Xen and others later,
 * a replay in tests. A source says what it saw; agent/machine says what it means.
 */
#include "tally/bytes.h"
#include "tally/clock.h"
#include "tally/event.h"

struct tally_err;

struct tally_domain {
	uint8_t uuid[TALLY_UUID];
	char name[256];
	int64_t id;     /* the manager's; -1 where not active */
	unsigned state; /* enum tally_state */
	unsigned cause; /* enum tally_cause of the state; 0 unknown */
	uint32_t vcpus;
	uint64_t memory_mib;
	uint32_t pid;         /* 0 unknown */
	uint64_t start_ticks; /* 0 unknown */
	char os[256];         /* libosinfo URI from the metadata; "" none */
	char tenant[256], cost_center[256], environment[64]; /* "" none */
	bool tainted; /* somebody used the hypervisor's monitor behind the manager */
};

/*
 * EVENT: the manager said so. EXIT: the VM's process (domain.uuid, pid,
 * start_ticks) has ended; it comes also while the manager is away, for a source
 * watches the processes of the VMs that it has listed or described over a
 * disconnect. LOST: the connection has gone. OVERFLOW: some were dropped.
 */
enum tally_obs_kind { TALLY_OBS_EVENT, TALLY_OBS_LOST, TALLY_OBS_OVERFLOW, TALLY_OBS_EXIT };
struct tally_observation {
	enum tally_obs_kind kind;
	struct tally_now at;
	/* EVENT: enum tally_kind (TAGS: its metadata changed); 0 = something that
	 * calls for a fresh list. */
	unsigned what;
	unsigned cause; /* enum tally_cause */
	uint32_t raw_event, raw_detail;
	uint64_t lost; /* OVERFLOW: how many */
	struct tally_domain domain;
};

struct tally_process { /* of a hypervisor, unknown to its manager */
	uint32_t pid;
	uint64_t start_ticks;
	char name[256];
};

struct tally_host_view { /* what the source knows of the host */
	uint32_t cores_per_socket[64];
	size_t sockets;
	uint32_t threads_per_core;
	char cpu[128], model[128], manager[256];
	unsigned hypervisor;
	char doubt[256]; /* where the kernel and the manager disagree; "" nowhere */
};

struct tally_source {
	void *ctx;
	/* Connects and subscribes; the caller lists after it, so nothing falls between. */
	int (*connect)(void *ctx, struct tally_err *err);
	void (*disconnect)(void *ctx);
	/* All active domains; the array is the caller's to free(). */
	int (*list)(void *ctx, struct tally_domain **out, size_t *n, struct tally_err *err);
	/* What an observation does not carry: vCPUs, memory, OS. 1 found, 0 gone, -1. */
	int (*describe)(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out,
			struct tally_err *err);
	int (*facts)(void *ctx, struct tally_host_view *out, struct tally_err *err);
	/* 1 an observation, 0 none queued now. Never blocks. */
	int (*next)(void *ctx, struct tally_observation *out);
	int (*fd)(void *ctx); /* readable when next has something */
	/* Hypervisor processes that no list has; the array is the caller's to free().
	 * NULL where the source cannot tell. */
	int (*unmanaged)(void *ctx, struct tally_process **out, size_t *n, struct tally_err *err);
	/* CPU time that the VM's process has used, ns. 1, 0 unknown. NULL: never known. */
	int (*cpu_time)(void *ctx, const struct tally_domain *vm, uint64_t *ns);
	/* Before the first connect: a VM that an earlier agent saw in this boot (uuid,
	 * pid, start_ticks). Its EXIT comes from now on; where the process has ended
	 * already, only if the first list still shows the VM, with the list. NULL: this
	 * source watches no processes; with it, the manager's word that a VM is gone is
	 * late, and the end of one whose process is unknown has bounds. */
	void (*watch)(void *ctx, const struct tally_domain *vm);
	void (*free)(void *ctx);
};

#endif
