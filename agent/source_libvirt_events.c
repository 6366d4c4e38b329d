/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions. libvirt's own event loop runs in one thread of the process; its
 * callbacks stamp the time and copy into the ring, and no more: a client that
 * lingers makes libvirt drop events without a mark.
 */
#include "source_libvirt_internal.h"

#include <libvirt/virterror.h>
#include <pthread.h>
#include <string.h>

#include "text.h"
#include "tally/err.h"
#include "tally/log.h"

/* raw_event of what is no lifecycle event (docs/FORMAT.md, section 3). */
#define RAW_OTHER 256

static void
quiet(void *ctx, virErrorPtr e)
{
	/* libvirt would print each error; ours are reported once, by the caller. */
	(void)ctx;
	(void)e;
}

static void *
event_thread(void *ctx)
{
	(void)ctx;
	for (;;) {
		if (virEventRunDefaultImpl() < 0)
			tally_log(TALLY_LOG_ERR, "libvirt: the event loop failed once");
	}
	return NULL;
}

/* libvirt's loop is one a process and cannot be taken down: started once. */
static int event_loop_status;
static void
start_event_loop(void)
{
	pthread_t t;
	virSetErrorFunc(NULL, quiet);
	event_loop_status = -1;
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
		return;
	if (pthread_create(&t, NULL, event_thread, NULL) != 0)
		return;
	pthread_detach(t);
	event_loop_status = 0;
}

int
libvirt_event_loop(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_event_loop);
	return event_loop_status;
}

void
libvirt_copy_domain(struct tally_domain *out, virDomainPtr dom)
{
	unsigned id = virDomainGetID(dom);
	memset(out, 0, sizeof(*out));
	(void)virDomainGetUUID(dom, out->uuid);
	text_copy(out->name, sizeof(out->name), virDomainGetName(dom));
	out->id = id == (unsigned)-1 ? -1 : (int64_t)id;
}

static int
on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
	struct libvirt_source *s = opaque;
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .at = tally_clock_now(s->clock) };
	(void)conn;
	o.what = source_libvirt_meaning(event, detail, &o.cause);
	o.raw_event = (uint32_t)event;
	o.raw_detail = (uint32_t)detail;
	libvirt_copy_domain(&o.domain, dom);
	ring_put(s->ring, &o);
	return 0;
}

static void
put_other(struct libvirt_source *s, virDomainPtr dom, int id, int detail)
{
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .at = tally_clock_now(s->clock) };
	o.raw_event = RAW_OTHER + (uint32_t)id;
	o.raw_detail = (uint32_t)detail;
	if (id == VIR_DOMAIN_EVENT_ID_REBOOT) {
		o.what = TALLY_REBOOTED;
		o.cause = TALLY_C_GUEST;
	} else if (id == VIR_DOMAIN_EVENT_ID_METADATA_CHANGE) {
		o.what = TALLY_TAGS;
	}
	libvirt_copy_domain(&o.domain, dom);
	ring_put(s->ring, &o);
}

static void
on_reboot(virConnectPtr conn, virDomainPtr dom, void *opaque)
{
	(void)conn;
	put_other(opaque, dom, VIR_DOMAIN_EVENT_ID_REBOOT, 0);
}

static void
on_metadata(virConnectPtr conn, virDomainPtr dom, int type, const char *uri, void *opaque)
{
	(void)conn;
	(void)uri;
	put_other(opaque, dom, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, type);
}

static void
on_device_added(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
	(void)conn;
	(void)alias;
	put_other(opaque, dom, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, 0);
}

static void
on_device_removed(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
	(void)conn;
	(void)alias;
	put_other(opaque, dom, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, 0);
}

static void
on_tunable(virConnectPtr conn, virDomainPtr dom, virTypedParameterPtr params, int n, void *opaque)
{
	(void)conn;
	(void)params;
	(void)n;
	put_other(opaque, dom, VIR_DOMAIN_EVENT_ID_TUNABLE, 0);
}

static void
on_memory(virConnectPtr conn, virDomainPtr dom, const char *alias, unsigned long long size,
	  void *opaque)
{
	(void)conn;
	(void)alias;
	(void)size;
	put_other(opaque, dom, VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE, 0);
}

static void
on_close(virConnectPtr conn, int reason, void *opaque)
{
	struct libvirt_source *s = opaque;
	struct tally_observation o = { .kind = TALLY_OBS_LOST, .at = tally_clock_now(s->clock) };
	(void)conn;
	o.raw_detail = (uint32_t)reason;
	ring_put(s->ring, &o);
}

/* The first must be had; a manager that has not the others is listed all the same. */
static const struct {
	int id;
	virConnectDomainEventGenericCallback callback;
	const char *name;
} events[SOURCE_EVENTS] = {
	{ VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), "lifecycle" },
	{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot), "reboot" },
	{ VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata),
	  "metadata-change" },
	{ VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device_added),
	  "device-added" },
	{ VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device_removed),
	  "device-removed" },
	{ VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tunable), "tunable" },
	{ VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_memory),
	  "memory-device-size-change" },
};

int
libvirt_events_register(struct libvirt_source *s, struct tally_err *err)
{
	/* No reference for this one: unregistering waits for a call under way, and
	 * drivers without a wire take the callback and never give it back. */
	if (virConnectRegisterCloseCallback(s->conn, on_close, s, NULL) < 0)
		return libvirt_error(err, "close callback");
	for (size_t i = 0; i < SOURCE_EVENTS; i++) {
		libvirt_source_ref(s);
		s->callbacks[i] = virConnectDomainEventRegisterAny(
			s->conn, NULL, events[i].id, events[i].callback, s, libvirt_source_unref);
		if (s->callbacks[i] >= 0)
			continue;
		libvirt_source_unref(s);
		if (i == 0)
			return libvirt_error(err, "register for lifecycle events");
		tally_log(TALLY_LOG_WARNING, "libvirt: %s has no %s events", s->uri,
			  events[i].name);
	}
	return 0;
}

void
libvirt_events_deregister(struct libvirt_source *s)
{
	for (size_t i = 0; i < SOURCE_EVENTS; i++) {
		if (s->callbacks[i] >= 0)
			(void)virConnectDomainEventDeregisterAny(s->conn, s->callbacks[i]);
		s->callbacks[i] = -1;
	}
	(void)virConnectUnregisterCloseCallback(s->conn, on_close);
}
