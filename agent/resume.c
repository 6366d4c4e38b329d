/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the ledger's live entries; imported ones are another's history.
 * Of each kind only those groups are decoded that say something about what is
 * left, of most kinds none; a million entries take a second and a half.
 */
#include "resume.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/err.h"

/* What is known of one VM while reading. */
struct known {
	uint8_t uuid[TALLY_UUID];
	struct machine_run run; /* run.run 0: none open; run.seen: its last record's instant */
	uint64_t gaps;          /* before that record */
	bool saved;
};

struct reading {
	struct resume *out;
	const uint8_t *boot_id;
	void *vms;             /* a tree of struct known by UUID */
	struct tally_buf last; /* metering of the last entry that witnesses */
	struct tally_buf seen; /* and of the last one that witnesses VMs */
	uint64_t seen_wall;
	struct tally_wall *gap_seen; /* what was seen last before each gap */
	uint64_t gaps;
};

static int
by_uuid(const void *a, const void *b)
{
	return memcmp(((const struct known *)a)->uuid, ((const struct known *)b)->uuid, TALLY_UUID);
}

static struct known *
find(struct reading *r, const uint8_t uuid[TALLY_UUID], bool add)
{
	struct known key, *k;
	struct known **found;
	memcpy(key.uuid, uuid, TALLY_UUID);
	found = tfind(&key, &r->vms, by_uuid);
	if (found != NULL || !add)
		return found != NULL ? *found : NULL;
	k = tally_alloc(sizeof(*k));
	memcpy(k->uuid, uuid, TALLY_UUID);
	if (tsearch(k, &r->vms, by_uuid) == NULL)
		abort(); /* out of memory, as everywhere */
	return k;
}

static void
drop(struct reading *r, struct known *k)
{
	tdelete(k, &r->vms, by_uuid);
	free(k);
}

static void
text(char *out, size_t size, struct tally_bytes in)
{
	if (in.p == NULL)
		return; /* not given */
	memset(out, 0, size);
	if (in.len > 0 && in.len < size)
		memcpy(out, in.p, in.len);
}

/* What any record of the VM may give. */
static void
take_fields(struct tally_domain *d, const struct tally_event *ev)
{
	if (ev->m.has_vcpus)
		d->vcpus = ev->m.vcpus;
	if (ev->m.has_memory_mib)
		d->memory_mib = ev->m.memory_mib;
	if (ev->o.has_pid)
		d->pid = ev->o.pid;
	if (ev->o.has_start_ticks)
		d->start_ticks = ev->o.start_ticks;
	text(d->name, sizeof(d->name), ev->i.name);
	text(d->os, sizeof(d->os), ev->m.os);
	text(d->tenant, sizeof(d->tenant), ev->i.tenant);
	text(d->cost_center, sizeof(d->cost_center), ev->i.cost_center);
	text(d->environment, sizeof(d->environment), ev->m.environment);
}

static void
saw(const struct reading *r, struct known *k, const struct tally_event *ev)
{
	k->run.seen.ns = ev->m.has_time ? (int64_t)ev->m.time : r->out->last.wall.ns;
	k->gaps = r->gaps;
}

static void
begin(struct reading *r, const struct tally_event *ev)
{
	struct known *k = find(r, ev->i.vm, true);
	struct tally_domain *d = &k->run.dom;
	k->saved = false;
	if (k->run.run != ev->m.run) { /* a baseline of the same run goes on with its claims */
		memset(&k->run, 0, sizeof(k->run));
		memcpy(d->uuid, ev->i.vm, TALLY_UUID);
		k->run.run = ev->m.run;
	}
	d->id = ev->o.has_domain_id ? ev->o.domain_id : -1;
	d->state = ev->m.has_state ? ev->m.state : TALLY_ST_RUNNING;
	if (d->state == TALLY_ST_RUNNING)
		k->run.migrating = false;
	take_fields(d, ev);
	saw(r, k, ev);
}

static void
end(struct reading *r, struct known *k, const struct tally_event *ev)
{
	if (ev->kind == TALLY_STOPPED && ev->m.cause == TALLY_C_SAVED) {
		k->run.run = 0;
		k->saved = true;
	} else {
		drop(r, k);
	}
}

static void
take_vm(struct reading *r, const struct tally_event *ev)
{
	struct known *k = find(r, ev->i.vm, false);
	if (ev->kind == TALLY_STARTED || ev->kind == TALLY_BASELINE ||
	    ev->kind == TALLY_MIGRATED_IN) {
		begin(r, ev);
		return;
	}
	if (k == NULL || k->run.run == 0 || (ev->m.has_run && ev->m.run != k->run.run))
		return;
	if (ev->kind != TALLY_SHUTDOWN_REQUEST) /* which may be told behind the end */
		saw(r, k, ev);
	switch (ev->kind) {
	case TALLY_RESUMED:
		k->run.dom.state = TALLY_ST_RUNNING;
		k->run.migrating = false;
		break;
	case TALLY_SUSPENDED:
		k->run.dom.state = ev->m.has_state ? ev->m.state : TALLY_ST_PAUSED;
		k->run.migrating =
			ev->m.cause == TALLY_C_MIGRATED || ev->m.cause == TALLY_C_POSTCOPY;
		break;
	case TALLY_CRASHED:
		k->run.dom.state = TALLY_ST_CRASHED;
		break;
	case TALLY_TIME_TRAVEL:
		k->run.dom.tainted |= ev->m.cause == TALLY_C_MONITOR;
		break;
	case TALLY_CONFIG:
	case TALLY_RENAMED:
	case TALLY_OS_CLAIM:
	case TALLY_TAGS:
		if (ev->m.has_run) /* else a correction, or a definition's */
			take_fields(&k->run.dom, ev);
		break;
	case TALLY_STOPPED:
	case TALLY_MIGRATED_OUT:
		end(r, k, ev);
		break;
	default:
		break;
	}
}

/* Nothing runs over a boot; what was saved stays saved. */
static void
end_runs(struct reading *r)
{
	void *old = r->vms;
	r->vms = NULL;
	while (old != NULL) {
		struct known *k = *(struct known **)old;
		tdelete(k, &old, by_uuid);
		k->run.run = 0;
		if (!k->saved)
			free(k);
		else if (tsearch(k, &r->vms, by_uuid) == NULL)
			abort();
	}
}

static void
take_unmanaged(struct resume *out, const struct tally_event *ev)
{
	out->unmanaged = tally_realloc_array(out->unmanaged, out->unmanaged_count + 1,
					     sizeof(*out->unmanaged));
	out->unmanaged[out->unmanaged_count++] =
		(struct resume_process){ ev->o.pid, ev->o.start_ticks };
}

static void
take(struct reading *r, const struct tally_event *ev)
{
	struct resume *out = r->out;
	if (ev->m.has_run && ev->m.run >= out->next_run)
		out->next_run = ev->m.run + 1;
	switch (ev->kind) {
	case TALLY_HOST_BOOT:
		out->same_boot =
			ev->o.boot_id.len == 16 && memcmp(ev->o.boot_id.p, r->boot_id, 16) == 0;
		/* A gap that is open stays so: only a list ends it. */
		out->listed = false;
		out->unmanaged_count = 0;
		end_runs(r);
		break;
	case TALLY_GAP_BEGIN:
		out->gap_open = true;
		break;
	case TALLY_GAP_END:
		out->gap_open = false;
		break;
	case TALLY_UNMANAGED_VM:
		take_unmanaged(out, ev);
		break;
	default:
		if (ev->i.has_vm)
			take_vm(r, ev);
		break;
	}
}

/* The groups of a kind whose content matters. */
static unsigned
groups_read(unsigned kind)
{
	const unsigned metering = 1u << TALLY_METERING, identity = 1u << TALLY_IDENTITY,
		       operations = 1u << TALLY_OPERATIONS;
	switch (kind) {
	case TALLY_STARTED:
	case TALLY_BASELINE:
	case TALLY_MIGRATED_IN:
	case TALLY_CONFIG:
		return metering | identity | operations;
	case TALLY_HOST_BOOT:
	case TALLY_UNMANAGED_VM:
		return operations;
	case TALLY_GAP_BEGIN:
	case TALLY_GAP_END:
		return 0;
	default:
		return metering | identity;
	}
}

static bool
is_read(unsigned kind)
{
	return kind == TALLY_HOST_BOOT || kind == TALLY_GAP_BEGIN || kind == TALLY_GAP_END ||
	       kind == TALLY_UNMANAGED_VM || (kind >= TALLY_DEFINED && kind <= TALLY_ROLE);
}

/* What an agent records before its first list says nothing of any VM. */
static bool
sees_vms(unsigned kind)
{
	return kind != TALLY_AGENT_START && kind != TALLY_AGENT_CONFIG && kind != TALLY_GAP &&
	       kind != TALLY_GAP_BEGIN && kind != TALLY_HOST_FACTS;
}

/* When an entry says that it was, which need not be when it was appended. */
static int
read_instant(struct tally_wall *out, struct tally_bytes metering, int64_t wall,
	     struct tally_arena *arena, struct tally_err *err)
{
	const struct tally_bytes groups[TALLY_GROUPS] = { metering };
	struct tally_event ev = { 0 };
	if (tally_event_decode(&ev, groups, 1u << TALLY_METERING, arena, err) < 0)
		return tally_err_prefix(err, "last entry");
	out->ns = ev.m.has_time ? (int64_t)ev.m.time : wall;
	return 0;
}

static int
read_gap(struct reading *r, struct tally_arena *arena, struct tally_err *err)
{
	r->gap_seen = tally_realloc_array(r->gap_seen, r->gaps + 1, sizeof(*r->gap_seen));
	return read_instant(&r->gap_seen[r->gaps++], tally_buf_view(&r->seen),
			    (int64_t)r->seen_wall, arena, err);
}

/* A claim with a span is an operator's, who may write it while no agent runs: it
 * witnesses nothing. */
static int
is_correction(const struct tally_entry *e, struct tally_arena *arena, struct tally_err *err)
{
	struct tally_event ev = { 0 };
	if (e->header.kind < TALLY_OS_CLAIM || e->header.kind > TALLY_TAGS)
		return 0;
	tally_arena_reset(arena);
	if (tally_event_decode(&ev, e->group, e->mask & 1u << TALLY_METERING, arena, err) < 0)
		return tally_err_prefix(err, "entry %llu", (unsigned long long)e->header.index);
	ev.kind = e->header.kind;
	return tally_event_is_correction(&ev);
}

static int
read_entry(struct reading *r, const struct tally_entry *e, struct tally_arena *arena,
	   struct tally_err *err)
{
	struct tally_event ev = { 0 };
	int aside = is_correction(e, arena, err);
	if (aside != 0)
		return aside < 0 ? -1 : 0;
	r->out->last.wall.ns = (int64_t)e->header.wall;
	r->out->last.uptime.ns = (int64_t)e->header.uptime;
	tally_buf_clear(&r->last);
	tally_buf_add_bytes(&r->last, e->group[TALLY_METERING]);
	if (sees_vms(e->header.kind)) {
		tally_buf_clear(&r->seen);
		tally_buf_add_bytes(&r->seen, e->group[TALLY_METERING]);
		r->seen_wall = e->header.wall;
	}
	r->out->listed |= e->header.kind == TALLY_HEARTBEAT;
	tally_arena_reset(arena);
	if ((e->header.kind == TALLY_GAP || e->header.kind == TALLY_GAP_BEGIN) &&
	    read_gap(r, arena, err) < 0)
		return -1;
	if (!is_read(e->header.kind))
		return 0;
	if (tally_event_decode(&ev, e->group, e->mask & groups_read(e->header.kind), arena, err) <
	    0)
		return tally_err_prefix(err, "entry %llu", (unsigned long long)e->header.index);
	ev.kind = e->header.kind;
	take(r, &ev);
	return 0;
}

static int
read_witnessed(struct reading *r, struct tally_arena *arena, struct tally_err *err)
{
	if (read_instant(&r->out->witnessed, tally_buf_view(&r->last), r->out->last.wall.ns, arena,
			 err) < 0)
		return -1;
	return read_instant(&r->out->seen, tally_buf_view(&r->seen), (int64_t)r->seen_wall, arena,
			    err);
}

/* Entries that witness nothing: an operator's words, and the seal's. */
static bool
is_witness(const struct tally_header *h)
{
	return (h->flags & TALLY_FLAG_IMPORTED) == 0 && !tally_kind_is_apart(h->kind);
}

/*
 * A run was there at its own last record. That others were recorded later says
 * of it that it had not ended three seconds before: so long may an end wait for
 * its cause, or be missing from one list. Behind a gap not even that is so, for
 * those whose baseline does not stand there.
 */
static struct tally_wall
last_seen(const struct reading *r, const struct known *k)
{
	struct tally_wall seen = k->gaps == r->gaps ? r->out->seen : r->gap_seen[k->gaps];
	seen.ns -= MACHINE_EXIT_WAITS;
	return seen.ns > k->run.seen.ns ? seen : k->run.seen;
}

static void
hand_over(const void *node, VISIT which, void *ctx)
{
	struct reading *r = ctx;
	const struct known *k = *(struct known *const *)node;
	struct resume *out = r->out;
	if (which != postorder && which != leaf)
		return;
	if (k->saved)
		memcpy(out->saved[out->saves++], k->uuid, TALLY_UUID);
	else if (k->run.run != 0 && out->same_boot) {
		out->open[out->count] = k->run;
		out->open[out->count++].seen = last_seen(r, k);
	}
}

static void
count_one(const void *node, VISIT which, void *ctx)
{
	(void)node;
	if (which == postorder || which == leaf)
		(*(size_t *)ctx)++;
}

static void
finish(struct reading *r)
{
	size_t n = 1;
	twalk_r(r->vms, count_one, &n);
	r->out->open = tally_realloc_array(NULL, n, sizeof(*r->out->open));
	r->out->saved = tally_realloc_array(NULL, n, sizeof(*r->out->saved));
	twalk_r(r->vms, hand_over, r);
	r->out->listed &= r->out->same_boot;
	if (!r->out->same_boot)
		r->out->unmanaged_count = 0;
}

int
resume_read(struct resume *out, struct tally_store *store, const uint8_t boot_id[16],
	    struct tally_err *err)
{
	struct tally_entries entries = { 0 };
	struct tally_arena *arena = tally_arena_new(16384);
	struct reading r = {
		.out = out, .boot_id = boot_id, .last = TALLY_BUF_INIT, .seen = TALLY_BUF_INIT
	};
	struct tally_entry e;
	uint8_t root[TALLY_HASH];
	uint64_t size;
	int rc = -1, more;
	*out = (struct resume){ .next_run = 1 };
	if (tally_store_head(store, &size, root, err) < 0 ||
	    tally_store_entries(store, 0, size, &entries, err) < 0)
		goto out;
	while ((more = entries.next(entries.ctx, &e, err)) == 1) {
		if (is_witness(&e.header) && read_entry(&r, &e, arena, err) < 0)
			goto out;
	}
	if (more < 0 || read_witnessed(&r, arena, err) < 0)
		goto out;
	finish(&r);
	rc = 0;
out:
	if (entries.close != NULL)
		entries.close(entries.ctx);
	tdestroy(r.vms, free);
	free(r.gap_seen);
	tally_buf_deinit(&r.last);
	tally_buf_deinit(&r.seen);
	tally_arena_free(arena);
	if (rc < 0)
		resume_release(out);
	return rc;
}

void
resume_release(struct resume *r)
{
	free(r->open);
	free(r->saved);
	free(r->unmanaged);
	*r = (struct resume){ 0 };
}

void
resume_adopt(const struct resume *r, struct machine *m)
{
	for (size_t i = 0; i < r->count; i++)
		machine_adopt(m, &r->open[i]);
	for (size_t i = 0; i < r->saves; i++)
		machine_saved(m, r->saved[i]);
	for (size_t i = 0; i < r->unmanaged_count; i++)
		machine_unmanaged_told(m, r->unmanaged[i].pid, r->unmanaged[i].start_ticks);
	if (r->listed)
		machine_continue(m);
	if (r->gap_open)
		machine_resume_gap(m);
}

bool
resume_gap(const struct resume *r, struct tally_now now, struct tally_event *ev)
{
	int64_t from = r->witnessed.ns;
	if (!r->same_boot || from == 0)
		return false;
	*ev = (struct tally_event){ .kind = TALLY_GAP };
	ev->m.reason = tally_bytes_str("agent down");
	/* Where the clock was set back meanwhile, the gap has no place in its time. */
	ev->m.has_from = ev->m.has_to = true;
	ev->m.from = (uint64_t)(from < now.wall.ns ? from : now.wall.ns);
	ev->m.to = (uint64_t)now.wall.ns;
	if (from > now.wall.ns)
		ev->o.detail = tally_bytes_str("the clock was set back");
	return true;
}
