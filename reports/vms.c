/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are asked for in the order in which spans begin to count; the caller sees
 * to it that at one instant the hosts come in their order. */
#include <stdlib.h>
#include <string.h>
#include "vms.h"

void
vms_init(struct vms *v)
{
	memset(v, 0, sizeof(*v));
	v->arena = tally_arena_new(64 << 10);
}

void
vms_deinit(struct vms *v)
{
	for (size_t i = 0; i < v->count; i++) {
		ids_deinit(&v->rows[i]->hosts);
		ids_deinit(&v->rows[i]->software);
	}
	free(v->rows);
	tally_arena_free(v->arena);
}

struct vm_row *
vms_span(struct vms *v, struct run *run, uint32_t product, uint32_t edition, int64_t at)
{
	struct vm_row *row = run->vm->row;

	if (row && row->product == product && row->edition == edition)
		return row;
	row = tally_arena_alloc(v->arena, sizeof(*row));
	row->vm = run->vm;
	row->product = product;
	row->edition = edition;
	row->first = row->last = at;
	row->ledger = run->part->ledger;
	row->index = run->begin_index;
	run->vm->row = row;
	v->rows = array_grow(v->rows, &v->cap, v->count, sizeof(struct vm_row *));
	v->rows[v->count++] = row;
	return row;
}

void
vms_count(const struct vm_step *step)
{
	struct vm_row *row = step->row;
	uint32_t ledger = step->ledger;

	row->run += step->to - step->from;
	row->vcpu += (tally_i128)step->vcpus * (step->to - step->from);
	if (step->to > row->last || ledger >= row->last_ledger) {
		row->claims = step->claims;
		row->last_ledger = ledger;
	}
	if (step->to > row->last)
		row->last = step->to;
	if (row->hosts.n == 0 || row->newest_host != ledger)
		ids_add(&row->hosts, ledger);
	row->newest_host = ledger;
}

static int
compare_hosts(const struct ids *a, const struct ids *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++)
		if (a->p[i] != b->p[i])
			return a->p[i] < b->p[i] ? -1 : 1;
	return (a->n > b->n) - (a->n < b->n);
}

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct vm_row *x = *(struct vm_row *const *)a, *y = *(struct vm_row *const *)b;
	const struct strings *s = ctx;
	static const enum claim_key keys[] = { CLAIM_NAME, CLAIM_TENANT, CLAIM_COST_CENTER };
	int c = memcmp(x->vm->uuid, y->vm->uuid, TALLY_UUID);

	for (size_t i = 0; c == 0 && i < sizeof(keys) / sizeof(*keys); i++)
		c = tally_bytes_cmp(strings_get(s, x->claims.value[keys[i]]),
				    strings_get(s, y->claims.value[keys[i]]));
	if (c == 0)
		c = tally_bytes_cmp(strings_get(s, x->product), strings_get(s, y->product));
	if (c == 0)
		c = tally_bytes_cmp(strings_get(s, x->edition), strings_get(s, y->edition));
	if (c == 0)
		c = x->first < y->first ? -1 : x->first > y->first;
	return c ? c : compare_hosts(&x->hosts, &y->hosts);
}

void
vms_finish(struct vms *v, const struct strings *strings)
{
	if (v->count > 0)
		qsort_r(v->rows, v->count, sizeof(struct vm_row *), compare,
			(void *)(uintptr_t)strings);
}
