/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ERRAND_H
#define AGENT_ERRAND_H
/*
 * A thread that asks somebody outside again and again: it does what is due, and
 * sleeps until the next thing is. Who hangs when the agent stops is given up.
 */
#include <pthread.h>
#include <stdbool.h>

#include "tally/clock.h"

struct tally_err;

struct errand_work {
	void *ctx;
	/* In the thread: when it wants to be called again (uptime; INT64_MAX: never). `last`: once
	 * more, before the thread ends. */
	struct tally_uptime (*step)(void *ctx, struct tally_uptime now, bool last);
	void (*cancel)(void *ctx); /* from another thread: a step that is under way is to end */
};
struct errand {
	struct errand_work work;
	const struct tally_clock *clock;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock; /* of these: */
	pthread_cond_t wake;
	bool stop, last, ended;
};
void errand_init(struct errand *e, const struct errand_work *work, const struct tally_clock *clock);
/* `name` stands before the error. */
int errand_start(struct errand *e, const char *name, struct tally_err *err);
/* From a step: whether it is the last one, or none is wanted any more. */
bool errand_stops(struct errand *e);
/* `last`: a last step is given ten seconds. Whether it was started or not. */
void errand_end(struct errand *e, bool last);

#endif
