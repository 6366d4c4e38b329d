/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_PART_H
#define TALLY_REPORTS_PART_H
/* A part as stream.c reads it. */
#include "stream.h"

static inline struct slot *
part_slot(struct part *p, unsigned i)
{
	return &p->slots[(p->first + i) % PART_SLOTS];
}

/* Reads the first entries; forgets all that the part held. */
int part_begin(struct part *p, stream_want *want, struct tally_err *err);
/* Reads on until so many slots are full; with `known` no further than to what says
 * something new, and nothing but the part and its cursor is written to. */
int part_fill(struct part *p, unsigned upto, stream_want *want, bool known, struct tally_err *err);

#endif
