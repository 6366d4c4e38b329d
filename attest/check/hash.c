/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, and what is no more than a hash of bytes with a prefix. */
#include <string.h>
#include "tally/err.h"
#include "check_internal.h"

void
check_sha256(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	unsigned len = 0;
	int done =
		EVP_Digest(in.len ? (const void *)in.p : "", in.len, out, &len, EVP_sha256(), NULL);

	TALLY_ASSERT(done == 1 && len == TALLY_HASH);
}

void
tally_q_statement(uint8_t out[TALLY_HASH], struct tally_bytes statement)
{
	static const char domain[] = "tally/session/v1"; /* hashed with its NUL */
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_reserve(&b, sizeof(domain) + statement.len);
	tally_buf_add(&b, domain, sizeof(domain));
	tally_buf_add_bytes(&b, statement);
	check_sha256(out, tally_buf_view(&b));
	tally_buf_deinit(&b);
}

void
tally_host_id(uint8_t out[TALLY_HASH], struct tally_bytes ek_public)
{
	check_sha256(out, ek_public);
}

void
tally_tpm_name(uint8_t out[TPM_NAME], struct tally_bytes public)
{
	tally_put_u16(out, TPM_ALG_SHA256);
	check_sha256(out + 2, public);
}
