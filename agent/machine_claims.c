/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the manager's description knows: size, process, and the operator's
 * claims. A claim is recorded when it changes; one that has gone is stated as
 * empty, which is unknown. A manager that cannot be asked changes nothing.
 */
#include "machine_internal.h"

#include <string.h>

static bool
describe(struct machine *m, const struct vm *vm, struct tally_domain *d)
{
	memset(d, 0, sizeof(*d));
	return m->out.describe(m->out.ctx, vm->dom.uuid, d) == 1 && d->id >= 0 &&
	       machine_same(vm, d);
}

void
machine_learn(struct machine *m, struct vm *vm)
{
	struct tally_domain d;
	vm->undescribed = !describe(m, vm, &d);
	if (vm->undescribed)
		return;
	/* The description may not know of the process what a list knew. */
	if (d.pid == 0) {
		d.pid = vm->dom.pid;
		d.start_ticks = vm->dom.start_ticks;
	}
	if (d.name[0] == '\0')
		memcpy(d.name, vm->dom.name, sizeof(d.name));
	memcpy(d.uuid, vm->dom.uuid, TALLY_UUID);
	vm->dom = d;
}

/* Given where it says something, or takes back what was said before. */
static struct tally_bytes
stated(struct vm *vm, unsigned bit, const char *text)
{
	bool was = (vm->told & bit) != 0;
	if (text[0] != '\0')
		vm->told |= bit;
	else
		vm->told &= ~bit;
	return text[0] != '\0' || was ? tally_bytes_str(text) : tally_bytes(NULL, 0);
}

static void
set_os(struct vm *vm, struct tally_event *ev)
{
	ev->m.os = stated(vm, TOLD_OS, vm->dom.os);
	ev->m.has_evidence = ev->m.os.p != NULL;
	ev->m.evidence = ev->m.os.len > 0 ? TALLY_E_OPERATOR : TALLY_E_NONE;
}

void
machine_claims(struct vm *vm, struct tally_event *ev)
{
	set_os(vm, ev);
	ev->i.tenant = stated(vm, TOLD_TENANT, vm->dom.tenant);
	ev->i.cost_center = stated(vm, TOLD_COST_CENTER, vm->dom.cost_center);
	ev->m.environment = stated(vm, TOLD_ENVIRONMENT, vm->dom.environment);
}

static void
tell_tags(struct machine *m, struct vm *vm, const struct tally_domain *was, struct tally_now at,
	  unsigned source, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_TAGS };
	bool any = false;
	if (strcmp(was->tenant, vm->dom.tenant) != 0) {
		ev.i.tenant = stated(vm, TOLD_TENANT, vm->dom.tenant);
		any = true;
	}
	if (strcmp(was->cost_center, vm->dom.cost_center) != 0) {
		ev.i.cost_center = stated(vm, TOLD_COST_CENTER, vm->dom.cost_center);
		any = true;
	}
	if (strcmp(was->environment, vm->dom.environment) != 0) {
		ev.m.environment = stated(vm, TOLD_ENVIRONMENT, vm->dom.environment);
		any = true;
	}
	if (!any)
		return;
	ev.m.has_evidence = true;
	ev.m.evidence = TALLY_E_OPERATOR;
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
}

static void
tell_os(struct machine *m, struct vm *vm, const struct tally_domain *was, struct tally_now at,
	unsigned source, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_OS_CLAIM };
	if (strcmp(was->os, vm->dom.os) == 0)
		return;
	set_os(vm, &ev);
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
}

static void
tell_size(struct machine *m, struct vm *vm, const struct tally_domain *was, struct tally_now at,
	  unsigned source)
{
	struct tally_event ev = { .kind = TALLY_CONFIG };
	if (vm->dom.vcpus == was->vcpus && vm->dom.memory_mib == was->memory_mib)
		return;
	ev.m.has_vcpus = true;
	ev.m.vcpus = vm->dom.vcpus;
	ev.m.has_memory_mib = true;
	ev.m.memory_mib = vm->dom.memory_mib;
	ev.i.name = tally_bytes_str(vm->dom.name);
	machine_emit_vm(m, &ev, vm, at, source);
}

void
machine_learn_again(struct machine *m, struct vm *vm, struct tally_now at, unsigned source,
		    const struct tally_observation *o)
{
	struct tally_domain was = vm->dom;
	machine_learn(m, vm);
	if (vm->run == 0 || vm->undescribed)
		return;
	if (vm->dom.vcpus == 0) {
		vm->dom.vcpus = was.vcpus;
		vm->dom.memory_mib = was.memory_mib;
	}
	tell_size(m, vm, &was, at, source);
	tell_os(m, vm, &was, at, source, o);
	tell_tags(m, vm, &was, at, source, o);
	machine_travel_monitor(m, vm, at, source);
}

void
machine_rename(struct machine *m, struct vm *vm, const char *name, struct tally_now at,
	       unsigned source, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_RENAMED };
	size_t n = strnlen(name, sizeof(vm->dom.name) - 1);
	memcpy(vm->dom.name, name, n);
	vm->dom.name[n] = '\0';
	ev.i.name = tally_bytes_str(vm->dom.name);
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
}

void
machine_compare(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at)
{
	struct tally_domain was = vm->dom;
	if (d->pid != 0 && (vm->dom.pid == 0 || vm->dom.start_ticks == 0)) {
		vm->dom.pid = d->pid;
		vm->dom.start_ticks = d->start_ticks;
	}
	if (vm->undescribed)
		machine_learn_again(m, vm, at, TALLY_SRC_POLL, NULL);
	if (d->vcpus != 0) {
		was = vm->dom;
		vm->dom.vcpus = d->vcpus;
		vm->dom.memory_mib = d->memory_mib;
		tell_size(m, vm, &was, at, TALLY_SRC_POLL);
	}
	if (d->name[0] != '\0' && strcmp(d->name, vm->dom.name) != 0)
		machine_rename(m, vm, d->name, at, TALLY_SRC_POLL, NULL);
	vm->dom.tainted |= d->tainted;
	machine_travel_monitor(m, vm, at, TALLY_SRC_POLL);
}
