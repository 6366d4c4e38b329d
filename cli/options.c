/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines by argp, with one error in one line: argp's own messages are
 * switched off, so the wrong word is found here. --help goes to standard
 * output and is no error.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tally/parse.h"
#include "tally/wait.h"
#include "cli.h"

struct parse {
	const struct argp *argp; /* the subcommand's own */
	const struct argp *root;
	struct cli_input *input;
	char name[64]; /* "tally record" */
	bool helped;
};

static const struct argp_option common_options[] = {
	{ "help", 'h', NULL, 0, "Print this text", -1 },
	{ 0 },
};

/* The word that argp stumbled over: it stands before `next`, but for the
 * letters of a short cluster, where it is `next` itself. */
static void
name_bad_word(const struct parse *p, const struct argp_state *state)
{
	int at = state->next > 1 ? state->next - 1 : state->next;
	const char *word;
	size_t length;

	if (at < state->argc && state->argv[at][0] != '-' && state->next < state->argc)
		at = state->next;
	word = at < state->argc ? state->argv[at] : "?";
	length = strcspn(word, "=");
	for (const struct argp_option *o = p->argp->options; o && (o->name || o->key); o++) {
		if (!o->name || strncmp(word, "--", 2) != 0 || strlen(o->name) != length - 2 ||
		    memcmp(o->name, word + 2, length - 2) != 0)
			continue;
		tally_err_set_(p->input->err, TALLY_USE,
			       o->arg ? "option '%.*s' needs a value"
				      : "option '%.*s' takes no value",
			       (int)length, word);
		return;
	}
	tally_err_set_(p->input->err, TALLY_USE,
		       "unknown or incomplete option '%.*s' ('%s --help' lists them)", (int)length,
		       word, p->name);
}

static error_t
parse_common(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = p->input;
		return 0;
	case 'h':
		argp_help(p->root, stdout, ARGP_HELP_STD_HELP, p->name);
		p->helped = true;
		return ECANCELED;
	case ARGP_KEY_ERROR:
		if (!p->helped && p->input->err->code == TALLY_OK)
			name_bad_word(p, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
cli_parse(const struct argp *argp, int argc, char **argv, struct cli_input *input,
	  struct tally_err *err)
{
	const struct argp_child children[] = { { argp, 0, NULL, 0 }, { 0 } };
	const struct argp root = { .options = common_options,
				   .parser = parse_common,
				   .children = children };
	struct parse p = { .argp = argp, .root = &root, .input = input };
	error_t r;

	input->err = err;
	(void)snprintf(p.name, sizeof(p.name), "tally %s", argv[0]);
	r = argp_parse(&root, argc, argv, ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &p);
	if (p.helped)
		return 1;
	if (r == 0)
		return 0;
	if (err->code == TALLY_OK)
		return tally_err_set(err, TALLY_USE, "wrong use ('%s --help' says how)", p.name);
	return -1;
}

error_t
cli_take_one(struct cli_input *input, const char **slot, const char *what, char *arg)
{
	if (*slot)
		return cli_refuse(input, "more than one %s is given: '%s'", what, arg);
	if (!arg[0])
		return cli_refuse(input, "an empty %s is given", what);
	*slot = arg;
	return 0;
}

int
cli_missing(const char *command, const char *what, struct tally_err *err)
{
	return tally_err_set(err, TALLY_USE, "no %s is given ('tally %s --help' says how)", what,
			     command);
}

error_t
cli_take_u64(struct cli_input *input, uint64_t *out, const char *option, const char *arg)
{
	if (!tally_parse_u64(out, arg, strlen(arg), UINT64_MAX))
		return cli_refuse(input, "%s: '%s' is no number", option, arg);
	return 0;
}

int
cli_print(struct tally_bytes text, struct tally_err *err)
{
	if (text.len == 0 || fwrite(text.p, 1, text.len, stdout) == text.len)
		return 0;
	return tally_err_sys(err, "standard output");
}

double
cli_seconds(void)
{
	return (double)tally_ticks() / 1e9;
}
