/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which reports were issued (FORMAT.md section 11), by the entries that say so: whether a
 * report is one of them, in these bytes, and whether a later one takes its place. Nothing here
 * makes a report hold or not: what it says comes out of the entries, or it does not.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tally/json.h"
#include "tally/report.h"
#include "verify_internal.h"

#define ISSUES_MAX 65536U /* of one export that are looked at */

void
issued_take(struct tally_export *x, uint64_t index, uint64_t wall, const struct tally_event *ev)
{
	const struct tally_operations *o = &ev->o;
	struct issues *l = &x->issues;
	struct issue *i;

	if (!tally_event_is_issue(ev))
		return;
	if (l->count == ISSUES_MAX) {
		l->passed++;
		return;
	}
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->p = tally_realloc_array(l->p, l->cap, sizeof(*l->p));
	}
	i = &l->p[l->count++];
	*i = (struct issue){ .index = index,
			     .wall = wall,
			     .from = o->period_from,
			     .to = o->period_to,
			     .supersedes = o->supersedes.p != NULL };
	memcpy(i->digest, o->file_hash.p, TALLY_HASH);
	memcpy(i->id, o->report.p, TALLY_HASH);
	if (o->supersedes.p)
		memcpy(i->old, o->supersedes.p, TALLY_HASH);
}

void
issued_hidden(struct tally_export *x, uint64_t index)
{
	x->issues.hidden++;
	x->issues.newest = index;
}

/* What there is of one sort: the newest of them, and in how many ledgers. */
struct sight {
	const struct issue *issue;
	const char *origin;
	size_t ledgers;
};
enum { OURS, ALTERED, SUCCESSOR, RIVAL, SORTS };

static bool
same(const uint8_t a[TALLY_HASH], const uint8_t b[TALLY_HASH])
{
	return memcmp(a, b, TALLY_HASH) == 0;
}

/* What an issue is to the report; SORTS: nothing. */
static unsigned
sort_of(const struct issue *i, const struct issued_report *r)
{
	if (same(i->id, r->id))
		return same(i->digest, r->digest) ? OURS : ALTERED;
	if (i->supersedes && same(i->old, r->id))
		return SUCCESSOR;
	if (i->from != r->from || i->to != r->to || (r->supersedes && same(i->id, r->old)))
		return SORTS;
	return RIVAL;
}

static void
look(struct sight seen[SORTS], const struct tally_export *x, const struct issued_report *r)
{
	bool here[SORTS] = { false };

	for (size_t k = 0; k < x->issues.count; k++) {
		const struct issue *i = &x->issues.p[k];
		unsigned sort = sort_of(i, r);

		if (sort == SORTS)
			continue;
		seen[sort].ledgers += !here[sort];
		here[sort] = true;
		if (!seen[sort].issue || i->wall > seen[sort].issue->wall) {
			seen[sort].issue = i;
			seen[sort].origin = x->origin;
		}
	}
}

/* "report ID: entry N of ORIGIN, TIME", or without its id. */
static void
add_sight(struct tally_buf *b, const struct sight *s, bool id)
{
	char hex[2 * TALLY_HASH + 1], time[TALLY_TIME_TEXT];

	tally_hex(hex, s->issue->id, TALLY_HASH);
	tally_wall_text(time, (struct tally_wall){ (int64_t)s->issue->wall });
	if (id)
		tally_buf_addf(b, "report %s: ", hex);
	tally_buf_addf(b, "entry %" PRIu64 " of %s, %s", s->issue->index, s->origin, time);
}

static void
tell(struct tally_verify *v, const struct target *t, const char *what, const struct sight *s,
     bool id)
{
	struct tally_buf b = TALLY_BUF_INIT;

	add_sight(&b, s, id);
	remark_verdict(&v->problems, "%s: %s%s", t->path, what, tally_buf_cstr(&b));
	tally_buf_deinit(&b);
}

/* Where it is the one: whether every ledger says so. */
static void
tell_issued(struct tally_verify *v, const struct target *t, const struct sight *ours, size_t count)
{
	tell(v, t, "issued: ", ours, false);
	if (ours->ledgers < count)
		remark_verdict(&v->problems, "%s: of its %zu ledgers %zu say that it was issued",
			       t->path, count, ours->ledgers);
}

/* Of its ledger: those that may be its own or a later one's stand behind what it rests on. */
static uint64_t
not_seen(struct tally_verify *v, const struct target *t, const struct tally_export *x,
	 uint64_t size)
{
	const struct issues *l = &x->issues;

	if (l->passed > 0)
		remark(&v->problems,
		       "%s: of %s %" PRIu64 " reports were issued behind those that were looked at",
		       t->path, x->origin, l->passed);
	return l->passed + (l->hidden > 0 && l->newest >= size ? l->hidden : 0);
}

static void
tell_unseen(struct tally_verify *v, const struct target *t, uint64_t unseen, bool issued)
{
	remark_verdict(&v->problems,
		       "%s: whether it was %s cannot be told: %" PRIu64 " entr%s a report w%s not "
		       "seen",
		       t->path, issued ? "superseded" : "issued or superseded", unseen,
		       unseen == 1 ? "y that issues" : "ies that issue",
		       unseen == 1 ? "as" : "ere");
}

void
issued_judge(struct tally_verify *v, struct target *t, const struct issued_report *r)
{
	struct sight seen[SORTS] = { { .ledgers = 0 } };
	const struct sight *ours = &seen[OURS], *rival = &seen[RIVAL];
	bool beyond = false;
	uint64_t unseen = 0;

	for (size_t k = 0; k < r->count; k++) {
		look(seen, r->exports[k], r);
		beyond = beyond || r->exports[k]->size > r->ledgers[k].size;
		unseen += not_seen(v, t, r->exports[k], r->ledgers[k].size);
	}
	/* Its issue lies behind what it rests on: where that is all there is, nobody knows. */
	t->issued.known = beyond && unseen == 0;
	t->issued.issued = ours->issue != NULL;
	t->issued.superseded = seen[SUCCESSOR].issue != NULL;
	memcpy(t->issued.id, r->id, TALLY_HASH);
	if (ours->issue)
		tell_issued(v, t, ours, r->count);
	else if (t->issued.known)
		remark_verdict(&v->problems, "%s: no entry says that it was issued", t->path);
	if (seen[ALTERED].issue)
		tell(v, t, "its id was issued with other bytes: ", &seen[ALTERED], false);
	if (seen[SUCCESSOR].issue) {
		memcpy(t->issued.by, seen[SUCCESSOR].issue->id, TALLY_HASH);
		tell(v, t, "superseded by ", &seen[SUCCESSOR], true);
	} else if (rival->issue && (!ours->issue || rival->issue->wall > ours->issue->wall)) {
		tell(v, t,
		     ours->issue || t->issued.known ? "issued for its period, and not behind it: "
						    : "issued for its period: ",
		     rival, true);
	}
	if (unseen > 0 && !seen[SUCCESSOR].issue)
		tell_unseen(v, t, unseen, ours->issue != NULL);
}

void
issued_json(const struct tally_verify *v, struct tally_jsonw *w)
{
	char hex[2 * TALLY_HASH + 1];

	tally_jsonw_array(w);
	for (size_t i = 0; i < v->count; i++) {
		const struct target *t = &v->targets[i];

		if (t->kind != TARGET_REPORT || !(t->issued.known || t->issued.issued))
			continue;
		tally_jsonw_object(w);
		tally_jsonw_key(w, "file");
		tally_jsonw_str(w, t->path);
		tally_jsonw_key(w, "id");
		tally_hex(hex, t->issued.id, TALLY_HASH);
		tally_jsonw_str(w, hex);
		tally_jsonw_key(w, "issued");
		tally_jsonw_bool(w, t->issued.issued);
		tally_jsonw_key(w, "superseded_by");
		tally_hex(hex, t->issued.by, TALLY_HASH);
		if (t->issued.superseded)
			tally_jsonw_str(w, hex);
		else
			tally_jsonw_null(w);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}
