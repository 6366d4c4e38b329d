/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TEST_CHARGELIB_H
#define TALLY_TEST_CHARGELIB_H
/* Reports with charges: from the lines of a history and a price list to JSON. */
#include "reportlib.h"
#include "tally/err.h"
#include "tally/pack.h"

#define HEAD  "currency: EUR\nprovider: ACME IT\nbilling_account: {id: acme}\nskus:\n"
#define PRICE "prices: [{from: 2026-01-01, rate: 0.046}]}\n"
#define ONE   "prices: [{from: 2026-01-01, rate: 1}]}\n"
/* A pack `t` of windows-server/payg, core-hours; what follows are further keys of it. */
#define CHARGE_PACK                                                                                \
	"pack: t\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"                                   \
	"  - rule: windows-server/payg\n    title: T\n    metric: vcpu-hours\n"                    \
	"    valid_from: 2024-11-01\n"                                                             \
	"    source: {text: T, read: 2026-11-01}\n    unit: core-hour\n"                           \
	"    product: windows-server\n    licences: [windows-server-payg]\n"                       \
	"    guests: {os: [\"http://microsoft.com/win/2k\"]}\n"

struct made {
	struct test_history h;
	struct tally_report_ledger ledgers[4];
	struct tally_zone *zone;
	struct tally_prices *prices;
	struct tally_pack *packs[1];
	struct tally_report *report;
	struct tally_buf json;
	struct tally_err err;
};
/* NULL: not given. */
struct given {
	const char *lines, *prices, *rules, *old, *held;
	const char *from, *to; /* NULL: March 2026, in UTC */
};
/* 0 or -1 as tally_report_make says. */
int make_given(struct made *m, const struct given *g);
int make(struct made *m, const char *lines, const char *prices, const char *rules, const char *old);
void drop(struct made *m);
void holds(struct made *m, const char *text);
size_t occurs(struct made *m, const char *text);
#endif
