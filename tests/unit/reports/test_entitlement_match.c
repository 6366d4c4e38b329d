/* SPDX-License-Identifier: Apache-2.0 */
/* Licences beside positions: two hosts of cluster c1 and one of c2, all of region eu,
 * and what the rules of two small packs ask for on them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../../reports/entitlement_match.h"
#include "../../../reports/findings.h"
#include "tally/err.h"
#include "tally/pack.h"
#include "testlib.h"

static const char windows[] =
	"pack: w\nversion: '1'\ntitle: W\nvendor: V\nrules:\n"
	"  - {rule: ws-std/host, title: t, metric: host-cores, valid_from: 2000-01-01, source: "
	"{text: s, read: 2026-01-01},\n"
	"     unit: core, product: ws, licences: [ws-standard], guests: {os: ['http://m/win']},\n"
	"     vms_per_stack: 2, covers_editions: [standard], compare: {group: ws, price: 1}}\n"
	"  - {rule: ws-dc/host, title: t, metric: host-cores, valid_from: 2000-01-01, source: "
	"{text: s, read: 2026-01-01},\n"
	"     unit: core, product: ws, licences: [ws-datacenter], guests: {os: ['http://m/win']},\n"
	"     compare: {group: ws, price: 7}}\n"
	"  - {rule: ws/hours, title: t, metric: vcpu-hours, valid_from: 2000-01-01, source: {text: "
	"s, read: 2026-01-01},\n"
	"     unit: core-hour, product: ws, licences: [ws-hours], guests: {os: ['http://m/win']}, "
	"decimals: 2}\n"
	"tests:\n"
	"  - {rule: ws-dc/host, source: s, input: {hosts: [{cores: [8, 8], vms: 1}]}, expect: 16}\n"
	"  - {rule: ws-std/host, source: s, input: {hosts: [{cores: [8, 8], vms: 1}]}, expect: "
	"16}\n"
	"  - {rule: ws/hours, source: s, input: {vms: [{vcpus: 1, hours: '1'}]}, expect: 1}\n";
static const char sql[] =
	"pack: s\nversion: '1'\ntitle: S\nvendor: V\nrules:\n"
	"  - {rule: sql/vm, title: t, metric: vm-cores, valid_from: 2000-01-01, "
	"source: {text: s, read: 2026-01-01},\n"
	"     unit: core, licences: [sql, sql-std, sql-ent], guests: {software: "
	"[sql-std, sql-ent]}, compare: {group: sql, price: 1, needs_maintenance: true}}\n"
	"tests:\n"
	"  - {rule: sql/vm, source: s, input: {vms: [{vcpus: 4}]}, expect: 4}\n";

struct world {
	struct strings strings;
	struct estate estate;
	struct positions positions;
	struct findings findings;
	struct tally_pack *packs[2];
	struct entitlements *held;
	struct entitlement_match m;
	struct tally_buf told;
};

static uint32_t
text(struct world *w, const char *s)
{
	return strings_add(&w->strings, tally_bytes_str(s));
}

static void
add_host(struct world *w, const char *name, const char *cluster)
{
	struct host_facts f = { .from = w->estate.from,
				.cluster = text(w, cluster),
				.region = text(w, "eu"),
				.known = true };

	f.host = estate_host(&w->estate, text(w, name), (uint32_t)w->estate.n_hosts);
	estate_tell(&w->estate, &f);
}

static void
world_begin(struct world *w)
{
	struct tally_err err = TALLY_ERR_INIT;

	memset(w, 0, sizeof(*w));
	strings_init(&w->strings);
	estate_init(&w->estate, &w->strings, test_wall("2026-03-01T00:00:00Z").ns,
		    test_wall("2026-04-01T00:00:00Z").ns);
	add_host(w, "h1", "c1");
	add_host(w, "h2", "c1");
	add_host(w, "h3", "c2");
	findings_init(&w->findings, 3);
	if (tally_pack_parse(&w->packs[0], "w.yaml", tally_bytes_str(windows), &err) < 0 ||
	    tally_pack_parse(&w->packs[1], "s.yaml", tally_bytes_str(sql), &err) < 0)
		fail_msg("%s", err.text);
	w->positions.estate = &w->estate;
	w->m = (struct entitlement_match){ .packs = w->packs,
					   .n_packs = 2,
					   .positions = &w->positions,
					   .from = w->estate.from,
					   .to = w->estate.to,
					   .findings = &w->findings };
}

static void
world_end(struct world *w)
{
	free(w->positions.p);
	estate_deinit(&w->estate);
	findings_deinit(&w->findings);
	for (size_t i = 0; i < 2; i++)
		tally_pack_free(w->packs[i]);
	entitlements_free(w->held);
	tally_buf_deinit(&w->told);
	strings_deinit(&w->strings);
}

static void
need(struct world *w, const char *rule, const char *product, enum scope scope, const char *id,
     int measured)
{
	struct positions *list = &w->positions;
	struct position p = { .rule = text(w, rule),
			      .product = text(w, product),
			      .scope = scope,
			      .id = text(w, id),
			      .unit = text(w, "core"),
			      .at = test_wall("2026-03-15T12:00:00Z").ns };

	p.need = (struct reading){ measured * AMOUNT_ONE / 2, measured * AMOUNT_ONE,
				   measured * AMOUNT_ONE * 2 };
	list->p = realloc(list->p, (list->n + 1) * sizeof(p));
	list->p[list->n++] = p;
}

static void
needs(struct world *w, const char *rule, int h1, int h2, int h3)
{
	need(w, rule, "ws", SCOPE_CLUSTER, "c1", h1 + h2);
	need(w, rule, "ws", SCOPE_CLUSTER, "c2", h3);
	need(w, rule, "ws", SCOPE_FLEET, "fleet", h1 + h2 + h3);
	need(w, rule, "ws", SCOPE_HOST, "h1", h1);
	need(w, rule, "ws", SCOPE_HOST, "h2", h2);
	need(w, rule, "ws", SCOPE_HOST, "h3", h3);
	need(w, rule, "ws", SCOPE_REGION, "eu", h1 + h2 + h3);
}

static int
try_hold(struct world *w, const char *yaml, struct tally_err *err)
{
	struct tally_zone *utc;

	entitlements_free(w->held);
	w->held = NULL;
	if (entitlements_parse(&w->held, "held.yaml", tally_bytes_str(yaml), err) < 0)
		fail_msg("%s", err->text);
	assert_int_equal(tally_zone_open(&utc, "UTC", err), 0);
	assert_int_equal(entitlements_settle(w->held, utc, err), 0);
	tally_zone_free(utc);
	w->m.held = w->held;
	return entitlements_match(&w->m, err);
}

static void
hold(struct world *w, const char *yaml)
{
	struct tally_err err = TALLY_ERR_INIT;

	if (!w->estate.finished)
		estate_finish(&w->estate);
	if (try_hold(w, yaml, &err) < 0)
		fail_msg("%s", err.text);
}

/* What a position is entitled to; -1 null. */
static int
entitled(const struct world *w, const char *rule, enum scope scope, const char *id)
{
	for (size_t i = 0; i < w->positions.n; i++) {
		const struct position *p = &w->positions.p[i];
		amount units = p->entitled / AMOUNT_ONE;

		if (p->scope != scope ||
		    !tally_bytes_eq(strings_get(&w->strings, p->rule), tally_bytes_str(rule)) ||
		    !tally_bytes_eq(strings_get(&w->strings, p->id), tally_bytes_str(id)))
			continue;
		if (!p->has_entitled)
			return -1;
		assert_true(p->surplus.low == p->entitled - p->need.low);
		assert_true(p->surplus.measured == p->entitled - p->need.measured);
		assert_true(p->surplus.high == p->entitled - p->need.high);
		return (int)units;
	}
	fail_msg("no position of %s at %s", rule, id);
	return 0;
}

static const char *
findings_of(struct world *w)
{
	struct tally_bytes names[3] = { tally_bytes_str("h1"), tally_bytes_str("h2"),
					tally_bytes_str("h3") };

	findings_finish(&w->findings, names, names);
	tally_buf_clear(&w->told);
	for (size_t i = 0; i < w->findings.count; i++) {
		tally_buf_addf(&w->told, "%s: ", finding_name(w->findings.list[i]->kind));
		tally_buf_add_bytes(&w->told, tally_buf_view(&w->findings.list[i]->text));
		tally_buf_add_str(&w->told, "\n");
	}
	findings_deinit(&w->findings);
	findings_init(&w->findings, 3);
	return tally_buf_cstr(&w->told);
}

static const char *
short_of(struct world *w)
{
	size_t n, lines = 0;

	tally_buf_clear(&w->told);
	n = entitlements_short(&w->m, &w->told);
	for (size_t i = 0; i < w->told.len; i++)
		lines += w->told.p[i] == '\n';
	assert_int_equal(n, lines);
	return tally_buf_cstr(&w->told);
}

static void
a_licence_counts_at_its_scope_and_at_wider_ones(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	needs(&w, "ws-dc/host", 16, 16, 16);
	needs(&w, "ws-std/host", 32, 16, 16);
	hold(&w,
	     "- {product: ws-datacenter, metric: core, quantity: 1, scope: 'host:h1'}\n"
	     "- {product: ws-datacenter, metric: ws-dc/host, quantity: 2, scope: 'cluster:c1'}\n"
	     "- {product: ws, metric: ws-dc/host, quantity: 4, scope: 'region:eu'}\n"
	     "- {product: ws-datacenter, metric: 2-core-packs, quantity: 4}\n"
	     "- {product: ws-datacenter, metric: cores, quantity: 16, assigned_host: h3}\n");
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_HOST, "h1"), 1);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_HOST, "h2"), -1);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_HOST, "h3"), 16);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_CLUSTER, "c1"), 3);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_CLUSTER, "c2"), 16);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_REGION, "eu"), 23);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_FLEET, "fleet"), 31);
	assert_int_equal(entitled(&w, "ws-std/host", SCOPE_FLEET, "fleet"), -1);
	assert_string_equal(findings_of(&w), "");
	world_end(&w);
}

static void
what_has_ended_counts_as_nothing_and_is_told(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	needs(&w, "ws-dc/host", 16, 0, 0);
	hold(&w, "- {product: ws-datacenter, metric: core, quantity: 16, valid_to: 2026-03-15, "
		 "reference: A}\n");
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_FLEET, "fleet"), 0);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_HOST, "h1"), -1);
	assert_string_equal(findings_of(&w),
			    "entitlement-expired: 1 entitlement has ended, or its maintenance has: "
			    "A (held.yaml:1) ended 2026-03-15\n");
	assert_string_equal(short_of(&w), "ws: 16 core short (ws-dc/host: 16 needed, 0 held for "
					  "it)\n");
	/* One that ended before the period is told where something is lacking. */
	hold(&w, "- {product: ws-datacenter, metric: core, quantity: 16, valid_to: 2026-01-15}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 15}\n");
	assert_string_equal(findings_of(&w),
			    "entitlement-expired: 1 entitlement has ended, or its maintenance has: "
			    "ws-datacenter (held.yaml:1) ended 2026-01-15\n");
	hold(&w, "- {product: ws-datacenter, metric: core, quantity: 16, valid_to: 2026-01-15}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 16, maintenance_to: "
		 "2026-07-01}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 1, maintenance_to: "
		 "2026-06-30}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 1, maintenance_to: "
		 "2026-04-01}\n");
	assert_string_equal(
		findings_of(&w),
		"entitlement-expiring: 1 entitlement ends within 90 days, or its maintenance does: "
		"ws-datacenter (held.yaml:3) has no maintenance from 2026-06-30\n"
		"entitlement-expired: 1 entitlement has ended, or its maintenance has: "
		"ws-datacenter (held.yaml:4) has no maintenance since 2026-04-01\n");
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_FLEET, "fleet"), 18);
	world_end(&w);
}

static void
a_rule_that_needs_maintenance_counts_what_has_it(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	need(&w, "sql/vm", "sql-ent", SCOPE_FLEET, "fleet", 8);
	hold(&w, "- {product: sql-ent, metric: core, quantity: 1}\n"
		 "- {product: sql-ent, metric: core, quantity: 2, rights: subscription}\n"
		 "- {product: sql-ent, metric: core, quantity: 4, maintenance_from: 2026-03-16}\n"
		 "- {product: sql-ent, metric: core, quantity: 8, maintenance_from: 2026-03-15}\n"
		 "- {product: sql-std, metric: core, quantity: 16, rights: subscription}\n");
	assert_int_equal(entitled(&w, "sql/vm", SCOPE_FLEET, "fleet"), 10);
	/* The common name serves the one product that there is, not one of two. */
	hold(&w, "- {product: sql, metric: sql/vm, quantity: 3, rights: subscription}\n");
	assert_int_equal(entitled(&w, "sql/vm", SCOPE_FLEET, "fleet"), 3);
	assert_string_equal(findings_of(&w),
			    "entitlement-unmatched: 1 entitlement counts for nothing here: "
			    "sql-ent (held.yaml:1) has no maintenance, which its rule needs\n");
	need(&w, "sql/vm", "sql-std", SCOPE_FLEET, "fleet", 8);
	hold(&w, "- {product: sql, metric: sql/vm, quantity: 3, rights: subscription}\n");
	assert_int_equal(entitled(&w, "sql/vm", SCOPE_FLEET, "fleet"), -1);
	assert_string_equal(findings_of(&w),
			    "entitlement-unmatched: 1 entitlement counts for nothing here: "
			    "sql (held.yaml:1) is of a name that several products share\n");
	world_end(&w);
}

static void
what_nothing_asks_for_is_told(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	needs(&w, "ws-dc/host", 16, 0, 0);
	hold(&w, "- {product: photoshop, metric: seat, quantity: 5, reference: P}\n"
		 "- {product: ws-datacenter, metric: processor, quantity: 5}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 5, scope: 'host:h9'}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 5, scope: 'region:us'}\n"
		 "- {product: sql-ent, metric: core, quantity: 5, rights: subscription}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 5, assigned_host: h9}\n");
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_FLEET, "fleet"), 0);
	assert_int_equal(entitled(&w, "ws-dc/host", SCOPE_CLUSTER, "c1"), -1);
	assert_string_equal(
		findings_of(&w),
		"entitlement-unmatched: 5 entitlements count for nothing here: "
		"P (held.yaml:1) is of a product and metric that no rule asks for; "
		"ws-datacenter (held.yaml:2) is of a product and metric that no rule asks for; "
		"ws-datacenter (held.yaml:3) is of a scope that no host of these ledgers is in; "
		"ws-datacenter (held.yaml:4) is of a scope that no host of these ledgers is in; "
		"ws-datacenter (held.yaml:6) is assigned to a host that no ledger tells of\n");
	world_end(&w);
}

static void
a_rule_that_counts_wholes_refuses_decimals_at_their_place(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct world w;

	(void)state;
	world_begin(&w);
	estate_finish(&w.estate);
	needs(&w, "ws-dc/host", 16, 0, 0);
	assert_int_equal(try_hold(&w,
				  "- {product: ws-hours, metric: ws/hours, quantity: 1.5}\n"
				  "- {product: ws, metric: ws-dc/host, quantity: 1.5}\n",
				  &err),
			 -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text, "held.yaml:2:47: 'quantity' must be a whole number: so is "
				      "what the rule counts");
	world_end(&w);
}

static void
strict_asks_whether_one_way_to_license_suffices(void **state)
{
	static const struct {
		const char *held, *shortage;
	} cases[] = {
		{ "- {product: photoshop, metric: seat, quantity: 1}\n", "" },
		{ "- {product: ws-standard, metric: core, quantity: 80}\n", "" },
		{ "- {product: ws-standard, metric: core, quantity: 79}\n",
		  "ws: 1 core short (ws-std/host: 80 needed, 79 held for it)\n" },
		{ "- {product: ws-datacenter, metric: core, quantity: 48}\n", "" },
		/* Both are held, one is enough. */
		{ "- {product: ws-datacenter, metric: core, quantity: 48}\n"
		  "- {product: ws-standard, metric: core, quantity: 16}\n",
		  "" },
		{ "- {product: ws-datacenter, metric: core, quantity: 40}\n"
		  "- {product: ws-standard, metric: core, quantity: 16}\n",
		  "ws: 8 core short (ws-dc/host: 48 needed, 40 held for it)\n" },
		/* Enough in all, but bound to where it is not needed. */
		{ "- {product: ws-standard, metric: core, quantity: 80, scope: 'host:h1'}\n",
		  "ws: 32 core short (ws-std/host: 80 needed, 48 held for it)\n" },
		{ "- {product: ws-standard, metric: core, quantity: 70, scope: 'cluster:c1'}\n"
		  "- {product: ws-standard, metric: core, quantity: 10}\n",
		  "ws: 6 core short (ws-std/host: 80 needed, 74 held for it)\n" },
		{ "- {product: ws-standard, metric: core, quantity: 64, scope: 'cluster:c1'}\n"
		  "- {product: ws-standard, metric: core, quantity: 16, scope: 'region:eu'}\n",
		  "" },
		/* The busy host by Datacenter, the others by Standard. */
		{ "- {product: ws-datacenter, metric: core, quantity: 16, assigned_host: h1}\n"
		  "- {product: ws-standard, metric: core, quantity: 32}\n",
		  "" },
		{ "- {product: ws-datacenter, metric: core, quantity: 15, assigned_host: h1}\n"
		  "- {product: ws-standard, metric: core, quantity: 32}\n",
		  "ws: 33 core short (ws-dc/host: 48 needed, 15 held for it)\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_begin(&w);
		needs(&w, "ws-dc/host", 16, 16, 16);
		needs(&w, "ws-std/host", 48, 16, 16);
		hold(&w, cases[i].held);
		assert_string_equal(short_of(&w), cases[i].shortage);
		world_end(&w);
	}
}

static void
run_guest(struct world *w, uint8_t number, uint32_t host, const char *os, const char *edition,
	  const char *from)
{
	const uint8_t uuid[TALLY_UUID] = { number };
	struct stay_claims c = { .os = text(w, os), .edition = text(w, edition) };
	struct stay_size size = { .vcpus = 2 };
	struct stay s = { .from = test_wall(from).ns,
			  .to = w->estate.to,
			  .vm = estate_vm(&w->estate, uuid),
			  .host = host,
			  .claims = estate_claims(&w->estate, &c),
			  .size = estate_size(&w->estate, &size),
			  .entry = 7 };

	estate_stay(&w->estate, &s);
}

static void
a_greater_edition_than_its_host_holds_is_told_once_a_machine(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	run_guest(&w, 1, 0, "http://m/win/2k22", "datacenter", "2026-03-02T00:00:00Z");
	run_guest(&w, 1, 0, "http://m/win/2k22", "datacenter", "2026-03-03T00:00:00Z");
	run_guest(&w, 2, 0, "http://m/win/2k22", "standard", "2026-03-02T00:00:00Z");
	run_guest(&w, 3, 1, "http://m/win/2k22", "datacenter", "2026-03-02T00:00:00Z");
	run_guest(&w, 4, 2, "http://m/win/2k22", "datacenter", "2026-03-02T00:00:00Z");
	run_guest(&w, 5, 0, "http://m/win/2k22", "", "2026-03-02T00:00:00Z");
	run_guest(&w, 6, 0, "http://other/os", "datacenter", "2026-03-02T00:00:00Z");
	hold(&w, "- {product: ws-standard, metric: core, quantity: 16, scope: 'cluster:c1'}\n"
		 "- {product: ws-datacenter, metric: core, quantity: 16, assigned_host: h2}\n");
	entitlements_check_editions(&w.m);
	assert_string_equal(findings_of(&w),
			    "edition-mismatch: host h1: 1 guest is of an edition that its host's "
			    "licences do not cover: 01000000-0000-0000-0000-000000000000 is "
			    "datacenter, its host holds ws-std/host\n");
	/* Standard guests may run under Datacenter, and where nothing is held nothing is told. */
	hold(&w, "- {product: ws-datacenter, metric: core, quantity: 16, scope: 'host:h1'}\n");
	entitlements_check_editions(&w.m);
	assert_string_equal(findings_of(&w), "");
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_licence_counts_at_its_scope_and_at_wider_ones),
		cmocka_unit_test(what_has_ended_counts_as_nothing_and_is_told),
		cmocka_unit_test(a_rule_that_needs_maintenance_counts_what_has_it),
		cmocka_unit_test(what_nothing_asks_for_is_told),
		cmocka_unit_test(a_rule_that_counts_wholes_refuses_decimals_at_their_place),
		cmocka_unit_test(strict_asks_whether_one_way_to_license_suffices),
		cmocka_unit_test(a_greater_edition_than_its_host_holds_is_told_once_a_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
