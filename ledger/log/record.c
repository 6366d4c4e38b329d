/* SPDX-License-Identifier: Apache-2.0 */
/* The 136 bytes that are an entry's leaf (docs/FORMAT.md section 1). Every bit
 * of a record has a meaning or must be zero. */
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"

#define VERSION 1

void
tally_record_write(uint8_t out[TALLY_RECORD], const struct tally_header *h,
		   const uint8_t commitment[TALLY_GROUPS][TALLY_HASH])
{
	out[0] = VERSION;
	out[1] = h->kind;
	tally_put_u16(out + 2, h->flags);
	tally_put_u32(out + 4, h->boot);
	tally_put_u64(out + 8, h->index);
	tally_put_u64(out + 16, h->wall);
	tally_put_u64(out + 24, h->uptime);
	tally_put_u64(out + 32, 0);
	for (int k = 0; k < TALLY_GROUPS; k++)
		memcpy(out + 40 + k * TALLY_HASH, commitment[k], TALLY_HASH);
}

int
tally_record_read(struct tally_header *h, const uint8_t record[TALLY_RECORD], struct tally_err *err)
{
	h->kind = record[1];
	h->flags = tally_get_u16(record + 2);
	h->boot = tally_get_u32(record + 4);
	h->index = tally_get_u64(record + 8);
	h->wall = tally_get_u64(record + 16);
	h->uptime = tally_get_u64(record + 24);
	if (record[0] != VERSION)
		return tally_err_set(err, TALLY_FAILS, "record version %u is not known", record[0]);
	if (h->flags & ~TALLY_FLAG_IMPORTED)
		return tally_err_set(err, TALLY_FAILS, "record flags %#x are not known", h->flags);
	if (tally_get_u64(record + 32) != 0)
		return tally_err_set(err, TALLY_FAILS, "reserved bytes of the record are not 0");
	if (h->wall >= (uint64_t)TALLY_WALL_MAX)
		return tally_err_set(err, TALLY_FAILS, "the record's time is past 2262-01-01");
	if (h->uptime > INT64_MAX)
		return tally_err_set(err, TALLY_FAILS, "the record's uptime is out of range");
	return 0;
}
