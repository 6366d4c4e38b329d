/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one host was doing: its VMs by UUID, their runs, its boot, its last
 * instant. A VM stays known after its run, for the number of that run. A VM
 * runs where its epoch is the host's: a new epoch ends all runs at once.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"
#include "tally/time.h"
#include "record.h"

struct vm {
	uint8_t uuid[TALLY_UUID]; /* first: the key of the tree */
	uint64_t run, begin;
	uint64_t epoch; /* 0 does not run */
};

struct record_state {
	void *vms;
	uint64_t epoch; /* from 1 */
	uint64_t runs;  /* the highest number given */
	uint64_t last;
	bool has_last;
	char *boot;
};

struct record_state *
record_state_new(void)
{
	struct record_state *s = tally_alloc(sizeof(*s));

	s->epoch = 1;
	return s;
}

void
record_state_free(struct record_state *s)
{
	if (!s)
		return;
	tdestroy(s->vms, free);
	free(s->boot);
	free(s);
}

static int
compare_vm(const void *a, const void *b)
{
	return memcmp(a, b, TALLY_UUID);
}

static struct vm *
find_vm(struct record_state *s, const uint8_t uuid[TALLY_UUID])
{
	struct vm *const *node = tfind(uuid, &s->vms, compare_vm);

	return node ? *node : NULL;
}

static struct vm *
need_vm(struct record_state *s, const uint8_t uuid[TALLY_UUID])
{
	struct vm *vm = find_vm(s, uuid);

	if (vm)
		return vm;
	vm = tally_alloc(sizeof(*vm));
	memcpy(vm->uuid, uuid, TALLY_UUID);
	if (!tsearch(vm, &s->vms, compare_vm))
		abort();
	return vm;
}

static bool
runs(const struct record_state *s, const struct vm *vm)
{
	return vm && vm->epoch == s->epoch;
}

/* A boot that is told for the first time changes nothing. */
static void
take_boot(struct record_state *s, struct tally_bytes boot)
{
	if (!boot.p)
		return;
	if (s->boot && !tally_bytes_eq(boot, tally_bytes_str(s->boot)))
		s->epoch++;
	free(s->boot);
	s->boot = tally_strndup((const char *)boot.p, boot.len);
}

static void
take_vm(struct record_state *s, const struct tally_event *ev, uint64_t instant)
{
	struct vm *vm;

	if (!ev->i.has_vm)
		return;
	vm = need_vm(s, ev->i.vm);
	switch (ev->kind) {
	case TALLY_BASELINE:
		if (runs(s, vm))
			break;
		/* fall through */
	case TALLY_STARTED:
	case TALLY_MIGRATED_IN:
		vm->run = s->runs + 1;
		vm->begin = instant;
		vm->epoch = s->epoch;
		break;
	case TALLY_STOPPED:
	case TALLY_MIGRATED_OUT:
		vm->epoch = 0;
		break;
	default:
		break;
	}
	if (ev->m.has_run)
		vm->run = ev->m.run;
	if (vm->run > s->runs)
		s->runs = vm->run;
}

void
record_state_take(struct record_state *s, const struct tally_event *ev, uint64_t instant)
{
	if (!s->has_last || instant > s->last)
		s->last = instant;
	s->has_last = true;
	switch (ev->kind) {
	case TALLY_HOST_FACTS:
	case TALLY_HOST_BOOT:
		take_boot(s, ev->m.boot);
		break;
	case TALLY_HOST_RETIRED:
	case TALLY_HOST_FAILED:
		s->epoch++;
		break;
	default:
		take_vm(s, ev, instant);
	}
}

static bool
needs_run(const struct tally_event *ev)
{
	switch (ev->kind) {
	case TALLY_STOPPED:
	case TALLY_SUSPENDED:
	case TALLY_RESUMED:
	case TALLY_REBOOTED:
	case TALLY_CONFIG:
	case TALLY_MIGRATED_OUT:
	case TALLY_ROLE:
		return true;
	case TALLY_OS_CLAIM:
	case TALLY_SOFTWARE:
	case TALLY_TAGS:
		return !ev->m.has_from; /* a correction may come when the VM is gone */
	default:
		return false;
	}
}

static void
instant_text(char out[TALLY_TIME_TEXT], uint64_t instant)
{
	tally_wall_text(out, (struct tally_wall){ (int64_t)instant });
}

int
record_state_check(struct record_state *s, const struct record_parser *p,
		   const struct record_line *l, uint64_t *run, struct tally_err *err)
{
	const struct tally_event *ev = &l->ev;
	const struct vm *vm = ev->i.has_vm ? find_vm(s, ev->i.vm) : NULL;
	char a[TALLY_TIME_TEXT], b[TALLY_TIME_TEXT];

	instant_text(b, ev->m.time);
	if (s->has_last && ev->m.time < s->last) {
		instant_text(a, s->last);
		return record_fault(p, l, "time", true, err,
				    "the time goes back: the last event of this host was at %s", a);
	}
	if (needs_run(ev) && !runs(s, vm))
		return record_fault(p, l, "vm", true, err,
				    "%s of a VM that does not run on this host",
				    record_event_name(ev->kind));
	if (vm && ev->m.has_not_before &&
	    (ev->m.not_before < vm->begin || ev->m.not_before > ev->m.time)) {
		instant_text(a, vm->begin);
		return record_fault(p, l, "not_before", true, err,
				    "'not_before' lies outside the run, %s to %s", a, b);
	}
	record_state_take(s, ev, ev->m.time);
	vm = ev->i.has_vm ? find_vm(s, ev->i.vm) : NULL;
	*run = vm ? vm->run : 0;
	return 0;
}
