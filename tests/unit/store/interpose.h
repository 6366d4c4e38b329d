/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_INTERPOSE_H
#define STORE_INTERPOSE_H
/*
 * A disk that fails on call: this program's own pwrite, writev, write,
 * fdatasync, fsync and msync stand before libc's, for LMDB too. The n-th call
 * on a file below the watched folder fails; the store's hook counts with them.
 */
#include <stdbool.h>

enum disk_failure {
	DISK_REFUSES, /* nothing is written */
	DISK_TEARS,   /* half is written, then the error */
	DISK_LIES,    /* all is written, and yet the error */
	DISK_DIES,    /* as that one, and from then on it refuses */
};

/* From now on count calls on files below `folder` (an absolute path without
 * symbolic links); the n-th (from 1; 0 = none) fails with `error`. */
void disk_watch(const char *folder, unsigned long n, enum disk_failure how, int error);
/* Stops; the number of calls seen, and whether one failed. */
unsigned long disk_unwatch(bool *failed);

#endif
