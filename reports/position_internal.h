/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_POSITION_INTERNAL_H
#define TALLY_REPORTS_POSITION_INTERNAL_H
/* How positions come about: one rule for one product is a case; it is metered over
 * one window or several, and each scope takes the window where it needed most. */
#include "meter.h"
#include "position.h"

/* A version of the rule, and the part of the window in which it holds. */
struct case_piece {
	const struct rule *rule;
	const struct counted *counted; /* the case's */
	int64_t from, to;
};
struct case_window {
	int64_t from, to;
	struct case_piece *pieces; /* by time */
	size_t n_pieces;
	struct meter meter;
	uint8_t *breached; /* of each VM, for meter.breached */
	size_t *position;  /* of each node: number + 1 of what took it; 0: none did */
	size_t *asked;     /* the same, though another window's figures were taken */
	struct map told;   /* (VM, host, why, node) that stand in a list */
};
struct position_case {
	const struct positions_request *request;
	const struct tally_pack *pack; /* that has the rule */
	const struct rule **versions;  /* by valid_from */
	struct counted *counted;       /* of each */
	size_t n_versions;
	uint32_t rule, product;
	const char *software;        /* see counted.h */
	struct case_window *windows; /* by time; they do not overlap */
	size_t n_windows, cap_windows;
	size_t first, end; /* its positions */
	struct map places; /* of them: number + 1, by scope and id; while they are taken */
};
/* All cases that occur, in the packs' order. */
struct position_cases {
	struct position_case *p;
	size_t n, cap;
	const uint32_t *why; /* text of each enum counted_why */
};
/* position_window.c: the windows of the case's rule, each cut into pieces. */
int case_windows(struct position_case *c, struct tally_err *err);
void case_deinit(struct position_case *c);
/* position_run.c: the cases' meters, walked and finished; then their details. Jobs for
 * the request's threads: each writes its own cases' meters and positions. */
void cases_meter(const struct position_cases *list);
void cases_details(const struct position_cases *list, struct positions *out);
/* position_detail.c: who made the cases' figures, and what they rest on. */
void position_details(struct positions *out, const uint32_t *why,
		      struct position_case *const *cases, size_t n);
/* position_pins.c: VMs whose pins are no proof; findings of it. */
uint8_t *position_breaches(const struct position_case *c, const struct case_window *w);
/* position_marks.c: hosts, and the clusters and regions that they were in over [from, to). */
struct position_marks {
	struct ids at[SCOPES]; /* texts */
	bool any;
};
void position_mark(struct position_marks *m, const struct estate *e, uint32_t host, int64_t from,
		   int64_t to);
bool position_marked(const struct position_marks *m, const struct position *p);
void position_marks_deinit(struct position_marks *m);
/* position_notes.c: `short_history` of the case's positions; and findings. */
void position_history(struct positions *out, const struct position_case *c);
void position_notes(const struct position_case *c);
/* position_editions.c: at which of the case's positions the rule covers not all guests. */
void position_editions(struct positions *out, const struct position_case *c);
/* position_cheapest.c */
void positions_compare(struct positions *list, const struct counted_rights *rights);

#endif
