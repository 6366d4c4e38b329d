/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts are read some entries at a time, then these are put in order as far as
 * that goes, then told: each of the three steps finds in the cache what it needs,
 * and it is known what comes. While some are told, those behind them are read.
 */
#include <stdlib.h>
#include <string.h>
#include "part.h"
#include "tally/err.h"

#define FETCH_PACE 8U    /* entries from one stage to the next */
#define ORDERED    8192U /* entries that are put in order at a time, at most */

/* A part and what decides when its first entry is told: beside one another, so that
 * ordering many parts does not look into each of them. */
struct turn {
	int64_t at;
	uint64_t index;
	struct part *part;
	uint32_t ledger;
	unsigned slot;   /* of the part, that this is about: all before it have their place */
	unsigned passed; /* slots that this pass tells, and that are free behind it */
};
/* Entries in order. */
struct pass {
	struct told *told;
	size_t n;
};
struct stream {
	const struct stream_reader *r;
	struct part *parts;
	size_t n_parts;
	bool begun;
	struct turn *heap;
	size_t n;
	size_t room;                 /* of a pass */
	struct pass passes[2], *now; /* the one that is told, and the one behind it */
	int told_rc, read_rc;
	struct tally_err told_err, read_err, *begin_errs;
};

static bool
earlier(const struct turn *a, const struct turn *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	if (a->ledger != b->ledger)
		return a->ledger < b->ledger;
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

static void
turn_to(struct turn *t, unsigned slot)
{
	const struct slot *e = part_slot(t->part, slot);

	t->slot = slot;
	t->at = e->at;
	t->index = e->h.index;
	__builtin_prefetch(part_slot(t->part, slot + 1));
}

/* As many entries as can be told: an entry's turn is known as long as all parts have
 * one that is read, and it is told with the one that follows. */
static void
put_in_order(struct stream *s, struct pass *pass)
{
	while (s->n > 0 && pass->n < s->room) {
		struct turn *t = &s->heap[0];
		struct part *p = t->part;
		bool last = t->slot + 1 == p->count;

		if (last && !p->ended)
			break;
		pass->told[pass->n++] = (struct told){ p, part_slot(p, t->slot),
						       last ? NULL : part_slot(p, t->slot + 1) };
		if (last)
			s->heap[0] = s->heap[--s->n];
		else
			turn_to(t, t->slot + 1);
		if (s->n > 0)
			sift_down(s->heap, s->n, 0);
	}
}

/* What comes next was last used long ago: it is asked for in stages, each of which
 * needs what the one before has brought. */
static void
fetch_ahead(const struct stream *s, size_t now)
{
	for (unsigned stage = 0; s->r->fetch && stage < STREAM_STAGES; stage++) {
		size_t i = now + (size_t)(STREAM_STAGES - stage) * FETCH_PACE;

		if (i < s->now->n)
			s->r->fetch(s->r->ctx, &s->now->told[i], stage);
	}
}

/* 0 goes on, 1 stops, -1. */
static int
tell(struct stream *s, struct tally_err *err)
{
	for (size_t i = 0; i < s->now->n; i++) {
		const struct told *t = &s->now->told[i];
		int rc;

		fetch_ahead(s, i);
		rc = s->r->step(s->r->ctx, t->part, t->e, t->next, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Reads what comes behind that, into the slots that are free, as far as nobody has to
 * be told of it: this changes nothing that a step looks at. */
static int
read_known(struct stream *s, struct tally_err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		struct part *p = s->heap[i].part;

		if (p->cursor.rows && part_fill(p, PART_SLOTS, s->r->want, true, err) < 0)
			return -1;
	}
	return 0;
}

static struct pass *
other_pass(struct stream *s)
{
	return s->now == &s->passes[0] ? &s->passes[1] : &s->passes[0];
}

static void
tell_or_read(void *ctx, size_t job)
{
	struct stream *s = ctx;

	if (job == 0) {
		s->told_rc = tell(s, &s->told_err);
		return;
	}
	if (s->r->behind)
		s->r->behind(s->r->ctx);
	if (!s->r->parallel)
		return;
	s->read_rc = read_known(s, &s->read_err);
	put_in_order(s, other_pass(s));
}

/* Room for more in place of what was told. */
static int
read_on(struct stream *s, struct tally_err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		struct turn *t = &s->heap[i];
		struct part *p = t->part;

		p->first = (p->first + t->passed) % PART_SLOTS;
		p->count -= t->passed;
		t->slot -= t->passed;
		if (part_fill(p, PART_SLOTS / 2, s->r->want, false, err) < 0)
			return -1;
	}
	return 0;
}

/* Tells what is in order, and reads on. 0 goes on, 1 stops, -1. */
static int
tell_and_read(struct stream *s, struct tally_err *err)
{
	for (size_t i = 0; i < s->n; i++)
		s->heap[i].passed = s->heap[i].slot;
	s->read_rc = 0;
	if (s->r->turn)
		s->r->turn(s->r->ctx);
	if (s->r->parallel) {
		s->r->parallel(2, tell_or_read, s);
	} else {
		tell_or_read(s, 0);
		tell_or_read(s, 1);
	}
	if (s->told_rc != 0) {
		*err = s->told_err;
		return s->told_rc;
	}
	if (s->read_rc < 0) {
		*err = s->read_err;
		return -1;
	}
	s->now->n = 0;
	s->now = other_pass(s);
	if (read_on(s, err) < 0)
		return -1;
	put_in_order(s, s->now);
	return 0;
}

/* The parts of one ledger, one behind the other: they share its store. */
static void
begin_ledger(void *ctx, size_t first)
{
	struct stream *s = ctx;
	const struct part *p = s->parts;

	if (first > 0 && p[first - 1].ledger == p[first].ledger)
		return;
	for (size_t i = first; i < s->n_parts && p[i].ledger == p[first].ledger; i++)
		if (part_begin(&s->parts[i], s->r->want, &s->begin_errs[first]) < 0)
			return;
}

static int
begin_parts(struct stream *s, struct tally_err *err)
{
	size_t bad = 0;

	s->begin_errs = tally_alloc((s->n_parts + 1) * sizeof(*s->begin_errs));
	if (s->r->parallel)
		s->r->parallel(s->n_parts, begin_ledger, s);
	else
		for (size_t i = 0; i < s->n_parts; i++)
			begin_ledger(s, i);
	while (bad < s->n_parts && s->begin_errs[bad].code == TALLY_OK)
		bad++;
	if (bad < s->n_parts)
		*err = s->begin_errs[bad];
	free(s->begin_errs);
	return bad < s->n_parts ? -1 : 0;
}

static int
begin(struct stream *s, struct tally_err *err)
{
	if (begin_parts(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		struct turn *t = &s->heap[s->n];

		if (p->count == 0)
			continue;
		t->part = p;
		t->ledger = p->ledger;
		turn_to(t, 0);
		s->n++;
	}
	for (size_t i = s->n / 2; i-- > 0;)
		sift_down(s->heap, s->n, i);
	put_in_order(s, s->now);
	return 0;
}

struct stream *
stream_new(struct part *parts, size_t n, const struct stream_reader *r)
{
	struct stream *s = tally_alloc(sizeof(*s));

	s->r = r;
	s->parts = parts;
	s->n_parts = n;
	s->heap = tally_alloc((n + 1) * sizeof(*s->heap));
	s->room = n < ORDERED / PART_SLOTS ? n * PART_SLOTS : ORDERED;
	for (int i = 0; i < 2; i++)
		s->passes[i].told = tally_realloc_array(NULL, s->room + 1, sizeof(struct told));
	s->now = &s->passes[0];
	return s;
}

void
stream_free(struct stream *s)
{
	if (!s)
		return;
	free(s->heap);
	free(s->passes[0].told);
	free(s->passes[1].told);
	free(s);
}

int
stream_pass(struct stream *s, struct tally_err *err)
{
	int rc = 0;

	if (!s->begun)
		rc = begin(s, err);
	s->begun = true;
	if (rc < 0)
		return -1;
	if (s->now->n == 0)
		return 0;
	rc = tell_and_read(s, err);
	return rc < 0 ? -1 : rc == 0 && s->now->n > 0;
}

int
stream_run(struct part *parts, size_t n, const struct stream_reader *r, struct tally_err *err)
{
	struct stream *s = stream_new(parts, n, r);
	int rc;

	do
		rc = stream_pass(s, err);
	while (rc > 0);
	stream_free(s);
	return rc;
}
