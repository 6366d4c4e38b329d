/* SPDX-License-Identifier: Apache-2.0 */
/* From a report and changes to positions: each change in its order, then the rules over
 * what came out. */
#include <stdlib.h>
#include "entitlement_match.h"
#include "simulate.h"

uint32_t
sim_add_text(const struct tally_simulation *s, const char *text)
{
	return strings_add(s->old->strings, tally_bytes_str(text));
}

struct sim_note *
sim_note(struct tally_simulation *s, size_t change)
{
	s->notes = array_grow(s->notes, &s->cap_notes, s->n_notes, sizeof(*s->notes));
	s->notes[s->n_notes] = (struct sim_note){ .change = change };
	return &s->notes[s->n_notes++];
}

static int
change_one(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	switch (c->what) {
	case CHANGE_ADD_HOST:
		return sim_add_host(s, c, err);
	case CHANGE_REMOVE_HOSTS:
		return sim_remove_hosts(s, c, err);
	case CHANGE_MOVE_VMS:
		return sim_move_vms(s, c, err);
	case CHANGE_MOVE_HOSTS:
		return sim_move_hosts(s, c, err);
	case CHANGE_GROW_VMS:
		return sim_grow_vms(s, c, err);
	case CHANGE_COPY_VMS:
		return sim_copy_vms(s, c, err);
	default:
		return sim_grow_hosts(s, c, err);
	}
}

/* What is held beside what would be needed. */
static int
lay_held(struct tally_simulation *s, struct tally_err *err)
{
	struct tally_report *r = s->report;
	struct entitlement_match m = { .held = r->entitlements,
				       .packs = r->packs,
				       .n_packs = r->n_packs,
				       .positions = &s->positions,
				       .rights = &s->rights.rights,
				       .from = r->from,
				       .to = r->to,
				       .findings = &s->findings };

	if (!r->entitlements)
		return 0;
	if (entitlements_match(&m, err) < 0)
		return -1;
	s->n_shortfalls = entitlements_short(&m, &s->shortfalls);
	return 0;
}

static int
work_out(struct tally_simulation *s, struct tally_err *err)
{
	struct tally_report *r = s->report;
	struct positions_request q = { .estate = &s->estate,
				       .packs = r->packs,
				       .n_packs = r->n_packs,
				       .from = r->from,
				       .to = r->to,
				       .zone = s->options->zone,
				       .parallel = s->options->parallel,
				       .threads = s->options->threads };

	if (r->entitlements) {
		held_rights_split(&s->estate, r->entitlements);
		held_rights_init(&s->rights, r->entitlements, &s->estate, r->to);
		q.rights = &s->rights.rights;
	}
	if (positions_make(&s->positions, &q, err) < 0)
		return -1;
	return lay_held(s, err);
}

static int
make(struct tally_simulation *s, struct tally_err *err)
{
	sim_begin(s);
	for (size_t i = 0; i < s->changes->n; i++)
		if (change_one(s, &s->changes->p[i], err) < 0)
			return -1;
	sim_effects_finish(s);
	sim_finish(s);
	sim_notes(s);
	/* The estate has them now, and there may be millions. */
	free(s->stays);
	s->stays = NULL;
	s->n_stays = s->cap_stays = 0;
	if (work_out(s, err) < 0)
		return -1;
	sim_rows(s);
	return 0;
}

int
tally_simulation_make(struct tally_simulation **out, struct tally_report *r,
		      const struct tally_report_options *o, const struct tally_changes *list,
		      struct tally_err *err)
{
	struct tally_simulation *s;

	if (r->n_packs == 0)
		return tally_err_set(err, TALLY_USE, "without rule packs there are no positions");
	TALLY_ASSERT(r->has_estate && r->estate.finished);
	s = tally_alloc(sizeof(*s));
	s->report = r;
	s->options = o;
	s->changes = list;
	s->old = &r->estate;
	s->arena = tally_arena_new(4096);
	s->told = tally_alloc((list->n + 1) * sizeof(*s->told));
	findings_init(&s->findings, 0);
	if (make(s, err) < 0) {
		tally_simulation_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
tally_simulation_free(struct tally_simulation *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_hosts; i++)
		free(s->hosts[i].facts);
	for (size_t i = 0; i < s->changes->n; i++)
		tally_buf_deinit(&s->told[i]);
	for (size_t i = 0; i < s->n_notes; i++)
		tally_buf_deinit(&s->notes[i].text);
	positions_deinit(&s->positions);
	estate_deinit(&s->estate);
	held_rights_deinit(&s->rights);
	findings_deinit(&s->findings);
	tally_buf_deinit(&s->shortfalls);
	tally_arena_free(s->arena);
	map_deinit(&s->effect_slots);
	free(s->hosts);
	free(s->stays);
	free(s->numbers);
	free(s->effects);
	free(s->told);
	free(s->notes);
	free(s->rows);
	free(s);
}

size_t
tally_simulation_short(const struct tally_simulation *s, struct tally_bytes *lines)
{
	*lines = tally_buf_view(&s->shortfalls);
	return s->n_shortfalls;
}
