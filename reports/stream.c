/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cursor a part, decoded into two slots that swap, merged by a heap. The
 * bytes of an entry are copied, because a cursor's views die with its next call.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "stream.h"
#include "tally/err.h"

void
part_init(struct part *p, uint32_t ledger, uint32_t host, bool live, struct tally_entries cursor)
{
	memset(p, 0, sizeof(*p));
	p->ledger = ledger;
	p->host = host;
	p->live = live;
	p->cursor = cursor;
	for (int i = 0; i < 2; i++)
		p->slots[i].arena = tally_arena_new(4 << 10);
}

void
part_deinit(struct part *p)
{
	for (int i = 0; i < 2; i++) {
		tally_arena_free(p->slots[i].arena);
		tally_buf_deinit(&p->slots[i].bytes);
	}
}

bool
part_holds(bool live, const struct tally_header *h)
{
	if (h->kind == TALLY_IMPORT || h->kind == TALLY_OPERATOR_ACTION ||
	    h->kind == TALLY_SESSION_STATEMENT)
		return false;
	return live == !(h->flags & TALLY_FLAG_IMPORTED);
}

int64_t
stream_instant(uint64_t field)
{
	return field < (uint64_t)TALLY_WALL_MAX ? (int64_t)field : TALLY_WALL_MAX;
}

int64_t
stream_own_instant(const struct slot *s)
{
	return stream_instant(s->ev.m.has_time ? s->ev.m.time : s->h.wall);
}

/* The bytes of the groups are copied, because a cursor's views die with its next
 * call; what an index says lives longer. */
static int
decode_bytes(struct slot *s, const struct tally_entry *e, unsigned want, struct tally_err *err)
{
	struct tally_bytes group[TALLY_GROUPS];
	size_t at = 0;

	tally_buf_clear(&s->bytes);
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (want & (1u << k))
			tally_buf_add_bytes(&s->bytes, e->group[k]);
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		size_t len = want & (1u << k) ? e->group[k].len : 0;

		group[k] = tally_bytes(len ? s->bytes.p + at : NULL, len);
		at += len;
	}
	tally_arena_reset(s->arena);
	return tally_event_decode(&s->ev, group, want, s->arena, err);
}

static int
decode(struct part *p, struct slot *s, const struct tally_entry *e, unsigned want,
       struct tally_err *err)
{
	const struct tally_entries *c = &p->cursor;
	int r;

	s->h = e->header;
	s->mask = e->mask;
	s->place = NULL;
	want &= e->mask;
	r = c->event ? c->event(c->ctx, want, &s->ev, &s->place, err)
		     : decode_bytes(s, e, want, err);
	if (r < 0)
		return tally_err_prefix(err, "entry %" PRIu64, e->header.index);
	s->ev.kind = e->header.kind;
	s->ev.imported = e->header.flags & TALLY_FLAG_IMPORTED;
	s->at = stream_own_instant(s);
	return 0;
}

/* The part's next entry into `s`: 1, 0 behind the last, -1. */
static int
read_next(struct part *p, struct slot *s, stream_want *want, struct tally_err *err)
{
	struct tally_entry e;
	int rc;

	for (;;) {
		rc = p->cursor.next(p->cursor.ctx, &e, err);
		if (rc <= 0)
			return rc;
		if (!part_holds(p->live, &e.header))
			continue;
		if (decode(p, s, &e, want(p->live, e.header.kind) | 1u << TALLY_METERING, err) < 0)
			return -1;
		if (!p->live || p->aside || !tally_event_is_correction(&s->ev))
			return 1;
	}
}

/* Takes the entry ahead as the present one, and looks one further. */
static int
part_advance(struct part *p, stream_want *want, struct tally_err *err)
{
	int64_t at = p->slots[p->now].at;
	bool had = p->has_now;
	struct slot *ahead;
	int rc;

	p->now ^= 1;
	p->has_now = p->has_next;
	if (!p->has_now)
		return 0;
	if (had && p->slots[p->now].at < at)
		p->slots[p->now].at = at;
	ahead = &p->slots[p->now ^ 1];
	rc = read_next(p, ahead, want, err);
	if (rc < 0)
		return -1;
	p->has_next = rc == 1;
	if (p->has_next && ahead->at < p->slots[p->now].at)
		ahead->at = p->slots[p->now].at;
	return 0;
}

static int
part_begin(struct part *p, stream_want *want, struct tally_err *err)
{
	int rc;

	TALLY_ASSERT(!p->runs);
	p->has_boot = p->gap_open = p->has_gap = p->has_now = false;
	p->cluster = p->region = 0;
	if (p->cursor.rewind(p->cursor.ctx, err) < 0)
		return -1;
	rc = read_next(p, &p->slots[p->now ^ 1], want, err);
	if (rc < 0)
		return -1;
	p->has_next = rc == 1;
	return part_advance(p, want, err);
}

/* A part and what decides when its present entry is told: beside one another, so
 * that ordering many parts does not look into each of them. */
struct turn {
	int64_t at;
	uint64_t index;
	struct part *part;
};

static struct turn
turn_of(struct part *p)
{
	const struct slot *e = &p->slots[p->now];

	return (struct turn){ e->at, e->h.index, p };
}

static bool
earlier(const struct turn *a, const struct turn *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	if (a->part->ledger != b->part->ledger)
		return a->part->ledger < b->part->ledger;
	return a->index < b->index;
}

static void
sift_down(struct turn *heap, size_t n, size_t i)
{
	struct turn own = heap[i];

	for (size_t c; (c = 2 * i + 1) < n; i = c) {
		c += c + 1 < n && earlier(&heap[c + 1], &heap[c]);
		if (!earlier(&heap[c], &own))
			break;
		heap[i] = heap[c];
	}
	heap[i] = own;
}

static int
merge(struct turn *heap, size_t n, stream_want *want, stream_step *step, void *ctx,
      struct tally_err *err)
{
	for (uint64_t order = 1; n > 0; order++) {
		struct part *p = heap[0].part;
		int rc = step(ctx, p, &p->slots[p->now], p->has_next ? &p->slots[p->now ^ 1] : NULL,
			      order, err);

		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (part_advance(p, want, err) < 0)
			return -1;
		heap[0] = p->has_now ? turn_of(p) : heap[--n];
		if (n > 0)
			sift_down(heap, n, 0);
	}
	return 0;
}

int
stream_run(struct part *parts, size_t n, stream_want *want, stream_step *step, void *ctx,
	   struct tally_err *err)
{
	struct turn *heap = tally_realloc_array(NULL, n + 1, sizeof(*heap));
	size_t filled = 0;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = part_begin(&parts[i], want, err);
		if (rc == 0 && parts[i].has_now)
			heap[filled++] = turn_of(&parts[i]);
	}
	for (size_t i = filled / 2; rc == 0 && i-- > 0;)
		sift_down(heap, filled, i);
	if (rc == 0)
		rc = merge(heap, filled, want, step, ctx, err);
	free(heap);
	return rc;
}
