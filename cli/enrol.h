/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ENROL_H
#define TALLY_CLI_ENROL_H
/* `tally enrol`: what its words share. Each word is one function. */
#include "tally/enrol.h"
#include "tally/tpm.h"
#include "cli.h"

#define ENROL_FILE_MAX (1U << 17) /* of what travels */
#define ENROL_ARGS     3

/* enrol_succession.c: where an old log ended, as an enroller confirms it. */
struct enrol_succession {
	struct tally_bytes origin;
	uint64_t size;
	uint8_t root[TALLY_HASH];
};
/* Of "ORIGIN SIZE ROOT", into which it points. */
bool enrol_succession_read(struct enrol_succession *out, const char *text);
/* A succession is signed where the enroller confirms the old log, and where it ended. */
int enrol_succession_check(const struct tally_enrolment *e,
			   const struct enrol_succession *confirmed, size_t n,
			   struct tally_err *err);
/* The old log with its size and root, for a human. */
void enrol_succession_tell(struct tally_buf *text, const struct tally_enrolment *e);

struct enrol_options {
	struct cli_input input;
	const char *verb, *arg[ENROL_ARGS];
	size_t args;
	const char *out, *key, *asset, *class, *record_dir;
	const char **roots;
	struct enrol_succession *succeeds;
	size_t root_count, succeeds_count;
	/* Over TLS. */
	const char *server, *listen, *certificate, *certificate_key, *ca, *assets;
	uint64_t most; /* s */
	bool new_key;
	char given[32]; /* the keys of all options that were given */
};

/* On the host, with its ledger and its TPM. */
int enrol_request(const struct enrol_options *o, struct tally_err *err);
/* The same with --server: request, answer and record in one go. */
int enrol_ask(const struct enrol_options *o, struct tally_err *err);
int enrol_respond(const struct enrol_options *o, struct tally_err *err);
int enrol_accept(const struct enrol_options *o, struct tally_err *err);
/* enrol_host.c, for enrol_ask.c: its steps, with a ledger that is open and sealed. */
struct cli_ledger;
int enrol_host_request(struct cli_ledger *l, const char *asset, bool new_key, struct tally_buf *out,
		       struct tally_err *err);
int enrol_host_answer(struct tally_tpm *tpm, const char *name, struct tally_bytes challenge,
		      struct tally_buf *out, struct tally_err *err);
int enrol_host_accept(struct cli_ledger *l, const struct tally_enrolment_file *f, const char *name,
		      struct tally_bytes record, struct tally_err *err);
/* At the enroller's. */
int enrol_key(const struct enrol_options *o, struct tally_err *err);
int enrol_challenge(const struct enrol_options *o, struct tally_err *err);
int enrol_issue(const struct enrol_options *o, struct tally_err *err);
int enrol_serve(const struct enrol_options *o, struct tally_err *err);

/* enrol_issue.c, for enrol_serve.c as well: the enroller's private key and roots. */
int enrol_read_key(struct tally_logkey **out, const char *path, struct tally_err *err);
int enrol_read_roots(struct tally_roots *roots, const struct enrol_options *o,
		     struct tally_err *err);
/* --class lowers what certificates give; only a TPM without any goes by the enroller's word. */
int enrol_choose_class(const char *wanted, const struct tally_enrolment *e, enum tally_class *class,
		       struct tally_err *err);
/* One line for the one who signs: whose TPM, which class, which history. */
void enrol_tell(struct tally_buf *text, const struct tally_enrolment *e, enum tally_class class,
		const char *why, bool again);

/* enrol_register.c: the folder of an enroller's records, which one process has at a time
 * (TALLY_HELD). */
struct enrol_register;
struct tally_disk;
int enrol_register_open(struct enrol_register **out, const char *dir, const struct tally_disk *disk,
			struct tally_err *err);
void enrol_register_close(struct enrol_register *r); /* NULL ok */
/* What the register says of a new record. */
struct enrol_finding {
	bool again;        /* its TPM and log are known */
	bool confirmed;    /* and that they go on from the same old log, which ended there */
	const char *alarm; /* what does not fit, without names; NULL: nothing */
};
/* Whether a new record fits to what was issued: -1 (TALLY_FAILS) where its machine is known
 * with another TPM, or its TPM for another log, and it does not succeed that log. */
int enrol_register_check(const struct enrol_register *r, const struct tally_enrolment *e,
			 struct enrol_finding *found, struct tally_err *err);
bool enrol_register_has(const struct enrol_register *r, const struct tally_enrolment *e,
			struct tally_bytes record);
/* On the disk; the same record twice is one. */
int enrol_register_add(struct enrol_register *r, const struct tally_enrolment *e,
		       struct tally_bytes record, struct tally_err *err);

#endif
