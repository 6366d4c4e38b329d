/* SPDX-License-Identifier: Apache-2.0 */
/* The records that the agent makes about itself and its host. */
#include "agent_internal.h"

#include <string.h>

#include "tally/err.h"
#include "tally/log.h"

void
agent_record(struct agent *a, struct tally_event *ev)
{
	struct tally_now now = tally_clock_now(a->clock);
	ev->m.has_time = true;
	ev->m.time = (uint64_t)now.wall.ns;
	ev->m.has_uptime = true;
	ev->m.uptime = (uint64_t)now.uptime.ns;
	ev->o.has_source = true;
	ev->o.source = TALLY_SRC_AGENT;
	recorder_put(a->recorder, ev);
}

void
agent_record_start(struct agent *a, const struct resume *r)
{
	struct tally_event gap;
	struct tally_event start = { .kind = TALLY_AGENT_START };
	struct tally_event config = { .kind = TALLY_AGENT_CONFIG };
	if (!r->same_boot) {
		struct tally_event boot = { .kind = TALLY_HOST_BOOT };
		char text[TALLY_UUID_TEXT];
		tally_uuid_text(text, a->boot_id);
		boot.m.boot = tally_bytes_str(text);
		boot.o.boot_id = tally_bytes(a->boot_id, sizeof(a->boot_id));
		agent_record(a, &boot);
	}
	start.o.version = tally_bytes_str(TALLY_VERSION);
	start.o.boot_id = tally_bytes(a->boot_id, sizeof(a->boot_id));
	agent_record(a, &start);
	config.o.config_hash = tally_bytes(a->config->hash, TALLY_HASH);
	agent_record(a, &config);
	if (resume_gap(r, tally_clock_now(a->clock), &gap))
		agent_record(a, &gap);
}

static struct tally_bytes
text_or_absent(const char *s)
{
	return s != NULL && s[0] != '\0' ? tally_bytes_str(s) : tally_bytes(NULL, 0);
}

void
agent_record_facts(struct agent *a)
{
	struct tally_event ev = { .kind = TALLY_HOST_FACTS };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_host_view v;
	char boot[TALLY_UUID_TEXT];
	a->facts_at = tally_clock_now(a->clock).uptime.ns;
	memset(&v, 0, sizeof(v)); /* it is compared byte by byte */
	if (a->source->facts(a->source->ctx, &v, &err) < 0) {
		tally_log(TALLY_LOG_WARNING, "host facts: %s", err.text);
		return;
	}
	if (a->facts_recorded && memcmp(&v, &a->facts, sizeof(v)) == 0)
		return;
	a->facts = v;
	a->facts_recorded = true;
	tally_uuid_text(boot, a->boot_id);
	ev.m.cores_per_socket.items = v.cores_per_socket;
	ev.m.cores_per_socket.count = v.sockets;
	ev.m.has_threads_per_core = v.threads_per_core != 0;
	ev.m.threads_per_core = v.threads_per_core;
	ev.m.has_hypervisor = true;
	ev.m.hypervisor = v.hypervisor;
	ev.m.cpu = text_or_absent(v.cpu);
	ev.m.cluster = text_or_absent(a->config->host.cluster);
	ev.m.region = text_or_absent(a->config->host.region);
	ev.m.boot = tally_bytes_str(boot);
	ev.i.host = tally_bytes_str(a->config->host.name);
	ev.i.site = text_or_absent(a->config->host.site);
	ev.i.asset = text_or_absent(a->config->host.asset);
	ev.o.model = text_or_absent(v.model);
	ev.o.manager = text_or_absent(v.manager);
	ev.o.detail = text_or_absent(v.doubt);
	if (v.doubt[0] != '\0')
		tally_log(TALLY_LOG_WARNING, "host facts: %s", v.doubt);
	agent_record(a, &ev);
}
