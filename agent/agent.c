/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop. Order at every connection: subscribe, list, then the queued events,
 * which are idempotent against the list; so nothing falls between. A lost
 * connection is a gap from the last list that answered; VMs stay what they were.
 */
#include "agent_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/log.h"
#include "tally/store.h"

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
	return a->source->describe(a->source->ctx, uuid, out, &err);
}

static void
lose(struct agent *a, const char *reason, const char *detail, uint64_t lost)
{
	struct tally_now now = tally_clock_now(a->clock);
	if (a->lost)
		return;
	tally_log(TALLY_LOG_WARNING, "%s: %s", reason, detail);
	machine_lost(a->machine, now, reason, detail, lost);
	a->lost = true;
}

static void
disconnect(struct agent *a, const char *detail)
{
	lose(a, "connection lost", detail, 0);
	a->source->disconnect(a->source->ctx);
	a->connected = false;
}

/* The list, and what it says against what is held. `first`: baselines. */
static int
list(struct agent *a, bool first)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_domain *doms = NULL;
	size_t n = 0;
	bool settled;
	struct tally_now at = tally_clock_now(a->clock);
	if (a->source->list(a->source->ctx, &doms, &n, &err) < 0) {
		disconnect(a, err.text);
		return -1;
	}
	if (first && a->lost) {
		machine_back(a->machine, at, "connected again");
		a->lost = false;
	}
	settled = machine_list(a->machine, doms, n, at, first);
	free(doms);
	a->relist = false;
	a->next_list = at;
	a->next_list.uptime.ns += settled ? a->config->heartbeat.interval.ns : TALLY_SECOND;
	return 0;
}

static void
drain(struct agent *a)
{
	struct tally_observation o;
	while (a->source->next(a->source->ctx, &o) == 1) {
		switch (o.kind) {
		case TALLY_OBS_EVENT:
			if (o.what == 0)
				a->relist = true;
			machine_observe(a->machine, &o);
			break;
		case TALLY_OBS_EXIT:
			a->relist = true;
			break;
		case TALLY_OBS_LOST:
			if (a->connected)
				disconnect(a, "the manager closed the connection");
			break;
		case TALLY_OBS_OVERFLOW:
			lose(a, "queue overflow", "events came faster than they were read", o.lost);
			a->relist = true;
			break;
		}
	}
}

static void
try_connect(struct agent *a)
{
	struct tally_err err = TALLY_ERR_INIT;
	if (a->source->connect(a->source->ctx, &err) < 0) {
		lose(a, "connection lost", err.text, 0);
		return;
	}
	a->connected = true;
	agent_record_facts(a);
	if (list(a, true) == 0) {
		tally_log(TALLY_LOG_NOTICE, "connected: %s, %zu VMs", a->config->libvirt.uri,
			  machine_running(a->machine));
		drain(a);
	}
}

static int
on_source(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
	(void)s;
	(void)fd;
	(void)revents;
	drain(ctx);
	return 0;
}

/* Until the next list is due, but at least each second: starts that wait for
 * their second event are looked at so often. */
static uint64_t
next_wake_usec(const struct agent *a)
{
	int64_t left = a->next_list.uptime.ns - tally_clock_now(a->clock).uptime.ns;
	if (left < 0)
		left = 0;
	if (left > TALLY_SECOND)
		left = TALLY_SECOND;
	return (uint64_t)left / 1000 + 1;
}

static int
on_timer(sd_event_source *s, uint64_t usec, void *ctx)
{
	struct agent *a = ctx;
	struct tally_now now = tally_clock_now(a->clock);
	(void)usec;
	drain(a);
	machine_tick(a->machine, now);
	if (!a->connected) {
		if (now.uptime.ns >= a->next_list.uptime.ns) {
			a->next_list.uptime.ns = now.uptime.ns + TALLY_SECOND;
			try_connect(a);
		}
	} else if (a->relist || now.uptime.ns >= a->next_list.uptime.ns) {
		if (list(a, a->lost) == 0)
			machine_heartbeat(a->machine, tally_clock_now(a->clock),
					  a->config->heartbeat.record, false);
	}
	(void)sd_event_source_set_time_relative(s, next_wake_usec(a));
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void
adopt(struct agent *a, const struct resume *r)
{
	if (!r->same_boot)
		return; /* host-boot ends them: nothing of another boot still runs */
	for (size_t i = 0; i < r->count; i++)
		machine_adopt(a->machine, &r->open[i].dom, r->open[i].run, r->witnessed);
}

static int
prepare(struct agent *a, struct tally_err *err)
{
	const struct recorder_options options = { .ledger = a->config->ledger,
						  .clock = a->clock,
						  .queue = a->config->queue.records,
						  .interval = a->config->checkpoint.interval,
						  .retry = { TALLY_SECOND },
						  .attest = a->config->tpm.attest };
	const struct machine_out out = { .ctx = a, .emit = emit, .describe = describe };
	struct resume r;
	if (a->clock->boot_id(a->clock->ctx, a->boot_id) < 0)
		return tally_err_set(err, TALLY_SYS, "the kernel's boot_id cannot be read");
	if (recorder_open(&a->recorder, &options, err) < 0)
		return -1;
	if (resume_read(&r, recorder_store(a->recorder), a->boot_id, err) < 0)
		return tally_err_prefix(err, "%s", a->config->ledger);
	a->machine = machine_new(&out, r.next_run);
	adopt(a, &r);
	agent_record_start(a, r.same_boot);
	resume_release(&r);
	return recorder_start(a->recorder, err);
}

static int
open_loop(struct agent *a, int control, struct tally_err *err)
{
	int rc;
	/* NULL handlers: the loop ends, and the stop is an orderly one. */
	if ((rc = sd_event_add_signal(a->loop, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (rc = sd_event_add_signal(a->loop, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (rc = sd_event_add_io(a->loop, NULL, a->source->fd(a->source->ctx), EPOLLIN, on_source,
				  a)) < 0 ||
	    (rc = sd_event_add_io(a->loop, NULL, control, EPOLLIN, agent_control_ready, a)) < 0 ||
	    (rc = sd_event_add_time_relative(a->loop, &a->timer, CLOCK_MONOTONIC, 0, 1000, on_timer,
					     a)) < 0) {
		errno = -rc;
		return tally_err_sys(err, "event loop");
	}
	return 0;
}

static void
stop(struct agent *a)
{
	struct tally_event ev = { .kind = TALLY_AGENT_STOP };
	drain(a);
	machine_tick(a->machine, (struct tally_now){ .uptime = { INT64_MAX } });
	if (a->connected && list(a, false) == 0)
		machine_heartbeat(a->machine, tally_clock_now(a->clock),
				  a->config->heartbeat.record, true);
	agent_record(a, &ev);
}

void
agent_block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int
agent_run(const struct config *config, struct tally_source *source, const struct tally_clock *clock,
	  struct tally_err *err)
{
	struct agent a = { .config = config, .source = source, .clock = clock };
	struct tally_err close_err = TALLY_ERR_INIT;
	int control = -1, rc = -1;
	a.began = tally_clock_now(clock);
	if (sd_event_new(&a.loop) < 0) {
		(void)tally_err_set(err, TALLY_SYS, "event loop");
		goto out;
	}
	if (prepare(&a, err) < 0 || agent_control_open(&a, &control, err) < 0 ||
	    open_loop(&a, control, err) < 0)
		goto out;
	tally_log(TALLY_LOG_NOTICE, "tallyd %s: recording into %s", TALLY_VERSION, config->ledger);
	rc = sd_event_loop(a.loop);
	if (rc < 0) {
		errno = -rc;
		(void)tally_err_sys(err, "event loop");
	}
	stop(&a);
out:
	sd_event_source_unref(a.timer);
	sd_event_unref(a.loop);
	if (control >= 0)
		close(control);
	if (a.connected)
		source->disconnect(source->ctx);
	if (recorder_close(a.recorder, &close_err) < 0 && rc >= 0) {
		*err = close_err;
		rc = -1;
	}
	machine_free(a.machine);
	if (rc == 0)
		tally_log(TALLY_LOG_NOTICE, "tallyd: stopped in order");
	return rc;
}
