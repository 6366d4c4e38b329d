/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_RECORD_H
#define TALLY_CLI_RECORD_H
/*
 * Bringing recorded events in. A line becomes a struct tally_event (parse), is
 * held against what its host was doing (state), is remembered by its place
 * (plan), and only when the whole file is good is anything stored (import).
 */
#include "tally/event.h"

struct tally_err;
struct tally_store;
struct cli_progress;

#define RECORD_LINE_MAX  (1U << 20) /* bytes of a line */
#define RECORD_HOST_MAX  200        /* bytes of a host's name, which names a folder */
#define RECORD_TEXT_MAX  255
#define RECORD_WORDS_MAX 4096 /* bytes of a reason */
#define RECORD_BATCH     4096 /* entries a commit */

/* One line, parsed. Views live until the parser's next line. */
struct record_line {
	struct tally_event ev; /* all but the run number */
	struct tally_bytes host;
	struct tally_bytes text; /* the line itself, for columns */
	uint64_t number;         /* of the line, from 1 */
	bool header;             /* {"tally-events":1}: no event */
};
struct record_parser;
struct record_parser *record_parser_new(const char *file);
void record_parser_free(struct record_parser *p);
/* A line without its newline. -1: TALLY_USE, "FILE:LINE:COLUMN: what". */
int record_parse(struct record_parser *p, struct tally_bytes line, uint64_t number,
		 struct record_line *out, struct tally_err *err);
/* The same error for a fault of the value (or of the key itself) of `key`; NULL: column 1. */
#define record_fault(p, l, key, value, err, ...)                                                   \
	(record_fault_((p), (l), (key), (value), (err), __VA_ARGS__), -1)
void record_fault_(const struct record_parser *p, const struct record_line *l, const char *key,
		   bool value, struct tally_err *err, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* The event's name in the file, from its kind. */
const char *record_event_name(unsigned kind);
bool record_host_valid(struct tally_bytes name);
bool record_is_uri(struct tally_bytes s);

/* What one host was doing after the events so far. */
struct record_state;
struct record_state *record_state_new(void);
void record_state_free(struct record_state *s);
/* Takes an event that is known to be in order (from a ledger). */
void record_state_take(struct record_state *s, const struct tally_event *ev, uint64_t instant);
/* Checks a line against the state, then takes it; gives the run that the event
 * belongs to, 0 for none. */
int record_state_check(struct record_state *s, const struct record_parser *p,
		       const struct record_line *l, uint64_t *run, struct tally_err *err);

/* The file, read line by line from any offset, without trusting that it stays. */
struct record_file;
int record_file_open(struct record_file **out, const char *path, struct tally_err *err);
void record_file_close(struct record_file *f);
uint64_t record_file_size(const struct record_file *f);
/* The line that begins at `offset`; 1, 0 at the end, -1. The view lives until the next call. */
int record_file_line(struct record_file *f, uint64_t offset, struct tally_bytes *line,
		     bool *newline, struct tally_err *err);
int record_file_hash(struct record_file *f, uint8_t hash[TALLY_HASH], struct tally_err *err);

/* Where an event of a host stands. */
struct record_place {
	uint64_t offset, run;
	uint64_t line;
};
enum record_progress {
	RECORD_NEW,     /* its ledger holds nothing of this file, or is not there */
	RECORD_PARTIAL, /* a crash stopped the import of this very file */
	RECORD_DONE,    /* all there; the checkpoint may be missing */
};
struct record_host {
	char name[RECORD_HOST_MAX + 1];
	char *path;  /* of its ledger */
	bool exists; /* the ledger does */
	enum record_progress progress;
	bool sealed;      /* DONE, and under a checkpoint */
	uint64_t have;    /* entries of this file that are there already */
	uint64_t size;    /* of the ledger when it was read */
	uint64_t records; /* DONE, PARTIAL: what the import entry announced */
	struct record_state *state;
	struct record_place *places;
	size_t count, room;
	uint8_t (*batch)[TALLY_HASH]; /* of the lines of each batch of RECORD_BATCH */
	size_t batches;
	struct tally_sha256 *hash; /* of the batch under way */
};
/* The whole file, checked against itself and against the ledgers in `folder`. */
struct record_plan {
	struct record_file *file;
	struct record_parser *parser;
	const char *path, *name; /* as given; its base name */
	uint8_t hash[TALLY_HASH];
	uint64_t lines, events;
	struct record_host **hosts; /* by name */
	size_t count;
};
int record_plan_make(struct record_plan *plan, const char *folder, const char *path,
		     struct cli_progress *progress, struct tally_err *err);
void record_plan_deinit(struct record_plan *plan);
/* What the host's ledger says of this file; fills the state up to its import. */
int record_host_read(struct record_host *h, const uint8_t hash[TALLY_HASH], struct tally_err *err);

/* Stores the events of one host and ends with an attested checkpoint. The vkey
 * of a ledger that had to be made is added to `vkeys`, a line. */
int record_import_host(const struct record_plan *plan, struct record_host *h, uint64_t *stored,
		       struct cli_progress *progress, struct tally_buf *vkeys,
		       struct tally_err *err);

#endif
