/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_PUBLIC of the two keys that evidence knows: ECC P-256, EK or AK. */
#include <string.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "check_internal.h"

/* TPMT_SYM_DEF_OBJECT */
static void
read_symmetric(struct tpm_public *out, struct tally_cursor *c)
{
	out->symmetric = tally_cursor_u16(c);
	if (out->symmetric == TPM_ALG_NULL)
		return;
	out->symmetric_bits = tally_cursor_u16(c);
	out->symmetric_mode = tally_cursor_u16(c);
}

/* TPMT_ECC_SCHEME */
static void
read_scheme(struct tpm_public *out, struct tally_cursor *c)
{
	out->scheme = tally_cursor_u16(c);
	if (out->scheme != TPM_ALG_NULL)
		out->scheme_hash = tally_cursor_u16(c);
}

int
public_parse(struct tpm_public *out, struct tally_bytes in, struct tally_err *err)
{
	struct tally_cursor c;
	uint16_t type, kdf;

	memset(out, 0, sizeof(*out));
	tally_cursor_init(&c, in);
	type = tally_cursor_u16(&c);
	if (type != TPM_ALG_ECC)
		return tally_err_set(err, TALLY_FAILS, "type 0x%04x is not ECC", type);
	out->name_alg = tally_cursor_u16(&c);
	out->attributes = tally_cursor_u32(&c);
	out->policy = tally_cursor_take(&c, tally_cursor_u16(&c));
	read_symmetric(out, &c);
	if (out->symmetric != TPM_ALG_NULL && out->symmetric != TPM_ALG_AES)
		return tally_err_set(err, TALLY_FAILS, "symmetric algorithm 0x%04x",
				     out->symmetric);
	read_scheme(out, &c);
	if (out->scheme != TPM_ALG_NULL && out->scheme != TPM_ALG_ECDSA)
		return tally_err_set(err, TALLY_FAILS, "scheme 0x%04x", out->scheme);
	out->curve = tally_cursor_u16(&c);
	if (out->curve != TPM_ECC_NIST_P256)
		return tally_err_set(err, TALLY_FAILS, "curve 0x%04x is not P-256", out->curve);
	kdf = tally_cursor_u16(&c);
	if (kdf != TPM_ALG_NULL)
		return tally_err_set(err, TALLY_FAILS, "key derivation 0x%04x", kdf);
	out->x = tally_cursor_take(&c, tally_cursor_u16(&c));
	out->y = tally_cursor_take(&c, tally_cursor_u16(&c));
	if (c.failed)
		return tally_err_set(err, TALLY_FAILS, "cut");
	if (out->x.len != P256_BYTES || out->y.len != P256_BYTES)
		return tally_err_set(err, TALLY_FAILS, "coordinates of %zu and %zu bytes",
				     out->x.len, out->y.len);
	if (!tally_cursor_done(&c))
		return tally_err_set(err, TALLY_FAILS, "%zu bytes left over",
				     tally_cursor_left(&c));
	return 0;
}
