/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPMT_PUBLIC of an endorsement key that a manufacturer may have certified: one of
 * the templates of the TCG EK Credential Profile, field by field, nothing else.
 */
#include <string.h>
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "check_internal.h"

#define POLICY_MAX 48

/* PolicySecret(endorsement), and the PolicyOR of it with PolicyAuthorizeNV. */
static const uint8_t policy_a[] = {
	0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
	0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
	0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
static const uint8_t policy_b256[] = {
	0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34,
	0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd,
	0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
};
static const uint8_t policy_b384[] = {
	0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc,
	0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4,
	0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09,
	0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
};

#define LOW  TPM_EK_L2_ATTRIBUTES
#define HIGH 0x000300f2u

struct template
{
	uint16_t type, name_alg;
	uint32_t attributes;
	uint16_t aes, curve; /* curve 0: RSA 2048 */
	unsigned hash, unique;
};
static const struct template templates[TALLY_EK_TEMPLATES] = {
	[TALLY_EK_L1] = { TPM_ALG_RSA, TPM_ALG_SHA256, LOW, 128, 0, 256, 256 },
	[TALLY_EK_L2] = { TPM_ALG_ECC, TPM_ALG_SHA256, LOW, 128, 3, 256, 32 },
	[TALLY_EK_H1] = { TPM_ALG_RSA, TPM_ALG_SHA256, HIGH, 128, 0, 256, 256 },
	[TALLY_EK_H2] = { TPM_ALG_ECC, TPM_ALG_SHA256, HIGH, 128, 3, 256, 32 },
	[TALLY_EK_H3] = { TPM_ALG_ECC, TPM_ALG_SHA384, HIGH, 256, 4, 384, 48 },
};

struct tally_bytes
tally_ek_policy(enum tally_ek_template t)
{
	if (templates[t].attributes == LOW)
		return tally_bytes(policy_a, sizeof(policy_a));
	return templates[t].hash == 384 ? tally_bytes(policy_b384, sizeof(policy_b384))
					: tally_bytes(policy_b256, sizeof(policy_b256));
}

/* What comes before the parameters of the kind of key, as one string of bytes. */
static struct tally_bytes
head(const struct template *t, uint8_t out[18 + POLICY_MAX])
{
	struct tally_bytes policy = tally_ek_policy((enum tally_ek_template)(t - templates));
	uint8_t *p = out + 10 + policy.len;

	tally_put_u16(out, t->type);
	tally_put_u16(out + 2, t->name_alg);
	tally_put_u32(out + 4, t->attributes);
	tally_put_u16(out + 8, (uint16_t)policy.len);
	memcpy(out + 10, policy.p, policy.len);
	tally_put_u16(p, TPM_ALG_AES);
	tally_put_u16(p + 2, t->aes);
	tally_put_u16(p + 4, TPM_ALG_CFB);
	tally_put_u16(p + 6, TPM_ALG_NULL); /* no scheme */
	return tally_bytes(out, 18U + policy.len);
}

static bool
read_unique(struct tally_ek *out, const struct template *t, struct tally_cursor *c)
{
	if (out->rsa) {
		bool fits = tally_cursor_u16(c) == 2048;

		fits = tally_cursor_u32(c) == 0 && fits;
		out->modulus = tally_cursor_take(c, tally_cursor_u16(c));
		return fits && tally_cursor_done(c) && out->modulus.len == t->unique &&
		       out->modulus.p[0] >= 0x80 && (out->modulus.p[t->unique - 1] & 1) == 1;
	}
	if (tally_cursor_u16(c) != t->curve || tally_cursor_u16(c) != TPM_ALG_NULL)
		return false;
	out->x = tally_cursor_take(c, tally_cursor_u16(c));
	out->y = tally_cursor_take(c, tally_cursor_u16(c));
	return tally_cursor_done(c) && out->x.len == t->unique && out->y.len == t->unique;
}

int
tally_ek_parse(struct tally_ek *out, struct tally_bytes in, struct tally_err *err)
{
	uint8_t begin[18 + POLICY_MAX];

	for (unsigned i = 0; i < TALLY_EK_TEMPLATES; i++) {
		const struct template *t = &templates[i];
		struct tally_bytes first = head(t, begin);
		struct tally_cursor c;

		if (in.len < first.len || memcmp(in.p, first.p, first.len) != 0)
			continue;
		*out = (struct tally_ek){ .template = (enum tally_ek_template)i,
					  .rsa = t->type == TPM_ALG_RSA,
					  .hash = t->hash,
					  .aes = t->aes };
		tally_cursor_init(&c, tally_bytes(in.p + first.len, in.len - first.len));
		if (read_unique(out, t, &c))
			return 0;
	}
	return tally_err_set(err, TALLY_FAILS,
			     "an endorsement key of none of the templates L-1, L-2, H-1, H-2, H-3");
}
