/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the agent. Order at every connection: subscribe, list, then the
 * queued events, which are idempotent against the list; so nothing falls
 * between. A lost connection is a gap from the last list that answered; VMs
 * stay what they were.
 */
#include "agent_internal.h"

#include <stdlib.h>
#include <string.h>

#include "passwords.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/store.h"

#define CONNECTED      "connected again"
#define FACTS_INTERVAL (3600 * TALLY_SECOND)

static void
emit(void *ctx, const struct tally_event *ev)
{
	recorder_put(((struct agent *)ctx)->recorder, ev);
}

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	struct agent *a = ctx;
	struct tally_err err = TALLY_ERR_INIT;
	int found = a->source->describe(a->source->ctx, uuid, out, &err);
	if (found == 1)
		config_claims(a->config, out);
	return found;
}

static int
cpu_time(void *ctx, const struct tally_domain *vm, uint64_t *ns)
{
	struct agent *a = ctx;
	return a->source->cpu_time(a->source->ctx, vm, ns);
}

void
agent_lose(struct agent *a, const char *reason, const char *detail, uint64_t lost)
{
	struct tally_now now = tally_clock_now(a->clock);
	if (a->lost)
		return;
	tally_log(TALLY_LOG_WARNING, "%s: %s", reason, detail);
	machine_lost(a->machine, now, reason, detail, lost);
	a->lost = true;
	a->lost_since = a->witnessed.wall.ns > 0 ? a->witnessed.wall : now.wall;
	a->lost_why = reason;
	a->back = strcmp(reason, AGENT_SUSPENDED) == 0 ? AGENT_SUSPENDED : CONNECTED;
}

static void
disconnect(struct agent *a, const char *detail)
{
	agent_lose(a, "connection lost", detail, 0);
	a->back = CONNECTED;
	a->source->disconnect(a->source->ctx);
	a->connected = false;
	a->next_list = 0; /* it may be there again at once */
}

/* A list soon, but not one for each event of a storm. */
static void
relist(struct agent *a)
{
	if (a->connected && a->next_list > a->last_list + TALLY_SECOND)
		a->next_list = a->last_list + TALLY_SECOND;
}

/* All that happened before now: a storm that goes on and on waits for the next
 * step, so that lists and heartbeats come between. */
static void
drain(struct agent *a)
{
	int64_t now = tally_clock_now(a->clock).uptime.ns;
	struct tally_observation o = { 0 };
	while (o.at.uptime.ns <= now && a->source->next(a->source->ctx, &o) == 1) {
		agent_clock_place(a, &o.at);
		switch (o.kind) {
		case TALLY_OBS_EVENT:
			if (o.what == 0)
				relist(a);
			machine_observe(a->machine, &o);
			break;
		case TALLY_OBS_EXIT:
			relist(a);
			machine_observe(a->machine, &o);
			break;
		case TALLY_OBS_LOST:
			if (a->connected)
				disconnect(a, "the manager closed the connection");
			break;
		case TALLY_OBS_OVERFLOW:
			a->overflowed = true;
			agent_lose(a, "queue overflow", "events came faster than they were read",
				   o.lost);
			relist(a);
			break;
		}
	}
}

/* What was queued while the manager made its list says more of it than the list
 * does: when, and why. So it comes first; what changed behind the list's begin is
 * left to its event by the machine. `first`: baselines. */
static int
list(struct agent *a, bool first)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_domain *doms = NULL;
	size_t n = 0;
	bool settled;
	struct tally_now at = tally_clock_now(a->clock);
	a->overflowed = false;
	if (a->source->list(a->source->ctx, &doms, &n, &err) < 0) {
		disconnect(a, err.text);
		return -1;
	}
	drain(a);
	if (!a->connected || a->overflowed) { /* what was lost may be newer than the list */
		free(doms);
		a->last_list = at.uptime.ns;
		a->next_list = at.uptime.ns + TALLY_SECOND;
		return -1;
	}
	if (a->lost) {
		first = true;
		machine_back(a->machine, at, a->back);
		a->lost = false;
	}
	for (size_t i = 0; i < n; i++)
		config_claims(a->config, &doms[i]);
	settled = machine_list(a->machine, doms, n, at, first);
	free(doms);
	a->witnessed = at;
	a->last_list = at.uptime.ns;
	a->next_list = at.uptime.ns + (settled ? a->config->heartbeat.interval.ns : TALLY_SECOND);
	return 0;
}

/* What the manager does not show. It is no gap where that cannot be had. */
static void
look_beside(struct agent *a)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_process *procs = NULL;
	size_t n = 0;
	if (!a->config->processes.unmanaged || a->source->unmanaged == NULL)
		return;
	if (a->source->unmanaged(a->source->ctx, &procs, &n, &err) == 0)
		machine_unmanaged(a->machine, procs, n, tally_clock_now(a->clock));
	else if (!a->blind)
		tally_log(TALLY_LOG_WARNING, "unmanaged guests cannot be looked for: %s", err.text);
	a->blind = err.code != TALLY_OK;
	free(procs);
}

static void
try_connect(struct agent *a)
{
	struct tally_err err = TALLY_ERR_INIT;
	a->tried = true;
	if (a->source->connect(a->source->ctx, &err) < 0) {
		agent_lose(a, "connection lost", err.text, 0);
		return;
	}
	a->connected = true;
	agent_record_facts(a);
	if (list(a, true) == 0) {
		look_beside(a);
		tally_log(TALLY_LOG_NOTICE, "connected: %s, %zu VMs", a->config->libvirt.uri,
			  machine_running(a->machine));
		drain(a);
	}
}

static void
list_if_due(struct agent *a)
{
	struct tally_now now = tally_clock_now(a->clock);
	if (now.uptime.ns < a->next_list || a->overflow == OVERFLOW_TOLD)
		return;
	if (a->connected && list(a, a->lost) == 0) {
		look_beside(a);
		machine_heartbeat(a->machine, tally_clock_now(a->clock),
				  a->config->heartbeat.record, false);
	}
	if (!a->connected) {
		a->next_list = now.uptime.ns + TALLY_SECOND;
		try_connect(a);
	} else if (now.uptime.ns - a->facts_at >= FACTS_INTERVAL) {
		agent_record_facts(a);
	}
	if (!a->connected)
		a->next_list = now.uptime.ns + TALLY_SECOND;
}

/* Last of all in it: the recorder, inside whose TPM the world may go on and
 * step again. */
struct tally_uptime
agent_step(struct agent *a)
{
	struct tally_now now = tally_clock_now(a->clock);
	/* Starts that wait for their second event are looked at so often. */
	struct tally_uptime next = { now.uptime.ns + TALLY_SECOND }, recorder;
	agent_clock_check(a, now);
	drain(a);
	machine_tick(a->machine, now);
	agent_overflow_check(a);
	list_if_due(a);
	if (a->next_list < next.ns && a->overflow != OVERFLOW_TOLD)
		next.ns = a->next_list;
	if (a->threads)
		return next;
	recorder = recorder_step(a->recorder);
	return recorder.ns < next.ns ? recorder : next;
}

void
agent_take_up(struct agent *a, const struct resume *r)
{
	const struct machine_out out = { .ctx = a,
					 .emit = emit,
					 .describe = describe,
					 .cpu_time = a->source->cpu_time != NULL ? cpu_time : NULL,
					 .processes = a->source->watch != NULL };
	a->machine = machine_new(&out, r->next_run);
	resume_adopt(r, a->machine);
	for (size_t i = 0; i < r->count && a->source->watch != NULL; i++)
		a->source->watch(a->source->ctx, &r->open[i].dom);
	a->lost = r->gap_open;
}

/* An agent that is there sees nothing yet: the gap that it found goes on until a
 * list ends it. A new boot or ledger has no gap, but baselines. */
static void
await_list(struct agent *a, const struct resume *r)
{
	struct tally_now now = tally_clock_now(a->clock);
	if (a->lost || !r->same_boot || r->witnessed.ns == 0)
		return;
	a->lost_why = "connection lost";
	machine_lost(a->machine, now, a->lost_why, "not connected yet", 0);
	a->lost = true;
	a->lost_since = r->witnessed;
}

static int
prepare(struct agent *a, const struct tpm_starter *tpm, struct tally_err *err)
{
	const struct recorder_options options = { .ledger = a->config->ledger,
						  .clock = a->clock,
						  .queue = a->config->queue.records,
						  .interval = a->config->checkpoint.interval,
						  .retry = { TALLY_SECOND },
						  .attest = a->config->tpm.attest,
						  .ledger_pcr = (unsigned)a->config->tpm.ledger_pcr,
						  .tpm = tpm,
						  .threads = a->threads };
	struct resume r;
	if (a->clock->boot_id(a->clock->ctx, a->boot_id) < 0)
		return tally_err_set(err, TALLY_SYS, "the kernel's boot_id cannot be read");
	if (recorder_open(&a->recorder, &options, err) < 0)
		return -1;
	/* The ledger is ours, and its TPM is not started yet. */
	if (passwords_place(a->config, err) < 0)
		return -1;
	recorder_attest_interval(
		a->recorder,
		config_attest_interval(a->config,
				       tally_store_transport(recorder_store(a->recorder))));
	if (resume_read(&r, recorder_store(a->recorder), a->boot_id, err) < 0)
		return tally_err_prefix(err, "%s", a->config->ledger);
	agent_take_up(a, &r);
	a->back = CONNECTED;
	a->lost_since = r.witnessed;
	a->lost_why = "left open by an earlier agent";
	agent_record_start(a, &r);
	await_list(a, &r);
	resume_release(&r);
	if (a->threads && witnesses_start(&a->witnesses, a->recorder, a->config, a->clock, err) < 0)
		return -1;
	if (recorder_start(a->recorder, err) < 0)
		return -1;
	return a->threads ? timestamps_start(&a->timestamps, a->recorder, a->config, a->clock, err)
			  : 0;
}

int
agent_open(struct agent **out, const struct config *config, const struct agent_parts *parts,
	   struct tally_err *err)
{
	struct agent *a = tally_alloc(sizeof(*a));
	a->config = config;
	a->source = parts->source;
	a->clock = parts->clock;
	a->threads = parts->threads;
	a->began = tally_clock_now(a->clock);
	a->next_list = a->began.uptime.ns;
	agent_clock_begin(a, a->began);
	if (prepare(a, parts->tpm, err) < 0) {
		struct tally_err ignored = TALLY_ERR_INIT;
		(void)agent_close(a, false, &ignored);
		return -1;
	}
	*out = a;
	return 0;
}

static void
stop(struct agent *a)
{
	struct tally_event ev = { .kind = TALLY_AGENT_STOP };
	agent_clock_check(a, tally_clock_now(a->clock));
	drain(a);
	machine_tick(a->machine, (struct tally_now){ .uptime = { INT64_MAX } });
	if (a->connected && list(a, false) == 0)
		machine_heartbeat(a->machine, tally_clock_now(a->clock),
				  a->config->heartbeat.record, true);
	agent_record(a, &ev);
}

int
agent_close(struct agent *a, bool orderly, struct tally_err *err)
{
	int rc = 0;
	if (a == NULL)
		return 0;
	if (orderly)
		stop(a);
	if (a->connected)
		a->source->disconnect(a->source->ctx);
	timestamps_stop(a->timestamps);
	if (orderly && a->witnesses != NULL)
		recorder_finish(a->recorder);
	witnesses_stop(a->witnesses, orderly);
	if (orderly)
		rc = recorder_close(a->recorder, err);
	else
		recorder_abandon(a->recorder);
	machine_free(a->machine);
	free(a);
	return rc;
}

void
agent_status(const struct agent *a, struct agent_status *out)
{
	*out = (struct agent_status){ .connected = a->connected,
				      .tried = a->tried,
				      .running = machine_running(a->machine),
				      .witnessed = a->witnessed.wall,
				      .lost = a->lost,
				      .lost_since = a->lost_since,
				      .lost_why = a->lost_why };
}

struct tally_span
agent_uptime(const struct agent *a)
{
	return (struct tally_span){ tally_clock_now(a->clock).uptime.ns - a->began.uptime.ns };
}

void
agent_recorder_status(const struct agent *a, struct recorder_status *out)
{
	recorder_status(a->recorder, out);
}

bool
agent_witnesses(const struct agent *a, struct tally_witness_standing *out)
{
	if (a->witnesses != NULL)
		witnesses_standing(a->witnesses, out);
	return a->witnesses != NULL;
}

bool
agent_timestamps(const struct agent *a, struct tally_timestamp_standing *out)
{
	if (a->timestamps != NULL)
		timestamps_standing(a->timestamps, out);
	return a->timestamps != NULL;
}

int
agent_checkpoint(const struct agent *a, struct recorder_note *out, struct tally_err *err)
{
	return recorder_checkpoint(a->recorder, out, err);
}

void
agent_hurry(const struct agent *a)
{
	recorder_hurry(a->recorder);
}
