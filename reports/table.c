/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, at most three quarters full; nothing is
 * ever removed. Slots are found by a mixed key, so that UUIDs and numbers that
 * differ in few bits spread.
 */
#include <stdlib.h>
#include <string.h>
#include "table.h"
#include "tally/err.h"

void *
array_grow(void *items, size_t *cap, size_t count, size_t size)
{
	if (count < *cap)
		return items;
	*cap = *cap ? *cap * 2 : 8;
	return tally_realloc_array(items, *cap, size);
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 p = (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
					    (b ^ UINT64_C(0xd6e8feb86659fd93));

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* In the machine's own order: nothing depends on where a slot lies. */
static uint64_t
word_of(const uint8_t p[8])
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t
key_hash(const uint8_t key[16])
{
	return (size_t)mix(word_of(key), word_of(key + 8));
}

void
map_deinit(struct map *m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}

static struct map_slot *
map_find(struct map_slot *slots, size_t cap, const uint8_t key[16])
{
	size_t i = key_hash(key) & (cap - 1);

	while (slots[i].value && memcmp(slots[i].key, key, 16) != 0)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void
map_widen(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64;
	struct map_slot *slots = tally_alloc(cap * sizeof(*slots));

	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*map_find(slots, cap, m->slots[i].key) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
}

void **
map_place(struct map *m, const uint8_t key[16])
{
	struct map_slot *s;

	if (m->used >= m->cap / 4 * 3)
		map_widen(m);
	s = map_find(m->slots, m->cap, key);
	if (!s->value) {
		memcpy(s->key, key, 16);
		m->used++;
	}
	return &s->value;
}

void
strings_init(struct strings *s)
{
	memset(s, 0, sizeof(*s));
	s->arena = tally_arena_new(64 << 10);
	strings_add(s, tally_bytes(NULL, 0));
}

void
strings_deinit(struct strings *s)
{
	tally_arena_free(s->arena);
	free(s->items);
	free(s->slots);
	memset(s, 0, sizeof(*s));
}

static size_t
text_hash(struct tally_bytes text)
{
	uint64_t h = text.len;
	uint8_t tail[8] = { 0 };
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8)
		h = mix(h, word_of(text.p + i));
	if (i < text.len)
		memcpy(tail, text.p + i, text.len - i);
	return (size_t)mix(h, word_of(tail));
}

static uint32_t *
strings_find(const struct strings *s, uint32_t *slots, size_t cap, struct tally_bytes text)
{
	size_t i = text_hash(text) & (cap - 1);

	while (slots[i] && !tally_bytes_eq(s->items[slots[i] - 1], text))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void
strings_widen(struct strings *s)
{
	size_t cap = s->slots_cap ? s->slots_cap * 2 : 64;
	uint32_t *slots = tally_alloc(cap * sizeof(*slots));

	for (size_t i = 0; i < s->count; i++)
		*strings_find(s, slots, cap, s->items[i]) = (uint32_t)i + 1;
	free(s->slots);
	s->slots = slots;
	s->slots_cap = cap;
}

uint32_t
strings_add(struct strings *s, struct tally_bytes text)
{
	uint32_t *slot;
	uint8_t *p;

	if (s->count >= s->slots_cap / 4 * 3)
		strings_widen(s);
	slot = strings_find(s, s->slots, s->slots_cap, text);
	if (*slot)
		return *slot - 1;
	TALLY_ASSERT(s->count < UINT32_MAX - 1);
	p = tally_arena_alloc(s->arena, text.len + 1);
	if (text.len > 0)
		memcpy(p, text.p, text.len);
	s->items = array_grow(s->items, &s->cap, s->count, sizeof(*s->items));
	s->items[s->count++] = tally_bytes(p, text.len);
	*slot = (uint32_t)s->count;
	return *slot - 1;
}

bool
strings_known(const struct strings *s, struct tally_bytes text, uint32_t *number)
{
	uint32_t slot = *strings_find(s, s->slots, s->slots_cap, text);

	*number = slot - 1;
	return slot != 0;
}

struct tally_bytes
strings_get(const struct strings *s, uint32_t number)
{
	TALLY_ASSERT(number < s->count);
	return s->items[number];
}

void
ids_deinit(struct ids *set)
{
	free(set->p);
	memset(set, 0, sizeof(*set));
}

/* Where `id` is, or belongs. */
static uint32_t
ids_find(const struct ids *set, uint32_t id)
{
	uint32_t low = 0, high = set->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->p[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
ids_add(struct ids *set, uint32_t id)
{
	uint32_t at = ids_find(set, id);

	if (at < set->n && set->p[at] == id)
		return;
	if (set->n == set->cap) {
		set->cap = set->cap ? set->cap * 2 : 2;
		set->p = tally_realloc_array(set->p, set->cap, sizeof(*set->p));
	}
	memmove(set->p + at + 1, set->p + at, (set->n - at) * sizeof(*set->p));
	set->p[at] = id;
	set->n++;
}

void
ids_remove(struct ids *set, uint32_t id)
{
	uint32_t at = ids_find(set, id);

	if (at == set->n || set->p[at] != id)
		return;
	set->n--;
	memmove(set->p + at, set->p + at + 1, (set->n - at) * sizeof(*set->p));
}

void
ids_copy(struct ids *to, const struct ids *from)
{
	if (from->n == 0)
		return;
	to->p = tally_realloc_array(NULL, from->n, sizeof(*to->p));
	memcpy(to->p, from->p, from->n * sizeof(*to->p));
	to->n = to->cap = from->n;
}
