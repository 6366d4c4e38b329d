/* SPDX-License-Identifier: Apache-2.0 */
/* `tally rules`: the packs of licence rules: which there are, what a rule says, and
 * whether packs are well-formed and their own tests hold. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"
#include "cli.h"
#include "packs.h"

struct options {
	struct cli_input input;
	const char *verb, *rules;
	char **words;
	size_t count;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'r':
		return cli_take_one(&o->input, &o->rules, "--rules", arg);
	case ARGP_KEY_ARG:
		if (!o->verb) {
			o->verb = arg;
			return 0;
		}
		o->words = tally_realloc_array(o->words, o->count + 1, sizeof(char *));
		o->words[o->count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "rules", 'r', "DIR", 0, "The folder of the packs, in place of the installed one", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"list\nshow ID\ncheck FILE...",
	"List the licence rules, show what one says and where that is written, or check packs: "
	"their form, their validities, and their own tests.\v"
	"Example:\n  tally rules show windows-server-standard/host\n"
	"  tally rules check rules/*.yaml\n",
	NULL,
	NULL,
	NULL,
};

static int
list(const struct options *o, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct cli_packs packs;
	int status;

	if (o->count > 0)
		return tally_err_set(err, TALLY_USE, "list: '%s' is too much", o->words[0]);
	if (cli_packs_open(&packs, o->rules, err) < 0)
		return -1;
	tally_packs_list(packs.packs, packs.count, &text);
	status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	cli_packs_deinit(&packs);
	return status;
}

/* A pack is shown as it is written. */
static int
show_pack(const struct tally_pack *p, struct tally_buf *text, struct tally_err *err)
{
	return cli_read_input(tally_pack_path(p), CLI_PACK_MOST, text, err);
}

static int
show(const struct options *o, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct cli_packs packs;
	int status = 0;

	if (o->count != 1)
		return tally_err_set(err, TALLY_USE, "show takes one ID, of a rule or a pack");
	if (cli_packs_open(&packs, o->rules, err) < 0)
		return -1;
	for (size_t i = 0; i < packs.count && status == 0; i++) {
		if (strcmp(tally_pack_id(packs.packs[i]), o->words[0]) == 0)
			status = show_pack(packs.packs[i], &text, err);
		else
			tally_pack_show(packs.packs[i], o->words[0], &text);
	}
	if (status == 0 && text.len == 0)
		status = tally_err_set(err, TALLY_USE,
				       "no rule and no pack is called '%s' ('tally rules list')",
				       o->words[0]);
	if (status == 0)
		status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	cli_packs_deinit(&packs);
	return status;
}

static int
check(const struct options *o, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct cli_packs packs;
	int status = o->count > 0 ? cli_packs_read(&packs, o->words, o->count, err)
				  : cli_packs_open(&packs, o->rules, err);

	if (status < 0)
		return -1;
	for (size_t i = 0; i < packs.count && status == 0; i++) {
		const struct tally_pack *p = packs.packs[i];

		status = tally_pack_check(p, err);
		tally_buf_addf(&text, "%s: %zu rules, %zu tests: good\n", tally_pack_path(p),
			       tally_pack_rules(p), tally_pack_tests(p));
	}
	if (status == 0)
		status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	cli_packs_deinit(&packs);
	return status;
}

int
cli_rules(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		status = status < 0 ? -1 : 0;
	else if (!o.verb)
		status = cli_missing("rules", "list, show or check", err);
	else if (strcmp(o.verb, "list") == 0)
		status = list(&o, err);
	else if (strcmp(o.verb, "show") == 0)
		status = show(&o, err);
	else if (strcmp(o.verb, "check") == 0)
		status = check(&o, err);
	else
		status = tally_err_set(err, TALLY_USE, "'%s' is none of list, show, check", o.verb);
	free(o.words);
	return status;
}
