/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as two observers see it: the kernel in sysfs, which is what is
 * recorded, and libvirt in its capabilities, which is what doubts it. libvirt may
 * try emulators of the host before it answers with these or with a version, which
 * takes seconds; so a thread of its own asks, over a connection of its own, and
 * what it hears counts from then on. The last of thread and source frees the
 * question.
 */
#include "source_libvirt_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source_libvirt_xml.h"
#include "topology.h"
#include "tally/err.h"
#include "tally/wait.h"

#define PATIENCE_MS 200 /* in most cases it answers in fifty */

struct libvirt_question {
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool done, left; /* by the thread, by the source */
	bool told;
	char *uri;
	struct tally_host_view view;
	unsigned long version; /* 0 unknown */
};

static void
question_free(struct libvirt_question *q)
{
	pthread_cond_destroy(&q->end);
	pthread_mutex_destroy(&q->lock);
	free(q->uri);
	free(q);
}

static void *
ask_thread(void *ctx)
{
	struct libvirt_question *q = ctx;
	struct tally_host_view view = { 0 };
	virConnectPtr conn = virConnectOpenReadOnly(q->uri);
	char *xml = conn != NULL ? virConnectGetCapabilities(conn) : NULL;
	bool last, told = xml != NULL && libvirt_xml_topology(&view, xml, strlen(xml)) == 0;
	unsigned long version = 0;
	if (conn != NULL)
		(void)virConnectGetVersion(conn, &version);
	free(xml);
	if (conn != NULL)
		(void)virConnectClose(conn);
	pthread_mutex_lock(&q->lock);
	q->view = view;
	q->told = told;
	q->version = version;
	q->done = true;
	last = q->left;
	pthread_cond_signal(&q->end);
	pthread_mutex_unlock(&q->lock);
	if (last)
		question_free(q);
	return NULL;
}

/* NULL where no thread can be had: then nobody doubts. */
static struct libvirt_question *
ask(const char *uri)
{
	struct libvirt_question *q = tally_alloc(sizeof(*q));
	pthread_t thread;
	q->uri = tally_strdup(uri);
	pthread_mutex_init(&q->lock, NULL);
	tally_cond_init(&q->end);
	if (pthread_create(&thread, NULL, ask_thread, q) != 0) {
		question_free(q);
		return NULL;
	}
	pthread_detach(thread);
	return q;
}

void
libvirt_question_leave(struct libvirt_question *q)
{
	bool last;
	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	q->left = true;
	last = q->done;
	pthread_mutex_unlock(&q->lock);
	if (last)
		question_free(q);
}

/* Takes the answer where it is there, or comes soon. */
static void
listen(struct libvirt_source *s)
{
	struct timespec until;
	bool done;
	int rc = 0;
	until = tally_deadline((struct tally_span){ PATIENCE_MS * 1000000L });
	pthread_mutex_lock(&s->question->lock);
	while (!s->question->done && rc == 0)
		rc = pthread_cond_timedwait(&s->question->end, &s->question->lock, &until);
	done = s->question->done;
	if (done && s->question->version != 0)
		s->version = s->question->version;
	if (done && s->question->told) {
		s->manager = s->question->view;
		s->manager_told = true;
	}
	pthread_mutex_unlock(&s->question->lock);
	if (!done)
		return;
	libvirt_question_leave(s->question);
	s->question = NULL;
}

/* Once a connection: another libvirt may count otherwise. */
static void
learn_manager(struct libvirt_source *s)
{
	if (!s->asked) {
		if (s->question == NULL)
			s->question = ask(s->uri);
		s->asked = true;
	}
	if (s->question != NULL)
		listen(s);
}

/* Where neither tells a topology: NUMA nodes times sockets. */
static int
node_topology(struct tally_host_view *out, virConnectPtr conn, struct tally_err *err)
{
	virNodeInfo node;
	size_t sockets;
	if (virNodeGetInfo(conn, &node) < 0)
		return libvirt_error(err, "node information");
	sockets = (size_t)node.nodes * node.sockets;
	if (sockets > sizeof(out->cores_per_socket) / sizeof(*out->cores_per_socket))
		return tally_err_set(err, TALLY_SYS, "libvirt: %zu sockets", sockets);
	out->sockets = sockets;
	for (size_t i = 0; i < sockets; i++)
		out->cores_per_socket[i] = node.cores;
	out->threads_per_core = node.threads;
	return 0;
}

/* "libvirt 9.0.0 QEMU 7.2.22"; without the second version while it is unknown. */
static void
manager_name(char *out, size_t size, unsigned long lib, const char *type, unsigned long version)
{
	int n = snprintf(out, size, "libvirt %lu.%lu.%lu %s", lib / 1000000, lib / 1000 % 1000,
			 lib % 1000, type);
	if (version != 0 && n > 0 && (size_t)n < size)
		(void)snprintf(out + n, size - (size_t)n, " %lu.%lu.%lu", version / 1000000,
			       version / 1000 % 1000, version % 1000);
}

int
libvirt_facts(struct libvirt_source *s, struct tally_host_view *out, struct tally_err *err)
{
	unsigned long lib = 0;
	const char *type;
	memset(out, 0, sizeof(*out));
	if (s->conn == NULL || virConnectGetLibVersion(s->conn, &lib) < 0)
		return libvirt_error(err, "version");
	type = virConnectGetType(s->conn);
	if (type == NULL)
		type = "?";
	out->hypervisor = strcmp(type, "QEMU") == 0 ? 1 : strcmp(type, "Xen") == 0 ? 2 : 5;
	/* Of the others (the test driver) none speaks of this host. */
	if (out->hypervisor != 5)
		learn_manager(s);
	manager_name(out->manager, sizeof(out->manager), lib, type, s->version);
	if (topology_read(out, "/sys/devices/system/cpu", "/proc/cpuinfo",
			  "/sys/class/dmi/id/product_name") == 0) {
		if (s->manager_told)
			topology_compare(out, &s->manager);
		return 0;
	}
	if (!s->manager_told)
		return node_topology(out, s->conn, err);
	memcpy(out->cores_per_socket, s->manager.cores_per_socket, sizeof(out->cores_per_socket));
	out->sockets = s->manager.sockets;
	out->threads_per_core = s->manager.threads_per_core;
	return 0;
}
