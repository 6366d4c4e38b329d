/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_DECIMAL_H
#define TALLY_REPORTS_DECIMAL_H
/*
 * Exact numbers for money and for what is paid for. Nothing here ever wraps or
 * loses a digit: what does not fit says false and leaves `out` alone, and only
 * the functions with `rounding` in their arguments round.
 */
#include "tally/bytes.h"
#include "tally/time.h"

/* digits / 10^scale, without zeros at the end where `scale` is not 0. */
struct decimal {
	tally_i128 digits;
	unsigned scale;
};
#define DECIMAL_SCALE_MAX 36U
#define DECIMAL_TEXT      84 /* room for any text of decimal_text */

/* num / den in lowest terms, den > 0. */
struct ratio {
	tally_i128 num, den;
};

enum decimal_rounding {
	DECIMAL_HALF_UP, /* away from nought at the middle, as merchants do */
	DECIMAL_HALF_EVEN,
	DECIMAL_UP, /* away from nought */
};

enum decimal_parsed {
	DECIMAL_TAKEN,
	DECIMAL_MALFORMED,
	DECIMAL_TOO_FINE, /* more than `scale` decimals */
	DECIMAL_TOO_LARGE,
};
/* An optional minus, digits without a leading zero, and a point with digits. */
enum decimal_parsed decimal_parse(struct decimal *out, struct tally_bytes text, unsigned scale);
/* At least `decimals` behind the point (up to the scale's maximum), more where they are needed. */
void decimal_text(char out[DECIMAL_TEXT], struct decimal d, unsigned decimals);
bool decimal_add(struct decimal *out, struct decimal a, struct decimal b);
bool decimal_sub(struct decimal *out, struct decimal a, struct decimal b);
bool decimal_mul(struct decimal *out, struct decimal a, struct decimal b);
bool decimal_cmp(int *out, struct decimal a, struct decimal b);
bool decimal_round(struct decimal *out, struct decimal d, unsigned decimals,
		   enum decimal_rounding how);
/* In the currency's minor units; false also where it has a part of one. */
bool decimal_minor(int64_t *out, struct decimal d, unsigned minor_digits);
struct decimal decimal_of(tally_i128 digits, unsigned scale);

bool ratio_make(struct ratio *out, tally_i128 num, tally_i128 den); /* den > 0 */
bool ratio_round(struct decimal *out, struct ratio r, unsigned decimals, enum decimal_rounding how);
/* False also where the decimals do not end, or lie behind the scale's maximum. */
bool ratio_exact(struct decimal *out, struct ratio r);

#endif
