/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_H
#define TALLY_CLI_H
/*
 * What the subcommands share. A subcommand is one function: it gives the exit
 * code, or -1 with `err` set, which main prints and turns into the exit code.
 */
#include <argp.h>
#include "tally/bytes.h"
#include "tally/err.h"
#include "tally/report.h"

struct cli_command {
	const char *name;
	const char *about;
	int (*run)(int argc, char **argv, struct tally_err *err);
};

int cli_init(int argc, char **argv, struct tally_err *err);
int cli_enrol(int argc, char **argv, struct tally_err *err);
int cli_host(int argc, char **argv, struct tally_err *err);
int cli_map(int argc, char **argv, struct tally_err *err);
int cli_record(int argc, char **argv, struct tally_err *err);
int cli_log(int argc, char **argv, struct tally_err *err);
int cli_status(int argc, char **argv, struct tally_err *err);
int cli_demo(int argc, char **argv, struct tally_err *err);
int cli_checkpoint(int argc, char **argv, struct tally_err *err);
int cli_prove(int argc, char **argv, struct tally_err *err);
int cli_export(int argc, char **argv, struct tally_err *err);
int cli_verify(int argc, char **argv, struct tally_err *err);
int cli_report(int argc, char **argv, struct tally_err *err);
int cli_bundle(int argc, char **argv, struct tally_err *err);
int cli_rules(int argc, char **argv, struct tally_err *err);
int cli_simulate(int argc, char **argv, struct tally_err *err);
int cli_scrub(int argc, char **argv, struct tally_err *err);
int cli_witness(int argc, char **argv, struct tally_err *err);
int cli_bench(int argc, char **argv, struct tally_err *err);

/* What `tally report --format` takes, ending with NULL. */
extern const char *const cli_report_formats[];

/* The input of every subcommand's argp parser begins with this. */
struct cli_input {
	struct tally_err *err;
};
/* Parses a command line; argv[0] is the subcommand's name. 0, 1 where --help
 * was asked for and printed, or -1 (TALLY_USE). */
int cli_parse(const struct argp *argp, int argc, char **argv, struct cli_input *input,
	      struct tally_err *err);
/* For an argp parser: sets the error and yields what argp wants to see. */
#define cli_refuse(input, ...) (tally_err_set_((input)->err, TALLY_USE, __VA_ARGS__), EINVAL)
/* For a parser whose only argument is one path: takes it, refuses a second. */
error_t cli_take_one(struct cli_input *input, const char **slot, const char *what, char *arg);
/* "no LEDGER is given; 'tally NAME --help' says how": -1. */
int cli_missing(const char *command, const char *what, struct tally_err *err);
/* A decimal number of an option. */
error_t cli_take_u64(struct cli_input *input, uint64_t *out, const char *option, const char *arg);

/* Who did it, where --by does not say so: the login name, or the number where it has none. */
#define CLI_NAME_MAX 255 /* bytes of a name */
void cli_user_name(struct tally_buf *out);
/* NULL is fine. */
int cli_check_by(const char *by, struct tally_err *err);

/* A file of the user's, whole; links are followed. TALLY_SYS where there is none or
 * it cannot be read, TALLY_USE where it is larger than `max` bytes. */
int cli_read_input(const char *path, size_t max, struct tally_buf *out, struct tally_err *err);

/* A file that a report is made from. `option` stands before the error. */
struct cli_file {
	struct tally_buf content;
	struct tally_report_input input;
};
int cli_file_read(struct cli_file *f, const char *option, const char *path, size_t max,
		  struct tally_err *err);
void cli_file_deinit(struct cli_file *f);

/* Progress on a terminal's stderr, from the second second on. */
struct cli_progress {
	const char *what;
	int64_t began, shown; /* ns of the monotonic clock; shown 0 = nothing to clear */
	bool tty;
};
void cli_progress_begin(struct cli_progress *p, const char *what);
void cli_progress_show(struct cli_progress *p, uint64_t done, uint64_t all);
void cli_progress_end(struct cli_progress *p);

/* Writes to standard output; flushing is main's. */
int cli_print(struct tally_bytes text, struct tally_err *err);

/* Seconds of the monotonic clock, for figures. */
double cli_seconds(void);

#endif
