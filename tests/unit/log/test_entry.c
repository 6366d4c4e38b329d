/* SPDX-License-Identifier: Apache-2.0 */
/* Records, salts, commitments and hashes. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/entry.h"
#include "tally/err.h"

static void
check_entry(void *ctx, const struct vector *v)
{
	struct tally_buf seed = vector_bytes(v, 6), salts = vector_bytes(v, 10);
	struct tally_buf expected = vector_bytes(v, 11), leaf = vector_bytes(v, 12), g[3];
	struct tally_bytes groups[TALLY_GROUPS];
	uint8_t salt[TALLY_GROUPS][TALLY_SALT], record[TALLY_RECORD], hash[TALLY_HASH];
	struct tally_prepared prepared;
	struct tally_header h = { 0 }, back;
	struct tally_err err = TALLY_ERR_INIT;

	(void)ctx;
	for (size_t k = 0; k < 3; k++) {
		g[k] = vector_bytes(v, 7 + k);
		groups[k] = tally_buf_view(&g[k]);
	}
	h.kind = (uint8_t)vector_number(v, 0);
	h.flags = (uint16_t)vector_number(v, 1);
	h.boot = (uint32_t)vector_number(v, 2);
	h.index = vector_number(v, 3);
	h.wall = vector_number(v, 4);
	h.uptime = h.index * 1000000000;
	tally_salts(salt, seed.p);
	assert_memory_equal(salt, salts.p, sizeof(salt));
	tally_prepare(&prepared, h.kind, h.flags, seed.p, groups);
	tally_record_write(record, &h, (const uint8_t(*)[TALLY_HASH])prepared.commitment);
	assert_int_equal(expected.len, TALLY_RECORD);
	assert_memory_equal(record, expected.p, TALLY_RECORD);
	tally_hash_leaf(hash, tally_bytes(record, sizeof(record)));
	assert_memory_equal(hash, leaf.p, TALLY_HASH);
	assert_int_equal(tally_record_read(&back, record, &err), 0);
	assert_int_equal(back.kind, h.kind);
	assert_int_equal(back.flags, h.flags);
	assert_int_equal(back.boot, h.boot);
	assert_int_equal(back.index, h.index);
	assert_int_equal(back.wall, h.wall);
	assert_int_equal(back.uptime, h.uptime);
	for (size_t k = 0; k < 3; k++)
		tally_buf_deinit(&g[k]);
	tally_buf_deinit(&seed), tally_buf_deinit(&salts);
	tally_buf_deinit(&expected), tally_buf_deinit(&leaf);
}

static void
entries_have_the_bytes_that_python_gives_them(void **state)
{
	(void)state;
	assert_int_equal(vectors_each("entry", check_entry, NULL), 21);
}

static void
a_group_shown_as_another_or_with_another_salt_does_not_match(void **state)
{
	uint8_t salt[TALLY_SALT] = { 1 }, other[TALLY_SALT] = { 2 };
	uint8_t a[TALLY_HASH], b[TALLY_HASH];

	(void)state;
	tally_commitment(a, TALLY_METERING, salt, tally_bytes_str("x"));
	tally_commitment(b, TALLY_IDENTITY, salt, tally_bytes_str("x"));
	assert_memory_not_equal(a, b, TALLY_HASH);
	tally_commitment(b, TALLY_METERING, other, tally_bytes_str("x"));
	assert_memory_not_equal(a, b, TALLY_HASH);
	tally_commitment(b, TALLY_METERING, salt, tally_bytes_str(""));
	assert_memory_not_equal(a, b, TALLY_HASH);
}

static void
a_record_with_a_bit_that_means_nothing_is_refused(void **state)
{
	uint8_t commitment[TALLY_GROUPS][TALLY_HASH] = { { 0 } }, record[TALLY_RECORD];
	struct tally_header h = { .kind = 1, .flags = 1, .boot = 1 };
	struct tally_err err = TALLY_ERR_INIT;
	static const size_t bad[] = { 0, 2, 3, 16, 24, 32, 39 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		tally_record_write(record, &h, (const uint8_t(*)[TALLY_HASH])commitment);
		assert_int_equal(tally_record_read(&h, record, &err), 0);
		record[bad[i]] ^= 0x82;
		assert_int_equal(tally_record_read(&h, record, &err), -1);
		assert_int_equal(err.code, TALLY_FAILS);
		h = (struct tally_header){ .kind = 1, .flags = 1, .boot = 1 };
	}
}

static void
sha256_in_pieces_is_sha256_in_one(void **state)
{
	struct tally_sha256 *h = tally_sha256_new();
	uint8_t in[1000], one[TALLY_HASH], pieces[TALLY_HASH];

	(void)state;
	memset(in, 'x', sizeof(in));
	for (size_t n = 0; n < sizeof(in); n += 97) {
		tally_sha256(one, tally_bytes(in, n));
		for (size_t at = 0; at < n; at += 13)
			tally_sha256_add(h, in + at, n - at < 13 ? n - at : 13);
		tally_sha256_end(h, pieces);
		assert_memory_equal(one, pieces, TALLY_HASH);
	}
	tally_sha256_free(h);
	tally_sha256_free(NULL);
}

static void
the_leaf_hash_of_long_and_short_entries_has_one_rule(void **state)
{
	uint8_t in[1024] = { 0 }, leaf[TALLY_HASH], whole[TALLY_HASH];

	(void)state;
	memset(in + 1, 'y', sizeof(in) - 1);
	for (size_t n = 0; n < sizeof(in) - 1; n += 31) {
		tally_hash_leaf(leaf, tally_bytes(in + 1, n));
		tally_sha256(whole, tally_bytes(in, n + 1));
		assert_memory_equal(leaf, whole, TALLY_HASH);
	}
}

static void *
hash_much(void *ctx)
{
	uint8_t in[136];

	memset(in, *(int *)ctx, sizeof(in));
	for (int i = 0; i < 2000; i++)
		tally_sha256((uint8_t *)ctx + 4, tally_bytes(in, sizeof(in)));
	return NULL;
}

static void
threads_hash_without_disturbing_one_another(void **state)
{
	pthread_t thread[4];
	uint8_t out[4][36] = { { 0 } }, expected[TALLY_HASH], in[136];

	(void)state;
	for (int i = 0; i < 4; i++) {
		memcpy(out[i], &i, sizeof(i));
		assert_int_equal(pthread_create(&thread[i], NULL, hash_much, out[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		memset(in, i, sizeof(in));
		tally_sha256(expected, tally_bytes(in, sizeof(in)));
		assert_memory_equal(out[i] + 4, expected, TALLY_HASH);
	}
}

static void
seeds_are_not_repeated(void **state)
{
	uint8_t a[TALLY_SEED], b[TALLY_SEED];

	(void)state;
	tally_seed(a);
	tally_seed(b);
	assert_memory_not_equal(a, b, TALLY_SEED);
}

static void
many_seeds_at_once_all_differ(void **state)
{
	uint8_t seed[53][TALLY_SEED];

	(void)state;
	memset(seed, 0, sizeof(seed));
	tally_seeds(seed, 52);
	for (size_t i = 0; i < 52; i++) {
		for (size_t j = i + 1; j < 53; j++)
			assert_memory_not_equal(seed[i], seed[j], TALLY_SEED);
	}
	for (size_t i = 0; i < TALLY_SEED; i++) /* and not one more than asked for */
		assert_int_equal(seed[52][i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_have_the_bytes_that_python_gives_them),
		cmocka_unit_test(a_group_shown_as_another_or_with_another_salt_does_not_match),
		cmocka_unit_test(a_record_with_a_bit_that_means_nothing_is_refused),
		cmocka_unit_test(sha256_in_pieces_is_sha256_in_one),
		cmocka_unit_test(the_leaf_hash_of_long_and_short_entries_has_one_rule),
		cmocka_unit_test(threads_hash_without_disturbing_one_another),
		cmocka_unit_test(seeds_are_not_repeated),
		cmocka_unit_test(many_seeds_at_once_all_differ),
	};

	return cmocka_run_group_tests_name("log entry", tests, NULL, NULL);
}
