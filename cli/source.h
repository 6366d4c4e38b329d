/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_SOURCE_H
#define TALLY_CLI_SOURCE_H
/* What a report is made from: ledgers and exports, told apart by what is in them. */
#include <pthread.h>
#include <sys/types.h>
#include "tally/err.h"
#include "tally/report.h"
#include "tally/store.h"
#include "cli.h"

struct tally_export;

/* Entries counted as they pass, for progress. */
struct cli_counted {
	struct tally_entries inner;
	struct cli_progress *progress;
	_Atomic uint64_t *count; /* of all sources: they are read beside one another */
};
struct cli_source {
	const char *path;
	dev_t device;
	ino_t inode;
	struct tally_store *store; /* one of the two */
	struct tally_export *export;
	struct cli_counted counted[2];
	struct tally_entries checked; /* the same once more, hashed; no ledger: close is NULL */
	struct tally_report_ledger ledger;
};
struct cli_sources {
	struct cli_source *items;
	struct tally_report_ledger *ledgers; /* the same, in a row */
	size_t count;
	struct cli_progress progress;
	_Atomic uint64_t entries; /* read so far */
	/* The thread that hashes every entry while the report is made of them. */
	pthread_t checker;
	bool checking;
	struct tally_err damage;
};
/* Each at its newest checkpoint. TALLY_USE: neither a ledger nor an export, no
 * checkpoint, one of them twice. Deinit in any case. */
int cli_sources_open(struct cli_sources *s, const char *const *paths, size_t n,
		     struct tally_err *err);
/* One ledger up to its head, checkpoint or not. */
int cli_sources_open_head(struct cli_sources *s, struct tally_store *store, struct tally_err *err);
/* Waits until every entry of the ledgers is hashed: -1 where one is not what its
 * checkpoint signed. Before anything that was made of them is shown. */
int cli_sources_check(struct cli_sources *s, struct tally_err *err);
void cli_sources_deinit(struct cli_sources *s);

#endif
