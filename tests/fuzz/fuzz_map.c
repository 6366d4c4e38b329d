/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file of claims. What is refused says where; what is taken is a
 * correction with an author and a reason, and fits into an entry.
 */
#include <string.h>
#include "tally/err.h"
#include "tally/time.h"
#include "map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(const struct map_file *f)
{
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_err err = TALLY_ERR_INIT;

	TALLY_ASSERT(f->rows > 0 && f->count >= f->rows && f->count <= 3 * f->rows);
	for (size_t i = 0; i < f->count; i++) {
		const struct tally_event *ev = &f->claims[i].ev;

		TALLY_ASSERT(tally_event_is_correction(ev) && ev->m.has_from);
		TALLY_ASSERT(!ev->m.has_to || ev->m.from < ev->m.to);
		TALLY_ASSERT(ev->i.has_vm && ev->o.by.len > 0 && ev->o.reason.len > 0);
		TALLY_ASSERT(ev->o.line >= 2);
		for (size_t g = 0; g < TALLY_GROUPS; g++)
			tally_buf_clear(&groups[g]);
		TALLY_ASSERT(tally_event_encode(ev, groups, &err) == 0);
	}
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&groups[g]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tally_zone *zone;
	struct map_defaults d = { .by = "ann" };
	struct tally_err err = TALLY_ERR_INIT;
	struct map_file f;

	if (!zone)
		TALLY_ASSERT(tally_zone_open(&zone, "UTC", &err) == 0);
	d.zone = zone;
	if (map_parse(&f, "f", tally_bytes(data, size), &d, &err) < 0)
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
	else
		look_at(&f);
	map_file_deinit(&f);
	return 0;
}
