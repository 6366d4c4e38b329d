/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_STORE_H
#define TALLY_STORE_H
/*
 * The ledger on disk (FORMAT.md section 7). One writer, any readers. Nothing is
 * acknowledged before its commit. A store belongs to one thread at a time, and
 * one process opens a ledger once at a time (LMDB's own locks would be lost
 * with the first of two to close).
 */
#include "tally/bytes.h"
#include "tally/clock.h"
#include "tally/entry.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/tpm.h"

struct tally_err;
struct tally_store;

struct tally_init_options {
	const char *origin; /* NULL: tallystick.invalid/<host>-<8 hex of host_id or random> */
	const char *host;
	const char *transport;
};
/* Makes folder, database, log key; no entry yet. TALLY_USE where it exists and
 * holds anything but tpm/ (whose host_id may have gone into the origin). */
int tally_store_create(const char *path, const struct tally_init_options *o, struct tally_err *err);

enum tally_store_mode { TALLY_STORE_READ, TALLY_STORE_WRITE };
/* WRITE takes the lock (TALLY_HELD names the pid), re-hashes the tail and
 * compares with the newest note (TALLY_FAILS). READ needs no lock and works on
 * read-only media. `clock` NULL: the machine's. Foreign and newer files: TALLY_USE. */
/* While a ledger is open, a page of data.mdb that is damaged or cannot be read
 * ends the program: one line on stderr, behind the name set here, and exit 1. */
void tally_store_program(const char *name);
int tally_store_open(struct tally_store **out, const char *path, enum tally_store_mode mode,
		     const struct tally_clock *clock, struct tally_err *err);
void tally_store_close(struct tally_store *s);
const char *tally_store_origin(const struct tally_store *s);
const struct tally_vkey *tally_store_vkey(const struct tally_store *s);
/* The log's key, of a store that is open for writing: for a text that is no checkpoint. */
struct tally_signer tally_store_signer(struct tally_store *s);
const char *tally_store_path(const struct tally_store *s);
const char *tally_store_transport(const struct tally_store *s);

/* Appends n entries in one transaction; `first` is the index of the first, where
 * it fails the one that it would have had. After a failed commit the store
 * refuses further appends until it is opened again; only then it is known
 * whether the entries are there. */
int tally_store_append(struct tally_store *s, const struct tally_prepared *entries, size_t n,
		       uint64_t *first, struct tally_err *err);
/* Encode, seed, prepare, append: for single events. */
int tally_store_append_event(struct tally_store *s, const struct tally_event *ev, uint64_t *index,
			     struct tally_err *err);

int tally_store_head(struct tally_store *s, uint64_t *size, uint8_t root[TALLY_HASH],
		     struct tally_err *err);
/* A signed note without evidence. 1 made, 0 nothing new. Re-reads and re-hashes what it signs. */
int tally_store_checkpoint(struct tally_store *s, struct tally_err *err);
struct tally_journal tally_store_journal(struct tally_store *s);
/* How the anchors of its TPM stand (tally/tpm.h). */
int tally_store_anchors(struct tally_store *s, struct tally_anchors *out, struct tally_err *err);
/* Signature lines of others, of which each signer has one, onto a note. */
int tally_store_cosigned(struct tally_store *s, uint64_t sequence, struct tally_bytes lines,
			 struct tally_err *err);
/* From now on no note is signed in this ledger, by nobody, for ever; entries still come in. */
int tally_store_close_signing(struct tally_store *s, const char *why, struct tally_err *err);
/* Why, or NULL where it is open. As it was when the store was opened, or closed by it. */
const char *tally_store_closed(const struct tally_store *s);

/* Readers. 1 found, 0 none, -1. Buffers are filled anew; `groups` and `salts` may be NULL. */
int tally_store_entry(struct tally_store *s, uint64_t index, struct tally_buf *record,
		      struct tally_buf groups[TALLY_GROUPS],
		      uint8_t salts[TALLY_GROUPS][TALLY_SALT], struct tally_err *err);
int tally_store_note(struct tally_store *s, uint64_t sequence, struct tally_buf *out,
		     struct tally_err *err);
int tally_store_last_note(struct tally_store *s, uint64_t *sequence, struct tally_buf *out,
			  struct tally_err *err);
int tally_store_row(struct tally_store *s, uint64_t number, struct tally_row *out,
		    struct tally_err *err);
/* Where the ledger comes from. `record`: its newest enrolment record as well, which takes
 * reading all entries of an older ledger, once where it is open for writing. deinit in any case. */
struct tally_store_origins {
	struct tally_buf statement; /* of the newest session; empty: none */
	bool succeeds;              /* another log: */
	struct tally_buf prev_origin;
	uint64_t prev_size;
	uint8_t prev_root[TALLY_HASH];
	struct tally_buf record; /* empty: none, or not asked for */
};
int tally_store_origins_read(struct tally_store *s, bool record, struct tally_store_origins *out,
			     struct tally_err *err);
void tally_store_origins_deinit(struct tally_store_origins *o);
struct tally_nodes tally_store_nodes(struct tally_store *s);
/* Entries [from, to) in short read transactions, `to` cut to the size at this
 * call; close() frees it. While one is between two entries, a full map cannot
 * grow: close or drain iterators before long appends. */
int tally_store_entries(struct tally_store *s, uint64_t from, uint64_t to,
			struct tally_entries *out, struct tally_err *err);
/* The entries are hashed as they are read, in runs of 16 against the tree that
 * the ledger keeps: damage is -1, not a wrong entry in silence. These are the
 * same, [0, size), and behind the last one -1 unless they hash to `root`. They
 * may be pulled in a thread of its own, beside other readers of the store. */
int tally_store_entries_under(struct tally_store *s, uint64_t size, const uint8_t root[TALLY_HASH],
			      struct tally_entries *out, struct tally_err *err);
/* From the index, whose pieces are hashed as they are read: entries [0, to)
 * without their groups' bytes. 1, or 0 where the index does not reach so far. */
int tally_store_entries_indexed(struct tally_store *s, uint64_t to, struct tally_entries *out,
				struct tally_err *err);
/* Without hashing: for one who pulls those beside them. */
int tally_store_entries_unchecked(struct tally_store *s, uint64_t from, uint64_t to,
				  struct tally_entries *out, struct tally_err *err);

/* Every entry hashed again, up to every node, the newest note's root and the head;
 * and the index made again from the entries, byte for byte. -1 (TALLY_FAILS). */
struct tally_scrub {
	uint64_t entries, indexed;
};
int tally_store_scrub(struct tally_store *s, struct tally_scrub *out, struct tally_err *err);

/* Fault injection for tests: called before each call of the store that changes
 * the disk ("put", "commit", "write", "fsync", ...); -1 makes it fail with errno. */
void tally_store_fault_hook(int (*hook)(void *ctx, const char *call), void *ctx);

/* The writer: local (holds the lock) or remote (asks the holder by its control socket). */
struct tally_writer;
int tally_writer_open(struct tally_writer **out, const char *path, const struct tally_clock *clock,
		      struct tally_err *err);
void tally_writer_close(struct tally_writer *w);
bool tally_writer_is_remote(const struct tally_writer *w);
struct tally_store *tally_writer_store(struct tally_writer *w); /* NULL where remote */
/* One request line and one answer line of FORMAT.md section 14. The whole of it
 * may take so long: an answer may wait for a slow TPM. */
#define TALLY_CONTROL_MS 60000
int tally_control_ask(const char *ledger, const char *request, int timeout_ms,
		      struct tally_buf *answer, struct tally_err *err);
/* The holder's side: a listening socket (-1 on error), and one request read and
 * answered on a connection that the caller has accepted and closes. `answer`
 * appends one line without its newline; -1 refuses. */
int tally_control_listen(const char *ledger, struct tally_err *err);
int tally_control_serve(int connection,
			int (*answer)(void *ctx, struct tally_bytes request, struct tally_buf *out),
			void *ctx, struct tally_err *err);

/* The static export (FORMAT.md section 8) at the newest checkpoint, into a
 * new or empty folder. -1 TALLY_USE where it is neither. */
int tally_store_export(struct tally_store *s, const char *dir, bool public_only,
		       void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx,
		       struct tally_err *err);

/* For `tally bench append`: plain LMDB, n values of the same bytes in one durable
 * transaction. `dir` is an empty folder. */
struct tally_plain;
int tally_plain_open(struct tally_plain **out, const char *dir, struct tally_err *err);
int tally_plain_append(struct tally_plain *p, struct tally_bytes value, size_t n,
		       struct tally_err *err);
void tally_plain_close(struct tally_plain *p); /* NULL ok */
/* Bytes of an entry's value in the ledger, for entries with so many bytes of groups. */
size_t tally_store_value_size(size_t groups);

#endif
