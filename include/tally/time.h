/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TIME_H
#define TALLY_TIME_H
/*
 * Three times that cannot be mixed: an instant of UTC, an instant of
 * CLOCK_BOOTTIME, and a span. All in integer nanoseconds.
 * Wall instants lie in [1970-01-01, 2262-01-01); leap seconds do not exist.
 */
#include <stdbool.h>
#include <stdint.h>
#include "tally/bytes.h"

struct tally_wall {
	int64_t ns;
}; /* UTC since 1970-01-01T00:00:00Z */
struct tally_uptime {
	int64_t ns;
}; /* CLOCK_BOOTTIME */
struct tally_span {
	int64_t ns;
};

__extension__ typedef __int128 tally_i128; /* sums of nanoseconds over many VMs */

#define TALLY_SECOND    INT64_C(1000000000)
#define TALLY_WALL_MAX  INT64_C(9214646400000000000) /* 2262-01-01T00:00:00Z */
#define TALLY_TIME_TEXT 36 /* room for any text that the functions below write */

/* RFC 3339 with upper-case T and Z, or a numeric offset where `offset_ok`;
 * up to nine decimals; no second 60; false where it is anything else. */
bool tally_wall_parse(struct tally_wall *out, const char *s, size_t len, bool offset_ok);
/* RFC 3339 UTC with as many decimals as needed, none where none are. */
void tally_wall_text(char out[TALLY_TIME_TEXT], struct tally_wall t);
/* Seconds as an exact decimal: "5400", "0.125", "-1.5". */
void tally_span_text(char out[TALLY_TIME_TEXT], struct tally_span d);
/* The same for sums over many VMs, which may pass 64 bits. */
void tally_seconds_text(char out[64], tally_i128 ns);
/* "10s", "500ms", "15m", "1h", "2d"; false where malformed, zero or too long. */
bool tally_span_parse(struct tally_span *out, const char *s, size_t len);

/* A calendar. Names are IANA zones; "UTC" needs no tzdata on the machine.
 * Uses glibc's zone tables under a process-wide lock that changes TZ and puts
 * it back: not for programs whose other threads read TZ meanwhile. */
struct tally_err;
struct tally_zone;
/* TALLY_USE where the zone is unknown; neither "localtime" nor "right/..." is taken. */
int tally_zone_open(struct tally_zone **out, const char *name, struct tally_err *err);
void tally_zone_free(struct tally_zone *z);
const char *tally_zone_name(const struct tally_zone *z);
/* The machine's tzdata release, such as "2025b"; "none" where there is none. */
const char *tally_zone_tzdata(void);

struct tally_date {
	int year, month, day;
}; /* month and day from 1 */
/* The first instant whose local date is `d` or later. */
int tally_zone_start_of(const struct tally_zone *z, struct tally_date d, struct tally_wall *out,
			struct tally_err *err);
int tally_zone_date_of(const struct tally_zone *z, struct tally_wall t, struct tally_date *out,
		       struct tally_err *err);
/* --from and --to: RFC 3339 with Z or an offset, YYYY-MM-DD, or YYYY-MM; the
 * latter two stand for their first instant in the zone. Error: TALLY_USE. */
int tally_zone_parse_t(const struct tally_zone *z, const char *s, struct tally_wall *out,
		       struct tally_err *err);

#endif
