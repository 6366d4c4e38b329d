/* SPDX-License-Identifier: Apache-2.0 */
/* `tally enrol`: a table of its words. Files go from hand to hand; no word of it
 * opens a connection. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrol.h"

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct enrol_options *o = state->input;

	switch (key) {
	case 'o':
		return cli_take_one(&o->input, &o->out, "-o", arg);
	case 'k':
		return cli_take_one(&o->input, &o->key, "--key", arg);
	case 'a':
		return cli_take_one(&o->input, &o->asset, "--asset", arg);
	case 'c':
		return cli_take_one(&o->input, &o->class, "--class", arg);
	case 'd':
		return cli_take_one(&o->input, &o->record_dir, "--register", arg);
	case 'r':
		o->roots = tally_realloc_array(o->roots, o->root_count + 1, sizeof(*o->roots));
		o->roots[o->root_count++] = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (!o->verb)
			return cli_take_one(&o->input, &o->verb, "word", arg);
		if (o->args == ENROL_ARGS)
			return cli_refuse(&o->input, "'%s' is one argument too many", arg);
		o->arg[o->args++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "out", 'o', "FILE", 0, "Where the file goes that it makes, or else to standard output",
	  0 },
	{ "asset", 'a', "TEXT", 0, "request: the machine's serial number or tag", 0 },
	{ "key", 'k', "FILE", 0, "challenge, issue: the enroller's private key", 0 },
	{ "roots", 'r', "PATH", 0,
	  "issue: certificates of manufacturers, a file or a folder; may be given again", 0 },
	{ "class", 'c', "CLASS", 0,
	  "issue: a lower class than the certificates give, or hardware-uncertified for a TPM "
	  "without one, on your own word",
	  0 },
	{ "register", 'd', "DIR", 0,
	  "issue: the folder of all records; a machine that is in it with another TPM is refused",
	  0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"key NAME | request LEDGER | challenge REQUEST | respond LEDGER CHALLENGE | issue REQUEST "
	"CHALLENGE RESPONSE | accept LEDGER RECORD",
	"Have a host's TPM enrolled, by files that go from hand to hand: the host makes a "
	"request, the enroller a challenge that only that TPM can answer, the host a response, the "
	"enroller a signed record, which the host stores in its ledger. 'key' makes an enroller's "
	"key and prints the line that verifiers pin.\v"
	"Example:\n"
	"  enroller$ tally enrol key it.example.com/enrol -o enrol.key > enrol.vkey\n"
	"  host#     tally enrol request /var/lib/tallystick/ledger -o h1.request\n"
	"  enroller$ tally enrol challenge h1.request --key enrol.key -o h1.challenge\n"
	"  host#     tally enrol respond /var/lib/tallystick/ledger h1.challenge -o h1.response\n"
	"  enroller$ tally enrol issue h1.request h1.challenge h1.response --key enrol.key "
	"--roots roots/ -o h1.record\n"
	"  host#     tally enrol accept /var/lib/tallystick/ledger h1.record\n",
	NULL,
	NULL,
	NULL,
};

static const struct word {
	const char *name;
	const char *arg[ENROL_ARGS];
	bool key; /* it needs --key */
	int (*run)(const struct enrol_options *o, struct tally_err *err);
} words[] = {
	{ "key", { "NAME" }, false, enrol_key },
	{ "request", { "LEDGER" }, false, enrol_request },
	{ "challenge", { "REQUEST" }, true, enrol_challenge },
	{ "respond", { "LEDGER", "CHALLENGE" }, false, enrol_respond },
	{ "issue", { "REQUEST", "CHALLENGE", "RESPONSE" }, true, enrol_issue },
	{ "accept", { "LEDGER", "RECORD" }, false, enrol_accept },
};

static int
run(const struct word *w, const struct enrol_options *o, struct tally_err *err)
{
	size_t wanted = 0;

	while (wanted < ENROL_ARGS && w->arg[wanted])
		wanted++;
	if (o->args < wanted)
		return cli_missing("enrol", w->arg[o->args], err);
	if (o->args > wanted)
		return tally_err_set(err, TALLY_USE, "'%s' is one argument too many",
				     o->arg[wanted]);
	if (w->key && !o->key)
		return cli_missing("enrol", "--key", err);
	return w->run(o, err) < 0 ? tally_err_prefix(err, "%s", w->name) : 0;
}

int
cli_enrol(int argc, char **argv, struct tally_err *err)
{
	struct enrol_options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);
	const struct word *found = NULL;

	for (size_t i = 0; o.verb && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i].name, o.verb) == 0)
			found = &words[i];
	if (status > 0)
		status = 0;
	else if (status == 0 && !o.verb)
		status =
			cli_missing("enrol", "word (request, challenge, respond, issue, ...)", err);
	else if (status == 0 && !found)
		status = tally_err_set(err, TALLY_USE,
				       "'%s' is none of key, request, challenge, respond, issue, "
				       "accept",
				       o.verb);
	else if (status == 0)
		status = run(found, &o, err);
	free(o.roots);
	return status;
}
