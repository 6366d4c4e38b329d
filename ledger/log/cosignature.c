/* SPDX-License-Identifier: Apache-2.0 */
/* Cosignatures of type 0x04: a time, and an Ed25519 signature over it and the
 * note text. A cosigner's key is an Ed25519 key as a log's, under another id. */
#include <inttypes.h>
#include <string.h>
#include "log_internal.h"
#include "tally/err.h"
#include "tally/witness.h"

#define SIGNATURE 64

void
log_cosigned_message(struct tally_buf *out, struct tally_bytes text, uint64_t time)
{
	tally_buf_addf(out, "cosignature/v1\ntime %" PRIu64 "\n", time);
	tally_buf_add_bytes(out, text);
}

void
tally_cosigner_vkey(struct tally_vkey *out, const struct tally_logkey *key)
{
	uint8_t typed[1 + sizeof(out->key)];

	*out = *tally_logkey_vkey(key);
	out->type = TALLY_SIG_COSIGNATURE;
	typed[0] = out->type;
	memcpy(typed + 1, out->key, sizeof(out->key));
	log_key_id(out->id, tally_bytes_str(out->name), tally_bytes(typed, sizeof(typed)));
}

int
tally_cosign(struct tally_buf *lines, struct tally_bytes text, struct tally_logkey *key,
	     uint64_t time, struct tally_err *err)
{
	struct tally_signer signer = tally_logkey_signer(key);
	struct tally_buf message = TALLY_BUF_INIT;
	uint8_t stamped[8 + SIGNATURE];
	struct tally_vkey vkey;
	int r;

	TALLY_ASSERT(time <= INT64_MAX);
	tally_cosigner_vkey(&vkey, key);
	tally_put_u64(stamped, time);
	log_cosigned_message(&message, text, time);
	r = signer.sign(signer.ctx, tally_buf_view(&message), stamped + 8, err);
	if (r == 0)
		tally_note_add_line(lines, vkey.name, vkey.id,
				    tally_bytes(stamped, sizeof(stamped)));
	tally_buf_deinit(&message);
	return r;
}

int
tally_note_cosigned(const struct tally_note *note, const struct tally_vkey *key, uint64_t *time,
		    struct tally_err *err)
{
	int r;

	TALLY_ASSERT(key->type == TALLY_SIG_COSIGNATURE);
	r = tally_note_verify(note, key, err);
	if (r <= 0)
		return r;
	*time = UINT64_MAX;
	for (size_t i = 0; i < note->lines; i++) {
		const struct tally_note_line *line = &note->line[i];
		uint64_t t;

		if (!tally_bytes_eq(line->name, tally_bytes_str(key->name)) ||
		    memcmp(line->id, key->id, sizeof(key->id)) != 0)
			continue;
		t = tally_get_u64(line->sig); /* verified: it is long enough */
		*time = t < *time ? t : *time;
	}
	return 1;
}
