/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new attestation key for a host that is enrolled. The helper makes it beside the
 * present one and keeps it as `ak.next`; once its record stands in the ledger,
 * attested by the present key, it takes that one's place. Who dies in between
 * gives the record again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/file.h"
#include "enrol_renew.h"

#define NEXT       "ak.next"
#define PUBLIC     "ak.next.public"
#define PUBLIC_MAX 512

static int
open_tpm(const char *ledger, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	int fd;

	tally_buf_addf(&path, "%s/tpm", ledger);
	fd = open(tally_buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)tally_err_sys(err, "%s", tally_buf_cstr(&path));
	tally_buf_deinit(&path);
	return fd;
}

/* From here on nothing waits: what is left of an older renewal names an older key, and
 * would have the new one take its place with nobody's record. */
static int
forget_public(int dir, struct tally_err *err)
{
	if (unlinkat(dir, PUBLIC, 0) < 0 && errno != ENOENT)
		return tally_err_sys(err, "tpm/%s", PUBLIC);
	return fsync(dir) < 0 ? tally_err_sys(err, "tpm") : 0;
}

int
enrol_next_key(struct cli_ledger *l, struct tally_buf *public, struct tally_err *err)
{
	int dir = open_tpm(tally_store_path(l->store), err), r;

	if (dir < 0)
		return -1;
	r = forget_public(dir, err);
	if (r == 0)
		r = l->tpm->next_key(l->tpm->ctx, public, err);
	if (r >= 0)
		r = tally_file_replace(tally_disk_real(), dir, PUBLIC, tally_buf_view(public), 0600,
				       false, err);
	close(dir);
	return r < 0 ? -1 : 0;
}

bool
enrol_key_waits(const char *ledger, struct tally_bytes ak)
{
	struct tally_buf waiting = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	int dir = open_tpm(ledger, &err);
	bool waits;

	if (dir < 0)
		return false;
	waits = tally_file_read(dir, PUBLIC, PUBLIC_MAX, &waiting, &err) == 1 &&
		tally_bytes_eq(tally_buf_view(&waiting), ak);
	tally_buf_deinit(&waiting);
	close(dir);
	return waits;
}

static int
take_place(int dir, struct tally_err *err)
{
	/* Gone already, and only its public half left, where somebody died here. */
	if (renameat(dir, NEXT, dir, "ak") < 0 && errno != ENOENT)
		return tally_err_sys(err, "tpm/%s", NEXT);
	return fsync(dir) < 0 ? tally_err_sys(err, "tpm") : forget_public(dir, err);
}

int
enrol_take_next_key(const char *ledger, struct tally_bytes ak, struct tally_err *err)
{
	int dir, r;

	if (!enrol_key_waits(ledger, ak))
		return 0;
	dir = open_tpm(ledger, err);
	if (dir < 0)
		return -1;
	r = take_place(dir, err);
	close(dir);
	return r;
}
