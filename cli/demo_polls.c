/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same estate as a polling tool would see it. All figures come from stays, and
 * stays from events, which are what the ledgers were made from, too. Everything is
 * counted in whole milliseconds; an interval of one of these loses nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "tally/bytes.h"
#include "tally/json.h"
#include "tally/time.h"

#define WINDOW (DEMO_END - 90 * DEMO_DAY)

struct stay {
	uint16_t host, vm;
	int64_t from, to;
};
struct stays {
	struct stay *s;
	size_t count, room;
};

static void
add_stay(struct stays *all, struct stay s)
{
	if (s.from >= s.to)
		return;
	if (all->count == all->room) {
		all->room = all->room ? all->room * 2 : 4096;
		all->s = tally_realloc_array(all->s, all->room, sizeof(*all->s));
	}
	all->s[all->count++] = s;
}

static bool
is_windows_server(const char *os)
{
	static const char begin[] = "http://microsoft.com/win/2k";

	return os && strncmp(os, begin, sizeof(begin) - 1) == 0;
}

/* What a machine on a host has been doing; one machine may be on two. A claim counts to
 * the end of the stay: none of those that get another one moves. */
struct open {
	int64_t since; /* -1: it is not there */
	bool windows;
};

static bool
counts(const struct open *o, bool windows_only)
{
	return o->since >= 0 && (!windows_only || o->windows);
}

static void
follow(const struct demo_estate *e, const struct demo_event *ev, struct open *o, bool windows_only,
       struct stays *out)
{
	struct open then = *o;

	if (ev->kind == DEMO_START || ev->kind == DEMO_IN) {
		then.since = ev->at;
		then.windows = is_windows_server(e->vms[ev->vm].os);
	} else if (ev->kind == DEMO_STOP || ev->kind == DEMO_OUT) {
		then.since = -1;
	} else if (ev->kind == DEMO_OS && windows_only && o->since >= 0) {
		then.since = ev->at;
		then.windows = is_windows_server(ev->os);
	} else {
		return;
	}
	/* What was gone when somebody looked again counts to when it was seen last. */
	if (counts(o, windows_only))
		add_stay(out, (struct stay){ ev->host, ev->vm, o->since,
					     ev->kind == DEMO_STOP && ev->from >= 0 ? ev->from
										    : ev->at });
	*o = then;
}

static int
by_place(const void *a, const void *b)
{
	const struct stay *x = a, *y = b;

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* By host, machine and time. Where a machine is, of two places, is looked up in a
 * table of hosts by machines. */
static void
find_stays(const struct demo_estate *e, bool windows_only, struct stays *out)
{
	size_t cells = e->hosts * e->vm_count;
	struct open *open = tally_realloc_array(NULL, cells, sizeof(*open));

	for (size_t i = 0; i < cells; i++)
		open[i] = (struct open){ -1, false };
	for (size_t i = 0; i < e->count; i++) {
		const struct demo_event *ev = &e->events[i];

		if (ev->vm != DEMO_NOBODY)
			follow(e, ev, &open[ev->host * e->vm_count + ev->vm], windows_only, out);
	}
	for (size_t i = 0; i < cells; i++)
		if (counts(&open[i], windows_only))
			add_stay(out, (struct stay){ (uint16_t)(i / e->vm_count),
						     (uint16_t)(i % e->vm_count), open[i].since,
						     DEMO_END });
	free(open);
	if (out->count > 0)
		qsort(out->s, out->count, sizeof(*out->s), by_place);
}

/* The number of the first poll at `t` or later. */
static int64_t
poll_from(int64_t t, int64_t interval)
{
	return (t + interval - 1) / interval;
}

/* What is booked for the stay at `s`, and how much of that it, or one that follows it
 * there, really stayed. */
static void
book(const struct stay *s, const struct stay *end, int64_t interval, struct demo_polls *p)
{
	int64_t first = poll_from(s->from, interval), behind = poll_from(s->to, interval);
	int64_t from = first * interval, to = behind * interval;

	if (first == behind) {
		p->stays_unseen++;
		return;
	}
	if (to > DEMO_END)
		to = DEMO_END;
	p->booked += to - from;
	p->over += to - from;
	for (const struct stay *t = s;
	     t < end && t->host == s->host && t->vm == s->vm && t->from < to; t++) {
		int64_t begin = t->from > from ? t->from : from, stop = t->to < to ? t->to : to;

		p->over -= stop - begin;
	}
}

static void
count_time(const struct demo_estate *e, const struct stays *all, struct demo_polls *p)
{
	bool *there = tally_alloc(e->vm_count * sizeof(*there)),
	     *seen = tally_alloc(e->vm_count * sizeof(*seen));

	p->stays = all->count;
	for (size_t i = 0; i < all->count; i++) {
		uint64_t unseen = p->stays_unseen;

		p->run += all->s[i].to - all->s[i].from;
		book(&all->s[i], all->s + all->count, p->interval, p);
		there[all->s[i].vm] = true;
		seen[all->s[i].vm] |= p->stays_unseen == unseen;
	}
	p->missed = p->run + p->over - p->booked;
	for (size_t vm = 0; vm < e->vm_count; vm++) {
		p->machines += there[vm];
		p->machines_unseen += there[vm] && !seen[vm];
	}
	free(there);
	free(seen);
}

struct edge {
	int64_t at;
	int by; /* ends come before begins */
};

static int
by_instant(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->by - y->by;
}

/* The most of these stays that are there at one poll, from that of `from` on. */
static uint64_t
find_peak(const struct stay *s, size_t n, int64_t from, int64_t interval)
{
	struct edge *edges = tally_realloc_array(NULL, 2 * n + 1, sizeof(*edges));
	int64_t first = poll_from(from, interval);
	size_t count = 0;
	int64_t now = 0, peak = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t begin = poll_from(s[i].from, interval), end = poll_from(s[i].to, interval);

		begin = begin > first ? begin : first;
		if (begin >= end)
			continue;
		edges[count++] = (struct edge){ begin, 1 };
		edges[count++] = (struct edge){ end, -1 };
	}
	qsort(edges, count, sizeof(*edges), by_instant);
	for (size_t i = 0; i < count; i++) {
		now += edges[i].by;
		peak = now > peak ? now : peak;
	}
	free(edges);
	return (uint64_t)peak;
}

/* C x ceil(V / 2), C of two sockets: eight cores each at least, sixteen in all. */
static uint64_t
cores_for(const struct demo_estate *e, uint16_t host, uint64_t guests)
{
	unsigned cores = demo_cores(demo_cluster(e, host));

	return 2 * (cores > 8 ? cores : 8) * ((guests + 1) / 2);
}

static void
count_windows(const struct demo_estate *e, const struct stays *all, struct demo_polls *p)
{
	for (size_t i = 0, end; i < all->count; i = end) {
		uint64_t seen, true_peak;

		for (end = i; end < all->count && all->s[end].host == all->s[i].host; end++)
			;
		seen = find_peak(all->s + i, end - i, WINDOW, p->interval);
		true_peak = find_peak(all->s + i, end - i, WINDOW, 1);
		p->windows += seen;
		p->cores += cores_for(e, all->s[i].host, seen);
		p->hosts_low += seen < true_peak;
	}
}

void
demo_polls_count(const struct demo_estate *e, int64_t interval, struct demo_polls *out)
{
	struct stays all = { 0 }, windows = { 0 };

	*out = (struct demo_polls){ .interval = interval,
				    .polls = (uint64_t)(DEMO_END / interval) };
	find_stays(e, false, &all);
	find_stays(e, true, &windows);
	count_time(e, &all, out);
	out->peak = find_peak(all.s, all.count, 0, interval);
	count_windows(e, &windows, out);
	free(all.s);
	free(windows.s);
}

static void
add_seconds(struct tally_jsonw *w, const char *key, int64_t milliseconds)
{
	char text[64];

	tally_seconds_text(text, (tally_i128)milliseconds * 1000000);
	tally_jsonw_key(w, key);
	tally_jsonw_str(w, text);
}

static void
add_count(struct tally_jsonw *w, const char *key, uint64_t n)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, n);
}

void
demo_polls_json(const struct demo_polls *p, size_t n, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	tally_jsonw_array(w);
	for (size_t i = 0; i < n; i++, p++) {
		tally_jsonw_object(w);
		add_seconds(w, "booked_seconds", p->booked);
		add_count(w, "hosts_low", p->hosts_low);
		add_seconds(w, "interval_seconds", p->interval);
		add_count(w, "machines", p->machines);
		add_count(w, "machines_unseen", p->machines_unseen);
		add_seconds(w, "missed_seconds", p->missed);
		add_seconds(w, "over_seconds", p->over);
		add_count(w, "peak", p->peak);
		add_count(w, "polls", p->polls);
		add_seconds(w, "run_seconds", p->run);
		add_count(w, "standard_cores", p->cores);
		add_count(w, "stays", p->stays);
		add_count(w, "stays_unseen", p->stays_unseen);
		add_count(w, "windows_peaks", p->windows);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_str(out, "\n");
}

/* Hundredths of a percent, half up. */
static void
add_share(struct tally_buf *out, uint64_t part, uint64_t of)
{
	uint64_t share = of ? (part * 10000 + of / 2) / of : 0;

	tally_buf_addf(out, "%6" PRIu64 ".%02" PRIu64 " %%", share / 100, share % 100);
}

enum row { STAYS, UNSEEN, SHARE, MACHINES, RUN, MISSED, OVER, PEAK, WINDOWS, LOW, CORES, ROWS };

static void
add_cell(struct tally_buf *out, enum row row, const struct demo_polls *p)
{
	const uint64_t hour = (uint64_t)DEMO_HOUR;
	const uint64_t figures[ROWS] = {
		[STAYS] = p->stays - p->stays_unseen,
		[UNSEEN] = p->stays_unseen,
		[MACHINES] = p->machines_unseen,
		[RUN] = ((uint64_t)p->booked + hour / 2) / hour,
		[MISSED] = ((uint64_t)p->missed + hour / 2) / hour,
		[OVER] = ((uint64_t)p->over + hour / 2) / hour,
		[PEAK] = p->peak,
		[WINDOWS] = p->windows,
		[LOW] = p->hosts_low,
		[CORES] = p->cores,
	};

	if (row == SHARE)
		add_share(out, p->stays_unseen, p->stays);
	else
		tally_buf_addf(out, "%11" PRIu64, figures[row]);
}

void
demo_polls_text(const struct demo_polls *p, size_t n, struct tally_buf *out)
{
	static const char *const labels[ROWS] = {
		[STAYS] = "stays of a machine on a host that it sees",
		[UNSEEN] = "stays that it never sees",
		[SHARE] = "  their share of all",
		[MACHINES] = "machines that it never sees at all",
		[RUN] = "hours that it books",
		[MISSED] = "  hours run and not booked",
		[OVER] = "  hours booked and not run",
		[PEAK] = "most machines at once",
		[WINDOWS] = "hosts' 90-day peaks of Windows Server, summed",
		[LOW] = "  hosts whose peak it takes for too low",
		[CORES] = "Windows Server Standard that takes, in cores",
	};

	tally_buf_addf(out, "%-46s%11s", "", "events");
	for (size_t i = 1; i < n; i++)
		tally_buf_addf(out, "%7" PRId64 " min", p[i].interval / DEMO_MINUTE);
	tally_buf_add_str(out, "\n");
	for (unsigned row = 0; row < ROWS; row++) {
		tally_buf_addf(out, "%-46s", labels[row]);
		for (size_t i = 0; i < n; i++)
			add_cell(out, row, &p[i]);
		tally_buf_add_str(out, "\n");
	}
}
