/* SPDX-License-Identifier: Apache-2.0 */
/* `tally enrol`: a table of its words. Files go from hand to hand; only serve and
 * request --server open connections. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "enrol.h"

#define MOST 30 /* s that a connection may take, by default */

/* Options that are one text each: where it goes. */
static const struct slot {
	int key;
	const char *name;
	size_t at;
} slots[] = {
#define SLOT(key, name, field)                                                                     \
	{                                                                                          \
		key, name, offsetof(struct enrol_options, field)                                   \
	}
	SLOT('o', "-o", out),
	SLOT('k', "--key", key),
	SLOT('a', "--asset", asset),
	SLOT('c', "--class", class),
	SLOT('d', "--register", record_dir),
	SLOT('s', "--server", server),
	SLOT('l', "--listen", listen),
	SLOT('C', "--cert", certificate),
	SLOT('K', "--cert-key", certificate_key),
	SLOT('A', "--ca", ca),
	SLOT('L', "--assets", assets),
#undef SLOT
};

static void
add(const char ***list, size_t *n, const char *arg)
{
	*list = tally_realloc_array(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = arg;
}

static error_t
take_argument(struct enrol_options *o, char *arg)
{
	if (!o->verb)
		return cli_take_one(&o->input, &o->verb, "word", arg);
	if (o->args == ENROL_ARGS)
		return cli_refuse(&o->input, "'%s' is one argument too many", arg);
	o->arg[o->args++] = arg;
	return 0;
}

/* Which options came, for their word to look at. */
static void
note_given(struct enrol_options *o, int key)
{
	size_t n = strlen(o->given);

	if (key > ' ' && key < 0x7f && !strchr(o->given, key)) {
		TALLY_ASSERT(n + 1 < sizeof(o->given));
		o->given[n] = (char)key;
	}
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct enrol_options *o = state->input;

	note_given(o, key);
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++)
		if (slots[i].key == key)
			return cli_take_one(&o->input,
					    (const char **)(void *)((char *)o + slots[i].at),
					    slots[i].name, arg);
	switch (key) {
	case 'r':
		add(&o->roots, &o->root_count, arg);
		return 0;
	case 'S':
		o->succeeds = tally_realloc_array(o->succeeds, o->succeeds_count + 1,
						  sizeof(*o->succeeds));
		if (!enrol_succession_read(&o->succeeds[o->succeeds_count++], arg))
			return cli_refuse(
				&o->input,
				"--succeeds: '%s' is not 'ORIGIN SIZE ROOT' of an old log", arg);
		return 0;
	case 'n':
		o->new_key = true;
		return 0;
	case 't':
		if (cli_take_u64(&o->input, &o->most, "--timeout", arg) != 0)
			return EINVAL;
		return o->most >= 1 && o->most <= 3600
			       ? 0
			       : cli_refuse(&o->input, "--timeout: 1 to 3600 seconds");
	case ARGP_KEY_ARG:
		return take_argument(o, arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "out", 'o', "FILE", 0, "Where the file goes that it makes, or else to standard output",
	  0 },
	{ "asset", 'a', "TEXT", 0, "request: the machine's serial number or tag", 0 },
	{ "new-key", 'n', NULL, 0, "request: for a new attestation key in place of the present one",
	  0 },
	{ "server", 's', "URL", 0, "request: all steps at once, with the enroller's server there",
	  0 },
	{ "key", 'k', "FILE", 0, "challenge, issue, serve: the enroller's private key", 0 },
	{ "roots", 'r', "PATH", 0,
	  "issue, serve: certificates of manufacturers, a file or a folder; may be given again",
	  0 },
	{ "class", 'c', "CLASS", 0,
	  "issue, serve: a lower class than the certificates give, or hardware-uncertified for a "
	  "TPM without one, on your own word",
	  0 },
	{ "register", 'd', "DIR", 0,
	  "issue: the folder of all records; a machine that is in it with another TPM is refused",
	  0 },
	{ "succeeds", 'S', "'ORIGIN SIZE ROOT'", 0,
	  "issue, serve: confirms that a new ledger goes on from that log, which ended there; may "
	  "be "
	  "given again",
	  0 },
	{ "assets", 'L', "FILE", 0, "serve: the machines that may be enrolled, and by whom", 0 },
	{ "listen", 'l', "ADDRESS:PORT", 0, "serve: where (default 127.0.0.1:7381)", 0 },
	{ "timeout", 't', "SECONDS", 0, "serve: what a connection may take (default 30)", 0 },
	{ "cert", 'C', "FILE", 0, "serve, --server: the own certificate, in PEM", 0 },
	{ "cert-key", 'K', "FILE", 0, "serve, --server: its private key", 0 },
	{ "ca", 'A', "FILE", 0,
	  "serve: who certifies clients; --server: who certifies the server, and nobody else", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"key NAME | request LEDGER | challenge REQUEST | respond LEDGER CHALLENGE | issue REQUEST "
	"CHALLENGE RESPONSE | accept LEDGER RECORD | serve DIR",
	"Have a host's TPM enrolled, by files that go from hand to hand: the host makes a "
	"request, the enroller a challenge that only that TPM can answer, the host a response, the "
	"enroller a signed record, which the host stores in its ledger. 'key' makes an enroller's "
	"key and prints the line that verifiers pin. 'serve' is an enroller over TLS, with its "
	"records in DIR; 'request --server' goes all the way with it.\v"
	"Example:\n"
	"  enroller$ tally enrol key it.example.com/enrol -o enrol.key > enrol.vkey\n"
	"  host#     tally enrol request /var/lib/tallystick/ledger -o h1.request\n"
	"  enroller$ tally enrol challenge h1.request --key enrol.key -o h1.challenge\n"
	"  host#     tally enrol respond /var/lib/tallystick/ledger h1.challenge -o h1.response\n"
	"  enroller$ tally enrol issue h1.request h1.challenge h1.response --key enrol.key "
	"--roots roots/ -o h1.record\n"
	"  host#     tally enrol accept /var/lib/tallystick/ledger h1.record\n"
	"Over TLS:\n"
	"  enroller$ tally enrol serve records/ --key enrol.key --roots roots/ --listen "
	"192.0.2.1:7381 --cert enrol.pem --cert-key enrol.pem.key --ca hosts-ca.pem\n"
	"  host#     tally enrol request /var/lib/tallystick/ledger --asset 0042 --server "
	"https://enrol.example.com:7381 --cert h1.pem --cert-key h1.pem.key --ca enrol-ca.pem\n",
	NULL,
	NULL,
	NULL,
};

static int
request(const struct enrol_options *o, struct tally_err *err)
{
	return o->server ? enrol_ask(o, err) : enrol_request(o, err);
}

static const struct word {
	const char *name;
	const char *arg[ENROL_ARGS];
	const char *options; /* that it knows */
	bool key;            /* it needs --key */
	int (*run)(const struct enrol_options *o, struct tally_err *err);
} words[] = {
	{ "key", { "NAME" }, "o", false, enrol_key },
	{ "request", { "LEDGER" }, "oansCKA", false, request },
	{ "challenge", { "REQUEST" }, "ko", true, enrol_challenge },
	{ "respond", { "LEDGER", "CHALLENGE" }, "o", false, enrol_respond },
	{ "issue", { "REQUEST", "CHALLENGE", "RESPONSE" }, "korcdS", true, enrol_issue },
	{ "accept", { "LEDGER", "RECORD" }, "", false, enrol_accept },
	{ "serve", { "DIR" }, "krcSLltCKA", true, enrol_serve },
};

/* Nothing that was given is passed over. */
static int
check_given(const struct word *w, const struct enrol_options *o, struct tally_err *err)
{
	for (const struct argp_option *a = argp_options; a->name; a++) {
		if (!strchr(o->given, a->key))
			continue;
		if (!strchr(w->options, a->key))
			return tally_err_set(err, TALLY_USE, "--%s is no option of '%s'", a->name,
					     w->name);
		if (w->run == request && !o->server && strchr("CKA", a->key))
			return tally_err_set(err, TALLY_USE, "--%s goes with --server only",
					     a->name);
	}
	return 0;
}

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
	if (check_given(w, o, err) < 0)
		return -1;
	if (w->key && !o->key)
		return cli_missing("enrol", "--key", err);
	return w->run(o, err) < 0 ? tally_err_prefix(err, "%s", w->name) : 0;
}

int
cli_enrol(int argc, char **argv, struct tally_err *err)
{
	struct enrol_options o = { .most = MOST };
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
				       "accept, serve",
				       o.verb);
	else if (status == 0)
		status = run(found, &o, err);
	free(o.roots);
	free(o.succeeds);
	return status;
}
