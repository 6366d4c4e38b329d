/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of logs that show two histories, in the folder `conflicts`: each with the
 * checkpoint that had been cosigned before it. Few enough for any disk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/log.h"
#include "witness_internal.h"

#define FOLDER        "conflicts"
#define CONFLICTS_MAX 256

static int
open_folder(const struct tally_witness *w, struct tally_err *err)
{
	int fd;

	if (mkdirat(w->dir, FOLDER, 0700) < 0 && errno != EEXIST)
		return tally_err_sys(err, "%s", FOLDER);
	fd = openat(w->dir, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? tally_err_sys(err, "%s", FOLDER) : fd;
}

/* How many are there; more than the most where that cannot be told. */
static size_t
count(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return SIZE_MAX;
	}
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

void
witness_keep(struct tally_witness *w, const struct witness_log *log, struct tally_bytes note,
	     struct tally_bytes text)
{
	char name[2 * TALLY_HASH + 1];
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t hash[TALLY_HASH];
	int r = 0, dir = open_folder(w, &err);

	tally_sha256(hash, text);
	for (size_t i = 0; i < TALLY_HASH; i++)
		(void)snprintf(name + 2 * i, 3, "%02x", hash[i]);
	if (dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		close(dir); /* the same one again */
		return;
	}
	if (dir < 0)
		r = -1;
	else if (count(dir) >= CONFLICTS_MAX)
		r = tally_err_set(&err, TALLY_SYS, "%s: there are %d already", FOLDER,
				  CONFLICTS_MAX);
	if (r == 0) {
		tally_buf_addf(&out, "tallystick-conflict 1\n");
		tally_checkpoint_text(&out, log->origin, log->size, log->root);
		tally_buf_add_u8(&out, '\n');
		tally_buf_add_bytes(&out, note);
		r = tally_file_replace(w->disk, dir, name, tally_buf_view(&out), 0600, false, &err);
	}
	if (r < 0)
		tally_log(TALLY_LOG_ERR, "a note that conflicts is not kept: %s", err.text);
	if (dir >= 0)
		close(dir);
	tally_buf_deinit(&out);
}
