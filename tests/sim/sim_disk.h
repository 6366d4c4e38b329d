/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DISK_H
#define SIM_DISK_H
/*
 * One ledger's disk. This program's own write calls stand before libc's, for
 * LMDB too; those on the watched file go through here. What is written and not
 * yet synced is remembered by its old content, so that a power cut can take any
 * part of it back. Nothing is ever really synced: the machine is a simulated one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "random.h"

#define DISK_BLOCK  4096
#define DISK_SECTOR 512 /* what a real disk writes whole */

struct disk_block {
	int64_t number;
	/* A failed sync dropped it: it is in memory, marked as written, and not on
	 * the disk. Only writing it again helps. */
	bool ghost;
	uint8_t old[DISK_BLOCK];
};

struct sim_disk {
	int fd;       /* our own, to read what a write-only descriptor is about to replace */
	dev_t device; /* of the watched file */
	ino_t inode;
	struct random *random;
	/* At every call; false: the process died here. */
	bool (*outside)(void *ctx, const char *call);
	void *ctx;
	bool dead;           /* nothing gets through any more */
	bool full;           /* no room for another block */
	unsigned sync_fails; /* per cent of the syncs */
	int64_t size_synced;
	struct disk_block *block;
	size_t blocks, cap;
	uint64_t writes, syncs, failed_syncs, refused;
};

int disk_init(struct sim_disk *d, const char *file);
void disk_deinit(struct sim_disk *d);
/* The disk whose calls are looked at now; NULL none. */
void disk_watch(struct sim_disk *d);
/* The power went: of what was not synced, some is there and some is not. The
 * file must not be mapped any more. */
int disk_power_cut(struct sim_disk *d);

#endif
