/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check 9: what a TPM says of its clocks and its sessions, from one attestation to
 * the next. Within a session `clock` and `time` rise together; where `clock` has run
 * ahead, somebody has set it. Its counts tell resumes from boots, and boots that
 * nothing was logged in. What goes back is a Clear, a rollback or a clone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "verify_internal.h"

/* What a power cut may take from `clock`: the longest period that TPMs write it in. */
#define PERIOD    (UINT64_C(1) << 22) /* ms */
#define TOLERANCE 1000                /* ms between `clock` and `time` */

void
clocks_session(struct tally_export *x, const struct session *s, const char *file)
{
	const struct tally_statement *st = &s->st;
	struct clocks *c = &x->clocks;
	/* Another TPM counts on its own. A new attestation key is none: a Clear takes the
	 * key and the counts, and leaves the endorsement key. */
	bool same = c->any && memcmp(c->host_id, st->host_id.p, TALLY_HASH) == 0;

	c->started = !same || st->reset_count > c->reset_count;
	if (!same) {
		c->has_time = false;
		c->clock = 0;
		c->boots++;
	} else if (st->reset_count < c->reset_count ||
		   (st->reset_count == c->reset_count && st->restart_count < c->restart_count)) {
		problem_entry(x->problems, "tpm-9", x->folder.path, file, s->index,
			      "the TPM went back from session %u.%u to %u.%u: it was cleared, set "
			      "back to an older state, or this is a copy of it",
			      c->reset_count, c->restart_count, st->reset_count, st->restart_count);
		c->has_time = false;
		c->clock = 0; /* told once */
	} else if (st->reset_count > c->reset_count) {
		c->boots++;
		c->unlogged += st->reset_count - c->reset_count - 1;
	} else {
		c->suspends += st->restart_count - c->restart_count;
	}
	if (!same || st->reset_count != c->reset_count || st->restart_count != c->restart_count)
		c->has_time = false;
	c->any = true;
	c->reset_count = st->reset_count;
	c->restart_count = st->restart_count;
	memcpy(c->host_id, st->host_id.p, TALLY_HASH);
}

/* Of the first attestation behind a TPM reset alone a clock that went back is no fault: the power
 * may have been cut before it. */
static void
check_clock(struct tally_export *x, uint64_t clock, bool safe, const char *file, const char *where)
{
	struct clocks *c = &x->clocks;

	if (clock < c->clock && c->started && !safe && c->clock - clock <= PERIOD)
		c->unclean++;
	else if (clock < c->clock)
		problem(x->problems, "tpm-9", x->folder.path, file,
			"%s: the TPM's clock went back by %" PRIu64 " ms", where, c->clock - clock);
	c->clock = clock;
	c->started = false;
}

void
clocks_quote(struct tally_export *x, const struct tally_quote *quote, const char *file,
	     const char *where)
{
	check_clock(x, quote->clock, quote->safe, file, where);
}

void
clocks_time(struct tally_export *x, const struct tally_tpm_time *t, const char *file,
	    uint64_t entry)
{
	struct clocks *c = &x->clocks;
	uint64_t ran, clock;
	char where[32];

	snprintf(where, sizeof(where), "entry %" PRIu64, entry);
	check_clock(x, t->clock, t->safe, file, where);
	if (c->has_time && t->time < c->time) {
		problem_entry(x->problems, "tpm-9", x->folder.path, file, entry,
			      "the TPM's time went back by %" PRIu64 " ms within a session",
			      c->time - t->time);
	} else if (c->has_time && t->clock >= c->then) {
		ran = t->time - c->time;
		clock = t->clock - c->then;
		if (clock > ran && clock - ran > TOLERANCE)
			c->set++;
		else if (ran > clock && ran - clock > TOLERANCE)
			problem_entry(x->problems, "tpm-9", x->folder.path, file, entry,
				      "the TPM's time went on by %" PRIu64
				      " ms, its clock by %" PRIu64 " ms only",
				      ran, clock);
	}
	if (!c->has_time || t->time < c->time)
		slowed_begin(x, t->time, entry);
	else
		slowed_time(x, t->time, entry);
	c->has_time = true;
	c->time = t->time;
	c->then = t->clock;
}

void
clocks_end(struct tally_export *x)
{
	const struct clocks *c = &x->clocks;

	slowed_end(x);
	if (c->unlogged + c->suspends + c->unclean > 0)
		remark(x->problems,
		       "%s: TPM boots with a session: %" PRIu64 ", without: %" PRIu64
		       "; suspends: %" PRIu64 "; unclean stops: %" PRIu64,
		       x->folder.path, c->boots, c->unlogged, c->suspends, c->unclean);
	if (c->set > 0)
		remark(x->problems,
		       "%s: the TPM's clock was set ahead (ClockSet) %" PRIu64
		       " times: its time, which cannot be set, is what counts",
		       x->folder.path, c->set);
}
