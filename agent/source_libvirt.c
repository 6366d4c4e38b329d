/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libvirt source. A read-only connection is enough for listing and
 * lifecycle events, so no more is taken. libvirt's own event loop runs in one
 * thread of the process; its callbacks only copy into the ring. Calls that
 * block (list, describe) are made by the agent's loop, never by a callback.
 */
#include "source_libvirt.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"
#include "source_libvirt_open.h"
#include "text.h"
#include "topology.h"
#include "tally/err.h"
#include "tally/log.h"

#define RING_SLOTS        16384
#define OPEN_SECONDS      3 /* a stop waits no longer */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_COUNT   3

struct libvirt_source {
	char *uri;
	const struct tally_clock *clock;
	struct ring *ring;
	struct libvirt_opening *opening;
	virConnectPtr conn;
	int callback;
	atomic_int refs; /* the owner's, and libvirt's while events are registered */
};

/* libvirt calls it when it will use the callback's pointer no more. */
static void
source_unref(void *ctx)
{
	struct libvirt_source *s = ctx;
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	ring_free(s->ring);
	free(s->uri);
	free(s);
}

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

static void
copy_domain(struct tally_domain *out, virDomainPtr dom)
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
	copy_domain(&o.domain, dom);
	ring_put(s->ring, &o);
	return 0;
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

static void
source_disconnect(void *ctx)
{
	struct libvirt_source *s = ctx;
	if (s->conn == NULL)
		return;
	if (s->callback >= 0)
		(void)virConnectDomainEventDeregisterAny(s->conn, s->callback);
	(void)virConnectUnregisterCloseCallback(s->conn, on_close);
	(void)virConnectClose(s->conn);
	s->conn = NULL;
	s->callback = -1;
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
	/* No reference for this one: unregistering waits for a call under way, and
	 * drivers without a wire take the callback and never give it back. */
	if (virConnectRegisterCloseCallback(s->conn, on_close, s, NULL) < 0) {
		(void)libvirt_error(err, "close callback");
		goto fail;
	}
	atomic_fetch_add(&s->refs, 1);
	s->callback = virConnectDomainEventRegisterAny(s->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
						       VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), s,
						       source_unref);
	if (s->callback < 0) {
		atomic_fetch_sub(&s->refs, 1);
		(void)libvirt_error(err, "register for lifecycle events");
		goto fail;
	}
	return 0;
fail:
	source_disconnect(s);
	return -1;
}

/* The guest's libosinfo URI: the operator's claim, in the domain's metadata. */
static void
read_os(char *out, size_t size, const char *xml)
{
	xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), "domain.xml", NULL,
				      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlXPathContextPtr xpath = doc != NULL ? xmlXPathNewContext(doc) : NULL;
	xmlChar *id = NULL;
	out[0] = '\0';
	if (xpath != NULL) {
		xmlXPathObjectPtr found = xmlXPathEvalExpression(
			(const xmlChar *)"string(/domain/metadata/*[local-name()='libosinfo']/"
					 "*[local-name()='os']/@id)",
			xpath);
		if (found != NULL)
			id = xmlStrdup(found->stringval);
		xmlXPathFreeObject(found);
	}
	/* Longer than any real URI is no claim that we could keep whole. */
	if (id != NULL && (size_t)xmlStrlen(id) < size)
		text_copy(out, size, (const char *)id);
	xmlFree(id);
	xmlXPathFreeContext(xpath);
	xmlFreeDoc(doc);
}

/* 1 filled, 0 it went away meanwhile. One that cannot be asked is there all the
 * same, in a state that nobody knows. */
static int
fill_domain(struct tally_domain *out, virDomainPtr dom)
{
	virDomainInfo info;
	int state, reason;
	char *xml;
	copy_domain(out, dom);
	if (virDomainGetState(dom, &state, &reason, 0) < 0 || virDomainGetInfo(dom, &info) < 0) {
		out->state = TALLY_ST_UNKNOWN;
		return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? 0 : 1;
	}
	out->state = source_libvirt_state(state, reason, &out->cause);
	out->vcpus = info.nrVirtCpu;
	out->memory_mib = info.maxMem / 1024;
	xml = virDomainGetXMLDesc(dom, 0);
	if (xml != NULL)
		read_os(out->os, sizeof(out->os), xml);
	free(xml);
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
	for (int i = 0; i < count; i++) {
		*n += (size_t)fill_domain(&(*out)[*n], doms[i]);
		(void)virDomainFree(doms[i]);
	}
	free(doms);
	if (virConnectIsAlive(s->conn) == 1)
		return 0;
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
	found = fill_domain(out, dom);
	(void)virDomainFree(dom);
	return found;
}

static int
source_facts(void *ctx, struct tally_host_view *out, struct tally_err *err)
{
	struct libvirt_source *s = ctx;
	virNodeInfo node;
	unsigned long hv = 0, lib = 0;
	const char *type;
	memset(out, 0, sizeof(*out));
	if (s->conn == NULL || virNodeGetInfo(s->conn, &node) < 0)
		return libvirt_error(err, "node information");
	type = virConnectGetType(s->conn);
	(void)virConnectGetVersion(s->conn, &hv);
	(void)virConnectGetLibVersion(s->conn, &lib);
	(void)snprintf(out->manager, sizeof(out->manager), "libvirt %lu.%lu.%lu %s %lu.%lu.%lu",
		       lib / 1000000, lib / 1000 % 1000, lib % 1000, type != NULL ? type : "?",
		       hv / 1000000, hv / 1000 % 1000, hv % 1000);
	out->hypervisor = type == NULL                ? 5
			  : strcmp(type, "QEMU") == 0 ? 1
			  : strcmp(type, "Xen") == 0  ? 2
						      : 5;
	if (topology_read(out, "/sys/devices/system/cpu", "/proc/cpuinfo",
			  "/sys/class/dmi/id/product_name") == 0)
		return 0;
	/* No sysfs: what libvirt says, NUMA nodes times sockets. */
	out->sockets = (size_t)node.nodes * node.sockets;
	if (out->sockets > sizeof(out->cores_per_socket) / sizeof(*out->cores_per_socket))
		return tally_err_set(err, TALLY_SYS, "libvirt: %zu sockets", out->sockets);
	for (size_t i = 0; i < out->sockets; i++)
		out->cores_per_socket[i] = node.cores;
	out->threads_per_core = node.threads;
	return 0;
}

static int
source_next(void *ctx, struct tally_observation *out)
{
	return ring_get(((struct libvirt_source *)ctx)->ring, out);
}

static int
source_fd(void *ctx)
{
	return ring_fd(((struct libvirt_source *)ctx)->ring);
}

static void
source_free(void *ctx)
{
	struct libvirt_source *s = ctx;
	source_disconnect(s);
	libvirt_open_abandon(s->opening);
	source_unref(s);
}

int
source_libvirt_new(struct tally_source *out, const char *uri, const struct tally_clock *clock,
		   struct tally_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct libvirt_source *s;
	pthread_once(&once, start_event_loop);
	if (event_loop_status != 0)
		return libvirt_error(err, "event loop");
	s = tally_alloc(sizeof(*s));
	s->ring = ring_new(RING_SLOTS, err);
	if (s->ring == NULL) {
		free(s);
		return -1;
	}
	s->uri = tally_strdup(uri);
	s->clock = clock;
	s->callback = -1;
	atomic_init(&s->refs, 1);
	*out = (struct tally_source){ .ctx = s,
				      .connect = source_connect,
				      .disconnect = source_disconnect,
				      .list = source_list,
				      .describe = source_describe,
				      .facts = source_facts,
				      .next = source_next,
				      .fd = source_fd,
				      .free = source_free };
	return 0;
}
