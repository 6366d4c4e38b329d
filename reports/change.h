/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_CHANGE_H
#define TALLY_REPORTS_CHANGE_H
/*
 * One change of an estate, as its words say: what it is about, then KEY=VALUE, all
 * with commas between them. A backslash takes the next character as it is. What is
 * wrong by itself is refused here; whether what it names is there is seen when it is
 * made.
 */
#include "tally/err.h"
#include "tally/simulate.h"

enum change_what {
	CHANGE_ADD_HOST,
	CHANGE_REMOVE_HOSTS,
	CHANGE_MOVE_VMS,
	CHANGE_MOVE_HOSTS, /* into another cluster */
	CHANGE_GROW_VMS,
	CHANGE_COPY_VMS,
	CHANGE_GROW_HOSTS,
};
enum change_key {
	KEY_LIKE,
	KEY_CORES,
	KEY_CLUSTER,
	KEY_REGION,
	KEY_CPU,
	KEY_MAX_SOCKETS,
	KEY_THREADS,
	KEY_HYPERVISOR,
	KEY_OS,
	KEY_PARTITIONING,
	KEY_TO,
	KEY_VCPUS,
	KEY_COPIES,
	KEY_EDITION,
	KEY_SOFTWARE,
	KEY_TENANT,
	KEY_ENVIRONMENT,
	KEY_HOST,
	CHANGE_KEYS
};
enum change_place { PLACE_NONE, PLACE_GONE, PLACE_HOST, PLACE_CLUSTER, PLACE_EITHER };

struct change {
	enum tally_change option;
	enum change_what what;
	size_t number;            /* from 1 */
	char *words;              /* as given */
	char *subject;            /* a name or a pattern */
	unsigned begin;           /* of the subject: its first character, from 1 */
	char *value[CHANGE_KEYS]; /* NULL: not given */
	unsigned at[CHANGE_KEYS]; /* of the value: its first character */
	uint32_t *cores, sockets;
	uint32_t max_sockets, threads, vcpus, copies; /* 0: not given */
	unsigned hypervisor;
	enum change_place to;
	const char *place; /* name of PLACE_HOST and later */
};
struct tally_changes {
	struct change *p;
	size_t n, cap;
};
const char *change_option(enum tally_change option); /* "--add-host" */
/* An error at a character of a change. Yields -1. */
#define change_error(c, at, err, ...) (change_error_((c), (at), (err), __VA_ARGS__), -1)
void change_error_(const struct change *c, unsigned at, struct tally_err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
