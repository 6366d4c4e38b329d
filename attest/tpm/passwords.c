/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords of the owner and endorsement hierarchies, where an operator has set
 * them: files beside the TPM's state. They are sent as they are, which a TPM on
 * this machine's bus or loopback is good enough for.
 */
#include <sodium.h>
#include <string.h>
#include "tally/err.h"
#include "tally/file.h"
#include "chip.h"

/* A line's end is an editor's. */
static void
cut_newline(struct tally_buf *text)
{
	if (text->len > 0 && text->p[text->len - 1] == '\n')
		text->len--;
	if (text->len > 0 && text->p[text->len - 1] == '\r')
		text->len--;
}

static int
set_one(struct chip *c, ESYS_TR hierarchy, const char *name, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	TPM2B_AUTH auth = { .size = 0 };
	TSS2_RC rc = TSS2_RC_SUCCESS;
	int r = tally_file_read(c->dir, name, CHIP_PASSWORD_MAX + 2, &text, err);

	if (r > 0) {
		cut_newline(&text);
		if (text.len == 0 || text.len > CHIP_PASSWORD_MAX) {
			r = tally_err_set(err, TALLY_USE,
					  "%s: a password of %zu bytes, not 1 to %d", name,
					  text.len, CHIP_PASSWORD_MAX);
		} else {
			auth.size = (UINT16)text.len;
			memcpy(auth.buffer, text.p, text.len);
			rc = Esys_TR_SetAuth(c->esys, hierarchy, &auth);
		}
	}
	if (text.p)
		sodium_memzero(text.p, text.cap);
	sodium_memzero(&auth, sizeof(auth));
	tally_buf_deinit(&text);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "Esys_TR_SetAuth", err);
	return r < 0 ? -1 : 0;
}

int
chip_set_passwords(struct chip *c, struct tally_err *err)
{
	if (set_one(c, ESYS_TR_RH_ENDORSEMENT, "endorsement.password", err) < 0)
		return -1;
	return set_one(c, ESYS_TR_RH_OWNER, "owner.password", err);
}
