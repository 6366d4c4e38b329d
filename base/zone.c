/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendars over glibc's zone tables. glibc takes UTC for a zone that it does
 * not know and says nothing, so the file is looked at first; TZ then names it
 * by its path. TZ is changed and put back under one lock of the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "civil.h"
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/time.h"

#define ZONEINFO "/usr/share/zoneinfo/"
#define DAY      86400

struct tally_zone {
	char *name;
	char *tz; /* what TZ is set to; NULL for UTC itself */
};

static pthread_mutex_t tz_lock = PTHREAD_MUTEX_INITIALIZER;

/* [A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*, so that no name leaves the folder. */
static bool
well_formed(const char *name)
{
	bool part = false;

	for (const char *p = name; *p; p++) {
		if (*p == '/') {
			if (!part)
				return false;
			part = false;
		} else if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			   (*p >= '0' && *p <= '9') || *p == '_' || *p == '+' || *p == '-') {
			part = true;
		} else {
			return false;
		}
	}
	/* "right/..." counts leap seconds; the others are this machine's choice. */
	return part && strncmp(name, "right/", 6) != 0 && strcmp(name, "localtime") != 0 &&
	       strcmp(name, "posixrules") != 0;
}

static bool
is_zone_file(const char *path)
{
	char magic[4];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is;

	if (fd < 0)
		return false;
	is = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	     memcmp(magic, "TZif", sizeof(magic)) == 0;
	close(fd);
	return is;
}

static int
refuse_name(const char *name, struct tally_err *err)
{
	struct tally_buf safe = TALLY_BUF_INIT;
	int r;

	tally_printable(&safe, tally_bytes_str(name));
	if (access(ZONEINFO, R_OK | X_OK) < 0)
		r = tally_err_set(err, TALLY_SYS, "time zone '%s': no tzdata on this machine",
				  tally_buf_cstr(&safe));
	else
		r = tally_err_set(err, TALLY_USE, "unknown time zone '%s'", tally_buf_cstr(&safe));
	tally_buf_deinit(&safe);
	return r;
}

int
tally_zone_open(struct tally_zone **out, const char *name, struct tally_err *err)
{
	struct tally_zone *z;
	char *tz = NULL;

	if (strcmp(name, "UTC") != 0) {
		if (!well_formed(name))
			return refuse_name(name, err);
		if (asprintf(&tz, ":" ZONEINFO "%s", name) < 0)
			abort();
		if (!is_zone_file(tz + 1)) {
			free(tz);
			return refuse_name(name, err);
		}
	}
	z = tally_alloc(sizeof(*z));
	z->name = tally_strdup(name);
	z->tz = tz;
	*out = z;
	return 0;
}

void
tally_zone_free(struct tally_zone *z)
{
	if (!z)
		return;
	free(z->name);
	free(z->tz);
	free(z);
}

const char *
tally_zone_name(const struct tally_zone *z)
{
	return z->name;
}

/* What TZ was is kept in `saved` until leave(). */
static void
enter(const struct tally_zone *z, char **saved)
{
	const char *now;

	*saved = NULL;
	if (!z->tz)
		return;
	pthread_mutex_lock(&tz_lock);
	now = getenv("TZ");
	*saved = now ? tally_strdup(now) : NULL;
	TALLY_ASSERT(setenv("TZ", z->tz, 1) == 0);
	tzset();
}

static void
leave(const struct tally_zone *z, char *saved)
{
	if (!z->tz)
		return;
	if (saved)
		TALLY_ASSERT(setenv("TZ", saved, 1) == 0);
	else
		unsetenv("TZ");
	tzset();
	pthread_mutex_unlock(&tz_lock);
	free(saved);
}

/* Seconds east of UTC at an instant, between enter() and leave(). */
static int64_t
east_at(const struct tally_zone *z, int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;

	if (!z->tz)
		return 0;
	TALLY_ASSERT(localtime_r(&at, &tm)); /* fails for years beyond an int only */
	return tm.tm_gmtoff;
}

/* The first second in (a, b] at which the offset is no longer that of a. */
static int64_t
change_between(const struct tally_zone *z, int64_t a, int64_t b)
{
	int64_t east = east_at(z, a);

	while (b - a > 1) {
		int64_t middle = a + (b - a) / 2;

		if (east_at(z, middle) == east)
			a = middle;
		else
			b = middle;
	}
	return b;
}

/*
 * Local time jumps, so its dates need not ascend. Between two changes of the
 * offset it runs straight, though: the pieces around the date are gone through
 * in order, and the first that reaches the date's midnight gives the instant.
 * Quarters of an hour are finer than any two changes have ever been apart.
 */
static int64_t
first_instant(const struct tally_zone *z, int64_t midnight)
{
	int64_t from = midnight - 2 * DAY, end = midnight + 2 * DAY;

	for (int64_t t = from, next; t < end; t = next) {
		int64_t east = east_at(z, t), reached = midnight - east;

		next = t + 900;
		if (east_at(z, next) != east)
			next = change_between(z, t, next);
		if (reached < next)
			return reached > t ? reached : t;
	}
	return end;
}

int
tally_zone_start_of(const struct tally_zone *z, struct tally_date d, struct tally_wall *out,
		    struct tally_err *err)
{
	int64_t t = -1;
	char *saved;

	if (!tally_civil_exists(d))
		return tally_err_set(err, TALLY_USE, "%04d-%02d-%02d: no such date", d.year,
				     d.month, d.day);
	if (d.year >= 1969 && d.year <= 2262) {
		enter(z, &saved);
		t = first_instant(z, tally_civil_days(d) * DAY);
		leave(z, saved);
	}
	if (t < 0 || t >= TALLY_WALL_MAX / TALLY_SECOND)
		return tally_err_set(err, TALLY_USE,
				     "%04d-%02d-%02d: outside of 1970-01-01 to 2262-01-01", d.year,
				     d.month, d.day);
	out->ns = t * TALLY_SECOND;
	return 0;
}

int
tally_zone_date_of(const struct tally_zone *z, struct tally_wall t, struct tally_date *out,
		   struct tally_err *err)
{
	int64_t local;
	char *saved;

	if (t.ns < 0 || t.ns >= TALLY_WALL_MAX)
		return tally_err_set(err, TALLY_USE,
				     "an instant outside of 1970-01-01 to 2262-01-01");
	enter(z, &saved);
	local = t.ns / TALLY_SECOND;
	local += east_at(z, local);
	leave(z, saved);
	/* Down, also before 1970: a zone west of Greenwich was still in 1969. */
	*out = tally_civil_date(local >= 0 ? local / DAY : -((DAY - 1 - local) / DAY));
	return 0;
}

int
tally_zone_parse_t(const struct tally_zone *z, const char *s, struct tally_wall *out,
		   struct tally_err *err)
{
	size_t len = strlen(s), i = 0;
	struct tally_date d = { 0, 0, 1 };
	struct tally_buf safe = TALLY_BUF_INIT;
	int r;

	if (tally_wall_parse(out, s, len, true))
		return 0;
	if ((len == 7 || len == 10) && tally_civil_digits(s, len, &i, 4, &d.year) &&
	    s[i++] == '-' && tally_civil_digits(s, len, &i, 2, &d.month) &&
	    (len == 7 || (s[i++] == '-' && tally_civil_digits(s, len, &i, 2, &d.day))))
		return tally_zone_start_of(z, d, out, err);
	tally_printable(&safe, tally_bytes_str(s));
	r = tally_err_set(
		err, TALLY_USE,
		"'%s' is no time: give RFC 3339 with Z or an offset, YYYY-MM-DD or YYYY-MM",
		tally_buf_cstr(&safe));
	tally_buf_deinit(&safe);
	return r;
}
