/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a TPM's word reaches into an export. A quote in a note covers the
 * entries of its tree; what stands behind the newest such note has the log's key
 * alone behind it, which a thief may have. Time is taken by both clocks of the
 * entries, as either may be told to stand still.
 */
#include "tally/time.h"
#include "verify_internal.h"

/* How long a TPM may be behind with a class above software: an interval of anchors. */
#define LAG ((uint64_t)(900 * TALLY_SECOND))

static uint64_t
since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

void
attested_entry(struct tally_export *x, const struct tally_header *h)
{
	struct attested *a = &x->attested;
	bool same = a->any && a->last.boot == h->boot;
	uint64_t ran = same ? since(h->uptime, a->last.uptime) : h->uptime;
	uint64_t wall = since(h->wall, a->wall);

	if (__builtin_add_overflow(a->ran, ran, &a->ran))
		a->ran = UINT64_MAX;
	if (wall > a->passed)
		a->passed = wall;
	a->last = *h;
	a->any = true;
}

void
attested_note(struct tally_export *x, uint64_t size)
{
	struct attested *a = &x->attested;

	a->size = size;
	a->wall = a->last.wall;
	a->ran = a->passed = 0;
}

bool
attested_reaches(const struct tally_export *x)
{
	const struct attested *a = &x->attested;

	return a->size == x->size || (a->size > 0 && a->ran <= LAG && a->passed <= LAG);
}
