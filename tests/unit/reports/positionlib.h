/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_POSITIONLIB_H
#define TALLY_TEST_POSITIONLIB_H
/* What tests of positions say often. */
#include "reportlib.h"

#define WIN      "os=http://microsoft.com/win/2k22"
#define STANDARD "rule=windows-server-standard/host"
#define FLEET    " scope=fleet id=fleet"

static inline const struct tally_json *
assert_reading(const struct tally_json *r, const char *where, const char *low, const char *measured,
	       const char *high)
{
	assert_figure(r, "positions", where, "low", low);
	assert_figure(r, "positions", where, "measured", measured);
	assert_figure(r, "positions", where, "high", high);
	return r;
}

#endif
