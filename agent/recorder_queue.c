/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded queue: records with their commitments made, losses counted. */
#include "recorder_internal.h"

#include <stdlib.h>
#include <string.h>

#include "tally/log.h"

static struct record *
record_new(const struct tally_event *ev, struct tally_err *err)
{
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_bytes view[TALLY_GROUPS];
	uint8_t seed[TALLY_SEED];
	struct record *rec = NULL;
	size_t bytes = 0;
	uint8_t *p;
	if (tally_event_encode(ev, group, err) < 0)
		goto out;
	for (int i = 0; i < TALLY_GROUPS; i++)
		bytes += group[i].len;
	rec = tally_alloc(sizeof(*rec) + bytes);
	p = (uint8_t *)(rec + 1);
	for (int i = 0; i < TALLY_GROUPS; i++) {
		if (group[i].len > 0)
			memcpy(p, group[i].p, group[i].len);
		view[i] = tally_bytes(p, group[i].len);
		p += group[i].len;
	}
	tally_seed(seed);
	/* The commitments are made here, by the producer, not by the writer. */
	tally_prepare(&rec->entry, (uint8_t)ev->kind, 0, seed, view);
	rec->bytes = bytes;
out:
	for (int i = 0; i < TALLY_GROUPS; i++)
		tally_buf_deinit(&group[i]);
	return rec;
}

static void
enqueue(struct recorder *r, struct record *rec, int64_t at, bool quiet)
{
	rec->next = NULL;
	rec->put_at = at;
	*r->last = rec;
	r->last = &rec->next;
	r->queued++;
	r->put++;
	if (!quiet)
		r->loud = r->put;
}

/* A loss becomes a record as soon as there is room: one place is always kept for it. */
void
recorder_note_loss(struct recorder *r)
{
	struct tally_now now;
	struct tally_event ev = { .kind = TALLY_GAP };
	struct tally_err err = TALLY_ERR_INIT;
	struct record *rec;
	if (r->lost == 0 || r->queued + 1 >= r->o.queue)
		return;
	now = tally_clock_now(r->o.clock);
	ev.m.has_from = ev.m.has_to = ev.m.has_count = true;
	ev.m.from = (uint64_t)r->lost_from.wall.ns;
	ev.m.to = (uint64_t)now.wall.ns;
	ev.m.count = r->lost;
	ev.m.reason = tally_bytes_str(r->lost_why);
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_AGENT;
	rec = record_new(&ev, &err);
	TALLY_ASSERT(rec != NULL);
	r->lost = 0;
	enqueue(r, rec, now.uptime.ns, false);
}

static void
lose(struct recorder *r, const char *why)
{
	if (r->lost++ == 0) {
		r->lost_from = tally_clock_now(r->o.clock);
		r->lost_why = why;
	}
	r->lost_total++;
}

static void
put(struct recorder *r, const struct tally_event *ev, bool quiet)
{
	int64_t at = tally_clock_now(r->o.clock).uptime.ns;
	struct tally_err err = TALLY_ERR_INIT;
	struct record *rec = record_new(ev, &err);
	if (rec == NULL)
		tally_log(TALLY_LOG_ERR, "a record of kind %u is lost: %s", ev->kind, err.text);
	pthread_mutex_lock(&r->lock);
	recorder_note_loss(r);
	if (rec != NULL && r->queued + 1 < r->o.queue) {
		enqueue(r, rec, at, quiet);
	} else {
		if (rec != NULL)
			r->dropped++;
		lose(r, rec != NULL ? "queue overflow" : "malformed record");
		free(rec);
		recorder_note_loss(r);
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void
recorder_put(struct recorder *r, const struct tally_event *ev)
{
	put(r, ev, false);
}

void
recorder_put_quiet(struct recorder *r, const struct tally_event *ev)
{
	put(r, ev, true);
}

/* Up to a batch from the front, which stays in the queue until it is committed. */
size_t
recorder_peek(struct recorder *r, struct tally_prepared *batch)
{
	size_t n = 0, bytes = 0;
	for (struct record *rec = r->first; rec != NULL && n < BATCH_RECORDS; rec = rec->next) {
		bytes += rec->bytes;
		if (n > 0 && bytes > BATCH_BYTES)
			break;
		batch[n++] = rec->entry;
	}
	return n;
}

void
recorder_drop(struct recorder *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct record *rec = r->first;
		r->first = rec->next;
		free(rec);
	}
	if (r->first == NULL)
		r->last = &r->first;
	r->queued -= n;
}

void
recorder_committed(struct recorder *r, size_t n, int64_t at)
{
	const struct record *rec = r->first;
	for (size_t i = 0; i < n; i++, rec = rec->next) {
		int64_t us = (at - rec->put_at) / 1000;
		if (us < 0)
			us = 0;
		r->latency[r->latencies++ % LATENCIES] =
			us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	}
	recorder_drop(r, n);
	r->done += n;
}
