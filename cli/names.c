/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing over the UUIDs, never more than half full. UUIDs may be chosen
 * to collide, so they are hashed with a number that nobody knows beforehand.
 */
#include "names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct slot {
	bool used;
	uint8_t uuid[TALLY_UUID];
	uint8_t *name;
	size_t len;
};

struct names {
	uint64_t secret;
	struct slot *slots;
	size_t size, used; /* size: a power of two */
};

struct names *
names_new(void)
{
	struct names *n = tally_alloc(sizeof(*n));

	/* Without randomness it is a table that can be made slow, no more. */
	if (getrandom(&n->secret, sizeof(n->secret), GRND_NONBLOCK) < 0)
		n->secret = (uint64_t)(uintptr_t)n;
	n->size = 64;
	n->slots = tally_alloc(n->size * sizeof(*n->slots));
	return n;
}

void
names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->size; i++)
		free(n->slots[i].name);
	free(n->slots);
	free(n);
}

/* The VM's slot, or the free one where it belongs. */
static struct slot *
find(const struct names *n, const uint8_t uuid[TALLY_UUID])
{
	uint64_t h = n->secret;

	for (size_t i = 0; i < TALLY_UUID; i++)
		h = (h ^ uuid[i]) * UINT64_C(0x100000001b3) ^ h >> 29;
	for (size_t i = (size_t)h & (n->size - 1);; i = (i + 1) & (n->size - 1)) {
		struct slot *s = &n->slots[i];

		if (!s->used || memcmp(s->uuid, uuid, TALLY_UUID) == 0)
			return s;
	}
}

static void
grow(struct names *n)
{
	struct slot *old = n->slots;
	size_t size = n->size;

	n->size = 2 * size;
	n->slots = tally_alloc(n->size * sizeof(*n->slots));
	for (size_t i = 0; i < size; i++)
		if (old[i].used)
			*find(n, old[i].uuid) = old[i];
	free(old);
}

struct tally_bytes
names_find(const struct names *n, const struct tally_event *ev)
{
	const struct slot *s = ev->i.has_vm ? find(n, ev->i.vm) : NULL;

	return s && s->used ? tally_bytes(s->name, s->len) : tally_bytes(NULL, 0);
}

void
names_learn(struct names *n, const struct tally_event *ev)
{
	struct slot *s;

	if (!ev->i.has_vm || !ev->i.name.p || ev->i.name.len == 0)
		return;
	s = find(n, ev->i.vm);
	if (s->used && tally_bytes_eq(tally_bytes(s->name, s->len), ev->i.name))
		return;
	if (!s->used && ++n->used > n->size / 2) {
		grow(n);
		s = find(n, ev->i.vm);
	}
	s->used = true;
	memcpy(s->uuid, ev->i.vm, TALLY_UUID);
	free(s->name);
	s->len = ev->i.name.len;
	s->name = tally_alloc(s->len);
	memcpy(s->name, ev->i.name.p, s->len);
}
