/* SPDX-License-Identifier: Apache-2.0 */
/* Parts by content: time that comes back to the same owner comes back to its part. */
#include <stdlib.h>
#include "charge_internal.h"
#include "tally/err.h"

#define SLOTS_LEAST 64

static bool
same_part(const struct charge_part *a, const struct charge_part *b)
{
	return a->slice == b->slice && a->sku == b->sku && a->price == b->price && a->vm == b->vm &&
	       a->host == b->host && a->name == b->name && a->tenant == b->tenant &&
	       a->cost_center == b->cost_center && a->environment == b->environment &&
	       a->region == b->region && a->rule_pack == b->rule_pack;
}

static uint64_t
hash_part(const struct charge_part *p)
{
	const uint32_t all[] = { p->slice,       p->sku,    p->price,    p->vm,
				 p->host,        p->name,   p->tenant,   p->cost_center,
				 p->environment, p->region, p->rule_pack };
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		h = (h ^ all[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

/* The slot of the part that is alike, or the free one where it belongs. */
static uint32_t *
slot_of(const struct charge_work *w, const struct charge_part *p)
{
	size_t at = (size_t)hash_part(p) & (w->cap_slots - 1);

	while (w->slots[at] > 0 && !same_part(&w->parts[w->slots[at] - 1], p))
		at = (at + 1) & (w->cap_slots - 1);
	return &w->slots[at];
}

static void
grow(struct charge_work *w)
{
	if (w->n_parts < w->cap_slots / 2)
		return;
	w->cap_slots = w->cap_slots ? 2 * w->cap_slots : SLOTS_LEAST;
	free(w->slots);
	w->slots = tally_alloc(w->cap_slots * sizeof(*w->slots));
	for (size_t i = 0; i < w->n_parts; i++)
		*slot_of(w, &w->parts[i]) = (uint32_t)(i + 1);
}

/* Lower numbers were recorded earlier. */
static void
add_owners(struct charge_part *p, const struct charge_part *part)
{
	for (uint32_t i = 0; i < part->owners.n; i++) {
		if (p->owners.n == CHARGE_OWNERS &&
		    part->owners.p[i] >= p->owners.p[CHARGE_OWNERS - 1])
			continue;
		ids_add(&p->owners, part->owners.p[i]);
		if (p->owners.n > CHARGE_OWNERS)
			p->owners.n = CHARGE_OWNERS;
	}
}

bool
charge_part_add(struct charge_work *w, const struct charge_part *part, size_t *place)
{
	struct charge_part *p;
	uint32_t *slot;

	grow(w);
	slot = slot_of(w, part);
	if (*slot == 0) {
		if (w->n_parts >= UINT32_MAX - 1)
			return false;
		w->parts = array_grow(w->parts, &w->cap_parts, w->n_parts, sizeof(*w->parts));
		w->parts[w->n_parts] = *part;
		w->parts[w->n_parts].owners = (struct ids){ 0 };
		add_owners(&w->parts[w->n_parts++], part);
		*slot = (uint32_t)w->n_parts;
		*place = w->n_parts - 1;
		return true;
	}
	*place = *slot - 1;
	p = &w->parts[*place];
	p->first = p->first < part->first ? p->first : part->first;
	p->last = p->last > part->last ? p->last : part->last;
	p->until = p->until > part->until ? p->until : part->until;
	add_owners(p, part);
	p->witnessed |= part->witnessed;
	p->imported |= part->imported;
	return !__builtin_add_overflow(p->consumed, part->consumed, &p->consumed) &&
	       !__builtin_add_overflow(p->priced, part->priced, &p->priced);
}
