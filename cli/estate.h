/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ESTATE_H
#define TALLY_CLI_ESTATE_H
/*
 * An estate that never was: the same machines do the same things in each run, so
 * that figures of two versions can be compared. Every machine starts, is given
 * other processors, moves within its cluster and stops, again and again, over
 * the year 2026; each host's ledger begins with its facts and ends with a
 * heartbeat a second before the year does.
 */
#include <stdint.h>
#include "tally/err.h"

struct tally_buf;

struct estate_size {
	unsigned events, machines, hosts;
};
enum estate_kind {
	ESTATE_START,
	ESTATE_CONFIG,
	ESTATE_OUT,
	ESTATE_IN,
	ESTATE_STOP,
};
struct estate_event {
	uint32_t at; /* seconds of the year */
	uint32_t vm;
	uint32_t sequence; /* of all events; of one machine's in the order of time */
	uint16_t host, peer;
	uint8_t kind, vcpus; /* vcpus: that it has from now on */
};
struct estate_history {
	struct estate_size size;
	struct estate_event *events; /* by host, then time, then sequence */
	size_t count;
	size_t *first; /* of each host, and the end behind the last */
};
/* What never changes of a machine. */
struct estate_machine {
	const char *os, *edition;
	const char *software; /* NULL: none */
	unsigned tenant, cost_center, memory_mib;
};

#define ESTATE_BEGIN INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define ESTATE_YEAR  31536000U

/* TALLY_USE: no machine, no host, more than 65,535 hosts, less than 4 events a machine. */
int estate_make(struct estate_history *h, const struct estate_size *size, struct tally_err *err);
void estate_deinit(struct estate_history *h);
struct estate_machine estate_machine(unsigned vm);
unsigned estate_cores(unsigned host); /* of each of its two sockets */
unsigned estate_cluster(unsigned host);
unsigned estate_region(unsigned host);

/* FOLDER/h000, h001, ...: a ledger each, with a checkpoint, without TPM evidence. */
int estate_write_ledgers(const struct estate_history *h, const char *folder, struct tally_err *err);
/* The same in FOLDER/events.csv, machines.csv and hosts.csv, for a database. */
int estate_write_csv(const struct estate_history *h, const char *folder, struct tally_err *err);
/* The least that could be done: seconds for the fleet's peak and run time by one
 * pass over events that lie sorted in memory. */
double estate_sweep_plainly(const struct estate_history *h);

#endif
