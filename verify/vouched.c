/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows where somebody that is pinned (a quorum of witnesses, an authority
 * of timestamps) vouches for a checkpoint: its entries were there by a time, and
 * what stands behind a receipt that is itself an entry came later. Between the
 * two the entries' own clocks are held against it, as the log itself corrects them:
 * what disagrees waits for that to its end, or that of its boot.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tally/json.h"
#include "tally/time.h"
#include "verify_internal.h"

#define TOLERANCE CORRECTED_TOLERANCE /* s that an entry's wall clock may be off */
#define LAG       3600                /* s that the newest entries may lie behind such a time */

/* Seconds of a signer as an instant; what no clock of ours can say is the last one. */
static int64_t
instant(uint64_t seconds, int64_t more)
{
	const uint64_t most = (uint64_t)(TALLY_WALL_MAX / TALLY_SECOND) - LAG;

	return ((int64_t)(seconds < most ? seconds : most) + more) * TALLY_SECOND;
}

static void
time_text(char out[TALLY_TIME_TEXT], int64_t ns)
{
	tally_wall_text(out, (struct tally_wall){ ns });
}

static void
tell_late(struct tally_export *x)
{
	struct contradiction *c = &x->witnessed.late;
	char said[TALLY_TIME_TEXT], known[TALLY_TIME_TEXT];

	if (!c->has)
		return;
	time_text(said, c->wall);
	time_text(known, instant(c->time, 0));
	problem_entry(x->problems, "tpm-17", x->folder.path, NULL, c->index,
		      "it says that it was appended at %s, but %s it by %s", said, c->who, known);
	c->has = false;
}

static void
tell_early(struct tally_export *x)
{
	struct contradiction *c = &x->witnessed.early;
	char said[TALLY_TIME_TEXT], known[TALLY_TIME_TEXT];

	if (!c->has)
		return;
	time_text(said, c->wall);
	time_text(known, instant(c->time, 0));
	problem_entry(x->problems, "tpm-17", x->folder.path, NULL, c->index,
		      "it says that it was appended at %s, but it stands behind a receipt of %s",
		      said, known);
	c->has = false;
}

void
witnessed_entry(struct tally_export *x, uint64_t index, const struct tally_header *h)
{
	struct witnessed *w = &x->witnessed;
	tally_i128 least, need;

	/* Another boot's clock says nothing of how far the one before it was behind. */
	if (corrected_entry(&w->clock, index, h))
		tell_early(x);
	w->late.has = w->late.has && w->clock.shift > w->late.need;
	w->early.has = w->early.has && w->clock.shift < w->early.need;
	least = w->clock.wall - w->clock.shift;
	if (!w->newest.has || least > w->newest.least)
		w->newest = (struct witnessed_newest){ true, w->clock.wall, index, least };
	need = instant(w->floor, -TOLERANCE) - least;
	if (w->clock.shift < need && (!w->early.has || need > w->early.need))
		w->early =
			(struct contradiction){ true, w->clock.wall, index, w->floor, need, NULL };
}

bool
vouched_late(const struct vouched *v, int64_t wall)
{
	return v->reached && wall > instant(v->by, TOLERANCE);
}

void
vouched_covered(struct tally_export *x, struct vouched *v, uint64_t size,
		struct witnessed_newest newest, uint64_t by)
{
	struct witnessed *w = &x->witnessed;
	tally_i128 need = instant(by, TOLERANCE) - newest.least;

	slowed_covered(x, size, by);
	if (!v->reached || size >= v->size) {
		v->reached = true;
		v->size = size;
		v->by = by;
		v->shift = w->clock.shift;
	}
	if (newest.has && w->clock.shift > need && (!w->late.has || need < w->late.need))
		w->late = (struct contradiction){
			true,
			newest.wall,
			newest.index,
			by,
			need,
			v == &w->quorum ? "witnesses had signed" : "a timestamp covers"
		};
}

void
vouched_since(struct tally_export *x, struct vouched *v, uint64_t index, uint64_t since)
{
	struct witnessed *w = &x->witnessed;

	if (!v->window) {
		v->window = true;
		v->from = index;
		v->since = since;
	}
	w->floor = since > w->floor ? since : w->floor;
}

/* Of one of the two: how far, by when, and between which times. */
static void
tell(const struct tally_export *x, const struct vouched *v, const char *none, const char *who)
{
	char by[TALLY_TIME_TEXT], since[TALLY_TIME_TEXT];

	if (!v->reached) {
		remark(x->problems, "%s: %s any of its checkpoints", x->folder.path, none);
		return;
	}
	time_text(by, instant(v->by, 0));
	remark(x->problems, "%s: %s %" PRIu64 " of its %" PRIu64 " entries, by %s", x->folder.path,
	       who, v->size, x->size, by);
	if (!v->window || v->from >= v->size)
		return;
	time_text(since, instant(v->since, 0));
	remark(x->problems,
	       "%s: entries %" PRIu64 " to %" PRIu64 " were appended between %s and %s",
	       x->folder.path, v->from, v->size - 1, since, by);
}

/* Clocks that were wrong are told of, whom they condemn or not. */
static void
tell_set(const struct tally_export *x, const struct corrected_by *by, const char *where)
{
	if (by->count == 0)
		return;
	remark(x->problems,
	       "%s: its clock was set %s by %" PRId64 " s at entry %" PRIu64
	       "%s: entries before it may tell a time that is off by as much",
	       x->folder.path, where, by->most / TALLY_SECOND, by->index,
	       by->count > 1 ? ", and by less elsewhere" : "");
}

static void
tell_all(const struct tally_export *x)
{
	const struct witnessed *w = &x->witnessed;
	struct tally_buf who = TALLY_BUF_INIT;

	if (witnesses_pinned(x->anchors))
		tell(x, &w->quorum, "no quorum of the pinned witnesses has signed",
		     "a quorum of the pinned witnesses has signed");
	if (timestamps_pinned(x->anchors)) {
		tally_buf_addf(&who, "a timestamp of a pinned authority (%s, policy %s) covers",
			       w->authority, w->policy);
		tell(x, &w->stamp, "no timestamp of a pinned authority covers",
		     tally_buf_cstr(&who));
	}
	if (w->quorum.reached || w->stamp.reached) {
		tell_set(x, &w->clock.back, "back");
		tell_set(x, &w->clock.forth, "forward");
	}
	if (w->strangers > 0)
		remark(x->problems,
		       "%s: %zu timestamp%s of no pinned authority, which count%s for nothing",
		       x->folder.path, w->strangers, w->strangers == 1 ? "" : "s",
		       w->strangers == 1 ? "s" : "");
	tally_buf_deinit(&who);
}

static int
by_size(const void *a, const void *b)
{
	const struct witnessed_claim *l = a, *r = b;

	return l->size < r->size ? -1 : l->size > r->size;
}

/* The roots that receipts name, of notes that were not seen lately: in one go. */
static int
check_claims(struct tally_export *x, struct tally_err *err)
{
	struct witnessed *w = &x->witnessed;
	uint64_t *size = tally_alloc((w->claims + 1) * sizeof(*size));
	uint8_t(*root)[TALLY_HASH] = tally_alloc((w->claims + 1) * sizeof(*root));
	int r;

	if (w->claims > 0)
		qsort(w->claim, w->claims, sizeof(*w->claim), by_size);
	for (size_t i = 0; i < w->claims; i++)
		size[i] = w->claim[i].size;
	r = export_roots_at(x, size, w->claims, root, err);
	for (size_t i = 0; i < w->claims && r == 0; i++)
		if (memcmp(root[i], w->claim[i].root, TALLY_HASH) != 0)
			problem_entry(x->problems, "tpm-16", x->folder.path, NULL,
				      w->claim[i].index,
				      "a receipt for %" PRIu64 " entries of another history",
				      w->claim[i].size);
	free(size);
	free(root);
	return r;
}

int
witnessed_end(struct tally_export *x, bool sound, struct tally_err *err)
{
	struct witnessed *w = &x->witnessed;

	/* The checkpoint of a mirror stands over all of it. */
	if (w->head.reached)
		vouched_covered(x, &w->quorum, x->size, w->newest, w->head.by);
	tell_late(x);
	tell_early(x);
	if (sound && check_claims(x, err) < 0)
		return -1;
	tell_all(x);
	return 0;
}

/* Whether an entry is more than an hour behind that time. How the clock is set behind it, and
 * so behind all that anybody vouches for, hides nothing. */
static bool
is_behind(const struct witnessed *w, const struct vouched *got)
{
	return w->newest.has && w->newest.least + got->shift > instant(got->by, LAG);
}

static void
require(struct tally_verify *v, const struct target *t, const struct vouched *got, bool pinned,
	const char *what[3])
{
	const struct witnessed *w = t->export ? &t->export->witnessed : &t->witnessed;

	if (!pinned)
		problem(&v->problems, "require", t->path, NULL, "%s", what[0]);
	else if (!got->reached)
		problem(&v->problems, "require", t->path, NULL, "%s it", what[1]);
	else if (t->export && got->size < t->export->size && is_behind(w, got))
		problem(&v->problems, "require", t->path, NULL,
			"its newest entry is more than an hour behind the newest checkpoint, of "
			"%" PRIu64 " entries, that %s",
			got->size, what[2]);
}

void
vouched_require(struct tally_verify *v)
{
	static const char *witness[3] = { "no witness is pinned",
					  "no quorum of the pinned witnesses has signed",
					  "a quorum of the pinned witnesses has signed" };
	static const char *stamp[3] = { "no authority of timestamps is pinned",
					"no timestamp of a pinned authority covers",
					"a timestamp of a pinned authority covers" };

	for (size_t i = 0; i < v->count; i++) {
		const struct target *t = &v->targets[i];
		const struct witnessed *w = t->export ? &t->export->witnessed : &t->witnessed;

		if (t->kind == TARGET_REPORT || t->kind == TARGET_BUNDLE)
			continue;
		if (v->require_witness)
			require(v, t, &w->quorum, witnesses_pinned(&v->anchors), witness);
		if (v->require_timestamp)
			require(v, t, &w->stamp, timestamps_pinned(&v->anchors), stamp);
	}
}

static void
put_time(struct tally_jsonw *j, const char *key, uint64_t seconds)
{
	char text[TALLY_TIME_TEXT];

	time_text(text, instant(seconds, 0));
	tally_jsonw_key(j, key);
	tally_jsonw_str(j, text);
}

static void
put_vouched(struct tally_jsonw *j, const char *path, const struct vouched *v)
{
	put_time(j, "by", v->by);
	tally_jsonw_key(j, "entries");
	tally_jsonw_u64(j, v->size);
	tally_jsonw_key(j, "file");
	tally_jsonw_str(j, path);
	tally_jsonw_key(j, "from");
	if (v->window && v->from < v->size) {
		tally_jsonw_u64(j, v->from);
		put_time(j, "since", v->since);
	} else {
		tally_jsonw_null(j);
		tally_jsonw_key(j, "since");
		tally_jsonw_null(j);
	}
	tally_jsonw_end(j);
}

void
vouched_json(const struct tally_verify *v, bool stamps, struct tally_jsonw *j)
{
	tally_jsonw_array(j);
	for (size_t i = 0; i < v->count; i++) {
		const struct target *t = &v->targets[i];
		const struct witnessed *w = t->export ? &t->export->witnessed : &t->witnessed;
		const struct vouched *got = stamps ? &w->stamp : &w->quorum;

		if (!got->reached)
			continue;
		tally_jsonw_object(j);
		if (stamps) {
			tally_jsonw_key(j, "authority");
			tally_jsonw_str(j, w->authority);
		}
		put_vouched(j, t->path, got);
	}
	tally_jsonw_end(j);
}
