/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_MAP_H
#define TALLY_CLI_MAP_H
/*
 * Claims from outside. A file becomes a list of operator entries (parse), is held
 * against the VMs and the entries of the ledger (ledger), and only when all of it
 * is good is anything stored (store).
 */
#include "tally/csv.h"
#include "tally/event.h"

struct tally_err;
struct tally_store;
struct tally_zone;
struct cli_progress;

#define MAP_TEXT_MAX  255
#define MAP_WORDS_MAX 4096 /* bytes of a reason */

/* What stands for an empty cell, or for a column that is not there. */
struct map_defaults {
	const char *by;                /* never NULL */
	const char *reason;            /* NULL: each row gives its own */
	const struct tally_zone *zone; /* of dates and months */
	struct tally_wall since;       /* instead of a `from` */
};
struct map_claim {
	struct tally_event ev;           /* views into the file, or into the defaults */
	const struct tally_csv_cell *vm; /* its place */
};
struct map_file {
	struct tally_csv *csv;
	struct map_claim *claims;
	size_t count, cap;
	size_t rows;
	struct tally_arena *arena;
};
/* `name` stands before each error: TALLY_USE, "NAME:LINE:COLUMN: what". */
int map_parse(struct map_file *out, const char *name, struct tally_bytes text,
	      const struct map_defaults *d, struct tally_err *err);
void map_file_deinit(struct map_file *f); /* also after an error */

enum map_progress {
	MAP_NEW,
	MAP_PARTIAL, /* a crash stopped this very file */
	MAP_DONE,    /* all there; the checkpoint may be missing */
};
struct map_state {
	enum map_progress progress;
	bool covered;   /* DONE, and under a checkpoint, */
	bool sealed;    /* which is attested */
	uint64_t have;  /* entries of this file that are there */
	uint64_t due;   /* what its operator-action announced */
	uint64_t size;  /* of the ledger when it was read */
	size_t unknown; /* claims of VMs that the ledger never saw */
};
/* Reads the ledger. TALLY_USE, with its place: a VM that it never saw, unless
 * `unknown_ok`; another file of claims that was broken off. */
int map_ledger_read(struct map_state *out, struct tally_store *store, const struct map_file *f,
		    const uint8_t hash[TALLY_HASH], bool unknown_ok, struct cli_progress *progress,
		    struct tally_err *err);

/* What stands before the claims. */
struct map_action {
	const uint8_t *hash;
	const char *name; /* the file's base name */
	const char *by, *reason;
};
struct tally_event map_action_event(const struct map_file *f, const struct map_action *a);
/* The operator-action where it is missing, then the claims from `have` on. */
int map_store(struct tally_store *store, const struct map_file *f, const struct map_state *state,
	      const struct map_action *a, struct tally_err *err);
/* The same by whoever holds the ledger, and a checkpoint behind it. */
int map_ask(const char *ledger, const struct map_file *f, const struct map_state *state,
	    const struct map_action *a, struct tally_err *err);

#endif
