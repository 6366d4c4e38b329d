/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes no more than the few kinds that name the host or a TPM session, so that
 * this reading costs little beside the two that follow. */
#include <inttypes.h>
#include <string.h>
#include "stream.h"
#include "survey.h"
#include "tally/err.h"

#define ALL_GROUPS ((1u << TALLY_GROUPS) - 1)

static void
note_at(uint64_t at[FINDING_ENTRIES], uint64_t *count, uint64_t index)
{
	if (*count < FINDING_ENTRIES)
		at[*count] = index;
	(*count)++;
}

/* A TPM counts its resets; where one is missing, there was a boot without us. What
 * a statement is worth, and whether it is well made, is for the verifier to say. */
static void
read_session(struct survey *s, const struct tally_event *ev, uint64_t index,
	     struct tally_arena *arena)
{
	struct tally_err malformed = TALLY_ERR_INIT;
	struct tally_statement st;
	uint32_t missing;

	if (!ev->o.statement.p ||
	    tally_statement_decode(&st, ev->o.statement, arena, &malformed) < 0)
		return;
	powered_session(&s->powered, &st);
	missing = s->has_reset && st.reset_count > s->reset_count
			  ? st.reset_count - s->reset_count - 1
			  : 0;
	if (missing > 0) {
		if (s->n_unlogged_at < FINDING_ENTRIES)
			s->unlogged_at[s->n_unlogged_at++] = index;
		s->unlogged += missing;
	}
	if (st.ledger_pcr == TALLY_NO_PCR)
		note_at(s->no_pcr_at, &s->no_pcr, index);
	if (s->has_host_id && memcmp(s->host_id, st.host_id.p, TALLY_HASH) != 0)
		note_at(s->replaced_at, &s->replaced, index);
	s->has_host_id = true;
	memcpy(s->host_id, st.host_id.p, TALLY_HASH);
	s->has_reset = true;
	s->reset_count = st.reset_count;
}

/* The few claims that are no recorded history are looked into: an operator's go
 * aside. What is not disclosed cannot be told from what a host saw. */
static int
take_live(struct survey *s, const struct tally_entry *e, struct tally_arena *arena,
	  struct tally_err *err)
{
	struct tally_event ev;

	if (e->header.kind < TALLY_OS_CLAIM || e->header.kind > TALLY_TAGS) {
		s->live = true;
		return 0;
	}
	tally_arena_reset(arena);
	if (tally_event_decode(&ev, e->group, e->mask & 1u << TALLY_METERING, arena, err) < 0)
		return -1;
	ev.kind = e->header.kind;
	if (tally_event_is_correction(&ev))
		aside_add(&s->aside, e);
	else
		s->live = true;
	return 0;
}

static int
read_entry(struct survey *s, const struct tally_entry *e, struct tally_arena *arena,
	   struct tally_err *err)
{
	unsigned kind = e->header.kind;
	struct tally_event ev;

	s->entries = e->header.index + 1; /* some may be left out */
	s->wall = stream_instant(e->header.wall);
	s->imported |= part_holds(false, &e->header);
	if (part_holds(true, &e->header) && take_live(s, e, arena, err) < 0)
		return -1;
	if (!tally_kind_name(kind))
		note_at(s->unknown_at, &s->unknown, e->header.index);
	if (e->mask != ALL_GROUPS)
		note_at(s->undisclosed_at, &s->undisclosed, e->header.index);
	if (kind != TALLY_LEDGER_BEGIN && kind != TALLY_HOST_FACTS && kind != TALLY_IMPORT &&
	    kind != TALLY_SESSION_STATEMENT && kind != TALLY_ANCHOR)
		return 0;
	tally_arena_reset(arena);
	if (tally_event_decode(&ev, e->group, e->mask, arena, err) < 0)
		return -1;
	if (kind == TALLY_SESSION_STATEMENT)
		read_session(s, &ev, e->header.index, arena);
	if (kind == TALLY_ANCHOR)
		powered_anchor(&s->powered, &e->header, ev.o.tpm_time);
	if (kind == TALLY_HOST_FACTS) {
		tally_buf_clear(&s->asset);
		tally_buf_add_bytes(&s->asset, ev.i.asset);
	}
	if (ev.i.host.p) {
		tally_buf_clear(&s->host);
		tally_buf_add_bytes(&s->host, ev.i.host);
	}
	return 0;
}

int
survey_make(struct survey *s, const struct tally_report_ledger *ledger, struct tally_err *err)
{
	const struct tally_entries *c = &ledger->entries;
	struct tally_arena *arena;
	struct tally_entry e;
	uint64_t whole;
	int rc;

	memset(s, 0, sizeof(*s));
	s->ledger = ledger;
	if (c->leave_out && c->leave_out(c->ctx, INT64_MAX, &whole, err) < 0)
		return -1;
	if (c->rewind(c->ctx, err) < 0)
		return -1;
	arena = tally_arena_new(4 << 10);
	while ((rc = c->next(c->ctx, &e, err)) > 0) {
		rc = read_entry(s, &e, arena, err);
		if (rc < 0) {
			tally_err_prefix_(err, "entry %" PRIu64, e.header.index);
			break;
		}
	}
	tally_arena_free(arena);
	if (rc == 0 && s->entries != ledger->size)
		return tally_err_set(err, TALLY_FAILS, "%" PRIu64 " entries, not %" PRIu64,
				     s->entries, ledger->size);
	return rc;
}

void
survey_deinit(struct survey *s)
{
	tally_buf_deinit(&s->host);
	tally_buf_deinit(&s->asset);
	aside_deinit(&s->aside);
	powered_deinit(&s->powered);
}

static void
note_all(struct findings *f, enum finding_kind kind, uint32_t ledger, uint64_t count,
	 const uint64_t *at, size_t n)
{
	struct finding *g;

	if (count == 0)
		return;
	g = findings_count(f, kind, ledger, count);
	for (size_t i = 0; i < n; i++)
		finding_entry(g, ledger, at[i]);
}

static size_t
told(uint64_t count)
{
	return count < FINDING_ENTRIES ? (size_t)count : FINDING_ENTRIES;
}

void
survey_note(const struct survey *s, uint32_t ledger, struct findings *f)
{
	note_all(f, F_UNKNOWN_KIND, ledger, s->unknown, s->unknown_at, told(s->unknown));
	note_all(f, F_UNDISCLOSED, ledger, s->undisclosed, s->undisclosed_at, told(s->undisclosed));
	note_all(f, F_IDENTITY_CHANGED, ledger, s->replaced, s->replaced_at, told(s->replaced));
	note_all(f, F_UNLOGGED_BOOT, ledger, s->unlogged, s->unlogged_at, s->n_unlogged_at);
	note_all(f, F_NO_LEDGER_PCR, ledger, s->no_pcr, s->no_pcr_at, told(s->no_pcr));
	note_all(f, F_AFTER_CHECKPOINT, ledger, s->ledger->beyond, NULL, 0);
	finding_case(findings_count(f, F_EVIDENCE_CLASS, FLEET, 1), "%.*s is self-declared",
		     (int)s->host.len, (const char *)s->host.p);
}
