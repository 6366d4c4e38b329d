/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_PINS_H
#define TALLY_CLI_PINS_H
/* Files of keys, roots and records: one by its path, or all of a folder. */
#include "tally/bytes.h"

struct tally_err;

#define PINS_MAX (1U << 20) /* bytes of one file */

/* Calls `take` with the file, or with each file of the folder (not of its folders;
 * none whose name begins with a dot) in the order of their names. */
int pins_each(const char *path,
	      int (*take)(void *ctx, const char *name, struct tally_bytes content,
			  struct tally_err *err),
	      void *ctx, struct tally_err *err);

#endif
