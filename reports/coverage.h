/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_COVERAGE_H
#define TALLY_REPORTS_COVERAGE_H
/* How long each host was powered, and how much of that was metered (FORMAT.md
 * section 10, rule 12). */
#include "powered.h"
#include "spans.h"
#include "stream.h"

struct gap {
	int64_t from, to;
	uint32_t reason;
	uint64_t index; /* of the entry that tells it, or its begin */
};
struct gaps {
	struct gap *p;
	size_t n, cap;
};
/* One part while it is read. */
struct part_coverage {
	bool begun;
	int64_t first, last; /* of the import, or of the boot */
	uint32_t boot;
	struct spans powered, metered; /* metered of a live part only, before its gaps */
	struct spans gaps;
	struct gap open; /* a gap-begin without its end */
	bool has_open;
};
/* One host, when all is read. */
struct host_coverage {
	tally_i128 powered, metered;
	int64_t begin, end; /* of its powered time in the period; empty where it had none */
	struct gaps gaps;   /* in the order of the report */
	struct powered_time tpm;
};
/* `gaps` collects those of the host that touch the period. */
void part_coverage_step(struct part_coverage *c, const struct part *p, const struct slot *e,
			struct gaps *gaps, const struct span *period, struct strings *strings);
void part_coverage_end(struct part_coverage *c, const struct part *p, struct gaps *gaps,
		       const struct span *period);
void part_coverage_deinit(struct part_coverage *c);
/* Of the parts of one host, its gaps, and its TPM's time. */
void host_coverage_make(struct host_coverage *out, struct part_coverage *const parts[], size_t n,
			const struct gaps *gaps, const struct powered *tpm,
			const struct span *period, const struct strings *strings);
void host_coverage_deinit(struct host_coverage *c);
/* Six decimals, half up; of nothing: false. */
bool coverage_ratio(uint64_t *millionths, tally_i128 metered, tally_i128 powered);

#endif
