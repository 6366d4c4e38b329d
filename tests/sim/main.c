/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally-sim: histories by their seeds. Each worker is a process, so that a seed
 * that kills it is one that failed, and the others go on.
 */
#include <argp.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"
#include "tally/log.h"
#include "tally/parse.h"

struct args {
	uint64_t from, to;
	unsigned jobs;
	const char *file;
	bool trace;
};

/* What the workers tell, in memory that outlives them. */
struct board {
	uint64_t next;      /* seed to take */
	uint64_t taken[64]; /* by each worker; 0 none */
	struct trace_tail tail[64];
	struct counts counts[64];
	uint64_t passed[64], failed[64];
};

static bool keep;       /* --keep */
static uint64_t *seeds; /* in the order in which they run */
static size_t seed_count;

static void
add_seed(uint64_t seed)
{
	seeds = realloc(seeds, (seed_count + 1) * sizeof(*seeds));
	if (seeds == NULL)
		abort();
	seeds[seed_count++] = seed;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* In memory where the machine has a folder for it: nothing here needs a disk. */
static char *
make_scratch(void)
{
	const char *base = getenv("TMPDIR");
	char *path = NULL;
	if (base == NULL || *base == '\0')
		base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
	if (asprintf(&path, "%s/tally-sim-XXXXXX", base) < 0 || mkdtemp(path) == NULL) {
		perror(base);
		exit(3);
	}
	return path;
}

static double
seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
run_seed(uint64_t seed, const char *scratch, bool trace, struct trace_tail *tail,
	 struct counts *counts)
{
	static struct world world;
	double began = seconds();
	bool failed;
	tail->next = 0;
	trace_keep(tail);
	if (world_open(&world, seed, scratch, trace) < 0)
		sim_fail(&world, NULL, "the world cannot be made: %s", strerror(errno));
	else
		world_run(&world);
	failed = world_failed(&world);
#define X(name) counts->name += world.counts.name;
	SIM_COUNTS(X)
#undef X
	if (failed) {
		(void)printf("seed %llu FAILED: %s\n", (unsigned long long)seed, world.failure);
		if (!trace)
			trace_print(tail, stdout);
	}
	counts->milliseconds += (uint64_t)((seconds() - began) * 1000);
	if (seconds() - began > 5)
		(void)printf("seed %llu took %.1f s\n", (unsigned long long)seed,
			     seconds() - began);
	world_close(&world);
	if (!keep)
		(void)nftw(world.scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return !failed;
}

static void
work(struct board *b, unsigned me, const char *scratch, bool trace)
{
	for (;;) {
		uint64_t i = __atomic_fetch_add(&b->next, 1, __ATOMIC_SEQ_CST);
		if (i >= seed_count)
			break;
		b->taken[me] = i + 1;
		if (run_seed(seeds[i], scratch, trace, &b->tail[me], &b->counts[me]))
			b->passed[me]++;
		else
			b->failed[me]++;
		b->taken[me] = 0;
		(void)fflush(stdout);
	}
}

static pid_t
start(struct board *b, unsigned me, const char *scratch, bool trace)
{
	pid_t pid;
	(void)fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(3);
	}
	if (pid == 0) {
		work(b, me, scratch, trace);
		(void)fflush(stdout);
		_exit(0);
	}
	return pid;
}

/* A worker that dies has failed at its seed; another one takes its place. */
static void
run_all(struct board *b, unsigned jobs, const char *scratch, bool trace)
{
	pid_t pids[64];
	unsigned left = jobs;
	for (unsigned i = 0; i < jobs; i++)
		pids[i] = start(b, i, scratch, trace);
	while (left > 0) {
		int status;
		pid_t pid = wait(&status);
		unsigned me = 0;
		if (pid < 0)
			break;
		while (me < jobs && pids[me] != pid)
			me++;
		if (me == jobs)
			continue;
		if (b->taken[me] == 0) {
			left--;
			continue;
		}
		b->failed[me]++;
		(void)printf("seed %llu FAILED: the program died (%s %d)\n",
			     (unsigned long long)seeds[b->taken[me] - 1],
			     WIFSIGNALED(status) ? "signal" : "exit",
			     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		if (!trace)
			trace_print(&b->tail[me], stdout);
		b->taken[me] = 0;
		pids[me] = start(b, me, scratch, trace);
	}
}

static int
summary(const struct board *b, unsigned jobs)
{
	struct counts all = { 0 };
	unsigned long long passed = 0, failed = 0;
	for (unsigned i = 0; i < jobs; i++) {
		passed += b->passed[i];
		failed += b->failed[i];
#define X(name) all.name += b->counts[i].name;
		SIM_COUNTS(X)
#undef X
	}
#define X(name) (void)printf("  %-18s %12llu\n", #name, (unsigned long long)all.name);
	SIM_COUNTS(X)
#undef X
	(void)printf("sim: %llu passed, %llu failed\n", passed, failed);
	return failed > 0 || passed == 0;
}

/* A line is a seed and what it found; '#' begins a comment. */
static int
read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	if (f == NULL) {
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		char *end;
		unsigned long long seed = strtoull(line, &end, 10);
		if (end != line)
			add_seed(seed);
	}
	(void)fclose(f);
	return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	char *end;
	switch (key) {
	case 'n':
		a->from = a->to = strtoull(arg, &end, 10);
		return *end == '\0' ? 0 : EINVAL;
	case 's':
		a->from = a->to = strtoull(arg, &end, 10);
		if (*end == '-')
			a->to = strtoull(end + 1, &end, 10);
		return *end == '\0' && a->from > 0 && a->to >= a->from ? 0 : EINVAL;
	case 'f':
		a->file = arg;
		return 0;
	case 'j':
		a->jobs = (unsigned)strtoul(arg, &end, 10);
		return *end == '\0' && a->jobs > 0 && a->jobs <= 64 ? 0 : EINVAL;
	case 't':
		a->trace = true;
		return 0;
	case 'k':
		keep = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "seed", 'n', "N", 0, "one history", 0 },
	{ "seeds", 's', "A-B", 0, "many", 0 },
	{ "file", 'f', "FILE", 0, "also the seeds of this file, first", 0 },
	{ "jobs", 'j', "N", 0, "processes", 0 },
	{ "trace", 't', NULL, 0, "print the history", 0 },
	{ "keep", 'k', NULL, 0, "leave the ledgers, and say where", 0 },
	{ 0 }
};

int
main(int argc, char **argv)
{
	const struct argp argp = { .options = options,
				   .parser = parse,
				   .doc = "Simulated histories of hosts and VMs, recorded by the "
					  "agent's own code and compared with the truth.\v"
					  "Example: tally-sim --seeds 1-1000 --jobs 2" };
	struct args a = { .jobs = 1 };
	struct board *b;
	char *scratch;
	int rc;
	if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
		return 2;
	if (a.file != NULL && read_file(a.file) < 0)
		return 3;
	for (uint64_t s = a.from; s > 0 && s <= a.to; s++)
		add_seed(s);
	b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED) {
		perror("mmap");
		return 3;
	}
	tally_log_level(a.trace ? TALLY_LOG_DEBUG : (enum tally_level)0);
	scratch = make_scratch();
	run_all(b, a.jobs, scratch, a.trace);
	rc = summary(b, a.jobs);
	if (keep)
		(void)printf("kept: %s\n", scratch);
	else
		(void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(scratch);
	free(seeds);
	return rc;
}
