/* SPDX-License-Identifier: Apache-2.0 */
/* The transport over TPMLIB_Process. tpm2-tss 3.2 has none for libtpms. */
#include <fcntl.h>
#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "tally/bytes.h"
#include "tally/err.h"
#include "state.h"
#include "tcti.h"

#define MAGIC                                                                                      \
	0x54414c4c59545049ull /* of this transport, so that no other context is taken for it */

struct tcti {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: the TSS casts */
	unsigned char *response;            /* libtpms allocates it and uses it again */
	uint32_t len, size;
	bool waiting; /* a response has not been received yet */
};

static struct tcti *
own(TSS2_TCTI_CONTEXT *context)
{
	return context && TSS2_TCTI_MAGIC(context) == MAGIC ? (struct tcti *)(void *)context : NULL;
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct tcti *t = own(context);

	if (!t || !command)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (t->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (size > UINT32_MAX)
		return TSS2_TCTI_RC_BAD_VALUE;
	/* libtpms does not write to a command, though it does not say so. */
	if (TPMLIB_Process(&t->response, &t->len, &t->size, (unsigned char *)(uintptr_t)command,
			   (uint32_t)size) != TPM_SUCCESS)
		return TSS2_TCTI_RC_IO_ERROR;
	t->waiting = true;
	return TSS2_RC_SUCCESS;
}

/* Without a buffer it tells the size only. */
static TSS2_RC
receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
	struct tcti *t = own(context);
	size_t room;

	(void)timeout;
	if (!t || !size)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (!t->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	room = *size;
	*size = t->len;
	if (!response)
		return TSS2_RC_SUCCESS;
	if (room < t->len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, t->response, t->len);
	t->waiting = false;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
cancel(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED; /* nothing is ever under way */
}

static TSS2_RC
get_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
	(void)context;
	(void)handles;
	*count = 0;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
	(void)context;
	return locality == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
	(void)context;
	(void)handle;
	(void)sticky;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

/* The owner frees the memory: tcti_close. */
static void
finalize(TSS2_TCTI_CONTEXT *context)
{
	struct tcti *t = own(context);

	if (!t)
		return;
	TPMLIB_Terminate();
	free(t->response);
	t->response = NULL;
	TSS2_TCTI_MAGIC(context) = 0;
}

/* libtpms would tell stderr of its failure mode; the answer to the command does. */
static void
hush(void)
{
	static int nowhere = -1;

	if (nowhere < 0)
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nowhere >= 0)
		TPMLIB_SetDebugFD(nowhere);
}

static int
power_on(struct tally_err *err)
{
	TPM_RESULT result;

	hush();
	if (TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2) != TPM_SUCCESS)
		return tally_err_set(err, TALLY_TPM, "libtpms: has no TPM 2.0");
	if (state_register(err) < 0)
		return -1;
	result = TPMLIB_MainInit();
	if (result == TPM_SUCCESS)
		return 0;
	TPMLIB_Terminate();
	if (state_failure()) {
		*err = *state_failure();
		return tally_err_prefix(err, "libtpms: start");
	}
	return tally_err_set(err, TALLY_TPM, "libtpms: start: 0x%x: it does not take its state",
			     result);
}

int
tcti_open(TSS2_TCTI_CONTEXT **out, struct tally_err *err)
{
	struct tcti *t;

	if (power_on(err) < 0)
		return -1;
	t = tally_alloc(sizeof(*t));
	t->common.v1.magic = MAGIC;
	t->common.v1.version = 2;
	t->common.v1.transmit = transmit;
	t->common.v1.receive = receive;
	t->common.v1.finalize = finalize;
	t->common.v1.cancel = cancel;
	t->common.v1.getPollHandles = get_poll_handles;
	t->common.v1.setLocality = set_locality;
	t->common.makeSticky = make_sticky;
	*out = (TSS2_TCTI_CONTEXT *)(void *)t;
	return 0;
}

void
tcti_close(TSS2_TCTI_CONTEXT *tcti)
{
	Tss2_Tcti_Finalize(tcti);
	free(tcti);
}
