/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd-event around agent_step: every wake-up, whatever woke it, is one step, and
 * the timer stands at what the step asked for. The service manager hears when
 * there was a first try to connect: from then on what happens is on record, be
 * it a gap.
 */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "agent_control.h"
#include "tally/err.h"
#include "tally/log.h"

#define NEVER INT64_C(9000000000) /* s since 1970 */

struct loop {
	const struct agent_parts *parts;
	struct agent *agent;
	struct agent_control *control;
	sd_event *event;
	sd_event_source *timer;
	int steps; /* a timerfd that fires when the wall clock is set */
	bool ready;
	char told[128]; /* the service manager's status line */
};

static void
tell(struct loop *l, const struct agent_status *s)
{
	char text[sizeof(l->told)], since[TALLY_TIME_TEXT];
	tally_wall_text(since, s->lost_since);
	if (s->lost)
		(void)snprintf(text, sizeof(text), "%s; a gap since %s; %zu VMs as last seen",
			       s->connected ? "connected" : "not connected", since, s->running);
	else
		(void)snprintf(text, sizeof(text), "%s; %zu VMs",
			       s->connected ? "connected" : "not connected", s->running);
	if (s->tried && !l->ready)
		(void)sd_notify(0, "READY=1");
	l->ready = l->ready || s->tried;
	if (strcmp(text, l->told) == 0)
		return;
	memcpy(l->told, text, sizeof(text));
	(void)sd_notifyf(0, "STATUS=%s", text);
}

static void
step(struct loop *l)
{
	struct tally_uptime next = agent_step(l->agent);
	int64_t left = next.ns - tally_clock_now(l->parts->clock).uptime.ns;
	struct agent_status status;
	agent_status(l->agent, &status);
	agent_control_publish(l->control, &status);
	tell(l, &status);
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

/* It never expires; it is cancelled by who sets the clock, and by a resume. */
static int
arm_steps(struct loop *l)
{
	const struct itimerspec never = { .it_value.tv_sec = NEVER };
	return timerfd_settime(l->steps, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static int
on_clock_set(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
	uint64_t count;
	(void)s;
	(void)revents;
	if (read(fd, &count, sizeof(count)) < 0 && errno != ECANCELED && errno != EAGAIN)
		return -errno;
	if (arm_steps(ctx) < 0)
		return -errno;
	step(ctx);
	return 0;
}

static int
prepare(struct loop *l, struct tally_err *err)
{
	struct tally_source *source = l->parts->source;
	int rc;
	l->steps = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->steps < 0 || arm_steps(l) < 0)
		return tally_err_sys(err, "timerfd");
	/* NULL handlers: the loop ends, and the stop is an orderly one. */
	if ((rc = sd_event_new(&l->event)) < 0 ||
	    (rc = sd_event_add_signal(l->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (rc = sd_event_add_signal(l->event, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (rc = sd_event_add_io(l->event, NULL, source->fd(source->ctx), EPOLLIN, on_source, l)) <
		    0 ||
	    (rc = sd_event_add_io(l->event, NULL, l->steps, EPOLLIN, on_clock_set, l)) < 0 ||
	    (rc = sd_event_add_time_relative(l->event, &l->timer, CLOCK_MONOTONIC, 0, 1000,
					     on_timer, l)) < 0 ||
	    (rc = sd_event_set_watchdog(l->event, true)) < 0) {
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

static int
run(struct loop *l, const char *ledger, struct tally_err *err)
{
	int rc;
	if (agent_control_start(&l->control, l->agent, ledger, err) < 0 || prepare(l, err) < 0)
		return -1;
	tally_log(TALLY_LOG_NOTICE, "tallyd %s: recording into %s", TALLY_VERSION, ledger);
	rc = sd_event_loop(l->event);
	(void)sd_notify(0, "STOPPING=1");
	if (rc >= 0)
		return 0;
	errno = -rc;
	return tally_err_sys(err, "event loop");
}

int
loop_run(const struct config *config, const struct agent_parts *parts, struct tally_err *err)
{
	struct loop l = { .parts = parts, .steps = -1 };
	struct tally_err close_err = TALLY_ERR_INIT;
	int rc;
	if (agent_open(&l.agent, config, parts, err) < 0)
		return -1;
	rc = run(&l, config->ledger, err);
	agent_control_stop(l.control);
	sd_event_source_unref(l.timer);
	sd_event_unref(l.event);
	if (l.steps >= 0)
		close(l.steps);
	if (agent_close(l.agent, true, &close_err) < 0 && rc == 0) {
		*err = close_err;
		rc = -1;
	}
	if (rc == 0)
		tally_log(TALLY_LOG_NOTICE, "tallyd: stopped in order");
	return rc;
}
