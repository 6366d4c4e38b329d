/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtpms in this process, as the helper holds it: identity, faults of its
 * disk, and forgeries that a true TPM lends its hand to.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <unistd.h>
#include "chip.h"
#include "faketpm.h"
#include "testlib.h"
#include "tally/err.h"

static const uint8_t pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7, 14 };
static const uint32_t boot_pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
/* First handles of loaded objects and sessions. */
#define TRANSIENT 0x80000000u
#define SESSIONS  0x02000000u
#define PCRS      (sizeof(pcrs) / sizeof(pcrs[0]))

static const struct tpm_transport libtpms = { .kind = TPM_LIBTPMS, .name = "libtpms" };

struct place {
	char *dir;
	struct chip chip;
	struct tally_err err;
	uint8_t q[TALLY_HASH], host_id[TALLY_HASH], zero[TALLY_HASH];
	struct tally_quote quote;
};

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));

	setenv("TSS2_LOG", "all+none", 1);
	p->dir = test_dir_make();
	memset(p->q, 0x71, sizeof(p->q));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	test_dir_remove(p->dir);
	free(p);
	return 0;
}

static void
open_chip(struct place *p, bool create)
{
	if (chip_open(&p->chip, p->dir, &libtpms, create, NULL, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

static void
close_chip(struct place *p)
{
	if (chip_close(&p->chip, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

/* 0 or the number of the check, for a blob under given public areas. */
static unsigned
verdict(struct place *p, struct tally_bytes ak_public, struct tally_bytes bytes)
{
	struct tally_identity_key *key = NULL;
	struct tally_statement st = {
		.version = 1,
		.host_id = tally_bytes(p->host_id, TALLY_HASH),
		.ek_public = tally_buf_view(&p->chip.ek_public),
		.ak_public = ak_public,
		.agent_hash = tally_bytes(p->zero, TALLY_HASH),
		.pcr_bank = 0x000b,
		.boot_pcrs = { boot_pcrs, 8 },
		.ledger_pcr = 14,
		.prev_root = tally_bytes(p->zero, TALLY_HASH),
		.ledger_pcr_value = tally_bytes(p->zero, TALLY_HASH),
	};
	struct tally_blob blob;
	unsigned check = 0;

	assert_int_equal(chip_counts(&p->chip, &st.reset_count, &st.restart_count, &p->err), 0);
	tally_host_id(p->host_id, st.ek_public);
	assert_int_equal(tally_blob_parse(&blob, bytes, &p->err), 0);
	if (tally_identity_open(&key, &st, &check, &p->err) == 0)
		tally_quote_check(key, &st, &blob, p->q, &p->quote, &check, &p->err);
	tally_identity_free(key);
	return check;
}

static void
a_quote_of_libtpms_stands_before_the_verifier(void **state)
{
	struct place *p = *state;
	struct tally_buf blob = TALLY_BUF_INIT;
	uint8_t value[TALLY_HASH], expected[TALLY_HASH], both[2 * TALLY_HASH] = { 0 };

	open_chip(p, true);
	memcpy(both + TALLY_HASH, p->q, TALLY_HASH);
	assert_int_equal(EVP_Digest(both, sizeof(both), expected, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(chip_pcr_extend(&p->chip, 14, p->q, &p->err), 0);
	assert_int_equal(chip_pcr_read(&p->chip, 14, value, &p->err), 0);
	assert_memory_equal(value, expected, TALLY_HASH);
	assert_int_equal(chip_quote(&p->chip, pcrs, PCRS, p->q, &blob, &p->err), 0);
	assert_int_equal(verdict(p, tally_buf_view(&p->chip.ak_public), tally_buf_view(&blob)), 0);
	assert_memory_equal(p->quote.ledger_pcr, expected, TALLY_HASH);
	assert_true(p->quote.safe);
	tally_buf_deinit(&blob);
	close_chip(p);
}

static void
each_start_is_a_session_and_the_identity_stays(void **state)
{
	struct place *p = *state;
	struct tally_buf ek = TALLY_BUF_INIT, ak = TALLY_BUF_INIT;
	uint32_t first = 0, reset, restart;

	for (uint32_t i = 0; i < 4; i++) {
		uint8_t value[TALLY_HASH];

		open_chip(p, i == 0);
		assert_int_equal(chip_counts(&p->chip, &reset, &restart, &p->err), 0);
		if (i == 0) {
			first = reset;
			tally_buf_add_bytes(&ek, tally_buf_view(&p->chip.ek_public));
			tally_buf_add_bytes(&ak, tally_buf_view(&p->chip.ak_public));
		}
		assert_int_equal(reset, first + i);
		assert_int_equal(restart, 0);
		assert_true(
			tally_bytes_eq(tally_buf_view(&ek), tally_buf_view(&p->chip.ek_public)));
		assert_true(
			tally_bytes_eq(tally_buf_view(&ak), tally_buf_view(&p->chip.ak_public)));
		assert_int_equal(chip_pcr_read(&p->chip, 14, value, &p->err), 0);
		assert_memory_equal(value, p->zero, TALLY_HASH);
		assert_int_equal(chip_pcr_extend(&p->chip, 14, p->q, &p->err), 0);
		close_chip(p);
	}
	assert_int_equal(test_dir_count(p->dir), 5); /* state, state.prev, ak, nv, state.key */
	tally_buf_deinit(&ek);
	tally_buf_deinit(&ak);
}

static UINT32
count_handles(struct place *p, TPM2_HANDLE first)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	UINT32 n;

	assert_int_equal(Esys_GetCapability(p->chip.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					    TPM2_CAP_HANDLES, first, 64, NULL, &found),
			 0);
	n = found->data.handles.count;
	Esys_Free(found);
	return n;
}

/* Opens a session in the chip that nobody closes. */
static ESYS_TR
start_session(struct place *p)
{
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	ESYS_TR session;

	assert_int_equal(Esys_StartAuthSession(p->chip.esys, ESYS_TR_NONE, ESYS_TR_NONE,
					       ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
					       TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, &session),
			 0);
	return session;
}

static void
nothing_but_the_attestation_key_stays_in_the_tpm(void **state)
{
	struct place *p = *state;

	open_chip(p, true);
	assert_int_equal(count_handles(p, TRANSIENT), 1);
	assert_int_equal(count_handles(p, SESSIONS), 0);
	start_session(p);
	assert_int_equal(count_handles(p, SESSIONS), 1);
	assert_int_equal(chip_flush_leftovers(&p->chip, &p->err), 0);
	assert_int_equal(count_handles(p, TRANSIENT), 0);
	assert_int_equal(count_handles(p, SESSIONS), 0);
	p->chip.ak = ESYS_TR_NONE;
	close_chip(p);
}

/* A key of our own making in the same TPM. */
static const TPM2B_PUBLIC signer = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TALLY_AK_ATTRIBUTES,
		.parameters.eccDetail = {
			.symmetric = { .algorithm = TPM2_ALG_NULL },
			.scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 },
			.curveID = TPM2_ECC_NIST_P256,
			.kdf = { .scheme = TPM2_ALG_NULL },
		},
	},
};

static ESYS_TR
make_primary(struct place *p, ESYS_TR hierarchy, TPMA_OBJECT attributes, struct tally_buf *public)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	const TPM2B_DATA outside = { .size = 0 };
	const TPML_PCR_SELECTION none = { .count = 0 };
	TPM2B_PUBLIC template = signer, *made = NULL;
	uint8_t bytes[sizeof(TPM2B_PUBLIC)];
	size_t len = 0;
	ESYS_TR key;

	template.publicArea.objectAttributes = attributes;
	assert_int_equal(Esys_CreatePrimary(p->chip.esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					    ESYS_TR_NONE, &sensitive, &template, &outside, &none,
					    &key, &made, NULL, NULL, NULL),
			 0);
	assert_int_equal(Tss2_MU_TPMT_PUBLIC_Marshal(&made->publicArea, bytes, sizeof(bytes), &len),
			 0);
	tally_buf_add(public, bytes, len);
	Esys_Free(made);
	return key;
}

static void
an_attestation_key_of_the_owner_is_refused(void **state)
{
	struct place *p = *state;
	struct tally_buf public = TALLY_BUF_INIT, blob = TALLY_BUF_INIT;
	ESYS_TR ours;

	open_chip(p, true);
	ours = p->chip.ak;
	p->chip.ak = make_primary(p, ESYS_TR_RH_OWNER, TALLY_AK_ATTRIBUTES, &public);
	assert_int_equal(chip_quote(&p->chip, pcrs, PCRS, p->q, &blob, &p->err), 0);
	/* Restricted, with the right attributes, and it signed a true quote. */
	assert_int_equal(verdict(p, tally_buf_view(&public), tally_buf_view(&blob)), 6);
	Esys_FlushContext(p->chip.esys, p->chip.ak);
	p->chip.ak = ours;
	tally_buf_deinit(&public);
	tally_buf_deinit(&blob);
	close_chip(p);
}

/* TPM2_Sign over the hash of bytes that no TPM made. */
static void
sign_anything(struct place *p, ESYS_TR key, struct tally_bytes message, struct tally_buf *out)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPM2B_DIGEST digest = { .size = TALLY_HASH };
	TPMT_SIGNATURE *signature = NULL;
	uint8_t bytes[sizeof(TPMT_SIGNATURE)];
	size_t len = 0;

	assert_int_equal(
		EVP_Digest(message.p, message.len, digest.buffer, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(Esys_Sign(p->chip.esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				   &digest, &scheme, &ticket, &signature),
			 0);
	assert_int_equal(Tss2_MU_TPMT_SIGNATURE_Marshal(signature, bytes, sizeof(bytes), &len), 0);
	tally_buf_add(out, bytes, len);
	Esys_Free(signature);
}

static void
an_attestation_forged_with_an_unrestricted_key_of_the_same_tpm_is_refused(void **state)
{
	struct place *p = *state;
	struct tally_buf public = TALLY_BUF_INIT, attest = TALLY_BUF_INIT;
	struct tally_buf signature = TALLY_BUF_INIT, bytes = TALLY_BUF_INIT;
	struct tally_blob blob = { .pcrs = PCRS };
	struct faketpm fake;
	ESYS_TR key;

	open_chip(p, true);
	key = make_primary(p, ESYS_TR_RH_ENDORSEMENT, TALLY_AK_ATTRIBUTES & ~TPMA_OBJECT_RESTRICTED,
			   &public);
	/* What it signs is made up, but right in every field, the signer's name too. */
	faketpm_init(&fake);
	tally_buf_clear(&fake.ek_public);
	tally_buf_add_bytes(&fake.ek_public, tally_buf_view(&p->chip.ek_public));
	tally_buf_clear(&fake.ak_public);
	tally_buf_add_bytes(&fake.ak_public, tally_buf_view(&public));
	assert_int_equal(chip_counts(&p->chip, &fake.reset_count, &fake.restart_count, &p->err), 0);
	faketpm_attest(&fake, &attest, pcrs, PCRS, p->q);
	sign_anything(p, key, tally_buf_view(&attest), &signature);
	for (size_t i = 0; i < PCRS; i++) {
		blob.pcr[i] = pcrs[i];
		memcpy(blob.value[i], fake.pcr[pcrs[i]], TALLY_HASH);
	}
	blob.attest = tally_buf_view(&attest);
	blob.signature = tally_buf_view(&signature);
	tally_blob_write(&bytes, &blob);
	assert_int_equal(verdict(p, tally_buf_view(&public), tally_buf_view(&bytes)), 5);
	/* Naming it as restricted changes its name, which the forger had to sign. */
	tally_put_u32(public.p + 4, TALLY_AK_ATTRIBUTES);
	assert_int_equal(verdict(p, tally_buf_view(&public), tally_buf_view(&bytes)), 6);
	/* A forger who signs that name too has merely made a key: what has neither
	 * an enrolment nor a pinned root is self-declared. */
	Esys_FlushContext(p->chip.esys, key);
	faketpm_deinit(&fake);
	tally_buf_deinit(&public);
	tally_buf_deinit(&attest);
	tally_buf_deinit(&signature);
	tally_buf_deinit(&bytes);
	close_chip(p);
}

static void
the_attestation_key_signs_nothing_that_claims_to_be_a_tpm_s(void **state)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	const TPM2B_DIGEST digest = { .size = TALLY_HASH };
	TPMT_SIGNATURE *signature = NULL;
	struct place *p = *state;

	open_chip(p, true);
	assert_int_equal(Esys_Sign(p->chip.esys, p->chip.ak, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				   ESYS_TR_NONE, &digest, &scheme, &ticket, &signature) &
				 TPM2_RC_TICKET,
			 TPM2_RC_TICKET);
	assert_null(signature);
	close_chip(p);
}

static void
a_disk_that_fails_while_the_tpm_is_made_can_be_tried_again(void **state)
{
	unsigned n = 0;
	bool failed = true;

	(void)state;
	while (failed) {
		struct test_disk disk;
		struct place *p;

		setup((void **)&p);
		test_disk_init(&disk, ++n, ENOSPC);
		disk.stay_failed = true;
		disk.torn = true;
		if (chip_open(&p->chip, p->dir, &libtpms, true, &disk.table, &p->err) < 0 ||
		    chip_close(&p->chip, &p->err) < 0)
			assert_int_equal(p->err.code, TALLY_FULL);
		failed = disk.failed;
		/* Whatever is there: the next try makes a whole TPM of it, or has one. */
		open_chip(p, true);
		close_chip(p);
		open_chip(p, false);
		close_chip(p);
		teardown((void **)&p);
	}
	assert_true(n > 10);
}

static void
a_state_that_cannot_be_stored_puts_the_tpm_into_failure_mode_and_says_so(void **state)
{
	struct place *p = *state;
	unsigned n = 0;
	bool failed = true;
	uint32_t reset, restart, last = 0;

	open_chip(p, true);
	close_chip(p);
	while (failed) {
		struct test_disk disk;
		uint8_t value[TALLY_HASH];
		int r;

		test_disk_init(&disk, ++n, ENOSPC);
		r = chip_open(&p->chip, p->dir, &libtpms, false, &disk.table, &p->err);
		if (r == 0) {
			r = chip_pcr_extend(&p->chip, 14, p->q, &p->err);
			if (r < 0) {
				/* It stays so, for all commands, until the next start. */
				assert_int_equal(chip_pcr_read(&p->chip, 14, value, &p->err), -1);
				assert_non_null(strstr(p->err.text, "failure mode"));
			}
			if (chip_close(&p->chip, &p->err) < 0)
				r = -1;
		}
		failed = disk.failed;
		if (r < 0) {
			assert_int_equal(p->err.code, TALLY_FULL);
			assert_non_null(strstr(p->err.text, "state"));
		}
		open_chip(p, false);
		assert_int_equal(chip_counts(&p->chip, &reset, &restart, &p->err), 0);
		assert_true(reset > last);
		last = reset;
		close_chip(p);
	}
	assert_true(n > 5);
}

static void
a_missing_file_is_an_error_that_names_it(void **state)
{
	static const char *const names[] = { "state", "ak", "state.key" };
	struct place *p = *state;

	open_chip(p, true);
	close_chip(p);
	for (size_t i = 0; i < 3; i++) {
		char *path = test_path(p->dir, names[i]);
		size_t len;
		char *content = test_file_read(path, &len);

		unlink(path);
		assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
		assert_int_equal(p->err.code, TALLY_SYS);
		assert_non_null(strstr(p->err.text, names[i]));
		if (i == 0) {
			/* Nor does `create` make another TPM beside what is left of this one. */
			assert_non_null(strstr(p->err.text, "state.prev"));
			assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, true, NULL, &p->err),
					 -1);
			assert_int_equal(p->err.code, TALLY_FAILS);
		}
		test_file_write(path, content, len);
		free(content);
		free(path);
		open_chip(p, false);
		close_chip(p);
	}
}

static void
every_damaged_byte_of_the_sealed_files_is_noticed(void **state)
{
	static const char *const names[] = { "state", "ak" };
	struct place *p = *state;

	open_chip(p, true);
	close_chip(p);
	for (size_t i = 0; i < 2; i++) {
		char *path = test_path(p->dir, names[i]);
		size_t len, step;
		char *content = test_file_read(path, &len);

		step = i == 0 ? len / 60 + 1 : 1;
		for (size_t at = 0; at < len; at += at < 72 ? 1 : step) {
			content[at] ^= 0x10;
			test_file_write(path, content, len);
			content[at] ^= 0x10;
			assert_int_equal(
				chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
			assert_int_equal(p->err.code, TALLY_FAILS);
			assert_non_null(strstr(p->err.text, names[i]));
		}
		test_file_write(path, content, len - 1);
		assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
		test_file_write(path, "", 0);
		assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
		test_file_write(path, content, len);
		free(content);
		free(path);
	}
	open_chip(p, false);
	close_chip(p);
}

/* The worst moment: the store of a session's begin is what is lost, so that the state before it
 * would begin that session again. */
static void
a_damaged_state_names_its_predecessor_from_which_it_goes_on(void **state)
{
	struct place *p = *state;
	char *now = test_path(p->dir, "state"), *prev = test_path(p->dir, "state.prev"), *before;
	struct tally_buf blob = TALLY_BUF_INIT;
	uint32_t last, reset, restart;
	size_t len;

	open_chip(p, true);
	close_chip(p);
	open_chip(p, false);
	assert_int_equal(chip_counts(&p->chip, &last, &restart, &p->err), 0);
	before = test_file_read(prev, &len);
	close_chip(p);
	test_file_write(prev, before, len);
	free(before);
	assert_int_equal(chip_restore(p->dir, NULL, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_USE);
	assert_non_null(strstr(p->err.text, "state: it is whole"));
	test_file_write(now, "TALLYTPM", 8);
	assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
	assert_non_null(strstr(p->err.text, "state: damaged"));
	assert_non_null(strstr(p->err.text, "--restore"));
	assert_int_equal(chip_restore(p->dir, NULL, &p->err), 0);
	open_chip(p, false);
	assert_int_equal(chip_counts(&p->chip, &reset, &restart, &p->err), 0);
	assert_true(reset > last);
	assert_int_equal(chip_quote(&p->chip, pcrs, PCRS, p->q, &blob, &p->err), 0);
	assert_int_equal(verdict(p, tally_buf_view(&p->chip.ak_public), tally_buf_view(&blob)), 0);
	assert_false(p->quote.safe);
	close_chip(p);
	/* A file that is gone is as good as damaged; a predecessor that is damaged is none. */
	assert_int_equal(unlink(now), 0);
	assert_int_equal(chip_restore(p->dir, NULL, &p->err), 0);
	assert_int_equal(unlink(now), 0);
	test_file_write(prev, "TALLYTPM", 8);
	assert_int_equal(chip_restore(p->dir, NULL, &p->err), -1);
	assert_non_null(strstr(p->err.text, "state.prev: damaged"));
	assert_int_equal(unlink(prev), 0);
	assert_int_equal(chip_restore(p->dir, NULL, &p->err), -1);
	assert_non_null(strstr(p->err.text, "state.prev: no such file"));
	tally_buf_deinit(&blob);
	free(now);
	free(prev);
}

static void
a_key_of_another_tpm_is_refused(void **state)
{
	struct place *p = *state, *other;
	char *from, *to, *content;
	size_t len;

	setup((void **)&other);
	open_chip(p, true);
	close_chip(p);
	open_chip(other, true);
	close_chip(other);
	/* The sealing key goes with it, so that only the TPM itself can tell. */
	for (int i = 0; i < 2; i++) {
		from = test_path(other->dir, i ? "state" : "state.key");
		to = test_path(p->dir, i ? "state" : "state.key");
		content = test_file_read(from, &len);
		test_file_write(to, content, len);
		free(content);
		free(from);
		free(to);
	}
	assert_int_equal(chip_open(&p->chip, p->dir, &libtpms, false, NULL, &p->err), -1);
	assert_non_null(strstr(p->err.text, "ak"));
	teardown((void **)&other);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_quote_of_libtpms_stands_before_the_verifier),
		CASE(each_start_is_a_session_and_the_identity_stays),
		CASE(nothing_but_the_attestation_key_stays_in_the_tpm),
		CASE(an_attestation_key_of_the_owner_is_refused),
		CASE(an_attestation_forged_with_an_unrestricted_key_of_the_same_tpm_is_refused),
		CASE(the_attestation_key_signs_nothing_that_claims_to_be_a_tpm_s),
		cmocka_unit_test(a_disk_that_fails_while_the_tpm_is_made_can_be_tried_again),
		CASE(a_state_that_cannot_be_stored_puts_the_tpm_into_failure_mode_and_says_so),
		CASE(a_missing_file_is_an_error_that_names_it),
		CASE(every_damaged_byte_of_the_sealed_files_is_noticed),
		CASE(a_damaged_state_names_its_predecessor_from_which_it_goes_on),
		CASE(a_key_of_another_tpm_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
