/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SOURCE_LIBVIRT_INTERNAL_H
#define AGENT_SOURCE_LIBVIRT_INTERNAL_H
/* The parts of the libvirt source. Of it libvirt's own thread touches `clock` and
 * `ring` only; all else is the agent's loop's. */
#include <libvirt/libvirt.h>
#include <stdatomic.h>

#include "ring.h"
#include "source_libvirt.h"
#include "source_libvirt_open.h"

#define SOURCE_EVENTS 7 /* kinds of libvirt events that are subscribed to */

struct libvirt_source {
	char *uri;
	const struct tally_clock *clock;
	struct ring *ring;
	struct process_watch *watch;
	struct libvirt_vms *vms;
	struct libvirt_opening *opening;
	virConnectPtr conn;
	struct libvirt_question *question; /* about the host, under way */
	bool asked, manager_told;          /* in this connection; once answered */
	struct tally_host_view manager;    /* the last answer */
	unsigned long version;             /* of the hypervisor; 0 unknown */
	bool exited; /* `exit` was taken from the watch, and is not told yet */
	struct tally_observation exit;
	int callbacks[SOURCE_EVENTS]; /* -1 none */
	int epoll;                    /* over the ring's and the watch's descriptors */
	atomic_int refs;              /* the owner's, and libvirt's while events are registered */
};

/* libvirt's own event loop, one a process; -1 where it could not begin. */
int libvirt_event_loop(void);
/* Takes and gives back a reference; libvirt gives its own back when it will use
 * the pointer no more. */
void libvirt_source_ref(struct libvirt_source *s);
void libvirt_source_unref(void *s);

int libvirt_events_register(struct libvirt_source *s, struct tally_err *err);
void libvirt_events_deregister(struct libvirt_source *s);

/* UUID, name and id. */
void libvirt_copy_domain(struct tally_domain *out, virDomainPtr dom);
/* The claims in its XML; false where that cannot be had (then nothing is touched). */
bool libvirt_read_claims(struct tally_domain *out, virDomainPtr dom);
int libvirt_facts(struct libvirt_source *s, struct tally_host_view *out, struct tally_err *err);
struct libvirt_question;
void libvirt_question_leave(struct libvirt_question *q); /* NULL ok */

/*
 * What is remembered of each VM between lists, by UUID and the manager's id: its
 * process, and what stands in its XML. Both cost more than a list may.
 */
struct libvirt_vms;
/* `proc`: "/proc" but in tests; `folder`: of the pid files, NULL where the VMs are
 * not processes of this machine. */
struct libvirt_vms *libvirt_vms_new(const char *proc, const char *folder,
				    struct process_watch *watch, const struct tally_clock *clock);
void libvirt_vms_free(struct libvirt_vms *v); /* NULL ok */
/* Whether their processes can be known here. */
bool libvirt_vms_processes(const struct libvirt_vms *v);
void libvirt_vms_begin(struct libvirt_vms *v); /* a list begins */
void libvirt_vms_end(struct libvirt_vms *v);   /* it was whole: others are forgotten */
/* Fills process, claims and taint of an active domain. `fresh`: reads them now. */
void libvirt_vms_fill(struct libvirt_vms *v, struct tally_domain *d, virDomainPtr dom, bool fresh);
/* A VM that an earlier agent saw, and its process then. */
void libvirt_vms_watch(struct libvirt_vms *v, const struct tally_domain *d);
/* An observation that makes what is remembered old. */
void libvirt_vms_heard(struct libvirt_vms *v, struct tally_observation *o);
void libvirt_vms_forget(struct libvirt_vms *v); /* all claims are read again */
/* The processes that are none of the VMs'; `conn` is asked once more for each. */
size_t libvirt_vms_unmanaged(struct libvirt_vms *v, virConnectPtr conn, struct tally_process **out);

#endif
