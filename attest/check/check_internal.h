/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_INTERNAL_H
#define CHECK_INTERNAL_H
/*
 * TPM structures as this verifier reads them. A structure that it accepts has
 * one encoding only: no optional parts, no other algorithm, nothing left over.
 * Numbers are those of the TPM library specification, part 2.
 */
#include <openssl/evp.h>
#include "tally/bytes.h"
#include "tally/evidence.h"

#define TPM_GENERATED        0xff544347u
#define TPM_ST_ATTEST_NV     0x8014u
#define TPM_ST_ATTEST_QUOTE  0x8018u
#define TPM_ST_ATTEST_TIME   0x8019u
#define TPM_ALG_RSA          0x0001u
#define TPM_ALG_AES          0x0006u
#define TPM_ALG_SHA256       0x000bu
#define TPM_ALG_SHA384       0x000cu
#define TPM_ALG_NULL         0x0010u
#define TPM_ALG_ECDSA        0x0018u
#define TPM_ALG_ECC          0x0023u
#define TPM_ALG_CFB          0x0043u
#define TPM_ECC_NIST_P256    0x0003u
#define TPM_RH_ENDORSEMENT   0x4000000bu
#define TPM_EK_L2_ATTRIBUTES 0x000300b2u
#define TPM_NAME             34 /* bytes of a SHA-256 name */
#define TPM_SELECT           3  /* sizeofSelect: PCRs 0 to 23 */
#define P256_BYTES           32

/* Sets the row of the check-list and the error; yields -1. */
#define check_fail(check, number, err, ...)                                                        \
	(*(check) = (number), tally_err_set((err), TALLY_FAILS, __VA_ARGS__))

void check_sha256(uint8_t out[TALLY_HASH], struct tally_bytes in);

/* TPMT_PUBLIC of an ECC key. */
struct tpm_public {
	uint16_t name_alg;
	uint32_t attributes;
	struct tally_bytes policy;
	uint16_t symmetric, symmetric_bits, symmetric_mode; /* NULL: the others 0 */
	uint16_t scheme, scheme_hash;                       /* NULL: hash 0 */
	uint16_t curve;
	struct tally_bytes x, y; /* P256_BYTES each */
};
int public_parse(struct tpm_public *out, struct tally_bytes in, struct tally_err *err);

/* TPMS_ATTEST; views into the bytes. */
struct tpm_attest {
	struct tally_bytes signer, extra;
	uint64_t clock, firmware;
	uint32_t reset_count, restart_count;
	bool safe;
	/* of a quote */
	struct tally_bytes digest;
	uint16_t bank;
	uint8_t select[TPM_SELECT];
	/* of a time: the clock once more, as it is attested */
	struct tally_tpm_time time;
	/* of an NV certification */
	struct tally_bytes nv_name, nv_contents;
	uint16_t nv_offset;
};
/* Checks 1 to 4, 6 and 7 of any attestation over `q`. */
int attest_check(struct tpm_attest *out, unsigned type, const struct tally_identity_key *k,
		 const struct tally_attested *a, const uint8_t q[TALLY_HASH], unsigned *check,
		 struct tally_err *err);

/* TPMT_SIGNATURE, r and s in full length and in [1, n-1]. */
struct tpm_signature {
	uint8_t r[P256_BYTES], s[P256_BYTES];
};
int signature_parse(struct tpm_signature *out, struct tally_bytes in, unsigned *check,
		    struct tally_err *err);
int signature_verify(const struct tpm_signature *sig, EVP_PKEY *key, struct tally_bytes message,
		     struct tally_err *err);

/* An attestation key: exactly its attributes and algorithms, a point on the curve. */
int identity_load_ak(struct tally_bytes public, EVP_PKEY **key, unsigned *check,
		     struct tally_err *err);

struct tally_identity_key {
	EVP_PKEY *key;
	uint8_t signer[TPM_NAME]; /* qualified name of the AK under the EK */
	uint8_t select[TPM_SELECT];
};

#endif
