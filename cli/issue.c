/* SPDX-License-Identifier: Apache-2.0 */
/* The entry that says which report was issued, from the report itself. */
#include <string.h>
#include <sys/stat.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/json.h"
#include "tally/parse.h"
#include "cli.h"
#include "issue.h"
#include "ledger.h"

int
cli_issue_asked(bool issue, const char *by, struct tally_err *err)
{
	if (by && !issue)
		return tally_err_set(err, TALLY_USE, "--by: goes with --issue");
	return cli_check_by(by, err);
}

int
cli_issue_check(const char *const *paths, size_t n, struct tally_err *err)
{
	struct tally_buf data = TALLY_BUF_INIT;
	struct stat st;
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++) {
		tally_buf_clear(&data);
		tally_buf_addf(&data, "%s/data.mdb", paths[i]);
		if (stat(paths[i], &st) < 0)
			status = tally_err_sys(err, "%s", paths[i]);
		else if (stat(tally_buf_cstr(&data), &st) < 0)
			status = tally_err_set(err, TALLY_USE,
					       "--issue: %s: no ledger: an issue is an entry of "
					       "each ledger that the report rests on",
					       paths[i]);
	}
	tally_buf_deinit(&data);
	return status;
}

/* A report of our own making: what is missing there is a bug. */
static struct tally_bytes
text_of(const struct tally_json *head, const char *key)
{
	const struct tally_json *v = tally_json_get(head, key);

	TALLY_ASSERT(v);
	return tally_json_string(v);
}

static uint64_t
time_of(const struct tally_json *head, const char *key)
{
	struct tally_bytes text = text_of(head, key);
	struct tally_wall t = { 0 };
	bool good = tally_wall_parse(&t, (const char *)text.p, text.len, false);

	TALLY_ASSERT(good);
	return (uint64_t)t.ns;
}

static void
take_id(uint8_t out[TALLY_HASH], const struct tally_json *head, const char *key)
{
	struct tally_bytes hex = text_of(head, key);
	bool good = tally_unhex(out, TALLY_HASH, (const char *)hex.p, hex.len);

	TALLY_ASSERT(good);
}

int
cli_issue_take(struct cli_issue *i, struct tally_bytes json, const char *by, struct tally_err *err)
{
	struct tally_json_doc *doc;
	const struct tally_json *head, *old;

	*i = (struct cli_issue){ .ev = { .kind = TALLY_REPORT_ISSUED } };
	if (tally_json_parse(&doc, json, err) < 0)
		return -1;
	if (by)
		tally_buf_add_str(&i->by, by);
	else
		cli_user_name(&i->by);
	tally_sha256(i->digest, json);
	head = tally_json_get(tally_json_root(doc), "report");
	old = tally_json_get(head, "supersedes");
	take_id(i->report, head, "id");
	i->ev.o.has_source = true;
	i->ev.o.source = TALLY_SRC_OPERATOR;
	i->ev.o.by = tally_buf_view(&i->by);
	i->ev.o.file_hash = tally_bytes(i->digest, TALLY_HASH);
	i->ev.o.report = tally_bytes(i->report, TALLY_HASH);
	if (old && tally_json_type(old) != TALLY_JSON_NULL) {
		take_id(i->supersedes, head, "supersedes");
		i->ev.o.supersedes = tally_bytes(i->supersedes, TALLY_HASH);
	}
	i->ev.o.has_period_from = i->ev.o.has_period_to = true;
	i->ev.o.period_from = time_of(head, "from");
	i->ev.o.period_to = time_of(head, "to");
	tally_json_free(doc);
	return 0;
}

static int
append_here(struct cli_ledger *l, const struct tally_event *ev, struct tally_err *err)
{
	uint64_t index;

	if (cli_ledger_seal(l, false, err) < 0 ||
	    tally_store_append_event(l->store, ev, &index, err) < 0)
		return -1;
	return cli_ledger_checkpoint(l, err) < 0 ? -1 : 0;
}

static int
append_there(const char *path, const struct tally_event *ev, struct tally_err *err)
{
	struct tally_buf line = TALLY_BUF_INIT;
	int status;

	tally_buf_add_str(&line, "{\"op\":\"append\",\"entries\":[");
	status = cli_ledger_entry_json(&line, ev, err);
	tally_buf_add_str(&line, "]}");
	if (status == 0)
		status = cli_ledger_ask(path, tally_buf_cstr(&line), err);
	if (status == 0)
		status = cli_ledger_ask(path, "{\"op\":\"checkpoint\"}", err);
	tally_buf_deinit(&line);
	return status;
}

int
cli_issue_append(const struct cli_issue *i, const char *const *paths, size_t n,
		 struct tally_err *err)
{
	for (size_t k = 0; k < n; k++) {
		struct cli_ledger l;
		int status = cli_ledger_open(&l, paths[k], true, err);

		if (status == 0) {
			status = l.store ? append_here(&l, &i->ev, err)
					 : append_there(paths[k], &i->ev, err);
			status = cli_ledger_close(&l, status, err);
		}
		if (status < 0) {
			(void)cli_ledger_prefix(paths[k], err);
			return tally_err_prefix(err, "--issue");
		}
	}
	return 0;
}

void
cli_issue_deinit(struct cli_issue *i)
{
	tally_buf_deinit(&i->by);
}
