/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring. Invariants: used <= slots; `lost` counts what came while it was
 * full, and is reported once the ring has drained to that point.
 */
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tally/err.h"

struct ring {
	pthread_mutex_t lock;
	struct tally_observation *slot;
	size_t slots, first, used;
	uint64_t lost;
	struct tally_now lost_at; /* the first that was lost */
	int fd;
};

struct ring *
ring_new(size_t slots, struct tally_err *err)
{
	struct ring *r = tally_alloc(sizeof(*r));
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->fd < 0) {
		(void)tally_err_sys(err, "eventfd");
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->slot = tally_alloc(slots * sizeof(*r->slot));
	r->slots = slots;
	return r;
}

void
ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	close(r->fd);
	pthread_mutex_destroy(&r->lock);
	free(r->slot);
	free(r);
}

void
ring_put(struct ring *r, const struct tally_observation *o)
{
	pthread_mutex_lock(&r->lock);
	if (r->used == r->slots || r->lost > 0) {
		if (r->lost++ == 0)
			r->lost_at = o->at;
	} else {
		r->slot[(r->first + r->used++) % r->slots] = *o;
	}
	pthread_mutex_unlock(&r->lock);
	/* The counter cannot overflow: get() empties it. */
	(void)!write(r->fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

int
ring_get(struct ring *r, struct tally_observation *out)
{
	int found = 1;
	pthread_mutex_lock(&r->lock);
	if (r->used > 0) {
		*out = r->slot[r->first];
		r->first = (r->first + 1) % r->slots;
		r->used--;
	} else if (r->lost > 0) {
		*out = (struct tally_observation){ .kind = TALLY_OBS_OVERFLOW,
						   .at = r->lost_at,
						   .lost = r->lost };
		r->lost = 0;
	} else {
		uint64_t n;
		(void)!read(r->fd, &n, sizeof(n));
		found = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

int
ring_fd(const struct ring *r)
{
	return r->fd;
}
