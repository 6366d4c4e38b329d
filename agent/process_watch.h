/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROCESS_WATCH_H
#define AGENT_PROCESS_WATCH_H
/*
 * The ends of processes, seen when they happen: a pidfd for each, and a thread
 * that does nothing but wait for them, so that an end has its instant even while
 * the agent's loop waits for a manager that is stopped.
 */
#include "tally/source.h"

struct process_watch;
struct process_watch *process_watch_new(const struct tally_clock *clock,
					struct tally_err *err); /* NULL on error */
void process_watch_free(struct process_watch *w);               /* NULL ok */

/* Watches that process of that VM; nothing where it is watched already. One that
 * has ended meanwhile is an exit now. Out of descriptors: not watched, and said
 * in the log once; asking again tries again. */
void process_watch_add(struct process_watch *w, const uint8_t uuid[TALLY_UUID], uint32_t pid,
		       uint64_t start_ticks);
/* The same, but one that has ended is no exit: 1 watched, 0 ended, -1 not to be had. */
int process_watch_try(struct process_watch *w, const uint8_t uuid[TALLY_UUID], uint32_t pid,
		      uint64_t start_ticks);
/* 1 an exit, in the order in which they came; 0 none. No exit is ever dropped. */
int process_watch_next(struct process_watch *w, struct tally_observation *out);
int process_watch_fd(const struct process_watch *w); /* readable while there is one */
size_t process_watch_count(struct process_watch *w); /* that still run */

#endif
