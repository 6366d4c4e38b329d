/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_TOKENS_H
#define TALLY_REPORTS_TOKENS_H
/*
 * Licences as tokens that are assigned to hosts: how few would have done. At each
 * instant a host has as many as it needs. A token goes from one host to another no
 * sooner than `cooling` after it was assigned, but what stood on a host when that
 * failed may go at any time after; what was before the first step is free, unless it
 * is held on record. So a VM on h1, then h2, then h1 within the time takes two.
 *
 * A part of what a host needs for one more machine, its set, licenses nothing: a host
 * gets a new set whole, or what is missing to one that others gave a part of. A set
 * is never cut so that one half may rest while the other one moves. The answer is always a number
 * that a lawful assignment reaches; whether there is none with fewer is a hard question (it hides
 * interval selection), so the search has a bound, and `exact` says whether it was answered.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token_step { /* from `at` on, the host needs so many */
	int64_t at;
	uint32_t host;
	uint64_t demand;
	uint64_t set; /* what it takes for one more machine; 0: 1 */
};
struct token_failure {
	int64_t at;
	uint32_t host;
};
/* On record: assigned to the host then. Used before any other is thought of, as
 * far as it may lawfully be where one is needed. */
struct token_held {
	uint32_t host;
	uint64_t count;
	int64_t assigned;
};
struct token_problem {
	uint32_t hosts;
	const struct token_step *steps; /* by at; of one host at one instant the last holds */
	size_t n_steps;
	const struct token_failure *failures; /* by at; a host may fail again */
	size_t n_failures;
	const struct token_held *held;
	size_t n_held;
	int64_t cooling; /* ns */
};
struct token_answer {
	uint64_t need; /* UINT64_MAX: the demands' sum is beyond 64 bits */
	bool exact;
};
void tokens_count(struct token_answer *out, const struct token_problem *p);

#endif
