/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_TABLE_H
#define TALLY_REPORTS_TABLE_H
/*
 * What everything here is kept in: growing arrays, a map with 16-byte keys,
 * texts that are stored once and named by a number, and small sets of such
 * numbers. The order of a map or of numbers never reaches a report.
 */
#include "tally/bytes.h"

/* Asks for memory that will be used soon. NULL is nothing. */
static inline void
fetch_lines(const void *p, size_t size)
{
	for (size_t at = 0; p && at < size; at += 64)
		__builtin_prefetch((const uint8_t *)p + at);
}

/* Makes room for one more of `size` bytes each; zeroes nothing. */
void *array_grow(void *items, size_t *cap, size_t count, size_t size);

struct map_slot {
	uint8_t key[16];
	void *value; /* NULL: free */
};
struct map {
	struct map_slot *slots;
	size_t cap, used;
};
void map_deinit(struct map *m);
/* The place of a key's value. Where it is NULL the key is new: the caller puts a
 * value there before the next call. */
void **map_place(struct map *m, const uint8_t key[16]);

/* Text number 0 is the empty one. */
struct strings {
	struct tally_arena *arena;
	struct tally_bytes *items;
	size_t count, cap;
	uint32_t *slots; /* number + 1 */
	size_t slots_cap;
};
void strings_init(struct strings *s);
void strings_deinit(struct strings *s);
uint32_t strings_add(struct strings *s, struct tally_bytes text);
/* Whether it is one of them; changes nothing. */
bool strings_known(const struct strings *s, struct tally_bytes text, uint32_t *number);
struct tally_bytes strings_get(const struct strings *s, uint32_t number);

/* Ascending numbers. */
struct ids {
	uint32_t *p;
	uint32_t n, cap;
};
void ids_deinit(struct ids *set);
void ids_add(struct ids *set, uint32_t id);
void ids_remove(struct ids *set, uint32_t id);
void ids_copy(struct ids *to, const struct ids *from); /* `to` is empty */

#endif
