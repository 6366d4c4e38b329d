/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of logs that show two histories, in the folder `conflicts`, each with the
 * checkpoint that had been cosigned before it; and in `unproven` those whose proof does
 * not verify, which may be the same, or a true note that somebody sent with a false
 * proof. So these take no room of the others', and a log none of another's.
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

#define OF_LOG 4    /* files of one log in a folder */
#define OF_ALL 1024 /* files in a folder */
#define PREFIX 16   /* of a file's name: whose it is */

static int
open_folder(const struct tally_witness *w, const char *folder, struct tally_err *err)
{
	int fd;

	if (mkdirat(w->dir, folder, 0700) < 0 && errno != EEXIST)
		return tally_err_sys(err, "%s", folder);
	fd = openat(w->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? tally_err_sys(err, "%s", folder) : fd;
}

/* Whether there is no room for one more of that log, or that cannot be told. */
static bool
is_full(int dir, const char *name)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t all = 0, same = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
		all += e->d_name[0] != '.';
		same += strncmp(e->d_name, name, PREFIX + 1) == 0;
	}
	closedir(d);
	return all >= OF_ALL || same >= OF_LOG;
}

static void
hex(char *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int
keep(struct tally_witness *w, int dir, const char *name, const struct witness_log *log,
     struct tally_bytes note, struct tally_err *err)
{
	struct tally_buf out = TALLY_BUF_INIT;
	int r;

	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0; /* the same one again */
	if (is_full(dir, name))
		return tally_err_set(err, TALLY_SYS, "there are enough of this log, or of all");
	tally_buf_addf(&out, "tallystick-conflict 1\n");
	tally_checkpoint_text(&out, log->origin, log->size, log->root);
	tally_buf_add_u8(&out, '\n');
	tally_buf_add_bytes(&out, note);
	r = tally_file_replace(w->disk, dir, name, tally_buf_view(&out), 0600, false, err);
	tally_buf_deinit(&out);
	return r;
}

void
witness_keep(struct tally_witness *w, const struct witness_log *log, bool proven,
	     struct tally_bytes note, struct tally_bytes text)
{
	const char *folder = proven ? "conflicts" : "unproven";
	char name[PREFIX + 1 + 2 * TALLY_HASH + 1];
	struct tally_err err = TALLY_ERR_INIT;
	int dir = open_folder(w, folder, &err);
	uint8_t hash[TALLY_HASH];

	tally_sha256(hash, tally_bytes_str(log->origin));
	hex(name, hash, PREFIX / 2);
	name[PREFIX] = '-';
	tally_sha256(hash, text);
	hex(name + PREFIX + 1, hash, TALLY_HASH);
	if (dir < 0 || keep(w, dir, name, log, note, &err) < 0)
		tally_log(TALLY_LOG_WARNING, "a note is not kept in %s: %s", folder, err.text);
	if (dir >= 0)
		close(dir);
}
