/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BODY_H
#define TALLY_BODY_H
/*
 * A group of an entry in two: its body, which comes again each time that the
 * same is said, and the numbers that are new each time. The ledger's index keeps
 * a body once (FORMAT.md section 7). What no reading of a timeline asks for is
 * in neither.
 */
#include "tally/bytes.h"
#include "tally/event.h"

struct tally_err;

/* In the order in which an index writes them. */
enum tally_body_number {
	TALLY_BODY_TIME,
	TALLY_BODY_RUN,
	TALLY_BODY_VCPUS,
	TALLY_BODY_NOT_BEFORE,
	TALLY_BODY_FROM,
	TALLY_BODY_TO,
	TALLY_BODY_DOMAIN_ID, /* from here on of operations, before it of metering */
	TALLY_BODY_START_TICKS,
	TALLY_BODY_NUMBERS
};
struct tally_body_numbers {
	uint8_t has; /* bit n: number n is there */
	uint64_t v[TALLY_BODY_NUMBERS];
};

/* Appends the body of a group and adds to the numbers, which begin empty. Any
 * bytes have a body: those that cannot be taken apart are kept as they are. */
void tally_body_split(struct tally_buf *body, struct tally_body_numbers *numbers, unsigned kind,
		      unsigned group, struct tally_bytes bytes);
/* Of entries of this kind a body is always the group as it stands. */
bool tally_body_is_whole(unsigned kind);
/* Puts numbers back into the groups of `mask`. */
void tally_body_join(struct tally_event *ev, const struct tally_body_numbers *numbers,
		     unsigned mask);

#endif
