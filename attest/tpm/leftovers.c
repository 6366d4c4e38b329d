/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier process may have left in a TPM that was not reset: transient
 * objects and sessions. They are flushed by their handles, in a command of our
 * own, for the TSS flushes only what it has opened itself.
 */
#include <string.h>
#include "tally/err.h"
#include "chip.h"

/* TPM2_FlushContext without sessions. */
static TSS2_RC
flush(TSS2_TCTI_CONTEXT *tcti, TPM2_HANDLE handle)
{
	uint8_t command[14], response[TPM2_MAX_RESPONSE_SIZE];
	size_t len = sizeof(response);
	TSS2_RC rc;

	tally_put_u16(command, TPM2_ST_NO_SESSIONS);
	tally_put_u32(command + 2, sizeof(command));
	tally_put_u32(command + 6, TPM2_CC_FlushContext);
	tally_put_u32(command + 10, handle);
	rc = Tss2_Tcti_Transmit(tcti, sizeof(command), command);
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_Tcti_Receive(tcti, &len, response, TSS2_TCTI_TIMEOUT_BLOCK);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	return len < 10 ? TSS2_TCTI_RC_MALFORMED_RESPONSE : tally_get_u32(response + 6);
}

static int
flush_range(struct chip *c, TPM2_HANDLE first, struct tally_err *err)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	TSS2_RC rc =
		Esys_GetCapability(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				   TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, NULL, &found);

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_GetCapability", err);
	for (UINT32 i = 0; i < found->data.handles.count && rc == TSS2_RC_SUCCESS; i++)
		rc = flush(c->tcti, found->data.handles.handle[i]);
	Esys_Free(found);
	return rc == TSS2_RC_SUCCESS ? 0 : chip_refused(rc, "TPM2_FlushContext", err);
}

int
chip_flush_leftovers(struct chip *c, struct tally_err *err)
{
	/* Transient objects, loaded and saved sessions. The TSS has macros for
	 * them, which shift an int out of its range. */
	static const TPM2_HANDLE ranges[] = { 0x80000000u, 0x02000000u, 0x03000000u };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (flush_range(c, ranges[i], err) < 0)
			return -1;
	return 0;
}
