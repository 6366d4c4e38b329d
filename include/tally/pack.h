/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_PACK_H
#define TALLY_PACK_H
/*
 * Packs of licence rules, FORMAT.md section "Rule packs". PURE: bytes in, values out;
 * where packs lie and what they hash to is the caller's affair.
 */
#include "tally/bytes.h"

struct tally_err;
struct tally_pack;

/* `path` stands before each error: PATH:LINE:COLUMN: what (TALLY_USE). */
int tally_pack_parse(struct tally_pack **out, const char *path, struct tally_bytes in,
		     struct tally_err *err);
void tally_pack_free(struct tally_pack *p); /* NULL is fine */
/* Packs that are used together, put into the order of their ids: no two of one id, no
 * rule in two of them. TALLY_USE, with the place of the second. */
int tally_packs_settle(struct tally_pack **packs, size_t n, struct tally_err *err);
/* Runs the pack's own tests; TALLY_USE with the place of the first that fails. */
int tally_pack_check(const struct tally_pack *p, struct tally_err *err);

/* The SHA-256 of the bytes that it was parsed from. */
void tally_pack_set_hash(struct tally_pack *p, const uint8_t hash[TALLY_HASH]);
const char *tally_pack_id(const struct tally_pack *p);
const char *tally_pack_path(const struct tally_pack *p); /* as it was given */
const char *tally_pack_vendor(const struct tally_pack *p);
/* Whether a machine of this OS, or with this software, is one that a rule of the pack counts. */
bool tally_pack_counts_os(const struct tally_pack *p, struct tally_bytes os);
bool tally_pack_counts_software(const struct tally_pack *p, struct tally_bytes software);
size_t tally_pack_rules(const struct tally_pack *p); /* versions of rules */
size_t tally_pack_tests(const struct tally_pack *p);

/* For a reader: a line for each rule; or all that the versions of one rule say, and
 * nothing where the pack has none of that id. */
void tally_packs_list(struct tally_pack *const *packs, size_t n, struct tally_buf *out);
void tally_pack_show(const struct tally_pack *p, const char *rule, struct tally_buf *out);

#endif
