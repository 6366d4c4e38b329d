/* SPDX-License-Identifier: Apache-2.0 */
/* See witness.h. */
#include "witness.h"

#include <stdlib.h>
#include <string.h>

#include "agent_internal.h"
#include "program.h"
#include "recorder_internal.h"
#include "check.h"
#include "sim.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/store.h"
#include "wrap.h"

/* One thread, one world at a time: whose code runs is the world's to say. */
static struct host *now_running;

void
witness_running(struct host *h)
{
	now_running = h;
}

#define GROW(list, count, cap)                                                                     \
	do {                                                                                       \
		if ((count) == (cap)) {                                                            \
			(cap) = (cap) ? 2 * (cap) : 64;                                            \
			(list) = tally_realloc_array((list), (cap), sizeof(*(list)));              \
		}                                                                                  \
	} while (0)

static void
trace_record(struct host *h, const struct tally_event *ev)
{
	char uuid[TALLY_UUID_TEXT] = "", bound[64];
	const char *kind = tally_kind_name(ev->kind);
	if (ev->i.has_vm)
		tally_uuid_text(uuid, ev->i.vm);
	for (unsigned i = 0; ev->i.has_vm && i < h->world->vm_count; i++) {
		if (memcmp(h->world->vm[i].uuid, ev->i.vm, TALLY_UUID) == 0)
			(void)snprintf(uuid, sizeof(uuid), "%s", h->world->vm[i].name);
	}
	(void)snprintf(bound, sizeof(bound), ", not before %+.3f s",
		       (double)((int64_t)ev->m.not_before - host_wall(h)) / 1e9);
	sim_trace(h->world, h, "  record %s %s%s%s%s%.*s run %llu at %+.3f s%s",
		  kind != NULL ? kind : "?", uuid, ev->m.has_cause ? " " : "",
		  ev->m.has_cause ? tally_cause_name(ev->m.cause) : "",
		  ev->m.reason.p != NULL ? ": " : "", (int)ev->m.reason.len,
		  ev->m.reason.p != NULL ? (const char *)ev->m.reason.p : "",
		  (unsigned long long)ev->m.run,
		  ev->m.has_time ? (double)((int64_t)ev->m.time - host_wall(h)) / 1e9 : 0.0,
		  ev->m.has_not_before ? bound : "");
}

void
__wrap_recorder_put(struct recorder *r, const struct tally_event *ev)
{
	struct host *h = now_running;
	struct witness *w = h->witness;
	uint64_t lost = r->lost_total;
	struct witness_put *p;
	trace_record(h, ev);
	__real_recorder_put(r, ev);
	h->world->counts.records++;
	if (r->lost_total != lost) {
		sim_trace(h->world, h, "  the queue is full: lost");
		w->session[w->sessions - 1].lossy = w->behind = true;
		truth_disturbed(h, h->durable, truth_now(h) + 1);
		truth_outage(h, h->durable);
		return;
	}
	GROW(w->put, w->puts, w->puts_cap);
	p = &w->put[w->puts++];
	*p = (struct witness_put){ .kind = ev->kind, .time = ev->m.has_time ? ev->m.time : 0 };
	if (ev->i.has_vm)
		memcpy(p->vm, ev->i.vm, TALLY_UUID);
}

int
__wrap_tally_store_open(struct tally_store **out, const char *path, enum tally_store_mode mode,
			const struct tally_clock *clock, struct tally_err *err)
{
	struct host *h = now_running;
	int rc = __real_tally_store_open(out, path, mode, clock, err);
	struct tally_err ignored = TALLY_ERR_INIT;
	struct witness_note head;
	if (rc < 0 && err->code == TALLY_FAILS)
		sim_fail(h->world, h, "the ledger cannot be opened: %s", err->text);
	if (rc < 0 || h == NULL || mode != TALLY_STORE_WRITE)
		return rc;
	if (tally_store_head(*out, &head.size, head.root, &ignored) < 0)
		sim_fail(h->world, h, "no head: %s", ignored.text);
	if (head.size < h->witness->head.size)
		sim_fail(h->world, h, "%llu entries were acknowledged, %llu are there",
			 (unsigned long long)h->witness->head.size, (unsigned long long)head.size);
	if (h->witness->opening) {
		struct witness *w = h->witness;
		truth_looks(h, records_newest(h, *out));
		w->opening = false;
		GROW(w->session, w->sessions, w->sessions_cap);
		w->session[w->sessions++] =
			(struct witness_session){ .base = head.size, .first = w->puts };
	}
	return rc;
}

int
__wrap_tally_store_append(struct tally_store *s, const struct tally_prepared *entries, size_t n,
			  uint64_t *first, struct tally_err *err)
{
	int rc = __real_tally_store_append(s, entries, n, first, err);
	struct tally_err ignored = TALLY_ERR_INIT;
	struct witness_note head = { 0 };
	if (now_running == NULL || rc < 0)
		return rc;
	if (tally_store_head(s, &head.size, head.root, &ignored) == 0)
		now_running->witness->head = head;
	return rc;
}

static bool
read_note(struct tally_bytes bytes, struct witness_note *out)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_checkpoint cp;
	struct tally_note note;
	bool ok = tally_note_parse(&note, bytes, &scratch, &err) == 0 &&
		  tally_checkpoint_parse(&cp, note.text, false, &err) == 0;
	if (ok) {
		out->size = cp.size;
		memcpy(out->root, cp.root, TALLY_HASH);
	}
	tally_buf_deinit(&scratch);
	return ok;
}

/* The simulation's own file is megabytes of symbols, and the same each time. */
int
program_hash(uint8_t out[TALLY_HASH], struct tally_err *err)
{
	(void)err;
	memset(out, 0x5a, TALLY_HASH);
	return 0;
}

void
witness_begin(struct host *h)
{
	if (h->witness == NULL)
		h->witness = tally_alloc(sizeof(*h->witness));
	h->witness->opening = true;
}

static void
take_note(struct host *h, const struct recorder_note *n)
{
	struct witness *w = h->witness;
	struct witness_note *is;
	if (w->notes > 0 && w->note[w->notes - 1].sequence == n->sequence)
		return;
	GROW(w->note, w->notes, w->notes_cap);
	is = &w->note[w->notes++];
	*is = (struct witness_note){ .sequence = n->sequence, .size = n->size };
	memcpy(is->root, n->root, TALLY_HASH);
	h->world->counts.checkpoints++;
}

void
witness_step(struct host *h)
{
	struct witness *w = h->witness;
	const struct recorder *r = h->agent->recorder;
	w->session[w->sessions - 1].acknowledged = r->done;
	if (r->checkpoints > 0)
		take_note(h, &r->note);
	if (w->behind) {
		int64_t now = truth_now(h);
		truth_disturbed(h, h->durable, now + 1);
		w->behind = r->queued > 0;
	}
	if (r->queued == 0 && !h->dead) {
		int64_t now = truth_now(h);
		bool held = h->world->now < h->held_until && h->held < now;
		if (!held || h->held > h->durable)
			h->durable = held ? h->held : now;
	}
}

void
witness_stopped(struct host *h)
{
	struct witness *w = h->witness;
	struct witness_session *s = &w->session[w->sessions - 1];
	s->acknowledged = w->puts - s->first;
}

void
witness_free(struct witness *w)
{
	if (w == NULL)
		return;
	free(w->put);
	free(w->session);
	free(w->note);
	free(w);
}

/* The entries of one agent's life are its puts in order: all that it
 * acknowledged, and perhaps some that it had no time to. */
struct compare {
	struct host *h;
	size_t session;
	uint64_t seen; /* entries of the session that stand for a put */
};

static void
end_session(struct compare *c)
{
	const struct witness *w = c->h->witness;
	const struct witness_session *s = &w->session[c->session];
	if (!s->lossy && c->seen < s->acknowledged)
		sim_fail(c->h->world, c->h,
			 "agent %zu acknowledged %llu records, %llu are in the ledger", c->session,
			 (unsigned long long)s->acknowledged, (unsigned long long)c->seen);
}

static void
take_entry(struct compare *c, const struct tally_event *ev, uint64_t index)
{
	const struct witness *w = c->h->witness;
	const struct witness_session *s;
	const struct witness_put *p;
	size_t last;
	while (c->session + 1 < w->sessions && index >= w->session[c->session + 1].base) {
		end_session(c);
		c->session++;
		c->seen = 0;
	}
	s = &w->session[c->session];
	last = c->session + 1 < w->sessions ? w->session[c->session + 1].first : w->puts;
	if (index < s->base || ev->kind == TALLY_SESSION_STATEMENT || s->lossy)
		return;
	p = &w->put[s->first + c->seen];
	if (s->first + c->seen >= last || p->kind != ev->kind ||
	    p->time != (ev->m.has_time ? ev->m.time : 0) ||
	    (ev->i.has_vm && memcmp(p->vm, ev->i.vm, TALLY_UUID) != 0)) {
		sim_fail(c->h->world, c->h, "entry %llu (%s) is not what agent %zu recorded there",
			 (unsigned long long)index, tally_kind_name(ev->kind), c->session);
		return;
	}
	c->seen++;
}

static void
check_root(struct host *h, const struct tally_frontier *f, const struct witness_note *n)
{
	uint8_t root[TALLY_HASH];
	if (n->size != f->size)
		return;
	tally_frontier_root(f, root);
	if (memcmp(root, n->root, TALLY_HASH) != 0)
		sim_fail(h->world, h, "the root of the first %llu entries has changed",
			 (unsigned long long)f->size);
}

/* Notes only grow. */
static void
check_roots(struct host *h, const struct tally_frontier *f, size_t *next)
{
	const struct witness *w = h->witness;
	while (*next < w->notes && w->note[*next].size <= f->size)
		check_root(h, f, &w->note[(*next)++]);
	check_root(h, f, &w->head);
}

static void
check_notes(struct host *h, struct tally_store *store)
{
	const struct witness *w = h->witness;
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	for (size_t i = 0; i < w->notes; i++) {
		struct witness_note is = { 0 };
		if (tally_store_note(store, w->note[i].sequence, &bytes, &err) != 1 ||
		    !read_note(tally_buf_view(&bytes), &is) || is.size != w->note[i].size ||
		    memcmp(is.root, w->note[i].root, TALLY_HASH) != 0)
			sim_fail(h->world, h, "note %llu of %llu entries is not what was signed",
				 (unsigned long long)w->note[i].sequence,
				 (unsigned long long)w->note[i].size);
	}
	tally_buf_deinit(&bytes);
}

void
witness_check(struct host *h, struct tally_store *store)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_frontier f;
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct compare c = { h, 0, 0 };
	uint8_t root[TALLY_HASH], leaf[TALLY_HASH];
	uint64_t size = 0;
	size_t note = 0;
	if (tally_store_head(store, &size, root, &err) < 0)
		sim_fail(h->world, h, "no head: %s", err.text);
	tally_frontier_init(&f);
	for (uint64_t i = 0; i < size && !world_failed(h->world); i++) {
		struct tally_bytes view[TALLY_GROUPS];
		struct tally_header header;
		struct tally_event ev = { 0 };
		if (tally_store_entry(store, i, &record, group, NULL, &err) != 1 ||
		    tally_record_read(&header, record.p, &err) < 0) {
			sim_fail(h->world, h, "entry %llu: %s", (unsigned long long)i, err.text);
			break;
		}
		for (int k = 0; k < TALLY_GROUPS; k++)
			view[k] = tally_buf_view(&group[k]);
		tally_arena_reset(arena);
		if (tally_event_decode(&ev, view, 7, arena, &err) < 0)
			sim_fail(h->world, h, "entry %llu: %s", (unsigned long long)i, err.text);
		ev.kind = header.kind;
		tally_hash_leaf(leaf, tally_buf_view(&record));
		tally_frontier_add(&f, leaf, NULL, NULL);
		check_roots(h, &f, &note);
		take_entry(&c, &ev, i);
	}
	if (!world_failed(h->world) && h->witness->sessions > 0)
		end_session(&c);
	check_notes(h, store);
	if (size < h->witness->head.size)
		sim_fail(h->world, h, "%llu entries were acknowledged, %llu are there",
			 (unsigned long long)h->witness->head.size, (unsigned long long)size);
	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&group[k]);
	tally_buf_deinit(&record);
	tally_arena_free(arena);
}
