/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process: its line of /proc/PID/stat, and its pid file. Numbers that do not
 * parse make a process unknown, never another one.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/parse.h"
#include "tally/time.h"

#define PF_KTHREAD 0x00200000U

/* Fields of proc(5), counted from 1. */
enum { STATE = 3, FLAGS = 9, UTIME = 14, STIME = 15, STARTTIME = 22 };

/* The next of the words that one blank parts. */
static struct tally_bytes
next_word(const char **p, const char *end)
{
	const char *begin = *p;
	const char *blank = memchr(begin, ' ', (size_t)(end - begin));
	*p = blank != NULL ? blank + 1 : end;
	return tally_bytes(begin, (size_t)((blank != NULL ? blank : end) - begin));
}

static bool
number(uint64_t *out, struct tally_bytes word)
{
	return tally_parse_u64(out, (const char *)word.p, word.len, UINT64_MAX);
}

bool
process_stat_parse(struct process_stat *out, const char *line, size_t len)
{
	const char *open = memchr(line, '(', len), *close, *p, *end = line + len;
	uint64_t pid, flags = 0, utime = 0, stime = 0;
	size_t n;
	memset(out, 0, sizeof(*out));
	if (open == NULL || open < line + 2 || open[-1] != ' ')
		return false;
	if (!tally_parse_u64(&pid, line, (size_t)(open - line) - 1, INT32_MAX) || pid == 0)
		return false;
	close = memrchr(open, ')', (size_t)(end - open));
	if (close == NULL || end - close < 3 || close[1] != ' ')
		return false;
	out->pid = (uint32_t)pid;
	n = (size_t)(close - open) - 1;
	if (n >= sizeof(out->comm))
		n = sizeof(out->comm) - 1;
	memcpy(out->comm, open + 1, n);
	p = close + 2;
	for (int field = STATE; field <= STARTTIME; field++) {
		struct tally_bytes word = next_word(&p, end);
		bool ok = word.len > 0;
		if (field == STATE)
			out->ended = ok && strchr("ZXx", word.p[0]) != NULL;
		else if (field == FLAGS)
			ok = number(&flags, word);
		else if (field == UTIME)
			ok = number(&utime, word);
		else if (field == STIME)
			ok = number(&stime, word);
		else if (field == STARTTIME)
			ok = p < end && number(&out->start_ticks, word); /* whole: more follows */
		if (!ok)
			return false;
	}
	out->kernel = (flags & PF_KTHREAD) != 0;
	return !__builtin_add_overflow(utime, stime, &out->cpu_ticks);
}

int
process_stat_read(struct process_stat *out, const char *proc, uint32_t pid)
{
	char path[512], line[PROCESS_STAT_MAX];
	ssize_t n;
	int fd;
	(void)snprintf(path, sizeof(path), "%s/%u/stat", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	n = read(fd, line, sizeof(line)); /* the kernel gives it whole, or not at all */
	if (n < 0)
		n = errno == ESRCH ? 0 : -1;
	close(fd);
	if (n <= 0)
		return (int)n;
	if (!process_stat_parse(out, line, (size_t)n) || out->pid != pid)
		return -1;
	return !out->ended;
}

static uint64_t
ticks_to_ns(uint64_t ticks)
{
	long hz = sysconf(_SC_CLK_TCK);
	uint64_t ns;
	if (hz <= 0 || __builtin_mul_overflow(ticks, (uint64_t)TALLY_SECOND / (uint64_t)hz, &ns))
		return UINT64_MAX;
	return ns;
}

int
process_cpu_time(uint64_t *ns, const char *proc, uint32_t pid, uint64_t start_ticks)
{
	struct process_stat st;
	if (pid == 0 || process_stat_read(&st, proc, pid) != 1 || st.start_ticks != start_ticks)
		return 0;
	*ns = ticks_to_ns(st.cpu_ticks);
	return 1;
}

int64_t
process_started_ns(uint64_t start_ticks)
{
	uint64_t ns = ticks_to_ns(start_ticks);
	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

int
process_pid_file(uint32_t *pid, const char *folder, const char *name)
{
	char file[300], text[32];
	struct stat st;
	uint64_t v = 0;
	ssize_t n = 0;
	int dir, fd, len = snprintf(file, sizeof(file), "%s.pid", name);
	if (strchr(name, '/') != NULL || len < 0 || (size_t)len >= sizeof(file))
		return 0;
	dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	/* Neither a link nor a pipe that somebody left there is followed or waited for. */
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	close(dir);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENAMETOOLONG ? 0 : -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, sizeof(text));
	close(fd);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0 || !tally_parse_u64(&v, text, (size_t)n, INT32_MAX) || v == 0)
		return 0;
	*pid = (uint32_t)v;
	return 1;
}
