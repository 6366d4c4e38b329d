/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_SAMPLE_H
#define TALLY_CLI_SAMPLE_H
/*
 * An estate that never was: the same machines do the same things in each run, so
 * that figures of two versions can be compared. Every machine starts, is given
 * other processors, moves within its cluster and stops, again and again, over
 * the years from 2026 on; each host's ledger begins with its facts and ends with a
 * heartbeat a second before they do.
 */
#include <stdint.h>
#include "tally/err.h"

struct tally_buf;

struct sample_size {
	unsigned events, machines, hosts;
	unsigned years; /* of 365 days; 0 is 1 */
};
enum sample_kind {
	SAMPLE_START,
	SAMPLE_CONFIG,
	SAMPLE_OUT,
	SAMPLE_IN,
	SAMPLE_STOP,
};
struct sample_event {
	uint32_t at; /* seconds */
	uint32_t vm;
	uint32_t sequence; /* of all events; of one machine's in the order of time */
	uint16_t host, peer;
	uint8_t kind, vcpus; /* vcpus: that it has from now on */
};
struct sample_history {
	struct sample_size size;
	struct sample_event *events; /* by host, then time, then sequence */
	size_t count;
	size_t *first; /* of each host, and the end behind the last */
};
/* What never changes of a machine. */
struct sample_machine {
	const char *os, *edition;
	const char *software; /* NULL: none */
	unsigned tenant, cost_center, memory_mib;
};

#define SAMPLE_BEGIN INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define SAMPLE_YEAR  31536000U

/* The seconds of its time. */
uint32_t sample_seconds(const struct sample_size *size);
/* TALLY_USE: no machine, no host, more than 65,535 hosts, less than 4 events a machine. */
int sample_make(struct sample_history *h, const struct sample_size *size, struct tally_err *err);
void sample_deinit(struct sample_history *h);
struct sample_machine sample_machine(unsigned vm);
unsigned sample_cores(unsigned host); /* of each of its two sockets */
unsigned sample_cluster(unsigned host);
unsigned sample_region(unsigned host);

/* FOLDER/h000, h001, ...: a ledger each, with a checkpoint, without TPM evidence. */
int sample_write_ledgers(const struct sample_history *h, const char *folder, struct tally_err *err);
/* The same in FOLDER/events.csv, machines.csv and hosts.csv, for a database. */
int sample_write_csv(const struct sample_history *h, const char *folder, struct tally_err *err);
/* The least that could be done: seconds for the fleet's peak and run time by one
 * pass over events that lie sorted in memory. */
double sample_sweep_plainly(const struct sample_history *h);

#endif
