/* SPDX-License-Identifier: Apache-2.0 */
/* What entries say of a VM, put into its run; when it begins to count, the
 * settling that follows decides. */
#include "sweep.h"

unsigned
sweep_want(bool live, unsigned kind)
{
	unsigned vm = 1u << TALLY_IDENTITY, how = 1u << TALLY_OPERATIONS;

	switch (kind) {
	case TALLY_STARTED:
	case TALLY_BASELINE:
	case TALLY_MIGRATED_IN:
		return live ? vm | how : vm;
	case TALLY_STOPPED:
	case TALLY_MIGRATED_OUT:
	case TALLY_RESUMED:
	case TALLY_SUSPENDED:
	case TALLY_CRASHED:
	case TALLY_RENAMED:
	case TALLY_CONFIG:
	case TALLY_OS_CLAIM:
	case TALLY_SOFTWARE:
	case TALLY_TAGS:
	case TALLY_ROLE:
	case TALLY_TIME_TRAVEL:
		return vm;
	case TALLY_HOST_FAILED:
	case TALLY_HOST_RETIRED:
	case TALLY_CONFLICT:
	case TALLY_UNMANAGED_VM:
	case TALLY_CLOCK_STEP:
		return vm | how;
	default:
		return 0;
	}
}

static unsigned
state_of(const struct said *m)
{
	switch (m->has_state ? m->state : 0) {
	case TALLY_ST_PAUSED:
		return PAUSED;
	case TALLY_ST_PMSUSPENDED:
		return SUSPENDED;
	case TALLY_ST_CRASHED:
		return CRASHED;
	default:
		return RUNNING;
	}
}

/* Any begin of the VM, anywhere, takes up or overtakes what was saved. */
static void
end_saved(struct sweep *s, struct vm *vm)
{
	for (struct run *r = vm->runs; r; r = r->vm_next) {
		if (!r->saved || r->ended)
			continue;
		r->ended = true;
		residence_unlink(r);
		sweep_change(s, r);
	}
}

static void
take_vcpus(struct run *run, const struct slot *e)
{
	if (slot_has(e, TALLY_BODY_VCPUS))
		run->vcpus = (uint32_t)e->numbers.v[TALLY_BODY_VCPUS];
}

static void
take_claims(struct sweep *s, struct run *run, const struct slot *e)
{
	if (!claims_take(run->claims, e, s->order, run->vm->corrected))
		return;
	resume_change(s->resume, run);
	claims_ref(&run->vm->last, run->claims);
	sweep_change(s, run);
}

static void
on_begin(void *ctx, struct run *run, const struct slot *e)
{
	struct sweep *s = ctx;
	const struct cut *cut = plan_cut(s->plan, run);
	struct vm *vm = run->vm;

	resume_begun(s->resume, run, e);
	end_saved(s, vm);
	run->now.state = NOT_COUNTED;
	run->state = state_of(e->said);
	run->vcpus = 0;
	take_vcpus(run, e);
	run->claims = claims_begin(vm->last, e, s->order, vm->corrected);
	claims_ref(&vm->last, run->claims);
	collect_size(s, run, e->said, true);
	sweep_change(s, run);
	if (!cut)
		return;
	if (cut->at > s->now) {
		sweep_cut(s, run, cut);
		return;
	}
	run->cut = true;
	if (!cut->uncertain)
		return;
	note_uncertain(s, run, cut);
	collect_uncertain(s, run, s->now, cut->stop_at);
}

static void
on_end(void *ctx, struct run *run, int64_t at, enum end_why why, const struct slot *by)
{
	struct sweep *s = ctx;

	resume_ended(s->resume, run, at, why, by);
	note_end(s, run, at, why, by);
	collect_end(s, run, at, why, by);
	if (why == END_OPEN)
		s->left_open++;
	sweep_change(s, run);
	if (why == END_STOPPED && by->said->cause == TALLY_C_SAVED) {
		run->saved = true;
		run->state = SAVED;
		residence_link(run);
	} else {
		run->ended = true;
	}
}

static void
on_go_on(void *ctx, struct run *run, const struct slot *e)
{
	struct sweep *s = ctx;

	end_saved(s, run->vm);
	if (e->said->has_state)
		run->state = state_of(e->said);
	take_vcpus(run, e);
	collect_size(s, run, e->said, false);
	sweep_change(s, run);
	take_claims(s, run, e);
}

const struct residence_ops sweep_ops = { on_begin, on_end, on_go_on };

static void
apply_facts(struct sweep *s, struct part *p, const struct tally_metering *m)
{
	p->cluster = strings_add(s->strings, m->cluster);
	p->region = strings_add(s->strings, m->region);
	for (struct run *r = p->runs; r; r = r->part_next)
		sweep_change(s, r);
}

static void
apply_vm(struct sweep *s, struct run *run, const struct slot *e)
{
	const struct said *m = e->said;

	switch (e->h.kind) {
	case TALLY_RESUMED:
		run->state = RUNNING;
		break;
	case TALLY_SUSPENDED:
		run->state = m->cause == TALLY_C_PMSUSPENDED ? SUSPENDED : PAUSED;
		break;
	case TALLY_CRASHED:
		run->state = CRASHED;
		break;
	case TALLY_CONFIG:
	case TALLY_RENAMED:
		take_vcpus(run, e);
		collect_size(s, run, m, false);
		take_claims(s, run, e);
		break;
	case TALLY_ROLE:
		run->standby = m->role == TALLY_ROLE_STANDBY;
		break;
	case TALLY_OS_CLAIM:
		note_os_claim(s, run, e);
		take_claims(s, run, e);
		return;
	case TALLY_SOFTWARE:
	case TALLY_TAGS:
		take_claims(s, run, e);
		return;
	default:
		return;
	}
	sweep_change(s, run);
}

void
sweep_apply(struct sweep *s, struct part *p, const struct slot *e)
{
	struct run *run;

	note_entry(s, p, e);
	if (e->h.kind == TALLY_HOST_FACTS) {
		apply_facts(s, p, &e->ev->m);
		return;
	}
	if (!e->of->has_vm || e->h.kind < TALLY_DEFINED || e->h.kind > TALLY_ROLE ||
	    (e->ev && tally_event_is_correction(e->ev)))
		return;
	run = residence_open(residence_vm_of(s->residence, e), p);
	if (run)
		apply_vm(s, run, e);
}
