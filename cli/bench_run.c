/* SPDX-License-Identifier: Apache-2.0 */
/* This very program again, in a process of its own: seconds, and the peak of
 * anonymous memory (RssAnon; mapped pages of a ledger are the kernel's). */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

double
bench_cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* KiB of RssAnon, 0 when the process is gone. */
static uint64_t
anonymous(pid_t pid)
{
	char path[48], line[256];
	unsigned long long kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int
bench_run_self(char *const argv[], double *seconds, double *mib, struct tally_err *err)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	double began = cli_seconds();
	uint64_t peak = 0;
	int how = 0;
	pid_t pid = fork();

	if (pid < 0)
		return tally_err_sys(err, "fork");
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0)
			execv("/proc/self/exe", argv);
		_exit(127);
	}
	while (waitpid(pid, &how, WNOHANG) == 0) {
		uint64_t now = anonymous(pid);

		peak = now > peak ? now : peak;
		(void)nanosleep(&pause, NULL);
	}
	*seconds = cli_seconds() - began;
	*mib = (double)peak / 1024;
	if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
		return tally_err_set(err, TALLY_SYS, "tally %s: failed with %d", argv[1],
				     WIFEXITED(how) ? WEXITSTATUS(how) : -1);
	return 0;
}
