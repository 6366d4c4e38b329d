/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3161: queries, replies, and tokens up to a pinned authority. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "testtsa.h"
#include "tally/enrolment.h"
#include "tally/err.h"

#define MARCH INT64_C(1772323200) /* 2026-03-01T00:00:00Z */

struct world {
	struct testca root, between, other;
	struct testtsa tsa;
	struct tally_roots *roots;
	struct tally_buf token, reply;
	struct tally_timestamp out;
	struct tally_err err;
	uint8_t imprint[TALLY_HASH], nonce[TALLY_TIMESTAMP_NONCE];
};

static void
pin(struct tally_roots *roots, const struct testca *ca)
{
	struct tally_buf der = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	testca_der(&der, ca->certificate);
	assert_int_equal(tally_roots_add(roots, tally_buf_view(&der), TALLY_CLASS_SOFTWARE, &err),
			 0);
	tally_buf_deinit(&der);
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	testca_init(&w->root, "Timestamp Root", NULL);
	testca_init(&w->between, "Timestamp Issuer", &w->root);
	testca_init(&w->other, "Somebody", NULL);
	testtsa_init(&w->tsa, &w->between, NULL, true);
	w->roots = tally_roots_new();
	pin(w->roots, &w->root);
	memset(w->imprint, 0xa5, sizeof(w->imprint));
	memcpy(w->nonce, "\x80\x01\x02\x03\x04\x05\x06\x07", sizeof(w->nonce));
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	testca_deinit(&w->root), testca_deinit(&w->between), testca_deinit(&w->other);
	testtsa_deinit(&w->tsa);
	tally_roots_free(w->roots);
	tally_buf_deinit(&w->token), tally_buf_deinit(&w->reply);
	free(w);
	return 0;
}

/* A token of this authority with these mistakes, checked. */
static int
check_of(struct world *w, const struct testtsa *tsa, const struct testtsa_wish *wish)
{
	tally_buf_clear(&w->token);
	testtsa_token(&w->token, tsa, w->imprint, wish);
	return tally_timestamp_check(&w->out, w->roots, tally_buf_view(&w->token), w->imprint,
				     &w->err);
}

/* Refused with a text that has `says`. */
static void
refused(struct world *w, const struct testtsa *tsa, const struct testtsa_wish *wish,
	const char *says)
{
	assert_int_equal(check_of(w, tsa, wish), -1);
	if (!strstr(w->err.text, says))
		fail_msg("not '%s' in '%s'", says, w->err.text);
	assert_int_equal(w->err.code, TALLY_FAILS);
}

static void
a_token_of_a_pinned_authority_tells_its_time_and_accuracy(void **state)
{
	struct world *w = *state;

	assert_int_equal(check_of(w, &w->tsa, &(struct testtsa_wish){ .accuracy = 3 }), 1);
	assert_true(w->out.time == MARCH * TALLY_SECOND);
	assert_true(w->out.accuracy == 3 * TALLY_SECOND);
	assert_true(w->out.by == MARCH + 3 && w->out.since == MARCH - 3);
	assert_string_equal(w->out.policy, "1.2.3.4.1");
	assert_string_equal(w->out.name, "Clock");
	/* Without an accuracy it is the second that it is written in, to either side. */
	assert_int_equal(
		check_of(w, &w->tsa, &(struct testtsa_wish){ .time = "20260301000000.25Z" }), 1);
	assert_true(w->out.time == MARCH * TALLY_SECOND + TALLY_SECOND / 4);
	assert_true(w->out.by == MARCH + 2 && w->out.since == MARCH - 1);
}

static void
an_authority_that_leads_to_no_pinned_root_counts_for_nothing(void **state)
{
	struct tally_roots *others = tally_roots_new();
	struct world *w = *state;

	pin(others, &w->other);
	assert_int_equal(check_of(w, &w->tsa, NULL), 1);
	assert_int_equal(tally_timestamp_check(&w->out, others, tally_buf_view(&w->token),
					       w->imprint, &w->err),
			 0);
	assert_int_equal(tally_timestamp_check(&w->out, NULL, tally_buf_view(&w->token), w->imprint,
					       &w->err),
			 0);
	assert_true(w->out.time == MARCH * TALLY_SECOND);
	tally_roots_free(others);
}

static void
a_token_is_over_one_imprint_of_sha256(void **state)
{
	struct world *w = *state;

	assert_int_equal(check_of(w, &w->tsa, NULL), 1);
	w->imprint[31] ^= 1;
	assert_int_equal(tally_timestamp_check(&w->out, w->roots, tally_buf_view(&w->token),
					       w->imprint, &w->err),
			 -1);
	assert_non_null(strstr(w->err.text, "something else"));
	refused(w, &w->tsa, &(struct testtsa_wish){ .sha1_imprint = true }, "something else");
	refused(w, &w->tsa, &(struct testtsa_wish){ .version = 2 }, "another version");
}

static void
what_its_certificate_must_be(void **state)
{
	static const struct {
		struct testca_leaf leaf;
		const char *says;
	} cases[] = {
		{ { .eku = "" }, "not for timestamps alone" },
		{ { .eku = "timeStamping" }, "not for timestamps alone" }, /* not critical */
		{ { .eku = "critical,timeStamping,codeSigning" }, "not for timestamps alone" },
		{ { .eku = "critical,codeSigning" }, "not for timestamps alone" },
		{ { .usage = "critical,keyEncipherment" }, "not for timestamps alone" },
		{ { .from = "20260301000001Z" }, "not yet valid" },
		{ { .to = "20260228235959Z" }, "expired" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct testtsa bad;

		testtsa_init(&bad, &w->between, &cases[i].leaf, true);
		refused(w, &bad, NULL, cases[i].says);
		testtsa_deinit(&bad);
	}
}

static void
a_weak_hash_does_not_count(void **state)
{
	struct testca_leaf leaf = { .digest = EVP_sha1() };
	struct world *w = *state;
	struct testtsa bad;

	refused(w, &w->tsa, &(struct testtsa_wish){ .digest = EVP_sha1() }, "weak hash");
	testtsa_init(&bad, &w->between, &leaf, true);
	refused(w, &bad, NULL, "certificate number 1 of its chain");
	testtsa_deinit(&bad);
}

static void
what_is_signed_names_the_certificate(void **state)
{
	struct world *w = *state;

	refused(w, &w->tsa, &(struct testtsa_wish){ .named = w->other.certificate },
		"names another certificate");
	refused(w, &w->tsa, &(struct testtsa_wish){ .unenclosed = true },
		"its certificate is not in it");
}

static void
a_time_has_one_form(void **state)
{
	static const char *const bad[] = { "202603010000Z",       "20260301000000",
					   "20260301000000.Z",    "20260301000000.50Z",
					   "20260301000000+0100", "20260230000000Z",
					   "20260301006000Z",     "2026030100000aZ",
					   "20260301000000,5Z",   "20260301000000.12345678901Z" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(w, &w->tsa, &(struct testtsa_wish){ .time = bad[i] }, "time is malformed");
	refused(w, &w->tsa, &(struct testtsa_wish){ .accuracy = 3, .negative = true },
		"time is malformed");
	refused(w, &w->tsa, &(struct testtsa_wish){ .accuracy = 86401 }, "time is malformed");
}

static void
nothing_is_left_over_and_nothing_missing(void **state)
{
	struct tally_roots *roots;
	struct world *w = *state;
	struct tally_bytes whole;

	refused(w, &w->tsa, &(struct testtsa_wish){ .trailing = true }, "malformed");
	assert_int_equal(check_of(w, &w->tsa, NULL), 1);
	roots = w->roots;
	whole = tally_buf_view(&w->token);
	for (size_t n = 0; n < whole.len; n++)
		assert_int_equal(tally_timestamp_check(&w->out, roots, tally_bytes(whole.p, n),
						       w->imprint, &w->err),
				 -1);
	tally_buf_add_u8(&w->token, 0);
	assert_int_equal(tally_timestamp_check(&w->out, roots, tally_buf_view(&w->token),
					       w->imprint, &w->err),
			 -1);
	assert_non_null(strstr(w->err.text, "malformed"));
}

/* What nobody has signed (numbers of versions, the list of hashes, a certificate that is not
 * needed) may be bent; then it says the same. Nothing else is taken. */
static void
no_bent_byte_makes_another_time(void **state)
{
	struct world *w = *state;
	size_t same = 0, none = 0;

	assert_int_equal(check_of(w, &w->tsa, NULL), 1);
	for (size_t i = 0; i < w->token.len; i++)
		for (unsigned bit = 1; bit < 256; bit = bit == 1 ? 0x80 : 256) {
			int r;

			w->token.p[i] ^= (uint8_t)bit;
			r = tally_timestamp_check(&w->out, w->roots, tally_buf_view(&w->token),
						  w->imprint, &w->err);
			w->token.p[i] ^= (uint8_t)bit;
			if (r == 1) {
				assert_true(w->out.time == MARCH * TALLY_SECOND);
				assert_string_equal(w->out.name, "Clock");
				same++;
			}
			none += r == 0;
		}
	assert_true(same < 40);
	assert_true(none < w->token.len); /* of certificates: a root is not found any more */
}

static void
a_reply_answers_its_query(void **state)
{
	struct world *w = *state;
	const uint8_t other[TALLY_TIMESTAMP_NONCE] = { 1 };
	struct tally_bytes token;

	testtsa_token(&w->token, &w->tsa, w->imprint, &(struct testtsa_wish){ .nonce = w->nonce });
	testtsa_reply(&w->reply, 0, tally_buf_view(&w->token));
	assert_int_equal(tally_timestamp_reply(&token, tally_buf_view(&w->reply), w->imprint,
					       w->nonce, &w->err),
			 0);
	assert_true(tally_bytes_eq(token, tally_buf_view(&w->token)));
	assert_int_equal(tally_timestamp_reply(&token, tally_buf_view(&w->reply), w->imprint, other,
					       &w->err),
			 -1);
	assert_non_null(strstr(w->err.text, "another query"));
	for (size_t n = 0; n < w->reply.len; n++)
		assert_int_equal(tally_timestamp_reply(&token, tally_bytes(w->reply.p, n),
						       w->imprint, w->nonce, &w->err),
				 -1);
	tally_buf_add_u8(&w->reply, 0);
	assert_int_equal(tally_timestamp_reply(&token, tally_buf_view(&w->reply), w->imprint,
					       w->nonce, &w->err),
			 -1);
	/* One without a nonce is nobody's answer. */
	tally_buf_clear(&w->token), tally_buf_clear(&w->reply);
	testtsa_token(&w->token, &w->tsa, w->imprint, NULL);
	testtsa_reply(&w->reply, 0, tally_buf_view(&w->token));
	assert_int_equal(tally_timestamp_reply(&token, tally_buf_view(&w->reply), w->imprint,
					       w->nonce, &w->err),
			 -1);
	tally_buf_clear(&w->reply);
	testtsa_reply(&w->reply, 2, tally_bytes(NULL, 0));
	assert_int_equal(tally_timestamp_reply(&token, tally_buf_view(&w->reply), w->imprint,
					       w->nonce, &w->err),
			 -1);
	assert_string_equal(w->err.text, "timestamp: refused with status 2");
}

static void
a_query_is_what_rfc_3161_wants(void **state)
{
	/* version 1, SHA-256 and the imprint, the nonce as a positive number, certReq. */
	static const uint8_t head[] = { 0x30, 0x44, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30,
					0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
					0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	static const uint8_t tail[] = { 0x02, 0x09, 0x00, 0x80, 0x01, 0x02, 0x03,
					0x04, 0x05, 0x06, 0x07, 0x01, 0x01, 0xff };
	struct world *w = *state;

	tally_timestamp_query(&w->reply, w->imprint, w->nonce);
	assert_int_equal(w->reply.len, sizeof(head) + TALLY_HASH + sizeof(tail));
	assert_memory_equal(w->reply.p, head, sizeof(head));
	assert_memory_equal(w->reply.p + sizeof(head), w->imprint, TALLY_HASH);
	assert_memory_equal(w->reply.p + sizeof(head) + TALLY_HASH, tail, sizeof(tail));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_token_of_a_pinned_authority_tells_its_time_and_accuracy),
		TEST(an_authority_that_leads_to_no_pinned_root_counts_for_nothing),
		TEST(a_token_is_over_one_imprint_of_sha256),
		TEST(what_its_certificate_must_be),
		TEST(a_weak_hash_does_not_count),
		TEST(what_is_signed_names_the_certificate),
		TEST(a_time_has_one_form),
		TEST(nothing_is_left_over_and_nothing_missing),
		TEST(no_bent_byte_makes_another_time),
		TEST(a_reply_answers_its_query),
		TEST(a_query_is_what_rfc_3161_wants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
