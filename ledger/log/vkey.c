/* SPDX-License-Identifier: Apache-2.0 */
/* Verifier keys as text: `<name>+<8 hex>+<base64(type || key)>`. One key has one
 * text, so two texts that differ are two keys. */
#include <string.h>
#include "log_internal.h"
#include "tally/err.h"

#define ID_HEX 8

/* Lower case only. */
static bool
id_valid(const uint8_t *hex)
{
	for (size_t i = 0; i < ID_HEX; i++)
		if (!((hex[i] >= '0' && hex[i] <= '9') || (hex[i] >= 'a' && hex[i] <= 'f')))
			return false;
	return true;
}

bool
log_key_split(struct tally_bytes text, struct tally_bytes *name, uint8_t id[4],
	      struct tally_buf *key)
{
	const uint8_t *plus = text.len > 0 ? memchr(text.p, '+', text.len) : NULL;
	const uint8_t *end = text.len > 0 ? text.p + text.len : NULL;

	if (!plus || end - plus < 1 + ID_HEX + 1 || plus[1 + ID_HEX] != '+')
		return false;
	*name = tally_bytes(text.p, (size_t)(plus - text.p));
	if (!tally_name_valid(*name) || !id_valid(plus + 1) ||
	    !tally_unhex(id, 4, (const char *)plus + 1, ID_HEX))
		return false;
	plus += 1 + ID_HEX + 1;
	return tally_unbase64(key, (const char *)plus, (size_t)(end - plus));
}

static const char enroller[] = "tallystick/enroller/v1"; /* with its zero byte */

void
log_key_typed(struct tally_buf *out, uint8_t type, const uint8_t key[32])
{
	tally_buf_add_u8(out, type);
	if (type == TALLY_SIG_ENROLLER)
		tally_buf_add(out, enroller, sizeof(enroller));
	tally_buf_add(out, key, 32);
}

bool
log_key_untyped(struct tally_bytes in, uint8_t *type, uint8_t key[32])
{
	size_t at = 1;

	if (in.len == 0)
		return false;
	*type = in.p[0];
	if (*type == TALLY_SIG_ENROLLER)
		at += sizeof(enroller);
	else if (*type != TALLY_SIG_ED25519 && *type != TALLY_SIG_COSIGNATURE)
		return false;
	if (in.len != at + 32 || (at > 1 && memcmp(in.p + 1, enroller, sizeof(enroller)) != 0))
		return false;
	memcpy(key, in.p + at, 32);
	return true;
}

int
tally_vkey_parse(struct tally_vkey *out, struct tally_bytes text, struct tally_err *err)
{
	struct tally_buf key = TALLY_BUF_INIT;
	struct tally_bytes name;
	uint8_t id[4];
	int result = -1;

	memset(out, 0, sizeof(*out));
	if (!log_key_split(text, &name, out->id, &key)) {
		(void)tally_err_set(err, TALLY_USE, "not a verifier key (NAME+8 HEX+BASE64)");
	} else if (!log_key_untyped(tally_buf_view(&key), &out->type, out->key)) {
		(void)tally_err_set(err, TALLY_USE, "verifier key of an unknown type or length");
	} else {
		log_key_id(id, name, tally_buf_view(&key));
		memcpy(out->name, name.p, name.len);
		if (memcmp(id, out->id, sizeof(id)) == 0)
			result = 0;
		else
			(void)tally_err_set(err, TALLY_USE,
					    "the verifier key's id does not fit its key");
	}
	tally_buf_deinit(&key);
	return result;
}

void
tally_vkey_text(struct tally_buf *out, const struct tally_vkey *key)
{
	struct tally_buf typed = TALLY_BUF_INIT;
	char hex[ID_HEX + 1];

	log_key_typed(&typed, key->type, key->key);
	tally_hex(hex, key->id, sizeof(key->id));
	tally_buf_addf(out, "%s+%s+", key->name, hex);
	tally_buf_add_base64(out, typed.p, typed.len);
	tally_buf_deinit(&typed);
}

bool
tally_vkey_eq(const struct tally_vkey *a, const struct tally_vkey *b)
{
	return strcmp(a->name, b->name) == 0 && a->type == b->type &&
	       memcmp(a->key, b->key, sizeof(a->key)) == 0;
}
