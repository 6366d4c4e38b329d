/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums and peaks. Everything that happens at one instant is done before time
 * goes on, so a count holds for an interval of positive length: this is what
 * lets ends come before starts.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "usage.h"

static const char *const scope_names[SCOPES] = {
	"cluster", "cost_center", "fleet", "host", "region", "tenant",
};

const char *
usage_scope_name(uint32_t scope)
{
	TALLY_ASSERT(scope < SCOPES);
	return scope_names[scope];
}

void
usage_init(struct usage *u, int64_t from)
{
	memset(u, 0, sizeof(*u));
	u->arena = tally_arena_new(64 << 10);
	u->from = from;
}

void
usage_deinit(struct usage *u)
{
	map_deinit(&u->map);
	tally_arena_free(u->arena);
	free(u->rows);
}

struct usage_row *
usage_row(struct usage *u, uint32_t product, uint32_t edition, enum scope scope, uint32_t id)
{
	struct usage_row *r;
	const uint32_t words[4] = { product, edition, (uint32_t)scope, id };
	uint8_t key[sizeof(words)];
	void **place;

	memcpy(key, words, sizeof(key));
	place = map_place(&u->map, key);
	if (*place)
		return *place;
	*place = r = tally_arena_alloc(u->arena, sizeof(*r));
	r->product = product;
	r->edition = edition;
	r->scope = (uint32_t)scope;
	r->id = id;
	r->at = u->from;
	u->rows = array_grow(u->rows, &u->cap, u->count, sizeof(struct usage_row *));
	u->rows[u->count++] = r;
	return r;
}

static void
bring_up(struct usage_row *r, int64_t at)
{
	int64_t d = at - r->at;
	uint32_t now = r->count[RUNNING] + r->count[PAUSED];

	if (d <= 0)
		return;
	for (unsigned s = 0; s < CLOCKS; s++)
		if (r->count[s] > 0)
			r->sum[s] += (tally_i128)r->count[s] * d;
	r->vcpu_sum += (tally_i128)r->vcpus * d;
	if (now > r->peak) {
		r->peak = now;
		r->peak_at = r->at;
		r->peak_ns = d;
	} else if (now > 0 && now == r->peak) {
		r->peak_ns += d;
	}
	r->at = at;
}

void
usage_take(const struct usage_step *step)
{
	uint32_t vcpus = step->state == RUNNING || step->state == PAUSED ? step->vcpus : 0;

	for (unsigned i = 0; i < SCOPES; i++) {
		struct usage_row *r = step->rows[i];

		bring_up(r, step->at);
		TALLY_ASSERT(step->more || r->count[step->state] > 0);
		r->count[step->state] += step->more ? 1 : UINT32_MAX;
		r->vcpus += step->more ? vcpus : -(uint64_t)vcpus;
	}
}

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct usage_row *x = *(struct usage_row *const *)a,
			       *y = *(struct usage_row *const *)b;
	const struct strings *s = ctx;
	int c = tally_bytes_cmp(strings_get(s, x->product), strings_get(s, y->product));

	if (c == 0)
		c = tally_bytes_cmp(strings_get(s, x->edition), strings_get(s, y->edition));
	if (c == 0)
		c = strcmp(scope_names[x->scope], scope_names[y->scope]);
	return c ? c : tally_bytes_cmp(strings_get(s, x->id), strings_get(s, y->id));
}

void
usage_finish(struct usage *u, int64_t to, const struct strings *strings)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->count; i++) {
		struct usage_row *r = u->rows[i];
		bool any = false;

		bring_up(r, to);
		for (unsigned s = 0; s < CLOCKS; s++)
			any |= r->sum[s] > 0;
		if (any)
			u->rows[kept++] = r;
	}
	u->count = kept;
	if (kept > 0)
		qsort_r(u->rows, kept, sizeof(struct usage_row *), compare,
			(void *)(uintptr_t)strings);
}
