/* SPDX-License-Identifier: Apache-2.0 */
/* Trust policies: what is read, what is refused and where, and who is enough. */
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/err.h"
#include "tally/witness.h"

#define W0    "w0.example+f9990dfd+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
#define W1    "w1.example+c244f014+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
#define W2    "w2.example+335e0daf+BO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"
#define W3    "w3.example+69e0a8e6+BMqTrBcFGHBx1nuDx/8O/oEI6OxFMFdddyaHkzPb2r58"
#define W4    "w4.example+7a985dba+BG56HN0psLeP0Tr0xVmP7/TvKpcWbjym8uT7/M2AUFvx"
#define TWIN  "other.example+c2846604+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c" /* W0's key */
#define LOG_A "log.example/a+c1f9cf96+Af0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
#define LOG_B "log.example/b+085b68b8+AUOnLnFEAXYt9mtowm373yaCquyfJHTspGE+QkoPuv08"
#define FIVE                                                                                       \
	"witness X1 " W0 "\nwitness X2 " W1 "\nwitness X3 " W2 "\nwitness Y1 " W3                  \
	"\nwitness Y2 " W4 "\n"

static struct tally_policy *
policy(const char *text)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_policy *p = NULL;

	if (tally_policy_parse(&p, "p", tally_bytes_str(text), &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

/* Bit i: the i-th witness has signed. */
static bool
reached(const struct tally_policy *p, unsigned bits)
{
	bool signed_by[TALLY_POLICY_MAX] = { false };

	for (size_t i = 0; i < tally_policy_witnesses(p); i++)
		signed_by[i] = bits >> i & 1;
	return tally_policy_reached(p, signed_by);
}

static void
logs_and_witnesses_are_read_with_their_addresses(void **state)
{
	struct tally_policy *p =
		policy(" # a comment\n\n\tlog  " LOG_A "\nlog " LOG_B
		       " https://b.example/ \nwitness Z\xc3\xbc " W0
		       " \thttp://127.0.0.1:1/w\nwitness none? " W1 "\nquorum none\n");

	(void)state;
	assert_int_equal(tally_policy_logs(p), 2);
	assert_string_equal(tally_policy_log(p, 0)->key.name, "log.example/a");
	assert_null(tally_policy_log(p, 0)->url);
	assert_string_equal(tally_policy_log(p, 1)->url, "https://b.example/");
	assert_int_equal(tally_policy_witnesses(p), 2);
	assert_string_equal(tally_policy_witness(p, 0)->name, "Z\xc3\xbc");
	assert_string_equal(tally_policy_witness(p, 0)->url, "http://127.0.0.1:1/w");
	assert_string_equal(tally_policy_witness(p, 1)->key.name, "w1.example");
	assert_false(tally_policy_asks(p));
	assert_true(reached(p, 0));
	tally_policy_free(p);
}

static void
a_quorum_of_one_witness_is_that_one(void **state)
{
	struct tally_policy *p = policy(FIVE "quorum X2\n");

	(void)state;
	assert_true(tally_policy_asks(p));
	for (unsigned bits = 0; bits < 32; bits++)
		assert_int_equal(reached(p, bits), bits >> 1 & 1);
	tally_policy_free(p);
}

static void
groups_of_groups_count_as_their_members_do(void **state)
{
	struct tally_policy *p = policy(FIVE "group X 2 X1 X2 X3\ngroup Y any Y1 Y2\n"
					     "group both all X Y\nquorum both\n");

	(void)state;
	for (unsigned bits = 0; bits < 32; bits++)
		assert_int_equal(reached(p, bits),
				 __builtin_popcount(bits & 7) >= 2 && (bits & 24) != 0);
	tally_policy_free(p);
}

static void
witnesses_outside_of_the_quorum_do_not_count(void **state)
{
	struct tally_policy *p =
		policy(FIVE "group all all X1 X2\ngroup any 1 Y1 Y2\nquorum all\n");

	(void)state;
	for (unsigned bits = 0; bits < 32; bits++)
		assert_int_equal(reached(p, bits), (bits & 3) == 3);
	tally_policy_free(p);
}

static void
a_minority_moves_no_time(void **state)
{
	struct tally_policy *p = policy(FIVE "group g 3 X1 X2 X3 Y1 Y2\nquorum g\n");
	const bool all[5] = { true, true, true, true, true };
	const bool three[5] = { true, false, true, false, true };
	uint64_t time[5] = { 50, 10, 30, 40, 20 }, by, since;

	(void)state;
	tally_policy_times(p, all, time, &by, &since);
	assert_true(by == 30 && since == 30);
	tally_policy_times(p, three, time, &by, &since);
	assert_true(by == 50 && since == 20);
	/* Two that lie, each way. */
	time[0] = 0, time[1] = 0;
	tally_policy_times(p, all, time, &by, &since);
	assert_true(by == 20 && since == 20);
	time[0] = UINT64_MAX, time[1] = UINT64_MAX;
	tally_policy_times(p, all, time, &by, &since);
	assert_true(by == 40 && since == 40);
	tally_policy_free(p);
}

static void
what_is_no_policy_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *told;
	} bad[] = {
		{ "", "p: no quorum line" },
		{ FIVE, "p: no quorum line" },
		{ "quorum none", "p:1:12: the last line does not end" },
		{ "quorum none\nquorum none\n", "p:2:1: a second quorum" },
		{ "quorum\n", "p:1:7: a name is missing" },
		{ "quorum none x\n", "p:1:13: unexpected 'x'" },
		{ FIVE "quorum X4\n", "p:6:8: no line before names 'X4'" },
		{ "quorum X1\n" FIVE, "p:1:8: no line before names 'X1'" },
		{ "witnes X1 " W0 "\n",
		  "p:1:1: unknown word 'witnes' (log, witness, group, quorum)" },
		{ "quorum none\r\n", "p:1:12: a control character" },
		{ "\xef\xbb\xbfquorum none\n",
		  "p:1:1: unknown word '\xef\xbb\xbfquorum' (log, witness, group, quorum)" },
		{ "log\n", "p:1:4: a verifier key is missing" },
		{ "log " LOG_A "\n log " LOG_A "\n",
		  "p:2:6: the same public key as in a line before" },
		{ "log " W0 "\n", "p:1:5: a key of type 0x04, and 0x01 is wanted here" },
		{ "log x\n", "p:1:5: not a verifier key (NAME+8 HEX+BASE64)" },
		{ "log " LOG_A " a b\n", "p:1:75: unexpected 'b'" },
		{ "witness a " LOG_A "\n", "p:1:11: a key of type 0x01, and 0x04 is wanted here" },
		{ "witness a " W0 "\nwitness a " W1 "\n", "p:2:9: the name 'a' is taken" },
		{ "witness a " W0 "\nwitness b " TWIN "\n",
		  "p:2:11: the same public key as in a line before" },
		{ "witness none " W0 "\n", "p:1:9: the name 'none' is taken" },
		{ FIVE "group X1 all X2\n", "p:6:7: the name 'X1' is taken" },
		{ FIVE "group g\n", "p:6:8: 'all', 'any' or a number is missing" },
		{ FIVE "group g 0 X1\n", "p:6:9: not 'all', 'any' or a number from 1 on" },
		{ FIVE "group g 02 X1 X2\n", "p:6:9: not 'all', 'any' or a number from 1 on" },
		{ FIVE "group g 3 X1 X2\n", "p:6:9: more than its 2 members are asked for" },
		{ FIVE "group g all\n", "p:6:12: a group without members" },
		{ FIVE "group g all g\n", "p:6:13: no line before names 'g'" },
		{ FIVE "group g all none\n", "p:6:13: no line before names 'none'" },
		{ FIVE "group g any X1 X1\n", "p:6:16: 'X1' is a member already" },
		{ FIVE "group g any X1\ngroup h any X1\n", "p:7:13: 'X1' is a member already" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tally_err err = TALLY_ERR_INIT;
		struct tally_policy *p = NULL;

		if (tally_policy_parse(&p, "p", tally_bytes_str(bad[i].text), &err) == 0)
			fail_msg("taken: %s", bad[i].text);
		assert_string_equal(err.text, bad[i].told);
		assert_int_equal(err.code, TALLY_USE);
	}
}

static void
sixty_four_groups_are_taken_and_one_more_is_refused(void **state)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_policy *p = NULL;

	(void)state;
	tally_buf_add_str(&text, FIVE "group g0 any X1\n");
	for (unsigned i = 1; i < 64; i++)
		tally_buf_addf(&text, "group g%u any g%u\n", i, i - 1);
	tally_buf_add_str(&text, "quorum g63\n");
	assert_int_equal(tally_policy_parse(&p, "p", tally_buf_view(&text), &err), 0);
	assert_true(reached(p, 1));
	assert_false(reached(p, 30));
	tally_policy_free(p);
	tally_buf_add_str(&text, "group g64 any g63\n");
	assert_int_equal(tally_policy_parse(&p, "p", tally_buf_view(&text), &err), -1);
	assert_string_equal(err.text, "p:71:1: more than 64 groups");
	tally_buf_deinit(&text);
}

static void
a_policy_is_told_from_a_list_of_keys(void **state)
{
	(void)state;
	assert_true(tally_policy_recognised(tally_bytes_str("\n# log\n log x\n")));
	assert_true(tally_policy_recognised(tally_bytes_str("quorum")));
	assert_false(tally_policy_recognised(tally_bytes_str("# quorum none\n" W0 "\nquorum x\n")));
	assert_false(tally_policy_recognised(tally_bytes_str("logs x\n")));
	assert_false(tally_policy_recognised(tally_bytes_str("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_and_witnesses_are_read_with_their_addresses),
		cmocka_unit_test(a_quorum_of_one_witness_is_that_one),
		cmocka_unit_test(groups_of_groups_count_as_their_members_do),
		cmocka_unit_test(witnesses_outside_of_the_quorum_do_not_count),
		cmocka_unit_test(a_minority_moves_no_time),
		cmocka_unit_test(what_is_no_policy_is_refused_with_its_place),
		cmocka_unit_test(sixty_four_groups_are_taken_and_one_more_is_refused),
		cmocka_unit_test(a_policy_is_told_from_a_list_of_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
