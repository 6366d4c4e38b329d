/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPORT_INTERNAL_H
#define EXPORT_INTERNAL_H
/* What the two halves of an export share: the folder that is written, and the
 * view of the ledger that it shows. */
#include "store_internal.h"

#define EXPORT_LEVELS 8
#define EXPORT_TILE   256

/* A tile of one level that is being filled. */
struct export_level {
	uint8_t hash[EXPORT_TILE][TALLY_HASH];
	unsigned width;
	uint64_t tile;
};

/* The newest note and row at the start. Only the newest row can be pending, so
 * all else that the ledger shows later is final; these are kept as they were. */
struct export_view {
	uint64_t note_seq;
	struct tally_buf note;
	bool has_row;
	struct tally_row row;
	struct tally_buf row_note; /* the note of that row */
};

struct store_export {
	struct tally_store *s;
	int dirfd;
	bool public_only;
	uint64_t size;
	uint8_t root[TALLY_HASH];
	struct export_view view;
	struct tally_buf bundle, payload;
	struct export_level level[EXPORT_LEVELS];
	void (*progress)(void *ctx, uint64_t done, uint64_t all);
	void *progress_ctx;
};

/* A new file below the export's folder, with the folders on the way to it. */
int export_file(struct store_export *x, const char *path, struct tally_bytes content,
		struct tally_err *err);
int export_open(struct store_export *x, const char *path, struct tally_err *err);
int export_append(int fd, const char *path, struct tally_bytes content, struct tally_err *err);

/* export_private.c */
int export_private_begin(struct store_export *x, struct tally_err *err);
void export_payload_add(struct store_export *x, const struct store_leaf *leaf);
int export_payload_flush(struct store_export *x, uint64_t bundle, unsigned width,
			 struct tally_err *err);
int export_history(struct store_export *x, struct tally_err *err);

#endif
