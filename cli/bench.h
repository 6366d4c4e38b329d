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

/* Of this process, on all of its processors. */
double bench_cpu_seconds(void);
/* This program with other arguments, its standard output dropped: how long it
 * took, and the MiB of anonymous memory that it had at most. -1 where it fails. */
int bench_run_self(char *const argv[], double *seconds, double *mib, struct tally_err *err);

/* `dir` is a scratch folder of the caller's, who removes it. */
struct bench_options {
	const char *dir;
	bool json;
	bool keep; /* `dir` stays: what a comparison needs is written into it */
	unsigned events, machines, hosts; /* of the estate */
};
/* Durable appends with 300 bytes of groups at 1, 256 and 4,096 a commit beside
 * plain LMDB, and the bytes an entry takes. */
int tally_bench_append(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);
/* Entries verified a second and core, over a mirror and over a whole export. */
int tally_bench_verify(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);
/* A checkpoint with evidence of libtpms beside one without: ms; and how many a core verifies. */
int tally_bench_evidence(const struct bench_options *o, struct tally_buf *out,
			 struct tally_err *err);
/* Recording and reporting 100,000 and 1,000,000 events: seconds and memory. */
int tally_bench_report(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);
/* The year's report over a whole estate, and over a tenth of its events. */
int tally_bench_estate(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);
/* A bundle of an estate, written and verified: seconds and memory. */
int tally_bench_bundle(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);
/* The last month's report over ten years, and over one of them. */
int tally_bench_month(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);

#endif
