/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of the second reading, which knows names. A finding concerns what
 * touches the period; each text says who, where from and to when. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sweep.h"

struct label {
	char text[400];
};

/* "web1 (6b1c5a8e-...)", or the UUID alone. */
static struct label
label_of(const struct sweep *s, const struct vm *vm, uint32_t name)
{
	struct tally_bytes n = strings_get(s->strings, name);
	struct tally_buf b = TALLY_BUF_INIT;
	char uuid[TALLY_UUID_TEXT];
	struct label out;

	tally_uuid_text(uuid, vm->uuid);
	if (n.len > 0) {
		tally_buf_add(&b, n.p, n.len < 300 ? n.len : 300);
		tally_buf_addf(&b, " (%s)", uuid);
	} else {
		tally_buf_add_str(&b, uuid);
	}
	memcpy(out.text, tally_buf_cstr(&b), b.len + 1);
	tally_buf_deinit(&b);
	return out;
}

static struct label
label_of_run(const struct sweep *s, const struct run *run)
{
	return label_of(s, run->vm, run->claims->value[CLAIM_NAME]);
}

struct stamp {
	char text[TALLY_TIME_TEXT];
};

static struct stamp
stamp(int64_t at)
{
	struct stamp out;

	tally_wall_text(out.text, (struct tally_wall){ at });
	return out;
}

static bool
touches(const struct sweep *s, int64_t from, int64_t to)
{
	return from < s->to && to >= s->from;
}

void
note_end(struct sweep *s, const struct run *run, int64_t at, enum end_why why,
	 const struct slot *by)
{
	uint32_t ledger = run->part->ledger;
	struct finding *g;

	if ((why != END_MISSED && why != END_BOOT) || !touches(s, at, by->at))
		return;
	g = findings_count(s->findings, why == END_MISSED ? F_MISSED_STOP : F_HOST_CRASH, ledger,
			   1);
	finding_entry(g, ledger, run->begin_index);
	finding_entry(g, ledger, by->h.index);
	if (finding_tells(g))
		finding_case(g, "VM %s counts to %s, %s at %s", label_of_run(s, run).text,
			     stamp(at).text, why == END_MISSED ? "began again" : "booted",
			     stamp(by->at).text);
}

void
note_uncertain(struct sweep *s, const struct run *run, const struct cut *cut)
{
	int64_t from = cut->at > s->from ? cut->at : s->from;
	int64_t to = cut->stop_at < s->to ? cut->stop_at : s->to;
	struct finding *g;

	if (from >= to)
		return;
	g = findings_count(s->findings, F_STOP_UNCERTAIN, cut->ledger, 1);
	g->ns += to - from;
	finding_entry(g, cut->ledger, cut->stop_index);
	if (finding_tells(g))
		finding_case(g, "VM %s counts to %s, its stop was seen at %s",
			     label_of_run(s, run).text, stamp(cut->at).text,
			     stamp(cut->stop_at).text);
}

static uint32_t
last_name(const struct vm *vm)
{
	return vm->last ? vm->last->value[CLAIM_NAME] : 0;
}

static void
note_vm(struct sweep *s, enum finding_kind kind, const struct part *p, const struct slot *e)
{
	struct finding *g = findings_count(s->findings, kind, p->ledger, 1);
	struct tally_bytes detail =
		e->ev ? e->ev->o.detail : strings_get(s->strings, e->how->detail);

	finding_entry(g, p->ledger, e->h.index);
	if (!finding_tells(g))
		return;
	if (e->of->has_vm) {
		const struct vm *vm = residence_vm_of(s->residence, e);
		const char *cause = tally_cause_name(e->said->cause);

		finding_case(g, "VM %s at %s%s%s%s", label_of(s, vm, last_name(vm)).text,
			     stamp(e->at).text, cause ? " (" : "", cause ? cause : "",
			     cause ? ")" : "");
	} else {
		finding_case(g, "at %s%s%.*s", stamp(e->at).text, detail.len ? ": " : "",
			     (int)detail.len, (const char *)detail.p);
	}
}

static void
note_step(struct sweep *s, const struct part *p, const struct slot *e)
{
	struct finding *g = findings_count(s->findings, F_CLOCK_STEP, p->ledger, 1);
	char seconds[TALLY_TIME_TEXT];

	finding_entry(g, p->ledger, e->h.index);
	tally_span_text(seconds, (struct tally_span){ e->ev->m.has_step ? e->ev->m.step : 0 });
	finding_case(g, "by %s s at %s", seconds, stamp(e->at).text);
}

static void
note_host(struct sweep *s, enum finding_kind kind, const struct part *p, const struct slot *e)
{
	struct finding *g = findings_count(s->findings, kind, p->ledger, 1);
	struct tally_bytes reason = e->ev->o.reason;
	uint64_t open = 0;

	for (const struct run *r = p->runs; r; r = r->part_next)
		open += r->open;
	finding_entry(g, p->ledger, e->h.index);
	finding_case(g, "at %s%s%.*s (open runs: %" PRIu64 ")", stamp(e->at).text,
		     reason.len ? ": " : "", (int)reason.len, (const char *)reason.p, open);
}

/* A saved state begins a machine once; whatever began from it again is a copy. A
 * restore that failed has not used it up. */
static void
note_restored(struct sweep *s, const struct part *p, const struct slot *e)
{
	const struct tally_bytes *hosts = s->hosts;
	struct restored was;
	struct finding *g;
	struct vm *vm;

	if (e->h.kind == TALLY_STOPPED
		    ? e->said->cause != TALLY_C_SAVED && e->said->cause != TALLY_C_FAILED
		    : e->said->cause != TALLY_C_RESTORE)
		return;
	vm = residence_vm_of(s->residence, e);
	was = vm->restored;
	vm->restored =
		(struct restored){ e->h.kind == TALLY_STARTED, p->ledger, e->h.index, e->at };
	if (!was.set || !vm->restored.set)
		return;
	g = findings_count(s->findings, F_CLONE, p->ledger, 1);
	finding_entry(g, was.ledger, was.index);
	finding_entry(g, p->ledger, e->h.index);
	if (finding_tells(g))
		finding_case(g, "VM %s at %s, before that on %.*s at %s",
			     label_of(s, vm, last_name(vm)).text, stamp(e->at).text,
			     (int)hosts[was.ledger].len, (const char *)hosts[was.ledger].p,
			     stamp(was.at).text);
}

void
note_entry(struct sweep *s, const struct part *p, const struct slot *e)
{
	if (e->at < s->from)
		return;
	if (e->of->has_vm && (e->h.kind == TALLY_STARTED || e->h.kind == TALLY_STOPPED))
		note_restored(s, p, e);
	switch (e->h.kind) {
	case TALLY_TIME_TRAVEL:
		note_vm(s, F_TIME_TRAVEL, p, e);
		break;
	case TALLY_UNMANAGED_VM:
		note_vm(s, F_UNMANAGED_VM, p, e);
		break;
	case TALLY_CONFLICT:
		note_vm(s, F_UUID_CONFLICT, p, e);
		break;
	case TALLY_CLOCK_STEP:
		note_step(s, p, e);
		break;
	case TALLY_HOST_FAILED:
		note_host(s, F_HOST_FAILED, p, e);
		break;
	case TALLY_HOST_RETIRED:
		note_host(s, F_HOST_RETIRED, p, e);
		break;
	default:
		break;
	}
}

void
note_os_claim(struct sweep *s, const struct run *run, const struct slot *e)
{
	uint32_t was = run->claims->value[CLAIM_OS], ledger = run->part->ledger;
	uint32_t evidence = e->said->has_evidence ? e->said->evidence : 0;
	struct tally_bytes is = e->ev->m.os, old = strings_get(s->strings, was);
	struct finding *g;

	if (e->at < s->from || was == 0 || is.len == 0 || tally_bytes_eq(is, old) ||
	    evidence == run->claims->evidence)
		return;
	g = findings_count(s->findings, F_OS_CONFLICT, ledger, 1);
	finding_entry(g, ledger, e->h.index);
	if (finding_tells(g))
		finding_case(g, "VM %s at %s: %s says %.*s, %s said %.*s",
			     label_of_run(s, run).text, stamp(e->at).text,
			     tally_evidence_name(evidence) ? tally_evidence_name(evidence) : "none",
			     (int)is.len, (const char *)is.p,
			     tally_evidence_name(run->claims->evidence), (int)old.len,
			     (const char *)old.p);
}

void
note_corrected(struct sweep *s, const struct run *run, const struct effective *now)
{
	uint32_t own = run->claims->value[CLAIM_OS], is = now->value[CLAIM_OS];
	struct correction *k = own != 0 && own != is
				       ? claims_corrected(run->claims, run->vm->corrected, CLAIM_OS)
				       : NULL;
	struct tally_bytes was = strings_get(s->strings, own), text = strings_get(s->strings, is);

	struct tally_bytes by;
	struct finding *g;

	if (!k || k->disagrees)
		return;
	k->disagrees = true;
	by = strings_get(s->strings, k->by);
	g = findings_count(s->findings, F_OS_CONFLICT, run->part->ledger, 1);
	finding_entry(g, k->recorded.ledger, k->recorded.index);
	if (finding_tells(g))
		finding_case(g, "VM %s from %s: a correction%s%.*s says %.*s, recorded was %.*s",
			     label_of_run(s, run).text, stamp(s->now).text, by.len ? " by " : "",
			     (int)by.len, (const char *)by.p, (int)text.len, (const char *)text.p,
			     (int)was.len, (const char *)was.p);
}

void
note_left_open(struct sweep *s, const struct part *p, const struct slot *e)
{
	struct finding *g = findings_count(s->findings, F_GAP, p->ledger, 1);

	finding_entry(g, p->ledger, e->h.index);
	finding_case(g,
		     "nothing is recorded behind %s (runs that are open and count to it: %" PRIu64
		     ")",
		     stamp(e->at).text, s->left_open);
}

static void
conflict_begin(struct sweep *s, struct vm *vm, const struct run *const runs[2])
{
	/* In the order of hosts, whichever came first. */
	unsigned swap = runs[0]->part->ledger > runs[1]->part->ledger;

	vm->conflict = tally_alloc(sizeof(*vm->conflict));
	vm->conflict->since = s->now;
	for (unsigned i = 0; i < 2; i++) {
		vm->conflict->ledger[i] = runs[i ^ swap]->part->ledger;
		vm->conflict->index[i] = runs[i ^ swap]->begin_index;
	}
}

static void
conflict_end(struct sweep *s, struct vm *vm)
{
	const struct conflict *c = vm->conflict;
	struct finding *g = findings_count(s->findings, F_UUID_CONFLICT, FLEET, 1);
	const struct tally_bytes *a = &s->hosts[c->ledger[0]], *b = &s->hosts[c->ledger[1]];

	g->ns += s->now - c->since;
	for (unsigned i = 0; i < 2; i++)
		finding_entry(g, c->ledger[i], c->index[i]);
	if (finding_tells(g))
		finding_case(g, "VM %s on %.*s and %.*s from %s to %s",
			     label_of(s, vm, last_name(vm)).text, (int)a->len, (const char *)a->p,
			     (int)b->len, (const char *)b->p, stamp(c->since).text,
			     stamp(s->now).text);
	free(vm->conflict);
	vm->conflict = NULL;
}

void
note_conflict(struct sweep *s, struct vm *vm)
{
	const struct run *runs[2];
	unsigned n = 0;

	if (!vm->conflict && (!vm->runs || !vm->runs->vm_next))
		return;
	for (const struct run *r = vm->runs; r && n < 2; r = r->vm_next)
		if (r->now.state == RUNNING || r->now.state == PAUSED)
			runs[n++] = r;
	if (n == 2 && !vm->conflict && s->now < s->to)
		conflict_begin(s, vm, runs);
	else if (vm->conflict && (n < 2 || s->now >= s->to))
		conflict_end(s, vm);
}

static void
note_unknown_os(struct sweep *s)
{
	const struct vm *before = NULL;

	/* Rows of one VM follow one another. */
	for (size_t i = 0; i < s->vms.count; i++) {
		const struct vm_row *row = s->vms.rows[i];
		struct finding *g;
		char seconds[64];

		if (row->product != s->unclassified)
			continue;
		g = findings_count(s->findings, F_OS_UNKNOWN, FLEET, row->vm != before);
		before = row->vm;
		g->ns += row->run;
		finding_entry(g, row->ledger, row->index);
		if (!finding_tells(g))
			continue;
		tally_seconds_text(seconds, row->run);
		finding_case(g, "VM %s for %s s from %s",
			     label_of(s, row->vm, row->claims.value[CLAIM_NAME]).text, seconds,
			     stamp(row->first).text);
	}
}

/* Hundredths of a percent, half up; but a part is never told as nothing or as all. */
static uint64_t
share_of(tally_i128 part, tally_i128 whole)
{
	uint64_t share = (uint64_t)((part * 10000 * 2 + whole) / (whole * 2));

	if (part < whole && share == 10000)
		return 9999;
	return share == 0 ? 1 : share;
}

int64_t
note_middle(const struct sweep *s)
{
	return s->from + (s->to - s->from) / 2;
}

/* Hundredths of a percent, half up. */
static int64_t
hundredths(tally_i128 part, tally_i128 whole)
{
	return (int64_t)((part * 20000 + whole) / (whole * 2));
}

/* More time than in the first half, and a share that is larger by a hundredth of
 * all: an estate that grows as a whole is none. */
static void
note_growth(struct sweep *s)
{
	const tally_i128 *all = s->half_ns, *unknown = s->unknown_ns;
	char before[64], behind[64];
	int64_t shares[2];
	struct finding *g;

	if (all[0] == 0 || unknown[1] <= unknown[0])
		return;
	for (unsigned i = 0; i < 2; i++)
		shares[i] = hundredths(unknown[i], all[i]);
	if (shares[1] - shares[0] < 100)
		return;
	g = findings_count(s->findings, F_UNCLASSIFIED_GROWING, FLEET, 1);
	g->ns = unknown[1] - unknown[0];
	tally_seconds_text(before, unknown[0]);
	tally_seconds_text(behind, unknown[1]);
	finding_case(g,
		     "%s s (%" PRId64 ".%02" PRId64 " %% of the run time) before %s, %s s (%" PRId64
		     ".%02" PRId64 " %%) from then on",
		     before, shares[0] / 100, shares[0] % 100, stamp(note_middle(s)).text, behind,
		     shares[1] / 100, shares[1] % 100);
	for (size_t i = 0; i < s->vms.count; i++) {
		const struct vm_row *row = s->vms.rows[i];

		if (row->product == s->unclassified && row->first >= note_middle(s))
			finding_entry(g, row->ledger, row->index);
	}
}

void
note_sums(struct sweep *s)
{
	struct finding *g = NULL;

	note_unknown_os(s);
	note_growth(s);
	for (uint32_t i = 0; i < s->findings->ledgers; i++) {
		char own[64];

		if (s->imported_ns[i] == 0)
			continue;
		g = findings_count(s->findings, F_IMPORTED, FLEET, 1);
		g->ns += s->imported_ns[i];
		tally_seconds_text(own, s->imported_ns[i]);
		if (finding_tells(g))
			finding_case(g, "%.*s %s s", (int)s->hosts[i].len,
				     (const char *)s->hosts[i].p, own);
	}
	if (g) {
		uint64_t share = share_of(g->ns, s->run_ns);

		tally_buf_addf(&g->share, "%" PRIu64 ".%02" PRIu64 " %% of the run time",
			       share / 100, share % 100);
	}
}
