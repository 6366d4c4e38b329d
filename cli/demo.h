/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_DEMO_H
#define TALLY_CLI_DEMO_H
/*
 * The estate of `tally demo estate`: hosts and machines that never were, over 120
 * days, the same for the same seed, with a story that an auditor would have to find.
 * Its events are the only truth: ledgers and polls are both made from them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally_buf;
struct tally_bytes;
struct tally_err;

#define DEMO_BEGIN    INT64_C(1767225600000) /* 2026-01-01T00:00:00Z, in milliseconds */
#define DEMO_MINUTE   INT64_C(60000)
#define DEMO_HOUR     (60 * DEMO_MINUTE)
#define DEMO_DAY      (24 * DEMO_HOUR)
#define DEMO_END      (120 * DEMO_DAY) /* 2026-05-01T00:00:00Z; times count from the begin */
#define DEMO_FROM     "2026-01-01"
#define DEMO_TO       "2026-05-01"
#define DEMO_CLUSTERS 20U
#define DEMO_PER_HOST 4U         /* machines that begin on each host */
#define DEMO_NOBODY   UINT16_MAX /* no machine; a host outside the estate */

enum demo_kind {
	DEMO_HOST,
	DEMO_START, /* `word`: the cause, NULL for one that ran before */
	DEMO_STOP,  /* `word`: the cause; `from`: not_before, or -1 */
	DEMO_OUT,
	DEMO_IN,
	DEMO_CONFIG,
	DEMO_REBOOT,
	DEMO_OS,  /* `os`, by the evidence `word` */
	DEMO_GAP, /* `from`, `to` */
	DEMO_HEARTBEAT,
};
struct demo_event {
	int64_t at;        /* milliseconds since DEMO_BEGIN */
	uint32_t sequence; /* of all events; of one instant the lower is the earlier */
	uint16_t host, vm, peer;
	uint8_t kind, vcpus;
	const char *os, *word;
	int64_t from, to;
};
/* What is said of a machine when it starts. */
struct demo_vm {
	char name[24], uuid[37];
	const char *os, *edition, *software, *tenant, *environment; /* os NULL: unknown */
	unsigned cost_center, memory_mib;
	uint8_t vcpus;
};
/* Who plays which part. Hosts and machines are numbers; their names are below. */
struct demo_story {
	uint16_t patched, emptied; /* hosts: the guests of the one stand on the other for a while */
	uint16_t leaver, left_host;
	uint16_t clone, clone_host, second_host;
	uint16_t unmetered, vanished; /* a host without a meter, a machine that was gone then */
	uint16_t forged, forged_host;
	uint16_t datacenter; /* a guest of an edition that nobody holds */
};
struct demo_estate {
	uint64_t seed;
	unsigned hosts, per_cluster;
	struct demo_vm *vms;
	size_t vm_count;
	struct demo_event *events; /* in the order of time */
	size_t count, room;
	struct demo_story story;
};

/* `hosts`: a multiple of 20, from 40 to 1000 (TALLY_USE). */
int demo_estate_make(struct demo_estate *e, unsigned hosts, uint64_t seed, struct tally_err *err);
void demo_estate_deinit(struct demo_estate *e);
/* For those that add to it: the next event of the estate. */
struct demo_event *demo_estate_add(struct demo_estate *e, int64_t at, enum demo_kind kind,
				   uint16_t host, uint16_t vm);
void demo_story_cast(struct demo_estate *e); /* before the machines' lives */
/* Nothing but the story happens on this host. */
bool demo_story_owns(const struct demo_estate *e, uint16_t host);
void demo_story_play(struct demo_estate *e);

/* h001, ...; c01, ...; eu, ... */
void demo_host_name(char out[16], uint16_t host);
unsigned demo_cluster(const struct demo_estate *e, uint16_t host);
const char *demo_region(unsigned cluster);
unsigned demo_cores(unsigned cluster); /* of each of a host's two sockets */

/* One line of tally-events(5). */
void demo_event_line(const struct demo_estate *e, const struct demo_event *ev,
		     struct tally_buf *out);
/* The user's files beside the ledgers. `cores` of Windows Server Standard are held. */
void demo_roster(const struct demo_estate *e, struct tally_buf *out);
void demo_entitlements(uint64_t cores, struct tally_buf *out);
void demo_prices(struct tally_buf *out);
void demo_cmdb(const struct demo_estate *e, struct tally_buf *out);

/*
 * What a tool would know that lists every host's machines each `interval`
 * milliseconds, from the begin on, without ever failing, and books a whole interval
 * for each machine on its list. A stay is the unbroken time of a machine on a host.
 * `missed` is time that was run and not booked, `over` booked and not run:
 * run - missed + over = booked. An interval of 1 sees each event as it was.
 */
struct demo_polls {
	int64_t interval;
	uint64_t polls;
	uint64_t stays, stays_unseen, machines, machines_unseen;
	int64_t run, booked, missed, over; /* milliseconds */
	uint64_t peak;                     /* machines at once, over the estate */
	/* Of the 90 days before the end, as windows-server-standard/host counts: each host's
	 * peak of Windows Server guests, summed; the hosts whose peak is too low; cores. */
	uint64_t windows, hosts_low, cores;
};
void demo_polls_count(const struct demo_estate *e, int64_t interval, struct demo_polls *out);
/* The first of `p` is the events' own. */
void demo_polls_json(const struct demo_polls *p, size_t n, struct tally_buf *out);
void demo_polls_text(const struct demo_polls *p, size_t n, struct tally_buf *out);

/* The story's parts, each with what the report in `json` says of it: TALLY_FAILS where
 * it says nothing. `dir` is the folder of the commands. */
int demo_tell(const struct demo_estate *e, struct tally_bytes json, const char *dir,
	      struct tally_buf *out, struct tally_err *err);

/* This program again, `argv` ending with NULL; what it prints goes into `out`, a file
 * (NULL: nowhere). */
struct demo_job {
	char **argv;
	char *out;
	int pid, said; /* what it says on standard error: a file in memory */
};
/* At most `at_once` of the jobs run at a time; where one fails no other is begun, and
 * what it said is the error. `what` stands before the progress. */
int demo_jobs_run(struct demo_job *jobs, size_t n, size_t at_once, const char *what,
		  struct tally_err *err);
/* Words of a command, copied; the list ends with NULL. */
void demo_job_word(struct demo_job *j, const char *word);
void demo_job_deinit(struct demo_job *j);

#endif
