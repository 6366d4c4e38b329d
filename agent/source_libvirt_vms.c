/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of each VM between lists. A list of many VMs comes every ten
 * seconds: it looks once at each known process, reads an XML only where the VM is
 * new or said that its metadata changed, and walks /proc at most once.
 * Invariant: a process here had this start at the last list; another process with
 * its pid, or one that has ended, is looked up again.
 */
#include "source_libvirt_internal.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "process_watch.h"
#include "source_libvirt_xml.h"
#include "text.h"
#include "tally/log.h"

#define WALK_EVERY    (30 * TALLY_SECOND) /* for VMs whose process nobody tells */
#define CLAIMS_EVERY  (600 * TALLY_SECOND)
#define YOUNG_SECONDS 5 /* a process that the manager may not list yet */

struct known {
	struct tally_domain dom;            /* uuid, id, process, claims, taint */
	bool seen;                          /* in the list under way */
	bool claims, taint;                 /* read, and not changed since */
	struct tally_uptime read_at, since; /* the claims; it is known */
};

struct libvirt_vms {
	char *proc, *folder;
	struct process_watch *watch;
	const struct tally_clock *clock;
	struct known *known;
	size_t count, room;
	struct tally_domain *ended; /* whose processes ended before any list of ours */
	size_t ended_count;
	struct process_guest *guests; /* of the last walk through /proc */
	size_t guests_count;
	bool walked; /* in this list */
	bool told;   /* in the log, that a process is unknown */
	struct tally_uptime walked_at;
};

struct libvirt_vms *
libvirt_vms_new(const char *proc, const char *folder, struct process_watch *watch,
		const struct tally_clock *clock)
{
	struct libvirt_vms *v = tally_alloc(sizeof(*v));
	v->proc = tally_strdup(proc);
	v->folder = folder != NULL ? tally_strdup(folder) : NULL;
	v->watch = watch;
	v->clock = clock;
	return v;
}

void
libvirt_vms_free(struct libvirt_vms *v)
{
	if (v == NULL)
		return;
	free(v->known);
	free(v->ended);
	free(v->guests);
	free(v->folder);
	free(v->proc);
	free(v);
}

bool
libvirt_vms_processes(const struct libvirt_vms *v)
{
	return v->folder != NULL;
}

void
libvirt_vms_begin(struct libvirt_vms *v)
{
	v->walked = false;
	for (size_t i = 0; i < v->count; i++)
		v->known[i].seen = false;
}

void
libvirt_vms_end(struct libvirt_vms *v)
{
	size_t n = 0;
	for (size_t i = 0; i < v->count; i++)
		if (v->known[i].seen)
			v->known[n++] = v->known[i];
	v->count = n;
	v->ended_count = 0; /* those that are in no list are gone */
}

void
libvirt_vms_watch(struct libvirt_vms *v, const struct tally_domain *d)
{
	if (v->folder == NULL || process_watch_try(v->watch, d->uuid, d->pid, d->start_ticks) != 0)
		return;
	v->ended = tally_realloc_array(v->ended, v->ended_count + 1, sizeof(*v->ended));
	v->ended[v->ended_count++] = *d;
}

/* The manager shows a VM whose process is gone; it has not looked yet. */
static void
tell_ended(struct libvirt_vms *v, const uint8_t uuid[TALLY_UUID])
{
	for (size_t i = 0; i < v->ended_count; i++) {
		const struct tally_domain *d = &v->ended[i];
		if (memcmp(d->uuid, uuid, TALLY_UUID) != 0)
			continue;
		process_watch_add(v->watch, d->uuid, d->pid, d->start_ticks);
		v->ended[i] = v->ended[--v->ended_count];
		return;
	}
}

void
libvirt_vms_forget(struct libvirt_vms *v)
{
	for (size_t i = 0; i < v->count; i++)
		v->known[i].claims = v->known[i].taint = false;
}

static struct known *
find(struct libvirt_vms *v, const struct tally_domain *d)
{
	for (size_t i = 0; i < v->count; i++) {
		struct known *k = &v->known[i];
		if (k->dom.id == d->id && memcmp(k->dom.uuid, d->uuid, TALLY_UUID) == 0)
			return k;
	}
	return NULL;
}

static struct known *
find_or_add(struct libvirt_vms *v, const struct tally_domain *d, bool *is_new)
{
	struct known *k = find(v, d);
	*is_new = k == NULL;
	if (k != NULL)
		return k;
	if (v->count == v->room) {
		v->room = 2 * v->room + 16;
		v->known = tally_realloc_array(v->known, v->room, sizeof(*v->known));
	}
	k = &v->known[v->count++];
	memset(k, 0, sizeof(*k));
	memcpy(k->dom.uuid, d->uuid, TALLY_UUID);
	k->dom.id = d->id;
	k->since = tally_clock_now(v->clock).uptime;
	return k;
}

/* Walks through /proc, at most once a list; seldom where nothing new asks. */
static void
walk(struct libvirt_vms *v, bool is_new)
{
	struct tally_uptime now = tally_clock_now(v->clock).uptime;
	if (v->walked || (!is_new && v->guests != NULL && now.ns - v->walked_at.ns < WALK_EVERY))
		return;
	free(v->guests);
	v->guests_count = process_guests(&v->guests, v->proc);
	v->walked = true;
	v->walked_at = now;
}

/* The manager's own word first; where it may not be read, or speaks of another
 * pid namespace, the command lines. */
static int
find_process(struct libvirt_vms *v, struct process_guest *out, const struct tally_domain *d,
	     const char *name, bool is_new)
{
	const struct process_guest *g;
	uint32_t pid;
	int rc = process_pid_file(&pid, v->folder, name);
	if (rc == 0)
		return 0;
	if (rc == 1 && process_guest_read(out, v->proc, pid) == 1 && out->has_uuid &&
	    memcmp(out->uuid, d->uuid, TALLY_UUID) == 0)
		return 1;
	walk(v, is_new);
	g = process_guest_pick(v->guests, v->guests_count, d->uuid, d->name);
	if (g == NULL)
		return 0;
	*out = *g;
	return 1;
}

/* A VM that starts or ends has none for a moment; one that never has any lets the
 * operator know, once. */
static void
tell_unknown(struct libvirt_vms *v, const struct known *k)
{
	if (v->told || tally_clock_now(v->clock).uptime.ns - k->since.ns < WALK_EVERY)
		return;
	tally_log(TALLY_LOG_WARNING,
		  "libvirt: the process of %s is unknown (neither %s nor %s tells it): its end is "
		  "the manager's word",
		  k->dom.name, v->folder, v->proc);
	v->told = true;
}

static void
fill_process(struct libvirt_vms *v, struct known *k, const struct tally_domain *d, const char *name,
	     bool is_new)
{
	struct process_guest g;
	struct process_stat st;
	if (v->folder == NULL)
		return;
	if (k->dom.pid != 0 && process_stat_read(&st, v->proc, k->dom.pid) == 1 &&
	    st.start_ticks == k->dom.start_ticks)
		goto watch;
	k->dom.pid = 0;
	k->dom.start_ticks = 0;
	if (find_process(v, &g, d, name, is_new) != 1) {
		tell_ended(v, d->uuid);
		tell_unknown(v, k);
		return;
	}
	k->dom.pid = g.pid;
	k->dom.start_ticks = g.start_ticks;
watch:
	process_watch_add(v->watch, k->dom.uuid, k->dom.pid, k->dom.start_ticks);
}

/* A VM may live for a few milliseconds; whoever ends it keeps the manager from
 * answering meanwhile. So its process is looked up before anything is asked. */
static void
watch_new(struct libvirt_vms *v, struct tally_domain *d)
{
	bool is_new;
	struct known *k;
	if (v->folder == NULL)
		return; /* nothing to look for, and a storm may name many before a list */
	k = find_or_add(v, d, &is_new);
	if (is_new)
		memcpy(k->dom.name, d->name, sizeof(k->dom.name));
	if (k->dom.pid == 0)
		fill_process(v, k, d, d->name, false);
	/* The manager may have nothing more to say of it than its end. */
	d->pid = k->dom.pid;
	d->start_ticks = k->dom.start_ticks;
}

void
libvirt_vms_heard(struct libvirt_vms *v, struct tally_observation *o)
{
	if (o->kind == TALLY_OBS_OVERFLOW || o->kind == TALLY_OBS_LOST)
		libvirt_vms_forget(v);
	if (o->kind != TALLY_OBS_EVENT)
		return;
	if ((o->what == TALLY_STARTED || o->what == TALLY_RESUMED) && o->domain.id >= 0)
		watch_new(v, &o->domain);
	for (size_t i = 0; i < v->count; i++) {
		struct known *k = &v->known[i];
		if (memcmp(k->dom.uuid, o->domain.uuid, TALLY_UUID) != 0)
			continue;
		if (o->what == TALLY_TAGS || o->what == 0)
			k->claims = false;
		/* A monitor's loadvm is a short pause. */
		if (o->what == TALLY_RESUMED)
			k->taint = false;
	}
}

/* That somebody used the monitor is told in libvirt's words only; they are
 * English where the manager runs without a translation. */
static void
read_taint(struct known *k, virDomainPtr dom)
{
	char **messages = NULL;
	int n = virDomainGetMessages(dom, &messages, VIR_DOMAIN_MESSAGE_TAINTING);
	k->taint = true; /* libvirt before 7.1 tells none: not asked in each list */
	for (int i = 0; i < n; i++) {
		if (strstr(messages[i], "custom monitor") != NULL)
			k->dom.tainted = true;
		free(messages[i]);
	}
	free(messages);
}

bool
libvirt_read_claims(struct tally_domain *out, virDomainPtr dom)
{
	char *xml = virDomainGetXMLDesc(dom, 0);
	if (xml == NULL)
		return false;
	libvirt_xml_claims(out, xml, strlen(xml));
	free(xml);
	return true;
}

void
libvirt_vms_fill(struct libvirt_vms *v, struct tally_domain *d, virDomainPtr dom, bool fresh)
{
	const char *name = virDomainGetName(dom);
	bool is_new;
	struct known *k = find_or_add(v, d, &is_new);
	k->seen = true;
	text_copy(k->dom.name, sizeof(k->dom.name), name);
	fill_process(v, k, d, name != NULL ? name : "", is_new);
	if (fresh || !k->claims ||
	    tally_clock_now(v->clock).uptime.ns - k->read_at.ns >= CLAIMS_EVERY) {
		k->claims = libvirt_read_claims(&k->dom, dom);
		k->read_at = tally_clock_now(v->clock).uptime;
	}
	if (fresh || !k->taint)
		read_taint(k, dom);
	d->pid = k->dom.pid;
	d->start_ticks = k->dom.start_ticks;
	d->tainted = k->dom.tainted;
	memcpy(d->os, k->dom.os, sizeof(d->os));
	memcpy(d->tenant, k->dom.tenant, sizeof(d->tenant));
	memcpy(d->cost_center, k->dom.cost_center, sizeof(d->cost_center));
	memcpy(d->environment, k->dom.environment, sizeof(d->environment));
}

static bool
is_known(const struct libvirt_vms *v, const struct process_guest *g)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct tally_domain *d = &v->known[i].dom;
		if (d->pid != 0 ? d->pid == g->pid && d->start_ticks == g->start_ticks
				: g->has_uuid && memcmp(d->uuid, g->uuid, TALLY_UUID) == 0)
			return true;
	}
	return false;
}

/* A VM that came after the last list, or one that has another process since. */
static bool
is_managed_now(struct libvirt_vms *v, virConnectPtr conn, const struct process_guest *g)
{
	virDomainPtr dom = g->has_uuid ? virDomainLookupByUUID(conn, g->uuid) : NULL;
	struct tally_domain d;
	if (dom == NULL) /* no answer is no word against it */
		return g->has_uuid && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN;
	libvirt_copy_domain(&d, dom);
	if (d.id >= 0)
		libvirt_vms_fill(v, &d, dom, false);
	(void)virDomainFree(dom);
	return d.id >= 0 && is_known(v, g);
}

size_t
libvirt_vms_unmanaged(struct libvirt_vms *v, virConnectPtr conn, struct tally_process **out)
{
	struct process_guest *guests;
	size_t count = v->folder != NULL ? process_guests(&guests, v->proc) : 0, n = 0;
	int64_t now = tally_clock_now(v->clock).uptime.ns;
	*out = tally_realloc_array(NULL, count + 1, sizeof(**out));
	for (size_t i = 0; i < count; i++) {
		const struct process_guest *g = &guests[i];
		if (now - process_started_ns(g->start_ticks) < YOUNG_SECONDS * TALLY_SECOND ||
		    is_known(v, g) || is_managed_now(v, conn, g))
			continue;
		(*out)[n].pid = g->pid;
		(*out)[n].start_ticks = g->start_ticks;
		memcpy((*out)[n].name, g->name, sizeof(g->name));
		n++;
	}
	if (v->folder != NULL)
		free(guests);
	return n;
}
