/* SPDX-License-Identifier: Apache-2.0 */
/* One sealed file: a header of 48 bytes, which is authenticated too, then the content. */
#include <sodium.h>
#include <string.h>
#include "tally/err.h"
#include "sealed.h"

#define MAGIC       "TALLYTPM"
#define VERSION     1
#define AT_KIND     12
#define AT_SEQUENCE 16
#define AT_NONCE    24
#define HEADER      48
#define FILE_MAX    (16u << 20)

_Static_assert(HEADER - AT_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(SEALED_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

int
sealed_key(int dir, bool create, uint8_t key[SEALED_KEY], struct tally_err *err)
{
	struct tally_buf b = TALLY_BUF_INIT;
	int r = tally_file_read(dir, "state.key", SEALED_KEY, &b, err);

	if (r == 1 && b.len != SEALED_KEY)
		r = tally_err_set(err, TALLY_FAILS, "state.key: %zu bytes, not %d: it is damaged",
				  b.len, SEALED_KEY);
	if (r == 1)
		memcpy(key, b.p, SEALED_KEY);
	if (b.p)
		sodium_memzero(b.p, b.len);
	tally_buf_deinit(&b);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (!create)
		return tally_err_set(
			err, TALLY_SYS,
			"state.key: no such file; without it the TPM's state cannot be read");
	randombytes_buf(key, SEALED_KEY);
	return tally_file_replace(tally_disk_real(), dir, "state.key", tally_bytes(key, SEALED_KEY),
				  0600, false, err);
}

static int
unseal(struct tally_bytes file, uint32_t kind, const uint8_t key[SEALED_KEY], uint64_t *sequence,
       struct tally_buf *out)
{
	const size_t tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
	size_t before = out->len;
	unsigned long long len = 0;

	if (file.len < HEADER + tag || memcmp(file.p, MAGIC, 8) != 0 ||
	    tally_get_u32(file.p + 8) != VERSION || tally_get_u32(file.p + AT_KIND) != kind)
		return -1;
	tally_buf_grow(out, file.len - HEADER - tag + 1);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out->p + before, &len, NULL, file.p + HEADER,
						       file.len - HEADER, file.p, HEADER,
						       file.p + AT_NONCE, key) < 0) {
		out->len = before;
		return -1;
	}
	out->len = before + (size_t)len;
	*sequence = tally_get_u64(file.p + AT_SEQUENCE);
	return 0;
}

int
sealed_read(int dir, const char *name, uint32_t kind, const uint8_t key[SEALED_KEY],
	    uint64_t *sequence, struct tally_buf *out, struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	int r = tally_file_read(dir, name, FILE_MAX, &file, err);

	if (r == 1 && unseal(tally_buf_view(&file), kind, key, sequence, out) < 0)
		r = tally_err_set(err, TALLY_FAILS, "%s: damaged, or sealed with another state.key",
				  name);
	tally_buf_deinit(&file);
	return r;
}

int
sealed_write(const struct tally_disk *disk, int dir, const char *name, uint32_t kind,
	     const uint8_t key[SEALED_KEY], uint64_t sequence, struct tally_bytes content,
	     bool keep, struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	unsigned long long len = 0;
	uint8_t *sealed;
	int r;

	tally_buf_add(&file, MAGIC, 8);
	tally_buf_add_u32(&file, VERSION);
	tally_buf_add_u32(&file, kind);
	tally_buf_add_u64(&file, sequence);
	randombytes_buf(tally_buf_grow(&file, HEADER - AT_NONCE), HEADER - AT_NONCE);
	sealed = tally_buf_grow(&file, content.len + crypto_aead_xchacha20poly1305_ietf_ABYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, &len, content.p, content.len, file.p,
						   HEADER, NULL, file.p + AT_NONCE, key);
	TALLY_ASSERT(file.len == HEADER + len);
	r = tally_file_replace(disk, dir, name, tally_buf_view(&file), 0600, keep, err);
	tally_buf_deinit(&file);
	return r;
}
