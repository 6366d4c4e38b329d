/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_ENROLLED_H
#define VERIFY_ENROLLED_H
/* A ledger over a certified TPM, an enroller, and what a test pins of them. */
#include "fixture.h"
#include "testca.h"
#include "tally/enrolment.h"
#include "tally/note.h"

/* An enroller, a manufacturer, and a ledger whose TPM that one made. */
struct world {
	struct tally_logkey *enroller, *other;
	struct testca root;
	struct ledger l;
	struct tally_buf certificate, pins;
	struct tally_arena *arena;
	struct tally_err err;
	char *dir;
};
int enrolled_setup(void **state);
int enrolled_teardown(void **state);
/* Another ledger, with a certificate for its TPM. */
void world_begin(struct world *w, const char *origin, const struct ledger *old);
/* What an honest enroller would sign now. */
struct tally_enrolment world_honest(struct world *w);
void world_sign(struct world *w, struct tally_buf *out, const struct tally_enrolment *e,
		struct tally_logkey *by);
/* Signs it, and stores it as an entry. */
void world_append(struct world *w, const struct tally_enrolment *e, struct tally_logkey *by);
/* Events, a checkpoint, an export. */
void world_finish(struct world *w);
/* Adds to the pins. */
void world_pin_enroller(struct world *w, struct tally_logkey *k, const char *words);
/* Log, enroller and root; nothing else. */
void world_pin_all(struct world *w);
/* All of the above, for one record. */
void world_enrolled(struct world *w, const struct tally_enrolment *e, struct tally_logkey *by);
/* The verdict; `require`: with --require hardware. Owned by the caller. */
struct tally_verify *world_judged(struct world *w, bool require);
/* It holds and has this class; --require hardware says the same. */
void world_is_class(struct world *w, const char *class);
void world_is_problem(struct world *w, const char *check, int64_t entry);

#endif
