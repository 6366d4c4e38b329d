/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_VECTORS_H
#define TALLY_VECTORS_H
/* Reading tests/vectors/log.txt, and files of the public vectors. */
#include "testlib.h"
#include "tally/bytes.h"

#define VECTOR_FIELDS 16
/* One line: a word and its fields, texts as they stand. */
struct vector {
	char *word;
	char *field[VECTOR_FIELDS];
	size_t fields;
};
/* Calls f for each line that begins with `word`; gives their number, which is
 * never 0: a test over no vectors would prove nothing. */
size_t vectors_each(const char *word, void (*f)(void *ctx, const struct vector *v), void *ctx);
/* A field in hex, "-" being empty; owned by the caller. */
struct tally_buf vector_bytes(const struct vector *v, size_t i);
uint64_t vector_number(const struct vector *v, size_t i);
/* A file of the public vectors, with a NUL behind it; aborts where it is not there. */
struct tally_buf vectors_file(const char *name);

/* Skips the test, and says why, where the public vectors are not beside the checkout. */
#define vectors_or_skip()                                                                          \
	do {                                                                                       \
		if (!test_vectors()) {                                                             \
			print_message("skipped: no public vectors (TALLY_VECTORS)\n");             \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

#endif
