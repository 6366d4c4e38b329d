/* SPDX-License-Identifier: Apache-2.0 */
/* Reports with charges, made from text. */
#include <stdlib.h>
#include <string.h>
#include "chargelib.h"

static void
hash(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	memset(out, (int)(in.len & 0x7f), TALLY_HASH);
}

static void
read_lists(struct made *m, const struct given *g)
{
	if (g->prices &&
	    tally_prices_parse(&m->prices, "p.yaml", tally_bytes_str(g->prices), &m->err) < 0)
		fail_msg("%s", m->err.text);
	if (g->rules &&
	    (tally_pack_parse(&m->packs[0], "r.yaml", tally_bytes_str(g->rules), &m->err) < 0 ||
	     tally_packs_settle(m->packs, 1, &m->err) < 0))
		fail_msg("%s", m->err.text);
}

int
make_given(struct made *m, const struct given *g)
{
	struct tally_report_input old = { .name = "old.json" }, held = { .name = "held.yaml" };
	struct tally_report_options o = { .tool = "t", .tzdata = "z", .sha256 = hash };
	int rc;

	memset(m, 0, sizeof(*m));
	test_history_init(&m->h);
	test_history_add(&m->h, g->lines);
	for (size_t i = 0; i < m->h.count; i++)
		m->ledgers[i] = test_ledger_open(&m->h.ledgers[i]);
	assert_int_equal(tally_zone_open(&m->zone, "UTC", &m->err), 0);
	read_lists(m, g);
	o.zone = m->zone;
	o.from = test_wall(g->from ? g->from : "2026-03-01T00:00:00Z");
	o.to = test_wall(g->to ? g->to : "2026-04-01T00:00:00Z");
	o.prices = m->prices;
	o.packs = m->packs;
	o.n_packs = g->rules ? 1 : 0;
	if (g->old) {
		old.content = tally_bytes_str(g->old);
		o.old = &old;
	}
	if (g->held) {
		held.content = tally_bytes_str(g->held);
		o.entitlements = &held;
	}
	rc = tally_report_make(&m->report, m->ledgers, m->h.count, &o, &m->err);
	if (rc == 0)
		tally_report_json(m->report, &m->json);
	return rc;
}

int
make(struct made *m, const char *lines, const char *prices, const char *rules, const char *old)
{
	return make_given(
		m, &(struct given){ .lines = lines, .prices = prices, .rules = rules, .old = old });
}

void
drop(struct made *m)
{
	tally_report_free(m->report);
	tally_buf_deinit(&m->json);
	tally_prices_free(m->prices);
	tally_pack_free(m->packs[0]);
	tally_zone_free(m->zone);
	for (size_t i = 0; i < m->h.count; i++)
		test_ledger_close(&m->ledgers[i]);
	test_history_deinit(&m->h);
}

void
holds(struct made *m, const char *text)
{
	if (!strstr(tally_buf_cstr(&m->json), text))
		fail_msg("no %s in %s", text, tally_buf_cstr(&m->json));
}

size_t
occurs(struct made *m, const char *text)
{
	size_t n = 0;

	for (const char *p = tally_buf_cstr(&m->json); (p = strstr(p, text)); p++)
		n++;
	return n;
}
