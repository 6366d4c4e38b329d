/* SPDX-License-Identifier: Apache-2.0 */
/* A password is looked at, copied and forgotten; it stands in no message. */
#include "passwords.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/log.h"

#define PASSWORD_MAX 32 /* of a TPM's hierarchy */
#define ROOM         64

struct password {
	char text[ROOM];
	size_t len;
};

static int
check_file(int fd, const char *path, struct tally_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return tally_err_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return tally_err_set(err, TALLY_USE, "%s: not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return tally_err_set(err, TALLY_USE,
				     "%s: somebody's file, neither root's nor of this user", path);
	if ((st.st_mode & (S_IWGRP | S_IRWXO)) != 0)
		return tally_err_set(err, TALLY_USE,
				     "%s: others can read or change it (mode %03o): make it 600, "
				     "or 640",
				     path, (unsigned)(st.st_mode & 0777));
	return 0;
}

static int
read_password(int fd, const char *path, struct password *p, struct tally_err *err)
{
	size_t text;
	p->len = 0;
	while (p->len < sizeof(p->text)) {
		ssize_t n = read(fd, p->text + p->len, sizeof(p->text) - p->len);
		if (n < 0)
			return tally_err_sys(err, "%s: read", path);
		if (n == 0)
			break;
		p->len += (size_t)n;
	}
	/* As the helper reads it. */
	text = p->len;
	if (text > 0 && p->text[text - 1] == '\n')
		text--;
	if (text > 0 && p->text[text - 1] == '\r')
		text--;
	if (text == 0 || text > PASSWORD_MAX)
		return tally_err_set(err, TALLY_USE, "%s: a password of 1 to %d bytes is wanted",
				     path, PASSWORD_MAX);
	return 0;
}

/* Only where it is another one: a start writes nothing then. */
static int
store(int dir, const char *name, const struct password *p, struct tally_err *err)
{
	struct tally_bytes wanted = tally_bytes(p->text, p->len);
	struct tally_buf has = TALLY_BUF_INIT;
	int rc;
	tally_buf_reserve(&has, 4096); /* not copied as it grows */
	rc = tally_file_read(dir, name, ROOM, &has, err);
	if (rc == 0 || (rc > 0 && !tally_bytes_eq(tally_buf_view(&has), wanted)))
		rc = tally_file_replace(tally_disk_real(), dir, name, wanted, 0600, false, err);
	explicit_bzero(has.p, has.cap);
	tally_buf_deinit(&has);
	return rc < 0 ? tally_err_prefix(err, "tpm") : 0;
}

static int
place(int dir, const char *path, const char *name, struct tally_err *err)
{
	struct password p;
	int fd, rc;
	if (path == NULL)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	/* An agent that stops for it would meter nothing, where what it has may do. */
	if (fd < 0 && (errno == ENOENT || errno == EACCES)) {
		tally_log(TALLY_LOG_WARNING,
			  "%s: %s: what is in the ledger's tpm/%s, if anything, stays", path,
			  errno == ENOENT ? "it is not there" : "it may not be read", name);
		return 0;
	}
	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	rc = check_file(fd, path, err);
	if (rc == 0)
		rc = read_password(fd, path, &p, err);
	if (rc == 0)
		rc = store(dir, name, &p, err);
	explicit_bzero(&p, sizeof(p));
	close(fd);
	return rc;
}

int
passwords_place(const struct config *c, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	int dir, rc;
	if (c->tpm.endorsement_password_file == NULL && c->tpm.owner_password_file == NULL)
		return 0;
	tally_buf_addf(&path, "%s/tpm", c->ledger);
	dir = open(tally_buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = dir < 0 ? tally_err_sys(err, "%s", tally_buf_cstr(&path)) : 0;
	tally_buf_deinit(&path);
	if (rc == 0)
		rc = place(dir, c->tpm.endorsement_password_file, "endorsement.password", err);
	if (rc == 0)
		rc = place(dir, c->tpm.owner_password_file, "owner.password", err);
	if (dir >= 0)
		close(dir);
	return rc;
}
