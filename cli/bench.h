/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BENCH_H
#define TALLY_BENCH_H
/* What `tally bench KIND` measures; each with its baseline in the same run. */
#include <stdbool.h>
#include <stddef.h>
#include "tally/bytes.h"
#include "tally/err.h"

/* One line of the list. A baseline of 0 is none: ratio and baseline are null. */
struct bench_case {
	const char *name; /* "append" */
	size_t batch;     /* entries a commit; 0 = does not apply */
	double baseline, ours;
	const char *unit; /* "events/s" */
};
/* Appends the list as text, or as JSON and a newline. */
void bench_write(struct tally_buf *out, const struct bench_case *cases, size_t n, bool json);

/* Durable appends with 300 bytes of groups at 1, 256 and 4,096 a commit beside
 * plain LMDB, and the bytes an entry takes. `dir` is a scratch folder of the
 * caller's, who removes it. */
int tally_bench_append(const char *dir, bool json, struct tally_buf *out, struct tally_err *err);
/* Entries verified a second and core, over a mirror and over a whole export. */
int tally_bench_verify(const char *dir, bool json, struct tally_buf *out, struct tally_err *err);
/* Recording and reporting 100,000 and 1,000,000 events: seconds and memory. */
int tally_bench_report(const char *dir, bool json, struct tally_buf *out, struct tally_err *err);

#endif
