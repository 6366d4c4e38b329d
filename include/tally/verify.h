/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_VERIFY_H
#define TALLY_VERIFY_H
/*
 * libtally-verify: reads exports, public mirrors, proofs and reports of
 * strangers and says what holds. It trusts no name, size or number in them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tally/bytes.h"
#include "tally/entry.h"

struct tally_err;
struct tally_vkey;
struct tally_verify;

struct tally_problem {
	const char *check; /* FORMAT.md section 15 */
	const char *file;  /* PATH as given, "/" and the name inside it */
	bool has_entry;
	uint64_t entry;
	const char *text;
};

int tally_verify_new(struct tally_verify **out, struct tally_err *err);
void tally_verify_free(struct tally_verify *v);
/* What was pinned off the host (FORMAT.md section 26): vkey lines, enrollers, roots, a
 * record. '#' comments, blank lines, and blanks and a carriage return around a line
 * are allowed. TALLY_USE where malformed. */
int tally_verify_anchor(struct tally_verify *v, const char *name, struct tally_bytes text,
			struct tally_err *err);
/* What must be there beside what is checked: words with commas between them,
 * `hardware` (class hardware-*) and `witness` (a quorum of the pinned ones).
 * What is not met becomes a problem `require`. Before run. TALLY_USE: an unknown word. */
int tally_verify_require(struct tally_verify *v, const char *list, struct tally_err *err);
/* A file that reports may name, by its content: a rule pack of the machine's. Before
 * run; nobody misses it. */
void tally_verify_input(struct tally_verify *v, const char *name, struct tally_bytes content);
/* Paths first, then run. A file that is nothing else has to be an input of a report among
 * the paths. 0 = it ran (see holds); -1: TALLY_USE unrecognised, TALLY_SYS unreadable. */
int tally_verify_path(struct tally_verify *v, const char *path, struct tally_err *err);
int tally_verify_run(struct tally_verify *v, struct tally_err *err);
bool tally_verify_holds(const struct tally_verify *v);
bool tally_verify_anchored(const struct tally_verify *v);
const char *tally_verify_class(const struct tally_verify *v);
size_t tally_verify_problems(const struct tally_verify *v);
const struct tally_problem *tally_verify_problem(const struct tally_verify *v, size_t i);
/* 0 holds and anchored, 1 does not hold, 4 holds but nothing anchors it. */
int tally_verify_exit(const struct tally_verify *v);
void tally_verify_json(const struct tally_verify *v, struct tally_buf *out);
void tally_verify_text(const struct tally_verify *v, struct tally_buf *out);

/* The export as a source of entries, for reports. Verified while it opens:
 * TALLY_FAILS names the first problem. */
struct tally_export;
int tally_export_open(struct tally_export **out, const char *dir, struct tally_err *err);
void tally_export_close(struct tally_export *x);
const char *tally_export_origin(const struct tally_export *x);
uint64_t tally_export_size(const struct tally_export *x);
const uint8_t *tally_export_root(const struct tally_export *x);
/* Of the first `size` entries. */
int tally_export_root_at(struct tally_export *x, uint64_t size, uint8_t root[TALLY_HASH],
			 struct tally_err *err);
const struct tally_vkey *tally_export_vkey(const struct tally_export *x);
/* Entries and payloads of a bundle, as they were checked; and the newest note, with the newest
 * that a TPM has attested, which may be empty. What a report's page carries. */
int tally_export_bundle(struct tally_export *x, uint64_t n, struct tally_buf *entries,
			struct tally_buf *payload, struct tally_err *err);
int tally_export_notes(struct tally_export *x, struct tally_buf *newest, struct tally_buf *attested,
		       struct tally_err *err);
int tally_export_entries(struct tally_export *x, uint64_t size, struct tally_entries *out,
			 struct tally_err *err);

#endif
