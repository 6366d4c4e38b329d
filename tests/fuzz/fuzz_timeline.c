/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries into a report. Each is u8 kind, u8 flags (bit 0 imported, bits 1-2 the
 * ledger, bits 3-5 groups that are not disclosed), u8 boot, three u8 lengths, the
 * groups. Whatever they say, the report is well-formed JSON, the same from the
 * same entries and from an index of them, and its hosts add up to its fleet.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/json.h"
#include "tally/parse.h"
#include "tally/report.h"
#include "indexed.h"

#define LEDGERS 4
#define ENTRIES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ledger {
	struct tally_entry entries[ENTRIES];
	size_t count;
};
struct cursor {
	const struct ledger *ledger;
	size_t next;
};

static int
cursor_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct cursor *c = ctx;

	(void)err;
	if (c->next == c->ledger->count)
		return 0;
	*out = c->ledger->entries[c->next++];
	return 1;
}

static int
cursor_rewind(void *ctx, struct tally_err *err)
{
	(void)err;
	((struct cursor *)ctx)->next = 0;
	return 0;
}

static void
add_entry(struct ledger *l, struct tally_cursor *c)
{
	struct tally_entry e = { .mask = 7 };
	uint8_t flags, len[TALLY_GROUPS];

	e.header.kind = tally_cursor_u8(c);
	flags = tally_cursor_u8(c);
	e.header.boot = tally_cursor_u8(c);
	e.header.flags = flags & 1 ? TALLY_FLAG_IMPORTED : 0;
	e.mask &= ~(unsigned)(flags >> 3) & 7;
	for (int k = 0; k < TALLY_GROUPS; k++)
		len[k] = tally_cursor_u8(c);
	for (int k = 0; k < TALLY_GROUPS; k++)
		e.group[k] = tally_cursor_take(c, len[k]);
	l += flags >> 1 & 3;
	if (c->failed || l->count == ENTRIES)
		return;
	e.header.index = l->count;
	e.header.wall = UINT64_C(1772323200000000000) + l->count * UINT64_C(1000000000);
	l->entries[l->count++] = e;
}

static void
add_host(struct ledger *l, struct tally_buf group[TALLY_GROUPS], const char *name)
{
	struct tally_event ev = { .kind = TALLY_LEDGER_BEGIN };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entry *e = &l->entries[l->count++];

	ev.i.host = tally_bytes_str(name);
	if (tally_event_encode(&ev, group, &err) < 0)
		abort();
	*e = (struct tally_entry){ .header = { .kind = TALLY_LEDGER_BEGIN,
					       .wall = UINT64_C(1772323200000000000) },
				   .mask = 7 };
	for (int k = 0; k < TALLY_GROUPS; k++)
		e->group[k] = tally_buf_view(&group[k]);
}

static void
no_hash(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	memset(out, (int)(in.len & 0xff), TALLY_HASH);
}

/* Whole nanoseconds of an exact decimal, which may be long. */
static tally_i128
decimal(struct tally_bytes text)
{
	tally_i128 n = 0;
	int decimals = -1;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '.')
			decimals = 0;
		else
			n = n * 10 + (text.p[i] - '0');
		if (decimals >= 0 && text.p[i] != '.')
			decimals++;
	}
	for (decimals = decimals < 0 ? 0 : decimals; decimals < 9; decimals++)
		n *= 10;
	return n;
}

static tally_i128
sum(const struct tally_json *rows, const char *scope)
{
	tally_i128 all = 0;

	for (size_t i = 0; i < tally_json_count(rows); i++) {
		const struct tally_json *row = tally_json_at(rows, i);

		if (!scope || tally_bytes_eq(tally_json_string(tally_json_get(row, "scope")),
					     tally_bytes_str(scope)))
			all += decimal(tally_json_string(tally_json_get(row, "run_seconds")));
	}
	return all;
}

static void
check_json(const struct tally_buf *json)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	const struct tally_json *usage;
	tally_i128 fleet;

	if (tally_json_parse(&doc, tally_buf_view(json), &err) < 0)
		abort();
	usage = tally_json_get(tally_json_root(doc), "usage");
	fleet = sum(usage, "fleet");
	if (sum(usage, "host") != fleet || sum(usage, "tenant") != fleet ||
	    sum(tally_json_get(tally_json_root(doc), "vms"), NULL) != fleet)
		abort();
	tally_json_free(doc);
}

/* The report's bytes in all formats, from entries or from an index of them; nothing where it cannot
 * be made. */
static void
make(const struct ledger *ledgers, const struct tally_zone *zone, bool by_index,
     struct tally_buf *json)
{
	struct tally_report_options o = { { INT64_C(1772323260000000000) },
					  { INT64_C(1775001600000000000) },
					  zone,
					  "tally",
					  "none",
					  no_hash };
	struct tally_report_ledger in[LEDGERS];
	struct cursor cursors[LEDGERS][2];
	struct tally_buf other = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report_ledger plain[LEDGERS];
	struct tally_report *r;
	size_t indexed = 0;
	int rc;

	for (size_t i = 0; i < LEDGERS; i++) {
		cursors[i][0] = cursors[i][1] = (struct cursor){ &ledgers[i], 0 };
		in[i] = (struct tally_report_ledger){
			.entries = { &cursors[i][0], cursor_next, cursor_rewind, NULL },
			.entries2 = { &cursors[i][1], cursor_next, cursor_rewind, NULL },
			.origin = "origin",
			.size = ledgers[i].count
		};
	}
	memcpy(plain, in, sizeof(plain));
	while (by_index && indexed < LEDGERS && test_indexed_open(&in[indexed], &plain[indexed]))
		indexed++;
	rc = tally_report_make(&r, in, LEDGERS, &o, &err);
	while (indexed > 0)
		test_indexed_close(&in[--indexed]);
	if (rc < 0)
		return;
	tally_report_json(r, json);
	tally_report_csv(r, &other);
	tally_report_text(r, &other, 80);
	tally_report_free(r);
	tally_buf_deinit(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[LEDGERS] = { "h1", "h2", "h3", "h4" };
	struct tally_buf group[LEDGERS][TALLY_GROUPS] = { 0 }, json[2] = { 0 };
	struct ledger *ledgers = tally_alloc(LEDGERS * sizeof(*ledgers));
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_zone *zone;
	struct tally_cursor c;

	if (tally_zone_open(&zone, "UTC", &err) < 0)
		abort();
	for (size_t i = 0; i < LEDGERS; i++)
		add_host(&ledgers[i], group[i], names[i]);
	tally_cursor_init(&c, tally_bytes(data, size));
	while (tally_cursor_left(&c) > 0 && !c.failed)
		add_entry(ledgers, &c);
	for (int i = 0; i < 2; i++)
		make(ledgers, zone, i > 0, &json[i]);
	if (!tally_bytes_eq(tally_buf_view(&json[0]), tally_buf_view(&json[1])))
		abort();
	if (json[0].len > 0)
		check_json(&json[0]);
	for (size_t i = 0; i < LEDGERS; i++)
		for (int k = 0; k < TALLY_GROUPS; k++)
			tally_buf_deinit(&group[i][k]);
	tally_buf_deinit(&json[0]);
	tally_buf_deinit(&json[1]);
	tally_zone_free(zone);
	free(ledgers);
	return 0;
}
