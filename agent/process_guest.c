/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU processes by their command lines, which everybody on a host may read.
 * Arguments are parted by NUL, so no guest's name can make another argument.
 */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "tally/parse.h"

#define ARGS_MAX 65536 /* -name and -uuid stand in the first of them */

static bool
is_qemu(const char *name)
{
	return strncmp(name, "qemu-system-", strlen("qemu-system-")) == 0 ||
	       strcmp(name, "qemu-kvm") == 0 || strcmp(name, "kvm") == 0;
}

/* The guest's name in the value of -name: "NAME,debug-threads=on" or
 * "guest=NAME,..."; a comma in it stands there twice. */
static void
read_name(char *out, size_t size, const char *value)
{
	static const char key[] = "guest=";
	char plain[1024];
	size_t n = 0;
	if (strncmp(value, key, sizeof(key) - 1) == 0)
		value += sizeof(key) - 1;
	while (*value != '\0' && n + 1 < sizeof(plain)) {
		if (value[0] == ',' && value[1] != ',')
			break;
		value += value[0] == ',' ? 1 : 0;
		plain[n++] = *value++;
	}
	plain[n] = '\0';
	text_copy(out, size, plain);
}

/* Managers start such a QEMU to ask what it can do: no guest can run in it. */
static bool
is_probe(const char *option, const char *value)
{
	return (strcmp(option, "-machine") == 0 || strcmp(option, "-M") == 0) &&
	       strncmp(value, "none", 4) == 0 && (value[4] == '\0' || value[4] == ',');
}

static bool
is_option(const char *arg, const char *name)
{
	return arg[0] == '-' && strcmp(arg + 1 + (arg[1] == '-'), name) == 0;
}

/* The argument at *at, NULL behind the last whole one. */
static const char *
next_arg(const char *args, size_t len, size_t *at)
{
	const char *arg = args + *at;
	const char *end = *at < len ? memchr(arg, '\0', len - *at) : NULL;
	if (end == NULL)
		return NULL;
	*at += (size_t)(end - arg) + 1;
	return arg;
}

bool
process_guest_parse(struct process_guest *out, const char *comm, const char *args, size_t len)
{
	size_t at = 0;
	const char *arg = next_arg(args, len, &at), *base;
	bool named = false;
	if (arg == NULL)
		return false;
	base = strrchr(arg, '/');
	if (!is_qemu(comm) && !is_qemu(base != NULL ? base + 1 : arg))
		return false;
	out->has_uuid = false;
	out->name[0] = '\0';
	while ((arg = next_arg(args, len, &at)) != NULL) {
		size_t behind = at;
		const char *value = next_arg(args, len, &behind);
		if (value == NULL)
			break;
		if (is_probe(arg, value))
			return false;
		if (!out->has_uuid && is_option(arg, "uuid")) {
			out->has_uuid = tally_uuid_parse(out->uuid, value, strlen(value));
			at = behind;
		} else if (!named && is_option(arg, "name")) {
			read_name(out->name, sizeof(out->name), value);
			named = true;
			at = behind;
		}
	}
	return true;
}

static size_t
read_args(char *args, size_t size, const char *proc, uint32_t pid)
{
	char path[512];
	size_t n = 0;
	ssize_t got = 1;
	int fd;
	(void)snprintf(path, sizeof(path), "%s/%u/cmdline", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (n < size && (got > 0 || errno == EINTR)) {
		got = read(fd, args + n, size - n);
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	return n;
}

int
process_guest_read(struct process_guest *out, const char *proc, uint32_t pid)
{
	struct process_stat st, again;
	char *args;
	size_t n;
	int found;
	memset(out, 0, sizeof(*out));
	if (process_stat_read(&st, proc, pid) != 1 || st.kernel)
		return 0;
	args = tally_alloc(ARGS_MAX);
	n = read_args(args, ARGS_MAX, proc, pid);
	found = process_guest_parse(out, st.comm, args, n);
	free(args);
	/* Two files of one pid are of one process where it stands on both sides. */
	if (!found || process_stat_read(&again, proc, pid) != 1 ||
	    again.start_ticks != st.start_ticks)
		return 0;
	out->pid = pid;
	out->start_ticks = st.start_ticks;
	return 1;
}

size_t
process_guests(struct process_guest **out, const char *proc)
{
	size_t n = 0, room = 0;
	DIR *d = opendir(proc);
	*out = NULL;
	if (d == NULL)
		return 0;
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		uint64_t pid;
		if (!tally_parse_u64(&pid, e->d_name, strlen(e->d_name), INT32_MAX))
			continue;
		if (n == room) {
			room = 2 * room + 16;
			*out = tally_realloc_array(*out, room, sizeof(**out));
		}
		n += (size_t)process_guest_read(&(*out)[n], proc, (uint32_t)pid);
	}
	(void)closedir(d);
	return n;
}

const struct process_guest *
process_guest_pick(const struct process_guest *guests, size_t n, const uint8_t uuid[TALLY_UUID],
		   const char *name)
{
	const struct process_guest *one = NULL, *named = NULL;
	size_t ones = 0, names = 0;
	for (size_t i = 0; i < n; i++) {
		const struct process_guest *g = &guests[i];
		if (!g->has_uuid || memcmp(g->uuid, uuid, TALLY_UUID) != 0)
			continue;
		one = g;
		ones++;
		if (strcmp(g->name, name) == 0) {
			named = g;
			names++;
		}
	}
	return ones == 1 ? one : names == 1 ? named : NULL;
}
