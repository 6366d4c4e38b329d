/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_REPORT_INPUTS_H
#define TALLY_CLI_REPORT_INPUTS_H
/* What a report is made from, as a command line names it: the same words for every
 * subcommand that rests on a report. */
#include "cli.h"

struct cli_sources;

struct cli_report_inputs {
	const char **paths;
	size_t count;
	const char *from, *to, *zone, *rules, *entitlements, *roster;
	const char *licensor; /* by the rules of its packs alone; NULL: by all */
	bool with_high;
	const struct cli_sources **sources; /* told while the report is used; NULL: nobody asks */
};
/* The options of these, for a table of argp's. */
#define CLI_REPORT_INPUTS                                                                            \
	{ "from", 'f', "T", 0, "Begin of the period: RFC 3339, a date, or a month", 0 },             \
		{ "to", 't', "T", 0, "End of the period, which does not belong to it", 0 },          \
		{ "tz", 'z', "ZONE", 0, "The IANA time zone of the calendar, or else UTC", 0 },      \
		{ "rules",                                                                           \
		  'r',                                                                               \
		  "DIR",                                                                             \
		  0,                                                                                 \
		  "The folder of the rule packs, in place of the installed one",                     \
		  0 },                                                                               \
		{ "entitlements", 'e', "FILE", 0, "The licences that are held, in YAML or CSV", 0 }, \
	{                                                                                            \
		"roster", 'h', "FILE", 0, "The hosts that must report", 0                            \
	}

/* For an argp parser: takes its options and the ledgers; ARGP_ERR_UNKNOWN: not its own. */
error_t cli_report_take(struct cli_report_inputs *in, struct cli_input *input, int key, char *arg);
/* Whether what must be given is given. */
int cli_report_check(const struct cli_report_inputs *in, const char *command,
		     struct tally_err *err);
/* Makes the report and hands it over, when every entry behind it is hashed. `o` has what
 * these inputs do not say. */
typedef int cli_report_use(void *ctx, struct tally_report *r, const struct tally_report_options *o,
			   struct tally_err *err);
int cli_report_make(const struct cli_report_inputs *in, struct tally_report_options *o,
		    cli_report_use *use, void *ctx, struct tally_err *err);
void cli_report_inputs_deinit(struct cli_report_inputs *in);

/* Columns of a text that goes to `out`, which is - for standard output. */
unsigned cli_text_width(const char *out);
/* Lines, one behind the other in one: what is short is one error. Exit 1. */
int cli_report_short(struct tally_bytes lines, struct tally_err *err);

#endif
