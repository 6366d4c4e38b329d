/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to look at: each part of the story, what the report says of it in its own words,
 * and the command that shows the entries behind it. What the report does not say is an
 * error: then the demo shows nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "demo.h"
#include "tally/err.h"
#include "tally/json.h"

#define WIDTH 96U

struct telling {
	const struct demo_estate *e;
	const struct tally_json *report;
	const char *dir;
	struct tally_buf *out;
	unsigned part;
	struct tally_err *err;
};

static bool
is(const struct tally_json *row, const char *key, const char *value)
{
	return tally_bytes_eq(tally_json_string(tally_json_get(row, key)), tally_bytes_str(value));
}

/* Words in lines, each behind `indent` blanks. */
static void
add_wrapped(struct tally_buf *out, unsigned indent, struct tally_bytes text)
{
	size_t column = 0;

	for (size_t i = 0, end; i < text.len; i = end + 1) {
		for (end = i; end < text.len && text.p[end] != ' '; end++)
			;
		if (column > 0 && column + 1 + (end - i) > WIDTH) {
			tally_buf_add_str(out, "\n");
			column = 0;
		}
		tally_buf_addf(out, "%*s", column == 0 ? (int)indent : 1, "");
		column += (column == 0 ? indent : 1) + (end - i);
		tally_buf_add(out, text.p + i, end - i);
	}
	tally_buf_add_str(out, "\n");
}

static void
begin_part(struct telling *t, const char *what)
{
	tally_buf_addf(t->out, "\n%u. ", ++t->part);
	add_wrapped(t->out, 0, tally_bytes_str(what));
}

/* "$ tally WORDS DIR/FOLDER/HOST REST" */
static void
add_command(struct telling *t, uint16_t host, const char *rest)
{
	char name[16];

	demo_host_name(name, host);
	tally_buf_addf(t->out, "   $ tally log %s/ledgers/%s %s\n", t->dir, name, rest);
}

static void
add_vm_command(struct telling *t, uint16_t host, uint16_t vm)
{
	char rest[64];

	(void)snprintf(rest, sizeof(rest), "--vm %s", t->e->vms[vm].uuid);
	add_command(t, host, rest);
}

/* The report's finding of this kind that names this. */
static int
add_finding(struct telling *t, const char *kind, const char *name)
{
	const struct tally_json *all = tally_json_get(t->report, "findings");

	for (size_t i = 0; i < tally_json_count(all); i++) {
		const struct tally_json *row = tally_json_at(all, i);
		struct tally_bytes text = tally_json_string(tally_json_get(row, "text"));

		if (!is(row, "kind", kind) || !memmem(text.p, text.len, name, strlen(name)))
			continue;
		tally_buf_addf(t->out, "   finding %s:\n", kind);
		add_wrapped(t->out, 6, text);
		return 0;
	}
	return tally_err_set(t->err, TALLY_FAILS, "the report has no finding %s about %s", kind,
			     name);
}

static int
find_position(struct telling *t, const char *scope, const char *id, const struct tally_json **out)
{
	const struct tally_json *all = tally_json_get(t->report, "positions");

	for (size_t i = 0; i < tally_json_count(all); i++) {
		*out = tally_json_at(all, i);
		if (is(*out, "rule", "windows-server-standard/host") && is(*out, "scope", scope) &&
		    is(*out, "id", id))
			return 0;
	}
	return tally_err_set(t->err, TALLY_FAILS,
			     "the report has no position of Windows Server for %s %s", scope, id);
}

static int
tell_patch(struct telling *t)
{
	const struct demo_story *s = &t->e->story;
	const struct tally_json *host, *fleet;
	struct tally_bytes at;
	char name[16], other[16];
	struct tally_buf text = TALLY_BUF_INIT;
	int64_t measured, usual = 2 * 2 * (int64_t)demo_cores(demo_cluster(t->e, s->patched));

	demo_host_name(name, s->patched);
	demo_host_name(other, s->emptied);
	if (find_position(t, "host", name, &host) < 0 ||
	    find_position(t, "fleet", "fleet", &fleet) < 0)
		return -1;
	measured = tally_json_int(tally_json_get(host, "measured"));
	at = tally_json_string(tally_json_get(host, "at"));
	if (measured != 2 * usual)
		return tally_err_set(t->err, TALLY_FAILS, "%s: %" PRId64 " cores, not %" PRId64,
				     name, measured, 2 * usual);
	tally_buf_addf(&text,
		       "A patch night. %s was emptied onto %s for 22 minutes, and twice the "
		       "Windows guests stood there.",
		       other, name);
	begin_part(t, tally_buf_cstr(&text));
	tally_buf_addf(t->out,
		       "   position windows-server-standard/host, host %s: %" PRId64
		       " cores in place of %" PRId64 ", at %.*s;\n"
		       "   the fleet needs %" PRId64 ", %" PRId64
		       " are held: bought by the hourly list, which never saw that night\n",
		       name, measured, usual, (int)at.len, (const char *)at.p,
		       tally_json_int(tally_json_get(fleet, "measured")),
		       tally_json_int(tally_json_get(fleet, "entitled")));
	add_command(t, s->patched, "--kind migrated-in");
	tally_buf_deinit(&text);
	return 0;
}

static int
tell_leaver(struct telling *t)
{
	const struct demo_story *s = &t->e->story;
	const struct demo_vm *m = &t->e->vms[s->leaver];

	begin_part(t, "A machine left the estate, and came back a week later.");
	if (add_finding(t, "left-estate", m->uuid) < 0 ||
	    add_finding(t, "entered-estate", m->uuid) < 0)
		return -1;
	add_vm_command(t, s->left_host, s->leaver);
	return 0;
}

static int
tell_clone(struct telling *t)
{
	const struct demo_story *s = &t->e->story;
	const struct demo_vm *m = &t->e->vms[s->clone];

	begin_part(t, "A clone: one saved state was restored twice, and ran on two hosts at once.");
	if (add_finding(t, "uuid-conflict", m->uuid) < 0 || add_finding(t, "clone", m->uuid) < 0)
		return -1;
	add_vm_command(t, s->clone_host, s->clone);
	add_vm_command(t, s->second_host, s->clone);
	return 0;
}

static int
tell_meter(struct telling *t)
{
	const struct demo_story *s = &t->e->story;
	char name[16];

	demo_host_name(name, s->unmetered);
	begin_part(t, "A day and a quarter without a meter; one machine was gone behind it.");
	if (add_finding(t, "gap", name) < 0 || add_finding(t, "coverage-low", name) < 0 ||
	    add_finding(t, "stop-uncertain", t->e->vms[s->vanished].uuid) < 0)
		return -1;
	add_command(t, s->unmetered, "--kind gap");
	return 0;
}

static int
tell_forger(struct telling *t)
{
	const struct demo_story *s = &t->e->story;

	begin_part(t,
		   "A forged claim: the agent in a Windows guest calls it Ubuntu for seven weeks.");
	if (add_finding(t, "os-conflict", t->e->vms[s->forged].uuid) < 0)
		return -1;
	add_vm_command(t, s->forged_host, s->forged);
	return 0;
}

static int
tell_papers(struct telling *t)
{
	char missing[16];

	demo_host_name(missing, (uint16_t)t->e->hosts);
	begin_part(t,
		   "Papers that do not match: a host of the roster that never reported, a licence "
		   "that ran out, an edition that nobody holds.");
	if (add_finding(t, "roster-missing", missing) < 0 ||
	    add_finding(t, "entitlement-expired", "PO-3") < 0)
		return -1;
	return add_finding(t, "edition-mismatch", t->e->vms[t->e->story.datacenter].uuid);
}

/* What to do next. */
static void
add_end(struct telling *t)
{
	const char *d = t->dir;

	tally_buf_addf(t->out,
		       "\nAll of it: %s/reports/report.txt, or in a spreadsheet report.csv\n", d);
	for (size_t i = 0; cli_report_formats[i]; i++)
		if (strcmp(cli_report_formats[i], "html") == 0)
			tally_buf_addf(t->out,
				       "To click through, and to check itself in a browser: "
				       "%s/reports/report.html\n",
				       d);
	tally_buf_addf(t->out,
		       "Change any byte below %s/exports, and verify again with the command above. "
		       "Remove %s\nwhen you have seen enough: nothing else was touched.\n",
		       d, d);
}

int
demo_tell(const struct demo_estate *e, struct tally_bytes json, const char *dir,
	  struct tally_buf *out, struct tally_err *err)
{
	static int (*const parts[])(struct telling * t) = { tell_patch, tell_leaver, tell_clone,
							    tell_meter, tell_forger, tell_papers };
	struct telling t = { .e = e, .dir = dir, .out = out, .err = err };
	struct tally_json_doc *doc;
	int status = 0;

	if (tally_json_parse(&doc, json, err) < 0)
		return tally_err_prefix(err, "report.json");
	t.report = tally_json_root(doc);
	tally_buf_add_str(out, "\nWhat happened, and what the report says of it\n");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && status == 0; i++)
		status = parts[i](&t);
	if (status == 0)
		add_end(&t);
	tally_json_free(doc);
	return status;
}
