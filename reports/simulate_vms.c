/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of machines: where they stand, how many vCPUs they have, how many there are. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "simulate.h"

#define STAYS_MOST 50000000U /* of one simulation: a few GiB */
#define TOLD_MOST  6

static size_t
count_vms(const struct tally_simulation *s, const struct ids *stays)
{
	uint8_t *seen = tally_alloc(s->estate.n_vms + 1);
	size_t n = 0;

	for (uint32_t i = 0; i < stays->n; i++) {
		uint32_t vm = s->stays[stays->p[i]].stay.vm;

		n += !seen[vm];
		seen[vm] = 1;
	}
	free(seen);
	return n;
}

static const char *
many(size_t n)
{
	return n == 1 ? "" : "s";
}

int
sim_move_vms(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	struct sim_places places = { 0 };
	struct ids stays = { 0 };
	uint32_t *chosen = NULL;
	size_t moved, vms;
	int rc = sim_places_of(s, c, &places, err);

	if (rc == 0)
		rc = sim_pick_stays(s, c, &stays, err);
	if (rc == 0) {
		chosen = sim_nowhere(s);
		if (sim_put(s, c, &stays, &places, false, chosen) == 0)
			rc = change_error(c, c->at[KEY_TO], err,
					  "changes nothing: all of it is there already");
	}
	if (rc == 0) {
		moved = sim_machines(s, c->number);
		vms = count_vms(s, &stays);
		tally_buf_addf(&s->told[c->number - 1], "%zu machine%s %s", moved, many(moved),
			       places.gone ? "gone" : "moved");
		if (vms > moved)
			tally_buf_addf(&s->told[c->number - 1], ", %zu there already", vms - moved);
	}
	free(chosen);
	ids_deinit(&places.hosts);
	ids_deinit(&stays);
	return rc;
}

/* "they had 2, 4", as far as that is short. */
static void
tell_sizes(struct tally_buf *told, const struct ids *were)
{
	tally_buf_add_str(told, " (before: ");
	for (uint32_t i = 0; i < were->n && i < TOLD_MOST; i++)
		if (were->p[i] == 0)
			tally_buf_addf(told, "%sunknown", i > 0 ? ", " : "");
		else
			tally_buf_addf(told, "%s%" PRIu32, i > 0 ? ", " : "", were->p[i]);
	tally_buf_add_str(told, were->n > TOLD_MOST ? ", ...)" : ")");
}

int
sim_grow_vms(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	struct ids stays = { 0 }, were = { 0 }, grown = { 0 };
	struct tally_buf *told = &s->told[c->number - 1];
	size_t vms;

	if (sim_pick_stays(s, c, &stays, err) < 0)
		return -1;
	for (uint32_t i = 0; i < stays.n; i++) {
		struct sim_stay *x = &s->stays[stays.p[i]];
		struct stay_size size = s->estate.sizes[x->stay.size];

		if (size.vcpus == c->vcpus)
			continue;
		ids_add(&were, size.vcpus);
		ids_add(&grown, stays.p[i]);
		size.vcpus = c->vcpus;
		x->stay.size = estate_size(&s->estate, &size);
		x->changed = true;
	}
	vms = count_vms(s, &grown);
	tally_buf_addf(told, "%zu machine%s of %" PRIu32 " vCPU%s", vms, many(vms), c->vcpus,
		       many(c->vcpus));
	tell_sizes(told, &were);
	ids_deinit(&stays);
	ids_deinit(&were);
	ids_deinit(&grown);
	if (vms == 0)
		return change_error(c, c->at[KEY_VCPUS], err,
				    "changes nothing: they have %" PRIu32 " already", c->vcpus);
	return 0;
}

/* A UUID that no machine has: the original's with a number in it. */
static uint32_t
new_vm(struct tally_simulation *s, uint32_t original)
{
	uint8_t uuid[TALLY_UUID], number[8];
	size_t before = s->estate.n_vms;

	while (s->estate.n_vms == before) {
		memcpy(uuid, s->estate.vms[original].uuid, TALLY_UUID);
		tally_put_u64(number, ++s->copies);
		for (size_t i = 0; i < sizeof(number); i++)
			uuid[TALLY_UUID - sizeof(number) + i] ^= number[i];
		(void)estate_vm(&s->estate, uuid);
	}
	return (uint32_t)before;
}

/* Copies of machines only, not of their copies. */
static int
originals(const struct tally_simulation *s, const struct change *c, struct ids *out,
	  struct tally_err *err)
{
	struct ids all = { 0 };

	if (sim_pick_stays(s, c, &all, err) < 0)
		return -1;
	for (uint32_t i = 0; i < all.n; i++)
		if (s->stays[all.p[i]].original == SIM_NONE)
			ids_add(out, all.p[i]);
	ids_deinit(&all);
	if ((uint64_t)out->n * c->copies + s->n_stays > STAYS_MOST)
		return change_error(c, c->at[KEY_COPIES], err,
				    "that is more than this can work with: %" PRIu32
				    " stretches of time, %" PRIu32 " times",
				    out->n, c->copies);
	return 0;
}

/* Of every stay as many copies; the n-th ones of one machine are one machine. */
static void
make_copies(struct tally_simulation *s, const struct change *c, const struct ids *stays,
	    struct ids *made)
{
	size_t n = s->estate.n_vms;
	uint32_t *first = tally_alloc((n + 1) * sizeof(*first)); /* of each VM: number + 1 */

	for (uint32_t i = 0; i < stays->n; i++) {
		uint32_t vm = s->stays[stays->p[i]].stay.vm;

		if (first[vm])
			continue;
		first[vm] = (uint32_t)s->estate.n_vms + 1;
		for (uint32_t k = 0; k < c->copies; k++)
			(void)new_vm(s, vm);
	}
	for (uint32_t i = 0; i < stays->n; i++)
		for (uint32_t k = 0; k < c->copies; k++) {
			struct sim_stay copy = s->stays[stays->p[i]];

			copy.original = copy.stay.vm;
			copy.stay.vm = first[copy.original] - 1 + k;
			copy.changed = true;
			s->stays =
				array_grow(s->stays, &s->cap_stays, s->n_stays, sizeof(*s->stays));
			s->stays[s->n_stays] = copy;
			ids_add(made, (uint32_t)s->n_stays++);
		}
	free(first);
}

static void
tell_copies(struct tally_simulation *s, const struct change *c, const struct ids *stays)
{
	struct tally_buf *told = &s->told[c->number - 1];
	size_t vms = count_vms(s, stays);

	tally_buf_addf(told, "%" PRIu32 " cop%s of %s%zu machine%s, running when it ran", c->copies,
		       c->copies == 1 ? "y" : "ies", vms == 1 ? "" : "each of ", vms, many(vms));
	tally_buf_add_str(told, c->to == PLACE_NONE ? " and where it ran" : "");
}

int
sim_copy_vms(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	struct sim_places places = { 0 };
	struct ids stays = { 0 }, made = { 0 };
	uint32_t *chosen;
	int rc = c->to == PLACE_NONE ? 0 : sim_places_of(s, c, &places, err);

	if (rc == 0)
		rc = originals(s, c, &stays, err);
	if (rc == 0) {
		make_copies(s, c, &stays, &made);
		tell_copies(s, c, &stays);
		if (c->to != PLACE_NONE) {
			chosen = sim_nowhere(s);
			sim_put(s, c, &made, &places, true, chosen);
			free(chosen);
		}
		for (uint32_t i = 0; c->to == PLACE_NONE && i < made.n; i++)
			sim_effect(s, c->number, &s->stays[made.p[i]], SIM_NONE,
				   s->stays[made.p[i]].stay.host);
	}
	ids_deinit(&places.hosts);
	ids_deinit(&stays);
	ids_deinit(&made);
	return rc;
}
