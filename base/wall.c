/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 in and out, exact to the nanosecond. */
#include <string.h>
#include "civil.h"
#include "tally/time.h"

struct reader {
	const char *s;
	size_t len, i;
};

static bool
take(struct reader *r, char c)
{
	if (r->i >= r->len || r->s[r->i] != c)
		return false;
	r->i++;
	return true;
}

static bool
number(struct reader *r, size_t n, int *out)
{
	return tally_civil_digits(r->s, r->len, &r->i, n, out);
}

/* ".5" to ".123456789"; absent is zero. */
static bool
fraction(struct reader *r, int64_t *ns)
{
	int64_t unit = TALLY_SECOND / 10;
	size_t first;

	*ns = 0;
	if (!take(r, '.'))
		return true;
	for (first = r->i; r->i < r->len && r->s[r->i] >= '0' && r->s[r->i] <= '9'; r->i++) {
		*ns += (r->s[r->i] - '0') * unit;
		unit /= 10;
	}
	return r->i > first && r->i - first <= 9;
}

/* "Z" or "+01:00", in seconds east of UTC. */
static bool
offset(struct reader *r, bool numeric_ok, int64_t *east)
{
	int hour, minute, sign;

	*east = 0;
	if (take(r, 'Z'))
		return true;
	if (!numeric_ok)
		return false;
	if (take(r, '+'))
		sign = 1;
	else if (take(r, '-'))
		sign = -1;
	else
		return false;
	if (!number(r, 2, &hour) || !take(r, ':') || !number(r, 2, &minute) || hour > 23 ||
	    minute > 59)
		return false;
	*east = sign * (hour * 3600 + minute * 60);
	return true;
}

bool
tally_wall_parse(struct tally_wall *out, const char *s, size_t len, bool offset_ok)
{
	struct reader r = { s, len, 0 };
	struct tally_date d;
	int hour, minute, second;
	int64_t ns, east, seconds;

	if (!number(&r, 4, &d.year) || !take(&r, '-') || !number(&r, 2, &d.month) ||
	    !take(&r, '-') || !number(&r, 2, &d.day) || !take(&r, 'T') || !number(&r, 2, &hour) ||
	    !take(&r, ':') || !number(&r, 2, &minute) || !take(&r, ':') ||
	    !number(&r, 2, &second) || !fraction(&r, &ns) || !offset(&r, offset_ok, &east) ||
	    r.i != r.len)
		return false;
	if (!tally_civil_exists(d) || hour > 23 || minute > 59 || second > 59)
		return false;
	seconds = tally_civil_days(d) * 86400 + hour * 3600 + minute * 60 + second - east;
	if (seconds < 0 || seconds >= TALLY_WALL_MAX / TALLY_SECOND)
		return false;
	out->ns = seconds * TALLY_SECOND + ns;
	return true;
}

static char *
put(char *p, int64_t v, int digits, char after)
{
	for (int i = digits - 1; i >= 0; i--) {
		p[i] = (char)('0' + v % 10);
		v /= 10;
	}
	p[digits] = after;
	return p + digits + 1;
}

void
tally_wall_text(char out[TALLY_TIME_TEXT], struct tally_wall t)
{
	/* Rounded down, so that an instant before 1970 has a text as well. */
	int64_t ns = t.ns % TALLY_SECOND, seconds = t.ns / TALLY_SECOND, days, of_day;
	struct tally_date d;
	char *p = out;

	if (ns < 0) {
		ns += TALLY_SECOND;
		seconds--;
	}
	days = seconds / 86400;
	of_day = seconds % 86400;
	if (of_day < 0) {
		of_day += 86400;
		days--;
	}
	d = tally_civil_date(days);
	p = put(p, d.year, 4, '-');
	p = put(p, d.month, 2, '-');
	p = put(p, d.day, 2, 'T');
	p = put(p, of_day / 3600, 2, ':');
	p = put(p, of_day / 60 % 60, 2, ':');
	p = put(p, of_day % 60, 2, '.');
	p = put(p, ns, 9, '\0') - 1;
	while (p[-1] == '0' && ns != 0)
		p--;
	if (ns == 0)
		p -= 10; /* with its point */
	memcpy(p, "Z", 2);
}
