/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_SIMULATELIB_H
#define TALLY_TEST_SIMULATELIB_H
/* A simulation over the whole of 2026-03-01 of a history that is written as text; its
 * figures are read back from its JSON. */
#include "reportlib.h"

/* Changes are "--grow web1,vcpus=8", a NULL behind the last. What is refused is kept for
 * assert_refused; every other look at it needs one that was made. */
void what_if(const char *lines, ...) __attribute__((sentinel));
/* The same in a format: t a text, a with all rows, c, j. */
void what_if_as(char format, struct tally_buf *out, const char *lines, ...)
	__attribute__((sentinel));
void what_if_done(void);
const struct tally_json *what_if_json(void);

void assert_refused(const char *part);
/* The effect of a change, from 1. */
void assert_told(size_t change, const char *text);
/* A field of the one line of a change about machines of that name. */
void assert_machine(size_t change, const char *name, const char *field, const char *value);
size_t notes(void);
void assert_noted(const char *part);
size_t hosts_left(void);
size_t shortfalls(void);
void assert_has(struct tally_buf *text, const char *part);
#define assert_row(where, field, expected)                                                         \
	assert_figure(what_if_json(), "positions", where, field, expected)

/* The computed positions are those of another history: low, measured, high, order; where
 * there is none it is 0. Of a product that does not occur in the other one nothing is
 * measured. Returns how many are not 0. */
size_t same_as(const char *lines);
/* Without any change: the positions of report and simulation are the same bytes. */
void identical(const char *lines, ...) __attribute__((sentinel));

#endif
