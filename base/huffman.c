/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is built of the symbols in ascending order of their counts; where it is deeper
 * than the code may be, leaves come up and shallower ones go down until the lengths make a
 * complete code again. Equal counts go by symbol, so that there is one outcome.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "huffman.h"
#include "tally/err.h"

struct symbol {
	uint32_t count;
	uint16_t number;
};
struct node {
	uint64_t weight;
	uint16_t parent;
};

static int
compare_symbols(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static size_t
sort_symbols(struct symbol *list, const uint32_t *counts, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (counts[i] > 0)
			list[used++] = (struct symbol){ counts[i], (uint16_t)i };
	for (size_t i = 0; used < 2; i++)
		if (counts[i] == 0)
			list[used++] = (struct symbol){ 1, (uint16_t)i };
	qsort(list, used, sizeof(*list), compare_symbols);
	return used;
}

/* How many leaves each depth has, those that are too deep at the deepest. */
static void
count_depths(uint32_t *at_depth, const struct symbol *list, size_t n, unsigned most)
{
	struct node nodes[2 * HUFFMAN_SYMBOLS] = { 0 };
	unsigned depths[2 * HUFFMAN_SYMBOLS] = { 0 };
	size_t leaf = 0, inner = n, made = n;

	for (size_t i = 0; i < n; i++)
		nodes[i] = (struct node){ .weight = list[i].count };
	for (; made < 2 * n - 1; made++) {
		for (int k = 0; k < 2; k++) {
			bool is_leaf = leaf < n &&
				       (inner >= made || nodes[leaf].weight <= nodes[inner].weight);
			size_t child = is_leaf ? leaf++ : inner++;

			nodes[made].weight += nodes[child].weight;
			nodes[child].parent = (uint16_t)made;
		}
	}
	depths[made - 1] = 0;
	for (size_t i = made - 1; i-- > 0;) {
		depths[i] = depths[nodes[i].parent] + 1;
		if (i < n)
			at_depth[depths[i] < most ? depths[i] : most]++;
	}
}

/* Until the code is complete: each step takes a leaf from the deepest to beside one above. */
static void
complete(uint32_t *at_depth, unsigned most)
{
	uint32_t total = 0;

	for (unsigned i = 1; i <= most; i++)
		total += at_depth[i] << (most - i);
	for (; total != 1U << most; total--) {
		unsigned i = most - 1;

		while (at_depth[i] == 0)
			i--;
		at_depth[most]--;
		at_depth[i]--;
		at_depth[i + 1] += 2;
	}
}

void
huffman_lengths(uint8_t *lengths, const uint32_t *counts, size_t n, unsigned most)
{
	struct symbol list[HUFFMAN_SYMBOLS];
	uint32_t at_depth[HUFFMAN_BITS + 1] = { 0 };
	size_t used, next = 0;

	TALLY_ASSERT(n >= 2 && n <= HUFFMAN_SYMBOLS && most <= HUFFMAN_BITS);
	used = sort_symbols(list, counts, n);
	count_depths(at_depth, list, used, most);
	complete(at_depth, most);
	memset(lengths, 0, n);
	for (unsigned length = most; length > 0; length--)
		for (uint32_t k = 0; k < at_depth[length]; k++)
			lengths[list[next++].number] = (uint8_t)length;
	TALLY_ASSERT(next == used);
}

void
huffman_codes(uint16_t *codes, const uint8_t *lengths, size_t n)
{
	unsigned code = 0;

	for (unsigned length = 1; length <= HUFFMAN_BITS; length++) {
		for (size_t i = 0; i < n; i++) {
			unsigned turned = 0;

			if (lengths[i] != length)
				continue;
			for (unsigned bit = 0; bit < length; bit++)
				turned |= (code >> bit & 1) << (length - 1 - bit);
			codes[i] = (uint16_t)turned;
			code++;
		}
		code <<= 1;
	}
}
