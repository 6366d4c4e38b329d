/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence rows, in step with the notes that they attest. A session's rows
 * chain: each begins where the one before it ended, and its end is the hash of
 * its begin and of what the note says. So a row that agrees with itself and with
 * the chain is believed, and a note that is not what it attests is missing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "verify_internal.h"

#define FILE_NAME "private/evidence"
#define NOTES     "private/notes"

int
rows_open(struct rows *r, struct tally_export *x, struct session *session, struct tally_err *err)
{
	int got;

	memset(r, 0, sizeof(*r));
	r->x = x;
	r->session = session;
	got = reader_open(&r->reader, x, FILE_NAME, err);
	r->usable = got > 0;
	return got < 0 ? -1 : 0;
}

void
rows_close(struct rows *r)
{
	reader_close(&r->reader);
}

#define TELL(r, check, file, ...)                                                                  \
	problem((r)->x->problems, check, (r)->x->folder.path, file, __VA_ARGS__)

/* Makes `row` the next row that can be read. */
static int
peek(struct rows *r, struct tally_err *err)
{
	struct tally_err bad = TALLY_ERR_INIT;
	const uint8_t *p;
	size_t left;

	while (r->usable && !r->has) {
		int got = reader_take(&r->reader, TALLY_ROW, &p, &left, err);

		if (got < 0)
			return -1;
		if (got == 0) {
			r->usable = false;
			r->lenient = r->lenient || left > 0;
			if (left > 0)
				TELL(r, "format", FILE_NAME, "row %u is cut short", r->expected);
			return 0;
		}
		if (tally_row_read(&r->row, p, &bad) < 0) {
			TELL(r, "format", FILE_NAME, "row %u: %s", r->expected, bad.text);
			r->lenient = r->resync = true;
			r->expected++;
			continue;
		}
		if (r->row.number != r->expected) {
			TELL(r, "missing", FILE_NAME, "row %u stands where row %u should",
			     r->row.number, r->expected);
			if (r->row.number > r->expected)
				r->resync = r->lenient = true;
		}
		r->expected++;
		r->has = true;
	}
	return 0;
}

/* A row that nothing contradicts but the note beside it. */
static bool
row_stands(const struct rows *r)
{
	uint8_t after[TALLY_HASH];

	tally_pcr_extend(after, r->row.before, r->row.q);
	return r->session->open && r->row.state == TALLY_ROW_DONE &&
	       memcmp(after, r->row.after, TALLY_HASH) == 0 &&
	       (r->resync || memcmp(r->row.before, r->session->value, TALLY_HASH) == 0);
}

/* Where the row belongs: which session, which PCR, behind which value. */
static void
check_place(struct rows *r)
{
	const struct tally_row *row = &r->row;
	const struct session *s = r->session;

	if (row->session != s->index)
		TELL(r, "tpm-8", FILE_NAME,
		     "row %u names the session of entry %" PRIu64 ", but entry %" PRIu64
		     " is the newest before its note",
		     row->number, row->session, s->index);
	if (row->pcr != s->st.ledger_pcr)
		TELL(r, "tpm-8", FILE_NAME, "row %u is of PCR %u, the session's ledger PCR is %u",
		     row->number, row->pcr, s->st.ledger_pcr);
	if (s->st.ledger_pcr == TALLY_NO_PCR && row->state == TALLY_ROW_FOREIGN)
		TELL(r, "tpm-8", FILE_NAME,
		     "row %u: somebody extended its PCR, but its session has none", row->number);
	if (s->ended)
		TELL(r, "tpm-8", FILE_NAME, "row %u: its session had ended before", row->number);
}

static void
check_chain(struct rows *r, const uint8_t q[TALLY_HASH])
{
	const struct tally_row *row = &r->row;
	struct session *s = r->session;
	uint8_t after[TALLY_HASH];
	bool joined = r->resync || memcmp(row->before, s->value, TALLY_HASH) == 0;
	bool foreign = row->state == TALLY_ROW_FOREIGN, extended;

	if (!joined)
		TELL(r, "tpm-8", FILE_NAME, "row %u does not begin where the chain stands",
		     row->number);
	tally_pcr_extend(after, joined ? row->before : s->value, q);
	extended = memcmp(row->after, after, TALLY_HASH) == 0;
	if (foreign ? extended || memcmp(row->after, row->before, TALLY_HASH) == 0 : !extended)
		TELL(r, "tpm-8", FILE_NAME, "row %u does not end where its state says",
		     row->number);
	/* On from what is more likely to be whole. */
	memcpy(s->value, foreign || !joined ? row->after : after, TALLY_HASH);
	s->ended = s->ended || row->state == TALLY_ROW_LOST;
	r->resync = false;
	if (foreign)
		remark(r->x->problems,
		       "%s: row %u: somebody else extended PCR %u; until the TPM is reset a second "
		       "history cannot be excluded",
		       r->x->folder.path, row->number, row->pcr);
}

static const struct tally_note_line *
evidence_line(const struct rows *r, const struct tally_note *note)
{
	return r->session->open
		       ? tally_note_find(note, tally_bytes_str(r->x->origin), r->session->id)
		       : NULL;
}

/* The quote in the note of a row that is done. */
static void
check_evidence(struct rows *r, uint64_t sequence, const struct tally_note *note,
	       const uint8_t q[TALLY_HASH])
{
	const struct tally_note_line *line = evidence_line(r, note);
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_quote quote;
	unsigned check = 1;
	char name[32];

	if (!line) {
		TELL(r, "missing", NOTES, "note %" PRIu64 ": no evidence line for row %u", sequence,
		     r->row.number);
		return;
	}
	if (!sessions_quote(r->session, tally_bytes(line->sig, line->sig_len), q, &quote, &check,
			    &err)) {
		snprintf(name, sizeof(name), "tpm-%u", check);
		TELL(r, name, NOTES, "note %" PRIu64 ": %s", sequence, err.text);
	} else if (r->session->st.ledger_pcr != TALLY_NO_PCR &&
		   memcmp(quote.ledger_pcr, r->session->value, TALLY_HASH) != 0) {
		TELL(r, "tpm-8", NOTES,
		     "note %" PRIu64 ": PCR %u was quoted with another value than row %u says",
		     sequence, r->row.pcr, r->row.number);
	} else {
		r->quoted = true;
		snprintf(name, sizeof(name), "note %" PRIu64, sequence);
		clocks_quote(r->x, &quote, NOTES, name);
		firmware_seen(r->x, r->session, quote.firmware, NOTES, name);
	}
}

/* A row of this note. true where it is done. */
static bool
check_row(struct rows *r, uint64_t sequence, const struct tally_note *note,
	  const uint8_t q[TALLY_HASH])
{
	struct session *s = r->session;

	if (r->row.state == TALLY_ROW_PENDING)
		TELL(r, "format", FILE_NAME, "row %u is pending", r->row.number);
	if (s->blind)
		return r->row.state == TALLY_ROW_DONE;
	if (!s->open) {
		TELL(r, "tpm-8", FILE_NAME, "row %u: no session statement before its note",
		     r->row.number);
		return r->row.state == TALLY_ROW_DONE;
	}
	check_place(r);
	if (memcmp(r->row.q, q, TALLY_HASH) != 0)
		TELL(r, "tpm-8", FILE_NAME, "row %u does not attest note %" PRIu64, r->row.number,
		     sequence);
	check_chain(r, q);
	if (r->row.state != TALLY_ROW_DONE)
		return false;
	check_evidence(r, sequence, note, q);
	return true;
}

/* Lines that no row asks for. */
static void
check_lines(struct rows *r, uint64_t sequence, const struct tally_note *note,
	    const uint8_t q[TALLY_HASH], bool done)
{
	const struct tally_note_line *line = evidence_line(r, note);
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t value[TALLY_HASH];
	struct tally_quote quote;
	unsigned check;
	/* Those of other names are witnesses'. */
	size_t own = tally_note_lines_of(note, tally_bytes_str(r->x->origin));

	if (own > (done ? 2U : 1U) && !done && line && own == 2 &&
	    sessions_quote(r->session, tally_bytes(line->sig, line->sig_len), q, &quote, &check,
			   &err)) {
		memcpy(value, quote.ledger_pcr, TALLY_HASH);
		if (!r->lenient)
			TELL(r, "missing", FILE_NAME,
			     "note %" PRIu64 " has evidence, but no row says that it was made",
			     sequence);
		if (r->session->st.ledger_pcr == TALLY_NO_PCR)
			tally_pcr_extend(value, r->session->value, q);
		memcpy(r->session->value, value, TALLY_HASH);
	} else if (own > (done ? 2U : 1U) && !r->session->blind) {
		TELL(r, "note", NOTES, "note %" PRIu64 " has a line that does not belong to it",
		     sequence);
	}
}

/* Whether the next row is of this note; tells where row and note are out of step. */
static bool
belongs(struct rows *r, uint64_t sequence, const uint8_t q[TALLY_HASH])
{
	bool same = memcmp(r->row.q, q, TALLY_HASH) == 0;
	uint64_t expected = sequence + r->shift;

	if (r->row.note == expected)
		return true;
	if (!same)
		return false;
	if (!r->shifted) {
		TELL(r, "note", FILE_NAME,
		     "row %u attests note %" PRIu64 ", but names note %" PRIu64, r->row.number,
		     expected, r->row.note);
		if (r->row.note > expected)
			TELL(r, "missing", NOTES, "a note before note %" PRIu64, r->row.note);
	}
	r->shifted = true;
	r->shift = r->row.note - sequence;
	return true;
}

/* Rows before this note's: of a note that is not there, or out of order. */
static bool
pass_over(struct rows *r, uint64_t sequence, const uint8_t q[TALLY_HASH])
{
	uint64_t expected = sequence + r->shift;

	if (memcmp(r->row.q, q, TALLY_HASH) == 0)
		return false;
	if (r->row.note == expected && !r->session->blind && row_stands(r)) {
		TELL(r, "missing", NOTES, "note %" PRIu64 ", which row %u attests", expected,
		     r->row.number);
		memcpy(r->session->value, r->row.after, TALLY_HASH);
		r->shifted = true;
		r->shift++;
		r->resync = false;
	} else if (r->row.note < expected) {
		if (!r->lenient && !r->shifted)
			TELL(r, "note", FILE_NAME, "row %u is out of order", r->row.number);
		r->resync = true;
	} else {
		return false;
	}
	r->has = false;
	return true;
}

int
rows_at(struct rows *r, uint64_t sequence, const struct tally_note *note, struct tally_err *err)
{
	bool done = false;
	uint8_t q[TALLY_HASH] = { 0 };

	r->quoted = false;
	if (note)
		tally_q_checkpoint(q, note->text);
	for (;;) {
		if (peek(r, err) < 0)
			return -1;
		if (!r->has)
			break;
		if (!note) {
			if (r->row.note > sequence + r->shift)
				break;
			r->resync = true;
		} else if (pass_over(r, sequence, q)) {
			continue;
		} else if (!belongs(r, sequence, q)) {
			break;
		} else {
			done = check_row(r, sequence, note, q) || done;
		}
		r->has = false;
	}
	/* Without rows nothing says which lines there should be. */
	if (note && r->reader.file.fd >= 0)
		check_lines(r, sequence, note, q, done);
	return 0;
}

int
rows_end(struct rows *r, bool notes_complete, struct tally_err *err)
{
	if (peek(r, err) < 0)
		return -1;
	if (r->has && notes_complete)
		TELL(r, "missing", NOTES, "note %" PRIu64 ", which row %u attests", r->row.note,
		     r->row.number);
	return 0;
}
