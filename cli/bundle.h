/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_BUNDLE_H
#define TALLY_CLI_BUNDLE_H
/* What goes into a bundle, and its way into one file. */
#include "tally/bytes.h"
#include "tally/err.h"
#include "packs.h"

/* One member: its bytes, or the file that holds them. */
struct bundle_item {
	char *name, *path;
	struct tally_buf content;
};
struct bundle_items {
	struct bundle_item *p;
	size_t n;
};
void bundle_add(struct bundle_items *items, const char *name, struct tally_bytes content);
void bundle_add_file(struct bundle_items *items, const char *name, const char *path);
/* `folder`/BASE, where BASE is the file's own name as far as a member may be called so;
 * nothing where the same content lies there already. */
void bundle_add_input(struct bundle_items *items, const char *folder, const char *path,
		      struct tally_bytes content);
const struct bundle_item *bundle_find(const struct bundle_items *items, const char *name);
/* In the order of the archive. TALLY_USE: a name that is none, or is there twice; more inputs and
 * rule packs than are read again. */
int bundle_settle(struct bundle_items *items, struct tally_err *err);
void bundle_items_deinit(struct bundle_items *items);

/* bundle_ledgers.c: exports of ledgers, made below `scratch`, and exports as they are, as
 * ledgers/0, ledgers/1 ... in the order of their origins. */
struct bundle_ledgers {
	const char *const *paths;
	size_t n;
	const char *scratch;
	const struct cli_packs *only; /* of the licensor who gets to see them; NULL: everybody */
	char **dirs;                  /* where each export lies, to be freed one by one */
};
int bundle_add_ledgers(struct bundle_items *items, struct bundle_ledgers *l, struct tally_err *err);
/* bundle_write.c: all of them (they are sorted) and the manifest, in a new file in place of
 * `out`, whole or not at all. */
int bundle_write(struct bundle_items *items, const char *out, struct tally_err *err);

#endif
