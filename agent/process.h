/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H
/*
 * Hypervisor processes as /proc shows them. A process is named by its pid and
 * the ticks at which it started: a pid alone is used again. What stands in
 * /proc/PID is partly the process's own word, so all of it is outside input.
 * `proc` is the folder, "/proc" but in tests.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tally/bytes.h"

#define PROCESS_STAT_MAX 4096

struct process_stat {
	uint32_t pid;
	char comm[64];
	bool kernel, ended; /* a kernel thread; a zombie or dead */
	uint64_t cpu_ticks; /* user and system time of all its threads */
	uint64_t start_ticks;
};

/* The line of /proc/PID/stat (proc(5)). The comm may hold blanks, parentheses and
 * newlines: the last ')' ends it. False where it is no such line. */
bool process_stat_parse(struct process_stat *out, const char *line, size_t len);
/* 1, 0 where there is no such process that still lives, -1 where it cannot be told. */
int process_stat_read(struct process_stat *out, const char *proc, uint32_t pid);

/* CPU time of that very process, in ns: 1, or 0 where it has ended. */
int process_cpu_time(uint64_t *ns, const char *proc, uint32_t pid, uint64_t start_ticks);
/* When it started, as CLOCK_BOOTTIME; ticks are those of sysconf(_SC_CLK_TCK). */
int64_t process_started_ns(uint64_t start_ticks);

/* A QEMU process, by its command line. */
struct process_guest {
	uint32_t pid;
	uint64_t start_ticks;
	bool has_uuid;
	uint8_t uuid[TALLY_UUID];
	char name[256]; /* of -name, made safe; "" none */
};

/* The arguments, each with its NUL, of a process whose comm is `comm`; the last
 * may be cut. False where this is no QEMU, or one that can run no guest. Fills uuid and name only.
 */
bool process_guest_parse(struct process_guest *out, const char *comm, const char *args, size_t len);
/* 1, or 0 where this pid is no living QEMU process. */
int process_guest_read(struct process_guest *out, const char *proc, uint32_t pid);
/* All of them, for free(); none where the folder cannot be read. */
size_t process_guests(struct process_guest **out, const char *proc);

/* The pid in `folder`/NAME.pid: 1, 0 where the manager keeps none, -1 where we may
 * not look. A name is outside text and never leads out of the folder. */
int process_pid_file(uint32_t *pid, const char *folder, const char *name);

/* The one of `guests` that is this VM's; where more than one have its UUID (both
 * ends of a migration on one machine), the one with its name too. NULL: none, or
 * more than one. */
const struct process_guest *process_guest_pick(const struct process_guest *guests, size_t n,
					       const uint8_t uuid[TALLY_UUID], const char *name);

#endif
