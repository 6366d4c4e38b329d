/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the report that a new one supersedes. It is refused by name, or
 * the new report stands, names it, and is JSON whatever the old one said.
 */
#include <string.h>
#include "history.h"
#include "tally/err.h"
#include "tally/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char lines[] =
	"h1 2026-03-01T00:00:00Z host cores_per_socket=8,8 cluster=c1 region=eu boot=1\n"
	"h1 2026-03-01T10:00:00Z start a vcpus=4 os=urn:x edition=e tenant=t name=n\n"
	"h1 2026-03-01T12:00:00Z stop a cause=shutdown\n";

static void
no_hash(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	memset(out, (int)(in.len & 0xff), TALLY_HASH);
}

static void
look_at(const struct tally_report *r)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	const struct tally_json *head;

	tally_report_json(r, &text);
	TALLY_ASSERT(tally_json_parse(&doc, tally_buf_view(&text), &err) == 0);
	head = tally_json_get(tally_json_root(doc), "report");
	TALLY_ASSERT(tally_json_string(tally_json_get(head, "supersedes")).len == 64);
	TALLY_ASSERT(tally_json_count(tally_json_get(head, "inputs")) == 1);
	tally_json_free(doc);
	tally_report_text(r, &text, 80);
	tally_buf_deinit(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_report_options o = { .tool = "t", .tzdata = "z", .sha256 = no_hash };
	struct tally_report_input old = { "old", tally_bytes(data, size) };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report_ledger ledger;
	struct test_history h;
	struct tally_report *r;
	struct tally_zone *zone;

	test_history_init(&h);
	test_history_add(&h, lines);
	ledger = test_ledger_open(&h.ledgers[0]);
	TALLY_ASSERT(tally_zone_open(&zone, "UTC", &err) == 0);
	o.zone = zone;
	o.from.ns = INT64_C(1772323200) * TALLY_SECOND; /* 2026-03-01 */
	o.to.ns = INT64_C(1775001600) * TALLY_SECOND;   /* 2026-04-01 */
	o.old = &old;
	if (tally_report_make(&r, &ledger, 1, &o, &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "old:", 4) == 0);
	} else {
		look_at(r);
		tally_report_free(r);
	}
	test_ledger_close(&ledger);
	test_history_deinit(&h);
	tally_zone_free(zone);
	return 0;
}
