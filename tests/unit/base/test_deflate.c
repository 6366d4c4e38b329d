/* SPDX-License-Identifier: Apache-2.0 */
/* What is packed comes out again, by a reader that is written here from RFC 1951 and takes
 * complete codes only. The page's test lets zlib and a browser unpack. */
#include <string.h>
#include "../../../base/huffman.h"
#include "tally/deflate.h"
#include "testlib.h"

struct reader {
	struct tally_bytes in;
	size_t at; /* in bits */
};
struct table {
	uint16_t count[16], symbols[288];
};

static unsigned
bits(struct reader *r, unsigned n)
{
	unsigned value = 0;

	for (unsigned i = 0; i < n; i++, r->at++) {
		assert_true(r->at / 8 < r->in.len);
		value |= (r->in.p[r->at / 8] >> r->at % 8 & 1U) << i;
	}
	return value;
}

static void
make_table(struct table *t, const uint8_t *lengths, unsigned n)
{
	unsigned at = 0, left = 1;

	memset(t, 0, sizeof(*t));
	for (unsigned length = 1; length < 16; length++) {
		left *= 2;
		for (unsigned i = 0; i < n; i++) {
			if (lengths[i] != length)
				continue;
			t->symbols[at++] = (uint16_t)i;
			t->count[length]++;
		}
		assert_true(t->count[length] <= left);
		left -= t->count[length];
	}
	assert_int_equal(left, 0);
}

static unsigned
symbol(struct reader *r, const struct table *t)
{
	unsigned code = 0, first = 0, at = 0;

	for (unsigned length = 1; length < 16; length++) {
		code |= bits(r, 1);
		if (code < first + t->count[length])
			return t->symbols[at + code - first];
		at += t->count[length];
		first = (first + t->count[length]) * 2;
		code *= 2;
	}
	fail_msg("no such code");
	return 0;
}

static void
read_codes(struct reader *r, struct table *literals, struct table *distances)
{
	static const uint8_t order[] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
					 11, 4,  12, 3, 13, 2, 14, 1, 15 };
	unsigned n = bits(r, 5) + 257, m = bits(r, 5) + 1, told = bits(r, 4) + 4;
	uint8_t lengths[288 + 32] = { 0 };
	struct table t;

	for (unsigned i = 0; i < told; i++)
		lengths[order[i]] = (uint8_t)bits(r, 3);
	make_table(&t, lengths, 19);
	memset(lengths, 0, sizeof(lengths));
	for (unsigned i = 0; i < n + m;) {
		unsigned s = symbol(r, &t), times = 1;
		uint8_t value = (uint8_t)s;

		if (s == 16) {
			assert_true(i > 0);
			value = lengths[i - 1];
			times = 3 + bits(r, 2);
		} else if (s > 16) {
			value = 0;
			times = s == 17 ? 3 + bits(r, 3) : 11 + bits(r, 7);
		}
		for (; times > 0; times--) {
			assert_true(i < n + m);
			lengths[i++] = value;
		}
	}
	make_table(literals, lengths, n);
	make_table(distances, lengths + n, m);
}

static void
copy_back(struct reader *r, const struct table *distances, unsigned s, struct tally_buf *out)
{
	unsigned group = s < 265 || s == 285 ? 0 : (s - 261) / 4;
	unsigned length = s == 285  ? 258
			  : s < 265 ? s - 254
				    : ((s - 261) % 4 + 4) * (1U << group) + 3 + bits(r, group);
	unsigned d = symbol(r, distances), more = d < 4 ? 0 : d / 2 - 1;
	unsigned distance = d < 4 ? d + 1 : (d % 2 + 2) * (1U << more) + 1 + bits(r, more);

	assert_true(distance <= out->len);
	for (; length > 0; length--)
		tally_buf_add_u8(out, out->p[out->len - distance]);
}

static void
unpack(struct tally_bytes in, struct tally_buf *out)
{
	struct reader r = { .in = in };
	struct table literals, distances;

	for (bool last = false; !last;) {
		last = bits(&r, 1);
		assert_int_equal(bits(&r, 2), 2);
		read_codes(&r, &literals, &distances);
		for (unsigned s; (s = symbol(&r, &literals)) != 256;) {
			if (s < 256)
				tally_buf_add_u8(out, (uint8_t)s);
			else
				copy_back(&r, &distances, s, out);
		}
	}
	assert_int_equal((r.at + 7) / 8, in.len);
}

/* Packed and unpacked; the size of what was packed. */
static size_t
there_and_back(const void *p, size_t n)
{
	struct tally_buf packed = TALLY_BUF_INIT, again = TALLY_BUF_INIT;
	size_t size;

	tally_deflate(&packed, tally_bytes(p, n));
	unpack(tally_buf_view(&packed), &again);
	assert_int_equal(again.len, n);
	if (n > 0)
		assert_memory_equal(again.p, p, n);
	size = packed.len;
	tally_buf_deinit(&packed);
	tally_buf_deinit(&again);
	return size;
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static void
short_inputs_come_out_again(void **state)
{
	static const char text[] = "abcabcabcabcabcXabcabcabd";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		(void)there_and_back(text, n);
	assert_in_range(there_and_back("", 0), 1, 20);
}

static void
every_byte_and_every_length_of_a_match_come_out_again(void **state)
{
	struct tally_buf all = TALLY_BUF_INIT;
	uint32_t seed = 3;

	(void)state;
	for (unsigned length = 1; length < 300; length++) {
		for (unsigned i = 0; i < 300; i++)
			tally_buf_add_u8(&all, (uint8_t)next_random(&seed));
		for (unsigned i = 0; i < length; i++)
			tally_buf_add_u8(&all, all.p[all.len - 300]);
	}
	assert_true(there_and_back(all.p, all.len) < all.len);
	tally_buf_deinit(&all);
}

static void
matches_reach_as_far_as_the_window_and_no_farther(void **state)
{
	struct tally_buf all = TALLY_BUF_INIT;
	uint32_t seed = 5;

	(void)state;
	for (size_t i = 0; i < 150000; i++) {
		size_t back = 32760 + i / 9000;

		tally_buf_add_u8(&all, i > 40000 && i % 9000 < 200 ? all.p[i - back]
								   : (uint8_t)next_random(&seed));
	}
	(void)there_and_back(all.p, all.len);
	tally_buf_deinit(&all);
}

static void
what_repeats_becomes_small_and_what_is_random_hardly_larger(void **state)
{
	struct tally_buf all = TALLY_BUF_INIT;
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		tally_buf_addf(&all,
			       "{\"host\":\"h%03u\",\"run_seconds\":\"%u\",\"state\":\"running\"},",
			       i % 200, i * 37);
	assert_in_range(there_and_back(all.p, all.len), 1, all.len / 8);
	tally_buf_clear(&all);
	for (unsigned i = 0; i < 200000; i++)
		tally_buf_add_u8(&all, (uint8_t)next_random(&seed));
	assert_in_range(there_and_back(all.p, all.len), 1, all.len + all.len / 100);
	tally_buf_clear(&all);
	for (unsigned i = 0; i < 1000000; i++)
		tally_buf_add_u8(&all, 0);
	assert_in_range(there_and_back(all.p, all.len), 1, 1100);
	tally_buf_deinit(&all);
}

/* Counts as of Fibonacci make the deepest tree there is. */
static void
codes_are_no_longer_than_they_may_be(void **state)
{
	uint32_t counts[40] = { 1, 1 };
	uint8_t lengths[40];
	struct table t;

	(void)state;
	for (unsigned i = 2; i < 40; i++)
		counts[i] = counts[i - 1] + counts[i - 2];
	for (unsigned most = 7; most <= HUFFMAN_BITS; most++) {
		huffman_lengths(lengths, counts, 40, most);
		for (unsigned i = 0; i < 40; i++)
			assert_in_range(lengths[i], i == 39 ? 1 : lengths[i + 1], most);
		make_table(&t, lengths, 40);
	}
	memset(counts, 0, sizeof(counts));
	huffman_lengths(lengths, counts, 40, 7);
	make_table(&t, lengths, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_inputs_come_out_again),
		cmocka_unit_test(every_byte_and_every_length_of_a_match_come_out_again),
		cmocka_unit_test(matches_reach_as_far_as_the_window_and_no_farther),
		cmocka_unit_test(what_repeats_becomes_small_and_what_is_random_hardly_larger),
		cmocka_unit_test(codes_are_no_longer_than_they_may_be),
	};

	return cmocka_run_group_tests_name("base deflate", tests, NULL, NULL);
}
