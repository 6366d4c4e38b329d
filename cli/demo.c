/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tally demo estate`: an estate that never was, from its events to its reports, and
 * what a polling tool would have made of it. Needs no rights, no hypervisor and no
 * network. Every step is a subcommand that is shown before it runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/file.h"
#include "cli.h"
#include "demo.h"

#define AT_ONCE    4U /* commands: most of their time is the disk's */
#define POLLS      4U /* the events', and three */
#define REPORT_MAX (256U << 20)

struct options {
	struct cli_input input;
	const char *what, *dir;
	uint64_t hosts, seed;
};
struct demo {
	const struct options *o;
	struct demo_estate estate;
	struct demo_polls polls[POLLS];
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'o':
		return cli_take_one(&o->input, &o->dir, "-o", arg);
	case 'H':
		return cli_take_u64(&o->input, &o->hosts, "--hosts", arg);
	case 's':
		return cli_take_u64(&o->input, &o->seed, "--seed", arg);
	case ARGP_KEY_ARG:
		if (o->what)
			return cli_refuse(&o->input, "'%s' is one word too many", arg);
		o->what = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ NULL, 'o', "DIR", 0, "The folder to make; it must not be there, or be empty", 0 },
	{ "hosts", 'H', "N", 0, "Hosts, a multiple of 20 from 40 to 1000 (200)", 0 },
	{ "seed", 's', "N", 0, "Another estate of the same kind (1)", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"estate -o DIR",
	"Make an estate that never was: 200 hosts over 120 days, with a story in it, as ledgers, "
	"and its reports in every format; the same through a tool that polls; and say what to "
	"look at. The seed decides the events and with them every figure; keys are new each "
	"time.\v"
	"Example:\n  tally demo estate -o estate\n",
	NULL,
	NULL,
	NULL,
};

static int
check_folder(const char *path, struct tally_err *err)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	unsigned names = 0;

	if (!d && errno != ENOENT)
		return tally_err_sys(err, "-o: %s", path);
	while (d && (e = readdir(d)) != NULL)
		names += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	if (d)
		closedir(d);
	return names == 0 ? 0
			  : tally_err_set(err, TALLY_USE,
					  "-o: %s is not empty; the demo wants a new folder", path);
}

static void
add_path(struct tally_buf *out, const struct demo *d, const char *name)
{
	tally_buf_clear(out);
	tally_buf_addf(out, "%s/%s", d->o->dir, name);
}

static int
make_folder(const struct demo *d, const char *name, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	int status;

	add_path(&path, d, name);
	status = tally_dir_make(tally_buf_cstr(&path), 0700, err);
	tally_buf_deinit(&path);
	return status;
}

/* `content` is emptied. */
static int
write_file(const struct demo *d, const char *name, struct tally_buf *content, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	int status;

	add_path(&path, d, name);
	status = tally_output_write(tally_buf_cstr(&path), tally_buf_view(content), err);
	tally_buf_clear(content);
	tally_buf_deinit(&path);
	return status;
}

/* A file a cluster, so that several can be recorded at a time. */
static int
write_events(const struct demo *d, struct tally_buf *text, struct tally_err *err)
{
	const struct demo_estate *e = &d->estate;
	int status = make_folder(d, "events", err);

	for (unsigned c = 0; c < DEMO_CLUSTERS && status == 0; c++) {
		char name[32];

		tally_buf_add_str(text, "{\"tally-events\":1}\n");
		for (size_t i = 0; i < e->count; i++)
			if (demo_cluster(e, e->events[i].host) == c)
				demo_event_line(e, &e->events[i], text);
		(void)snprintf(name, sizeof(name), "events/c%02u.jsonl", c + 1);
		status = write_file(d, name, text, err);
	}
	return status;
}

static int
write_files(struct demo *d, struct tally_err *err)
{
	static const int64_t intervals[POLLS] = { 1, 5 * DEMO_MINUTE, 30 * DEMO_MINUTE, DEMO_HOUR };
	struct tally_buf text = TALLY_BUF_INIT;
	int status;

	for (unsigned i = 0; i < POLLS; i++)
		demo_polls_count(&d->estate, intervals[i], &d->polls[i]);
	status = tally_dir_make_above(d->o->dir, 0755, err);
	if (status == 0)
		status = tally_dir_make(d->o->dir, 0755, err);
	if (status == 0)
		status = write_events(d, &text, err);
	demo_roster(&d->estate, &text);
	if (status == 0)
		status = write_file(d, "roster.yaml", &text, err);
	demo_entitlements(d->polls[POLLS - 1].cores, &text);
	if (status == 0)
		status = write_file(d, "entitlements.yaml", &text, err);
	demo_prices(&text);
	if (status == 0)
		status = write_file(d, "prices.yaml", &text, err);
	demo_cmdb(&d->estate, &text);
	if (status == 0)
		status = write_file(d, "cmdb.csv", &text, err);
	demo_polls_json(d->polls, POLLS, &text);
	if (status == 0)
		status = write_file(d, "polls.json", &text, err);
	demo_polls_text(d->polls, POLLS, &text);
	if (status == 0)
		status = write_file(d, "polls.txt", &text, err);
	tally_buf_deinit(&text);
	return status;
}

/* Words of which those with a slash before them lie in the demo's folder. */
static void
add_words(const struct demo *d, struct demo_job *j, const char *const *words)
{
	struct tally_buf path = TALLY_BUF_INIT;

	for (; *words; words++) {
		add_path(&path, d, *words + 1);
		demo_job_word(j, (*words)[0] == '/' ? tally_buf_cstr(&path) : *words);
	}
	tally_buf_deinit(&path);
}

static void
add_hosts(const struct demo *d, struct demo_job *j, const char *folder)
{
	for (unsigned h = 0; h < d->estate.hosts; h++) {
		char name[16], path[64];

		demo_host_name(name, (uint16_t)h);
		(void)snprintf(path, sizeof(path), "/%s/%s", folder, name);
		add_words(d, j, (const char *const[]){ path, NULL });
	}
}

static void
set_out(const struct demo *d, struct demo_job *j, const char *name)
{
	struct tally_buf path = TALLY_BUF_INIT;

	add_path(&path, d, name);
	j->out = tally_strdup(tally_buf_cstr(&path));
	tally_buf_deinit(&path);
}

static int
run_jobs(struct demo_job *jobs, size_t n, const char *what, struct tally_err *err)
{
	int status = fflush(stdout) == 0 ? 0 : tally_err_sys(err, "standard output");

	if (status == 0)
		status = demo_jobs_run(jobs, n, AT_ONCE, what, err);
	for (size_t i = 0; i < n; i++)
		demo_job_deinit(&jobs[i]);
	return status;
}

/* What the jobs printed becomes one file. */
static int
gather_keys(const struct demo *d, struct tally_err *err)
{
	struct tally_buf keys = TALLY_BUF_INIT, path = TALLY_BUF_INIT;
	int status = 0;

	for (unsigned c = 0; c < DEMO_CLUSTERS && status == 0; c++) {
		add_path(&path, d, "");
		tally_buf_addf(&path, "pinned.c%02u", c + 1);
		status = cli_read_input(tally_buf_cstr(&path), 1U << 20, &keys, err);
		if (status == 0 && unlink(tally_buf_cstr(&path)) < 0)
			status = tally_err_sys(err, "%s", tally_buf_cstr(&path));
	}
	if (status == 0)
		status = write_file(d, "pinned.vkeys", &keys, err);
	tally_buf_deinit(&keys);
	tally_buf_deinit(&path);
	return status;
}

static int
record(const struct demo *d, struct tally_err *err)
{
	struct demo_job jobs[DEMO_CLUSTERS] = { 0 };

	printf("  $ tally record %s/ledgers --from %s/events/c01.jsonl    (and c02 to c%02u)\n",
	       d->o->dir, d->o->dir, DEMO_CLUSTERS);
	for (unsigned c = 0; c < DEMO_CLUSTERS; c++) {
		char events[32], keys[32];

		(void)snprintf(events, sizeof(events), "/events/c%02u.jsonl", c + 1);
		(void)snprintf(keys, sizeof(keys), "pinned.c%02u", c + 1);
		add_words(d, &jobs[c],
			  (const char *const[]){ "tally", "record", "/ledgers", "--from", events,
						 NULL });
		set_out(d, &jobs[c], keys);
	}
	if (make_folder(d, "ledgers", err) < 0)
		return -1;
	if (run_jobs(jobs, DEMO_CLUSTERS, "demo: clusters recorded", err) < 0)
		return -1;
	return gather_keys(d, err);
}

static int
map(const struct demo *d, struct tally_err *err)
{
	struct demo_job job = { 0 };

	printf("  $ tally map %s/ledgers/h001 --from %s/cmdb.csv --by cmdb\n", d->o->dir,
	       d->o->dir);
	add_words(d, &job,
		  (const char *const[]){ "tally", "map", "/ledgers/h001", "--from", "/cmdb.csv",
					 "--by", "cmdb", NULL });
	return run_jobs(&job, 1, "demo: claims mapped", err);
}

static void
add_report(const struct demo *d, struct demo_job *j, const char *format)
{
	char out[64];

	if (strcmp(format, "text") == 0)
		(void)snprintf(out, sizeof(out), "/reports/report.txt");
	else if (strcmp(format, "focus") == 0)
		(void)snprintf(out, sizeof(out), "/reports/focus.csv");
	else
		(void)snprintf(out, sizeof(out), "/reports/report.%s",
			       strcmp(format, "rum") == 0 ? "xml" : format);
	add_words(d, j, (const char *const[]){ "tally", "report", NULL });
	add_hosts(d, j, "ledgers");
	add_words(d, j,
		  (const char *const[]){ "--from", DEMO_FROM, "--to", DEMO_TO, "--roster",
					 "/roster.yaml", "--entitlements", "/entitlements.yaml",
					 "--prices", "/prices.yaml", "--format", format, "-o", out,
					 NULL });
}

static int
report(const struct demo *d, struct tally_err *err)
{
	struct demo_job jobs[16] = { 0 };
	const char *dir = d->o->dir;
	size_t n = 0;

	printf("  $ tally report %s/ledgers/* --from " DEMO_FROM " --to " DEMO_TO
	       " --roster %s/roster.yaml \\\n"
	       "      --entitlements %s/entitlements.yaml --prices %s/prices.yaml --format json "
	       "-o %s/reports/report.json\n     ",
	       dir, dir, dir, dir, dir);
	for (; cli_report_formats[n] && n < sizeof(jobs) / sizeof(*jobs); n++) {
		if (strcmp(cli_report_formats[n], "json") != 0)
			printf("%s %s", n ? "," : " and in", cli_report_formats[n]);
		add_report(d, &jobs[n], cli_report_formats[n]);
	}
	printf("\n");
	if (make_folder(d, "reports", err) < 0)
		return -1;
	return run_jobs(jobs, n, "demo: formats written", err);
}

static int export(const struct demo *d, struct tally_err *err)
{
	struct demo_job *jobs = tally_alloc(d->estate.hosts * sizeof(*jobs));
	int status = make_folder(d, "exports", err);

	printf("  $ tally export %s/ledgers/h001 --to %s/exports/h001    (and each other host)\n",
	       d->o->dir, d->o->dir);
	for (unsigned h = 0; h < d->estate.hosts; h++) {
		char name[16], from[32], to[32];

		demo_host_name(name, (uint16_t)h);
		(void)snprintf(from, sizeof(from), "/ledgers/%s", name);
		(void)snprintf(to, sizeof(to), "/exports/%s", name);
		add_words(d, &jobs[h],
			  (const char *const[]){ "tally", "export", from, "--to", to, NULL });
	}
	if (status == 0)
		status = run_jobs(jobs, d->estate.hosts, "demo: ledgers exported", err);
	free(jobs);
	return status;
}

static int
verify(const struct demo *d, struct tally_err *err)
{
	const char *dir = d->o->dir;
	struct demo_job job = { 0 };

	printf("  $ tally verify %s/reports/report.json %s/exports/* %s/*.yaml --anchor "
	       "%s/pinned.vkeys\n",
	       dir, dir, dir, dir);
	add_words(d, &job,
		  (const char *const[]){ "tally", "verify", "/reports/report.json", "/roster.yaml",
					 "/entitlements.yaml", "/prices.yaml", "--anchor",
					 "/pinned.vkeys", NULL });
	add_hosts(d, &job, "exports");
	if (run_jobs(&job, 1, "demo: verified", err) < 0)
		return -1;
	printf("    it holds\n");
	return 0;
}

/* The polls, and the story as the report has it. */
static int
tell(const struct demo *d, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT, json = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	int status;

	add_path(&path, d, "reports/report.json");
	status = cli_read_input(tally_buf_cstr(&path), REPORT_MAX, &json, err);
	tally_buf_add_str(&text, "\nThe same estate through a tool that polls (polls.txt)\n");
	demo_polls_text(d->polls, POLLS, &text);
	if (status == 0)
		status = demo_tell(&d->estate, tally_buf_view(&json), d->o->dir, &text, err);
	if (status == 0)
		status = cli_print(tally_buf_view(&text), err);
	if (status == 0)
		status = write_file(d, "STORY.txt", &text, err);
	tally_buf_deinit(&path);
	tally_buf_deinit(&json);
	tally_buf_deinit(&text);
	return status;
}

static int
run(struct demo *d, struct tally_err *err)
{
	if (check_folder(d->o->dir, err) < 0)
		return -1;
	if (demo_estate_make(&d->estate, (unsigned)d->o->hosts, d->o->seed, err) < 0)
		return -1;
	printf("%u hosts, %zu machines, %zu events over 120 days. None of them ever was.\n",
	       d->estate.hosts, d->estate.vm_count, d->estate.count);
	if (write_files(d, err) < 0 || record(d, err) < 0 || map(d, err) < 0 || report(d, err) < 0)
		return -1;
	if (export(d, err) < 0 || verify(d, err) < 0)
		return -1;
	return tell(d, err);
}

int
cli_demo(int argc, char **argv, struct tally_err *err)
{
	struct options o = { .hosts = 200, .seed = 1 };
	struct demo d = { .o = &o };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.what || strcmp(o.what, "estate") != 0)
		return tally_err_set(err, TALLY_USE, "there is one demo: tally demo estate -o DIR");
	if (!o.dir)
		return cli_missing("demo", "-o DIR", err);
	if (o.hosts > UINT16_MAX)
		return tally_err_set(err, TALLY_USE, "--hosts: no estate is that large");
	status = run(&d, err);
	demo_estate_deinit(&d.estate);
	return status;
}
