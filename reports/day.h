/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_DAY_H
#define TALLY_REPORTS_DAY_H
/* A day that a file names as the begin or the end of something: spans of days are
 * half-open, and a day begins when it does in the report's zone. */
#include "tally/bytes.h"
#include "tally/time.h"

struct tally_err;

#define DAY_ALWAYS  INT64_MIN /* of a begin that is not given */
#define DAY_FOREVER INT64_MAX /* of an end that is not given */

struct day {
	bool given;
	struct tally_date date;
	int64_t at; /* its first instant in the zone, or one of the two above */
};
/* YYYY-MM-DD of a real day from 1971 to 2260. */
bool day_parse(struct day *d, struct tally_bytes text);
int day_compare(const struct day *a, const struct day *b);
/* Its first instant, or `absent` where it is not given. */
int day_settle(struct day *d, int64_t absent, const struct tally_zone *zone, struct tally_err *err);

#endif
