/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of a part, read some at a time into a ring. Those of kinds that are many
 * are read by their wording; the others are decoded, and their bytes copied,
 * because a cursor's views die with its next call.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "part.h"
#include "tally/err.h"

/* The entry would say what was never said before. */
#define NEWS 2

struct whole {
	struct tally_event ev;
	struct said said;
	struct said_of of;
	struct tally_buf bytes;
	struct tally_arena *arena;
};

static const struct said says_nothing;
static const struct said_how how_unknown;
static struct said_of of_nobody; /* never written */

void
part_init(struct part *p, struct sayings *sayings, uint32_t ledger, uint32_t host, bool live,
	  struct tally_entries cursor)
{
	memset(p, 0, sizeof(*p));
	p->sayings = sayings;
	p->ledger = ledger;
	p->host = host;
	p->live = live;
	p->cursor = cursor;
}

void
slot_deinit(struct slot *s)
{
	if (!s->whole)
		return;
	said_deinit(&s->whole->said);
	tally_arena_free(s->whole->arena);
	tally_buf_deinit(&s->whole->bytes);
	free(s->whole);
	s->whole = NULL;
}

void
part_deinit(struct part *p)
{
	for (int i = 0; i < PART_SLOTS; i++)
		slot_deinit(&p->slots[i]);
	tally_buf_deinit(&p->body);
	tally_buf_deinit(&p->boot);
}

bool
part_holds(bool live, const struct tally_header *h)
{
	return !tally_kind_is_apart(h->kind) && live == !(h->flags & TALLY_FLAG_IMPORTED);
}

int64_t
stream_instant(uint64_t field)
{
	return field < (uint64_t)TALLY_WALL_MAX ? (int64_t)field : TALLY_WALL_MAX;
}

static struct whole *
whole_of(struct slot *s)
{
	if (!s->whole) {
		s->whole = tally_alloc(sizeof(*s->whole));
		s->whole->arena = tally_arena_new(4 << 10);
	}
	return s->whole;
}

static void
say(struct slot *s, const struct said *said, struct said_of *of, const struct said_how *how)
{
	s->said = said ? said : &says_nothing;
	s->of = of ? of : &of_nobody;
	s->how = how ? how : &how_unknown;
	for (unsigned left = s->said->numbers.has | s->how->numbers.has; left; left &= left - 1) {
		unsigned n = (unsigned)__builtin_ctz(left);

		if (s->numbers.has & (1u << n))
			continue;
		s->numbers.has |= (uint8_t)(1u << n);
		s->numbers.v[n] = s->said->numbers.has & (1u << n) ? s->said->numbers.v[n]
								   : s->how->numbers.v[n];
	}
	s->own_at = slot_has(s, TALLY_BODY_TIME) ? slot_instant(s, TALLY_BODY_TIME)
						 : stream_instant(s->h.wall);
	s->at = s->own_at;
}

void
slot_say(struct slot *s, const struct tally_event *ev, struct strings *strings)
{
	struct whole *w = whole_of(s);

	if (ev != &w->ev)
		w->ev = *ev;
	said_read(&w->said, &ev->m, strings);
	said_read_of(&w->of, &ev->i, strings);
	s->numbers.has = 0;
	s->ev = &w->ev;
	say(s, &w->said, &w->of, NULL);
}

/* An entry of a kind whose groups stand in an index as they are. */
static int
read_whole(const struct part *p, struct slot *s, const struct tally_bytes from[TALLY_GROUPS],
	   unsigned want, struct tally_err *err)
{
	struct whole *w = whole_of(s);
	struct tally_bytes group[TALLY_GROUPS];
	size_t at = 0;

	tally_buf_clear(&w->bytes);
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (want & (1u << k))
			tally_buf_add_bytes(&w->bytes, from[k]);
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		size_t len = want & (1u << k) ? from[k].len : 0;

		group[k] = tally_bytes(len ? w->bytes.p + at : NULL, len);
		at += len;
	}
	tally_arena_reset(w->arena);
	if (tally_event_decode(&w->ev, group, want, w->arena, err) < 0)
		return -1;
	w->ev.kind = s->h.kind;
	w->ev.imported = s->h.flags & TALLY_FLAG_IMPORTED;
	sayings_lock(p->sayings);
	slot_say(s, &w->ev, p->sayings->strings);
	sayings_unlock(p->sayings);
	return 0;
}

/* The cursor's next row, or NULL: 1, 0 at the end, -1. */
static int
next_row(struct part *p, const struct tally_index_row **out, struct tally_err *err)
{
	if (p->row == p->n_rows) {
		int rc = p->cursor.rows(p->cursor.ctx, &p->rows, &p->n_rows, err);

		if (rc <= 0)
			return rc;
		p->row = 0;
	}
	*out = &p->rows[p->row++];
	return 1;
}

/* What a body says: NULL where that fails, or where it is new and nothing may be. */
static void *
find_wording(const struct part *p, unsigned group, struct tally_bytes body, bool known,
	     struct tally_err *err)
{
	return known ? sayings_known(p->sayings, group, body)
		     : sayings_find(p->sayings, group, body, err);
}

static int
read_row(const struct part *p, struct slot *s, const struct tally_index_row *row, unsigned want,
	 bool known, struct tally_err *err)
{
	void *says[TALLY_GROUPS] = { 0 };

	s->numbers = row->numbers;
	if (!(want & 1u << TALLY_OPERATIONS))
		s->numbers.has &= (1u << TALLY_BODY_DOMAIN_ID) - 1;
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		struct tally_shared *group = row->group[k];

		if (!group || !(want & (1u << k)))
			continue;
		if (!group->place)
			group->place = find_wording(p, k, group->bytes, known, err);
		if (!group->place)
			return known ? NEWS : -1;
		says[k] = group->place;
	}
	say(s, says[TALLY_METERING], says[TALLY_IDENTITY], says[TALLY_OPERATIONS]);
	return 0;
}

static int
read_groups(struct part *p, struct slot *s, const struct tally_entry *e, unsigned want,
	    struct tally_err *err)
{
	void *says[TALLY_GROUPS] = { 0 };

	s->numbers.has = 0;
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		if (!(want & (1u << k)) || e->group[k].len == 0)
			continue;
		tally_buf_clear(&p->body);
		tally_body_split(&p->body, &s->numbers, s->h.kind, k, e->group[k]);
		says[k] = sayings_find(p->sayings, k, tally_buf_view(&p->body), err);
		if (!says[k])
			return -1;
	}
	say(s, says[TALLY_METERING], says[TALLY_IDENTITY], says[TALLY_OPERATIONS]);
	return 0;
}

static int
read_slot(struct part *p, struct slot *s, const struct tally_index_row *row,
	  const struct tally_entry *e, stream_want *want, bool known, struct tally_err *err)
{
	unsigned groups = (want(p->live, s->h.kind) | 1u << TALLY_METERING) & e->mask;
	bool whole = tally_body_is_whole(s->h.kind);
	int rc;

	s->ev = NULL;
	if (known && (whole || !row))
		return NEWS;
	if (whole)
		rc = read_whole(p, s, e->group, groups, err);
	else
		rc = row ? read_row(p, s, row, groups, known, err)
			 : read_groups(p, s, e, groups, err);
	return rc < 0 ? tally_err_prefix(err, "entry %" PRIu64, s->h.index) : rc;
}

/* What a row is as an entry. */
static void
entry_of(struct tally_entry *out, const struct tally_index_row *row)
{
	out->header = row->header;
	out->mask = (1u << TALLY_GROUPS) - 1;
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		out->group[k] = row->group[k] ? row->group[k]->bytes : tally_bytes(NULL, 0);
}

/* The part's next entry into `s`: 1, 0 behind the last, -1, or NEWS: it is still the
 * next one. */
static int
read_next(struct part *p, struct slot *s, stream_want *want, bool known, struct tally_err *err)
{
	const struct tally_index_row *row = NULL;
	struct tally_entry e = { 0 };
	int rc;

	for (;;) {
		rc = p->cursor.rows ? next_row(p, &row, err)
				    : p->cursor.next(p->cursor.ctx, &e, err);
		if (rc <= 0)
			return rc;
		if (!part_holds(p->live, row ? &row->header : &e.header))
			continue;
		if (row)
			entry_of(&e, row);
		/* What an import does not disclose has no instant: its wall clock is that of
		 * the import. */
		if (!p->live && !(e.mask & 1u << TALLY_METERING))
			continue;
		s->h = e.header;
		rc = read_slot(p, s, row, &e, want, known, err);
		if (rc < 0)
			return -1;
		if (rc == NEWS) {
			p->row--;
			return NEWS;
		}
		if (!p->live || p->aside || !s->ev || !tally_event_is_correction(s->ev))
			return 1;
	}
}

/* Its place in the part's time. What it tells of the host's clock goes with that; only
 * what would then be to come was told before the clock was set. */
static void
place(struct part *p, struct slot *s)
{
	static const enum tally_body_number told[] = { TALLY_BODY_NOT_BEFORE, TALLY_BODY_FROM,
						       TALLY_BODY_TO };

	s->skipped = 0;
	if (!p->live || p->aside) {
		s->at = tally_wallclock_other(&p->wallclock, s->own_at);
		return;
	}
	s->at = tally_wallclock_live(&p->wallclock, &s->h, s->own_at, &s->skipped);
	if (p->wallclock.ahead == 0)
		return;
	s->own_at = tally_wallclock_told(&p->wallclock, s->own_at);
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		int64_t at;

		if (!slot_has(s, told[i]))
			continue;
		at = tally_wallclock_told(&p->wallclock, slot_instant(s, told[i]));
		if (at <= s->at)
			s->numbers.v[told[i]] = (uint64_t)at;
	}
}

int
part_fill(struct part *p, unsigned upto, stream_want *want, bool known, struct tally_err *err)
{
	while (!p->ended && p->count < upto) {
		struct slot *s = part_slot(p, p->count);
		int rc = read_next(p, s, want, known, err);

		if (rc < 0)
			return -1;
		p->ended = rc == 0;
		if (rc != 1)
			break;
		place(p, s);
		p->count++;
	}
	return 0;
}

int
part_begin(struct part *p, stream_want *want, struct tally_err *err)
{
	TALLY_ASSERT(!p->runs);
	p->has_boot = p->gap_open = p->has_gap = p->ended = false;
	p->cluster = p->region = 0;
	p->n_rows = p->row = 0;
	p->first = p->count = 0;
	p->skips = false;
	tally_wallclock_begin(&p->wallclock);
	if (p->cursor.rewind(p->cursor.ctx, err) < 0)
		return -1;
	return part_fill(p, PART_SLOTS / 2, want, false, err);
}
