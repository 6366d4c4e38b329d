/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proleptic Gregorian calendar in days since 1970-01-01, by the 400-year
 * era of 146097 days with years that begin in March, so that the leap day is
 * the last of its year (Howard Hinnant, "chrono-compatible low-level date
 * algorithms").
 */
#include "civil.h"

int64_t
tally_civil_days(struct tally_date d)
{
	int64_t year = (int64_t)d.year - (d.month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t day = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

struct tally_date
tally_civil_date(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	struct tally_date d;

	d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	d.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	d.year = (int)(yoe + era * 400 + (d.month <= 2));
	return d;
}

bool
tally_civil_exists(struct tally_date d)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;

	if (d.month < 1 || d.month > 12 || d.day < 1)
		return false;
	return d.day <= lengths[d.month - 1] + (d.month == 2 && leap);
}

bool
tally_civil_digits(const char *s, size_t len, size_t *i, size_t n, int *out)
{
	int v = 0;

	if (len - *i < n)
		return false;
	for (size_t k = 0; k < n; k++) {
		char c = s[*i + k];

		if (c < '0' || c > '9')
			return false;
		v = 10 * v + (c - '0');
	}
	*i += n;
	*out = v;
	return true;
}
