/* SPDX-License-Identifier: Apache-2.0 */
/* tallyd-tpm: options, hardening, and the helper's life from start to orderly end. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include "tally/err.h"
#include "tally/sandbox.h"
#include "harden.h"
#include "protocol.h"
#include "serve.h"

const char *argp_program_version = "tallyd-tpm " TALLY_VERSION;
static const char doc[] =
	"The only program of Tallystick that talks to a TPM. tallyd and tally start it, with a "
	"socket as its descriptor 3; it ends when they do.\v"
	"Example, as tallyd starts it:\n  tallyd-tpm --state=/var/lib/tallystick/ledger/tpm";
static const struct argp_option options[] = {
	{ "state", 's', "DIR", 0, "Folder of the TPM's sealed state (tpm/ of the ledger)", 0 },
	{ "transport", 't', "TPM", 0,
	  "libtpms (the default), device:/dev/tpmrm0 or swtpm:host=H,port=P", 0 },
	{ "create", 'c', NULL, 0, "Make a new TPM where the folder has none", 0 },
	{ "restore", 'r', NULL, 0,
	  "By hand: go on from the state before the one that is damaged or gone", 0 },
	{ 0 },
};

struct arguments {
	const char *state, *transport;
	bool create, restore;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 's':
		a->state = arg;
		return 0;
	case 't':
		a->transport = arg;
		return 0;
	case 'c':
		a->create = true;
		return 0;
	case 'r':
		a->restore = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The exit code for an error, printed where nobody else will. */
static int
tell(const struct tally_err *err, bool print)
{
	if (err->code == TALLY_OK)
		return 0;
	if (print)
		fprintf(stderr, "tallyd-tpm: %s\n", err->text);
	return tally_err_exit(err);
}

static int
run(const struct arguments *a, const struct tpm_transport *transport, struct tally_err *err)
{
	/* A TPM of our own needs no socket ever, another one no second. */
	bool early = transport->kind == TPM_LIBTPMS;
	struct chip chip;
	int asked;

	/* What can be answered is not printed: it is reported once, by who asked. */
	if ((early && tally_sandbox_enter(err) < 0) ||
	    chip_open(&chip, a->state, transport, a->create, NULL, err) < 0) {
		int status = tally_err_exit(err);

		serve_failure(TPM_HELPER_FD, err);
		return status;
	}
	if (!early && tally_sandbox_enter(err) < 0) {
		int status = tally_err_exit(err);
		struct tally_err ignored = TALLY_ERR_INIT;

		(void)chip_close(&chip, &ignored);
		serve_failure(TPM_HELPER_FD, err);
		return status;
	}
	asked = serve(TPM_HELPER_FD, &chip, err);
	chip_close(&chip, err);
	if (asked)
		serve_answer(TPM_HELPER_FD, err);
	return tell(err, !asked);
}

/* By an operator, of a TPM whose ledger nobody holds. */
static int
restore(const struct arguments *a, struct tally_err *err)
{
	if (tally_sandbox_enter(err) < 0 || chip_restore(a->state, NULL, err) < 0)
		return tell(err, true);
	fprintf(stderr,
		"tallyd-tpm: %s: the TPM goes on from the state before. Who verifies the ledger "
		"will see an unclean stop and, where they show, a boot without a session and a "
		"counter that was behind.\n",
		a->state);
	return 0;
}

static int
check_use(const struct arguments *a, struct tpm_transport *transport, struct tally_err *err)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (transport_parse(transport, a->transport, err) < 0)
		return -1;
	if (!a->state)
		return tally_err_set(err, TALLY_USE, "--state is needed; see --help");
	if (a->restore && (a->create || transport->kind != TPM_LIBTPMS))
		return tally_err_set(err, TALLY_USE, "--restore is for a TPM by libtpms alone");
	if (a->restore)
		return 0;
	if (getsockopt(TPM_HELPER_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_SEQPACKET)
		return tally_err_set(err, TALLY_USE,
				     "started by hand: descriptor %d is not tallyd's socket",
				     TPM_HELPER_FD);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
	struct arguments a = { .transport = "libtpms" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tpm_transport transport;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	harden();
	if (check_use(&a, &transport, &err) < 0)
		return tell(&err, true);
	if (a.restore)
		return restore(&a, &err);
	return run(&a, &transport, &err);
}
