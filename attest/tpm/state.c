/* SPDX-License-Identifier: Apache-2.0 */
/* libtpms' callbacks for its permanent state. The one before is kept as `state.prev`. */
#include <fcntl.h>
#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tally/err.h"
#include "state.h"

static struct {
	int dir;
	const struct tally_disk *disk;
	uint8_t key[SEALED_KEY];
	uint64_t sequence;      /* of the newest file */
	struct tally_buf first; /* the state that was found; empty where there was none */
	struct tally_err failure;
} state;

/* What to do about a state that cannot be used. */
#define ADVICE                                                                                     \
	"; where state.prev, the one before it, is whole, 'tallyd-tpm --state DIR --restore' "     \
	"goes "                                                                                    \
	"on from there and the ledger tells of it, else 'tally host replace' makes a new ledger "  \
	"that goes on from this one"

static int
refuse_orphans(int dir, struct tally_err *err)
{
	static const char *const names[] = { "state.prev", "ak", "nv" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (faccessat(dir, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return tally_err_set(err, TALLY_FAILS,
					     "state: missing, but %s of a TPM is here" ADVICE,
					     names[i]);
	return 0;
}

int
state_open(int dir, bool create, const uint8_t key[SEALED_KEY], const struct tally_disk *disk,
	   struct tally_err *err)
{
	int r;

	memset(&state, 0, sizeof(state));
	state.dir = dir;
	state.disk = disk;
	memcpy(state.key, key, SEALED_KEY);
	r = sealed_read(dir, "state", SEALED_STATE, key, &state.sequence, &state.first, err);
	if (r < 0) {
		struct tally_err cause = *err;

		return tally_err_set(err, cause.code, "%s" ADVICE, cause.text);
	}
	if (r == 1)
		return 0;
	if (create)
		return refuse_orphans(dir, err);
	return tally_err_set(err, TALLY_SYS, "state: no such file" ADVICE);
}

int
state_open_before(int dir, const uint8_t key[SEALED_KEY], const struct tally_disk *disk,
		  struct tally_err *err)
{
	struct tally_err why = TALLY_ERR_INIT;
	int whole, r;

	memset(&state, 0, sizeof(state));
	state.dir = dir;
	state.disk = disk;
	memcpy(state.key, key, SEALED_KEY);
	whole = sealed_read(dir, "state", SEALED_STATE, key, &state.sequence, &state.first, &why);
	if (state.first.p)
		sodium_memzero(state.first.p, state.first.len);
	tally_buf_clear(&state.first);
	if (whole > 0)
		return tally_err_set(err, TALLY_USE, "state: it is whole: nothing is restored");
	if (whole < 0 && why.code != TALLY_FAILS) {
		*err = why;
		return -1;
	}
	r = sealed_read(dir, "state.prev", SEALED_STATE, key, &state.sequence, &state.first, err);
	if (r == 0)
		r = tally_err_set(err, TALLY_SYS, "state.prev: no such file");
	if (r > 0 && whole < 0 && unlinkat(dir, "state", 0) < 0)
		r = tally_err_sys(err, "state");
	return r < 0 ? -1 : 0;
}

void
state_close(void)
{
	if (state.first.p)
		sodium_memzero(state.first.p, state.first.len);
	tally_buf_deinit(&state.first);
	sodium_memzero(&state, sizeof(state));
}

const struct tally_err *
state_failure(void)
{
	return state.failure.code == TALLY_OK ? NULL : &state.failure;
}

static TPM_RESULT
on_init(void)
{
	return TPM_SUCCESS;
}

/* TPM_RETRY is libtpms' word for "there is none". It frees what it is given. */
static TPM_RESULT
on_load(unsigned char **data, uint32_t *length, uint32_t number, const char *name)
{
	(void)number;
	if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0 || state.first.len == 0)
		return TPM_RETRY;
	*data = malloc(state.first.len);
	if (!*data)
		return TPM_FAIL;
	memcpy(*data, state.first.p, state.first.len);
	*length = (uint32_t)state.first.len;
	return TPM_SUCCESS;
}

static TPM_RESULT
on_store(const unsigned char *data, uint32_t length, uint32_t number, const char *name)
{
	(void)number;
	if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0 || state_failure())
		return TPM_FAIL;
	if (sealed_write(state.disk, state.dir, "state", SEALED_STATE, state.key,
			 state.sequence + 1, tally_bytes(data, length), true, &state.failure) < 0)
		return TPM_FAIL;
	state.sequence++;
	/* libtpms asks for the state once more when it manufactures a TPM. */
	tally_buf_clear(&state.first);
	tally_buf_add(&state.first, data, length);
	return TPM_SUCCESS;
}

static TPM_RESULT
on_delete(uint32_t number, const char *name, TPM_BOOL must_exist)
{
	(void)number;
	return strcmp(name, TPM_PERMANENT_ALL_NAME) != 0 && !must_exist ? TPM_SUCCESS : TPM_FAIL;
}

static TPM_RESULT
on_locality(TPM_MODIFIER_INDICATOR *locality, uint32_t number)
{
	(void)number;
	*locality = 0;
	return TPM_SUCCESS;
}

static TPM_RESULT
on_presence(TPM_BOOL *present, uint32_t number)
{
	(void)number;
	*present = 0;
	return TPM_SUCCESS;
}

int
state_register(struct tally_err *err)
{
	struct libtpms_callbacks callbacks = {
		.sizeOfStruct = sizeof(callbacks),
		.tpm_nvram_init = on_init,
		.tpm_nvram_loaddata = on_load,
		.tpm_nvram_storedata = on_store,
		.tpm_nvram_deletename = on_delete,
		.tpm_io_init = on_init,
		.tpm_io_getlocality = on_locality,
		.tpm_io_getphysicalpresence = on_presence,
	};

	if (TPMLIB_RegisterCallbacks(&callbacks) != TPM_SUCCESS)
		return tally_err_set(err, TALLY_TPM, "libtpms: callbacks refused");
	return 0;
}
