/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the device, without blocking: the kernel then works on a command while the
 * descriptor is waited for, and a chip that hangs is given up.
 */
#include "device.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/err.h"
#include "wire.h"

static int fake = -1;

void
device_fake(int fd)
{
	fake = fd;
}

static int
open_path(const char *path, struct tally_err *err)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return tally_err_set(err, TALLY_TPM, "%s: %s%s", path, strerror(errno),
				     errno == EACCES ? " (its users are in the group tss)" : "");
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode))
		return fd;
	close(fd);
	return tally_err_set(err, TALLY_TPM, "%s: not a device", path);
}

int
device_open(TSS2_TCTI_CONTEXT **out, const struct tpm_transport *t, struct tally_err *err)
{
	int fd = fake;

	wire_name(t->host);
	wire_set_timeout(DEVICE_RESPONSE_MS);
	if (fd < 0)
		fd = open_path(t->host, err);
	fake = -1;
	if (fd < 0)
		return -1;
	wire_open(out, fd, true);
	return 0;
}
