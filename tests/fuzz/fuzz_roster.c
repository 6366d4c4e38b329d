/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a roster, judged against two hosts: whatever is taken can be judged. */
#include <string.h>
#include "../../reports/roster.h"
#include "tally/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t from = INT64_C(1772323200) * TALLY_SECOND; /* 2026-03-01 */
	const struct roster_host hosts[] = {
		{ tally_bytes_str("h1"), tally_bytes_str("A1"), 0, 0, from + TALLY_SECOND,
		  INT64_MAX },
		{ tally_bytes_str("h2"), { NULL, 0 }, 1, 0, 0, from },
	};
	const struct tally_bytes names[] = { hosts[0].name, hosts[1].name };
	struct tally_err err = TALLY_ERR_INIT;
	struct findings f;
	struct roster *r;
	struct tally_zone *utc;

	if (roster_parse(&r, "f", tally_bytes(data, size), &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	TALLY_ASSERT(r->n > 0 && tally_zone_open(&utc, "UTC", &err) == 0);
	TALLY_ASSERT(roster_settle(r, utc, &err) == 0);
	for (size_t i = 0; i < r->n; i++)
		TALLY_ASSERT(r->p[i].host[0] != '\0' && r->p[i].from.at < r->p[i].to.at);
	findings_init(&f, 2);
	roster_judge(r, hosts, 2, from, from + 86400 * TALLY_SECOND, &f);
	findings_finish(&f, names, names);
	for (size_t i = 0; i < f.count; i++)
		TALLY_ASSERT(tally_utf8_valid(f.list[i]->text.p, f.list[i]->text.len));
	findings_deinit(&f);
	roster_free(r);
	tally_zone_free(utc);
	return 0;
}
