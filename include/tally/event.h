/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_EVENT_H
#define TALLY_EVENT_H
/*
 * The vocabulary: kinds, states, causes, and an event in plain C. Numbers and
 * the home of each field are those of docs/FORMAT.md, sections 2 and 3.
 * proto/ turns an event into three groups of bytes, once, before it is stored,
 * and back; what is hashed is always the stored bytes.
 */
#include "tally/bytes.h"
#include "tally/time.h"

struct tally_err;

enum tally_kind {
	TALLY_LEDGER_BEGIN = 1,
	TALLY_HOST_FACTS,
	TALLY_HOST_BOOT,
	TALLY_HOST_RETIRED,
	TALLY_HOST_FAILED,
	TALLY_AGENT_START,
	TALLY_AGENT_STOP,
	TALLY_AGENT_CONFIG,
	TALLY_HEARTBEAT,
	TALLY_GAP_BEGIN,
	TALLY_GAP_END,
	TALLY_GAP,
	TALLY_CLOCK_STEP,
	TALLY_DEFINED = 20,
	TALLY_UNDEFINED,
	TALLY_RENAMED,
	TALLY_STARTED,
	TALLY_BASELINE,
	TALLY_RESUMED,
	TALLY_SUSPENDED,
	TALLY_SHUTDOWN_REQUEST,
	TALLY_STOPPED,
	TALLY_CRASHED,
	TALLY_REBOOTED,
	TALLY_MIGRATED_OUT,
	TALLY_MIGRATED_IN,
	TALLY_MIGRATION_FAILED,
	TALLY_TIME_TRAVEL,
	TALLY_CONFIG,
	TALLY_OS_CLAIM = 40,
	TALLY_SOFTWARE,
	TALLY_TAGS,
	TALLY_ROLE,
	TALLY_CONFLICT = 50,
	TALLY_UNMANAGED_VM,
	TALLY_IMPORT = 60,
	TALLY_OPERATOR_ACTION,
	TALLY_SESSION_STATEMENT = 70,
	TALLY_ANCHOR_INTENT,
	TALLY_ANCHOR,
	TALLY_STREAM_HEADS,
	TALLY_CATALOGUE,
	TALLY_RULE_PACK,
	TALLY_REPORT_ISSUED,
	TALLY_RECEIPT,
	TALLY_ENROLMENT = 80,
};
enum tally_state {
	TALLY_ST_ABSENT = 1,
	TALLY_ST_DEFINED,
	TALLY_ST_STARTING,
	TALLY_ST_INCOMING,
	TALLY_ST_RUNNING,
	TALLY_ST_PAUSED,
	TALLY_ST_PMSUSPENDED,
	TALLY_ST_CRASHED,
	TALLY_ST_SAVED,
	TALLY_ST_STOPPING,
	TALLY_ST_STANDBY,
	TALLY_ST_UNKNOWN,
};
enum tally_cause {
	TALLY_C_BOOT = 1,
	TALLY_C_RESTORE,
	TALLY_C_SNAPSHOT,
	TALLY_C_MIGRATED,
	TALLY_C_WAKEUP,
	TALLY_C_UNKNOWN,
	TALLY_C_SHUTDOWN,
	TALLY_C_DESTROYED,
	TALLY_C_CRASHED,
	TALLY_C_SAVED,
	TALLY_C_FAILED,
	TALLY_C_VANISHED,
	TALLY_C_PAUSED,
	TALLY_C_PMSUSPENDED,
	TALLY_C_REVERT,
	TALLY_C_MONITOR,
	TALLY_C_GUEST,
	TALLY_C_HOST,
	TALLY_C_IOERROR,
	TALLY_C_WATCHDOG,
	TALLY_C_USER,
	TALLY_C_UNPAUSED,
	TALLY_C_POSTCOPY,
	TALLY_C_API_ERROR,
};
enum tally_evidence {
	TALLY_E_NONE,
	TALLY_E_OPERATOR,
	TALLY_E_HYPERVISOR,
	TALLY_E_AGENT,
	TALLY_E_DISK,
	TALLY_E_VENDOR
};
enum tally_source_kind {
	TALLY_SRC_EVENT = 1,
	TALLY_SRC_POLL,
	TALLY_SRC_HOOK,
	TALLY_SRC_PROC,
	TALLY_SRC_IMPORT,
	TALLY_SRC_AGENT,
	TALLY_SRC_OPERATOR,
};
enum tally_role { TALLY_ROLE_PRIMARY = 1, TALLY_ROLE_STANDBY, TALLY_ROLE_NONE };

/* Names as FORMAT.md writes them ("ledger-begin", "running", ...); NULL where
 * the number is unknown. The finders give 0 (evidence: -1) where the name is. */
const char *tally_kind_name(unsigned kind);
/* Whether it tells of no host's time: of an operator's words, or of the seal. */
bool tally_kind_is_apart(unsigned kind);
const char *tally_state_name(unsigned state);
const char *tally_cause_name(unsigned cause);
const char *tally_evidence_name(unsigned evidence);
const char *tally_hypervisor_name(unsigned hypervisor);
unsigned tally_kind_find(struct tally_bytes name);
unsigned tally_cause_find(struct tally_bytes name);
int tally_evidence_find(struct tally_bytes name);
unsigned tally_hypervisor_find(struct tally_bytes name);

#define TALLY_GROUP_MAX 65535
enum { TALLY_METERING, TALLY_IDENTITY, TALLY_OPERATIONS, TALLY_GROUPS };

/* Optional numbers carry a `has_`; text is absent where p is NULL (an empty
 * text that is present has a p). Lists are absent where count is 0. */
#define TALLY_OPT(type, name)                                                                      \
	bool has_##name;                                                                           \
	type name
struct tally_texts {
	const struct tally_bytes *items;
	size_t count;
};
struct tally_numbers {
	const uint32_t *items;
	size_t count;
};
struct tally_cpu_time {
	uint64_t run;
	uint64_t ns;
};

/* What an entry says of its own recording. */
struct tally_header {
	uint8_t kind;
	uint16_t flags;
	uint32_t boot;
	uint64_t index;
	uint64_t wall, uptime; /* ns */
};

struct tally_metering {
	TALLY_OPT(uint64_t, run);
	TALLY_OPT(uint64_t, time);
	TALLY_OPT(uint32_t, state);
	TALLY_OPT(uint32_t, cause);
	TALLY_OPT(uint32_t, vcpus);
	TALLY_OPT(uint64_t, memory_mib);
	struct tally_bytes os, edition;
	TALLY_OPT(uint32_t, evidence);
	struct tally_texts software, software_removed;
	struct tally_bytes environment;
	TALLY_OPT(uint64_t, not_before);
	TALLY_OPT(uint64_t, uptime);
	TALLY_OPT(struct tally_numbers, pinned); /* has_pinned with no item: stated as not pinned */
	TALLY_OPT(uint32_t, host);
	struct tally_numbers cores_per_socket;
	TALLY_OPT(uint32_t, max_sockets);
	TALLY_OPT(uint32_t, threads_per_core);
	struct tally_bytes cpu;
	TALLY_OPT(uint32_t, hypervisor);
	struct tally_bytes cluster, region, partitioning;
	TALLY_OPT(uint64_t, from);
	TALLY_OPT(uint64_t, to);
	struct tally_bytes reason;
	TALLY_OPT(uint64_t, count);
	TALLY_OPT(uint32_t, running);
	struct tally_bytes set_hash;
	TALLY_OPT(int64_t, step);
	TALLY_OPT(uint64_t, downtime);
	TALLY_OPT(uint32_t, role);
	struct tally_bytes boot;
	TALLY_OPT(uint32_t, slot);
};

struct tally_identity {
	bool has_vm, has_of;
	uint8_t vm[TALLY_UUID], of[TALLY_UUID];
	struct tally_bytes name, tenant, cost_center, host, asset, site;
};

struct tally_operations {
	TALLY_OPT(uint32_t, source);
	TALLY_OPT(uint32_t, raw_event);
	TALLY_OPT(uint32_t, raw_detail);
	TALLY_OPT(int64_t, domain_id);
	TALLY_OPT(uint32_t, pid);
	TALLY_OPT(uint64_t, start_ticks);
	struct tally_bytes peer, reason, by, model, version, config_hash, file_hash, file_name;
	TALLY_OPT(uint64_t, file_lines);
	TALLY_OPT(uint64_t, records);
	struct tally_bytes statement, quote, origin, vkey, prev_origin;
	TALLY_OPT(uint64_t, prev_size);
	struct tally_bytes prev_root, boot_id, manager;
	const struct tally_cpu_time *cpu_time;
	size_t cpu_times;
	TALLY_OPT(uint64_t, line);
	struct tally_bytes detail, cause_text;
	TALLY_OPT(uint64_t, receipt_size);
	struct tally_bytes receipt_root, cosignatures, timestamp;
	struct tally_bytes enrolment; /* the record's signed note */
	/* Of anchors (FORMAT.md section 6). */
	TALLY_OPT(uint64_t, counter);
	TALLY_OPT(uint32_t, reset_count);
	TALLY_OPT(uint32_t, restart_count);
	TALLY_OPT(uint64_t, newest_receipt);
	TALLY_OPT(uint64_t, anchor);
	struct tally_bytes certification, tpm_time;
	/* Of reports that were issued (FORMAT.md section 11). */
	struct tally_bytes report, supersedes;
	TALLY_OPT(uint64_t, period_from);
	TALLY_OPT(uint64_t, period_to);
};

/* All zero = an event that says nothing. Views are borrowed, not owned. */
struct tally_event {
	unsigned kind; /* enum tally_kind, or a number that this version does not know */
	bool imported;
	struct tally_metering m;
	struct tally_identity i;
	struct tally_operations o;
};

/* A claim that says when it holds (`from` or `to`): os-claim, software or tags.
 * Where it was not imported, an operator wrote it, and no host witnessed it. */
bool tally_event_is_correction(const struct tally_event *ev);

/* A report-issued entry that says which report, of which period, in which bytes. */
bool tally_event_is_issue(const struct tally_event *ev);

/* Appends the three groups' bytes to out[0..2]. -1 (TALLY_USE) where a group
 * passes TALLY_GROUP_MAX or a text is no UTF-8 or holds NUL. */
int tally_event_encode(const struct tally_event *ev, struct tally_buf out[TALLY_GROUPS],
		       struct tally_err *err);

/* Decodes those groups whose bit is set in `mask` (bit k for group k from 0);
 * the others stay all zero. Views point into `groups` or `arena` and live as
 * long as both. -1 (TALLY_FAILS): malformed bytes; never trusts a length. */
int tally_event_decode(struct tally_event *ev, const struct tally_bytes groups[TALLY_GROUPS],
		       unsigned mask, struct tally_arena *arena, struct tally_err *err);

/* The session statement (FORMAT.md section 6). */
#define TALLY_NO_PCR 255 /* a session without a ledger PCR */
struct tally_statement {
	uint32_t version;
	struct tally_bytes host_id, ek_public, ak_public, origin, vkey, agent_version, agent_hash;
	uint32_t pcr_bank;
	struct tally_numbers boot_pcrs;
	uint32_t ledger_pcr; /* or TALLY_NO_PCR */
	uint32_t reset_count, restart_count;
	uint64_t prev_size;
	struct tally_bytes prev_root, transport, ledger_pcr_value;
	bool foreign;
	struct tally_bytes nv_public; /* TPMS_NV_PUBLIC of the counter; absent: none */
};
int tally_statement_encode(const struct tally_statement *st, struct tally_buf *out,
			   struct tally_err *err);
/* All fields required but `foreign` and `nv_public`. */
int tally_statement_decode(struct tally_statement *st, struct tally_bytes in,
			   struct tally_arena *arena, struct tally_err *err);

/* An attestation of a TPM with its signature, as anchors hold them (FORMAT.md section 6). */
struct tally_attested {
	struct tally_bytes attest, signature; /* TPMS_ATTEST, TPMT_SIGNATURE */
};
int tally_attested_parse(struct tally_attested *out, struct tally_bytes in, struct tally_err *err);
void tally_attested_write(struct tally_buf *out, const struct tally_attested *a);
/* What a TPM says of its clocks. */
struct tally_tpm_time {
	uint64_t time, clock; /* ms: of this power-on; of the TPM's life */
	uint32_t reset_count, restart_count;
	bool safe;
	uint64_t firmware;
};
/* From the bytes of an anchor's tpm_time: what they say, not whether it is true. */
bool tally_tpm_time_read(struct tally_tpm_time *out, struct tally_bytes attested);

#endif
