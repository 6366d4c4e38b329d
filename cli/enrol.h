/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ENROL_H
#define TALLY_CLI_ENROL_H
/* `tally enrol`: what its words share. Each word is one function. */
#include "tally/enrol.h"
#include "cli.h"

#define ENROL_FILE_MAX (1U << 17) /* of what travels */
#define ENROL_ARGS     3

struct enrol_options {
	struct cli_input input;
	const char *verb, *arg[ENROL_ARGS];
	size_t args;
	const char *out, *key, *asset, *class, *record_dir;
	const char **roots;
	size_t root_count;
};

/* On the host, with its ledger and its TPM. */
int enrol_request(const struct enrol_options *o, struct tally_err *err);
int enrol_respond(const struct enrol_options *o, struct tally_err *err);
int enrol_accept(const struct enrol_options *o, struct tally_err *err);
/* At the enroller's. */
int enrol_key(const struct enrol_options *o, struct tally_err *err);
int enrol_challenge(const struct enrol_options *o, struct tally_err *err);
int enrol_issue(const struct enrol_options *o, struct tally_err *err);

/* enrol_register.c: the folder of an enroller's records. Whether a new record fits
 * to what was issued: -1 (TALLY_FAILS) where its machine is known with another TPM, or
 * its TPM for another log, and it does not succeed that log. `again`: its TPM and log
 * are known. */
int enrol_register_check(const char *dir, const struct tally_enrolment *e, bool *again,
			 struct tally_err *err);
int enrol_register_add(const char *dir, const struct tally_enrolment *e, struct tally_bytes record,
		       struct tally_err *err);

#endif
