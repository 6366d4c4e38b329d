/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording and reporting 1,000,000 events of ten hosts and 1,000 machines, and
 * a tenth of that, by this very program in processes of their own: seconds, and
 * the peak of anonymous memory (RssAnon; mapped pages of a ledger are the
 * kernel's). Beside them: parsing the file's JSON, and decoding every entry.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/event.h"
#include "tally/json.h"
#include "tally/store.h"
#include "tally/time.h"
#include "bench.h"
#include "cli.h"

#define HOSTS    10U
#define MACHINES 1000U

struct scene {
	char file[4200], folder[4200], out[4200];
	unsigned events;
	double json, sweep;             /* seconds, the baselines */
	double record, report, anon[2]; /* seconds, and MiB of recording and reporting */
};

/* A line of a history in which each machine starts, changes and stops in turn. */
static void
write_event(FILE *f, unsigned i)
{
	unsigned vm = i % MACHINES, round = i / MACHINES;
	char time[TALLY_TIME_TEXT];

	tally_wall_text(time, (struct tally_wall){ INT64_C(1767225600) * TALLY_SECOND +
						   (int64_t)i * TALLY_SECOND });
	fprintf(f, "{\"time\":\"%s\",\"host\":\"h%u\",", time, vm % HOSTS);
	switch (round % 3) {
	case 0:
		fprintf(f,
			"\"event\":\"start\",\"vm\":\"00000000-0000-4000-8000-%012u\",\"name\":"
			"\"web-%u\",\"vcpus\":%u,"
			"\"memory_mib\":8192,\"os\":\"http://microsoft.com/win/"
			"2k22\",\"edition\":\"standard\","
			"\"evidence\":\"operator\",\"tenant\":\"tenant-%u\",\"cost_center\":\"cc%"
			"u\"}\n",
			vm, vm, 1 + vm % 8, vm % 17, vm % 23);
		break;
	case 1:
		fprintf(f,
			"\"event\":\"config\",\"vm\":\"00000000-0000-4000-8000-%012u\",\"vcpus\":%"
			"u}\n",
			vm, 2 + vm % 8);
		break;
	default:
		fprintf(f,
			"\"event\":\"stop\",\"vm\":\"00000000-0000-4000-8000-%012u\",\"cause\":"
			"\"shutdown\"}\n",
			vm);
	}
}

static int
write_history(const struct scene *s, struct tally_err *err)
{
	FILE *f = fopen(s->file, "we");
	bool failed;

	if (!f)
		return tally_err_sys(err, "%s", s->file);
	for (unsigned h = 0; h < HOSTS; h++)
		fprintf(f,
			"{\"time\":\"2026-01-01T00:00:00Z\",\"host\":\"h%u\",\"event\":\"host\","
			"\"cores_per_socket\":[16,16],"
			"\"cluster\":\"c%u\",\"region\":\"eu\",\"boot\":\"1\"}\n",
			h, h % 3);
	for (unsigned i = 0; i + HOSTS < s->events; i++)
		write_event(f, i);
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed)
		return tally_err_sys(err, "%s", s->file);
	return 0;
}

/* Every line through the JSON reader and no further. */
static int
parse_plainly(struct scene *s, struct tally_err *err)
{
	FILE *f = fopen(s->file, "re");
	double began = cli_seconds();
	struct tally_json_doc *doc;
	size_t room = 0;
	char *line = NULL;
	ssize_t n;
	int status = 0;

	if (!f)
		return tally_err_sys(err, "%s", s->file);
	while (status == 0 && (n = getline(&line, &room, f)) > 0) {
		status = tally_json_parse(&doc, tally_bytes(line, (size_t)n), err);
		if (status == 0)
			tally_json_free(doc);
	}
	free(line);
	fclose(f);
	s->json = cli_seconds() - began;
	return status;
}

static int
decode_ledger(const char *path, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entries entries;
	struct tally_entry e;
	struct tally_event ev;
	struct tally_store *store;
	int n = tally_store_open(&store, path, TALLY_STORE_READ, NULL, err);

	if (n == 0 &&
	    (n = tally_store_entries_unchecked(store, 0, UINT64_MAX, &entries, err)) == 0) {
		while ((n = entries.next(entries.ctx, &e, err)) > 0) {
			tally_arena_reset(arena);
			if (tally_event_decode(&ev, e.group, e.mask, arena, err) < 0)
				break;
		}
		entries.close(entries.ctx);
	}
	tally_arena_free(arena);
	tally_store_close(store);
	return n == 0 ? 0 : -1;
}

static int
decode_plainly(struct scene *s, struct tally_err *err)
{
	double began = cli_seconds();
	char path[4300];

	for (unsigned h = 0; h < HOSTS; h++) {
		(void)snprintf(path, sizeof(path), "%s/h%u", s->folder, h);
		if (decode_ledger(path, err) < 0)
			return -1;
	}
	s->sweep = cli_seconds() - began;
	return 0;
}

static int
run_report(struct scene *s, struct tally_err *err)
{
	char paths[HOSTS][4300];
	char *argv[HOSTS + 12] = { (char *)"tally", (char *)"report" };
	size_t n = 2;

	for (unsigned h = 0; h < HOSTS; h++) {
		(void)snprintf(paths[h], sizeof(paths[h]), "%s/h%u", s->folder, h);
		argv[n++] = paths[h];
	}
	argv[n++] = (char *)"--from";
	argv[n++] = (char *)"2026-01-01";
	argv[n++] = (char *)"--to";
	argv[n++] = (char *)"2027-01-01";
	argv[n++] = (char *)"--format";
	argv[n++] = (char *)"json";
	argv[n++] = (char *)"-o";
	argv[n++] = s->out;
	return bench_run_self(argv, &s->report, &s->anon[1], err);
}

static int
play(struct scene *s, const char *dir, unsigned events, struct tally_err *err)
{
	char *record[] = { (char *)"tally",  (char *)"record", s->folder,
			   (char *)"--from", s->file,          NULL };

	s->events = events;
	(void)snprintf(s->file, sizeof(s->file), "%s/%u.jsonl", dir, events);
	(void)snprintf(s->folder, sizeof(s->folder), "%s/%u", dir, events);
	(void)snprintf(s->out, sizeof(s->out), "%s/%u.report", dir, events);
	if (write_history(s, err) < 0 || parse_plainly(s, err) < 0 ||
	    bench_run_self(record, &s->record, &s->anon[0], err) < 0 || decode_plainly(s, err) < 0)
		return -1;
	return run_report(s, err);
}

int
tally_bench_report(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	static const unsigned sizes[2] = { 100000, 1000000 };
	struct scene *s = tally_alloc(2 * sizeof(*s));
	struct bench_case c[8];
	size_t n = 0;
	int status = 0;

	for (size_t i = 0; i < 2 && status == 0; i++) {
		status = play(&s[i], o->dir, sizes[i], err);
		c[n++] = (struct bench_case){ "record", sizes[i], s[i].json, s[i].record, "s" };
		c[n++] = (struct bench_case){ "report", sizes[i], s[i].sweep, s[i].report, "s" };
		/* The larger one's memory beside the smaller one's: it does not grow with the
		 * events. */
		c[n++] = (struct bench_case){ "report-memory", sizes[i], i > 0 ? s[0].anon[1] : 0,
					      s[i].anon[1], "MiB anonymous" };
		c[n++] = (struct bench_case){ "record-memory", sizes[i], i > 0 ? s[0].anon[0] : 0,
					      s[i].anon[0], "MiB anonymous" };
	}
	if (status == 0)
		bench_write(out, c, n, o->json);
	free(s);
	return status;
}
