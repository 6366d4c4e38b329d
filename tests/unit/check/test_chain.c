/* SPDX-License-Identifier: Apache-2.0 */
/* Check 13: certificates of endorsement keys, up to pinned roots. */
#include <string.h>
#include "faketpm.h"
#include "testca.h"
#include "testlib.h"
#include "tally/enrolment.h"
#include "tally/err.h"

struct world {
	struct testca root, between, other;
	EVP_PKEY *key;
	struct tally_buf public, leaf, link;
	struct tally_ek ek;
	struct tally_roots *roots;
	struct tally_chain chain;
	struct tally_err err;
	int64_t at;
};

static void
pin(struct world *w, const struct testca *ca, enum tally_class class)
{
	struct tally_buf der = TALLY_BUF_INIT;

	testca_der(&der, ca->certificate);
	assert_int_equal(tally_roots_add(w->roots, tally_buf_view(&der), class, &w->err), 0);
	tally_buf_deinit(&der);
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	testca_init(&w->root, "Manufacturer Root", NULL);
	testca_init(&w->between, "Manufacturer TPM 7", &w->root);
	testca_init(&w->other, "Somebody", NULL);
	w->key = faketpm_key();
	faketpm_public_ek(&w->public, w->key);
	assert_int_equal(tally_ek_parse(&w->ek, tally_buf_view(&w->public), &w->err), 0);
	testca_der(&w->link, w->between.certificate);
	w->roots = tally_roots_new();
	pin(w, &w->root, TALLY_CLASS_CERTIFIED);
	w->at = test_wall("2026-03-01T00:00:00Z").ns;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	testca_deinit(&w->root);
	testca_deinit(&w->between);
	testca_deinit(&w->other);
	EVP_PKEY_free(w->key);
	tally_buf_deinit(&w->public);
	tally_buf_deinit(&w->leaf);
	tally_buf_deinit(&w->link);
	tally_roots_free(w->roots);
	tally_chain_deinit(&w->chain);
	free(w);
	return 0;
}

/* The verdict on the leaf that stands in `leaf`, with the authority beside it. */
static int
judge(struct world *w, bool with_link)
{
	const struct tally_bytes list[] = { tally_buf_view(&w->leaf), tally_buf_view(&w->link) };

	tally_chain_deinit(&w->chain);
	tally_err_clear(&w->err);
	return tally_chain_check(w->roots, list, with_link ? 2 : 1, &w->ek, w->at, &w->chain,
				 &w->err);
}

static int
issued(struct world *w, const struct testca *ca, struct testca_leaf leaf)
{
	tally_buf_clear(&w->leaf);
	testca_issue(&w->leaf, ca, w->key, &leaf);
	return judge(w, ca == &w->between);
}

static void
refused(struct world *w, struct testca_leaf leaf, const char *words)
{
	assert_int_equal(issued(w, &w->between, leaf), -1);
	if (!strstr(w->err.text, words))
		fail_msg("'%s' says nothing of '%s'", w->err.text, words);
}

static void
check_13_takes_a_chain_to_a_pinned_root(void **state)
{
	struct world *w = *state;

	assert_int_equal(issued(w, &w->root, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CERTIFIED);
	assert_int_equal(w->chain.links, 0);
	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.links, 1);
	assert_true(tally_bytes_eq(tally_buf_view(&w->chain.link[0]), tally_buf_view(&w->link)));
	assert_false(w->chain.software);
}

static void
an_authority_between_may_be_pinned_beside_its_root(void **state)
{
	struct world *w = *state;

	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(judge(w, false), 0);
	pin(w, &w->between, TALLY_CLASS_CERTIFIED);
	assert_int_equal(judge(w, false), 1);
	assert_int_equal(tally_roots_count(w->roots), 1);
}

static void
an_authority_without_its_root_leads_nowhere(void **state)
{
	struct world *w = *state;

	tally_roots_free(w->roots);
	w->roots = tally_roots_new();
	pin(w, &w->between, TALLY_CLASS_CERTIFIED);
	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 0);
	assert_int_equal(w->chain.class, TALLY_CLASS_SOFTWARE);
}

static void
an_unknown_root_is_never_hardware(void **state)
{
	struct world *w = *state;

	assert_int_equal(issued(w, &w->other, (struct testca_leaf){ 0 }), 0);
	assert_int_equal(w->chain.class, TALLY_CLASS_SOFTWARE);
	/* Not with the root in the file beside it, either. */
	tally_buf_clear(&w->link);
	testca_der(&w->link, w->other.certificate);
	assert_int_equal(judge(w, true), 0);
	assert_int_equal(w->chain.class, TALLY_CLASS_SOFTWARE);
}

static void
a_root_of_the_same_name_is_another_root(void **state)
{
	struct world *w = *state;
	struct testca twin;

	testca_init(&twin, "Manufacturer Root", NULL);
	assert_int_not_equal(issued(w, &twin, (struct testca_leaf){ 0 }), 1);
	testca_deinit(&twin);
}

static void
check_13_wants_the_extended_key_usage(void **state)
{
	struct world *w = *state;

	refused(w, (struct testca_leaf){ .eku = "" }, "2.23.133.8.1");
	refused(w, (struct testca_leaf){ .eku = "2.23.133.8.3" }, "2.23.133.8.1");
	refused(w, (struct testca_leaf){ .eku = "serverAuth" }, "2.23.133.8.1");
	assert_int_equal(
		issued(w, &w->between, (struct testca_leaf){ .eku = "2.23.133.8.3,2.23.133.8.1" }),
		1);
}

static void
check_13_wants_the_key_itself(void **state)
{
	struct world *w = *state;
	EVP_PKEY *own = w->key;

	w->key = faketpm_key();
	refused(w, (struct testca_leaf){ 0 }, "another key");
	EVP_PKEY_free(w->key);
	w->key = own;
}

static void
an_authority_and_a_signing_key_are_no_endorsement_keys(void **state)
{
	struct world *w = *state;

	refused(w, (struct testca_leaf){ .ca = true }, "authority");
	refused(w, (struct testca_leaf){ .usage = "critical,digitalSignature" }, "key usage");
}

static void
a_certificate_is_judged_at_the_time_of_the_enrolment(void **state)
{
	struct world *w = *state;
	const struct testca_leaf year = { .from = "20260101000000Z", .to = "20270101000000Z" };

	assert_int_equal(issued(w, &w->between, year), 1);
	w->at = test_wall("2025-12-31T23:59:59Z").ns;
	refused(w, year, "not valid yet");
	w->at = test_wall("2027-01-01T00:00:01Z").ns;
	refused(w, year, "expired");
	/* The issuers' too. */
	w->at = test_wall("2036-01-01T00:00:00Z").ns;
	refused(w, (struct testca_leaf){ .to = "99991231235959Z" },
		"of its chain: certificate has expired");
}

static void
a_weak_signature_does_not_count(void **state)
{
	struct world *w = *state;

	refused(w, (struct testca_leaf){ .digest = EVP_sha1() }, "weak");
	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ .digest = EVP_sha384() }), 1);
}

static void
no_changed_byte_of_a_certificate_leads_to_a_root(void **state)
{
	struct world *w = *state;

	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 1);
	for (size_t i = 0; i < w->leaf.len; i++) {
		w->leaf.p[i] ^= 0x04;
		if (judge(w, true) == 1)
			fail_msg("byte %zu of %zu", i, w->leaf.len);
		w->leaf.p[i] ^= 0x04;
	}
	tally_buf_add_u8(&w->leaf, 0);
	assert_int_equal(judge(w, true), -1);
	w->leaf.len -= 2;
	assert_int_equal(judge(w, true), -1);
}

static void
a_software_tpm_stays_one_under_any_root(void **state)
{
	struct world *w = *state;
	struct testca local;

	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ .model = "swtpm" }), 1);
	assert_true(w->chain.software);
	assert_int_equal(w->chain.class, TALLY_CLASS_SOFTWARE);
	testca_init(&local, "swtpm-localca", NULL);
	pin(w, &local, TALLY_CLASS_CERTIFIED);
	assert_int_equal(issued(w, &local, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_SOFTWARE);
	testca_deinit(&local);
}

static void
roots_of_a_cloud_lead_to_the_class_of_a_cloud(void **state)
{
	struct world *w = *state;

	pin(w, &w->other, TALLY_CLASS_CLOUD);
	assert_int_equal(issued(w, &w->other, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CLOUD);
}

static void
an_authority_of_a_cloud_leads_to_no_more_under_a_root_of_hardware(void **state)
{
	struct world *w = *state;

	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CERTIFIED);
	pin(w, &w->between, TALLY_CLASS_CLOUD);
	assert_int_equal(judge(w, false), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CLOUD);
	/* Nor where the TPM brings it along. */
	assert_int_equal(judge(w, true), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CLOUD);
}

static void
what_is_pinned_twice_leads_to_the_lower_class(void **state)
{
	struct world *w = *state;

	pin(w, &w->other, TALLY_CLASS_CLOUD);
	pin(w, &w->other, TALLY_CLASS_CERTIFIED);
	assert_int_equal(issued(w, &w->other, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CLOUD);
}

static void
rsa_and_p384_keys_have_certificates_too(void **state)
{
	struct world *w = *state;
	EVP_PKEY *own = w->key, *keys[] = { EVP_RSA_gen(2048), EVP_EC_gen("P-384") };

	for (size_t i = 0; i < 2; i++) {
		w->key = keys[i];
		tally_buf_clear(&w->public);
		testca_public(&w->public, keys[i]);
		assert_int_equal(tally_ek_parse(&w->ek, tally_buf_view(&w->public), &w->err), 0);
		assert_int_equal(w->ek.template, i == 0 ? TALLY_EK_L1 : TALLY_EK_H3);
		assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 1);
		w->public.p[w->public.len - 2] ^= 1;
		assert_int_equal(judge(w, true), -1);
		EVP_PKEY_free(keys[i]);
	}
	w->key = own;
}

static void
every_bit_of_an_endorsement_key_is_the_templates(void **state)
{
	struct world *w = *state;
	struct tally_ek ek;

	/* All but the point. */
	for (size_t i = 0; i < w->public.len - 68; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			w->public.p[i] ^= (uint8_t)(1U << bit);
			if (tally_ek_parse(&ek, tally_buf_view(&w->public), &w->err) == 0 &&
			    ek.template == TALLY_EK_L2)
				fail_msg("byte %zu bit %u", i, bit);
			w->public.p[i] ^= (uint8_t)(1U << bit);
		}
	for (size_t n = 0; n < w->public.len; n++)
		assert_int_equal(tally_ek_parse(&ek, tally_bytes(w->public.p, n), &w->err), -1);
}

static void
a_file_of_roots_is_text_with_comments_or_der(void **state)
{
	struct world *w = *state;
	struct tally_buf file = TALLY_BUF_INIT;

	tally_buf_add_str(&file, "# ours\r\n\r\nroots cloud-vtpm\n");
	testca_pem(&file, w->other.certificate);
	assert_int_equal(tally_roots_read(w->roots, "a.pem", tally_buf_view(&file), &w->err), 0);
	assert_int_equal(tally_roots_count(w->roots), 2);
	assert_int_equal(issued(w, &w->other, (struct testca_leaf){ 0 }), 1);
	assert_int_equal(w->chain.class, TALLY_CLASS_CLOUD);
	tally_buf_clear(&file);
	testca_der(&file, w->between.certificate);
	assert_int_equal(tally_roots_read(w->roots, "b.der", tally_buf_view(&file), &w->err), 0);
	assert_int_equal(issued(w, &w->between, (struct testca_leaf){ 0 }), 1);
	tally_buf_deinit(&file);
}

static void
a_bad_file_of_roots_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = {
		"roots software\n",
		"\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"\n-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n",
		"#\nhello\n",
	};
	static const unsigned line[] = { 1, 4, 4, 2, 2 };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char where[32];

		assert_int_equal(
			tally_roots_read(w->roots, "r.pem", tally_bytes_str(bad[i]), &w->err), -1);
		assert_int_equal(w->err.code, TALLY_USE);
		snprintf(where, sizeof(where), "r.pem:%u:", line[i]);
		if (strncmp(w->err.text, where, strlen(where)) != 0)
			fail_msg("%zu: %s", i, w->err.text);
	}
	/* A key's certificate is no root. */
	(void)issued(w, &w->between, (struct testca_leaf){ 0 });
	assert_int_equal(
		tally_roots_add(w->roots, tally_buf_view(&w->leaf), TALLY_CLASS_CERTIFIED, &w->err),
		-1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(check_13_takes_a_chain_to_a_pinned_root),
		CASE(an_authority_between_may_be_pinned_beside_its_root),
		CASE(an_authority_without_its_root_leads_nowhere),
		CASE(an_unknown_root_is_never_hardware),
		CASE(a_root_of_the_same_name_is_another_root),
		CASE(check_13_wants_the_extended_key_usage),
		CASE(check_13_wants_the_key_itself),
		CASE(an_authority_and_a_signing_key_are_no_endorsement_keys),
		CASE(a_certificate_is_judged_at_the_time_of_the_enrolment),
		CASE(a_weak_signature_does_not_count),
		CASE(no_changed_byte_of_a_certificate_leads_to_a_root),
		CASE(a_software_tpm_stays_one_under_any_root),
		CASE(roots_of_a_cloud_lead_to_the_class_of_a_cloud),
		CASE(an_authority_of_a_cloud_leads_to_no_more_under_a_root_of_hardware),
		CASE(what_is_pinned_twice_leads_to_the_lower_class),
		CASE(rsa_and_p384_keys_have_certificates_too),
		CASE(every_bit_of_an_endorsement_key_is_the_templates),
		CASE(a_file_of_roots_is_text_with_comments_or_der),
		CASE(a_bad_file_of_roots_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
