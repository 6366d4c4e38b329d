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

#define ANCHOR_MAX (1U << 20)

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
	{ "anchor", 'a', "FILE", 0, "What was pinned off the host: vkey lines; may be given again",
	  0 },
	{ "require", 'r', "LIST", 0, "What must be there too, with commas: hardware, witness", 0 },
	{ "json", 'j', NULL, 0, "One JSON object: holds, anchored, class, problems", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"PATH...",
	"Check exports, public mirrors, proofs, and reports together with their exports (and what "
	"else they were made from; installed rule packs are found). Nothing "
	"in them "
	"can anchor itself: without --anchor the best answer is exit 4, consistent but not "
	"anchored.\v"
	"Example:\n  tally verify h1.export --anchor h1.vkey\n",
	NULL,
	NULL,
	NULL,
};

/* Anything that can be read, so that a pipe will do. */
static int
read_anchor(const char *path, struct tally_buf *text, struct tally_err *err)
{
	FILE *f = fopen(path, "re");
	int status = 0;
	size_t n;

	if (!f)
		return tally_err_sys(err, "%s", path);
	do {
		n = fread(tally_buf_grow(text, 4096), 1, 4096, f);
		text->len -= 4096 - n;
	} while (n == 4096 && text->len <= ANCHOR_MAX);
	if (ferror(f))
		status = tally_err_sys(err, "%s", path);
	else if (text->len > ANCHOR_MAX)
		status = tally_err_set(err, TALLY_USE, "%s: more than %u bytes are no list of keys",
				       path, ANCHOR_MAX);
	fclose(f);
	return status;
}

static int
take_anchors(const struct options *o, struct tally_verify *v, struct tally_err *err)
{
	int status = 0;

	for (size_t i = 0; i < o->anchor_count && status == 0; i++) {
		struct tally_buf text = TALLY_BUF_INIT;

		status = read_anchor(o->anchors[i], &text, err);
		if (status == 0)
			status = tally_verify_anchor(v, o->anchors[i], tally_buf_view(&text), err);
		tally_buf_deinit(&text);
	}
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
