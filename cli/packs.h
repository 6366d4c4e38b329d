/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_PACKS_H
#define TALLY_CLI_PACKS_H
/* The rule packs that a command uses: --rules DIR, or else the folder that
 * TALLY_RULES names, or else the installed one. */
#include "tally/pack.h"

#define CLI_PACK_MOST (1U << 20) /* bytes of a pack */

struct cli_packs {
	struct tally_pack **packs; /* by id; their hashes are set */
	size_t count;
};
/* The folder; `given` may be NULL. */
void cli_rules_dir(struct tally_buf *path, const char *given);
/* All files *.yaml of the folder, of which there must be one. TALLY_USE where one is
 * malformed or two do not go together. */
int cli_packs_open(struct cli_packs *p, const char *given, struct tally_err *err);
/* Just these files. */
int cli_packs_read(struct cli_packs *p, char *const *paths, size_t count, struct tally_err *err);
/* The bytes of each file of the folder, as they are; none where there is no folder. */
int cli_packs_each(const char *given,
		   void (*each)(void *ctx, const char *path, struct tally_bytes content), void *ctx,
		   struct tally_err *err);
void cli_packs_deinit(struct cli_packs *p);

#endif
