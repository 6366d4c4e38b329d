/* SPDX-License-Identifier: Apache-2.0 */
/* Days of files. The years are those of instants, less one at either end, so that no
 * zone leads out of them. */
#include "day.h"
#include "tally/err.h"

static bool
digits(int *out, struct tally_bytes text, size_t at, size_t n)
{
	int v = 0;

	for (size_t i = at; i < at + n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		v = v * 10 + (text.p[i] - '0');
	}
	*out = v;
	return true;
}

bool
day_parse(struct day *d, struct tally_bytes text)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	struct tally_date t;
	bool leap;

	if (text.len != 10 || text.p[4] != '-' || text.p[7] != '-' ||
	    !digits(&t.year, text, 0, 4) || !digits(&t.month, text, 5, 2) ||
	    !digits(&t.day, text, 8, 2))
		return false;
	leap = (t.year % 4 == 0 && t.year % 100 != 0) || t.year % 400 == 0;
	if (t.year < 1971 || t.year > 2260 || t.month < 1 || t.month > 12 || t.day < 1 ||
	    t.day > days[t.month - 1] + (t.month == 2 && leap))
		return false;
	d->date = t;
	d->given = true;
	return true;
}

int
day_compare(const struct day *a, const struct day *b)
{
	const struct tally_date *x = &a->date, *y = &b->date;

	if (x->year != y->year)
		return x->year < y->year ? -1 : 1;
	if (x->month != y->month)
		return x->month < y->month ? -1 : 1;
	return x->day < y->day ? -1 : x->day > y->day;
}

int
day_settle(struct day *d, int64_t absent, const struct tally_zone *zone, struct tally_err *err)
{
	struct tally_wall at;

	d->at = absent;
	if (!d->given)
		return 0;
	if (tally_zone_start_of(zone, d->date, &at, err) < 0)
		return -1;
	d->at = at.ns;
	return 0;
}
