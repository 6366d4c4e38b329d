/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tally status`: how a ledger stands. Coverage and gaps are those of a report
 * over all its entries, so that there is one meaning of both.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tally/csv.h"
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/file.h"
#include "tally/json.h"
#include "tally/parse.h"
#include "cli.h"
#include "ledger.h"
#include "source.h"
#include "status.h"

struct options {
	struct cli_input input;
	const char *ledger;
	bool json;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "json", 'j', NULL, 0, "One JSON object", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER",
	"Say how a ledger stands: its names, size and root, its newest checkpoint, the class of "
	"its "
	"evidence, how much of its host's time was metered, and the gaps; and what the agent that "
	"holds it is doing.\v"
	"Example:\n  tally status /var/lib/tallystick/ledger\n",
	NULL,
	NULL,
	NULL,
};

/* The lock's file names its holder; a shared try tells whether there is one. */
static uint64_t
find_holder(const char *path)
{
	struct tally_buf name = TALLY_BUF_INIT;
	char text[24];
	uint64_t pid = 0;
	ssize_t n;
	int fd;

	tally_buf_addf(&name, "%s/lock", path);
	fd = open(tally_buf_cstr(&name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	tally_buf_deinit(&name);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		n = read(fd, text, sizeof(text));
		if (n < 2 || !tally_parse_u64(&pid, text, (size_t)n - 1, INT32_MAX))
			pid = 0;
	}
	close(fd);
	return pid;
}

static int
entry_time(struct tally_store *s, uint64_t index, char out[TALLY_TIME_TEXT], struct tally_err *err)
{
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_header h;
	int r = tally_store_entry(s, index, &record, NULL, NULL, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "entry %" PRIu64 " is missing", index);
	if (r > 0)
		r = tally_record_read(&h, record.p, err);
	if (r == 0)
		tally_wall_text(out, (struct tally_wall){ (int64_t)h.wall });
	tally_buf_deinit(&record);
	return r;
}

static int
read_head(struct standing *st, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct cli_newest newest;
	uint8_t root[TALLY_HASH];
	int r = tally_store_head(st->store, &st->size, root, err);

	if (r < 0)
		return -1;
	tally_buf_add_base64(&text, root, sizeof(root));
	(void)snprintf(st->root, sizeof(st->root), "%s", tally_buf_cstr(&text));
	tally_buf_clear(&text);
	tally_vkey_text(&text, tally_store_vkey(st->store));
	(void)snprintf(st->vkey, sizeof(st->vkey), "%s", tally_buf_cstr(&text));
	tally_buf_deinit(&text);
	if (st->size > 0)
		r = entry_time(st->store, st->size - 1, st->last, err);
	if (r == 0) {
		r = cli_newest_read(&newest, st->store, err);
		if (r > 0)
			st->covered = newest.checkpoint.size;
		cli_newest_deinit(&newest);
	}
	if (r > 0)
		r = st->covered > 0 ? entry_time(st->store, st->covered - 1, st->checkpoint, err)
				    : 0;
	return r < 0 ? -1 : tally_store_anchors(st->store, &st->anchors, err);
}

static int
read_coverage(struct standing *st, struct tally_err *err)
{
	struct tally_report_options o = { .to = { TALLY_WALL_MAX - 1 },
					  .tool = "tally",
					  .tzdata = "none",
					  .sha256 = tally_sha256 };
	struct cli_sources sources;
	struct tally_report *report = NULL;
	struct tally_zone *utc = NULL;
	struct tally_buf text = TALLY_BUF_INIT;
	int status;

	if (st->size == 0)
		return 0;
	status = cli_sources_open_head(&sources, st->store, err);
	if (status == 0)
		status = tally_zone_open(&utc, "UTC", err);
	o.zone = utc;
	if (status == 0)
		status = tally_report_make(&report, sources.ledgers, 1, &o, err);
	if (status == 0)
		status = cli_sources_check(&sources, err);
	if (status == 0) {
		tally_report_json(report, &text);
		status = tally_json_parse(&st->report, tally_buf_view(&text), err);
	}
	if (status == 0)
		st->coverage =
			tally_json_at(tally_json_get(tally_json_root(st->report), "coverage"), 0);
	tally_report_free(report);
	tally_zone_free(utc);
	tally_buf_deinit(&text);
	cli_sources_deinit(&sources);
	return status;
}

int
cli_status(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct standing st = { 0 };
	struct tally_buf text = TALLY_BUF_INIT;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.ledger)
		return cli_missing("status", "LEDGER", err);
	if (tally_store_open(&st.store, o.ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	st.pid = find_holder(o.ledger);
	status = read_head(&st, err);
	if (status == 0)
		status = read_coverage(&st, err);
	if (status == 0) {
		status_agent_ask(&st.agent, o.ledger, st.pid);
		if (o.json)
			status_json(&st, &text);
		else
			status_text(&st, tally_clock_now(tally_clock_real()).wall, &text);
		status = cli_print(tally_buf_view(&text), err);
	}
	tally_buf_deinit(&text);
	status_agent_deinit(&st.agent);
	tally_json_free(st.report);
	tally_store_close(st.store);
	return status;
}
