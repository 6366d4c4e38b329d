/* SPDX-License-Identifier: Apache-2.0 */
/* `tally verify`: what holds, by libtally-verify; nothing is judged here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"
#include "tally/verify.h"
#include "cli.h"
#include "packs.h"
#include "pins.h"

struct options {
	struct cli_input input;
	const char **paths, **anchors;
	size_t count, anchor_count;
	const char *require;
	bool json;
};

static void
add(const char ***list, size_t *count, const char *item)
{
	*list = tally_realloc_array(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = item;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'a':
		add(&o->anchors, &o->anchor_count, arg);
		return 0;
	case 'r':
		return cli_take_one(&o->input, &o->require, "--require", arg);
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		add(&o->paths, &o->count, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "anchor", 'a', "FILE", 0,
	  "What was pinned off the host: vkey lines, a trust policy, enrollers, roots, a record, "
	  "or a folder of "
	  "such files; may be given again",
	  0 },
	{ "require", 'r', "LIST", 0,
	  "What must be there too, with commas: hardware, timestamp, witness", 0 },
	{ "json", 'j', NULL, 0,
	  "One JSON object: holds, anchored, class, problems, timestamped, witnessed", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"PATH...",
	"Check bundles, exports, public mirrors, proofs, and reports together with their exports "
	"(and what "
	"else they were made from; installed rule packs are found). Nothing "
	"in them "
	"can anchor itself: without --anchor the best answer is exit 4, consistent but not "
	"anchored.\v"
	"Example:\n  tally verify h1.export --anchor h1.vkey\n",
	NULL,
	NULL,
	NULL,
};

static int
take_anchor(void *ctx, const char *name, struct tally_bytes content, struct tally_err *err)
{
	return tally_verify_anchor(ctx, name, content, err);
}

static int
take_anchors(const struct options *o, struct tally_verify *v, struct tally_err *err)
{
	int status = 0;

	for (size_t i = 0; i < o->anchor_count && status == 0; i++)
		status = pins_each(o->anchors[i], take_anchor, v, err);
	return status;
}

static void
take_pack(void *ctx, const char *path, struct tally_bytes content)
{
	tally_verify_input(ctx, path, content);
}

static int
run(const struct options *o, struct tally_verify *v, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status = take_anchors(o, v, err);

	if (status == 0 && o->require)
		status = tally_verify_require(v, o->require, err);
	if (status == 0)
		status = cli_packs_each(NULL, take_pack, v, err);
	for (size_t i = 0; i < o->count && status == 0; i++)
		status = tally_verify_path(v, o->paths[i], err);
	if (status == 0)
		status = tally_verify_run(v, err);
	if (status < 0)
		return -1;
	if (o->json)
		tally_verify_json(v, &text);
	else
		tally_verify_text(v, &text);
	status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return status < 0 ? -1 : tally_verify_exit(v);
}

int
cli_verify(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_verify *v = NULL;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status > 0)
		status = 0;
	else if (status == 0 && o.count == 0)
		status = cli_missing("verify", "PATH", err);
	else if (status == 0 && (status = tally_verify_new(&v, err)) == 0)
		status = run(&o, v, err);
	tally_verify_free(v);
	free(o.paths);
	free(o.anchors);
	return status;
}
