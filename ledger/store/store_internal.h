/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H
/*
 * What the files of the store share. Invariants:
 * - `tip` is the head of the last committed transaction, `signed_tip` the tree
 *   at the newest note; both only move forward, and only after a commit.
 * - After a failed commit `broken` is set and stays: LMDB may or may not have
 *   the transaction, so only opening again (with its re-hash) tells.
 * - A store belongs to one thread at a time.
 */
#include <lmdb.h>
#include <signal.h>
#include "tally/err.h"
#include "tally/gist.h"
#include "tally/index.h"
#include "tally/store.h"

#define STORE_FORMAT     1
#define STORE_SCAN       10000 /* entries a read transaction */
#define STORE_TAIL       1024  /* entries before the newest note that opening re-hashes */
#define STORE_CHUNK      63    /* hashes a value of `node` */
#define STORE_LEVELS     8     /* stored levels: 4, 8, 16, ... 56 */
#define STORE_LEAF_HEAD  50    /* header, seed, form, three lengths */
#define STORE_LOCK_BYTES 16384 /* of lock.mdb */

struct tally_store {
	char *path;
	int dirfd, lockfd;
	bool write, broken, map_full;
	const struct tally_clock *clock;

	MDB_env *env;
	MDB_dbi leaf, node, note, att, meta;
	MDB_dbi index, gist; /* where has_index and has_gist: older ledgers get them with notes */
	bool has_index, index_is_new; /* new: made by the transaction that is open */
	bool has_gist, gist_is_new;
	MDB_dbi head;             /* the unnamed one: a page less in every commit */
	_Atomic unsigned readers; /* read transactions that this store has open now */
	MDB_txn *short_rd;        /* reset between the calls that use it; or NULL */

	char *origin, *transport;
	char *closed; /* for signing: why; NULL where it is open */
	struct tally_vkey vkey;

	/* The writer's. */
	struct tally_logkey *key;
	struct tally_frontier tip, signed_tip;
	struct tally_buf tip_bytes; /* of `tip`, as "head" holds it */
	bool has_note;
	uint64_t note_seq;   /* of the newest note, where there is one */
	uint8_t boot_id[16]; /* of this machine's boot; zero where unknown */
	bool boot_known;
	uint32_t last_boot;
	uint64_t last_uptime;               /* of the newest entry; 0 where there is none */
	int64_t checked;                    /* uptime of the last look for dead readers */
	struct tally_index_writer *indexer; /* NULL until the first note */
	struct tally_buf index_tail;        /* the pieces that go with the next note */
	struct tally_gist *gist_of;         /* all entries that the index has */
	uint64_t gist_from;                 /* where the newest gist ends, also in `gist_tail` */
	struct tally_buf gist_tail;         /* as index_tail */
	bool chunks_stale;
	uint8_t chunk[STORE_LEVELS][STORE_CHUNK * TALLY_HASH]; /* the last, growing value */
};

/* env.c */
extern size_t store_map_size; /* of a new map; a test makes it small */
/* -1 where the folder holds no data.mdb that LMDB could open. */
int store_file_check(struct tally_store *s, struct tally_err *err);
int store_env_open(struct tally_store *s, bool create, struct tally_err *err);
void store_env_close(struct tally_store *s);
int store_read_begin(struct tally_store *s, MDB_txn **out, struct tally_err *err);
void store_read_end(struct tally_store *s, MDB_txn *txn);
/* The transaction for one short look; ended by store_short_end, not nested. */
int store_short_begin(struct tally_store *s, MDB_txn **out, struct tally_err *err);
void store_short_end(struct tally_store *s, MDB_txn *txn);
/* -1 after a failed commit. */
int store_check_whole(const struct tally_store *s, struct tally_err *err);
/* One write transaction: body, commit. The body may run again (a full map has
 * grown) and changes nothing of the store's memory that a re-run would miss. */
typedef int store_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err);
int store_write(struct tally_store *s, store_body *body, void *ctx, struct tally_err *err);
int store_put(struct tally_store *s, MDB_txn *txn, MDB_dbi dbi, struct tally_bytes key,
	      struct tally_bytes value, unsigned flags, struct tally_err *err);
/* 1 found (valid until the transaction ends), 0 none, -1. */
int store_get(MDB_txn *txn, MDB_dbi dbi, struct tally_bytes key, struct tally_bytes *out,
	      struct tally_err *err);
/* The greatest key of a database with u64 keys: 1, 0 none, -1. */
int store_last(MDB_txn *txn, MDB_dbi dbi, uint64_t *key, struct tally_bytes *value,
	       struct tally_err *err);
/* The greatest key below `key`: 1 (then `key` is that one), 0 none, -1. */
int store_before(MDB_txn *txn, MDB_dbi dbi, uint64_t *key, struct tally_bytes *value,
		 struct tally_err *err);
/* Says what LMDB said, with its code; yields -1. */
#define store_mdb_err(err, rc, ...) (store_mdb_err_((err), (rc), __VA_ARGS__), -1)
void store_mdb_err_(struct tally_err *err, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* guard.c: a fault inside the map becomes an error message and exit 1. */
void store_guard_begin(MDB_env *env, const char *path);
void store_guard_end(MDB_env *env);
extern _Thread_local volatile sig_atomic_t store_guard_writing; /* LMDB changes pages now */

/* witnessed.c: why it is closed for signing, if it is. */
int store_read_closed(struct tally_store *s, MDB_txn *txn, struct tally_err *err);

/* lock.c */
int store_lock(struct tally_store *s, struct tally_err *err);
bool store_is_held(int dirfd);

/* fault.c: 0, or -1 with errno. */
int store_fault(const char *call);
const struct tally_disk *store_disk(void);

/* leaf.c: the value of `leaf`. */
struct store_leaf {
	struct tally_header header;
	struct tally_prepared entry; /* its groups are views; commitments only after rehash */
};
size_t store_leaf_size(const struct tally_prepared *e);
void store_leaf_write(uint8_t *out, const uint8_t record[TALLY_RECORD],
		      const struct tally_prepared *e);
int store_leaf_read(struct store_leaf *out, uint64_t index, struct tally_bytes value,
		    struct tally_err *err);
/* Commitments anew from seed and groups, then the record. */
void store_leaf_record(struct store_leaf *l, uint8_t record[TALLY_RECORD]);

/* scan.c: leaves in order, in transactions of at most STORE_SCAN entries. */
struct store_scan {
	struct tally_store *s;
	MDB_txn *txn;
	MDB_cursor *cursor;
	uint64_t next, to;
	unsigned left;
};
void store_scan_init(struct store_scan *c, struct tally_store *s, uint64_t from, uint64_t to);
/* 1 with views valid until the next call, 0 at the end, -1. */
int store_scan_next(struct store_scan *c, struct store_leaf *out, struct tally_err *err);
void store_scan_end(struct store_scan *c);
/* Adds entries f->size .. to, recomputed from what is read back. */
typedef void store_done(void *ctx, unsigned level, uint64_t index, const uint8_t *hash);
int store_rehash(struct tally_store *s, struct tally_frontier *f, uint64_t to, store_done *done,
		 void *ctx, struct tally_err *err);

/* nodes.c */
int store_nodes_load(struct tally_store *s, MDB_txn *txn, uint64_t size, struct tally_err *err);
struct store_nodes_put {
	struct tally_store *s;
	MDB_txn *txn;
	struct tally_err *err;
	bool failed, touched[STORE_LEVELS];
};
store_done store_nodes_add; /* ctx: struct store_nodes_put */
int store_nodes_flush(struct store_nodes_put *p, uint64_t size);
int store_node(struct tally_store *s, MDB_txn *txn, unsigned level, uint64_t index,
	       uint8_t out[TALLY_HASH], struct tally_err *err);
int store_frontier_at(struct tally_store *s, uint64_t size, struct tally_frontier *f,
		      struct tally_err *err);
bool store_level_is_kept(unsigned level);

/* reopen.c */
int store_reopen(struct tally_store *s, struct tally_err *err);
/* store_rehash, and every node on the way is the one that the ledger keeps. */
int store_rehash_compared(struct tally_store *s, struct tally_frontier *f, uint64_t to,
			  struct tally_err *err);
/* A note's text parsed and its log signature checked. */
int store_note_check(struct tally_store *s, struct tally_bytes bytes, struct tally_checkpoint *out,
		     struct tally_buf *scratch, struct tally_err *err);

/* index.c: brings the index up to the tip, but for `index_tail`, which
 * store_index_put adds in the note's transaction. */
int store_index_extend(struct tally_store *s, struct tally_err *err);
int store_index_put(struct tally_store *s, MDB_txn *txn, struct tally_err *err);
/* The hash of the piece before the one that begins here. */
int store_index_before(struct tally_store *s, MDB_txn *txn, uint64_t next, uint8_t hash[TALLY_HASH],
		       struct tally_err *err);
/* Room at the end of a tail for what goes under this key; until it is ended. */
size_t store_tail_begin(struct tally_buf *tail, uint64_t key);
void store_tail_end(struct tally_buf *tail, size_t at);
/* Entries that the index covers, and the hash of its last piece. */
int store_index_end(struct tally_store *s, uint64_t *size, uint8_t hash[TALLY_HASH],
		    struct tally_err *err);

/* gist.c. `gist_of` is brought to all entries of the index, which are `size`; those that
 * go into pieces follow by tally_gist_add. Where a segment is to begin, behind the piece
 * of this hash, a gist may be made. */
int store_gist_begin(struct tally_store *s, uint64_t size, struct tally_err *err);
int store_gist_settle(struct tally_store *s, const uint8_t before[TALLY_HASH],
		      struct tally_err *err);
/* The newest gist that ends before `next`: 1 (then `next` is its end), 0 none, -1. */
int store_gist_before(struct tally_store *s, MDB_txn *txn, uint64_t *next,
		      struct tally_bytes *value, struct tally_index_head *head,
		      struct tally_err *err);
/* Gives the one that ends there to a reader that was reset. */
int store_gist_feed(struct tally_store *s, MDB_txn *txn, uint64_t next,
		    struct tally_index_reader *r, struct tally_err *err);
/* Adds what a gist keeps; and all entries before `to`. */
int store_gist_load(struct tally_store *s, struct tally_gist *g, uint64_t next, int64_t horizon,
		    struct tally_err *err);
int store_gist_scan(struct tally_store *s, struct tally_gist *g, uint64_t to,
		    struct tally_err *err);
/* Appends its bytes; `g` is then as who knows no more than these. */
int store_gist_make(struct tally_store *s, struct tally_gist **g, const uint8_t before[TALLY_HASH],
		    struct tally_buf *out, struct tally_err *err);

/* anchor.c: the journal's half of anchors. */
struct tally_journal;
void store_journal_anchors(struct tally_journal *j);

/* read.c: the head, empty where there is none; the newest row: 1, 0 none, -1. */
int store_head(struct tally_store *s, struct tally_frontier *f, struct tally_err *err);
int store_last_row(struct tally_store *s, struct tally_row *out, struct tally_err *err);

/* checkpoint.c: re-reads what is new and makes the signed note of the tip. */
int store_checkpoint_make(struct tally_store *s, struct tally_frontier *verified,
			  struct tally_buf *note, struct tally_err *err);
/* Inside a write transaction: head and newest note are still those; puts the note. */
int store_checkpoint_put(struct tally_store *s, MDB_txn *txn, const struct tally_frontier *verified,
			 struct tally_bytes note, uint64_t *sequence, struct tally_err *err);
/* newest.c: the index that `meta` has under a name: 1, 0, -1. */
int store_newest(struct tally_store *s, MDB_txn *txn, const char *name, uint64_t *index,
		 struct tally_err *err);
int store_newest_put(struct tally_store *s, MDB_txn *txn, const char *name, uint64_t index,
		     struct tally_err *err);
/* The newest entry of a kind, which is looked for where an older program has not kept the name:
 * 1, 0 there is none, -1. Not inside a transaction. */
int store_newest_find(struct tally_store *s, const char *name, unsigned kind, uint64_t *index,
		      struct tally_err *err);
/* The head as this store knows it is the one in the transaction. */
int store_head_check(struct tally_store *s, MDB_txn *txn, struct tally_err *err);

static inline struct tally_bytes
store_key(const uint64_t *key)
{
	return tally_bytes(key, sizeof *key);
}
static inline struct tally_bytes
store_val(MDB_val v)
{
	return tally_bytes(v.mv_data, v.mv_size);
}

#endif
