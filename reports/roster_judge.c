/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roster beside the ledgers. A line asks for its host from its begin to its end,
 * as far as both lie in the period; a host that is silent for less than a day at
 * either end of that is not absent, for a report may be made before its period ends.
 */
#include <string.h>
#include "roster.h"
#include "tally/csv.h"
#include "tally/err.h"

#define PATIENCE (86400 * TALLY_SECOND)

struct judge {
	const struct roster *roster;
	const struct roster_host *hosts;
	size_t n;
	int64_t from, to;
	struct findings *f;
};

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* "h1 (asset A7, moved to Kiel) ": who a line is about. */
static void
add_line(struct tally_buf *out, const struct roster_line *l)
{
	tally_printable(out, tally_bytes_str(l->host));
	if (l->asset[0] == '\0' && l->reason[0] == '\0')
		return;
	tally_buf_add_str(out, " (");
	if (l->asset[0] != '\0') {
		tally_buf_add_str(out, "asset ");
		tally_printable(out, tally_bytes_str(l->asset));
	}
	if (l->reason[0] != '\0') {
		tally_buf_add_str(out, l->asset[0] != '\0' ? ", " : "");
		tally_printable(out, tally_bytes_str(l->reason));
	}
	tally_buf_add_str(out, ")");
}

static void
tell(struct finding *g, const struct roster_line *l, const char *what, const int64_t *at)
{
	struct tally_buf who = TALLY_BUF_INIT;
	char when[TALLY_TIME_TEXT] = "";

	if (!finding_tells(g))
		return;
	add_line(&who, l);
	if (at)
		tally_wall_text(when, (struct tally_wall){ *at });
	finding_case(g, "%s %s%s", tally_buf_cstr(&who), what, when);
	tally_buf_deinit(&who);
}

static const struct roster_host *
find_host(const struct judge *j, const char *name)
{
	for (size_t i = 0; i < j->n; i++)
		if (tally_bytes_eq(j->hosts[i].name, tally_bytes_str(name)))
			return &j->hosts[i];
	return NULL;
}

static void
miss(const struct judge *j, const struct roster_line *l, const char *what, const int64_t *at)
{
	tell(findings_count(j->f, F_ROSTER_MISSING, FLEET, 1), l, what, at);
}

/* Whether it reported when it ought to. */
static void
judge_presence(const struct judge *j, const struct roster_line *l, const struct roster_host *h)
{
	int64_t from = later(l->from.at, j->from), to = sooner(l->to.at, j->to);

	if (!h)
		miss(j, l, "has no ledger here", NULL);
	else if (h->seen_from >= to || h->seen_to <= from || h->seen_from >= h->seen_to)
		miss(j, l, "has a ledger that tells nothing of this time", NULL);
	else if (h->retired >= from && h->retired < to && to - h->retired >= PATIENCE)
		miss(j, l, "was retired on ", &h->retired);
	else if (h->seen_from - from >= PATIENCE)
		miss(j, l, "tells nothing before ", &h->seen_from);
	else if (to - h->seen_to >= PATIENCE)
		miss(j, l, "tells nothing behind ", &h->seen_to);
}

/* What a host was told to be, or is replaced by. */
static void
judge_identity(const struct judge *j, const struct roster_line *l, const struct roster_host *h)
{
	struct finding *g;

	for (size_t i = 0; i < j->roster->n; i++) {
		const struct roster_line *before = &j->roster->p[i];

		if (strcmp(before->host, l->host) != 0 || before->to.at > l->from.at ||
		    strcmp(before->asset, l->asset) == 0 || l->from.at < j->from)
			continue;
		g = findings_count(j->f, F_IDENTITY_CHANGED, h->ledger, 1);
		tell(g, l, "is another machine since ", &l->from.at);
		return;
	}
	/* The ledger says which machine it is now: the newest line ought to say the same. */
	if (l->asset[0] == '\0' || h->asset.len == 0 || l->to.at < h->seen_to ||
	    tally_bytes_eq(h->asset, tally_bytes_str(l->asset)))
		return;
	g = findings_count(j->f, F_IDENTITY_CHANGED, h->ledger, 1);
	if (finding_tells(g)) {
		struct tally_buf who = TALLY_BUF_INIT;

		add_line(&who, l);
		tally_buf_add_str(&who, " says that it is asset ");
		tally_printable(&who, h->asset);
		finding_case(g, "%s", tally_buf_cstr(&who));
		tally_buf_deinit(&who);
	}
}

/* The end of the line that holds for the host at an instant; the instant where none. */
static int64_t
called_until(const struct roster *r, const struct roster_host *h, int64_t at)
{
	for (size_t i = 0; i < r->n; i++)
		if (tally_bytes_eq(h->name, tally_bytes_str(r->p[i].host)) &&
		    r->p[i].from.at <= at && at < r->p[i].to.at)
			return r->p[i].to.at;
	return at;
}

/* The first instant at which a host reports that no line asks for. */
static void
judge_host(const struct judge *j, const struct roster_host *h)
{
	int64_t at = later(h->seen_from, j->from), last = sooner(h->seen_to, j->to) - 1;
	char when[TALLY_TIME_TEXT];
	struct finding *g;

	if (h->seen_from >= h->seen_to)
		return;
	while (at <= last) {
		int64_t next = called_until(j->roster, h, at);

		if (next == at)
			break;
		at = next;
	}
	if (at > last)
		return;
	g = findings_count(j->f, F_ROSTER_EXTRA, FLEET, 1);
	if (!finding_tells(g))
		return;
	tally_wall_text(when, (struct tally_wall){ at });
	finding_case(g, "%.*s from %s on", (int)h->name.len, (const char *)h->name.p, when);
}

void
roster_judge(const struct roster *r, const struct roster_host *hosts, size_t n, int64_t from,
	     int64_t to, struct findings *f)
{
	struct judge j = { r, hosts, n, from, to, f };

	for (size_t i = 0; i < r->n; i++) {
		const struct roster_line *l = &r->p[i];
		const struct roster_host *h = find_host(&j, l->host);

		if (l->from.at >= to || l->to.at <= from)
			continue;
		judge_presence(&j, l, h);
		if (h)
			judge_identity(&j, l, h);
	}
	for (size_t i = 0; i < n; i++)
		judge_host(&j, &hosts[i]);
}
