/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring. Invariants: used <= slots; `lost` counts what came while it was
 * full, and is reported once the ring has drained to that point.
 */
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tally/err.h"

/* What a callback knows: a fifth of an observation, and there are thousands. */
struct slot {
	enum tally_obs_kind kind;
	struct tally_now at;
	unsigned what, cause;
	uint32_t raw_event, raw_detail;
	int64_t id;
	uint8_t uuid[TALLY_UUID];
	char name[sizeof(((struct tally_domain *)0)->name)];
};

struct ring {
	pthread_mutex_t lock;
	struct slot *slot;
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

static void
pack(struct slot *out, const struct tally_observation *o)
{
	out->kind = o->kind;
	out->at = o->at;
	out->what = o->what;
	out->cause = o->cause;
	out->raw_event = o->raw_event;
	out->raw_detail = o->raw_detail;
	out->id = o->domain.id;
	memcpy(out->uuid, o->domain.uuid, sizeof(out->uuid));
	memcpy(out->name, o->domain.name, sizeof(out->name));
}

static void
unpack(struct tally_observation *out, const struct slot *x)
{
	*out = (struct tally_observation){ .kind = x->kind,
					   .at = x->at,
					   .what = x->what,
					   .cause = x->cause,
					   .raw_event = x->raw_event,
					   .raw_detail = x->raw_detail,
					   .domain.id = x->id };
	memcpy(out->domain.uuid, x->uuid, sizeof(x->uuid));
	memcpy(out->domain.name, x->name, sizeof(x->name));
}

void
ring_put(struct ring *r, const struct tally_observation *o)
{
	pthread_mutex_lock(&r->lock);
	if (r->used == r->slots || r->lost > 0) {
		if (r->lost++ == 0)
			r->lost_at = o->at;
	} else {
		pack(&r->slot[(r->first + r->used++) % r->slots], o);
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
		unpack(out, &r->slot[r->first]);
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
ring_first(struct ring *r, struct tally_now *at)
{
	int found = 1;
	pthread_mutex_lock(&r->lock);
	if (r->used > 0)
		*at = r->slot[r->first].at;
	else if (r->lost > 0)
		*at = r->lost_at;
	else
		found = 0;
	pthread_mutex_unlock(&r->lock);
	return found;
}

int
ring_fd(const struct ring *r)
{
	return r->fd;
}
