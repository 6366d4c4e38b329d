/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: whoever has all witnesses reaches what anybody can, and more never less. */
#include <stdlib.h>
#include "tally/err.h"
#include "tally/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool signed_by[TALLY_POLICY_MAX] = { false };
	uint64_t time[TALLY_POLICY_MAX], by, since;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_policy *p;
	bool before;

	(void)tally_policy_recognised(tally_bytes(data, size));
	if (tally_policy_parse(&p, "f", tally_bytes(data, size), &err) < 0) {
		if (err.code != TALLY_USE)
			abort();
		return 0;
	}
	before = tally_policy_reached(p, signed_by);
	if (before == tally_policy_asks(p))
		abort();
	for (size_t i = 0; i < tally_policy_witnesses(p); i++) {
		signed_by[i] = true;
		time[i] = 1000 - i;
		if (before && !tally_policy_reached(p, signed_by))
			abort();
		before = tally_policy_reached(p, signed_by);
	}
	if (!before)
		abort();
	if (tally_policy_asks(p)) {
		tally_policy_times(p, signed_by, time, &by, &since);
		if (by > 1000 || since > 1000 || since == 0)
			abort();
	}
	tally_policy_free(p);
	return 0;
}
