/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tally`, the command line: a table of subcommands. Here, once, an error is
 * printed and becomes an exit code.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "tally/csv.h"
#include "tally/store.h"
#include "cli.h"

static const struct cli_command commands[] = {
	{ "init", "make a ledger and its log key", cli_init },
	{ "enrol", "have a host's TPM enrolled, by files", cli_enrol },
	{ "record", "bring recorded events in, one ledger a host", cli_record },
	{ "host", "make the ledger that succeeds a replaced host's", cli_host },
	{ "map", "bring claims from a CMDB into a ledger", cli_map },
	{ "log", "list a ledger's entries", cli_log },
	{ "status", "say how a ledger stands", cli_status },
	{ "checkpoint", "sign and attest a ledger's head", cli_checkpoint },
	{ "prove", "write an inclusion proof of one entry", cli_prove },
	{ "export", "write a ledger as static files that anybody can check", cli_export },
	{ "verify", "check exports, mirrors, proofs, reports and bundles", cli_verify },
	{ "report", "compute a report over a period", cli_report },
	{ "bundle", "write a report with all that proves it as one file", cli_bundle },
	{ "simulate", "lay a changed estate's licence positions beside a report's", cli_simulate },
	{ "rules", "list, show and check the packs of licence rules", cli_rules },
	{ "scrub", "read and hash all of a ledger again", cli_scrub },
	{ "witness", "run a witness that cosigns the checkpoints of logs", cli_witness },
	{ "demo", "make an estate that never was, with its reports", cli_demo },
	{ "bench", "measure this machine against a plain baseline", cli_bench },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_help(FILE *out)
{
	fputs("Usage: tally SUBCOMMAND [OPTION...] ...\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].about);
	fputs("\n'tally SUBCOMMAND --help' explains one, with an example.\n"
	      "Exit codes: 0 it holds, 1 it does not hold, 2 wrong use or a malformed input file,\n"
	      "3 the machine failed, 4 consistent, but nothing anchors it.\n",
	      out);
}

static int
run_command(const struct cli_command *c, int argc, char **argv)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf shown = TALLY_BUF_INIT;
	int code;

	tally_buf_addf(&shown, "tally: %s", c->name);
	tally_store_program(tally_buf_cstr(&shown));
	tally_buf_deinit(&shown);
	code = c->run(argc, argv, &err);
	if (code >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
		code = tally_err_sys(&err, "standard output");
	if (code < 0) {
		(void)fflush(stdout);
		tally_buf_addf(&shown, "tally: %s: ", c->name);
		tally_printable(&shown, tally_bytes_str(err.text));
		fprintf(stderr, "%s\n", tally_buf_cstr(&shown));
		code = tally_err_exit(&err);
	}
	tally_buf_deinit(&shown);
	return code;
}

static int
unknown_command(const char *name)
{
	struct tally_buf shown = TALLY_BUF_INIT;

	tally_printable(&shown, tally_bytes_str(name));
	fprintf(stderr,
		"tally: no subcommand of this version is called '%s' ('tally --help' lists them)\n",
		tally_buf_cstr(&shown));
	tally_buf_deinit(&shown);
	return 2;
}

int
main(int argc, char **argv)
{
	(void)setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_help(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return fflush(stdout) == 0 ? 0 : 3;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("tally " TALLY_VERSION);
		return fflush(stdout) == 0 ? 0 : 3;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	return unknown_command(argv[1]);
}
