/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_CLAIMS_H
#define TALLY_REPORTS_CLAIMS_H
/*
 * What is said of a VM: its OS, edition, software, owner, name. A claim belongs
 * to a run and keeps its place in the order of recording; a correction belongs
 * to a span of the VM's time in every ledger. What holds at an instant is, key
 * by key, what was recorded last (FORMAT.md section 10, rule 10).
 */
#include "stream.h"

struct vm;
struct usage_row;
struct vm_row;

enum { SCOPES = 6 };

/* Adds, then removes; or replaces what was there by `add`. */
struct software_step {
	uint64_t order;
	bool replace;
	struct ids add, remove;
};
/* Shared by a run and its VM, which remembers what changed last. Machines begin again
 * and again with the same words: then the VM's claims are the run's, and what was found
 * for them (below) is there. */
struct claims {
	unsigned refs;
	/* All was given by these two together; NULL: not, or changed since. */
	const struct said *said;
	const struct said_of *of;
	/* Of these claims where no correction is in force: collect.c, standing.c. */
	uint32_t stay_claims; /* number + 1; 0: not asked for yet */
	const struct part *rows_part;
	uint32_t rows_cluster, rows_region;
	struct usage_row *rows[SCOPES];
	const struct vm_row *software_in; /* has had this software already */
	uint8_t evidence;                 /* of the OS */
	uint32_t value[CLAIM_KEYS];
	uint64_t order[CLAIM_KEYS]; /* 0: not given */
	struct software_step *steps;
	size_t n_steps, cap_steps;
};

/* Where an entry stands in the order of the report. */
struct recorded {
	int64_t at;
	uint32_t ledger;
	uint64_t index;
};
struct correction {
	struct vm *vm;
	int64_t from, to;
	struct recorded recorded;
	uint64_t order;
	bool has[CLAIM_KEYS];
	bool has_software;
	bool active;    /* in force now */
	bool disagrees; /* with a claim that it hides; said once */
	uint8_t evidence;
	uint32_t value[CLAIM_KEYS];
	struct ids add, remove;
	uint32_t by, reason;
};
/* Corrections, the one in force that was recorded last at the top. */
struct newest {
	struct correction **p;
	size_t n, cap;
};
/* Of one software: who last said that it is there or not. */
struct corrected_word {
	uint32_t id;
	struct newest newest;
};
/* All corrections of one VM, in the order of recording, and those in force. */
struct corrected {
	struct correction *all;
	size_t n, n_active;
	struct newest newest[CLAIM_KEYS];
	struct corrected_word *words; /* by id */
	size_t n_words, cap_words;
	uint64_t *software; /* orders of those that speak of software, ascending */
	size_t n_software;
};

struct effective {
	uint32_t value[CLAIM_KEYS];
	uint8_t evidence;
};

struct claims *claims_new(void);
struct claims *claims_copy(const struct claims *from); /* NULL gives new ones */
void claims_ref(struct claims **to, struct claims *from);
void claims_unref(struct claims **at);
/* Those of a run that an entry begins; `last` are its VM's newest, or NULL. */
struct claims *claims_begin(struct claims *last, const struct slot *e, uint64_t order,
			    const struct corrected *corrected);
/* What an entry gives; false where nothing. `corrected` may be NULL. */
bool claims_take(struct claims *c, const struct slot *e, uint64_t order,
		 const struct corrected *corrected);
/* Whether an entry is a correction; then `out` is all but its VM, ledger and order. */
bool correction_read(struct correction *out, const struct slot *e, struct strings *strings);

void claims_effective(struct effective *out, const struct claims *c,
		      const struct corrected *corrected);
/* Adds to `out` the software that is there. */
void claims_software(struct ids *out, const struct claims *c, const struct corrected *corrected);
/* corrected.c. `all` stands by order, and outlives it. */
void corrected_init(struct corrected *c, struct correction *all, size_t n);
void corrected_deinit(struct corrected *c);
void corrected_begin(struct corrected *c, struct correction *k);
void corrected_end(struct corrected *c, struct correction *k);
/* The one in force that was recorded last; NULL: none. `c` may be NULL. */
struct correction *corrected_newest(const struct corrected *c, enum claim_key key);
/* Whether one that speaks of software was recorded between these. `c` may be NULL. */
bool corrected_between(const struct corrected *c, uint64_t after, uint64_t before);
/* The correction that a key's value rests on, or NULL. */
struct correction *claims_corrected(const struct claims *c, const struct corrected *corrected,
				    enum claim_key key);

#endif
