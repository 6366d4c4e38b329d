/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Powered time is the TPM's: its `time` runs from power-on and cannot be set, so
 * from anchor to anchor of a session it says how long the host was on, whatever was
 * recorded meanwhile. What it does not tell of is unknown, and not zero.
 *
 * The pieces never overlap: where the host's clock is set back, its instants go on
 * without a break, as those of the timeline do, until a step forward takes it up.
 */
#include "powered.h"
#include <stdlib.h>
#include <string.h>
#include "stream.h"
#include "tally/bytes.h"
#include "tally/entry.h"

#define MS        (TALLY_SECOND / 1000)
#define TOLERANCE 1000 /* ms by which `clock` may run before `time` */

void
powered_deinit(struct powered *p)
{
	free(p->p);
}

void
powered_session(struct powered *p, const struct tally_statement *st)
{
	if (!p->has_session || st->reset_count < p->reset_count) {
		p->boots++; /* the first, or a TPM that begins anew */
	} else if (st->reset_count > p->reset_count) {
		p->boots++;
		p->unlogged += st->reset_count - p->reset_count - 1;
	} else if (st->restart_count > p->restart_count) {
		p->suspends += st->restart_count - p->restart_count;
	}
	if (!p->has_session || st->reset_count != p->reset_count ||
	    st->restart_count != p->restart_count)
		p->has_anchor = false;
	p->has_session = true;
	p->reset_count = st->reset_count;
	p->restart_count = st->restart_count;
}

static void
add(struct powered *p, int64_t from, int64_t to, uint64_t ms)
{
	if (from >= to)
		return;
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->p = tally_realloc_array(p->p, p->cap, sizeof(*p->p));
	}
	p->p[p->n++] = (struct powered_piece){ from, to, ms };
}

/* What goes by in a boot by its uptime, and not by the wall clock, was set; a boot that begins
 * before the newest anchor goes on behind it by what its TPM ran. */
static int64_t
instant_of(struct powered *p, const struct tally_header *h, uint64_t ms)
{
	int64_t wall = stream_instant(h->wall);
	tally_i128 ahead = p->ahead, set = wall - p->wall;

	if (p->anchors == 0) {
		ahead = 0;
	} else if (h->boot != p->boot) {
		ahead = wall < p->at ? p->at - wall + (tally_i128)ms * MS : 0;
	} else {
		set -= (tally_i128)h->uptime - p->uptime;
		ahead -= set < -TALLY_SECOND || set > TALLY_SECOND ? set : 0;
	}
	if (ahead < 0 || ahead > TALLY_WALL_MAX - wall) /* no clock of a host goes so far */
		ahead = 0;
	p->wall = wall;
	p->uptime = h->uptime;
	p->boot = h->boot;
	p->ahead = (int64_t)ahead;
	return wall + p->ahead;
}

/* Of a session's first anchor: from the power-on, but not into what is told already. */
static void
add_first(struct powered *p, int64_t at, uint64_t ms)
{
	int64_t limit = p->n > 0 ? p->p[p->n - 1].to : 0, from = limit;

	if (ms < (uint64_t)(INT64_MAX / MS) && at - (int64_t)ms * MS > limit)
		from = at - (int64_t)ms * MS;
	if (from < at && ms > (uint64_t)((at - from) / MS))
		ms = (uint64_t)((at - from) / MS);
	add(p, from, at, ms);
}

void
powered_anchor(struct powered *p, const struct tally_header *h, struct tally_bytes tpm_time)
{
	struct tally_tpm_time t;
	uint64_t ran;
	int64_t at;
	bool first;

	if (!tpm_time.p || !tally_tpm_time_read(&t, tpm_time))
		return;
	first = !p->has_anchor || t.time < p->last.time;
	ran = first ? t.time : t.time - p->last.time;
	at = instant_of(p, h, ran);
	if (first) {
		p->unclean += !t.safe;
		add_first(p, at, ran);
	} else {
		if (t.clock > p->last.clock && t.clock - p->last.clock > ran &&
		    t.clock - p->last.clock - ran > TOLERANCE)
			p->clock_sets++;
		add(p, p->at, at, ran);
	}
	p->anchors++;
	p->has_anchor = true;
	p->last = t;
	p->at = at;
}

static int64_t
most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A piece that the period cuts counts in proportion, rounded down to whole ns. */
void
powered_time_make(struct powered_time *out, const struct powered *p, const struct spans *metered,
		  const struct span *period)
{
	struct spans both = { 0 };

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < p->n; i++) {
		const struct powered_piece *piece = &p->p[i];
		int64_t from = most(piece->from, period->from), to = least(piece->to, period->to);

		if (from >= to)
			continue;
		out->known = true;
		out->powered +=
			(tally_i128)piece->ms * MS * (to - from) / (piece->to - piece->from);
		out->resolution = most(out->resolution, piece->to - piece->from);
		spans_add(&out->intervals, from, to);
	}
	spans_settle(&out->intervals);
	spans_add_all(&both, metered);
	spans_cut(&both, &out->intervals);
	out->metered = spans_sum(&both);
	spans_deinit(&both);
	out->boots = p->boots;
	out->unlogged = p->unlogged;
	out->suspends = p->suspends;
	out->clock_sets = p->clock_sets;
	out->unclean = p->unclean;
	out->anchors = p->anchors;
}

void
powered_time_deinit(struct powered_time *t)
{
	spans_deinit(&t->intervals);
}
