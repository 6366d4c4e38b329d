/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies are told apart by their bytes: two that say the same in other bytes are
 * two, which costs a little memory and no figure. */
#include <stdlib.h>
#include <string.h>
#include "said.h"
#include "tally/err.h"

static uint32_t
read_text(uint8_t *has, enum claim_key key, struct tally_bytes text, struct strings *strings)
{
	if (!text.p)
		return 0;
	*has |= (uint8_t)(1u << key);
	return strings_add(strings, text);
}

static void
read_ids(struct ids *out, const struct tally_texts *texts, struct strings *strings)
{
	out->n = 0;
	for (size_t i = 0; i < texts->count; i++)
		ids_add(out, strings_add(strings, texts->items[i]));
}

static void
put(struct tally_body_numbers *n, enum tally_body_number which, bool has, uint64_t value)
{
	if (!has)
		return;
	n->has |= (uint8_t)(1u << which);
	n->v[which] = value;
}

void
said_read(struct said *out, const struct tally_metering *m, struct strings *strings)
{
	out->numbers.has = out->has = 0;
	put(&out->numbers, TALLY_BODY_TIME, m->has_time, m->time);
	put(&out->numbers, TALLY_BODY_VCPUS, m->has_vcpus, m->vcpus);
	put(&out->numbers, TALLY_BODY_NOT_BEFORE, m->has_not_before, m->not_before);
	put(&out->numbers, TALLY_BODY_FROM, m->has_from, m->from);
	put(&out->numbers, TALLY_BODY_TO, m->has_to, m->to);
	out->has_state = m->has_state;
	out->has_evidence = m->has_evidence;
	out->has_memory = m->has_memory_mib;
	out->has_pinned = m->has_pinned;
	out->state = m->state;
	out->cause = m->cause;
	out->role = m->role;
	out->evidence = m->evidence;
	out->memory_mib = m->memory_mib;
	out->os = read_text(&out->has, CLAIM_OS, m->os, strings);
	out->edition = read_text(&out->has, CLAIM_EDITION, m->edition, strings);
	out->environment = read_text(&out->has, CLAIM_ENVIRONMENT, m->environment, strings);
	out->pinned.n = 0;
	for (size_t i = 0; i < m->pinned.count; i++)
		ids_add(&out->pinned, m->pinned.items[i]);
	read_ids(&out->software, &m->software, strings);
	read_ids(&out->software_removed, &m->software_removed, strings);
}

void
said_read_of(struct said_of *out, const struct tally_identity *i, struct strings *strings)
{
	out->has = 0;
	out->has_vm = i->has_vm;
	memcpy(out->uuid, i->vm, TALLY_UUID);
	out->tenant = read_text(&out->has, CLAIM_TENANT, i->tenant, strings);
	out->cost_center = read_text(&out->has, CLAIM_COST_CENTER, i->cost_center, strings);
	out->name = read_text(&out->has, CLAIM_NAME, i->name, strings);
	out->vm = NULL;
}

void
said_read_how(struct said_how *out, const struct tally_operations *o, struct strings *strings)
{
	out->numbers.has = 0;
	put(&out->numbers, TALLY_BODY_DOMAIN_ID, o->has_domain_id, (uint64_t)o->domain_id);
	put(&out->numbers, TALLY_BODY_START_TICKS, o->has_start_ticks, o->start_ticks);
	out->has_peer = o->peer.p != NULL;
	out->peer = strings_add(strings, o->peer);
	out->detail = strings_add(strings, o->detail);
}

void
said_deinit(struct said *s)
{
	ids_deinit(&s->pinned);
	ids_deinit(&s->software);
	ids_deinit(&s->software_removed);
}

void
sayings_init(struct sayings *s, struct strings *strings)
{
	pthread_mutexattr_t brief;

	memset(s, 0, sizeof(*s));
	/* It is held for a look into a table: sleeping would take longer than waiting. */
	pthread_mutexattr_init(&brief);
	pthread_mutexattr_settype(&brief, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&s->lock, &brief);
	pthread_mutexattr_destroy(&brief);
	s->strings = strings;
	s->arena = tally_arena_new(64 << 10);
	s->scratch = tally_arena_new(4 << 10);
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		strings_init(&s->groups[k].bodies);
}

void
sayings_deinit(struct sayings *s)
{
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		struct wordings *w = &s->groups[k];

		for (size_t i = 0; k == TALLY_METERING && i < w->n; i++)
			if (w->items[i])
				said_deinit(w->items[i]);
		strings_deinit(&w->bodies);
		free(w->items);
	}
	tally_arena_free(s->arena);
	tally_arena_free(s->scratch);
	pthread_mutex_destroy(&s->lock);
}

void
sayings_lock(struct sayings *s)
{
	TALLY_ASSERT(pthread_mutex_lock(&s->lock) == 0);
}

void
sayings_unlock(struct sayings *s)
{
	TALLY_ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

static void *
read_body(struct sayings *s, unsigned group, struct tally_bytes body, struct tally_err *err)
{
	struct tally_bytes groups[TALLY_GROUPS] = { 0 };
	struct tally_event ev;
	void *out;

	groups[group] = body;
	tally_arena_reset(s->scratch);
	if (tally_event_decode(&ev, groups, 1u << group, s->scratch, err) < 0)
		return NULL;
	switch (group) {
	case TALLY_METERING:
		out = tally_arena_alloc(s->arena, sizeof(struct said));
		said_read(out, &ev.m, s->strings);
		return out;
	case TALLY_IDENTITY:
		out = tally_arena_alloc(s->arena, sizeof(struct said_of));
		said_read_of(out, &ev.i, s->strings);
		return out;
	default:
		out = tally_arena_alloc(s->arena, sizeof(struct said_how));
		said_read_how(out, &ev.o, s->strings);
		return out;
	}
}

static void *
find(struct sayings *s, unsigned group, struct tally_bytes body, struct tally_err *err)
{
	struct wordings *w = &s->groups[group];
	uint32_t number = strings_add(&w->bodies, body);

	while (w->n <= number) {
		w->items = array_grow(w->items, &w->cap, w->n, sizeof(void *));
		w->items[w->n++] = NULL;
	}
	if (!w->items[number])
		w->items[number] = read_body(s, group, body, err);
	return w->items[number];
}

void *
sayings_find(struct sayings *s, unsigned group, struct tally_bytes body, struct tally_err *err)
{
	void *found;

	sayings_lock(s);
	found = find(s, group, body, err);
	sayings_unlock(s);
	return found;
}

void *
sayings_known(const struct sayings *s, unsigned group, struct tally_bytes body)
{
	const struct wordings *w = &s->groups[group];
	uint32_t number;

	return strings_known(&w->bodies, body, &number) && number < w->n ? w->items[number] : NULL;
}
