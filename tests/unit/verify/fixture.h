/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_FIXTURE_H
#define VERIFY_FIXTURE_H
/*
 * Real exports of real ledgers, sealed by a fake TPM: made once, copied for each
 * test, and changed byte by byte.
 */
#include "faketpm.h"
#include "testlib.h"
#include "tally/err.h"
#include "tally/store.h"
#include "tally/verify.h"

#define ORIGIN "example.com/verified"

struct ledger {
	char *root, *path; /* a scratch folder, the ledger in it */
	struct test_clock clock;
	struct faketpm tpm;
	struct tally_store *store;
	struct tally_seal *seal;
	struct tally_err err;
	char *origin;
	struct tally_buf vkey; /* its text with a newline: what a user pins */
	unsigned pcr;          /* as tally_seal_info has it */
};
/* Opened, with ledger-begin and a session statement. `lie`: the statement names
 * another log key. */
void ledger_init(struct ledger *l, const char *origin, const char *host, bool lie);
/* With another ledger PCR, or with none. */
void ledger_init_pcr(struct ledger *l, unsigned pcr);
/* Its TPM calls itself a device. `old`: the ledger that it goes on from, or NULL. */
void ledger_init_device(struct ledger *l, const char *origin, const struct ledger *old);
/* A device, too: the one of another ledger. */
void ledger_init_beside(struct ledger *l, const char *origin, const struct ledger *with);
void ledger_deinit(struct ledger *l);
/* Another TPM session, as after a boot. */
void ledger_reboot(struct ledger *l);
/* n starts and stops of VMs. */
void ledger_append(struct ledger *l, unsigned n);
void ledger_checkpoint(struct ledger *l);
/* A new folder inside the scratch folder; free it. */
char *ledger_export(struct ledger *l, const char *name, bool public_only);

/* Files of an export, sorted; free with files_free. */
struct files {
	char **name;
	size_t count;
};
struct files files_of(const char *dir);
void files_free(struct files *f);
void copy_export(const char *from, const char *to);

/* The whole file, changed and put back. */
struct edit {
	char *path;
	char *bytes;
	size_t n;
};
struct edit edit_open(const char *dir, const char *name);
void edit_write(const struct edit *e, const void *p, size_t n);
/* A payload file, without the operations of its entry `index`. */
void edit_withhold(const struct edit *e, uint64_t index);
void edit_close(struct edit *e); /* puts it back */

/* Runs over the paths (up to a NULL). `anchor` may be NULL. Owned by the caller. */
struct tally_verify *verified(const char *anchor, const char *const *paths);
struct tally_verify *verified_one(const char *anchor, const char *path);
/* Whether a problem names this file in `dir` ("" = the path itself), this check
 * (NULL: any) and this entry (-1: any). */
bool names(const struct tally_verify *v, const char *check, const char *dir, const char *file,
	   int64_t entry);
void tell_problems(const struct tally_verify *v);

#endif
