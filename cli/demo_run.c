/* SPDX-License-Identifier: Apache-2.0 */
/* This very program again, several at a time: the demo does nothing that its reader
 * could not type. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "demo.h"

void
demo_job_word(struct demo_job *j, const char *word)
{
	size_t n = 0;

	while (j->argv && j->argv[n])
		n++;
	j->argv = tally_realloc_array(j->argv, n + 2, sizeof(*j->argv));
	j->argv[n] = tally_strdup(word);
	j->argv[n + 1] = NULL;
}

void
demo_job_deinit(struct demo_job *j)
{
	for (size_t n = 0; j->argv && j->argv[n]; n++)
		free(j->argv[n]);
	free(j->argv);
	free(j->out);
}

/* In the child: never returns. */
static void
become(const struct demo_job *j)
{
	const char *path = j->out ? j->out : "/dev/null";
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC),
	    out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (in >= 0 && out >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(j->said, STDERR_FILENO) >= 0)
		execv("/proc/self/exe", j->argv);
	_exit(127);
}

static int
begin(struct demo_job *j, struct tally_err *err)
{
	j->said = memfd_create("said", MFD_CLOEXEC);
	if (j->said < 0)
		return tally_err_sys(err, "memfd_create");
	j->pid = fork();
	if (j->pid < 0) {
		close(j->said);
		return tally_err_sys(err, "fork");
	}
	if (j->pid == 0)
		become(j);
	return 0;
}

/* The last line that it said, without "tally: ". */
static int
failed(const struct demo_job *j, int how, struct tally_err *err)
{
	static const enum tally_code codes[] = { TALLY_SYS, TALLY_FAILS, TALLY_USE };
	int code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
	char text[900];
	ssize_t n = pread(j->said, text, sizeof(text) - 1, 0);
	char *line;

	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
	if (strncmp(line, "tally: ", 7) == 0)
		line += 7;
	if (line[0] == '\0')
		return tally_err_set(err, TALLY_SYS, "tally %s: ended with %d", j->argv[1], code);
	return tally_err_set(err, code > 0 && code < 3 ? codes[code] : TALLY_SYS, "%s", line);
}

static struct demo_job *
find(struct demo_job *jobs, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (jobs[i].pid == pid)
			return &jobs[i];
	return NULL;
}

/* One that has ended; those of somebody else are passed over. */
static int
take_end(struct demo_job *jobs, size_t begun, struct tally_err *err)
{
	struct demo_job *j;
	int how, status = 0;
	pid_t pid;

	do {
		pid = waitpid(-1, &how, 0);
		if (pid < 0 && errno != EINTR)
			return tally_err_sys(err, "waitpid");
	} while (pid < 0 || !(j = find(jobs, begun, pid)));
	if ((!WIFEXITED(how) || WEXITSTATUS(how) != 0) && err->code == TALLY_OK)
		status = failed(j, how, err);
	j->pid = 0;
	close(j->said);
	return status;
}

int
demo_jobs_run(struct demo_job *jobs, size_t n, size_t at_once, const char *what,
	      struct tally_err *err)
{
	struct cli_progress progress;
	size_t begun = 0, ended = 0;
	int status = 0;

	cli_progress_begin(&progress, what);
	while (ended < begun || (status == 0 && begun < n)) {
		if (status == 0 && begun < n && begun - ended < at_once) {
			status = begin(&jobs[begun], err);
			begun += status == 0;
			continue;
		}
		if (take_end(jobs, begun, err) < 0)
			status = -1;
		cli_progress_show(&progress, ++ended, n);
	}
	cli_progress_end(&progress);
	return status;
}
