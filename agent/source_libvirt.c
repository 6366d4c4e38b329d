/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libvirt source. A read-only connection is enough for listing and
 * lifecycle events, so no more is taken. Calls that block (list, describe) are
 * made by the agent's loop, never by a callback; none of them speaks to a guest's
 * monitor, so a QEMU that is stopped delays nobody.
 */
#include "source_libvirt.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "process.h"
#include "process_watch.h"
#include "source_libvirt_internal.h"
#include "source_libvirt_uri.h"
#include "tally/err.h"
#include "tally/log.h"

#define RING_SLOTS        16384
#define OPEN_SECONDS      3 /* a stop waits no longer */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_COUNT   3

void
libvirt_source_ref(struct libvirt_source *s)
{
	atomic_fetch_add(&s->refs, 1);
}

void
libvirt_source_unref(void *ctx)
{
	struct libvirt_source *s = ctx;
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	ring_free(s->ring);
	free(s->uri);
	free(s);
}

static void
source_disconnect(void *ctx)
{
	struct libvirt_source *s = ctx;
	if (s->conn == NULL)
		return;
	libvirt_events_deregister(s);
	(void)virConnectClose(s->conn);
	s->conn = NULL;
	s->asked = false;
}

static int
source_connect(void *ctx, struct tally_err *err)
{
	struct libvirt_source *s = ctx;
	source_disconnect(s);
	if (libvirt_open(&s->opening, s->uri, (struct tally_span){ OPEN_SECONDS * TALLY_SECOND },
			 &s->conn, err) < 0)
		return -1;
	/* Drivers without a wire (test:///) have no keepalive, and need none;
	 * with the others it bounds each call from here on. */
	if (virConnectSetKeepAlive(s->conn, KEEPALIVE_SECONDS, KEEPALIVE_COUNT) < 0)
		tally_log(TALLY_LOG_WARNING, "libvirt: %s: no keepalive", s->uri);
	if (libvirt_events_register(s, err) < 0) {
		source_disconnect(s);
		return -1;
	}
	libvirt_vms_forget(s->vms); /* nobody told what changed meanwhile */
	return 0;
}

/* 1 filled, 0 it went away meanwhile. One that cannot be asked is there all the
 * same, in a state that nobody knows. */
static int
fill_domain(struct libvirt_source *s, struct tally_domain *out, virDomainPtr dom, bool fresh)
{
	virDomainInfo info;
	int state, reason;
	libvirt_copy_domain(out, dom);
	if (virDomainGetState(dom, &state, &reason, 0) < 0 || virDomainGetInfo(dom, &info) < 0) {
		out->state = TALLY_ST_UNKNOWN;
		if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
			return 0;
	} else {
		out->state = source_libvirt_state(state, reason, &out->cause);
		out->vcpus = info.nrVirtCpu;
		out->memory_mib = info.maxMem / 1024;
	}
	if (out->id >= 0)
		libvirt_vms_fill(s->vms, out, dom, fresh);
	else if (fresh)
		(void)libvirt_read_claims(out, dom);
	return 1;
}

static int
source_list(void *ctx, struct tally_domain **out, size_t *n, struct tally_err *err)
{
	struct libvirt_source *s = ctx;
	virDomainPtr *doms = NULL;
	int count = s->conn != NULL ? virConnectListAllDomains(s->conn, &doms,
							       VIR_CONNECT_LIST_DOMAINS_ACTIVE)
				    : -1;
	if (count < 0)
		return libvirt_error(err, "list domains");
	*out = tally_realloc_array(NULL, (size_t)count + 1, sizeof(**out));
	*n = 0;
	libvirt_vms_begin(s->vms);
	for (int i = 0; i < count; i++) {
		*n += (size_t)fill_domain(s, &(*out)[*n], doms[i], false);
		(void)virDomainFree(doms[i]);
	}
	free(doms);
	if (virConnectIsAlive(s->conn) == 1) {
		libvirt_vms_end(s->vms);
		return 0;
	}
	/* Domains that did not answer are not domains that are gone. */
	free(*out);
	*out = NULL;
	return tally_err_set(err, TALLY_SYS, "libvirt: the connection was lost while listing");
}

static int
source_describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out,
		struct tally_err *err)
{
	struct libvirt_source *s = ctx;
	virDomainPtr dom = s->conn != NULL ? virDomainLookupByUUID(s->conn, uuid) : NULL;
	int found;
	if (dom == NULL) {
		const virError *e = virGetLastError();
		if (s->conn != NULL && e != NULL && e->code == VIR_ERR_NO_DOMAIN)
			return 0;
		return libvirt_error(err, "look up a domain");
	}
	found = fill_domain(s, out, dom, true);
	(void)virDomainFree(dom);
	return found;
}

static int
source_facts(void *ctx, struct tally_host_view *out, struct tally_err *err)
{
	return libvirt_facts(ctx, out, err);
}

/* In the order of time: however late somebody asks, a process ended before the
 * manager told of it, and its instant is the end's. */
static int
source_next(void *ctx, struct tally_observation *out)
{
	struct libvirt_source *s = ctx;
	struct tally_now told;
	if (!s->exited)
		s->exited = process_watch_next(s->watch, &s->exit) == 1;
	if (s->exited &&
	    (ring_first(s->ring, &told) == 0 || s->exit.at.uptime.ns <= told.uptime.ns)) {
		*out = s->exit;
		s->exited = false;
		return 1;
	}
	if (ring_get(s->ring, out) == 0)
		return 0;
	libvirt_vms_heard(s->vms, out);
	return 1;
}

static int
source_fd(void *ctx)
{
	return ((struct libvirt_source *)ctx)->epoll;
}

static int
source_unmanaged(void *ctx, struct tally_process **out, size_t *n, struct tally_err *err)
{
	struct libvirt_source *s = ctx;
	if (s->conn == NULL)
		return tally_err_set(err, TALLY_SYS, "libvirt: not connected");
	*n = libvirt_vms_unmanaged(s->vms, s->conn, out);
	if (virConnectIsAlive(s->conn) == 1)
		return 0;
	free(*out);
	*out = NULL;
	return tally_err_set(err, TALLY_SYS, "libvirt: the connection was lost meanwhile");
}

static int
source_cpu_time(void *ctx, const struct tally_domain *vm, uint64_t *ns)
{
	(void)ctx;
	return process_cpu_time(ns, "/proc", vm->pid, vm->start_ticks);
}

static void
source_watch(void *ctx, const struct tally_domain *vm)
{
	libvirt_vms_watch(((struct libvirt_source *)ctx)->vms, vm);
}

static void
source_free(void *ctx)
{
	struct libvirt_source *s = ctx;
	source_disconnect(s);
	libvirt_open_abandon(s->opening);
	libvirt_question_leave(s->question);
	libvirt_vms_free(s->vms);
	process_watch_free(s->watch);
	if (s->epoll >= 0)
		close(s->epoll);
	libvirt_source_unref(s);
}

static int
open_parts(struct libvirt_source *s, const char *pids, struct tally_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };
	char *folder;
	s->ring = ring_new(RING_SLOTS, err);
	s->watch = s->ring != NULL ? process_watch_new(s->clock, err) : NULL;
	if (s->watch == NULL)
		return -1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, ring_fd(s->ring), &ev) < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, process_watch_fd(s->watch), &ev) < 0)
		return tally_err_sys(err, "libvirt source: epoll");
	folder = pids != NULL ? tally_strdup(pids) : libvirt_pid_folder(s->uri);
	s->vms = libvirt_vms_new("/proc", folder, s->watch, s->clock);
	free(folder);
	return 0;
}

int
source_libvirt_new(struct tally_source *out, const char *uri, const char *pids,
		   const struct tally_clock *clock, struct tally_err *err)
{
	struct libvirt_source *s;
	if (libvirt_event_loop() != 0)
		return libvirt_error(err, "event loop");
	s = tally_alloc(sizeof(*s));
	s->uri = tally_strdup(uri);
	s->clock = clock;
	s->epoll = -1;
	for (size_t i = 0; i < SOURCE_EVENTS; i++)
		s->callbacks[i] = -1;
	atomic_init(&s->refs, 1);
	if (open_parts(s, pids, err) < 0) {
		source_free(s);
		return -1;
	}
	*out = (struct tally_source){ .ctx = s,
				      .connect = source_connect,
				      .disconnect = source_disconnect,
				      .list = source_list,
				      .describe = source_describe,
				      .facts = source_facts,
				      .next = source_next,
				      .fd = source_fd,
				      .unmanaged = source_unmanaged,
				      .cpu_time = source_cpu_time,
				      .watch = libvirt_vms_processes(s->vms) ? source_watch : NULL,
				      .free = source_free };
	return 0;
}
