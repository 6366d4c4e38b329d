/* SPDX-License-Identifier: Apache-2.0 */
/* The session statement to bytes and back. */
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/event.h"

static const uint8_t hash[TALLY_HASH] = { 1, 2, 3 };
static const uint32_t pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static struct tally_statement
statement(void)
{
	return (struct tally_statement){
		.version = 1,
		.host_id = tally_bytes(hash, 32),
		.ek_public = tally_bytes("\0ek", 3),
		.ak_public = tally_bytes("\0ak", 3),
		.origin = tally_bytes_str("example.com/log"),
		.vkey = tally_bytes_str("example.com/log+00000000+AA=="),
		.agent_version = tally_bytes_str("0.1.0"),
		.agent_hash = tally_bytes(hash, 32),
		.pcr_bank = 11,
		.boot_pcrs = { pcrs, 8 },
		.ledger_pcr = 14,
		.reset_count = 5,
		.restart_count = 0,
		.prev_size = 0,
		.prev_root = tally_bytes(hash, 32),
		.transport = tally_bytes_str("libtpms"),
		.ledger_pcr_value = tally_bytes(hash, 32),
		.foreign = true,
	};
}

/* 0, or the error of encoding and decoding again. */
static int
round_trip(const struct tally_statement *st, struct tally_statement *back, struct tally_arena *a,
	   struct tally_err *err)
{
	struct tally_buf wire = TALLY_BUF_INIT;
	struct tally_bytes in;
	int result = -1;

	if (tally_statement_encode(st, &wire, err) == 0) {
		uint8_t *copy = tally_arena_alloc(a, wire.len + 1);

		memcpy(copy, wire.p, wire.len);
		in = tally_bytes(copy, wire.len);
		result = tally_statement_decode(back, in, a, err);
	}
	tally_buf_deinit(&wire);
	return result;
}

static void
a_statement_comes_back_field_by_field(void **state)
{
	struct tally_arena *a = tally_arena_new(4096);
	struct tally_statement st = statement(), back;
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(round_trip(&st, &back, a, &err), 0);
	assert_int_equal(back.version, 1);
	assert_memory_equal(back.host_id.p, hash, 32);
	assert_memory_equal(back.ek_public.p, "\0ek", 3);
	assert_memory_equal(back.ak_public.p, "\0ak", 3);
	assert_true(tally_bytes_eq(back.origin, st.origin));
	assert_true(tally_bytes_eq(back.vkey, st.vkey));
	assert_true(tally_bytes_eq(back.agent_version, st.agent_version));
	assert_true(tally_bytes_eq(back.transport, st.transport));
	assert_int_equal(back.pcr_bank, 11);
	assert_int_equal(back.boot_pcrs.count, 8);
	assert_int_equal(back.boot_pcrs.items[7], 7);
	assert_int_equal(back.ledger_pcr, 14);
	assert_int_equal(back.reset_count, 5);
	assert_int_equal(back.prev_root.len, 32);
	assert_int_equal(back.ledger_pcr_value.len, 32);
	assert_true(back.foreign);
	tally_arena_free(a);
}

static void
a_statement_without_one_of_its_fields_is_refused(void **state)
{
	struct tally_arena *a = tally_arena_new(4096);
	struct tally_statement back, st;
	struct tally_err err = TALLY_ERR_INIT;
	static const size_t fields[] = {
		offsetof(struct tally_statement, host_id),
		offsetof(struct tally_statement, ek_public),
		offsetof(struct tally_statement, ak_public),
		offsetof(struct tally_statement, origin),
		offsetof(struct tally_statement, vkey),
		offsetof(struct tally_statement, agent_version),
		offsetof(struct tally_statement, agent_hash),
		offsetof(struct tally_statement, prev_root),
		offsetof(struct tally_statement, transport),
		offsetof(struct tally_statement, ledger_pcr_value),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		st = statement();
		memset((uint8_t *)&st + fields[i], 0, sizeof(struct tally_bytes));
		assert_int_equal(round_trip(&st, &back, a, &err), -1);
		assert_non_null(strstr(err.text, "missing"));
	}
	st = statement();
	st.boot_pcrs.count = 0;
	assert_int_equal(round_trip(&st, &back, a, &err), -1);
	assert_int_equal(tally_statement_decode(&back, tally_bytes("", 0), a, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	tally_arena_free(a);
}

static void
unknown_versions_and_impossible_pcrs_are_refused(void **state)
{
	struct tally_arena *a = tally_arena_new(4096);
	struct tally_statement back, st = statement();
	struct tally_err err = TALLY_ERR_INIT;
	static const uint32_t twice[] = { 0, 0 }, down[] = { 1, 0 }, high[] = { 24 };
	const uint32_t *bad[] = { twice, down, high };

	(void)state;
	st.version = 2;
	assert_int_equal(round_trip(&st, &back, a, &err), -1);
	st = statement();
	st.ledger_pcr = 24;
	assert_int_equal(round_trip(&st, &back, a, &err), -1);
	st.ledger_pcr = 254;
	assert_int_equal(round_trip(&st, &back, a, &err), -1);
	st.ledger_pcr = 255; /* none */
	assert_int_equal(round_trip(&st, &back, a, &err), 0);
	assert_int_equal(back.ledger_pcr, 255);
	for (size_t i = 0; i < 3; i++) {
		st = statement();
		st.boot_pcrs = (struct tally_numbers){ bad[i], i < 2 ? 2 : 1 };
		assert_int_equal(round_trip(&st, &back, a, &err), -1);
	}
	st = statement();
	st.agent_hash.len = 31;
	assert_int_equal(round_trip(&st, &back, a, &err), -1);
	st = statement();
	st.origin = tally_bytes("\xff", 1);
	assert_int_equal(round_trip(&st, &back, a, &err), -1);
	tally_arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_comes_back_field_by_field),
		cmocka_unit_test(a_statement_without_one_of_its_fields_is_refused),
		cmocka_unit_test(unknown_versions_and_impossible_pcrs_are_refused),
	};

	return cmocka_run_group_tests_name("proto statement", tests, NULL, NULL);
}
