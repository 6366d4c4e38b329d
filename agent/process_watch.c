/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: `watches` are those that still run, each with a pidfd in the epoll
 * set under the number of the watch; an exit goes from there to the end of
 * `exits` in one step under the lock. A pidfd is closed only after that step, so
 * none is ever another process's.
 */
#include "process_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "process.h"
#include "tally/err.h"
#include "tally/log.h"

#define STOP        0 /* the number of the eventfd that ends the thread */
#define STACK_BYTES ((size_t)128 * 1024)

struct watch {
	uint64_t number; /* from 1, never used twice */
	uint8_t uuid[TALLY_UUID];
	uint32_t pid;
	uint64_t start_ticks;
	int pidfd;
};

struct process_watch {
	const struct tally_clock *clock;
	pthread_t thread;
	pthread_mutex_t lock;
	struct watch *watches;
	size_t count, room;
	uint64_t last; /* number given */
	struct tally_observation *exits;
	size_t first, ended, exits_room; /* exits[first..ended) wait to be taken */
	int epoll, stop, ready;
	bool full; /* said once that descriptors are out */
};

/* Under the lock. */
static void
put_exit(struct process_watch *w, const struct watch *x, struct tally_now at)
{
	struct tally_observation *o;
	if (w->first == w->ended)
		w->first = w->ended = 0;
	if (w->ended == w->exits_room) {
		w->exits_room = 2 * w->exits_room + 16;
		w->exits = tally_realloc_array(w->exits, w->exits_room, sizeof(*w->exits));
	}
	o = &w->exits[w->ended++];
	memset(o, 0, sizeof(*o));
	o->kind = TALLY_OBS_EXIT;
	o->at = at;
	o->domain.id = -1;
	o->domain.pid = x->pid;
	o->domain.start_ticks = x->start_ticks;
	memcpy(o->domain.uuid, x->uuid, TALLY_UUID);
	(void)!write(w->ready, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static void
end_watch(struct process_watch *w, uint64_t number, struct tally_now at)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->count; i++) {
		if (w->watches[i].number != number)
			continue;
		put_exit(w, &w->watches[i], at);
		close(w->watches[i].pidfd); /* it leaves the epoll set with this */
		w->watches[i] = w->watches[--w->count];
		break;
	}
	pthread_mutex_unlock(&w->lock);
}

static void *
wait_for_ends(void *ctx)
{
	struct process_watch *w = ctx;
	struct epoll_event ev[16];
	for (;;) {
		int n = epoll_wait(w->epoll, ev, sizeof(ev) / sizeof(*ev), -1);
		struct tally_now at = tally_clock_now(w->clock);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == STOP)
				return NULL;
			end_watch(w, ev[i].data.u64, at);
		}
	}
}

static int
start(struct process_watch *w, struct tally_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = STOP };
	pthread_attr_t attr;
	int rc;
	if (w->epoll < 0 || w->stop < 0 || w->ready < 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->stop, &ev) < 0)
		return tally_err_sys(err, "process watch");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&w->thread, &attr, wait_for_ends, w);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		return 0;
	errno = rc;
	return tally_err_sys(err, "process watch: thread");
}

static void
release(struct process_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		close(w->watches[i].pidfd);
	for (int i = 0; i < 3; i++) {
		int fd = (int[]){ w->epoll, w->stop, w->ready }[i];
		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_destroy(&w->lock);
	free(w->watches);
	free(w->exits);
	free(w);
}

struct process_watch *
process_watch_new(const struct tally_clock *clock, struct tally_err *err)
{
	struct process_watch *w = tally_alloc(sizeof(*w));
	w->clock = clock;
	pthread_mutex_init(&w->lock, NULL);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (start(w, err) == 0)
		return w;
	release(w);
	return NULL;
}

void
process_watch_free(struct process_watch *w)
{
	if (w == NULL)
		return;
	(void)!write(w->stop, &(uint64_t){ 1 }, sizeof(uint64_t));
	pthread_join(w->thread, NULL);
	release(w);
}

static bool
watched(const struct process_watch *w, const struct watch *x)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct watch *y = &w->watches[i];
		if (y->pid == x->pid && y->start_ticks == x->start_ticks &&
		    memcmp(y->uuid, x->uuid, TALLY_UUID) == 0)
			return true;
	}
	return false;
}

/* The pidfd may be of a later process with this pid, so the start is compared
 * again once it is held: from then on the pid cannot be given away unseen. */
static int
same_process(const struct watch *x)
{
	struct process_stat st;
	int rc = process_stat_read(&st, "/proc", x->pid);
	return rc == 1 ? st.start_ticks == x->start_ticks : rc;
}

/* It is asked again with the next list; the log hears of it once. */
static void
give_up(struct process_watch *w, const struct watch *x)
{
	if (!w->full)
		tally_log(TALLY_LOG_WARNING,
			  "some VMs' processes are not watched, from %u on: %s: their ends are "
			  "the manager's word",
			  x->pid, strerror(errno));
	w->full = true;
	if (x->pidfd >= 0)
		close(x->pidfd);
}

/* Under the lock. 1 watched, 0 it has ended, -1 not to be had. */
static int
add(struct process_watch *w, struct watch *x)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int same = 0;
	x->pidfd = pidfd_open((pid_t)x->pid, 0);
	if (x->pidfd >= 0)
		same = same_process(x);
	else if (errno != ESRCH && errno != EINVAL)
		same = -1;
	if (same < 0) {
		give_up(w, x);
		return -1;
	}
	if (same == 0) {
		if (x->pidfd >= 0)
			close(x->pidfd);
		return 0;
	}
	x->number = ++w->last;
	ev.data.u64 = x->number;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, x->pidfd, &ev) < 0) {
		give_up(w, x);
		return -1;
	}
	/* The thread may have its end already: it waits for the lock. */
	if (w->count == w->room) {
		w->room = 2 * w->room + 16;
		w->watches = tally_realloc_array(w->watches, w->room, sizeof(*w->watches));
	}
	w->watches[w->count++] = *x;
	return 1;
}

static int
watch(struct process_watch *w, const uint8_t uuid[TALLY_UUID], uint32_t pid, uint64_t start_ticks,
      bool tell)
{
	struct watch x = { .pid = pid, .start_ticks = start_ticks };
	int rc;
	if (pid == 0)
		return -1;
	memcpy(x.uuid, uuid, TALLY_UUID);
	pthread_mutex_lock(&w->lock);
	rc = watched(w, &x) ? 1 : add(w, &x);
	if (rc == 0 && tell)
		put_exit(w, &x, tally_clock_now(w->clock));
	pthread_mutex_unlock(&w->lock);
	return rc;
}

void
process_watch_add(struct process_watch *w, const uint8_t uuid[TALLY_UUID], uint32_t pid,
		  uint64_t start_ticks)
{
	(void)watch(w, uuid, pid, start_ticks, true);
}

int
process_watch_try(struct process_watch *w, const uint8_t uuid[TALLY_UUID], uint32_t pid,
		  uint64_t start_ticks)
{
	return watch(w, uuid, pid, start_ticks, false);
}

int
process_watch_next(struct process_watch *w, struct tally_observation *out)
{
	uint64_t n;
	int found = 0;
	pthread_mutex_lock(&w->lock);
	if (w->first < w->ended) {
		*out = w->exits[w->first++];
		found = 1;
	} else {
		(void)!read(w->ready, &n, sizeof(n));
	}
	pthread_mutex_unlock(&w->lock);
	return found;
}

int
process_watch_fd(const struct process_watch *w)
{
	return w->ready;
}

size_t
process_watch_count(struct process_watch *w)
{
	size_t n;
	pthread_mutex_lock(&w->lock);
	n = w->count;
	pthread_mutex_unlock(&w->lock);
	return n;
}
