/* SPDX-License-Identifier: Apache-2.0 */
/* The fake TPM: structures byte by byte, and a function table over them. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>
#include "tally/err.h"
#include "faketpm.h"

static void
sha256(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	TALLY_ASSERT(EVP_Digest(in.p, in.len, out, NULL, EVP_sha256(), NULL) == 1);
}

EVP_PKEY *
faketpm_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	TALLY_ASSERT(key);
	return key;
}

static void
add_point(struct tally_buf *out, EVP_PKEY *key)
{
	uint8_t point[65];
	size_t len = 0;

	TALLY_ASSERT(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
						     sizeof(point), &len) == 1 &&
		     len == sizeof(point));
	tally_buf_add_u16(out, 3);      /* NIST P-256 */
	tally_buf_add_u16(out, 0x0010); /* no key derivation */
	tally_buf_add_u16(out, 32);
	tally_buf_add(out, point + 1, 32);
	tally_buf_add_u16(out, 32);
	tally_buf_add(out, point + 33, 32);
}

void
faketpm_public_ek(struct tally_buf *out, EVP_PKEY *key)
{
	uint8_t policy[TALLY_HASH];

	TALLY_ASSERT(tally_unhex(policy, sizeof(policy),
				 "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
				 64));
	tally_buf_add_u16(out, 0x0023);
	tally_buf_add_u16(out, 0x000b);
	tally_buf_add_u32(out, FAKETPM_EK_ATTRIBUTES);
	tally_buf_add_u16(out, TALLY_HASH);
	tally_buf_add(out, policy, sizeof(policy));
	tally_buf_add_u16(out, 0x0006); /* AES-128-CFB */
	tally_buf_add_u16(out, 128);
	tally_buf_add_u16(out, 0x0043);
	tally_buf_add_u16(out, 0x0010); /* no scheme */
	add_point(out, key);
}

void
faketpm_public_ak(struct tally_buf *out, EVP_PKEY *key, uint32_t attributes)
{
	tally_buf_add_u16(out, 0x0023);
	tally_buf_add_u16(out, 0x000b);
	tally_buf_add_u32(out, attributes);
	tally_buf_add_u16(out, 0);
	tally_buf_add_u16(out, 0x0010); /* not symmetric */
	tally_buf_add_u16(out, 0x0018); /* ECDSA with SHA-256 */
	tally_buf_add_u16(out, 0x000b);
	add_point(out, key);
}

void
faketpm_qualify(uint8_t out[34], struct tally_bytes parent, struct tally_bytes public)
{
	struct tally_buf b = TALLY_BUF_INIT;
	uint8_t name[34];

	tally_put_u16(name, 0x000b);
	sha256(name + 2, public);
	tally_buf_add_bytes(&b, parent);
	tally_buf_add(&b, name, sizeof(name));
	tally_put_u16(out, 0x000b);
	sha256(out + 2, tally_buf_view(&b));
	tally_buf_deinit(&b);
}

static void
add_signer(struct faketpm *f, struct tally_buf *out)
{
	static const uint8_t endorsement[] = { 0x40, 0x00, 0x00, 0x0b };
	uint8_t ek[34], ak[34];

	faketpm_qualify(ek, tally_bytes(endorsement, sizeof(endorsement)),
			tally_buf_view(&f->ek_public));
	faketpm_qualify(ak, tally_bytes(ek, sizeof(ek)), tally_buf_view(&f->ak_public));
	tally_buf_add_u16(out, sizeof(ak));
	tally_buf_add(out, ak, sizeof(ak));
}

static void
add_clock(const struct faketpm *f, struct tally_buf *out)
{
	tally_buf_add_u64(out, f->clock);
	tally_buf_add_u32(out, f->reset_count);
	tally_buf_add_u32(out, f->restart_count);
	tally_buf_add_u8(out, f->safe);
}

static void
add_head(struct faketpm *f, struct tally_buf *out, uint16_t type, const uint8_t q[TALLY_HASH])
{
	tally_buf_add_u32(out, 0xff544347);
	tally_buf_add_u16(out, type);
	add_signer(f, out);
	tally_buf_add_u16(out, TALLY_HASH);
	tally_buf_add(out, q, TALLY_HASH);
	add_clock(f, out);
	tally_buf_add_u64(out, f->firmware);
}

static void
add_attested(struct faketpm *f, struct tally_buf *out, struct tally_bytes attest)
{
	struct tally_buf signature = TALLY_BUF_INIT;
	struct tally_attested a = { .attest = attest };

	faketpm_sign(&signature, f->ak, attest);
	a.signature = tally_buf_view(&signature);
	tally_attested_write(out, &a);
	tally_buf_deinit(&signature);
}

void
faketpm_certify(struct faketpm *f, struct tally_buf *out, uint64_t value,
		const uint8_t q[TALLY_HASH])
{
	struct tally_buf attest = TALLY_BUF_INIT;
	uint8_t name[34];

	tally_put_u16(name, 0x000b);
	sha256(name + 2, tally_buf_view(&f->nv_public));
	add_head(f, &attest, 0x8014, q);
	tally_buf_add_u16(&attest, sizeof(name));
	tally_buf_add(&attest, name, sizeof(name));
	tally_buf_add_u16(&attest, 0);
	tally_buf_add_u16(&attest, 8);
	tally_buf_add_u64(&attest, value);
	add_attested(f, out, tally_buf_view(&attest));
	tally_buf_deinit(&attest);
}

void
faketpm_time(struct faketpm *f, struct tally_buf *out, const uint8_t q[TALLY_HASH])
{
	struct tally_buf attest = TALLY_BUF_INIT;

	add_head(f, &attest, 0x8019, q);
	tally_buf_add_u64(&attest, f->time);
	add_clock(f, &attest);
	tally_buf_add_u64(&attest, f->firmware);
	add_attested(f, out, tally_buf_view(&attest));
	tally_buf_deinit(&attest);
}

void
faketpm_attest(struct faketpm *f, struct tally_buf *out, const uint8_t *pcrs, size_t n,
	       const uint8_t q[TALLY_HASH])
{
	struct tally_buf values = TALLY_BUF_INIT;
	uint8_t select[3] = { 0 }, digest[TALLY_HASH];

	for (size_t i = 0; i < n; i++) {
		select[pcrs[i] / 8] |= (uint8_t)(1u << (pcrs[i] % 8));
		tally_buf_add(&values, f->pcr[pcrs[i]], TALLY_HASH);
	}
	sha256(digest, tally_buf_view(&values));
	tally_buf_deinit(&values);
	add_head(f, out, 0x8018, q);
	tally_buf_add_u32(out, 1);
	tally_buf_add_u16(out, 0x000b);
	tally_buf_add_u8(out, sizeof(select));
	tally_buf_add(out, select, sizeof(select));
	tally_buf_add_u16(out, sizeof(digest));
	tally_buf_add(out, digest, sizeof(digest));
}

void
faketpm_sign(struct tally_buf *out, EVP_PKEY *key, struct tally_bytes attest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128], numbers[64];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	TALLY_ASSERT(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
	TALLY_ASSERT(EVP_DigestSign(ctx, der, &len, attest.p, attest.len) == 1);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	TALLY_ASSERT(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), numbers, 32) == 32 &&
		     BN_bn2binpad(ECDSA_SIG_get0_s(sig), numbers + 32, 32) == 32);
	tally_buf_add_u16(out, 0x0018);
	tally_buf_add_u16(out, 0x000b);
	tally_buf_add_u16(out, 32);
	tally_buf_add(out, numbers, 32);
	tally_buf_add_u16(out, 32);
	tally_buf_add(out, numbers + 32, 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

/* Counts a call; whether it may do its work. */
static bool
begin(struct faketpm *f, const char *call)
{
	f->calls++;
	if (f->hook != NULL)
		f->hook(f->hook_ctx, call);
	faketpm_advance(f, 7);
	return f->fail_at == 0 || f->calls < f->fail_at || (f->late && f->calls == f->fail_at);
}

static int
end(struct faketpm *f, struct tally_err *err)
{
	if (f->fail_at != 0 && f->calls >= f->fail_at)
		return tally_err_set(err, TALLY_TPM, "fake TPM: told to fail");
	return 0;
}

static int
fake_info(void *ctx, struct tally_tpm_info *out, struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "info")) {
		out->ek_public = tally_buf_view(&f->ek_public);
		out->ak_public = tally_buf_view(&f->ak_public);
		out->nv_public = tally_buf_view(&f->nv_public);
		out->reset_count = f->reset_count;
		out->restart_count = f->restart_count;
		out->transport = f->transport;
	}
	return end(f, err);
}

static int
fake_pcr_read(void *ctx, unsigned pcr, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "pcr_read"))
		memcpy(out, f->pcr[pcr], TALLY_HASH);
	return end(f, err);
}

static void
extend(struct faketpm *f, unsigned pcr, const uint8_t digest[TALLY_HASH])
{
	uint8_t both[2 * TALLY_HASH];

	memcpy(both, f->pcr[pcr], TALLY_HASH);
	memcpy(both + TALLY_HASH, digest, TALLY_HASH);
	sha256(f->pcr[pcr], tally_bytes(both, sizeof(both)));
}

static int
fake_pcr_extend(void *ctx, unsigned pcr, const uint8_t digest[TALLY_HASH], struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "pcr_extend")) {
		extend(f, pcr, digest);
		f->extends++;
	}
	return end(f, err);
}

static int
fake_quote(void *ctx, const uint8_t *pcrs, size_t n, const uint8_t q[TALLY_HASH],
	   struct tally_buf *blob, struct tally_err *err)
{
	struct faketpm *f = ctx;
	struct tally_buf attest = TALLY_BUF_INIT, signature = TALLY_BUF_INIT;
	struct tally_blob b = { .pcrs = (unsigned)n };

	if (begin(f, "quote")) {
		faketpm_attest(f, &attest, pcrs, n, q);
		faketpm_sign(&signature, f->ak, tally_buf_view(&attest));
		for (size_t i = 0; i < n; i++) {
			b.pcr[i] = pcrs[i];
			memcpy(b.value[i], f->pcr[pcrs[i]], TALLY_HASH);
		}
		b.attest = tally_buf_view(&attest);
		b.signature = tally_buf_view(&signature);
		tally_blob_write(blob, &b);
		f->quotes++;
		tally_buf_deinit(&attest);
		tally_buf_deinit(&signature);
	}
	return end(f, err);
}

static int
fake_counter_read(void *ctx, uint64_t *value, struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "counter_read"))
		*value = f->counter;
	return end(f, err);
}

static int
fake_counter_increment(void *ctx, struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "counter_increment")) {
		f->counter++;
		f->increments++;
	}
	return end(f, err);
}

static int
fake_counter_certify(void *ctx, const uint8_t q[TALLY_HASH], struct tally_buf *out,
		     struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "counter_certify"))
		faketpm_certify(f, out, f->counter, q);
	return end(f, err);
}

static int
fake_time(void *ctx, const uint8_t q[TALLY_HASH], struct tally_buf *out, struct tally_err *err)
{
	struct faketpm *f = ctx;

	if (begin(f, "time"))
		faketpm_time(f, out, q);
	return end(f, err);
}

void
faketpm_counter(struct faketpm *f, uint32_t index)
{
	f->table.counter_read = fake_counter_read;
	f->table.counter_increment = fake_counter_increment;
	f->table.counter_certify = fake_counter_certify;
	f->table.time = fake_time;
	tally_buf_clear(&f->nv_public);
	tally_buf_add_u32(&f->nv_public, index);
	tally_buf_add_u16(&f->nv_public, 0x000b);
	tally_buf_add_u32(&f->nv_public, 0x22060014);
	tally_buf_add_u16(&f->nv_public, 0);
	tally_buf_add_u16(&f->nv_public, 8);
}

void
faketpm_advance(struct faketpm *f, uint64_t ms)
{
	f->clock += ms;
	f->time += ms;
}

static void
fake_close(void *ctx)
{
	(void)ctx;
}

void
faketpm_init(struct faketpm *f)
{
	memset(f, 0, sizeof(*f));
	f->table = (struct tally_tpm){ .ctx = f,
				       .info = fake_info,
				       .pcr_read = fake_pcr_read,
				       .pcr_extend = fake_pcr_extend,
				       .quote = fake_quote,
				       .close = fake_close };
	for (unsigned i = 0; i < 8; i++)
		memset(f->pcr[i], (int)(0xa0 + i), TALLY_HASH);
	f->reset_count = 1;
	f->clock = 1000;
	f->firmware = 0x2020031200010000;
	f->safe = true;
	f->transport = "libtpms";
	f->ek = faketpm_key();
	f->ak = faketpm_key();
	faketpm_public_ek(&f->ek_public, f->ek);
	faketpm_public_ak(&f->ak_public, f->ak, TALLY_AK_ATTRIBUTES);
}

void
faketpm_deinit(struct faketpm *f)
{
	EVP_PKEY_free(f->ek);
	EVP_PKEY_free(f->ak);
	tally_buf_deinit(&f->ek_public);
	tally_buf_deinit(&f->ak_public);
	tally_buf_deinit(&f->nv_public);
}

void
faketpm_reset(struct faketpm *f)
{
	memset(f->pcr, 0, sizeof(f->pcr));
	f->reset_count++;
	f->restart_count = 0;
	f->time = 0;
}

void
faketpm_restart(struct faketpm *f)
{
	f->restart_count++;
	f->time = 0;
}

void
faketpm_foreign(struct faketpm *f, unsigned pcr)
{
	static const uint8_t digest[TALLY_HASH] = { 'f', 'o', 'r', 'e', 'i', 'g', 'n' };

	extend(f, pcr, digest);
}
