/* SPDX-License-Identifier: Apache-2.0 */
/* Start and orderly end of the TPM, and what went wrong in between. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <tss2/tss2_rc.h>
#include <unistd.h>
#include "tally/err.h"
#include "chip.h"
#include "state.h"
#include "device.h"
#include "swtpm.h"
#include "tcti.h"
#include "wire.h"

#define LOCK_TRIES 40
#define LOCK_PAUSE 50000000L /* ns */

int
chip_refused(TSS2_RC rc, const char *command, struct tally_err *err)
{
	if (state_failure()) {
		*err = *state_failure();
		return tally_err_prefix(err,
					"%s: the TPM is in failure mode until it is restarted, for "
					"its state could not be stored",
					command);
	}
	if (wire_failure()) {
		*err = *wire_failure();
		return tally_err_prefix(err, "%s", command);
	}
	return tally_err_set(err, TALLY_TPM, "%s: %s (0x%x)", command, Tss2_RC_Decode(rc), rc);
}

/* One process a state. A helper that is just ending may still hold it. */
static int
lock_folder(int dir, struct tally_err *err)
{
	const struct timespec pause = { 0, LOCK_PAUSE };

	for (int i = 0; flock(dir, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return tally_err_sys(err, "lock");
		if (i == LOCK_TRIES)
			return tally_err_set(err, TALLY_HELD, "another tallyd-tpm holds this TPM");
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int
open_folder(struct chip *c, const char *dir, bool create, struct tally_err *err)
{
	if (create && tally_dir_make(dir, 0700, err) < 0)
		return -1;
	c->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return tally_err_sys(err, "open");
	return lock_folder(c->dir, err);
}

/* How a TPM is started. */
enum how { START, CREATE, RESTORE };

static int
reach(struct chip *c, const struct tpm_transport *t, enum how how, const struct tally_disk *disk,
      struct tally_err *err)
{
	if (sealed_key(c->dir, how == CREATE, c->key, err) < 0)
		return -1;
	c->kind = t->kind;
	if (t->kind == TPM_SWTPM)
		return swtpm_open(&c->tcti, t, err);
	if (t->kind == TPM_DEVICE)
		return device_open(&c->tcti, t, err);
	if (how == RESTORE ? state_open_before(c->dir, c->key, disk, err) < 0
			   : state_open(c->dir, how == CREATE, c->key, disk, err) < 0)
		return -1;
	return tcti_open(&c->tcti, err);
}

/* A TPM that was on before says that it was, which is as good. */
static int
start_up(struct chip *c, struct tally_err *err)
{
	TSS2_RC rc = Esys_Startup(c->esys, TPM2_SU_CLEAR);

	if (rc == TSS2_RC_SUCCESS || (c->kind != TPM_LIBTPMS && rc == TPM2_RC_INITIALIZE))
		return 0;
	(void)chip_refused(rc, "TPM2_Startup", err);
	if (c->kind == TPM_SWTPM && rc == TPM2_RC_FAILURE)
		return tally_err_prefix(err, "swtpm: in failure mode, or never powered on, for "
					     "which it has --flags not-need-init,startup-clear");
	return -1;
}

static int
start(struct chip *c, const struct tpm_transport *t, enum how how, const struct tally_disk *disk,
      struct tally_err *err)
{
	TSS2_RC rc;

	if (reach(c, t, how, disk, err) < 0)
		return -1;
	rc = Esys_Initialize(&c->esys, c->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "Esys_Initialize", err);
	if (start_up(c, err) < 0 || chip_set_passwords(c, err) < 0)
		return -1;
	if (chip_flush_leftovers(c, err) < 0)
		return -1;
	if (chip_load_keys(c, how == CREATE, disk, err) < 0)
		return -1;
	return chip_open_counter(c, how == CREATE, disk, err);
}

static void
power_off(struct chip *c)
{
	Esys_Finalize(&c->esys);
	if (c->kind != TPM_LIBTPMS) {
		wire_close(c->tcti);
	} else {
		tcti_close(c->tcti);
		state_close();
	}
	tally_buf_deinit(&c->ek_public);
	tally_buf_deinit(&c->ak_public);
	tally_buf_deinit(&c->nv_public);
	if (c->dir >= 0)
		close(c->dir);
	sodium_memzero(c, sizeof(*c));
	c->dir = -1;
}

static int
open_as(struct chip *c, const char *dir, const struct tpm_transport *transport, enum how how,
	const struct tally_disk *disk, struct tally_err *err)
{
	memset(c, 0, sizeof(*c));
	c->dir = -1;
	c->ak = c->nv = ESYS_TR_NONE;
	if (sodium_init() < 0)
		return tally_err_set(err, TALLY_SYS, "libsodium does not start");
	if (open_folder(c, dir, how == CREATE, err) == 0 &&
	    start(c, transport, how, disk ? disk : tally_disk_real(), err) == 0)
		return 0;
	power_off(c);
	return tally_err_prefix(err, "%s", dir);
}

int
chip_open(struct chip *c, const char *dir, const struct tpm_transport *transport, bool create,
	  const struct tally_disk *disk, struct tally_err *err)
{
	return open_as(c, dir, transport, create ? CREATE : START, disk, err);
}

int
chip_restore(const char *dir, const struct tally_disk *disk, struct tally_err *err)
{
	static const struct tpm_transport libtpms = { .kind = TPM_LIBTPMS, .name = "libtpms" };
	struct chip c;

	if (open_as(&c, dir, &libtpms, RESTORE, disk, err) < 0)
		return -1;
	chip_close_counter(&c);
	power_off(&c);
	return 0;
}

int
chip_close(struct chip *c, struct tally_err *err)
{
	TSS2_RC rc = TSS2_RC_SUCCESS;
	int r = 0;

	chip_close_counter(c);
	if (c->ak != ESYS_TR_NONE)
		Esys_FlushContext(c->esys, c->ak);
	if (c->kind == TPM_LIBTPMS)
		rc = Esys_Shutdown(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				   TPM2_SU_CLEAR);
	if (rc != TSS2_RC_SUCCESS)
		r = chip_refused(rc, "TPM2_Shutdown", err);
	power_off(c);
	return r;
}
