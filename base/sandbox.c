/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp filter that names what is forbidden: whoever takes over a process
 * behind it by a malformed answer finds no socket, no program to start, and
 * nobody to trace. Everything else stays, for libraries differ in what they call.
 */
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include "tally/err.h"
#include "tally/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_TRACED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_TRACED
#endif
#endif

static const int forbidden[] = {
	SCMP_SYS(socket),
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	/* makes sockets too, out of a filter's sight */
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
#ifndef LEAKS_ARE_TRACED /* the sanitizer looks for leaks from a process beside this one */
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
#endif
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
};

int
tally_sandbox_enter(struct tally_err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : tally_err_set(err, TALLY_SYS, "sandbox: %s", strerror(-rc));
}
