/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_WITNESS_INTERNAL_H
#define NET_WITNESS_INTERNAL_H
/* What the files of the witness share. */
#include "tally/net.h"

#define WITNESS_LOGS 1000 /* of a list */

/* What a witness has cosigned last of a log; `size` and `root` only where `seen`. */
struct witness_log {
	char *origin;
	struct tally_vkey *keys; /* any of these signs it; none: it is in no list now */
	size_t n_keys;
	bool seen;
	uint64_t size;
	uint8_t root[TALLY_HASH];
};
struct tally_witness {
	const struct tally_disk *disk;
	char *path;
	int dir, lock;
	struct tally_logkey *key;
	struct tally_vkey vkey;
	struct witness_log *log;
	size_t n_logs;
};

/* witness_state.c: the folder. */
struct witness_log *witness_find(struct tally_witness *w, struct tally_bytes origin);
/* The state with this log at that size and root goes to the disk, then to `log`. */
int witness_persist(struct tally_witness *w, struct witness_log *log, uint64_t size,
		    const uint8_t root[TALLY_HASH], struct tally_err *err);

/* witness_conflict.c: keeps a note that a listed key has signed, for it may be the log's own word
 * against itself. `proven`: it has another root at the size that was cosigned. What fails is told
 * in the log, and changes no answer. */
void witness_keep(struct tally_witness *w, const struct witness_log *log, bool proven,
		  struct tally_bytes note, struct tally_bytes text);

#endif
