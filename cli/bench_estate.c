/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The year's report over an estate as it lies on disk, and over one with a tenth
 * of the events: seconds beside the least that could be done, growth, and
 * anonymous memory. And the last month's report over ten years, beside the one over
 * a year as full of events. The figure is the median of three runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench.h"
#include "cli.h"
#include "sample.h"

#define RUNS 3U

struct scene {
	const struct bench_options *o;
	char folder[4200], ledgers[4250], out[4250];
	struct sample_size size;
	const char *from, *to; /* of the report */
	double plain, make, report, anon;
};

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* tally report LEDGER... --from T --to T --format json -o OUT */
static int
report(struct scene *s, struct tally_err *err)
{
	const char *const words[] = { "--from", s->from, "--to", s->to, "--format", "json", "-o" };
	const size_t n_words = sizeof(words) / sizeof(words[0]);
	char **argv = tally_alloc((s->size.hosts + n_words + 4) * sizeof(*argv));
	struct tally_buf path = TALLY_BUF_INIT;
	double seconds[RUNS];
	size_t n = 0;
	int status = 0;

	argv[n++] = tally_strdup("tally");
	argv[n++] = tally_strdup("report");
	for (unsigned h = 0; h < s->size.hosts; h++) {
		tally_buf_clear(&path);
		tally_buf_addf(&path, "%s/h%03u", s->ledgers, h);
		argv[n++] = tally_strdup(tally_buf_cstr(&path));
	}
	for (size_t i = 0; i < n_words; i++)
		argv[n++] = tally_strdup(words[i]);
	argv[n++] = tally_strdup(s->out);
	for (unsigned i = 0; i < RUNS && status == 0; i++) {
		double mib;

		status = bench_run_self(argv, &seconds[i], &mib, err);
		s->anon = mib > s->anon ? mib : s->anon;
	}
	if (status == 0)
		qsort(seconds, RUNS, sizeof(seconds[0]), by_value);
	s->report = status == 0 ? seconds[RUNS / 2] : 0;
	while (n > 0)
		free(argv[--n]);
	free(argv);
	tally_buf_deinit(&path);
	return status;
}

static int
make(struct scene *s, bool tables, struct tally_err *err)
{
	struct sample_history h;
	double began = cli_seconds();
	int status;

	if (mkdir(s->folder, 0700) < 0)
		return tally_err_sys(err, "%s", s->folder);
	if (sample_make(&h, &s->size, err) < 0)
		return -1;
	status = sample_write_ledgers(&h, s->ledgers, err);
	s->make = cli_seconds() - began;
	if (status == 0 && tables)
		status = sample_write_csv(&h, s->folder, err);
	s->plain = sample_sweep_plainly(&h);
	sample_deinit(&h);
	return status;
}

static int
play(struct scene *s, const struct bench_options *o, const char *name,
     const struct sample_size *size, struct tally_err *err)
{
	s->o = o;
	s->size = *size;
	if (snprintf(s->folder, sizeof(s->folder), "%s/%s", o->dir, name) >= 4200)
		return tally_err_set(err, TALLY_USE, "%s: too long a path", o->dir);
	(void)snprintf(s->ledgers, sizeof(s->ledgers), "%s/ledgers", s->folder);
	(void)snprintf(s->out, sizeof(s->out), "%s/report.json", s->folder);
	if (make(s, o->keep, err) < 0)
		return -1;
	return report(s, err);
}

int
tally_bench_estate(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	struct scene *s = tally_alloc(2 * sizeof(*s));
	const struct sample_size tenth = { o->events / 10, o->machines, o->hosts, 1 },
				 whole = { o->events, o->machines, o->hosts, 1 };
	struct bench_case c[5];
	size_t n = 0;
	int status = 0;

	for (unsigned i = 0; i < 2; i++) {
		s[i].from = "2026-01-01";
		s[i].to = "2027-01-01";
	}
	if (o->keep && mkdir(o->dir, 0700) < 0)
		status = tally_err_sys(err, "%s", o->dir);
	if (status == 0)
		status = play(&s[0], o, "tenth", &tenth, err);
	if (status == 0)
		status = play(&s[1], o, "whole", &whole, err);
	if (status == 0) {
		c[n++] = (struct bench_case){ "estate-write", s[1].size.events, 0, s[1].make, "s" };
		c[n++] = (struct bench_case){ "estate-report", s[1].size.events, s[1].plain,
					      s[1].report, "s" };
		/* Ten times the events: a ratio of ten is a growth in step with them. */
		c[n++] = (struct bench_case){ "estate-growth", s[1].size.events, s[0].report,
					      s[1].report, "s" };
		c[n++] = (struct bench_case){ "estate-memory", s[1].size.events, s[0].anon,
					      s[1].anon, "MiB anonymous" };
		bench_write(out, c, n, o->json);
	}
	free(s);
	return status;
}

int
tally_bench_month(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	struct scene *s = tally_alloc(2 * sizeof(*s));
	const struct sample_size one = { o->events / 10, o->machines, o->hosts, 1 },
				 ten = { o->events, o->machines, o->hosts, 10 };
	struct bench_case c[2];
	int status;

	s[0].from = "2026-12-01";
	s[0].to = "2027-01-01";
	/* Years of 365 days. */
	s[1].from = "2035-11-29";
	s[1].to = "2035-12-30";
	status = play(&s[0], o, "one", &one, err);
	if (status == 0)
		status = play(&s[1], o, "ten", &ten, err);
	if (status == 0) {
		c[0] = (struct bench_case){ "estate-month", ten.events, s[0].report, s[1].report,
					    "s" };
		c[1] = (struct bench_case){ "estate-month-memory", ten.events, s[0].anon, s[1].anon,
					    "MiB anonymous" };
		bench_write(out, c, 2, o->json);
	}
	free(s);
	return status;
}
