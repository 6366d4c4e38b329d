/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_HELD_RIGHTS_H
#define TALLY_REPORTS_HELD_RIGHTS_H
/* What the licences that are held say to a rule, of the hosts of one estate. */
#include "counted.h"

struct entitlements;

struct held_rights {
	const struct entitlements *held; /* settled */
	const struct estate *estate;
	int64_t to; /* of the period */
	/* Texts that say why one excludes: for each entitlement, of each name of a right;
	 * 0 where it does not carry it. */
	uint32_t *reasons;
	struct counted_rights rights;
};
/* Cuts the estate's stays where a right begins or ends to hold. First of all. */
void held_rights_split(struct estate *e, const struct entitlements *held);
/* `h` stays where it is as long as its `rights` are used. */
void held_rights_init(struct held_rights *h, const struct entitlements *held,
		      const struct estate *estate, int64_t to);
void held_rights_deinit(struct held_rights *h);

#endif
