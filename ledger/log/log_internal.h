/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_LOG_INTERNAL_H
#define TALLY_LOG_INTERNAL_H
/* What the files of this folder share. */
#include "tally/bytes.h"
#include "tally/note.h"

/* libsodium is initialised once, before its first use. */
void log_crypto_init(void);

/* Ed25519 as libsodium checks it: cofactorless, and S, R or keys that are not
 * canonical or of small order are refused. */
bool log_ed25519_verify(const uint8_t signature[64], struct tally_bytes message,
			const uint8_t key[32]);

/* First 4 bytes of SHA-256(name || 0x0A || type || key). */
void log_key_id(uint8_t out[4], struct tally_bytes name, struct tally_bytes type_and_key);

/* `<name>+<8 hex>+<base64>` taken apart; the decoded bytes go to `key`. The id
 * is not compared. false where it is not of this shape. */
bool log_key_split(struct tally_bytes text, struct tally_bytes *name, uint8_t id[4],
		   struct tally_buf *key);

/* What a cosignature of that time signs. */
void log_cosigned_message(struct tally_buf *out, struct tally_bytes text, uint64_t time);

/* base64 of one hash, alone on its line; false where it is not. */
bool log_hash_line(uint8_t hash[TALLY_HASH], struct tally_bytes line);

/* Fixed bytes for short inputs to a hash: an owned copy costs less than a
 * second call. */
#define LOG_SHORT 512

/* What an Ed25519 key is behind in its text and its id: a type byte, and for an
 * enroller's the identifier. */
void log_key_typed(struct tally_buf *out, uint8_t type, const uint8_t key[32]);
/* The reverse: false where it is neither of the types (0x01, 0x04, 0xff). */
bool log_key_untyped(struct tally_bytes in, uint8_t *type, uint8_t key[32]);

#endif
