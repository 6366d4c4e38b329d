/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_HISTORY_H
#define TALLY_TEST_HISTORY_H
/*
 * Ledgers in memory, written as text: one entry a line,
 *
 *	HOST TIME EVENT [VM] [KEY=VALUE]...
 *
 * TIME is HH:MM[:SS[.fraction]] of 2026-03-01, or RFC 3339. VM is a letter, or a
 * UUID. EVENT and the keys are those of tally-events(5), an array being a list
 * with commas, or any other kind of docs/FORMAT.md. %XX stands for a byte. An
 * entry is imported; "HOST!" makes it a live one of boot 1, "HOST!2" of boot 2. TIME
 * of a live clock-step with `seconds` is the new one, and uptime goes on through it.
 */
#include "tally/report.h"

struct test_entry {
	struct tally_header header;
	unsigned mask;
	struct tally_buf group[TALLY_GROUPS];
};
struct test_ledger {
	char host[64], origin[96];
	struct test_entry *entries;
	size_t count, cap;
	int64_t stepped; /* of live entries, by how much the clock was set in all */
};
struct test_history {
	struct test_ledger ledgers[16];
	size_t count;
};
void test_history_init(struct test_history *h);
void test_history_deinit(struct test_history *h);
/* Each ledger begins with ledger-begin. Aborts where a line is malformed. */
void test_history_add(struct test_history *h, const char *lines);
struct test_ledger *test_history_ledger(struct test_history *h, const char *host);
/* An entry as it stands, at the end. */
void test_ledger_append(struct test_ledger *l, const struct tally_event *ev, uint16_t flags,
			uint32_t boot, uint64_t wall);
/* For a report; the cursors are closed by free(ctx), as `close` does. */
struct tally_report_ledger test_ledger_open(const struct test_ledger *l);
void test_ledger_close(struct tally_report_ledger *l);

#endif
