/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BASE_CIVIL_H
#define TALLY_BASE_CIVIL_H
/* The proleptic Gregorian calendar and the digits of dates. */
#include <stdbool.h>
#include <stdint.h>
#include "tally/time.h"

/* Days since 1970-01-01; the date must exist. */
int64_t tally_civil_days(struct tally_date d);
struct tally_date tally_civil_date(int64_t days);
bool tally_civil_exists(struct tally_date d);
/* Exactly `n` decimal digits at s[*i], which moves on; false where there are fewer. */
bool tally_civil_digits(const char *s, size_t len, size_t *i, size_t n, int *out);

#endif
