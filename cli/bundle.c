/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tally bundle`: a report in every format with all that it was made from, in one file that
 * `tally verify` makes again. The report comes first, the ledgers' exports behind it, so
 * that whatever an agent appends meanwhile, no export ends before the report does. For one
 * licensor the exports come first, and the report is made from what is disclosed in them.
 */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/bundle.h"
#include "tally/err.h"
#include "tally/file.h"
#include "tally/json.h"
#include "tally/report.h"
#include "bundle.h"
#include "cli.h"
#include "disclose.h"
#include "issue.h"
#include "packs.h"
#include "report_inputs.h"

#define PRICES_MAX (UINT32_C(1) << 20)

struct options {
	struct cli_input input;
	struct cli_report_inputs inputs;
	const char *out, *compare, *prices, *by;
	const char **with; /* what superseded reports were made from */
	size_t n_with;
	bool strict, issue;
	struct bundle_items items;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		return cli_take_one(&o->input, &o->compare, "--compare", arg);
	case 'p':
		return cli_take_one(&o->input, &o->prices, "--prices", arg);
	case 's':
		o->strict = true;
		return 0;
	case 'o':
		return cli_take_one(&o->input, &o->out, "-o", arg);
	case 'F':
		return cli_take_one(&o->input, &o->inputs.licensor, "--for", arg);
	case 'i':
		o->issue = true;
		return 0;
	case 'b':
		return cli_take_one(&o->input, &o->by, "--by", arg);
	case 'H':
		o->inputs.with_high = true;
		return 0;
	case 'w':
		o->with = tally_realloc_array(o->with, o->n_with + 1, sizeof(*o->with));
		o->with[o->n_with++] = arg;
		return 0;
	default:
		return cli_report_take(&o->inputs, &o->input, key, arg);
	}
}

static const struct argp_option argp_options[] = {
	CLI_REPORT_INPUTS,
	{ NULL, 'o', "FILE", 0, "The file to write", 0 },
	{ "compare", 'c', "OLD", 0, "The JSON report that this one supersedes", 0 },
	{ "with", 'w', "FILE", 0,
	  "What superseded reports were made from, and they themselves; may be given again", 0 },
	{ "prices", 'p', "FILE", 0, "A price list: charge what ran", 0 },
	{ "for", 'F', "LICENSOR", 0,
	  "Only what runs this vendor's products in the clear, by its rule packs; everything else "
	  "as commitments",
	  0 },
	{ "high", 'H', NULL, 0, "With --for: tell the worst reading of its rules, too", 0 },
	{ "issue", 'i', NULL, 0,
	  "Put into each ledger that this report was issued, and that into the bundle", 0 },
	{ "by", 'b', "NAME", 0, "With --issue: who issues it, or else the user", 0 },
	{ "strict", 's', NULL, 0, "Exit 1 where what is held does not cover what was measured", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER|EXPORT... --from T --to T -o FILE",
	"Write one ZIP file for an auditor: the report in every format, the entries that it rests "
	"on, checkpoints and TPM evidence, the rule packs, what is held and charged, and a "
	"manifest. 'tally verify FILE' proves the log again and makes the report again, byte for "
	"byte.\v"
	"Example:\n  tally bundle estate/* --from 2026-03 --to 2026-04 -o march.zip\n",
	NULL,
	NULL,
	NULL,
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int
take_format(void *ctx, const char *name, struct tally_bytes content, struct tally_err *err)
{
	struct bundle_items *items = ctx;
	struct tally_buf full = TALLY_BUF_INIT;

	(void)err;
	tally_buf_addf(&full, "report/%s", name);
	bundle_add(items, tally_buf_cstr(&full), content);
	tally_buf_deinit(&full);
	return 0;
}

/* The parameters, as the report itself tells them. */
static int
add_about(struct bundle_items *items, const struct tally_bundle_about *about, struct tally_err *err)
{
	const struct bundle_item *report = bundle_find(items, "report/report.json");
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_json_doc *doc;

	TALLY_ASSERT(report);
	if (tally_json_parse(&doc, tally_buf_view(&report->content), err) < 0)
		return -1;
	tally_bundle_about(&text, tally_json_get(tally_json_root(doc), "report"), about);
	tally_json_free(doc);
	bundle_add(items, "bundle.json", tally_buf_view(&text));
	tally_buf_deinit(&text);
	return 0;
}

static int
use_report(void *ctx, struct tally_report *r, const struct tally_report_options *ro,
	   struct tally_err *err)
{
	struct options *o = ctx;
	struct tally_bundle_about about = { .strict = o->strict };
	const struct tally_report_input *const files[] = { ro->entitlements, ro->roster };
	static const char *const folders[] = { "inputs/entitlements", "inputs/roster" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i])
			bundle_add_input(&o->items, folders[i], files[i]->name, files[i]->content);
	(void)tally_report_short(r, &about.lacks);
	if (tally_report_files(r, take_format, &o->items, err) < 0)
		return -1;
	return add_about(&o->items, &about, err);
}

/* A file of this subcommand's own: it goes into the bundle as it is. */
static int
take_file(struct options *o, const char *option, const char *folder, const char *path, size_t most,
	  struct cli_file *f, struct tally_err *err)
{
	if (cli_file_read(f, option, path, most, err) < 0)
		return -1;
	bundle_add_input(&o->items, folder, path, f->input.content);
	return 0;
}

/* Each in a folder of its own: their names may be alike. */
static int
take_with(struct options *o, struct tally_err *err)
{
	struct tally_buf folder = TALLY_BUF_INIT;
	int status = 0;

	for (size_t i = 0; i < o->n_with && status == 0; i++) {
		struct cli_file f = { 0 };

		tally_buf_clear(&folder);
		tally_buf_addf(&folder, "inputs/with/%zu", i);
		status = take_file(o, "--with", tally_buf_cstr(&folder), o->with[i],
				   TALLY_BUNDLE_INPUT_MAX, &f, err);
		cli_file_deinit(&f);
	}
	tally_buf_deinit(&folder);
	return status;
}

/* All of the folder's, or the licensor's. */
struct taking {
	struct bundle_items *items;
	const char *licensor;
};

static void
take_pack(void *ctx, const char *path, struct tally_bytes content)
{
	const struct taking *t = ctx;
	struct tally_err ignored = TALLY_ERR_INIT; /* the report was made with them */
	struct tally_pack *pack = NULL;

	if (!t->licensor || (tally_pack_parse(&pack, path, content, &ignored) == 0 &&
			     cli_pack_is_of(pack, t->licensor)))
		bundle_add_input(t->items, "rules", path, content);
	tally_pack_free(pack);
}

static int
make_report(struct options *o, struct tally_err *err)
{
	struct tally_report_options ro = { .stays = true };
	struct cli_file old = { 0 }, list = { 0 };
	struct tally_prices *prices = NULL;
	int status = 0;

	if (o->compare) {
		status = take_file(o, "--compare", "inputs/old", o->compare, TALLY_BUNDLE_INPUT_MAX,
				   &old, err);
		ro.old = &old.input;
	}
	if (status == 0 && o->prices) {
		status = take_file(o, "--prices", "inputs/prices", o->prices, PRICES_MAX, &list,
				   err);
		if (status == 0 &&
		    tally_prices_parse(&prices, list.input.name, list.input.content, err) < 0)
			status = tally_err_prefix(err, "--prices");
		ro.prices = prices;
	}
	if (status == 0)
		status = cli_report_make(&o->inputs, &ro, use_report, o, err);
	cli_file_deinit(&old);
	cli_file_deinit(&list);
	tally_prices_free(prices);
	return status;
}

static int
make_ledgers(struct options *o, struct bundle_ledgers *l, struct tally_err *err)
{
	struct cli_packs packs = { 0 };
	int status = 0;

	if (o->inputs.licensor) {
		if (cli_packs_open(&packs, o->inputs.rules, err) < 0)
			return -1;
		status = cli_packs_of(&packs, o->inputs.licensor, err);
		l->only = &packs;
	}
	if (status == 0)
		status = bundle_add_ledgers(&o->items, l, err);
	l->only = NULL;
	cli_packs_deinit(&packs);
	return status;
}

static int
issue_report(struct options *o, struct tally_err *err)
{
	const struct bundle_item *report = bundle_find(&o->items, "report/report.json");
	struct cli_issue says;
	int status;

	TALLY_ASSERT(report);
	status = cli_issue_take(&says, tally_buf_view(&report->content), o->by, err);
	if (status == 0)
		status = cli_issue_append(&says, o->inputs.paths, o->inputs.count, err);
	cli_issue_deinit(&says);
	return status;
}

/* A licensor's report is made from what the licensor sees: there the exports come first. What is
 * issued cannot be taken back: nothing but the exports and the writing of the file comes behind. */
static int
make_members(struct options *o, struct bundle_ledgers *l, struct tally_err *err)
{
	struct taking taking = { &o->items, o->inputs.licensor };
	int status = 0;

	if (o->inputs.licensor) {
		status = make_ledgers(o, l, err);
		for (size_t i = 0; i < l->n && status == 0; i++)
			o->inputs.paths[i] = l->dirs[i];
	}
	if (status == 0)
		status = make_report(o, err);
	if (status == 0)
		status = take_with(o, err);
	if (status == 0)
		status = cli_packs_each(o->inputs.rules, take_pack, &taking, err);
	if (status == 0)
		status = bundle_settle(&o->items, err);
	if (status == 0 && o->issue)
		status = issue_report(o, err);
	if (status == 0 && !o->inputs.licensor)
		status = make_ledgers(o, l, err);
	return status;
}

/* Exports are made beside the file, where there is room for both. */
static int
make_bundle(struct options *o, struct tally_err *err)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	const char **paths = tally_alloc((o->inputs.count + 1) * sizeof(*paths));
	struct bundle_ledgers l = { .paths = paths, .n = o->inputs.count };
	int status = 0;

	for (size_t i = 0; i < o->inputs.count; i++)
		paths[i] = o->inputs.paths[i];
	tally_buf_addf(&scratch, "%s.d.XXXXXX", o->out);
	l.scratch = tally_buf_cstr(&scratch);
	if (!mkdtemp((char *)scratch.p)) {
		status = tally_err_sys(err, "%s", o->out);
	} else {
		status = make_members(o, &l, err);
		if (status == 0 && bundle_write(&o->items, o->out, err) < 0)
			status = tally_err_prefix(err, "%s", o->out);
		nftw(l.scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	}
	for (size_t i = 0; l.dirs && i < l.n; i++)
		free(l.dirs[i]);
	free(l.dirs);
	free(paths);
	tally_buf_deinit(&scratch);
	return status;
}

/* What lacks, as the bundle tells it. The bundle is there all the same. */
static int
judge(const struct options *o, struct tally_err *err)
{
	const struct bundle_item *about = bundle_find(&o->items, "bundle.json");
	struct tally_json_doc *doc;
	struct tally_bytes lacks;
	int status = 0;

	if (!o->strict)
		return 0;
	if (tally_json_parse(&doc, tally_buf_view(&about->content), err) < 0)
		return -1;
	lacks = tally_json_string(tally_json_get(tally_json_root(doc), "lacks"));
	if (lacks.len > 0)
		status = cli_report_short(lacks, err);
	tally_json_free(doc);
	return status;
}

/* An earlier report, and what that was made from, tell of everybody's products; what an earlier
 * one for the same licensor was made from is disclosed otherwise by now. */
static int
check_whose(const struct options *o, struct tally_err *err)
{
	if (o->inputs.with_high && !o->inputs.licensor)
		return tally_err_set(err, TALLY_USE, "--high: goes with --for LICENSOR");
	if (o->inputs.licensor && (o->compare || o->n_with > 0))
		return tally_err_set(err, TALLY_USE,
				     "%s: does not go with --for LICENSOR: it would give away "
				     "what is none of theirs",
				     o->compare ? "--compare" : "--with");
	if (o->inputs.licensor && o->issue)
		return tally_err_set(err, TALLY_USE,
				     "--issue: does not go with --for LICENSOR: it is an entry for "
				     "everybody");
	if (cli_issue_asked(o->issue, o->by, err) < 0)
		return -1;
	return o->issue ? cli_issue_check(o->inputs.paths, o->inputs.count, err) : 0;
}

int
cli_bundle(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status == 0)
		status = cli_report_check(&o.inputs, "bundle", err);
	if (status == 0 && !o.out)
		status = cli_missing("bundle", "-o FILE", err);
	if (status == 0)
		status = check_whose(&o, err);
	if (status == 0 && o.out && strcmp(o.out, "-") == 0)
		status = tally_err_set(err, TALLY_USE, "-o: a bundle is a file, and - is none");
	if (status == 0)
		status = make_bundle(&o, err);
	if (status == 0)
		status = judge(&o, err);
	bundle_items_deinit(&o.items);
	cli_report_inputs_deinit(&o.inputs);
	free(o.with);
	return status < 0 ? -1 : 0;
}
