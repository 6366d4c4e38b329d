/* SPDX-License-Identifier: Apache-2.0 */
/* Exact decimals and ratios over 128 bits, each step checked for overflow. */
#include <string.h>
#include "decimal.h"
#include "tally/err.h"

__extension__ typedef unsigned __int128 u128;

/* The same numbers on both sides of nought, so that none has a text that is not taken. */
#define LEAST (-(tally_i128)(((u128)1 << 127) - 1))

static bool
mul(tally_i128 *out, tally_i128 a, tally_i128 b)
{
	tally_i128 r;

	if (__builtin_mul_overflow(a, b, &r) || r < LEAST)
		return false;
	*out = r;
	return true;
}

static bool
add(tally_i128 *out, tally_i128 a, tally_i128 b)
{
	tally_i128 r;

	if (__builtin_add_overflow(a, b, &r) || r < LEAST)
		return false;
	*out = r;
	return true;
}

/* a * 10^n */
static bool
shift(tally_i128 *out, tally_i128 a, unsigned n)
{
	for (; n > 0 && a != 0; n--)
		if (!mul(&a, a, 10))
			return false;
	*out = a;
	return true;
}

static u128
magnitude(tally_i128 a)
{
	return a < 0 ? (u128)0 - (u128)a : (u128)a;
}

struct decimal
decimal_of(tally_i128 digits, unsigned scale)
{
	struct decimal d = { digits, scale };

	while (d.scale > 0 && d.digits % 10 == 0) {
		d.digits /= 10;
		d.scale--;
	}
	return d;
}

enum decimal_parsed
decimal_parse(struct decimal *out, struct tally_bytes text, unsigned scale)
{
	const char *p = (const char *)text.p, *end, *first;
	struct decimal d = { 0, 0 };
	bool negative, point = false, large = false;

	TALLY_ASSERT(scale <= DECIMAL_SCALE_MAX);
	if (text.len == 0)
		return DECIMAL_MALFORMED;
	end = p + text.len;
	negative = *p == '-';
	first = p += negative;
	for (; p < end; p++) {
		if (*p == '.' && !point && p > first && p + 1 < end) {
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			return DECIMAL_MALFORMED;
		if (!point && p > first && *first == '0')
			return DECIMAL_MALFORMED;
		if (!mul(&d.digits, d.digits, 10) || !add(&d.digits, d.digits, *p - '0'))
			large = true;
		d.scale += point;
	}
	if (p == first)
		return DECIMAL_MALFORMED;
	if (large)
		return d.scale > scale ? DECIMAL_TOO_FINE : DECIMAL_TOO_LARGE;
	d = decimal_of(negative ? -d.digits : d.digits, d.scale);
	if (d.scale > scale)
		return DECIMAL_TOO_FINE;
	*out = d;
	return DECIMAL_TAKEN;
}

void
decimal_text(char out[DECIMAL_TEXT], struct decimal d, unsigned decimals)
{
	char reversed[DECIMAL_TEXT];
	u128 left = magnitude(d.digits);
	unsigned n = 0, behind = d.scale > decimals ? d.scale : decimals;
	char *p = out;

	TALLY_ASSERT(behind <= DECIMAL_SCALE_MAX);
	for (unsigned i = d.scale; i < behind; i++)
		reversed[n++] = '0';
	for (unsigned i = 0; i < d.scale || left > 0; i++, left /= 10)
		reversed[n++] = (char)('0' + (int)(left % 10));
	while (n <= behind)
		reversed[n++] = '0';
	if (d.digits < 0)
		*p++ = '-';
	while (n > 0) {
		if (n == behind)
			*p++ = '.';
		*p++ = reversed[--n];
	}
	*p = '\0';
}

/* Both over the larger of their scales. */
static bool
align(tally_i128 *a, tally_i128 *b, struct decimal x, struct decimal y)
{
	unsigned scale = x.scale > y.scale ? x.scale : y.scale;

	return shift(a, x.digits, scale - x.scale) && shift(b, y.digits, scale - y.scale);
}

bool
decimal_add(struct decimal *out, struct decimal a, struct decimal b)
{
	tally_i128 x, y;

	if (!align(&x, &y, a, b) || !add(&x, x, y))
		return false;
	*out = decimal_of(x, a.scale > b.scale ? a.scale : b.scale);
	return true;
}

bool
decimal_sub(struct decimal *out, struct decimal a, struct decimal b)
{
	tally_i128 x, y;

	if (!align(&x, &y, a, b) || !add(&x, x, -y))
		return false;
	*out = decimal_of(x, a.scale > b.scale ? a.scale : b.scale);
	return true;
}

bool
decimal_mul(struct decimal *out, struct decimal a, struct decimal b)
{
	tally_i128 digits;
	struct decimal d;

	if (!mul(&digits, a.digits, b.digits))
		return false;
	d = decimal_of(digits, a.scale + b.scale);
	if (d.scale > DECIMAL_SCALE_MAX)
		return false;
	*out = d;
	return true;
}

bool
decimal_cmp(int *out, struct decimal a, struct decimal b)
{
	tally_i128 x, y;

	if (!align(&x, &y, a, b))
		return false;
	*out = (x > y) - (x < y);
	return true;
}

/* num / den to a whole number; den > 0. */
static bool
divide(tally_i128 *out, tally_i128 num, tally_i128 den, enum decimal_rounding how)
{
	tally_i128 whole = num / den;
	u128 rest = magnitude(num % den), half = (u128)den - rest;
	bool away = how == DECIMAL_UP ? rest > 0
		    : rest != half    ? rest > half
				      : how == DECIMAL_HALF_UP || whole % 2 != 0;

	if (!away) {
		*out = whole;
		return true;
	}
	return add(out, whole, num < 0 ? -1 : 1);
}

bool
decimal_round(struct decimal *out, struct decimal d, unsigned decimals, enum decimal_rounding how)
{
	tally_i128 den = 1, whole;

	if (d.scale <= decimals) {
		*out = d;
		return true;
	}
	if (!shift(&den, 1, d.scale - decimals) || !divide(&whole, d.digits, den, how))
		return false;
	*out = decimal_of(whole, decimals);
	return true;
}

bool
decimal_minor(int64_t *out, struct decimal d, unsigned minor_digits)
{
	tally_i128 units;

	if (d.scale > minor_digits || !shift(&units, d.digits, minor_digits - d.scale) ||
	    units > INT64_MAX || units < INT64_MIN)
		return false;
	*out = (int64_t)units;
	return true;
}

static tally_i128
gcd(tally_i128 a, tally_i128 b)
{
	u128 x = magnitude(a), y = magnitude(b);

	while (y > 0) {
		u128 rest = x % y;

		x = y;
		y = rest;
	}
	return (tally_i128)x; /* divides a positive number of 127 bits */
}

bool
ratio_make(struct ratio *out, tally_i128 num, tally_i128 den)
{
	tally_i128 common;

	if (den <= 0)
		return false;
	common = gcd(num, den);
	*out = (struct ratio){ num / common, den / common };
	return true;
}

bool
ratio_round(struct decimal *out, struct ratio r, unsigned decimals, enum decimal_rounding how)
{
	tally_i128 num = r.num, den = r.den, whole;
	unsigned left = decimals;

	TALLY_ASSERT(decimals <= DECIMAL_SCALE_MAX);
	/* Shorten the divisor before the dividend grows: more fits. */
	for (; left > 0 && den % 10 == 0; left--)
		den /= 10;
	if (!shift(&num, num, left) || !divide(&whole, num, den, how))
		return false;
	*out = decimal_of(whole, decimals);
	return true;
}

bool
ratio_exact(struct decimal *out, struct ratio r)
{
	tally_i128 digits = r.num, den = r.den;
	unsigned scale = 0;

	while (den > 1) {
		tally_i128 factor = den % 10 == 0 ? 10 : den % 2 == 0 ? 2 : den % 5 == 0 ? 5 : 0;

		if (factor == 0 || ++scale > DECIMAL_SCALE_MAX ||
		    !mul(&digits, digits, 10 / factor))
			return false;
		den /= factor;
	}
	*out = decimal_of(digits, scale);
	return true;
}
