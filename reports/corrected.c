/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Corrections of one VM. Of those in force the one recorded last stands at the top of
 * a heap, for each key and for each software; what is no longer in force leaves a heap
 * when it comes to the top. So each edge of a correction costs no more than it has keys,
 * however many others hold at the time.
 */
#include <stdlib.h>
#include <string.h>
#include "claims.h"
#include "tally/err.h"

static void
heap_add(struct newest *h, struct correction *k)
{
	size_t i;

	h->p = array_grow(h->p, &h->cap, h->n, sizeof(struct correction *));
	for (i = h->n++; i > 0 && h->p[(i - 1) / 2]->order < k->order; i = (i - 1) / 2)
		h->p[i] = h->p[(i - 1) / 2];
	h->p[i] = k;
}

static void
heap_take(struct newest *h)
{
	struct correction *last = h->p[--h->n];
	size_t i = 0;

	for (size_t c; (c = 2 * i + 1) < h->n; i = c) {
		c += c + 1 < h->n && h->p[c + 1]->order > h->p[c]->order;
		if (h->p[c]->order <= last->order)
			break;
		h->p[i] = h->p[c];
	}
	if (h->n > 0)
		h->p[i] = last;
}

static void
heap_settle(struct newest *h)
{
	while (h->n > 0 && !h->p[0]->active)
		heap_take(h);
}

static int
compare_words(const void *a, const void *b)
{
	const struct corrected_word *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void
add_words(struct corrected *c, const struct ids *ids)
{
	for (uint32_t i = 0; i < ids->n; i++) {
		c->words = array_grow(c->words, &c->cap_words, c->n_words, sizeof(*c->words));
		c->words[c->n_words++] = (struct corrected_word){ .id = ids->p[i] };
	}
}

void
corrected_init(struct corrected *c, struct correction *all, size_t n)
{
	size_t kept = 0;

	memset(c, 0, sizeof(*c));
	c->all = all;
	c->n = n;
	c->software = tally_realloc_array(NULL, n + 1, sizeof(*c->software));
	for (size_t i = 0; i < n; i++) {
		if (!all[i].has_software)
			continue;
		c->software[c->n_software++] = all[i].order;
		add_words(c, &all[i].add);
		add_words(c, &all[i].remove);
	}
	if (c->n_words > 1)
		qsort(c->words, c->n_words, sizeof(*c->words), compare_words);
	for (size_t i = 0; i < c->n_words; i++)
		if (kept == 0 || c->words[kept - 1].id != c->words[i].id)
			c->words[kept++] = c->words[i];
	c->n_words = kept;
}

void
corrected_deinit(struct corrected *c)
{
	for (unsigned k = 0; k < CLAIM_KEYS; k++)
		free(c->newest[k].p);
	for (size_t i = 0; i < c->n_words; i++)
		free(c->words[i].newest.p);
	free(c->words);
	free(c->software);
}

/* Each word of a correction once: one that it adds and removes stands in both. */
static void
each_word(struct corrected *c, struct correction *k,
	  void (*what)(struct newest *h, struct correction *k))
{
	const struct ids *sets[] = { &k->add, &k->remove };

	for (unsigned s = 0; s < 2; s++)
		for (uint32_t i = 0; i < sets[s]->n; i++) {
			struct corrected_word key = { .id = sets[s]->p[i] }, *w;

			w = bsearch(&key, c->words, c->n_words, sizeof(key), compare_words);
			TALLY_ASSERT(w);
			what(&w->newest, k);
		}
}

static void
settle_word(struct newest *h, struct correction *k)
{
	(void)k;
	heap_settle(h);
}

void
corrected_begin(struct corrected *c, struct correction *k)
{
	TALLY_ASSERT(!k->active);
	k->active = true;
	c->n_active++;
	for (unsigned key = 0; key < CLAIM_KEYS; key++)
		if (k->has[key])
			heap_add(&c->newest[key], k);
	each_word(c, k, heap_add);
}

void
corrected_end(struct corrected *c, struct correction *k)
{
	TALLY_ASSERT(k->active && c->n_active > 0);
	k->active = false;
	c->n_active--;
	for (unsigned key = 0; key < CLAIM_KEYS; key++)
		if (k->has[key])
			heap_settle(&c->newest[key]);
	each_word(c, k, settle_word);
}

struct correction *
corrected_newest(const struct corrected *c, enum claim_key key)
{
	return c && c->newest[key].n > 0 ? c->newest[key].p[0] : NULL;
}

bool
corrected_between(const struct corrected *c, uint64_t after, uint64_t before)
{
	size_t low = 0, high = c ? c->n_software : 0;

	/* The first one behind `after`. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->software[middle] > after)
			high = middle;
		else
			low = middle + 1;
	}
	return c && low < c->n_software && c->software[low] < before;
}
