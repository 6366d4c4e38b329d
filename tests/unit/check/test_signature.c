/* SPDX-License-Identifier: Apache-2.0 */
/* Check 4: which signatures are read at all, and which verify. */
#include <stdlib.h>
#include <string.h>
#include "fixture.h"

/* Offsets in a TPMT_SIGNATURE with numbers of 32 bytes. */
enum {
	AT_ALG = 0,
	AT_HASH = 2,
	AT_R_SIZE = 4,
	AT_R = 6,
	AT_S_SIZE = 38,
	AT_S = 40,
	AT_SIG_END = 72
};

static void
put_number(struct tally_buf *out, const char *hex)
{
	uint8_t n[64];
	size_t len = strlen(hex) / 2;

	assert_true(tally_unhex(n, len, hex, 2 * len));
	tally_buf_add_u16(out, (uint16_t)len);
	tally_buf_add(out, n, len);
}

/* The verdict where r or s is replaced. NULL leaves the true one. */
static unsigned
with_numbers(struct evidence *e, const char *r, const char *s)
{
	struct tally_buf old = e->signature;
	unsigned check;

	e->signature = (struct tally_buf)TALLY_BUF_INIT;
	tally_buf_add(&e->signature, old.p, AT_R_SIZE);
	if (r)
		put_number(&e->signature, r);
	else
		tally_buf_add(&e->signature, old.p + AT_R_SIZE, AT_S_SIZE - AT_R_SIZE);
	if (s)
		put_number(&e->signature, s);
	else
		tally_buf_add(&e->signature, old.p + AT_S_SIZE, AT_SIG_END - AT_S_SIZE);
	check = evidence_verdict(e);
	tally_buf_deinit(&e->signature);
	e->signature = old;
	return check;
}

#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define BELOW "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ZERO  "0000000000000000000000000000000000000000000000000000000000000000"
#define TOP   "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void
r_and_s_of_zero_are_refused(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(with_numbers(e, ZERO, NULL), 4);
	assert_non_null(strstr(e->err.text, "r is not in [1, n-1]"));
	assert_int_equal(with_numbers(e, NULL, ZERO), 4);
	assert_non_null(strstr(e->err.text, "s is not in [1, n-1]"));
	assert_int_equal(with_numbers(e, "", NULL), 4);
	assert_int_equal(with_numbers(e, NULL, ""), 4);
}

static void
r_and_s_of_the_order_and_more_are_refused(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(with_numbers(e, ORDER, NULL), 4);
	assert_non_null(strstr(e->err.text, "r is not in [1, n-1]"));
	assert_int_equal(with_numbers(e, NULL, ORDER), 4);
	assert_non_null(strstr(e->err.text, "s is not in [1, n-1]"));
	assert_int_equal(with_numbers(e, TOP, NULL), 4);
	assert_int_equal(with_numbers(e, NULL, TOP), 4);
	/* One less is a number, though not this signature's. */
	assert_int_equal(with_numbers(e, BELOW, NULL), 4);
	assert_non_null(strstr(e->err.text, "did not sign"));
}

static void
numbers_have_one_length_or_no_leading_zero(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(with_numbers(e, "00" BELOW, NULL), 1);
	assert_int_equal(with_numbers(e, "0001", NULL), 1);
	assert_int_equal(with_numbers(e, NULL, "0001"), 1);
	/* Short and minimal is read, as some TPMs write it. */
	assert_int_equal(with_numbers(e, "01", NULL), 4);
	assert_non_null(strstr(e->err.text, "did not sign"));
}

static void
a_short_number_verifies_without_its_leading_zeros(void **state)
{
	struct evidence *e = *state;

	/* One signature in 256 has such an r. */
	do {
		evidence_sign(e);
	} while (e->signature.p[AT_R] != 0 || e->signature.p[AT_R + 1] == 0);
	assert_int_equal(evidence_verdict(e), 0);
	memmove(e->signature.p + AT_R, e->signature.p + AT_R + 1, AT_SIG_END - AT_R - 1);
	e->signature.len--;
	e->signature.p[AT_R_SIZE + 1] = 31;
	assert_int_equal(evidence_verdict(e), 0);
}

static void
other_algorithms_are_refused(void **state)
{
	struct evidence *e = *state;

	e->signature.p[AT_ALG + 1] = 0x14; /* RSASSA */
	assert_int_equal(evidence_verdict(e), 4);
	e->signature.p[AT_ALG + 1] = 0x1b; /* SM2 */
	assert_int_equal(evidence_verdict(e), 4);
	e->signature.p[AT_ALG + 1] = 0x18;
	e->signature.p[AT_HASH + 1] = 0x04; /* SHA-1 */
	assert_int_equal(evidence_verdict(e), 4);
}

static void
a_signature_that_is_cut_or_too_long_is_refused(void **state)
{
	struct evidence *e = *state;

	for (size_t n = 0; n < AT_SIG_END; n++) {
		e->signature.len = n;
		assert_int_equal(evidence_verdict(e), 1);
	}
	e->signature.len = AT_SIG_END;
	assert_int_equal(evidence_verdict(e), 0);
	tally_buf_add_u8(&e->signature, 0);
	assert_int_equal(evidence_verdict(e), 1);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, evidence_setup, evidence_teardown)
	const struct CMUnitTest tests[] = {
		CASE(r_and_s_of_zero_are_refused),
		CASE(r_and_s_of_the_order_and_more_are_refused),
		CASE(numbers_have_one_length_or_no_leading_zero),
		CASE(a_short_number_verifies_without_its_leading_zeros),
		CASE(other_algorithms_are_refused),
		CASE(a_signature_that_is_cut_or_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
