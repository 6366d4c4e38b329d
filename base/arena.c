/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator over a list of chunks, newest first. What is larger than a
 * chunk gets one of its own size. Memory is zeroed when it is handed out.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include "tally/bytes.h"
#include "tally/err.h"

struct chunk {
	struct chunk *next;
	size_t cap, used;
	alignas(16) uint8_t data[];
};

struct tally_arena {
	size_t chunk;
	struct chunk *chunks;
};

struct tally_arena *
tally_arena_new(size_t chunk)
{
	struct tally_arena *a = tally_alloc(sizeof(*a));

	TALLY_ASSERT(chunk > 0);
	a->chunk = chunk;
	return a;
}

void
tally_arena_free(struct tally_arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void
tally_arena_reset(struct tally_arena *a)
{
	struct chunk *keep = NULL;

	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		/* One of the ordinary size: a large one would be held for ever. */
		if (!keep && c->cap == a->chunk)
			keep = c;
		else
			free(c);
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	a->chunks = keep;
}

void *
tally_arena_alloc(struct tally_arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	size_t rounded, size;
	void *p;

	if (__builtin_add_overflow(n, (size_t)15, &rounded))
		return tally_alloc(SIZE_MAX); /* aborts */
	rounded &= ~(size_t)15;
	if (!c || c->cap - c->used < rounded) {
		size_t cap = rounded > a->chunk ? rounded : a->chunk;

		if (__builtin_add_overflow(cap, sizeof(*c), &size))
			return tally_alloc(SIZE_MAX);
		c = tally_realloc_array(NULL, size, 1);
		c->cap = cap;
		c->used = 0;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->data + c->used;
	memset(p, 0, rounded);
	c->used += rounded;
	return p;
}
