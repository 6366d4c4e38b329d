/* SPDX-License-Identifier: Apache-2.0 */
/* The estate in the formats that its users write: events, roster, entitlements,
 * prices, a table from a CMDB. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "demo.h"
#include "tally/bytes.h"
#include "tally/json.h"
#include "tally/time.h"

static void
add_time(struct tally_jsonw *w, const char *key, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ (DEMO_BEGIN + at) * 1000000 });
	tally_jsonw_key(w, key);
	tally_jsonw_str(w, text);
}

static void
add_text(struct tally_jsonw *w, const char *key, const char *text)
{
	tally_jsonw_key(w, key);
	if (text)
		tally_jsonw_str(w, text);
	else
		tally_jsonw_null(w);
}

static void
add_number(struct tally_jsonw *w, const char *key, uint64_t n)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, n);
}

static void
add_facts(struct tally_jsonw *w, const struct demo_estate *e, const struct demo_event *ev)
{
	unsigned cluster = demo_cluster(e, ev->host);
	char name[16];

	add_text(w, "boot", ev->word ? ev->word : "1");
	(void)snprintf(name, sizeof(name), "c%02u", cluster + 1);
	add_text(w, "cluster", name);
	tally_jsonw_key(w, "cores_per_socket");
	tally_jsonw_array(w);
	for (unsigned i = 0; i < 2; i++)
		tally_jsonw_u64(w, demo_cores(cluster));
	tally_jsonw_end(w);
	add_text(w, "cpu", "Intel(R) Xeon(R) Gold 6338");
	add_text(w, "event", "host");
}

static void
add_machine(struct tally_jsonw *w, const struct demo_vm *m)
{
	add_number(w, "memory_mib", m->memory_mib);
	add_text(w, "name", m->name);
	add_text(w, "os", m->os);
	if (m->software) {
		tally_jsonw_key(w, "software");
		tally_jsonw_array(w);
		tally_jsonw_str(w, m->software);
		tally_jsonw_end(w);
	}
	add_text(w, "tenant", m->tenant);
}

static void
add_start(struct tally_jsonw *w, const struct demo_event *ev, const struct demo_vm *m,
	  const char *host)
{
	char cost_center[16];

	if (!ev->word) {
		tally_jsonw_key(w, "baseline");
		tally_jsonw_bool(w, true);
	} else {
		add_text(w, "cause", ev->word);
	}
	(void)snprintf(cost_center, sizeof(cost_center), "%u", m->cost_center);
	add_text(w, "cost_center", cost_center);
	if (m->edition)
		add_text(w, "edition", m->edition);
	add_text(w, "environment", m->environment);
	add_text(w, "event", "start");
	add_text(w, "evidence", "operator");
	add_text(w, "host", host);
	add_machine(w, m);
	add_time(w, "time", ev->at);
}

static void
add_other(struct tally_jsonw *w, const struct demo_estate *e, const struct demo_event *ev,
	  const char *host)
{
	static const char *const names[] = {
		[DEMO_STOP] = "stop",     [DEMO_OUT] = "migrate-out",     [DEMO_IN] = "migrate-in",
		[DEMO_CONFIG] = "config", [DEMO_REBOOT] = "reboot",       [DEMO_OS] = "os",
		[DEMO_GAP] = "gap",       [DEMO_HEARTBEAT] = "heartbeat",
	};
	char peer[16];

	if (ev->kind == DEMO_STOP)
		add_text(w, "cause", ev->word);
	if (ev->kind == DEMO_OS && e->vms[ev->vm].edition && strcmp(ev->os, e->vms[ev->vm].os) == 0)
		add_text(w, "edition", e->vms[ev->vm].edition);
	add_text(w, "event", names[ev->kind]);
	if (ev->kind == DEMO_OS)
		add_text(w, "evidence", ev->word);
	if (ev->kind == DEMO_GAP)
		add_time(w, "from", ev->from);
	add_text(w, "host", host);
	if (ev->kind == DEMO_IN) { /* the rest it takes along */
		add_number(w, "memory_mib", e->vms[ev->vm].memory_mib);
		add_text(w, "name", e->vms[ev->vm].name);
	}
	if (ev->kind == DEMO_STOP && ev->from >= 0)
		add_time(w, "not_before", ev->from);
	if (ev->kind == DEMO_OS)
		add_text(w, "os", ev->os);
	if (ev->kind == DEMO_OUT || ev->kind == DEMO_IN) {
		demo_host_name(peer, ev->peer);
		add_text(w, "peer", peer);
	}
	if (ev->kind == DEMO_GAP)
		add_text(w, "reason", ev->word);
	add_time(w, "time", ev->at);
	if (ev->kind == DEMO_GAP)
		add_time(w, "to", ev->to);
}

void
demo_event_line(const struct demo_estate *e, const struct demo_event *ev, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, true);
	char host[16];

	demo_host_name(host, ev->host);
	tally_jsonw_object(w);
	if (ev->kind == DEMO_HOST) {
		add_facts(w, e, ev);
		add_text(w, "host", host);
		add_text(w, "hypervisor", ev->host % 3 == 2 ? "xen" : "qemu");
		add_number(w, "max_sockets", 2);
		add_text(w, "region", demo_region(demo_cluster(e, ev->host)));
		add_number(w, "threads_per_core", 2);
		add_time(w, "time", ev->at);
	} else if (ev->kind == DEMO_START) {
		add_start(w, ev, &e->vms[ev->vm], host);
	} else {
		add_other(w, e, ev, host);
	}
	if (ev->kind == DEMO_START || ev->kind == DEMO_IN || ev->kind == DEMO_CONFIG)
		add_number(w, "vcpus", ev->vcpus);
	if (ev->vm != DEMO_NOBODY)
		add_text(w, "vm", e->vms[ev->vm].uuid);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_str(out, "\n");
}

void
demo_roster(const struct demo_estate *e, struct tally_buf *out)
{
	tally_buf_add_str(out,
			  "# The hosts that must report; the last one has no ledger.\nhosts:\n");
	for (unsigned host = 0; host <= e->hosts; host++)
		tally_buf_addf(out, "  - {host: h%03u, from: " DEMO_FROM "}\n", host + 1);
}

void
demo_entitlements(uint64_t cores, struct tally_buf *out)
{
	static const struct {
		const char *product, *metric, *rest;
		unsigned quantity;
	} held[] = {
		{ "rhel", "rhel/vm-pairs", "valid_to: 2027-01-01", 140 },
		{ "rhel", "rhel/vm-pairs", "valid_to: 2026-03-01", 20 },
		{ "sles", "sles/sockets-or-vms", "valid_to: 2027-01-01", 48 },
		{ "sql-server-standard", "core", "valid_to: 2028-01-01", 200 },
		{ "oracle-database-enterprise", "processor", "valid_to: 2028-01-01", 200 },
	};

	tally_buf_addf(out,
		       "# Of Windows Server Standard as many cores as a tool finds that lists the\n"
		       "# estate once an hour; see polls.txt.\n"
		       "entitlements:\n"
		       "  - {product: windows-server-standard, metric: core, quantity: %" PRIu64
		       ", agreement: EA 4711, valid_from: 2025-01-01, valid_to: 2028-01-01, "
		       "reference: PO-1}\n",
		       cores);
	for (size_t i = 0; i < sizeof(held) / sizeof(*held); i++)
		tally_buf_addf(out,
			       "  - {product: %s, metric: %s, quantity: %u, valid_from: "
			       "2025-01-01, %s, reference: PO-%zu}\n",
			       held[i].product, held[i].metric, held[i].quantity, held[i].rest,
			       i + 2);
}

void
demo_prices(struct tally_buf *out)
{
	tally_buf_add_str(out, "currency: EUR\n"
			       "provider: ACME IT\n"
			       "billing_account: {id: acme, name: ACME Holding}\n"
			       "rounding: {mode: half-up, at: invoice}\n"
			       "skus:\n"
			       "  - id: vcpu\n"
			       "    name: Virtual CPU\n"
			       "    meter: vcpu-hour\n"
			       "    prices:\n"
			       "      - {from: 2025-01-01, to: 2026-03-01, rate: 0.0125}\n"
			       "      - {from: 2026-03-01, rate: 0.0130}\n"
			       "  - id: memory\n"
			       "    name: Memory\n"
			       "    meter: gib-hour\n"
			       "    prices:\n"
			       "      - {from: 2025-01-01, rate: 0.0040}\n");
}

/* Two machines have changed hands in the middle of March; nobody told the meter. */
void
demo_cmdb(const struct demo_estate *e, struct tally_buf *out)
{
	tally_buf_add_str(out, "vm,name,tenant,cost_center,from,reason\n");
	for (unsigned i = 0; i < 2; i++) {
		const struct demo_vm *m = &e->vms[i];

		tally_buf_addf(out, "%s,%s,research,4999,2026-03-16,handed over to research\n",
			       m->uuid, m->name);
	}
}
