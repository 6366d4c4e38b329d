/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's own claims are kept as their newest value only, and its software as
 * one step, except where a correction was recorded in between: then the steps
 * on its two sides stay apart, because the correction acts between them.
 */
#include <stdlib.h>
#include <string.h>
#include "claims.h"
#include "tally/err.h"

struct claims *
claims_new(void)
{
	struct claims *c = tally_alloc(sizeof(*c));

	c->refs = 1;
	return c;
}

static void
step_deinit(struct software_step *s)
{
	ids_deinit(&s->add);
	ids_deinit(&s->remove);
}

struct claims *
claims_copy(const struct claims *from)
{
	struct claims *c = claims_new();

	if (!from)
		return c;
	*c = *from;
	c->refs = 1;
	c->steps = NULL;
	c->cap_steps = 0;
	for (size_t i = 0; i < from->n_steps; i++) {
		c->steps = array_grow(c->steps, &c->cap_steps, i, sizeof(*c->steps));
		memset(&c->steps[i], 0, sizeof(c->steps[i]));
		c->steps[i].order = from->steps[i].order;
		c->steps[i].replace = from->steps[i].replace;
		ids_copy(&c->steps[i].add, &from->steps[i].add);
		ids_copy(&c->steps[i].remove, &from->steps[i].remove);
	}
	return c;
}

void
claims_unref(struct claims **at)
{
	struct claims *c = *at;

	*at = NULL;
	if (!c || --c->refs > 0)
		return;
	for (size_t i = 0; i < c->n_steps; i++)
		step_deinit(&c->steps[i]);
	free(c->steps);
	free(c);
}

void
claims_ref(struct claims **to, struct claims *from)
{
	if (from)
		from->refs++;
	claims_unref(to);
	*to = from;
}

static bool
give(struct claims *c, enum claim_key key, uint8_t has, uint32_t value, uint64_t order)
{
	if (!(has & (1u << key)))
		return false;
	c->value[key] = value;
	c->order[key] = order;
	return true;
}

static bool
give_os(struct claims *c, const struct slot *e, uint64_t order)
{
	const struct said *m = e->said;
	bool os = give(c, CLAIM_OS, m->has, m->os, order);
	bool edition = give(c, CLAIM_EDITION, m->has, m->edition, order);

	if (os)
		c->evidence =
			m->has_evidence && m->evidence <= TALLY_E_VENDOR ? (uint8_t)m->evidence : 0;
	/* An os-claim that names an OS speaks of the edition even by its silence. */
	if (os && !edition && e->h.kind == TALLY_OS_CLAIM) {
		c->value[CLAIM_EDITION] = 0;
		c->order[CLAIM_EDITION] = order;
	}
	return os || edition;
}

static bool
give_owner(struct claims *c, const struct slot *e, uint64_t order)
{
	bool given = give(c, CLAIM_TENANT, e->of->has, e->of->tenant, order);

	given |= give(c, CLAIM_COST_CENTER, e->of->has, e->of->cost_center, order);
	given |= give(c, CLAIM_ENVIRONMENT, e->said->has, e->said->environment, order);
	return given;
}

/* Doing `next` behind `s` as one step. */
static void
step_join(struct software_step *s, const struct software_step *next)
{
	s->order = next->order;
	if (next->replace) {
		s->replace = true;
		s->add.n = s->remove.n = 0;
	}
	for (uint32_t i = 0; i < s->remove.n; i++)
		ids_remove(&s->add, s->remove.p[i]);
	for (uint32_t i = 0; i < next->add.n; i++) {
		ids_add(&s->add, next->add.p[i]);
		ids_remove(&s->remove, next->add.p[i]);
	}
	for (uint32_t i = 0; i < next->remove.n; i++) {
		ids_remove(&s->add, next->remove.p[i]);
		ids_add(&s->remove, next->remove.p[i]);
	}
}

static bool
give_software(struct claims *c, const struct slot *e, uint64_t order,
	      const struct corrected *corrected)
{
	struct software_step s = { .order = order, .replace = e->h.kind != TALLY_SOFTWARE };
	const struct said *m = e->said;

	if (m->software.n == 0 && (s.replace || m->software_removed.n == 0))
		return false;
	ids_copy(&s.add, &m->software);
	if (!s.replace)
		ids_copy(&s.remove, &m->software_removed);
	TALLY_ASSERT(c->n_steps == 0 || c->steps);
	if (c->n_steps > 0 &&
	    !corrected_between(corrected, c->steps[c->n_steps - 1].order, order)) {
		step_join(&c->steps[c->n_steps - 1], &s);
		step_deinit(&s);
		return true;
	}
	c->steps = array_grow(c->steps, &c->cap_steps, c->n_steps, sizeof(*c->steps));
	c->steps[c->n_steps++] = s;
	return true;
}

static bool
take(struct claims *c, const struct slot *e, uint64_t order, const struct corrected *corrected)
{
	bool given = false;

	switch (e->h.kind) {
	case TALLY_STARTED:
	case TALLY_MIGRATED_IN:
	case TALLY_BASELINE:
		given |= give_os(c, e, order);
		given |= give_software(c, e, order, corrected);
		given |= give_owner(c, e, order);
		given |= give(c, CLAIM_NAME, e->of->has, e->of->name, order);
		return given;
	case TALLY_OS_CLAIM:
		return give_os(c, e, order);
	case TALLY_SOFTWARE:
		return give_software(c, e, order, corrected);
	case TALLY_TAGS:
		return give_owner(c, e, order);
	case TALLY_CONFIG:
	case TALLY_RENAMED:
		return give(c, CLAIM_NAME, e->of->has, e->of->name, order);
	default:
		return false;
	}
}

bool
claims_take(struct claims *c, const struct slot *e, uint64_t order,
	    const struct corrected *corrected)
{
	if (!take(c, e, order, corrected))
		return false;
	c->said = NULL;
	c->stay_claims = 0;
	c->rows_part = NULL;
	c->software_in = NULL;
	return true;
}

/* Whether the entry would give again all that was given: only the orders would differ,
 * and they are for corrections. */
static bool
says_again(const struct claims *last, const struct slot *e, const struct corrected *corrected)
{
	return last && last->said == e->said && last->of == e->of && !corrected;
}

struct claims *
claims_begin(struct claims *last, const struct slot *e, uint64_t order,
	     const struct corrected *corrected)
{
	bool anew = e->h.kind != TALLY_MIGRATED_IN || !last;
	struct claims *c;

	if (says_again(last, e, corrected)) {
		if (last->refs > 1)
			return claims_copy(last); /* somebody has them, and may change them */
		last->refs++;
		return last;
	}
	c = anew ? claims_new() : claims_copy(last);
	claims_take(c, e, order, corrected);
	c->said = anew ? e->said : NULL;
	c->of = anew ? e->of : NULL;
	return c;
}

bool
correction_read(struct correction *out, const struct slot *e, struct strings *strings)
{
	const struct tally_event *ev = e->ev;
	struct claims c = { 0 };

	if (!ev || !tally_event_is_correction(ev) || !ev->i.has_vm)
		return false;
	memset(out, 0, sizeof(*out));
	out->from = ev->m.has_from ? stream_instant(ev->m.from) : e->at;
	out->to = ev->m.has_to ? stream_instant(ev->m.to) : INT64_MAX;
	out->recorded.at = e->at;
	out->recorded.index = e->h.index;
	out->by = strings_add(strings, ev->o.by);
	out->reason = strings_add(strings, ev->o.reason);
	if (ev->kind == TALLY_SOFTWARE) {
		ids_copy(&out->add, &e->said->software);
		ids_copy(&out->remove, &e->said->software_removed);
		out->has_software = true;
		return true;
	}
	claims_take(&c, e, 1, NULL);
	out->evidence = c.evidence;
	for (unsigned k = 0; k < CLAIM_KEYS; k++) {
		out->has[k] = c.order[k] > 0;
		out->value[k] = c.value[k];
	}
	return true;
}

struct correction *
claims_corrected(const struct claims *c, const struct corrected *corrected, enum claim_key key)
{
	struct correction *k = corrected_newest(corrected, key);

	return k && k->order >= c->order[key] ? k : NULL;
}

void
claims_effective(struct effective *out, const struct claims *c, const struct corrected *corrected)
{
	memcpy(out->value, c->value, sizeof(out->value));
	out->evidence = c->evidence;
	if (!corrected || corrected->n_active == 0)
		return;
	for (unsigned key = 0; key < CLAIM_KEYS; key++) {
		const struct correction *k = claims_corrected(c, corrected, (enum claim_key)key);

		if (!k)
			continue;
		out->value[key] = k->value[key];
		if (key == CLAIM_OS)
			out->evidence = k->evidence;
	}
}

static void
software_do(struct ids *set, const struct software_step *s)
{
	if (s->replace)
		set->n = 0;
	for (uint32_t i = 0; i < s->add.n; i++)
		ids_add(set, s->add.p[i]);
	for (uint32_t i = 0; i < s->remove.n; i++)
		ids_remove(set, s->remove.p[i]);
}

static bool
holds(const struct ids *set, uint32_t id)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (set->p[i] == id)
			return true;
	return false;
}

/* When the run's own claims last said whether it has a software; 0: never. */
static uint64_t
last_said(const struct claims *c, uint32_t id)
{
	for (size_t i = c->n_steps; i-- > 0;) {
		const struct software_step *s = &c->steps[i];

		if (s->replace || holds(&s->add, id) || holds(&s->remove, id))
			return s->order;
	}
	return 0;
}

void
claims_software(struct ids *out, const struct claims *c, const struct corrected *corrected)
{
	size_t n = corrected && corrected->n_active > 0 ? corrected->n_words : 0;
	struct ids set = { 0 };

	for (size_t i = 0; i < c->n_steps; i++)
		software_do(&set, &c->steps[i]);
	for (size_t i = 0; i < n; i++) {
		const struct corrected_word *w = &corrected->words[i];

		if (w->newest.n == 0 || w->newest.p[0]->order < last_said(c, w->id))
			continue;
		if (holds(&w->newest.p[0]->remove, w->id))
			ids_remove(&set, w->id);
		else
			ids_add(&set, w->id);
	}
	for (uint32_t i = 0; i < set.n; i++)
		ids_add(out, set.p[i]);
	ids_deinit(&set);
}
