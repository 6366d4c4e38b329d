/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_disk.h. System calls are made directly: libc's names are ours here. */
#include "sim_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tally/bytes.h"

static struct sim_disk *watched;

void
disk_watch(struct sim_disk *d)
{
	watched = d;
}

/* The disk that a descriptor belongs to, NULL where it is none of ours. */
static struct sim_disk *
disk_of(int fd)
{
	struct stat st;
	int saved = errno;
	if (watched == NULL)
		return NULL;
	if (fstat(fd, &st) < 0 || st.st_dev != watched->device || st.st_ino != watched->inode) {
		errno = saved;
		return NULL;
	}
	errno = saved;
	return watched;
}

static int64_t
size_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? 0 : (int64_t)st.st_size;
}

int
disk_init(struct sim_disk *d, const char *file)
{
	struct stat st;
	d->fd = open(file, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 || fstat(d->fd, &st) < 0)
		return -1;
	d->device = st.st_dev;
	d->inode = st.st_ino;
	d->size_synced = st.st_size;
	return 0;
}

void
disk_deinit(struct sim_disk *d)
{
	if (d->fd > 0)
		(void)close(d->fd);
	free(d->block);
	d->block = NULL;
	d->blocks = d->cap = 0;
}

static struct disk_block *
find(struct sim_disk *d, int64_t number)
{
	for (size_t i = 0; i < d->blocks; i++) {
		if (d->block[i].number == number)
			return &d->block[i];
	}
	return NULL;
}

static void
forget(struct sim_disk *d, bool ghosts)
{
	size_t kept = 0;
	for (size_t i = 0; i < d->blocks; i++) {
		if (d->block[i].ghost && !ghosts)
			d->block[kept++] = d->block[i];
	}
	d->blocks = kept;
}

/* Before a write of [at, at + n): what was there. */
static void
remember(struct sim_disk *d, int64_t at, size_t n)
{
	int64_t last = (at + (int64_t)n - 1) / DISK_BLOCK;
	for (int64_t no = at / DISK_BLOCK; n > 0 && no <= last; no++) {
		struct disk_block *b = find(d, no);
		long got;
		if (b != NULL) {
			b->ghost = false;
			continue;
		}
		if (d->blocks == d->cap) {
			d->cap = d->cap ? 2 * d->cap : 64;
			d->block = tally_realloc_array(d->block, d->cap, sizeof(*d->block));
		}
		b = &d->block[d->blocks++];
		b->number = no;
		b->ghost = false;
		got = syscall(SYS_pread64, d->fd, b->old, DISK_BLOCK, no * DISK_BLOCK);
		if (got < 0)
			got = 0;
		memset(b->old + got, 0, (size_t)(DISK_BLOCK - got));
	}
}

/* A write through a descriptor that syncs by itself is on the disk when it returns. */
static void
make_durable(struct sim_disk *d, int fd, const uint8_t *p, int64_t at, size_t n)
{
	for (size_t i = 0; i < n;) {
		int64_t no = (at + (int64_t)i) / DISK_BLOCK;
		size_t in = (size_t)((at + (int64_t)i) % DISK_BLOCK);
		size_t len = DISK_BLOCK - in < n - i ? DISK_BLOCK - in : n - i;
		struct disk_block *b = find(d, no);
		if (b != NULL)
			memcpy(b->old + in, p + i, len);
		i += len;
	}
	if (size_of(fd) > d->size_synced && at + (int64_t)n > d->size_synced)
		d->size_synced = at + (int64_t)n;
}

static ssize_t
raw_write(struct sim_disk *d, int fd, const uint8_t *p, size_t n, int64_t at)
{
	if (n == 0)
		return 0;
	remember(d, at, n);
	d->writes++;
	return syscall(SYS_pwrite64, fd, p, n, at);
}

static ssize_t
refuse(int error)
{
	errno = error;
	return -1;
}

/* As much of `n` as fits without another block, and a little where some is left. */
static size_t
room(int fd, int64_t at, size_t n)
{
	int64_t free_bytes = size_of(fd) - at;
	if (free_bytes >= (int64_t)n)
		return n;
	return free_bytes <= 0 ? 0 : (size_t)free_bytes / DISK_BLOCK * DISK_BLOCK;
}

static ssize_t
disk_write(struct sim_disk *d, int fd, const uint8_t *p, size_t n, int64_t at)
{
	bool syncs = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	ssize_t done;
	if (d->dead)
		return refuse(EIO);
	if (!d->outside(d->ctx, syncs ? "write meta" : "write")) {
		/* It dies in the middle: whole blocks of it are there. */
		size_t blocks = n / DISK_BLOCK;
		size_t part = blocks > 0 ? random_below(d->random, blocks + 1) * DISK_BLOCK : 0;
		if (blocks == 0 && random_chance(d->random, 50))
			part = n;
		(void)raw_write(d, fd, p, part, at);
		return refuse(EIO);
	}
	if (d->full && room(fd, at, n) < n) {
		size_t some = room(fd, at, n);
		d->refused++;
		return some > 0 ? raw_write(d, fd, p, some, at) : refuse(ENOSPC);
	}
	if (syncs && random_chance(d->random, d->sync_fails)) {
		/* Not at all, all of it, or in memory only. */
		unsigned how = (unsigned)random_below(d->random, 3);
		d->failed_syncs++;
		if (how > 0)
			(void)raw_write(d, fd, p, n, at);
		if (how == 1)
			make_durable(d, fd, p, at, n);
		return refuse(EIO);
	}
	/* LMDB takes a header back whose write failed: that may fail, too. */
	if (!syncs && d->sync_fails > 0 && random_chance(d->random, d->sync_fails / 3)) {
		d->failed_syncs++;
		return refuse(EIO);
	}
	done = raw_write(d, fd, p, n, at);
	if (syncs && done > 0)
		make_durable(d, fd, p, at, (size_t)done);
	return done;
}

static int
disk_sync(struct sim_disk *d, int fd)
{
	if (d->dead || !d->outside(d->ctx, "sync"))
		return (int)refuse(EIO);
	d->syncs++;
	if (random_chance(d->random, d->sync_fails)) {
		d->failed_syncs++;
		switch (random_below(d->random, 3)) {
		case 0: /* still to be written */
			break;
		case 1: /* on the disk, and yet the error */
			forget(d, false);
			d->size_synced = size_of(fd);
			break;
		default: /* given up, and marked as written */
			for (size_t i = 0; i < d->blocks; i++)
				d->block[i].ghost =
					d->block[i].ghost || random_chance(d->random, 50);
			forget(d, false);
			break;
		}
		return (int)refuse(EIO);
	}
	forget(d, false);
	d->size_synced = size_of(fd);
	return 0;
}

static void
take_back(struct sim_disk *d, const struct disk_block *b)
{
	unsigned how = b->ghost ? 0 : (unsigned)random_below(d->random, 4);
	int64_t at = b->number * DISK_BLOCK;
	if (how == 3)
		return; /* it reached the disk */
	for (int64_t in = 0; in < DISK_BLOCK; in += DISK_SECTOR) {
		if (how == 2 && random_chance(d->random, 50))
			continue; /* torn */
		(void)syscall(SYS_pwrite64, d->fd, b->old + in, DISK_SECTOR, at + in);
	}
}

int
disk_power_cut(struct sim_disk *d)
{
	int64_t size = size_of(d->fd);
	for (size_t i = 0; i < d->blocks; i++)
		take_back(d, &d->block[i]);
	/* The new length may be lost too. */
	if (size > d->size_synced && random_chance(d->random, 50) &&
	    ftruncate(d->fd, d->size_synced) < 0)
		return -1;
	forget(d, true);
	d->size_synced = size_of(d->fd);
	return 0;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at) /* pwrite64 to the linker */
{
	struct sim_disk *d = disk_of(fd);
	if (d != NULL)
		return disk_write(d, fd, p, n, at);
	return syscall(SYS_pwrite64, fd, p, n, at);
}

/* The name that LMDB calls; here the headers have renamed it. */
ssize_t plain_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");
ssize_t
plain_pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	struct sim_disk *d = disk_of(fd);
	int64_t at;
	ssize_t all = 0;
	if (d == NULL)
		return syscall(SYS_writev, fd, v, n);
	at = lseek(fd, 0, SEEK_CUR);
	for (int i = 0; i < n; i++) {
		ssize_t done = disk_write(d, fd, v[i].iov_base, v[i].iov_len, at + all);
		if (done < 0)
			return all > 0 ? all : -1;
		all += done;
		if ((size_t)done < v[i].iov_len)
			break;
	}
	(void)lseek(fd, at + all, SEEK_SET);
	return all;
}

int
fdatasync(int fd)
{
	struct sim_disk *d = disk_of(fd);
	return d != NULL ? disk_sync(d, fd) : 0;
}

int
fsync(int fd)
{
	return fdatasync(fd);
}
