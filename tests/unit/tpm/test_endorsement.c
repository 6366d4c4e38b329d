/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsement keys of libtpms, and credentials that were sealed for them without
 * a TPM: what opens them, and what does not.
 */
#include <stdlib.h>
#include <string.h>
#include "chip.h"
#include "testlib.h"
#include "tally/enrol.h"
#include "tally/err.h"

static const struct tpm_transport libtpms = { .kind = TPM_LIBTPMS, .name = "libtpms" };

struct place {
	char *dir;
	struct chip chip;
	struct tally_buf public, object, seed, out;
	struct tally_ek ek;
	uint8_t name[34], secret[TALLY_HASH];
	struct tally_err err;
};

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));

	setenv("TSS2_LOG", "all+none", 1);
	p->dir = test_dir_make();
	if (chip_open(&p->chip, p->dir, &libtpms, true, NULL, &p->err) < 0)
		fail_msg("%s", p->err.text);
	memset(p->secret, 0x5e, sizeof(p->secret));
	tally_tpm_name(p->name, tally_buf_view(&p->chip.ak_public));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	assert_int_equal(chip_close(&p->chip, &p->err), 0);
	test_dir_remove(p->dir);
	tally_buf_deinit(&p->public);
	tally_buf_deinit(&p->object);
	tally_buf_deinit(&p->seed);
	tally_buf_deinit(&p->out);
	free(p);
	return 0;
}

static void
make_key(struct place *p, enum tally_ek_template template)
{
	ESYS_TR ek = ESYS_TR_NONE;

	tally_buf_clear(&p->public);
	if (chip_make_ek(&p->chip, template, &ek, &p->public, &p->err) < 0)
		fail_msg("template %d: %s", template, p->err.text);
	Esys_FlushContext(p->chip.esys, ek);
	if (tally_ek_parse(&p->ek, tally_buf_view(&p->public), &p->err) < 0)
		fail_msg("template %d: %s", template, p->err.text);
	assert_int_equal(p->ek.template, template);
}

static void
seal(struct place *p)
{
	tally_buf_clear(&p->object);
	tally_buf_clear(&p->seed);
	assert_int_equal(tally_credential_make(&p->ek, p->name, tally_bytes(p->secret, TALLY_HASH),
					       &p->object, &p->seed, &p->err),
			 0);
}

static int
activate(struct place *p, enum tally_ek_template template)
{
	tally_buf_clear(&p->out);
	return chip_activate(&p->chip, template, false, tally_buf_view(&p->object),
			     tally_buf_view(&p->seed), &p->out, &p->err);
}

static void
a_credential_made_without_a_tpm_is_opened_by_each_endorsement_key(void **state)
{
	struct place *p = *state;

	for (int t = 0; t < TALLY_EK_TEMPLATES; t++) {
		make_key(p, (enum tally_ek_template)t);
		for (int again = 0; again < 4; again++) {
			seal(p);
			if (activate(p, (enum tally_ek_template)t) < 0)
				fail_msg("template %d: %s", t, p->err.text);
			assert_true(tally_bytes_eq(tally_buf_view(&p->out),
						   tally_bytes(p->secret, TALLY_HASH)));
		}
	}
}

static void
a_credential_opens_for_its_attestation_key_only(void **state)
{
	struct place *p = *state;

	make_key(p, TALLY_EK_L2);
	p->name[20] ^= 1;
	seal(p);
	assert_int_equal(activate(p, TALLY_EK_L2), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
}

static void
a_credential_opens_beside_its_endorsement_key_only(void **state)
{
	struct place *p = *state;

	make_key(p, TALLY_EK_H2);
	seal(p);
	assert_int_equal(activate(p, TALLY_EK_L2), -1);
	assert_int_equal(activate(p, TALLY_EK_H2), 0);
}

static void
a_changed_credential_is_refused_and_the_tpm_goes_on(void **state)
{
	struct place *p = *state;

	make_key(p, TALLY_EK_L2);
	seal(p);
	for (size_t i = 0; i < p->object.len; i++) {
		p->object.p[i] ^= 1;
		assert_int_equal(activate(p, TALLY_EK_L2), -1);
		p->object.p[i] ^= 1;
	}
	for (size_t i = 0; i < p->seed.len; i++) {
		p->seed.p[i] ^= 1;
		assert_int_equal(activate(p, TALLY_EK_L2), -1);
		p->seed.p[i] ^= 1;
	}
	tally_buf_grow(&p->object, 4096);
	assert_int_equal(activate(p, TALLY_EK_L2), -1);
	assert_int_equal(p->err.code, TALLY_FAILS);
	seal(p);
	assert_int_equal(activate(p, TALLY_EK_L2), 0);
}

static void
a_point_off_the_curve_gets_no_credential(void **state)
{
	struct place *p = *state;

	make_key(p, TALLY_EK_L2);
	p->public.p[p->public.len - 1] ^= 1;
	assert_int_equal(tally_ek_parse(&p->ek, tally_buf_view(&p->public), &p->err), 0);
	assert_int_equal(tally_credential_make(&p->ek, p->name, tally_bytes(p->secret, TALLY_HASH),
					       &p->object, &p->seed, &p->err),
			 -1);
}

static void
a_new_libtpms_has_no_certificate(void **state)
{
	struct place *p = *state;

	for (int t = 0; t < TALLY_EK_TEMPLATES; t++)
		assert_int_equal(chip_endorsement(&p->chip, (enum tally_ek_template)t, &p->public,
						  &p->out, &p->err),
				 0);
	assert_int_equal(chip_issuer(&p->chip, 0, &p->out, &p->err), 0);
	assert_int_equal(p->out.len, 0);
}

/* Leaves `content` in an NV index as a manufacturer does, with padding behind it. */
static void
leave(struct place *p, TPM2_HANDLE index, const uint8_t *content, uint16_t len, uint16_t size)
{
	const TPM2B_AUTH no_auth = { .size = 0 };
	TPM2B_NV_PUBLIC public = { .nvPublic = { .nvIndex = index,
						 .nameAlg = TPM2_ALG_SHA256,
						 .attributes = TPMA_NV_OWNERWRITE |
							       TPMA_NV_OWNERREAD |
							       TPMA_NV_AUTHREAD | TPMA_NV_NO_DA,
						 .dataSize = size } };
	ESYS_TR nv = ESYS_TR_NONE;

	assert_int_equal(Esys_NV_DefineSpace(p->chip.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
					     ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &public, &nv),
			 0);
	for (uint16_t at = 0; at < size; at = (uint16_t)(at + 512)) {
		uint16_t n = (uint16_t)(size - at < 512 ? size - at : 512);
		TPM2B_MAX_NV_BUFFER piece = { .size = n };

		for (uint16_t i = 0; i < n; i++)
			piece.buffer[i] = at + i < len ? content[at + i] : 0xff;
		assert_int_equal(Esys_NV_Write(p->chip.esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD,
					       ESYS_TR_NONE, ESYS_TR_NONE, &piece, at),
				 0);
	}
	Esys_TR_Close(p->chip.esys, &nv);
}

static void
a_certificate_is_read_from_nv_without_its_padding(void **state)
{
	uint8_t der[1300] = { 0x30, 0x82, 0x05, 0x10 };
	struct place *p = *state;

	for (size_t i = 4; i < sizeof(der); i++)
		der[i] = (uint8_t)(i * 7);
	leave(p, 0x01c0000a, der, sizeof(der), 1600);
	der[2] = 0x02;
	der[3] = 0xb8;
	leave(p, 0x01c00100, der, 700, 700);
	der[2] = 0x05;
	der[3] = 0x10;
	assert_int_equal(chip_endorsement(&p->chip, TALLY_EK_L2, &p->public, &p->out, &p->err), 1);
	assert_true(tally_bytes_eq(tally_buf_view(&p->out), tally_bytes(der, sizeof(der))));
	assert_true(tally_bytes_eq(tally_buf_view(&p->public), tally_buf_view(&p->chip.ek_public)));
	tally_buf_clear(&p->out);
	assert_int_equal(chip_issuer(&p->chip, 0, &p->out, &p->err), 1);
	assert_int_equal(p->out.len, 700);
	assert_int_equal(chip_issuer(&p->chip, 1, &p->out, &p->err), 0);
	assert_int_equal(chip_endorsement(&p->chip, TALLY_EK_L1, &p->public, &p->out, &p->err), 0);
}

/* DER of that many bytes, with content of its own. */
static void
make_der(uint8_t *out, uint16_t size, uint8_t seed)
{
	for (size_t i = 4; i < size; i++)
		out[i] = (uint8_t)(i * 13 + seed);
	out[0] = 0x30;
	out[1] = 0x82;
	tally_put_u16(out + 2, (uint16_t)(size - 4));
}

static void
is_issuer(struct place *p, unsigned n, const uint8_t *der, size_t size)
{
	tally_buf_clear(&p->out);
	if (chip_issuer(&p->chip, n, &p->out, &p->err) != 1)
		fail_msg("issuer %u: %s", n, p->err.text);
	assert_true(tally_bytes_eq(tally_buf_view(&p->out), tally_bytes(der, size)));
}

static void
issuers_are_read_where_one_takes_several_indices_and_several_are_in_one(void **state)
{
	/* Two, of which the second goes on over two more indices; padding; and a fourth index. */
	static uint8_t all[800 + 3000 + 600];
	struct place *p = *state;

	make_der(all, 800, 1);
	make_der(all + 800, 3000, 2);
	make_der(all + 3800, 600, 3);
	leave(p, 0x01c00100, all, 1400, 1400);
	leave(p, 0x01c00101, all + 1400, 2000, 2000);
	leave(p, 0x01c00102, all + 3400, 400, 512);
	leave(p, 0x01c00103, all + 3800, 600, 600);
	is_issuer(p, 0, all, 800);
	is_issuer(p, 1, all + 800, 3000);
	is_issuer(p, 2, all + 3800, 600);
	tally_buf_clear(&p->out);
	assert_int_equal(chip_issuer(&p->chip, 3, &p->out, &p->err), 0);
	assert_int_equal(p->out.len, 0);
}

static void
a_certificate_s_head_may_be_cut_by_the_end_of_an_index(void **state)
{
	static uint8_t all[700 + 500];
	struct place *p = *state;

	make_der(all, 700, 1);
	make_der(all + 700, 500, 2);
	leave(p, 0x01c00100, all, 701, 701);
	leave(p, 0x01c00101, all + 701, 2, 2);
	leave(p, 0x01c00102, all + 703, 497, 497);
	is_issuer(p, 0, all, 700);
	is_issuer(p, 1, all + 700, 500);
	tally_buf_clear(&p->out);
	assert_int_equal(chip_issuer(&p->chip, 2, &p->out, &p->err), 0);
}

static void
issuers_that_end_within_a_certificate_are_refused(void **state)
{
	static uint8_t der[1000];
	struct place *p = *state;

	make_der(der, sizeof(der), 1);
	leave(p, 0x01c00100, der, 900, 900);
	assert_int_equal(chip_issuer(&p->chip, 0, &p->out, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_non_null(strstr(p->err.text, "they end within a certificate"));
	assert_int_equal(p->out.len, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_credential_made_without_a_tpm_is_opened_by_each_endorsement_key),
		CASE(a_credential_opens_for_its_attestation_key_only),
		CASE(a_credential_opens_beside_its_endorsement_key_only),
		CASE(a_changed_credential_is_refused_and_the_tpm_goes_on),
		CASE(a_point_off_the_curve_gets_no_credential),
		CASE(a_new_libtpms_has_no_certificate),
		CASE(a_certificate_is_read_from_nv_without_its_padding),
		CASE(issuers_are_read_where_one_takes_several_indices_and_several_are_in_one),
		CASE(a_certificate_s_head_may_be_cut_by_the_end_of_an_index),
		CASE(issuers_that_end_within_a_certificate_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
