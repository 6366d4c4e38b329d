/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's process, from posix_spawn to waitpid: never a zombie. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tally/err.h"
#include "protocol.h"
#include "helper.h"

#define NAME "tallyd-tpm"

extern char **environ;

void
helper_find(struct tally_buf *path, const char *given)
{
	/* Beside the program as installed, in the build folder, in libexec. */
	static const char *const places[] = { "/" NAME, "/../attest/tpm/" NAME,
					      "/../libexec/" NAME };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash;

	if (!given)
		given = getenv("TALLY_TPM_HELPER");
	tally_buf_clear(path);
	if (given && *given) {
		tally_buf_add_str(path, given);
		return;
	}
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		tally_buf_clear(path);
		tally_buf_addf(path, "%.*s%s", (int)(slash - self), self, places[i]);
		if (access(tally_buf_cstr(path), X_OK) == 0)
			return;
	}
	tally_buf_clear(path);
	tally_buf_add_str(path, TALLY_LIBEXECDIR "/" NAME);
}

/* The child gets standard streams, its socket, and nothing else of ours. */
static int
start(const char *path, char *const argv[], int theirs, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return ENOMEM;
	}
	r = posix_spawn_file_actions_adddup2(&actions, theirs, TPM_HELPER_FD);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, TPM_HELPER_FD + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawn(pid, path, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int
helper_spawn(const char *path, const char *dir, const char *transport, bool create, int *fd,
	     pid_t *pid, struct tally_err *err)
{
	char name[] = NAME, state[] = "--state", by[] = "--transport", make[] = "--create";
	char *dir_copy = tally_strdup(dir), *transport_copy = tally_strdup(transport);
	char *argv[] = { name, state, dir_copy, by, transport_copy, create ? make : NULL, NULL };
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = tally_err_sys(err, "socketpair");
	} else {
		int failed = start(path, argv, pair[1], pid);

		close(pair[1]);
		*fd = pair[0];
		r = 0;
		if (failed != 0) {
			close(pair[0]);
			r = tally_err_set(err, TALLY_TPM, "%s: %s", path, strerror(failed));
		}
	}
	free(dir_copy);
	free(transport_copy);
	return r;
}

static void
describe(int status, char *how, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(how, size, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(how, size, "exited with status %d", WEXITSTATUS(status));
}

void
helper_reap(pid_t pid, int timeout_ms, char *how, size_t size)
{
	struct pollfd end = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status = 0;
	pid_t r;

	/* Without a descriptor to wait on there is no time-out: kill at once. */
	if (end.fd < 0 || poll(&end, 1, timeout_ms) <= 0)
		kill(pid, SIGKILL);
	if (end.fd >= 0)
		close(end.fd);
	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		snprintf(how, size, "ended");
	else
		describe(status, how, size);
}
