/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SOURCE_LIBVIRT_H
#define AGENT_SOURCE_LIBVIRT_H
/* libvirt (QEMU/KVM, and Xen by its libxl driver) over a read-only connection. */
#include "tally/source.h"

/* `pids`: the folder of the manager's pid files; NULL: where the URI says. */
int source_libvirt_new(struct tally_source *out, const char *uri, const char *pids,
		       const struct tally_clock *clock, struct tally_err *err);

/* What a lifecycle event means: the kind, 0 for one that only calls for a fresh
 * list; `cause` is set. Numbers are libvirt's VIR_DOMAIN_EVENT_*. */
unsigned source_libvirt_meaning(int event, int detail, unsigned *cause);
/* The state of virDomainGetState as ours. */
unsigned source_libvirt_state(int state, int reason, unsigned *cause);

#endif
