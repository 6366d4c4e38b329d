/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_VERIFY_INTERNAL_H
#define TALLY_VERIFY_INTERNAL_H
/*
 * What the files of this folder share. Nothing read from an export is believed:
 * what is wrong with it becomes a problem with its file; only what this machine
 * cannot do (I/O) is an error.
 */
#include <sys/types.h>
#include "digests.h"
#include "tally/bytes.h"
#include "tally/entry.h"
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/verify.h"
#include "tally/witness.h"

#define TILE      256U
#define PATH_ROOM 128 /* of a name inside an export */

/* problems.c: what is wrong. Past a limit they are only counted. */
struct problem {
	char *check, *file, *text;
	bool has_entry;
	uint64_t entry;
};
struct problems {
	struct problem *items;
	size_t count, cap, dropped;
	/* What is no problem. Texts may hold whatever a stranger wrote: each is one, whatever
	 * lines are in it. */
	struct remarks {
		char **p;
		size_t count, cap;
	} verdicts, remarks;
	size_t spent;    /* of REMARKS_MAX */
	uint64_t unkept; /* remarks */
};
void problems_deinit(struct problems *p);
void problem(struct problems *p, const char *check, const char *dir, const char *file,
	     const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void problem_entry(struct problems *p, const char *check, const char *dir, const char *file,
		   uint64_t entry, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Of one path; what is more is counted. */
void remarks_begin(struct problems *p);
void remark(struct problems *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What a reader of a report or bundle must know: never dropped, told before all others. There are
 * so many of a report at most, however long it is. */
void remark_verdict(struct problems *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define PROBLEMS_MAX 1000
#define REMARKS_MAX  64

/* folder.c: files of an export. No symbolic link below its path is followed. */
struct archive;
struct place {
	const char *path;              /* as problems tell it; without an archive, what to open */
	const struct archive *archive; /* NULL: none; outlives the export */
	const char *prefix;            /* of its names there, with a slash at the end */
};
struct folder {
	int fd;
	char *path;
	const struct archive *archive; /* in place of `fd` */
	char *prefix;
	char parent[PATH_ROOM]; /* the folder that was opened last, and its descriptor */
	int parent_fd;
};
enum found { FOUND, ABSENT, STRANGE, BROKEN }; /* STRANGE: no regular file; BROKEN: err is set */
int folder_open(struct folder *f, const struct place *place, struct tally_err *err);
void folder_close(struct folder *f);
/* A regular file, or its place in the archive, open for reading. */
struct stretch {
	int fd;
	bool own;
	uint64_t at, end;
};
enum found folder_file(struct folder *f, const char *name, struct stretch *out,
		       struct tally_err *err);
ssize_t stretch_read(struct stretch *s, void *p, size_t n); /* 0: the end; -1: errno */
void stretch_close(struct stretch *s);
/* Whether a folder of this name is there. */
enum found folder_has(struct folder *f, const char *name, struct tally_err *err);
/* A folder (of no archive), for reading its names. */
enum found folder_list(struct folder *f, const char *name, int *fd, struct tally_err *err);
/* Fills `out` anew with at most max + 1 bytes: one more than max means too long. */
enum found folder_read(struct folder *f, const char *name, size_t max, struct tally_buf *out,
		       struct tally_err *err);

/* witnessed.c, timestamped.c, vouched.c: what pinned witnesses and authorities of timestamps say
 * of an export or a proof. Times are theirs, seconds. */
#define WITNESSED_KNOWN 512
struct witnessed_claim {
	uint64_t index, size; /* of a receipt; of its checkpoint */
	uint8_t root[TALLY_HASH];
};
/* corrected.c: how far the wall clock was set, in ns, by what the entries so far tell. */
#define CORRECTED_TOLERANCE 300 /* s: less is told to nobody */
struct corrected {
	bool any;
	uint32_t boot; /* of the newest entry */
	int64_t wall;
	uint64_t uptime;
	tally_i128 shift; /* all in all; what an entry says is corrected by how it changes */
	struct corrected_by {
		uint64_t count, index; /* steps of more than the tolerance; where the largest is */
		int64_t most;
	} back, forth;
};
/* Whether another boot begins with it. */
bool corrected_entry(struct corrected *c, uint64_t index, const struct tally_header *h);

/* The entry with the latest wall clock so far, as corrected; `least`: less its shift. */
struct witnessed_newest {
	bool has;
	int64_t wall;
	uint64_t index;
	tally_i128 least;
};
/* An entry whose clock does not agree with a time, until it is corrected to a shift of `need`:
 * the worst of its kind. */
struct contradiction {
	bool has;
	int64_t wall;
	uint64_t index, time;
	tally_i128 need;
	const char *who;
};
struct vouched {
	bool reached;
	uint64_t size, by; /* of the newest checkpoint that is vouched for */
	bool window;
	uint64_t from, since; /* of the first receipt */
	tally_i128 shift;     /* of the clock when that checkpoint was vouched for */
};
struct cosigned {
	bool reached;
	uint64_t by, since;
};
struct witnessed {
	struct vouched quorum, stamp;
	char authority[128], policy[128]; /* of the newest timestamp */
	size_t strangers;                 /* timestamps that lead to no pinned root */
	struct cosigned head;             /* the checkpoint of a mirror */
	uint64_t floor;                   /* the newest `since` so far */
	struct corrected clock;
	struct witnessed_newest newest;
	struct contradiction late, early; /* `early` is of the present boot */
	struct witnessed_known {
		uint64_t size;
		uint8_t root[TALLY_HASH];
		struct witnessed_newest newest; /* when it was seen */
	} known[WITNESSED_KNOWN];               /* the notes that were seen last: a ring */
	size_t next;
	struct witnessed_claim *claim; /* whose root is to be looked up at the end */
	size_t claims, claims_cap;
};

/* One export while it is checked, and what stays of it. */
struct tally_export {
	struct folder folder;
	struct problems *problems; /* borrowed */
	bool private;
	char *origin;
	uint64_t size;
	uint8_t root[TALLY_HASH];
	struct tally_vkey key; /* the one that verifies the checkpoint */
	bool has_key, anchored, sound;
	struct tally_buf transport; /* of the newest session statement */
	struct enrolled {           /* what pinned enrollers say of it */
		bool any;
		uint64_t first;             /* entry of the first record that counts */
		struct tally_buf ek, ak;    /* of the newest one */
		struct tally_buf before;    /* attestation key of the one before it */
		struct tally_buf asset, nv; /* `nv`: TPM name of the counter; empty: none */
		uint8_t host_id[TALLY_HASH];
		enum tally_class class; /* the lowest of them */
		/* Attestation keys of the newest two that were passed over, and whether a session
		 * has one of them: from there on no record vouches. */
		struct tally_buf passed[2];
		bool lapsed;
	} enrolled;
	struct issues { /* issued.c: reports that its entries say were issued */
		struct issue {
			uint64_t index, wall, from, to;
			uint8_t digest[TALLY_HASH], id[TALLY_HASH], old[TALLY_HASH];
			bool supersedes; /* `old` */
		} * p;
		size_t count, cap;
		uint64_t passed;         /* that are not among them */
		uint64_t hidden, newest; /* not disclosed, and the last of these */
	} issues;
	uint64_t withheld, partly; /* entries that are commitments only; that are it in part */
	bool has_metered;
	uint64_t first_metered;       /* the first entry that says something of machines */
	struct attested {             /* attested.c: what a TPM has quoted */
		uint64_t size;        /* of the newest note with a quote that holds; 0: none */
		uint64_t wall;        /* of the last entry under it */
		uint64_t ran, passed; /* ns behind it, by uptime and by the wall */
		bool any;
		struct tally_header last; /* the newest entry, where there is `any` */
	} attested;
	struct anchored {       /* anchored.c: its anchors so far */
		bool any, open; /* an intent; the newest one, of which nothing has come */
		uint64_t intent;
		bool counts;      /* the open one has a counter: */
		uint64_t counter; /* what it is to be */
		bool bound;       /* a note covers the open one: */
		uint8_t q[TALLY_HASH];
		bool known; /* what the counter is by the ledger: */
		uint64_t value;
		bool has_receipt;
		uint64_t receipt;              /* entry of the newest one */
		struct tally_buf counter_name; /* of the first statement that has one */
		struct anchored_value {        /* what was certified; at the end by TPM and value */
			uint64_t value, index;
			uint8_t tpm[TALLY_HASH +
				    34];       /* its host_id, and the name of the NV index */
			uint8_t q[TALLY_HASH]; /* what it binds */
		} * certified;
		size_t count, cap;
		uint64_t gaps;
		uint64_t wall, newest; /* of the newest anchor's entry */
	} anchors_made;
	struct slowed { /* slowed.c: the session's first anchor: */
		bool any, covered;
		uint64_t time, entry; /* ms of the TPM */
		uint64_t by;          /* s: somebody had signed over it, where it is `covered` */
		uint64_t ran, passed; /* s: the worst of all; 0: none was slow */
		uint64_t from, to;    /* and its entries */
	} slowed;
	struct tpms { /* tpms.c: whose its sessions are */
		bool any, told;
		uint8_t host_id[TALLY_HASH];
	} tpms;
	struct clocks { /* clocks.c: what its TPM said of time and of its sessions */
		bool any, has_time;
		uint32_t reset_count, restart_count;
		uint64_t clock;      /* ms, of the newest attestation */
		uint64_t time, then; /* ms, of the session's newest anchor: time, and clock */
		uint8_t host_id[TALLY_HASH]; /* whose they are */
		bool started; /* a TPM reset, behind which nothing was attested yet */
		uint64_t boots, unlogged, suspends, set, unclean;
	} clocks;
	struct firmware { /* firmware.c: of the newest attestation, and whose it is */
		bool any;
		uint32_t reset_count, restart_count;
		uint64_t version;
		uint8_t host_id[TALLY_HASH];
	} firmware;
	bool superseded; /* another export here succeeds it, by an enroller's word */
	bool succeeds;   /* its first entry names a ledger before it */
	struct tally_buf prev_origin;
	uint64_t prev_size;
	uint8_t prev_root[TALLY_HASH];
	/* One hash a bundle, over its entries and payloads as they were checked. */
	uint8_t (*digest)[TALLY_HASH];
	uint64_t digests, digests_cap;
	const struct anchors *anchors; /* while it is checked */
	struct witnessed witnessed;
	struct problems own; /* where nobody lends problems */
};

/* anchors.c: what was pinned off the host. */
struct enroller {
	struct tally_vkey key;
	int64_t from, until; /* of the dates of its records */
	bool revoked;
};
struct anchors {
	struct tally_vkey *keys; /* of logs and witnesses */
	size_t count;
	struct enroller *enrollers;
	size_t n_enrollers;
	struct tally_roots *roots;      /* never NULL when exports are checked */
	struct tally_roots *timestamps; /* of authorities of timestamps; NULL: none is pinned */
	struct tally_buf *records;      /* texts of pinned records */
	size_t n_records;
	struct tally_policy *policy; /* NULL: none */
	struct firmware_pin {
		uint64_t version;
		bool denied; /* else declared */
	} * firmware;
	size_t n_firmware;
};
int anchors_take(struct anchors *a, const char *name, struct tally_bytes text,
		 struct tally_err *err);
void anchors_deinit(struct anchors *a);

/* 0: looked at, -1: the machine failed. `sound` and the problems say the rest. */
int export_check(struct tally_export **out, const struct place *place,
		 const struct anchors *anchors, struct problems *problems, struct tally_err *err);
/* Reads what is expected, and tells where it is missing, strange, or not of its
 * size. 1 read, 0 a problem was told, -1. */
int export_read(struct tally_export *x, const char *name, size_t size, bool exact,
		struct tally_buf *out, struct tally_err *err);
/* Narrower partial tiles beside `name` (without its .p/N): each is a prefix of
 * `content`, `ends[w]` bytes for a width of w. */
int export_narrower(struct tally_export *x, int level, uint64_t n, unsigned width,
		    struct tally_bytes content, const size_t *ends, const char *check,
		    struct tally_err *err);
/* The path of a tile or, at level -3, of a payload file. */
#define LEVEL_PAYLOAD (-3)
void export_tile_name(char out[PATH_ROOM], int level, uint64_t n, unsigned width);
/* The root of the first `size` entries, read again. 1, 0 where they changed. */
int export_root_at(struct tally_export *x, uint64_t size, uint8_t root[TALLY_HASH],
		   struct tally_err *err);
/* The same for many sizes, ascending, in one pass. */
int export_roots_at(struct tally_export *x, const uint64_t *size, size_t n,
		    uint8_t (*root)[TALLY_HASH], struct tally_err *err);
/* The digest that was kept of a bundle, and that of two files now. */
void export_digest(uint8_t out[TALLY_HASH], struct tally_bytes entries, struct tally_bytes payload);
/* A bundle and its payload as they were checked: -1 where they changed. */
int export_bundle(struct tally_export *x, uint64_t n, struct tally_buf *entries,
		  struct tally_buf *payload, struct tally_err *err);

/* checkpoint.c: `vkey` and `checkpoint`. 1: size, root and key are set; 0: told. */
int checkpoint_check(struct tally_export *x, const struct anchors *anchors, struct tally_buf *note,
		     struct tally_err *err);

/* payload.c: one payload. */
struct payload {
	unsigned mask;
	struct tally_bytes salt[TALLY_GROUPS], group[TALLY_GROUPS];
};
/* false where it is malformed; `at` moves behind it. */
bool payload_take(struct payload *out, struct tally_bytes in, size_t *at);
/* How many there are; 0 where they do not fill `in`. */
size_t payload_count(struct tally_bytes in);
/* The first group that is not what `record` committed to, or TALLY_GROUPS. */
unsigned payload_mismatch(const struct payload *p, const uint8_t record[TALLY_RECORD]);

/* session.c: TPM sessions, one after another. */
struct session {
	bool open, ended; /* a statement stands; a lost row has ended its chain */
	bool blind;       /* payloads are lost: a statement may be among them */
	uint64_t index;
	struct tally_statement st;
	struct tally_identity_key *key;
	uint8_t value[TALLY_HASH], id[4]; /* of the ledger PCR; of evidence lines */
	struct tally_arena *arena;
	struct tally_buf bytes; /* the statement's */
	uint64_t unsafe;        /* quotes whose clock was not safe */
	bool told_no_pcr;       /* that one of them has no ledger PCR */
};
void sessions_deinit(struct session *s);
/* The statement in entry `index`; `root` is that of the entries before it (either
 * of two where entries and tiles disagree). */
void sessions_begin(struct session *s, struct tally_export *x, uint64_t index,
		    const struct tally_operations *o, const uint8_t root[2][TALLY_HASH],
		    const char *file);
/* Whether an evidence line is a quote of this session over q. */
bool sessions_quote(struct session *s, struct tally_bytes line, const uint8_t q[TALLY_HASH],
		    struct tally_quote *quote, unsigned *check, struct tally_err *err);

/* enrolment.c: a record in entry `index`, which was appended at `wall`. */
void enrolment_take(struct tally_export *x, const struct anchors *anchors,
		    const struct session *session, uint64_t index, uint64_t wall,
		    struct tally_bytes record, const char *file);
/* A session statement, behind the records that came before it. */
void enrolment_session(struct tally_export *x, const struct session *s, const char *file);
/* Any entry: which was the first that says something of machines. */
void enrolment_entry(struct tally_export *x, unsigned kind, uint64_t index);
/* Check 18 of an export. */
enum tally_class enrolment_class(struct tally_export *x);
/* Two exports of different logs that are sound by themselves: first all pairs, in
 * either order, whether `a` succeeds `b`; then each pair once. */
void enrolment_mark(const struct tally_export *a, struct tally_export *b);
int enrolment_compare(struct tally_export *a, struct tally_export *b, struct tally_err *err);

/* anchored.c, in the order of the tree: a session statement, each note when the tree has its
 * size and root, each receipt, each anchor-intent and anchor. */
void anchored_session(struct tally_export *x, const struct session *s, const char *file);
void anchored_note(struct tally_export *x, const struct tally_note *note, uint64_t size);
void anchored_receipt(struct tally_export *x, uint64_t index);
void anchored_intent(struct tally_export *x, const struct session *s, uint64_t index,
		     const struct tally_operations *o, const char *file);
void anchored_take(struct tally_export *x, struct session *s, uint64_t index,
		   const struct tally_operations *o, const char *file);
void anchored_end(struct tally_export *x);
/* Two exports: one value of one counter that binds two histories. */
void anchored_compare(const struct tally_export *a, struct tally_export *b);
void anchored_deinit(struct anchored *a);

/* tpms.c: a session statement; each pair of exports of two logs that are sound by themselves. */
void tpms_session(struct tally_export *x, const struct session *s, const char *file);
void tpms_compare(const struct tally_export *a, struct tally_export *b);

/* clocks.c (check 9): a session statement; any attestation's clock; an anchor's time. `where`
 * says whose it is. */
void clocks_session(struct tally_export *x, const struct session *s, const char *file);
void clocks_quote(struct tally_export *x, const struct tally_quote *quote, const char *file,
		  const char *where);
void clocks_time(struct tally_export *x, const struct tally_tpm_time *t, const char *file,
		 uint64_t entry);
void clocks_end(struct tally_export *x);

/* firmware.c (check 11): a line of what is pinned, its words behind `firmware`; the version that
 * any attestation tells. */
int firmware_pin(struct anchors *a, struct tally_bytes version, struct tally_bytes word,
		 struct tally_err *err);
void firmware_seen(struct tally_export *x, const struct session *s, uint64_t version,
		   const char *file, const char *where);

/* slowed.c: the first anchor of a session; a later one; what somebody pinned had signed by then. */
void slowed_begin(struct tally_export *x, uint64_t time, uint64_t entry);
void slowed_time(struct tally_export *x, uint64_t time, uint64_t entry);
void slowed_covered(struct tally_export *x, uint64_t size, uint64_t by);
void slowed_end(struct tally_export *x);

/* attested.c: each entry; behind its last one each note whose quote holds; at the end
 * whether that is enough for a class above software. */
void attested_entry(struct tally_export *x, const struct tally_header *h);
void attested_note(struct tally_export *x, uint64_t size);
bool attested_reaches(const struct tally_export *x);

/* witnessed.c: whether anything is pinned that asks for witnesses. */
bool witnesses_pinned(const struct anchors *a);
/* -1: the line of a pinned witness does not verify. */
int witnesses_judge(const struct anchors *a, const struct tally_note *note, struct cosigned *out,
		    struct tally_err *err);
/* In the order of the tree: each entry; each note when the tree has its size and root; each
 * receipt. */
void witnessed_entry(struct tally_export *x, uint64_t index, const struct tally_header *h);
void witnessed_note(struct tally_export *x, uint64_t sequence, const struct tally_note *note,
		    const struct tally_checkpoint *head);
void witnessed_receipt(struct tally_export *x, uint64_t index, const struct tally_operations *o,
		       const char *file);
/* The checkpoint of an export that has no notes. */
void witnessed_checkpoint(struct tally_export *x, const struct tally_note *note);
int witnessed_end(struct tally_export *x, bool sound, struct tally_err *err);

/* timestamped.c: a receipt with a token. `newest`: of the entries under its note. */
bool timestamps_pinned(const struct anchors *a);
void timestamped_receipt(struct tally_export *x, uint64_t index, const struct tally_operations *o,
			 struct witnessed_newest newest, const char *file);

/* vouched.c: all entries under `size` were there by `by`; `newest` is the latest of them. */
void vouched_covered(struct tally_export *x, struct vouched *v, uint64_t size,
		     struct witnessed_newest newest, uint64_t by);
/* What stands behind entry `index` came after `since`. */
void vouched_since(struct tally_export *x, struct vouched *v, uint64_t index, uint64_t since);
/* Whether an entry with this wall clock cannot have been there by then. */
bool vouched_late(const struct vouched *v, int64_t wall);
/* What --require witness and timestamp ask for, and what is there. */
void vouched_require(struct tally_verify *v);
struct tally_jsonw;
void vouched_json(const struct tally_verify *v, bool stamps, struct tally_jsonw *j);

/* reader.c: a long file, piece by piece. */
struct reader {
	struct stretch file; /* its fd -1: not open */
	uint8_t *buffer;
	size_t at, len;
	bool end;
	const char *name;
	char *dir;
};
/* 1 open, 0 not there (a problem was told), -1. */
int reader_open(struct reader *r, struct tally_export *x, const char *name, struct tally_err *err);
void reader_close(struct reader *r);
/* 1 `n` bytes at *p until the next call; 0 fewer are left, `*left` of them; -1. n <= 65,540 */
int reader_take(struct reader *r, size_t n, const uint8_t **p, size_t *left, struct tally_err *err);

/* history.c: private/notes and private/evidence, beside the tree. */
struct history;
int history_open(struct history **out, struct tally_export *x, struct session *session,
		 struct tally_bytes checkpoint, struct tally_err *err);
/* Every note of this size, when the tree has it. `root` as for sessions_begin. */
int history_at(struct history *h, uint64_t size, const uint8_t root[2][TALLY_HASH],
	       struct tally_err *err);
/* At the end: which of the two roots was true (0, 1, or -1 where neither). */
int history_end(struct history *h, int truth, struct tally_err *err);
/* Instead, where the tree could not be gone through: the notes by themselves. */
int history_drain(struct history *h, struct tally_err *err);
void history_free(struct history *h);
/* The size of the next note, UINT64_MAX where there is none. */
uint64_t history_next(const struct history *h);

/* tree.c: entries, tiles, payloads, in one pass. */
int tree_check(struct tally_export *x, const struct anchors *anchors, struct history *h,
	       struct session *session, struct tally_err *err);

/* rows.c: the evidence rows. */
struct rows {
	struct tally_export *x;
	struct session *session;
	struct reader reader;
	bool usable;    /* the file is there */
	bool lenient;   /* rows were damaged: what follows from that is not told again */
	bool resync;    /* the chain was lost: the next row begins a new one */
	bool has;       /* `row` is the next one */
	bool shifted;   /* notes and rows were seen to be out of step */
	bool quoted;    /* the newest note has a row that is done, and its quote holds */
	uint64_t shift; /* notes that are missing so far */
	uint32_t expected;
	struct tally_row row;
};
int rows_open(struct rows *r, struct tally_export *x, struct session *session,
	      struct tally_err *err);
void rows_close(struct rows *r);
/* Rows of note `sequence`. A note that is not to be trusted is NULL: its rows are passed over. */
int rows_at(struct rows *r, uint64_t sequence, const struct tally_note *note,
	    struct tally_err *err);
int rows_end(struct rows *r, bool notes_complete, struct tally_err *err);

/* strays.c: names that do not belong to it. */
int strays_check(struct tally_export *x, struct tally_err *err);

/* proof.c, report.c. */
struct target {
	enum { TARGET_EXPORT, TARGET_PROOF, TARGET_REPORT, TARGET_BUNDLE } kind;
	char *path;
	size_t bundle;            /* the number of the bundle that it is of, from 1; 0: of none */
	bool main;                /* the report that the bundle is about */
	bool named;               /* by a report: it rests on this export, or supersedes this one */
	struct archive *archive;  /* of a bundle; NULL: not whole */
	int fd;                   /* of a bundle before it is opened, else -1 */
	char *prefix;             /* of an export: its names in the archive */
	struct tally_buf content; /* of a proof or a report */
	struct tally_export *export;
	struct {            /* of a report: */
		bool known; /* its exports go on behind what it rests on */
		bool issued, superseded;
		uint8_t id[TALLY_HASH], by[TALLY_HASH];
	} issued;
	struct witnessed witnessed; /* of a proof, ... */
	uint64_t size;              /* ... and its checkpoint; 0: none that parses */
	uint8_t root[TALLY_HASH];
	char *origin;
	bool anchored;
	enum tally_class class;
};
/* What a report was made from beside ledgers: found by its hash, not by its name. */
struct input {
	char *name;
	uint8_t hash[TALLY_HASH];
	struct tally_buf content;
	bool of_path, named; /* given as a path; by a report */
	bool foreign;        /* nothing but a report's word makes it one */
	size_t bundle;       /* as in a target: a bundle's reports take its own inputs only */
};
struct tally_verify {
	struct anchors anchors;
	struct input *inputs;
	size_t n_inputs;
	struct digests by_content, reports; /* inputs; targets that are reports; while it runs */
	size_t *exports, n_exports;         /* targets that are exports and were looked at */
	bool require_hardware, require_witness, require_timestamp;
	struct target *targets;
	size_t count;
	struct problems problems;
	struct tally_problem *view;
	bool ran;
};
struct target *verify_add_target(struct tally_verify *v, const char *path);
struct input *verify_add_input(struct tally_verify *v, const char *name, struct tally_bytes content,
			       bool of_path);
/* The one among the paths (or in this bundle) with this base name; NULL: none is. */
const struct input *verify_find_other(const struct tally_verify *v, size_t bundle,
				      struct tally_bytes name);
/* The input with this SHA-256, in hex, now named; NULL: it is not there. */
const struct input *verify_find_input(struct tally_verify *v, size_t bundle,
				      struct tally_bytes hash);
int proof_check(struct tally_verify *v, struct target *t, struct tally_err *err);
bool report_recognised(struct tally_bytes content);
int report_check(struct tally_verify *v, struct target *t, struct tally_err *err);

/* issued.c: any entry that says of a report that it was issued. */
void issued_take(struct tally_export *x, uint64_t index, uint64_t wall,
		 const struct tally_event *ev);
/* One that does not disclose it. */
void issued_hidden(struct tally_export *x, uint64_t index);
/* A report that comes out of the entries. */
struct tally_report_ledger;
struct issued_report {
	uint8_t digest[TALLY_HASH], id[TALLY_HASH], old[TALLY_HASH];
	bool supersedes; /* `old` */
	uint64_t from, to;
	struct tally_export *const *exports;
	const struct tally_report_ledger *ledgers; /* as many */
	size_t count;
};
void issued_judge(struct tally_verify *v, struct target *t, const struct issued_report *r);
void issued_json(const struct tally_verify *v, struct tally_jsonw *w);

/* bundle.c: what is in the archive becomes targets and inputs. */
int bundle_open(struct tally_verify *v, size_t target, struct tally_err *err);
/* Its report as it came out of the entries: the other formats, and bundle.json. */
struct tally_json;
struct tally_report;
int bundle_report(struct tally_verify *v, const struct target *t, const struct tally_json *head,
		  const struct tally_report *r, struct tally_err *err);
/* At the end, when all reports were checked. */
void bundle_close(struct tally_verify *v, size_t target);

#endif
