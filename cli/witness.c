/* SPDX-License-Identifier: Apache-2.0 */
/* `tally witness serve`: a witness for the logs of a list, until it is told to stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tally/err.h"
#include "tally/net.h"
#include "cli.h"

#define LOGS_MAX (1U << 20)

struct options {
	struct cli_input input;
	const char *verb, *dir, *logs, *listen, *name;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'l':
		return cli_take_one(&o->input, &o->logs, "--logs", arg);
	case 'a':
		return cli_take_one(&o->input, &o->listen, "--listen", arg);
	case 'n':
		return cli_take_one(&o->input, &o->name, "--name", arg);
	case ARGP_KEY_ARG:
		if (!o->verb)
			return cli_take_one(&o->input, &o->verb, "word", arg);
		return cli_take_one(&o->input, &o->dir, "DIR", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "logs", 'l', "FILE", 0,
	  "The logs that it cosigns: lines of a vkey, and the origin where "
	  "that is not the key's name",
	  0 },
	{ "listen", 'a', "ADDRESS:PORT", 0, "Where it listens (default 127.0.0.1:7380)", 0 },
	{ "name", 'n', "NAME", 0, "Makes DIR first, with a new key of this name", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"serve DIR",
	"Run a witness: it cosigns each checkpoint of a listed log that grew out of the one that "
	"it "
	"cosigned before, and keeps in DIR which one that was. Its verification line is printed "
	"first. It speaks HTTP; what faces a network belongs behind a server that speaks TLS.\v"
	"Example:\n  tally witness serve /var/lib/witness --name witness.example.com/1 "
	"--logs logs\n",
	NULL,
	NULL,
	NULL,
};

static int
open_witness(const struct options *o, struct tally_witness **w, struct tally_err *err)
{
	struct tally_buf logs = TALLY_BUF_INIT;
	int status = cli_read_input(o->logs, LOGS_MAX, &logs, err);

	if (status == 0 && o->name)
		status = tally_witness_make(o->dir, o->name, tally_disk_real(), err);
	if (status == 0)
		status = tally_witness_open(w, o->dir, o->logs, tally_buf_view(&logs),
					    tally_disk_real(), err);
	tally_buf_deinit(&logs);
	return status;
}

static int
announce(const struct tally_witness *w, const char *listen, unsigned port, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status;

	tally_vkey_text(&text, tally_witness_vkey(w));
	tally_buf_addf(&text, "\n%zu logs, http://%.*s:%u/add-checkpoint\n", tally_witness_logs(w),
		       (int)(strrchr(listen, ':') - listen), listen, port);
	status = cli_print(tally_buf_view(&text), err);
	if (status == 0 && fflush(stdout) != 0)
		status = tally_err_sys(err, "standard output");
	tally_buf_deinit(&text);
	return status;
}

static int
serve(const struct options *o, struct tally_err *err)
{
	const char *listen = o->listen ? o->listen : "127.0.0.1:7380";
	struct tally_witness_server *server = NULL;
	struct tally_witness *w = NULL;
	sigset_t stop;
	int status, sig;

	/* Before the server's thread, which inherits it. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
	status = open_witness(o, &w, err);
	if (status == 0)
		status = tally_witness_serve(&server, w, listen, tally_clock_real(), err);
	if (status == 0)
		status = announce(w, listen, tally_witness_port(server), err);
	if (status == 0 && sigwait(&stop, &sig) != 0)
		status = tally_err_set(err, TALLY_SYS, "waiting for a signal fails");
	tally_witness_stop(server);
	tally_witness_close(w);
	return status;
}

int
cli_witness(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.verb)
		return cli_missing("witness", "word (serve)", err);
	if (strcmp(o.verb, "serve") != 0)
		return tally_err_set(err, TALLY_USE, "'%s' is not serve", o.verb);
	if (!o.dir)
		return cli_missing("witness", "DIR", err);
	if (!o.logs)
		return cli_missing("witness", "--logs", err);
	return serve(&o, err);
}
