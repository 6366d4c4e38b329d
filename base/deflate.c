/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches are looked for in chains of places with the same three bytes, the newest first,
 * and one is put off by a byte where the next place has a longer one. Each block has codes
 * of its own. No step depends on anything but the input.
 */
#include <stdlib.h>
#include <string.h>
#include "huffman.h"
#include "tally/bytes.h"
#include "tally/deflate.h"
#include "tally/err.h"

#define WINDOW     32768U
#define HASHES     32768U
#define SHORTEST   3U
#define LONGEST    258U
#define CHAIN      128U   /* places that are looked at for one match */
#define GOOD       128U   /* long enough not to look further */
#define FAR        4096U  /* from here on three bytes cost less as they are */
#define TOKENS     32768U /* of a block */
#define LITERALS   286U
#define DISTANCES  30U
#define LENGTHS    19U
#define END        256U
#define MOST_CODES (LITERALS + DISTANCES)

static const uint16_t length_base[] = { 3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
					15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
					67, 83, 99, 115, 131, 163, 195, 227, 258 };
static const uint8_t length_extra[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
					2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const uint16_t distance_base[] = { 1,    2,    3,    4,     5,     7,    9,    13,
					  17,   25,   33,   49,    65,    97,   129,  193,
					  257,  385,  513,  769,   1025,  1537, 2049, 3073,
					  4097, 6145, 8193, 12289, 16385, 24577 };

/* A byte, or a match: its length and how far back it is. */
struct token {
	uint16_t length; /* 0: a byte */
	uint16_t value;
};
struct code {
	uint32_t counts[HUFFMAN_SYMBOLS];
	uint8_t lengths[HUFFMAN_SYMBOLS];
	uint16_t codes[HUFFMAN_SYMBOLS];
};
struct deflate {
	struct tally_buf *out;
	struct tally_bytes in;
	uint64_t bits;
	unsigned n_bits;
	uint32_t head[HASHES];   /* the newest place of a hash, from 1; 0: none */
	uint32_t before[WINDOW]; /* of a place, the one before it in its chain */
	struct token tokens[TOKENS];
	size_t n_tokens;
	struct code literals, distances;
};
struct match {
	unsigned length, distance;
};

static void
put_bits(struct deflate *d, unsigned value, unsigned n)
{
	d->bits |= (uint64_t)value << d->n_bits;
	d->n_bits += n;
	for (; d->n_bits >= 8; d->n_bits -= 8, d->bits >>= 8)
		tally_buf_add_u8(d->out, (uint8_t)d->bits);
}

static void
put_code(struct deflate *d, const struct code *c, unsigned symbol)
{
	put_bits(d, c->codes[symbol], c->lengths[symbol]);
}

/* The last of the bases that is not above the value. */
static unsigned
base_of(const uint16_t *bases, unsigned n, unsigned value)
{
	while (bases[n - 1] > value)
		n--;
	return n - 1;
}

static unsigned
distance_extra(unsigned symbol)
{
	return symbol < 2 ? 0 : symbol / 2 - 1;
}

static void
make_code(struct code *c, size_t n, unsigned most)
{
	huffman_lengths(c->lengths, c->counts, n, most);
	huffman_codes(c->codes, c->lengths, n);
}

static unsigned
used(const struct code *c, unsigned n, unsigned least)
{
	while (n > least && c->lengths[n - 1] == 0)
		n--;
	return n;
}

/* A run of lengths in the code of lengths: 16 repeats the last one, 17 and 18 are noughts. */
struct run {
	uint8_t symbol, extra, extra_bits;
};

static size_t
take_runs(struct run *runs, const uint8_t *lengths, size_t n)
{
	size_t count = 0;

	for (size_t i = 0, same; i < n; i += same) {
		for (same = 1; i + same < n && lengths[i + same] == lengths[i]; same++)
			continue;
		if (lengths[i] == 0 && same >= 3) {
			same = same < 138 ? same : 138;
			runs[count++] = same < 11 ? (struct run){ 17, (uint8_t)(same - 3), 3 }
						  : (struct run){ 18, (uint8_t)(same - 11), 7 };
		} else if (i > 0 && lengths[i] == lengths[i - 1] && same >= 3) {
			same = same < 6 ? same : 6;
			runs[count++] = (struct run){ 16, (uint8_t)(same - 3), 2 };
		} else {
			same = 1;
			runs[count++] = (struct run){ lengths[i], 0, 0 };
		}
	}
	return count;
}

static void
put_codes(struct deflate *d)
{
	static const uint8_t order[LENGTHS] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
						11, 4,  12, 3, 13, 2, 14, 1, 15 };
	unsigned literals = used(&d->literals, LITERALS, 257);
	unsigned distances = used(&d->distances, DISTANCES, 1), told = LENGTHS;
	uint8_t lengths[MOST_CODES];
	struct run runs[MOST_CODES];
	struct code c = { .counts = { 0 } };
	size_t n;

	memcpy(lengths, d->literals.lengths, literals);
	memcpy(lengths + literals, d->distances.lengths, distances);
	n = take_runs(runs, lengths, literals + distances);
	for (size_t i = 0; i < n; i++)
		c.counts[runs[i].symbol]++;
	make_code(&c, LENGTHS, 7);
	while (told > 4 && c.lengths[order[told - 1]] == 0)
		told--;
	put_bits(d, literals - 257, 5);
	put_bits(d, distances - 1, 5);
	put_bits(d, told - 4, 4);
	for (unsigned i = 0; i < told; i++)
		put_bits(d, c.lengths[order[i]], 3);
	for (size_t i = 0; i < n; i++) {
		put_code(d, &c, runs[i].symbol);
		put_bits(d, runs[i].extra, runs[i].extra_bits);
	}
}

static void
put_token(struct deflate *d, const struct token *t)
{
	unsigned symbol;

	if (t->length == 0) {
		put_code(d, &d->literals, t->value);
		return;
	}
	symbol = base_of(length_base, 29, t->length);
	put_code(d, &d->literals, 257 + symbol);
	put_bits(d, t->length - length_base[symbol], length_extra[symbol]);
	symbol = base_of(distance_base, DISTANCES, t->value);
	put_code(d, &d->distances, symbol);
	put_bits(d, t->value - distance_base[symbol], distance_extra(symbol));
}

static void
put_block(struct deflate *d, bool last)
{
	d->literals.counts[END] = 1;
	make_code(&d->literals, LITERALS, HUFFMAN_BITS);
	make_code(&d->distances, DISTANCES, HUFFMAN_BITS);
	put_bits(d, last, 1);
	put_bits(d, 2, 2);
	put_codes(d);
	for (size_t i = 0; i < d->n_tokens; i++)
		put_token(d, &d->tokens[i]);
	put_code(d, &d->literals, END);
	d->n_tokens = 0;
	memset(d->literals.counts, 0, sizeof(d->literals.counts));
	memset(d->distances.counts, 0, sizeof(d->distances.counts));
}

static void
add_token(struct deflate *d, unsigned length, unsigned value)
{
	if (d->n_tokens == TOKENS)
		put_block(d, false);
	d->tokens[d->n_tokens++] = (struct token){ (uint16_t)length, (uint16_t)value };
	if (length == 0) {
		d->literals.counts[value]++;
	} else {
		d->literals.counts[257 + base_of(length_base, 29, length)]++;
		d->distances.counts[base_of(distance_base, DISTANCES, value)]++;
	}
}

static uint32_t *
chain_at(struct deflate *d, size_t at)
{
	const uint8_t *p = d->in.p + at;
	uint32_t three = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;

	return &d->head[three * 0x9e3779b1U >> 17];
}

/* The longest match that stands behind the place, if it is longer than `than`. */
static struct match
find_match(struct deflate *d, size_t at, unsigned than)
{
	size_t left = d->in.len - at;
	unsigned most = left < LONGEST ? (unsigned)left : LONGEST;
	struct match best = { than, 0 };
	const uint8_t *p = d->in.p + at;
	uint32_t next;

	if (most < SHORTEST || than >= most)
		return (struct match){ 0, 0 };
	next = *chain_at(d, at);
	for (unsigned n = 0; n < CHAIN && next > 0 && at - (next - 1) < WINDOW; n++) {
		const uint8_t *q = d->in.p + (next - 1);
		unsigned same = 0;

		if (q[best.length] == p[best.length])
			while (same < most && q[same] == p[same])
				same++;
		if (same > best.length) {
			best = (struct match){ same, (unsigned)(p - q) };
			if (same >= GOOD || same == most)
				break;
		}
		next = d->before[(next - 1) % WINDOW];
	}
	if (best.distance == 0 || best.length < SHORTEST ||
	    (best.length == SHORTEST && best.distance >= FAR))
		return (struct match){ 0, 0 };
	return best;
}

static void
remember(struct deflate *d, size_t at)
{
	uint32_t *head;

	if (d->in.len - at < SHORTEST)
		return;
	head = chain_at(d, at);
	d->before[at % WINDOW] = *head;
	*head = (uint32_t)at + 1;
}

void
tally_deflate(struct tally_buf *out, struct tally_bytes in)
{
	struct deflate *d = tally_alloc(sizeof(*d));
	struct match held = { 0, 0 }; /* begins at the byte before, which is not told yet */

	TALLY_ASSERT(in.len < UINT32_MAX);
	d->out = out;
	d->in = in;
	for (size_t at = 0; at < in.len; at++) {
		struct match m = find_match(d, at, held.length);

		remember(d, at);
		if (held.length > 0 && m.length <= held.length) {
			add_token(d, held.length, held.distance);
			for (unsigned i = 2; i < held.length; i++)
				remember(d, ++at);
			held.length = 0;
			continue;
		}
		if (held.length > 0)
			add_token(d, 0, in.p[at - 1]);
		held = m;
		if (m.length == 0)
			add_token(d, 0, in.p[at]);
	}
	TALLY_ASSERT(held.length == 0); /* a match has more than a byte behind its first */
	put_block(d, true);
	if (d->n_bits > 0)
		put_bits(d, 0, 8 - d->n_bits);
	free(d);
}
