/* SPDX-License-Identifier: Apache-2.0 */
/* What a case's figures do not say by themselves: days of which nothing is known, rules
 * that do not hold, hosts of which too little is told. */
#include "findings.h"
#include "position_internal.h"
#include "tally/err.h"

static bool
counted(const struct position_case *c, size_t host, unsigned which)
{
	for (size_t i = 0; i < c->n_windows; i++) {
		const struct meter *m = &c->windows[i].meter;

		if (c->windows[i].n_pieces > 0 && m->nodes[m->hosts[host].node].peak[which] > 0)
			return true;
	}
	return false;
}

/* No version holds in a part of what is looked at. */
static void
note_validity(const struct position_case *c)
{
	for (size_t i = 0; c->request->findings && i < c->n_windows; i++) {
		const struct case_window *w = &c->windows[i];
		int64_t covered = 0;
		struct finding *g;

		for (size_t k = 0; k < w->n_pieces; k++)
			covered += w->pieces[k].to - w->pieces[k].from;
		if (covered == w->to - w->from)
			continue;
		g = findings_count(c->request->findings, F_RULE_VALIDITY, FLEET, 1);
		g->ns += w->to - w->from - covered;
		if (finding_tells(g))
			finding_case(g, "%s", c->versions[0]->id);
		return;
	}
}

/* Units by the populated sockets may be too few: the board may hold more. */
static void
note_sockets(const struct position_case *c)
{
	const struct estate *e = c->request->estate;

	if (!c->request->findings || c->versions[c->n_versions - 1]->kind != METRIC_SUB_CAPACITY)
		return;
	for (size_t h = 0; h < e->n_hosts; h++) {
		const struct host_facts *f = estate_facts(e, (uint32_t)h, e->to - 1);
		struct tally_bytes name = strings_get(e->strings, e->hosts[h].name);
		bool counted = false;
		struct finding *g;

		for (size_t i = 0; i < c->n_windows; i++)
			counted |= c->windows[i].n_pieces > 0 &&
				   c->windows[i].meter.nodes[c->windows[i].meter.hosts[h].node]
						   .peak[MEASURED] > 0;
		if (!counted || !f->known || f->max_sockets > 0)
			continue;
		g = findings_count(c->request->findings, F_PVU_MAX_SOCKETS, FLEET, 1);
		finding_entry(g, e->hosts[h].ledger, f->entry);
		if (finding_tells(g))
			finding_case(g, "%.*s", (int)name.len, (const char *)name.p);
	}
}

/* A host counts whose ledger begins inside the window: it may have held more before. */
static void
note_young(const struct position_case *c, const struct estate_host *h)
{
	struct finding *g;
	char at[TALLY_TIME_TEXT];

	if (!c->request->findings || c->request->estate->reached_from > c->windows[0].from)
		return; /* told of all hosts */
	g = findings_count(c->request->findings, F_SHORT_HISTORY, h->ledger, 1);
	if (!finding_tells(g))
		return;
	tally_wall_text(at, (struct tally_wall){ h->seen_from });
	finding_case(g, "%s, begun %s", c->versions[c->n_versions - 1]->id, at);
}

void
position_history(struct positions *out, const struct position_case *c)
{
	const struct estate *e = c->request->estate;
	struct position_marks marks = { 0 };
	bool short_of_all;
	struct finding *g;

	if (c->versions[c->n_versions - 1]->window != WINDOW_DAYS || c->n_windows == 0)
		return;
	short_of_all = e->reached_from > c->windows[0].from;
	if (short_of_all && c->request->findings) {
		g = findings_count(c->request->findings, F_SHORT_HISTORY, FLEET, 1);
		if (finding_tells(g))
			finding_case(g, "%s", c->versions[c->n_versions - 1]->id);
	}
	for (size_t h = 0; h < e->n_hosts; h++) {
		if (e->hosts[h].seen_from <= c->windows[0].from || !counted(c, h, HIGH))
			continue;
		position_mark(&marks, e, (uint32_t)h, e->hosts[h].seen_from, c->windows[0].to);
		note_young(c, &e->hosts[h]);
	}
	for (size_t i = c->first; i < c->end; i++)
		out->p[i].short_history = short_of_all || position_marked(&marks, &out->p[i]);
	position_marks_deinit(&marks);
}

/* A rule looks at clusters, and of hosts nobody knows in which they are. */
static void
note_clusters(const struct position_case *c)
{
	const struct estate *e = c->request->estate;
	const struct rule *r = c->versions[c->n_versions - 1];
	size_t alone = 0;
	struct finding *g;

	if (!c->request->findings || (r->reach == REACH_NONE && !r->whole_cluster))
		return;
	for (size_t h = 0; h < e->n_hosts; h++) {
		const struct host_facts *f = estate_facts(e, (uint32_t)h, e->to - 1);

		alone += f->known && f->cluster == 0 && counted(c, h, HIGH);
	}
	if (alone == 0 || e->n_hosts < 2)
		return;
	g = findings_count(c->request->findings, F_NO_CLUSTER, FLEET, 1);
	if (finding_tells(g))
		finding_case(g, "%s (%zu)", r->id, alone);
}

void
position_notes(const struct position_case *c)
{
	note_validity(c);
	note_sockets(c);
	note_clusters(c);
}
