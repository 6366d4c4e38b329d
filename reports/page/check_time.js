// SPDX-License-Identifier: Apache-2.0
// Of the self-check: entries to runs (FORMAT.md section 10), written apart from the program. What
// a live ledger holds that needs more than is done here is told as not worked out, never guessed.

const MINUTE = 60000000000n, SECOND = 1000000000n;
const FOREVER = 1n << 63n;
class NotHere extends Error {} // what this page does not work out
const group = (map, key) => { if (!map.has(key)) map.set(key, []); return map.get(key); };
const byText = (a, b) => { // byte order of UTF-8 is that of code points
  const x = Array.from(a, (c) => c.codePointAt(0)), y = Array.from(b, (c) => c.codePointAt(0));
  for (let i = 0; i < x.length && i < y.length; i++) if (x[i] !== y[i]) return x[i] - y[i];
  return x.length - y.length;
};
const early = (a, b) => (a < b ? a : b), late = (a, b) => (a > b ? a : b);
const compareBig = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const SILENT = new Set([60, 61, 70, 77, 80, 75, 76, 73, 74, 71, 72]);

function isCorrection(e) { return e.kind >= 40 && e.kind <= 42 && (e.m.has(26) || e.m.has(27)); }

// A ledger's parts: imported, live, and what an operator wrote beside.
function partsOf(ledger, rank) {
  const parts = [{ imported: true, events: [] }, { imported: false, events: [] }];
  const aside = [];
  for (const e of ledger.entries) {
    e.host = ledger.host;
    e.rank = rank;
    if (SILENT.has(e.kind) || e.kind === 1 && !e.flags) { e.time = e.wall; continue; }
    const own = one(e.m, 2);
    if (!e.flags && isCorrection(e)) { e.time = e.wall; aside.push(e); continue; }
    const part = parts[e.flags ? 0 : 1];
    e.time = own ?? e.wall;
    if (part.events.length) e.time = late(e.time, part.events.at(-1).time);
    e.stop = own ?? e.wall; // a live stop ends its run at its own instant
    part.events.push(e);
  }
  return [parts.filter((p) => p.events.length).map((p) => ({ ...p, host: ledger.host, rank })), aside];
}

class Walk {
  constructor(estate, part) {
    this.estate = estate;
    this.part = part;
    this.running = new Map();
    this.boot = undefined;
    this.gapIndex = -1; // the newest entry about a gap; and the begin of the newest gap that lies in no other
    this.gapFrom = 0n;
    this.gapOpen = false;
    let previous = null;
    for (const e of part.events) {
      e.part = part;
      if (!part.imported) this.lookLive(e, previous);
      this.noteGap(previous);
      this.step(e, previous);
      previous = e;
    }
    for (const run of [...this.running.values()]) this.finish(run, previous.time, 'open');
  }
  // Live parts: boots, gaps, and what is left to the verifier.
  lookLive(e, previous) {
    const offset = e.wall - e.uptime;
    if (!previous || e.boot !== previous.boot) this.offset = offset;
    else if (e.kind === 13 || e.kind === 6) {
      const by = offset - this.offset;
      if (by > SECOND || by < -SECOND) throw new NotHere(`the clock of ${this.part.host} was set while it was metered`);
    }
    if (previous && e.boot !== previous.boot) {
      if (e.time < previous.time || e.wall < previous.wall) throw new NotHere(`the clock of ${this.part.host} went back over a boot`);
      for (const run of [...this.running.values()]) this.finish(run, previous.time, 'boot');
    }
    if (e.kind === 50) throw new NotHere(`one UUID ran twice on ${this.part.host}`);
  }
  noteGap(e) {
    if (!e || e.kind < 10 || e.kind > 12) return;
    if (e.kind === 11) { this.gapOpen = false; this.gapIndex = e.index; return; }
    this.gapIndex = e.index;
    if (this.gapOpen) return;
    this.gapOpen = e.kind === 10;
    this.gapFrom = one(e.m, 26) ?? e.time;
  }
  finish(run, end, why) {
    // Rule 11: nothing was seen of it since the newest gap, which it did not outlive as it was.
    if (!this.part.imported && ['missed', 'vanished'].includes(why) && this.gapIndex > run.newest) end = early(end, this.gapFrom);
    run.end = late(run.begin, end);
    run.why = why;
    this.running.delete(run.vm);
    if (!this.part.imported && run.leaving !== undefined && why !== 'out') run.odd = true;
  }
  begin(e, vm, previous) {
    const old = this.running.get(vm);
    if (old && e.kind === 24 && this.goesOn(old, e)) {
      e.run = old;
      old.newest = e.index;
      if (e.m.has(5) || this.part.imported) old.steps.push([e.time, 'vcpus', one(e.m, 5) ?? 0n]);
      else throw new NotHere('a baseline without virtual CPUs');
      const state = numberOf(e.m, 3);
      if (state !== undefined) old.steps.push([e.time, 'state', { 6: 'paused', 7: 'suspended', 8: 'crashed' }[state] ?? 'running']);
      if (state === undefined || state === 5) delete old.leaving;
      return;
    }
    if (old) this.finish(old, previous.time, 'missed');
    const state = { 6: 'paused', 7: 'suspended', 8: 'crashed' }[numberOf(e.m, 3)] ?? 'running';
    const run = { vm, host: this.part.host, rank: this.part.rank, part: this.part, first: e, begin: e.time, newest: e.index, steps: [], claims: [],
      boot: e.boot, domain: one(e.o, 4), ticks: one(e.o, 6) };
    run.steps.push([e.time, 'vcpus', one(e.m, 5) ?? 0n], [e.time, 'state', state], [e.time, 'role', 'none']);
    e.run = run;
    this.running.set(vm, run);
    this.estate.runs.push(run);
  }
  goesOn(run, e) {
    if (this.part.imported) return true;
    const domain = one(e.o, 4), ticks = one(e.o, 6);
    const is = run.boot === e.boot && (run.domain === undefined || domain === undefined || run.domain === domain)
      && (run.ticks === undefined || ticks === undefined || run.ticks === ticks);
    if (is) { run.domain ??= domain; run.ticks ??= ticks; }
    return is;
  }
  step(e, previous) {
    const uuid = one(e.i, 1), vm = uuid && uuidOf(uuid);
    e.vm = vm;
    if (e.kind === 2 || e.kind === 3) {
      const boot = textOf(e.m, 35);
      if (boot === undefined) return;
      if (this.boot !== undefined && boot !== this.boot) for (const run of [...this.running.values()]) this.finish(run, previous.time, 'boot');
      this.boot = boot;
      return;
    }
    if (e.kind === 4 || e.kind === 5) { for (const run of [...this.running.values()]) this.finish(run, e.time, 'host'); return; }
    if (!vm) return;
    if (e.kind === 23 || e.kind === 24 || e.kind === 32) { this.begin(e, vm, previous); return; }
    const run = this.running.get(vm);
    if (!run) return;
    if (!isCorrection(e)) e.run = run;
    if (e.kind >= 20 && e.kind <= 43 && !isCorrection(e)) run.newest = e.index;
    this.change(e, run);
  }
  change(e, run) {
    const cause = numberOf(e.m, 4);
    if (e.kind === 26) {
      run.steps.push([e.time, 'state', cause === 14 ? 'suspended' : 'paused']);
      if (!this.part.imported && (cause === 4 || cause === 23)) run.leaving ??= e.time;
    } else if (e.kind === 25) { run.steps.push([e.time, 'state', 'running']); delete run.leaving; }
    else if (e.kind === 29) run.steps.push([e.time, 'state', 'crashed']);
    else if (e.kind === 35) { if (e.m.has(5)) run.steps.push([e.time, 'vcpus', one(e.m, 5)]); }
    else if (e.kind === 43) run.steps.push([e.time, 'role', numberOf(e.m, 34) === 2 ? 'standby' : 'none']);
    else if (e.kind === 28) this.stop(e, run, cause);
    else if (e.kind === 31) {
      e.out = { run, at: run.leaving ?? e.time, peer: textOf(e.o, 7), host: this.part.host, e };
      this.estate.outs.push(e.out);
      this.finish(run, e.out.at, 'out');
    }
  }
  stop(e, run, cause) {
    const role = run.steps.filter((s) => s[1] === 'role').at(-1)[2];
    if (cause === 10 && role !== 'standby') this.estate.saved.push({ run, begin: e.time, e });
    const end = one(e.m, 13) ?? (this.part.imported ? e.time : e.stop);
    if (!this.part.imported && (cause === 6 || cause === 12)) run.guess = e.time;
    this.finish(run, end, cause === 12 && !e.m.has(13) ? 'vanished' : 'stop');
  }
}

function makeEstate(ledgers) {
  const estate = { runs: [], saved: [], outs: [], events: [], aside: [], parts: [] };
  [...ledgers].sort((a, b) => byText(a.host, b.host)).forEach((ledger, rank) => {
    const [parts, aside] = partsOf(ledger, rank);
    estate.aside.push(...aside);
    for (const part of parts) { new Walk(estate, part); estate.events.push(...part.events); estate.parts.push(part); }
  });
  const order = (a, b) => compareBig(a.time, b.time) || a.rank - b.rank || a.index - b.index;
  estate.events.sort(order);
  estate.events.forEach((e, i) => { e.order = i; });
  const starts = new Map();
  for (const e of estate.events) if (e.vm && [23, 24, 32].includes(e.kind)) group(starts, e.vm).push(e);
  for (const s of estate.saved) s.end = (starts.get(s.run.vm) || []).find((e) => e.order > s.e.order)?.time ?? FOREVER;
  joinMoves(estate, starts);
  return estate;
}

function joinMoves(estate, starts) {
  const ins = estate.events.filter((e) => e.kind === 32 && e.vm);
  for (const run of estate.runs)
    if (run.odd || run.guess !== undefined) {
      const end = run.guess ?? run.leaving;
      if ((starts.get(run.vm) || []).some((e) => e.kind === 32 && e.host !== run.host && e.time - end <= MINUTE && end - e.time <= MINUTE))
        throw new NotHere('a migration whose end nobody saw');
    }
  const byVm = new Map();
  for (const e of ins) group(byVm, e.vm).push(e);
  const pairs = [];
  for (const out of estate.outs)
    for (const e of byVm.get(out.run.vm) || []) {
      const peer = textOf(e.o, 7), apart = out.at > e.time ? out.at - e.time : e.time - out.at;
      if (e.host === out.host || apart > MINUTE || (out.peer !== undefined && out.peer !== e.host) || (peer !== undefined && peer !== out.host)) continue;
      pairs.push([apart, out, e]);
    }
  pairs.sort((a, b) => compareBig(a[0], b[0]) || a[1].e.order - b[1].e.order || a[2].order - b[2].order);
  const taken = new Set();
  for (const [, out, e] of pairs) {
    if (taken.has(out) || taken.has(e)) continue;
    taken.add(out).add(e);
    if (out.at > e.time) out.run.end = late(out.run.begin, e.time);
  }
}

// Claims: key, value, from when to when, and their place in the order of recording.
const EVIDENCE = ['none', 'operator', 'hypervisor', 'agent', 'disk', 'vendor'];
function claimsOf(e, corrects) {
  const claims = [], from = corrects ? one(e.m, 26) ?? e.time : e.time, to = corrects ? one(e.m, 27) ?? FOREVER : FOREVER;
  const add = (key, value) => claims.push({ key, value, from, to, e });
  const begins = [23, 24, 32].includes(e.kind);
  if (begins || e.kind === 40) {
    const os = textOf(e.m, 7), edition = textOf(e.m, 8);
    if (os !== undefined) add('os', [os, EVIDENCE[numberOf(e.m, 9) ?? 0] ?? 'none']);
    if (edition !== undefined || (e.kind === 40 && os !== undefined)) add('edition', edition ?? '');
  }
  if (begins && e.m.has(10)) add('software', { all: true, add: e.m.get(10).map(fromUtf8), remove: [] });
  if (e.kind === 41) add('software', { all: false, add: (e.m.get(10) || []).map(fromUtf8), remove: (e.m.get(11) || []).map(fromUtf8) });
  if (begins || e.kind === 42) for (const [key, number] of [['tenant', 3], ['cost_center', 4]]) if (e.i.has(number)) add(key, textOf(e.i, number));
  if ((begins || e.kind === 35 || e.kind === 22) && e.i.has(2)) add('name', textOf(e.i, 2));
  return claims;
}

function registerClaims(estate) {
  const corrections = new Map(), last = new Map();
  const all = [...estate.events, ...estate.aside].sort((a, b) => compareBig(a.time, b.time) || a.rank - b.rank || a.index - b.index);
  all.forEach((e, i) => { e.said = i; });
  const correct = (e) => {
    const vm = e.vm ?? (one(e.i, 1) && uuidOf(one(e.i, 1)));
    if (vm) group(corrections, vm).push(...claimsOf(e, true));
  };
  for (const e of all) {
    if (isCorrection(e)) correct(e);
    else if (e.run) {
      let claims = claimsOf(e, false);
      if (e.kind === 32 && e.run.first === e && last.has(e.vm)) {
        const have = new Set(claims.map((c) => c.key));
        claims = last.get(e.vm).claims.filter((c) => !have.has(c.key)).concat(claims);
      }
      e.run.claims.push(...claims);
      if (claims.length || [23, 32].includes(e.kind)) last.set(e.vm, e.run);
    }
  }
  return corrections;
}

function claimsAt(sorted, at) {
  const found = { os: ['', 'none'], edition: '', tenant: '', cost_center: '', name: '', software: new Set() };
  for (const c of sorted) {
    if (c.from > at || at >= c.to) continue;
    if (c.key !== 'software') { found[c.key] = c.value; continue; }
    if (c.value.all) found.software = new Set();
    for (const s of c.value.add) found.software.add(s);
    for (const s of c.value.remove) found.software.delete(s);
  }
  return { ...found, product: found.os[0] || 'unclassified', evidence: found.os[1] };
}
