/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a TPM's clock was slowed (TPM2_ClockRateAdjust), by the times of those who are
 * pinned: between a session's first anchor and a later one at least so much has passed as
 * lies between who had signed over the first and the newest receipt before the other. The
 * TPM's `time` cannot be set, but it can be slowed, and powered time with it.
 */
#include <inttypes.h>
#include "verify_internal.h"

#define OFF     60  /* s that clocks of several witnesses may be apart */
#define PERCENT 100 /* a part of this much is what a poor clock may lose */

void
slowed_begin(struct tally_export *x, uint64_t time, uint64_t entry)
{
	struct slowed *s = &x->slowed;

	s->any = true;
	s->covered = false;
	s->time = time;
	s->entry = entry;
}

void
slowed_covered(struct tally_export *x, uint64_t size, uint64_t by)
{
	struct slowed *s = &x->slowed;

	if (!s->any || size <= s->entry)
		return;
	s->by = !s->covered || by < s->by ? by : s->by;
	s->covered = true;
}

void
slowed_time(struct tally_export *x, uint64_t time, uint64_t entry)
{
	struct slowed *s = &x->slowed;
	uint64_t floor = x->witnessed.floor, passed, ran;

	if (!s->any || !s->covered || floor <= s->by)
		return;
	passed = floor - s->by;
	ran = (time - s->time) / 1000;
	if (passed <= ran || passed - ran <= OFF || passed - ran - OFF <= passed / PERCENT)
		return;
	if (s->passed > s->ran && passed - ran <= s->passed - s->ran)
		return;
	s->passed = passed;
	s->ran = ran;
	s->from = s->entry;
	s->to = entry;
}

void
slowed_end(struct tally_export *x)
{
	const struct slowed *s = &x->slowed;

	if (s->passed > 0)
		remark(x->problems,
		       "%s: the TPM's clock ran slow: from entry %" PRIu64 " to entry %" PRIu64
		       " it went on by %" PRIu64 " s, while receipts say that %" PRIu64
		       " s passed at least: powered time is short by as much",
		       x->folder.path, s->from, s->to, s->ran, s->passed);
}
