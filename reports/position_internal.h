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
	struct counted counted;
	int64_t from, to;
};
struct case_window {
	int64_t from, to;
	struct case_piece *pieces; /* by time */
	size_t n_pieces;
	struct meter meter;
	uint8_t *breached; /* of each VM, for meter.breached */
	size_t *position;  /* of each node: number + 1 of what took it; 0: none did */
};
struct position_case {
	const struct positions_request *request;
	const struct tally_pack *pack;      /* that has the rule */
	const struct rule *const *versions; /* by valid_from */
	size_t n_versions;
	uint32_t rule, product;
	const char *software; /* see counted.h */
	struct case_window *windows;
	size_t n_windows, cap_windows;
};
/* position_window.c: the windows of the case's rule, each cut into pieces. */
int case_windows(struct position_case *c, struct tally_err *err);
void case_deinit(struct position_case *c);
/* position_detail.c: who made a window's figures, and what they rest on. */
void position_details(struct positions *out, const struct position_case *c, struct case_window *w);
void position_details_finish(const struct estate *e, struct position *p);
/* position_pins.c: VMs whose pins are no proof; findings of it. */
uint8_t *position_breaches(const struct position_case *c, const struct case_window *w);
/* position_cheapest.c */
void positions_compare(struct positions *list, const struct counted_rights *rights);

#endif
