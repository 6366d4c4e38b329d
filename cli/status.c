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

struct options {
	struct cli_input input;
	const char *ledger;
	bool json;
};

struct standing {
	struct tally_store *store;
	char root[48], vkey[512];
	uint64_t size, covered; /* entries; those under the newest checkpoint */
	uint64_t pid;           /* of the holder, 0 none */
	char checkpoint[TALLY_TIME_TEXT], last[TALLY_TIME_TEXT]; /* empty: none */
	struct tally_json_doc *report;
	const struct tally_json *coverage; /* the ledger's row; NULL: none */
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
	"evidence, how much of its host's time was metered, and the gaps.\v"
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
	return r;
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

/* A text of the coverage row; NULL where there is none. */
static const char *
coverage_text(const struct standing *st, const char *key)
{
	const struct tally_json *v = st->coverage ? tally_json_get(st->coverage, key) : NULL;

	return v && tally_json_type(v) == TALLY_JSON_STRING ? (const char *)tally_json_string(v).p
							    : NULL;
}

static void
put(struct tally_jsonw *w, const char *key, const char *text)
{
	tally_jsonw_key(w, key);
	if (text && text[0])
		tally_jsonw_str(w, text);
	else
		tally_jsonw_null(w);
}

static void
put_number(struct tally_jsonw *w, const char *key, uint64_t number)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, number);
}

static const char *
gap_text(const struct tally_json *gap, const char *key)
{
	const struct tally_json *v = tally_json_get(gap, key);

	return v ? (const char *)tally_json_string(v).p : NULL;
}

static void
put_gaps(struct tally_jsonw *w, const struct tally_json *gaps)
{
	tally_jsonw_key(w, "gaps");
	tally_jsonw_array(w);
	for (size_t i = 0; gaps && i < tally_json_count(gaps); i++) {
		const struct tally_json *gap = tally_json_at(gaps, i);

		tally_jsonw_object(w);
		put(w, "from", gap_text(gap, "from"));
		put(w, "reason", gap_text(gap, "reason"));
		put(w, "to", gap_text(gap, "to"));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
as_json(const struct standing *st, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	tally_jsonw_object(w);
	put_number(w, "after_checkpoint", st->size - st->covered);
	put(w, "checkpoint", st->checkpoint);
	put_number(w, "checkpoint_size", st->covered);
	put(w, "class", tally_class_name(TALLY_CLASS_SELF_DECLARED));
	put(w, "coverage", coverage_text(st, "coverage"));
	put_gaps(w, st->coverage ? tally_json_get(st->coverage, "gaps") : NULL);
	tally_jsonw_key(w, "holder");
	if (st->pid > 0)
		tally_jsonw_u64(w, st->pid);
	else
		tally_jsonw_null(w);
	put(w, "last_entry", st->last);
	put(w, "metered_seconds", coverage_text(st, "metered_seconds"));
	put(w, "origin", tally_store_origin(st->store));
	put(w, "powered_seconds", coverage_text(st, "powered_seconds"));
	put(w, "root", st->root);
	put_number(w, "size", st->size);
	put(w, "transport", tally_store_transport(st->store));
	put(w, "unattested_seconds", coverage_text(st, "unattested_seconds"));
	put(w, "vkey", st->vkey);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_u8(out, '\n');
}

static void
text_gaps(const struct tally_json *gaps, struct tally_buf *out)
{
	for (size_t i = 0; gaps && i < tally_json_count(gaps); i++) {
		const struct tally_json *gap = tally_json_at(gaps, i);

		tally_buf_addf(out, "gap          %s to %s", gap_text(gap, "from"),
			       gap_text(gap, "to"));
		if (gap_text(gap, "reason")) {
			tally_buf_add_str(out, ": ");
			tally_printable(out, tally_bytes_str(gap_text(gap, "reason")));
		}
		tally_buf_add_u8(out, '\n');
	}
}

static void
as_text(const struct standing *st, struct tally_buf *out)
{
	const char *coverage = coverage_text(st, "coverage");

	tally_buf_addf(out, "origin       %s\nvkey         %s\n", tally_store_origin(st->store),
		       st->vkey);
	tally_buf_addf(out, "size         %" PRIu64 "\nroot         %s\n", st->size, st->root);
	if (st->checkpoint[0])
		tally_buf_addf(out,
			       "checkpoint   %s, over %" PRIu64 " entries; %" PRIu64 " after it\n",
			       st->checkpoint, st->covered, st->size - st->covered);
	else
		tally_buf_add_str(out, "checkpoint   none\n");
	if (st->last[0])
		tally_buf_addf(out, "last entry   %s\n", st->last);
	tally_buf_addf(out, "class        %s, %s: nothing pinned off the host was asked\n",
		       tally_class_name(TALLY_CLASS_SELF_DECLARED),
		       tally_store_transport(st->store));
	if (coverage)
		tally_buf_addf(out, "coverage     %s (%s of %s s powered)\n", coverage,
			       coverage_text(st, "metered_seconds"),
			       coverage_text(st, "powered_seconds"));
	else
		tally_buf_add_str(out, "coverage     none: no powered time yet\n");
	if (st->pid > 0)
		tally_buf_addf(out, "held by      process %" PRIu64 "\n", st->pid);
	else
		tally_buf_add_str(out, "held by      nobody\n");
	text_gaps(st->coverage ? tally_json_get(st->coverage, "gaps") : NULL, out);
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
		if (o.json)
			as_json(&st, &text);
		else
			as_text(&st, &text);
		status = cli_print(tally_buf_view(&text), err);
	}
	tally_buf_deinit(&text);
	tally_json_free(st.report);
	tally_store_close(st.store);
	return status;
}
