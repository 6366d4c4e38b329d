/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the numbers: docs/FORMAT.md, sections 2 and 3. A number without a
 * name is one that this version does not know. */
#include <string.h>
#include "tally/event.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *const kinds[] = {
	[TALLY_LEDGER_BEGIN] = "ledger-begin",
	[TALLY_HOST_FACTS] = "host-facts",
	[TALLY_HOST_BOOT] = "host-boot",
	[TALLY_HOST_RETIRED] = "host-retired",
	[TALLY_HOST_FAILED] = "host-failed",
	[TALLY_AGENT_START] = "agent-start",
	[TALLY_AGENT_STOP] = "agent-stop",
	[TALLY_AGENT_CONFIG] = "agent-config",
	[TALLY_HEARTBEAT] = "heartbeat",
	[TALLY_GAP_BEGIN] = "gap-begin",
	[TALLY_GAP_END] = "gap-end",
	[TALLY_GAP] = "gap",
	[TALLY_CLOCK_STEP] = "clock-step",
	[TALLY_DEFINED] = "defined",
	[TALLY_UNDEFINED] = "undefined",
	[TALLY_RENAMED] = "renamed",
	[TALLY_STARTED] = "started",
	[TALLY_BASELINE] = "baseline",
	[TALLY_RESUMED] = "resumed",
	[TALLY_SUSPENDED] = "suspended",
	[TALLY_SHUTDOWN_REQUEST] = "shutdown-request",
	[TALLY_STOPPED] = "stopped",
	[TALLY_CRASHED] = "crashed",
	[TALLY_REBOOTED] = "rebooted",
	[TALLY_MIGRATED_OUT] = "migrated-out",
	[TALLY_MIGRATED_IN] = "migrated-in",
	[TALLY_MIGRATION_FAILED] = "migration-failed",
	[TALLY_TIME_TRAVEL] = "time-travel",
	[TALLY_CONFIG] = "config",
	[TALLY_OS_CLAIM] = "os-claim",
	[TALLY_SOFTWARE] = "software",
	[TALLY_TAGS] = "tags",
	[TALLY_ROLE] = "role",
	[TALLY_CONFLICT] = "conflict",
	[TALLY_UNMANAGED_VM] = "unmanaged-vm",
	[TALLY_IMPORT] = "import",
	[TALLY_OPERATOR_ACTION] = "operator-action",
	[TALLY_SESSION_STATEMENT] = "session-statement",
	[TALLY_ANCHOR_INTENT] = "anchor-intent",
	[TALLY_ANCHOR] = "anchor",
	[TALLY_STREAM_HEADS] = "stream-heads",
	[TALLY_CATALOGUE] = "catalogue",
	[TALLY_RULE_PACK] = "rule-pack",
	[TALLY_REPORT_ISSUED] = "report-issued",
	[TALLY_RECEIPT] = "receipt",
	[TALLY_ENROLMENT] = "enrolment",
};

static const char *const states[] = {
	[TALLY_ST_ABSENT] = "absent",
	[TALLY_ST_DEFINED] = "defined",
	[TALLY_ST_STARTING] = "starting",
	[TALLY_ST_INCOMING] = "incoming",
	[TALLY_ST_RUNNING] = "running",
	[TALLY_ST_PAUSED] = "paused",
	[TALLY_ST_PMSUSPENDED] = "pmsuspended",
	[TALLY_ST_CRASHED] = "crashed",
	[TALLY_ST_SAVED] = "saved",
	[TALLY_ST_STOPPING] = "stopping",
	[TALLY_ST_STANDBY] = "standby",
	[TALLY_ST_UNKNOWN] = "unknown",
};

static const char *const causes[] = {
	[TALLY_C_BOOT] = "boot",         [TALLY_C_RESTORE] = "restore",
	[TALLY_C_SNAPSHOT] = "snapshot", [TALLY_C_MIGRATED] = "migrated",
	[TALLY_C_WAKEUP] = "wakeup",     [TALLY_C_UNKNOWN] = "unknown",
	[TALLY_C_SHUTDOWN] = "shutdown", [TALLY_C_DESTROYED] = "destroyed",
	[TALLY_C_CRASHED] = "crashed",   [TALLY_C_SAVED] = "saved",
	[TALLY_C_FAILED] = "failed",     [TALLY_C_VANISHED] = "vanished",
	[TALLY_C_PAUSED] = "paused",     [TALLY_C_PMSUSPENDED] = "pmsuspended",
	[TALLY_C_REVERT] = "revert",     [TALLY_C_MONITOR] = "monitor",
	[TALLY_C_GUEST] = "guest",       [TALLY_C_HOST] = "host",
	[TALLY_C_IOERROR] = "ioerror",   [TALLY_C_WATCHDOG] = "watchdog",
	[TALLY_C_USER] = "user",         [TALLY_C_UNPAUSED] = "unpaused",
	[TALLY_C_POSTCOPY] = "postcopy", [TALLY_C_API_ERROR] = "api-error",
};

static const char *const evidences[] = {
	[TALLY_E_NONE] = "none",
	[TALLY_E_OPERATOR] = "operator",
	[TALLY_E_HYPERVISOR] = "hypervisor",
	[TALLY_E_AGENT] = "agent",
	[TALLY_E_DISK] = "disk",
	[TALLY_E_VENDOR] = "vendor",
};

static const char *const hypervisors[] = {
	[1] = "qemu", [2] = "xen", [3] = "vmware", [4] = "hyperv", [5] = "other",
};

static const char *
name_of(const char *const *table, size_t count, unsigned number)
{
	return number < count ? table[number] : NULL;
}

static int
find(const char *const *table, size_t count, struct tally_bytes name)
{
	for (size_t i = 0; i < count; i++)
		if (table[i] && strlen(table[i]) == name.len &&
		    memcmp(table[i], name.p, name.len) == 0)
			return (int)i;
	return -1;
}

static unsigned
find_or_0(const char *const *table, size_t count, struct tally_bytes name)
{
	int found = find(table, count, name);

	return found < 0 ? 0 : (unsigned)found;
}

const char *
tally_kind_name(unsigned kind)
{
	return name_of(kinds, COUNT(kinds), kind);
}

const char *
tally_state_name(unsigned state)
{
	return name_of(states, COUNT(states), state);
}

const char *
tally_cause_name(unsigned cause)
{
	return name_of(causes, COUNT(causes), cause);
}

const char *
tally_evidence_name(unsigned evidence)
{
	return name_of(evidences, COUNT(evidences), evidence);
}

const char *
tally_hypervisor_name(unsigned hypervisor)
{
	return name_of(hypervisors, COUNT(hypervisors), hypervisor);
}

unsigned
tally_kind_find(struct tally_bytes name)
{
	return find_or_0(kinds, COUNT(kinds), name);
}

unsigned
tally_cause_find(struct tally_bytes name)
{
	return find_or_0(causes, COUNT(causes), name);
}

int
tally_evidence_find(struct tally_bytes name)
{
	return find(evidences, COUNT(evidences), name);
}

unsigned
tally_hypervisor_find(struct tally_bytes name)
{
	return find_or_0(hypervisors, COUNT(hypervisors), name);
}

bool
tally_kind_is_apart(unsigned kind)
{
	return kind == TALLY_IMPORT || kind == TALLY_OPERATOR_ACTION ||
	       kind == TALLY_SESSION_STATEMENT || kind == TALLY_ENROLMENT ||
	       kind == TALLY_RECEIPT || kind == TALLY_ANCHOR_INTENT || kind == TALLY_ANCHOR ||
	       kind == TALLY_REPORT_ISSUED;
}

bool
tally_event_is_issue(const struct tally_event *ev)
{
	const struct tally_operations *o = &ev->o;

	return ev->kind == TALLY_REPORT_ISSUED && o->report.p && o->file_hash.p &&
	       o->has_period_from && o->has_period_to && o->period_from < o->period_to &&
	       o->period_to <= (uint64_t)TALLY_WALL_MAX;
}

bool
tally_event_is_correction(const struct tally_event *ev)
{
	return (ev->kind == TALLY_OS_CLAIM || ev->kind == TALLY_SOFTWARE ||
		ev->kind == TALLY_TAGS) &&
	       (ev->m.has_from || ev->m.has_to);
}
