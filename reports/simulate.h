/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_SIMULATE_H
#define TALLY_REPORTS_SIMULATE_H
/*
 * An estate being changed. The report's own is read only; what is changed is a list
 * of its stays and of its hosts' facts, and in the end another estate is filled from
 * them. A change holds over the whole window that the rules look at, as if it had
 * always been so. Hosts are numbers of `hosts` here, stays of `stays`; claims and VMs
 * have the numbers that they have in the report's estate, and new ones behind them.
 */
#include "change.h"
#include "findings.h"
#include "meter.h"
#include "report_internal.h"

#define SIM_NONE UINT32_MAX

struct sim_host {
	struct estate_host was; /* its name; of an added one nothing else */
	bool added;
	size_t removed;           /* number of the change that did it; 0: none did */
	struct host_facts *facts; /* by from, without holes over the window */
	size_t n_facts;
};
struct sim_stay {
	struct stay stay;  /* its host is a number of `hosts`; empty: it is gone */
	uint32_t original; /* VM that it is a copy of; SIM_NONE: it is no copy */
	bool changed;
};
/* What a change did to one machine: where it stood and where it stands. */
struct sim_effect {
	size_t change;     /* number */
	uint32_t own;      /* VM; of several the first */
	uint32_t vm, name; /* of copies: the original */
	uint32_t from, to; /* hosts; SIM_NONE: it is new, it is gone */
	uint32_t machines; /* how many: more than one of copies alone */
	bool copies;
};
struct sim_note {
	size_t change; /* 0: of all together */
	struct tally_buf text;
};
struct sim_row {
	const struct position *old, *new; /* NULL: there is none, so nothing is needed */
	bool differs;
};
struct tally_simulation {
	struct tally_report *report;
	const struct tally_report_options *options;
	const struct tally_changes *changes;
	const struct estate *old; /* the report's */
	struct sim_host *hosts;   /* by name, but for those that are added behind them */
	size_t n_hosts, cap_hosts;
	struct sim_stay *stays; /* in the order of the report's estate, copies behind */
	size_t n_stays, cap_stays;
	struct estate estate; /* finished when all changes are made */
	uint32_t *numbers;    /* of each host in `estate`; SIM_NONE: removed */
	uint64_t copies;      /* that were made */
	struct tally_arena *arena;
	struct map effect_slots;

	struct sim_effect *effects; /* by change, name, UUID, from, to */
	size_t n_effects, cap_effects;
	struct tally_buf *told; /* of each change what it did, in a sentence */
	struct sim_note *notes;
	size_t n_notes, cap_notes;
	struct held_rights rights;
	struct positions positions;
	struct findings findings; /* of entitlements; nobody reads them */
	struct sim_row *rows;     /* in the order of the report */
	size_t n_rows, cap_rows;
	struct tally_buf shortfalls;
	size_t n_shortfalls;
};

static inline struct tally_bytes
sim_text(const struct tally_simulation *s, uint32_t number)
{
	return strings_get(s->old->strings, number);
}
static inline struct tally_bytes
sim_host_name(const struct tally_simulation *s, uint32_t host)
{
	return sim_text(s, s->hosts[host].was.name);
}
uint32_t sim_add_text(const struct tally_simulation *s, const char *text);
/* The facts of a host at an instant. */
const struct host_facts *sim_facts(const struct sim_host *h, int64_t at);
static inline const struct host_facts *
sim_newest(const struct sim_host *h)
{
	return &h->facts[h->n_facts - 1];
}
struct sim_note *sim_note(struct tally_simulation *s, size_t change);

/* simulate_draft.c: the estate as it is; and, when all changes are made, as it would be. */
void sim_begin(struct tally_simulation *s);
void sim_finish(struct tally_simulation *s);

/* simulate_names.c: what a change's words name. A number, or SIM_NONE with `err` set. */
uint32_t sim_host_called(const struct tally_simulation *s, const struct change *c, unsigned at,
			 const char *name, struct tally_err *err);
/* Names of hosts that are there, for an error. */
void sim_list_hosts(const struct tally_simulation *s, struct tally_buf *out);
/* Hosts that the subject fits, and the cluster where one is given: TALLY_USE where none is.
 * The caller frees the list. */
int sim_pick_hosts(const struct tally_simulation *s, const struct change *c, const char *pattern,
		   struct ids *out, struct tally_err *err);
/* Stays of the machines that a change is about. */
int sim_pick_stays(const struct tally_simulation *s, const struct change *c, struct ids *out,
		   struct tally_err *err);

/* simulate_place.c: where machines go. */
struct sim_places {
	struct ids hosts; /* none: they are gone */
	bool gone;
};
int sim_places_of(const struct tally_simulation *s, const struct change *c, struct sim_places *out,
		  struct tally_err *err);
/* The hosts that are left of the cluster of one that is removed. */
int sim_places_left(const struct tally_simulation *s, const struct change *c, uint32_t host,
		    struct sim_places *out, struct tally_err *err);
/* Puts machines somewhere, each as a whole: on `chosen` of its VM, where that is a place,
 * else on the emptiest; what stands at a place stays, unless all of it is put `anew`.
 * `chosen` has room for every VM, SIM_NONE where none is. Returns how many stays went. */
size_t sim_put(struct tally_simulation *s, const struct change *c, const struct ids *stays,
	       const struct sim_places *places, bool anew, uint32_t *chosen);
uint32_t *sim_nowhere(const struct tally_simulation *s); /* for `chosen`; to be freed */
/* One machine more that a change put, moved or added. */
void sim_effect(struct tally_simulation *s, size_t change, const struct sim_stay *stay,
		uint32_t from, uint32_t to);
void sim_effects_finish(struct tally_simulation *s);
/* How many machines a change has put elsewhere or added. */
size_t sim_machines(const struct tally_simulation *s, size_t change);

/* simulate_hosts.c, simulate_vms.c: changes. */
int sim_add_host(struct tally_simulation *s, const struct change *c, struct tally_err *err);
int sim_remove_hosts(struct tally_simulation *s, const struct change *c, struct tally_err *err);
int sim_move_hosts(struct tally_simulation *s, const struct change *c, struct tally_err *err);
int sim_grow_hosts(struct tally_simulation *s, const struct change *c, struct tally_err *err);
int sim_move_vms(struct tally_simulation *s, const struct change *c, struct tally_err *err);
int sim_grow_vms(struct tally_simulation *s, const struct change *c, struct tally_err *err);
int sim_copy_vms(struct tally_simulation *s, const struct change *c, struct tally_err *err);

/* simulate_notes.c: what is strange about what came out. */
void sim_notes(struct tally_simulation *s);
/* simulate_rows.c: old and new positions side by side. */
void sim_rows(struct tally_simulation *s);
/* The figure of a row, 0 where there is no position. */
amount sim_figure(const struct position *p, unsigned reading);
const struct position *sim_row_of(const struct sim_row *row); /* the new one, or else the old */

#endif
