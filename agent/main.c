/* SPDX-License-Identifier: Apache-2.0 */
/* tallyd: the agent of one host. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "loop.h"
#include "source_libvirt.h"
#include "tally/err.h"
#include "tally/store.h"
#include "timestamps.h"
#include "witnesses.h"

struct args {
	const char *config;
	bool check;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	switch (key) {
	case 'c':
		a->config = arg;
		return 0;
	case 'n':
		a->check = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "the configuration (default /etc/tallystick/tallyd.yaml)", 0 },
	{ "check", 'n', NULL, 0, "check the configuration and exit", 0 },
	{ 0 }
};
static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Meters the virtual machines of this host into a ledger.\v"
	       "It runs in the foreground until SIGTERM. The ledger is made first, by "
	       "`tally init`.\n\nExample: tallyd -c /etc/tallystick/tallyd.yaml",
};
const char *argp_program_version = "tallyd " TALLY_VERSION;

int
main(int argc, char **argv)
{
	struct args a = { .config = "/etc/tallystick/tallyd.yaml" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_source source = { 0 };
	const struct agent_parts parts = { .source = &source,
					   .clock = tally_clock_real(),
					   .threads = true };
	struct config config;
	bool loaded;
	int rc;
	argp_err_exit_status = 2;
	if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
		return 2;
	loop_block_signals();
	tally_store_program("tallyd");
	rc = config_load(&config, a.config, &err);
	loaded = rc == 0;
	if (rc == 0)
		rc = witnesses_check(&config, &err);
	if (rc == 0)
		rc = timestamps_check(&config, &err);
	if (rc == 0 && !a.check) {
		rc = source_libvirt_new(&source, config.libvirt.uri, config.libvirt.pids,
					tally_clock_real(), &err);
		if (rc == 0)
			rc = loop_run(&config, &parts, &err);
		if (source.free != NULL)
			source.free(source.ctx);
	}
	if (loaded)
		config_release(&config);
	if (rc != 0)
		fprintf(stderr, "tallyd: %s\n", err.text);
	return rc == 0 ? 0 : tally_err_exit(&err);
}
