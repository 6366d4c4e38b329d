/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of recorded events: keys with their limits and homes, events with their keys. */
#include <string.h>

#include "record_keys.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a member cannot stand in parentheses. */
#define TEXT(name, field)                                                                          \
	{                                                                                          \
		name, record_take_text, offsetof(struct tally_event, field), 0, 0, RECORD_TEXT_MAX \
	}
#define WORD(name, field)                                                                          \
	{                                                                                          \
		name, record_take_word, offsetof(struct tally_event, field), 0, 1, RECORD_TEXT_MAX \
	}
#define NUMBER(name, size, group, field, min, max)                                                 \
	{                                                                                          \
		name, record_take_##size, offsetof(struct tally_event, group.field),               \
			offsetof(struct tally_event, group.has_##field), min, max                  \
	}
#define TIME(name, field)                                                                          \
	{                                                                                          \
		name, record_take_time, offsetof(struct tally_event, m.field),                     \
			offsetof(struct tally_event, m.has_##field), 0, 0                          \
	}
#define OTHER(name, taker, field)                                                                  \
	{                                                                                          \
		name, record_take_##taker, offsetof(struct tally_event, field), 0, 0, 0            \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

const struct record_key_spec record_keys[K_COUNT] = {
	[K_TIME] = TIME("time", time),
	[K_HOST] = { "host", record_take_skip, 0, 0, 0, 0 },
	[K_EVENT] = { "event", record_take_skip, 0, 0, 0, 0 },
	[K_VM] = { "vm", record_take_uuid, offsetof(struct tally_event, i.vm),
		   offsetof(struct tally_event, i.has_vm), 0, 0 },
	[K_NAME] = TEXT("name", i.name),
	[K_VCPUS] = NUMBER("vcpus", u32, m, vcpus, 1, 65536),
	[K_MEMORY] = NUMBER("memory_mib", u64, m, memory_mib, 1, UINT64_C(1) << 44),
	[K_OS] = OTHER("os", os, m.os),
	[K_EDITION] = TEXT("edition", m.edition),
	[K_EVIDENCE] = OTHER("evidence", evidence, m.evidence),
	[K_TENANT] = TEXT("tenant", i.tenant),
	[K_COST_CENTER] = TEXT("cost_center", i.cost_center),
	[K_ENVIRONMENT] = TEXT("environment", m.environment),
	[K_SOFTWARE] = OTHER("software", products, m.software),
	[K_PINNED] = OTHER("pinned", pinned, m.pinned),
	[K_CAUSE] = OTHER("cause", cause, m.cause),
	[K_PAUSED] = OTHER("paused", paused, m.state),
	[K_BASELINE] = OTHER("baseline", baseline, kind),
	[K_NOT_BEFORE] = TIME("not_before", not_before),
	[K_PEER] = OTHER("peer", peer, o.peer),
	[K_DOWNTIME] = OTHER("downtime_ms", downtime, m.downtime),
	[K_ADD] = OTHER("add", products, m.software),
	[K_REMOVE] = OTHER("remove", products, m.software_removed),
	[K_FROM] = TIME("from", from),
	[K_TO] = TIME("to", to),
	[K_REASON] = { "reason", record_take_reason, 0, 0, 0, RECORD_WORDS_MAX },
	[K_BY] = TEXT("by", o.by),
	[K_ROLE] = OTHER("role", role, m.role),
	[K_OF] = { "of", record_take_uuid, offsetof(struct tally_event, i.of),
		   offsetof(struct tally_event, i.has_of), 0, 0 },
	[K_CORES] = { "cores_per_socket", record_take_cores, 0, 0, 1, 4096 },
	[K_MAX_SOCKETS] = NUMBER("max_sockets", u32, m, max_sockets, 1, 1024),
	[K_THREADS] = NUMBER("threads_per_core", u32, m, threads_per_core, 1, 1024),
	[K_CPU] = TEXT("cpu", m.cpu),
	[K_MODEL] = TEXT("model", o.model),
	[K_CLUSTER] = TEXT("cluster", m.cluster),
	[K_REGION] = TEXT("region", m.region),
	[K_SITE] = TEXT("site", i.site),
	[K_HYPERVISOR] = OTHER("hypervisor", hypervisor, m.hypervisor),
	[K_BOOT] = WORD("boot", m.boot),
	[K_PARTITIONING] = TEXT("partitioning", m.partitioning),
	[K_VERSION] = TEXT("version", o.version),
	[K_SECONDS] = OTHER("seconds", seconds, m.step),
};

static const unsigned start_causes[] = { TALLY_C_BOOT,
					 TALLY_C_RESTORE,
					 TALLY_C_SNAPSHOT,
					 TALLY_C_MIGRATED,
					 TALLY_C_WAKEUP,
					 TALLY_C_UNKNOWN,
					 0 };
static const unsigned stop_causes[] = { TALLY_C_SHUTDOWN, TALLY_C_DESTROYED, TALLY_C_CRASHED,
					TALLY_C_MIGRATED, TALLY_C_SAVED,     TALLY_C_FAILED,
					TALLY_C_SNAPSHOT, TALLY_C_VANISHED,  0 };
static const unsigned suspend_causes[] = { TALLY_C_PAUSED, TALLY_C_USER, TALLY_C_PMSUSPENDED, 0 };
static const unsigned travel_causes[] = { TALLY_C_REVERT, TALLY_C_RESTORE, TALLY_C_MONITOR, 0 };

#define VM    KEY(K_VM)
#define CLAIM (VM | KEY(K_EVIDENCE) | KEY(K_FROM) | KEY(K_TO) | KEY(K_REASON) | KEY(K_BY))
#define START                                                                                      \
	(VM | KEY(K_NAME) | KEY(K_VCPUS) | KEY(K_MEMORY) | KEY(K_OS) | KEY(K_EDITION) |            \
	 KEY(K_EVIDENCE) | KEY(K_TENANT) | KEY(K_COST_CENTER) | KEY(K_ENVIRONMENT) |               \
	 KEY(K_SOFTWARE) | KEY(K_PINNED) | KEY(K_CAUSE) | KEY(K_PAUSED) | KEY(K_BASELINE))
#define MIGRATE (VM | KEY(K_PEER) | KEY(K_DOWNTIME))
#define HOST                                                                                       \
	(KEY(K_CORES) | KEY(K_MAX_SOCKETS) | KEY(K_THREADS) | KEY(K_CPU) | KEY(K_MODEL) |          \
	 KEY(K_CLUSTER) | KEY(K_REGION) | KEY(K_SITE) | KEY(K_HYPERVISOR) | KEY(K_OS) |            \
	 KEY(K_EDITION) | KEY(K_SOFTWARE) | KEY(K_BOOT) | KEY(K_PARTITIONING))

static const struct record_event_spec events[] = {
	{ "heartbeat", TALLY_HEARTBEAT, 0, 0, NULL },
	{ "start", TALLY_STARTED, START, VM | KEY(K_VCPUS), start_causes },
	{ "stop", TALLY_STOPPED, VM | KEY(K_CAUSE) | KEY(K_NOT_BEFORE), VM | KEY(K_CAUSE),
	  stop_causes },
	{ "suspend", TALLY_SUSPENDED, VM | KEY(K_CAUSE), VM, suspend_causes },
	{ "resume", TALLY_RESUMED, VM | KEY(K_CAUSE), VM, NULL },
	{ "reboot", TALLY_REBOOTED, VM | KEY(K_CAUSE), VM, NULL },
	{ "config", TALLY_CONFIG, VM | KEY(K_VCPUS) | KEY(K_MEMORY) | KEY(K_NAME) | KEY(K_PINNED),
	  VM, NULL },
	{ "migrate-out", TALLY_MIGRATED_OUT, MIGRATE, VM, NULL },
	{ "migrate-in", TALLY_MIGRATED_IN, MIGRATE | START, VM | KEY(K_VCPUS), start_causes },
	{ "os", TALLY_OS_CLAIM, CLAIM | KEY(K_OS) | KEY(K_EDITION), VM, NULL },
	{ "software", TALLY_SOFTWARE, CLAIM | KEY(K_ADD) | KEY(K_REMOVE), VM, NULL },
	{ "tag", TALLY_TAGS, CLAIM | KEY(K_TENANT) | KEY(K_COST_CENTER) | KEY(K_ENVIRONMENT), VM,
	  NULL },
	{ "role", TALLY_ROLE, VM | KEY(K_ROLE) | KEY(K_OF), VM, NULL },
	{ "time-travel", TALLY_TIME_TRAVEL, VM | KEY(K_CAUSE), VM, travel_causes },
	{ "host", TALLY_HOST_FACTS, HOST, KEY(K_CORES), NULL },
	{ "host-retired", TALLY_HOST_RETIRED, KEY(K_REASON), 0, NULL },
	{ "host-failed", TALLY_HOST_FAILED, KEY(K_REASON), 0, NULL },
	{ "gap", TALLY_GAP, KEY(K_FROM) | KEY(K_TO) | KEY(K_REASON), KEY(K_FROM) | KEY(K_TO),
	  NULL },
	{ "agent-start", TALLY_AGENT_START, KEY(K_VERSION), 0, NULL },
	{ "agent-stop", TALLY_AGENT_STOP, 0, 0, NULL },
	{ "clock-step", TALLY_CLOCK_STEP, KEY(K_SECONDS), 0, NULL },
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

const struct record_event_spec *
record_event_find(struct tally_bytes name)
{
	for (size_t i = 0; i < EVENTS; i++)
		if (tally_bytes_eq(name, tally_bytes_str(events[i].name)))
			return &events[i];
	return NULL;
}

const char *
record_event_name(unsigned kind)
{
	if (kind == TALLY_BASELINE)
		return "start";
	for (size_t i = 0; i < EVENTS; i++)
		if (events[i].kind == kind)
			return events[i].name;
	return "event";
}

int
record_key_find(const char *name)
{
	for (int i = 0; i < K_COUNT; i++)
		if (record_keys[i].name[0] == name[0] && strcmp(record_keys[i].name, name) == 0)
			return i;
	return -1;
}
