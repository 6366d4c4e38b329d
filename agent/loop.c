/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd-event around agent_step: every wake-up, whatever woke it, is one step, and
 * the timer stands at what the step asked for.
 */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "agent_control.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/store.h"

struct loop {
	const struct agent_parts *parts;
	struct agent *agent;
	sd_event *event;
	sd_event_source *timer;
	int control;
};

static void
step(struct loop *l)
{
	struct tally_uptime next = agent_step(l->agent);
	int64_t left = next.ns - tally_clock_now(l->parts->clock).uptime.ns;
	(void)sd_event_source_set_time_relative(l->timer, left > 0 ? (uint64_t)left / 1000 + 1 : 0);
	(void)sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

static int
on_source(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
	(void)s;
	(void)fd;
	(void)revents;
	step(ctx);
	return 0;
}

static int
on_timer(sd_event_source *s, uint64_t usec, void *ctx)
{
	(void)s;
	(void)usec;
	step(ctx);
	return 0;
}

static int
on_control(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
	struct loop *l = ctx;
	(void)s;
	(void)revents;
	agent_control_ready(l->agent, fd);
	return 0;
}

static int
prepare(struct loop *l, struct tally_err *err)
{
	struct tally_source *source = l->parts->source;
	int rc;
	/* NULL handlers: the loop ends, and the stop is an orderly one. */
	if ((rc = sd_event_new(&l->event)) < 0 ||
	    (rc = sd_event_add_signal(l->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (rc = sd_event_add_signal(l->event, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (rc = sd_event_add_io(l->event, NULL, source->fd(source->ctx), EPOLLIN, on_source, l)) <
		    0 ||
	    (rc = sd_event_add_io(l->event, NULL, l->control, EPOLLIN, on_control, l)) < 0 ||
	    (rc = sd_event_add_time_relative(l->event, &l->timer, CLOCK_MONOTONIC, 0, 1000,
					     on_timer, l)) < 0) {
		errno = -rc;
		return tally_err_sys(err, "event loop");
	}
	return 0;
}

void
loop_block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int
loop_run(const struct config *config, const struct agent_parts *parts, struct tally_err *err)
{
	struct loop l = { .parts = parts, .control = -1 };
	struct tally_err close_err = TALLY_ERR_INIT;
	int rc = -1;
	if (agent_open(&l.agent, config, parts, err) < 0)
		return -1;
	l.control = tally_control_listen(config->ledger, err);
	if (l.control < 0 || prepare(&l, err) < 0)
		goto out;
	tally_log(TALLY_LOG_NOTICE, "tallyd %s: recording into %s", TALLY_VERSION, config->ledger);
	rc = sd_event_loop(l.event);
	if (rc < 0) {
		errno = -rc;
		(void)tally_err_sys(err, "event loop");
	}
out:
	sd_event_source_unref(l.timer);
	sd_event_unref(l.event);
	if (l.control >= 0)
		close(l.control);
	if (agent_close(l.agent, true, &close_err) < 0 && rc >= 0) {
		*err = close_err;
		rc = -1;
	}
	if (rc == 0)
		tally_log(TALLY_LOG_NOTICE, "tallyd: stopped in order");
	return rc;
}
