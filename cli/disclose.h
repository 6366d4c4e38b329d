/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_DISCLOSE_H
#define TALLY_CLI_DISCLOSE_H
/*
 * What one licensor gets to see of exports (FORMAT.md section 27): what cores and
 * coverage need, what evidence rests on, and of machines those that ever had one of its
 * products, on any host. Of everything else the commitments stay.
 */
#include "tally/bytes.h"
#include "tally/err.h"
#include "packs.h"

struct cli_disclosure {
	const struct cli_packs *packs; /* the licensor's */
	uint8_t (*vms)[TALLY_UUID];    /* sorted, once they are all known */
	size_t count, cap;
};
/* Those packs whose vendor this is, ASCII case apart; the others are gone. TALLY_USE, with
 * the vendors that there are: none. */
int cli_packs_of(struct cli_packs *packs, const char *licensor, struct tally_err *err);
bool cli_pack_is_of(const struct tally_pack *pack, const char *licensor);

/* First all exports, with `redact` false: which machines are concerned. Then all again, with
 * it: their payloads are written anew. `size`: of the export. */
int cli_disclose(struct cli_disclosure *d, const char *dir, uint64_t size, bool redact,
		 struct tally_err *err);
void cli_disclosure_sort(struct cli_disclosure *d);
void cli_disclosure_deinit(struct cli_disclosure *d);

#endif
