/* SPDX-License-Identifier: Apache-2.0 */
/* What a process cannot do any more behind the sandbox, tried by a child. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/sandbox.h"

static int before = -1; /* a socket from before */

/* Each gives 0 where it was done, else errno. */
static int
open_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int
open_a_pair(void)
{
	int fd[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0 ? errno : 0;
}

static int
listen_on_an_old_one(void)
{
	return listen(before, 1) < 0 ? errno : 0;
}

static int
start_a_program(void)
{
	char *argv[] = { NULL };

	return execve("/bin/true", argv, argv) < 0 ? errno : 0;
}

static int
make_a_ring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0;
}

static int
mount_something(void)
{
	return mount("none", "/nonexistent", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int
write_a_file(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "x", 1) != 1 ? errno : 0;
}

static int
use_an_old_socket(void)
{
	return send(before, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

/* What `act` gives in a child behind the sandbox. */
static int
inside(int (*act)(void))
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct tally_err err = TALLY_ERR_INIT;

		_exit(tally_sandbox_enter(&err) < 0 ? 255 : act());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
no_socket_no_program_and_no_mount_can_be_had(void **state)
{
	(void)state;
	assert_int_equal(inside(open_a_socket), EPERM);
	assert_int_equal(inside(open_a_pair), EPERM);
	assert_int_equal(inside(listen_on_an_old_one), EPERM);
	assert_int_equal(inside(start_a_program), EPERM);
	assert_int_equal(inside(make_a_ring), EPERM);
	assert_int_equal(inside(mount_something), EPERM);
	/* Outside, the first two are nothing special. */
	assert_int_equal(open_a_pair(), 0);
}

static void
files_and_what_was_open_stay(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	before = fd[0];
	assert_int_equal(inside(write_a_file), 0);
	assert_int_equal(inside(use_an_old_socket), 0);
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_socket_no_program_and_no_mount_can_be_had),
		cmocka_unit_test(files_and_what_was_open_stay),
	};

	return cmocka_run_group_tests_name("base sandbox", tests, NULL, NULL);
}
