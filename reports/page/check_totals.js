// SPDX-License-Identifier: Apache-2.0
// Of the self-check: runs to the report's usage, machines and coverage, to be laid beside what
// the report says (FORMAT.md sections 10 and 11).

const COUNTS = new Set(['running', 'paused']);
function nanos(text) {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text) || fail(`no time: ${text}`);
  return BigInt(Date.parse(match[1] + 'Z')) * 1000000n + BigInt((match[2] || '').padEnd(9, '0'));
}
function stampOf(ns) {
  const part = ns % SECOND;
  return new Date(Number((ns - part) / 1000000n)).toISOString().slice(0, 19) + (part ? '.' + String(part).padStart(9, '0').replace(/0+$/, '') : '') + 'Z';
}
const secondsOf = (ns) => { const part = ns % SECOND; return String(ns / SECOND) + (part ? '.' + String(part).padStart(9, '0').replace(/0+$/, '') : ''); };
const sixDecimals = (n, d) => { const m = (2n * n * 1000000n + d) / (2n * d); return `${m / 1000000n}.${String(m % 1000000n).padStart(6, '0')}`; };

// Pieces of a run's time in which nothing changes.
function cutRun(run, begin, end, saved, facts, corrections, pieces) {
  if (begin >= end) return;
  const claims = run.claims.concat(corrections.get(run.vm) || []).sort((a, b) => a.e.said - b.e.said);
  const points = new Set([begin, end]);
  const mark = (at) => { if (at > begin && at < end) points.add(at); };
  for (const step of run.steps) mark(step[0]);
  for (const f of facts) mark(f.time);
  for (const c of claims) { mark(c.from); mark(c.to); }
  const order = [...points].sort(compareBig);
  const steps = run.steps.map((s, i) => [...s, i]).sort((a, b) => compareBig(a[0], b[0]) || a[3] - b[3]);
  const now = {};
  let next = 0;
  for (let i = 0; i + 1 < order.length; i++) {
    while (next < steps.length && steps[next][0] <= order[i]) { now[steps[next][1]] = steps[next][2]; next++; }
    const place = facts.filter((f) => f.time <= order[i]).at(-1);
    pieces.push({ run, vm: run.vm, host: run.host, begin: order[i], end: order[i + 1], length: order[i + 1] - order[i],
      state: saved ? 'saved' : now.role === 'standby' ? 'standby' : now.state, vcpus: now.vcpus, claims: claimsAt(claims, order[i]),
      cluster: place ? textOf(place.m, 23) ?? '' : '', region: place ? textOf(place.m, 24) ?? '' : '' });
  }
}

function makePieces(estate, from, to) {
  const corrections = registerClaims(estate), facts = new Map(), pieces = [];
  for (const part of estate.parts) facts.set(part, part.events.filter((e) => e.kind === 2));
  for (const run of estate.runs) cutRun(run, late(run.begin, from), early(run.end, to), false, facts.get(run.part), corrections, pieces);
  for (const s of estate.saved) cutRun(s.run, late(s.begin, from), early(s.end, to), true, facts.get(s.run.part), corrections, pieces);
  return pieces;
}

function peakOf(pieces) {
  const steps = pieces.flatMap((p) => [[p.begin, 1], [p.end, -1]]).sort((a, b) => compareBig(a[0], b[0]) || a[1] - b[1]);
  let count = 0, peak = 0, at = null, time = 0n;
  for (let i = 0; i < steps.length; i++) {
    count += steps[i][1];
    const length = i + 1 < steps.length ? steps[i + 1][0] - steps[i][0] : 0n;
    if (!length) continue;
    if (count > peak) { peak = count; at = steps[i][0]; time = 0n; }
    if (count === peak && peak) time += length;
  }
  return { peak, at, time };
}
const sum = (pieces, value) => pieces.reduce((all, p) => all + value(p), 0n);

function usageRows(pieces, from, to) {
  const groups = new Map();
  for (const p of pieces) {
    const ids = { host: p.host, cluster: p.cluster, region: p.region, fleet: 'fleet', tenant: p.claims.tenant, cost_center: p.claims.cost_center };
    for (const [scope, id] of Object.entries(ids)) {
      const key = JSON.stringify([p.claims.product, p.claims.edition, scope, id]);
      group(groups, key).push(p);
    }
  }
  const rows = new Map();
  for (const [key, own] of groups) {
    const counted = own.filter((p) => COUNTS.has(p.state)), run = sum(counted, (p) => p.length), { peak, at, time } = peakOf(counted);
    const states = {};
    for (const s of ['crashed', 'paused', 'running', 'saved', 'suspended']) states[s] = secondsOf(sum(own.filter((p) => p.state === s), (p) => p.length));
    if (Object.values(states).every((v) => v === '0')) continue;
    rows.set(key, { average: sixDecimals(run, to - from), peak, peak_at: at === null ? null : stampOf(at), peak_seconds: secondsOf(time),
      run_seconds: secondsOf(run), states, vcpu_seconds: secondsOf(sum(counted, (p) => p.length * p.vcpus)) });
  }
  return rows;
}

const productKey = (p) => JSON.stringify([p.claims.product, p.claims.edition]);
function vmRows(pieces) {
  const byRun = new Map();
  for (const p of pieces) if (p.state !== 'saved') group(byRun, p.run).push(p);
  const spans = new Map();
  for (const [run, own] of byRun) {
    let span = null;
    for (const p of own.sort((a, b) => compareBig(a.begin, b.begin))) {
      if (!span || span.key !== productKey(p)) { span = { key: productKey(p), run, pieces: [] }; group(spans, run.vm).push(span); }
      if (COUNTS.has(p.state)) span.pieces.push(p);
    }
  }
  const rows = [];
  for (const [vm, own] of spans) {
    const merged = [];
    const told = own.filter((s) => s.pieces.length).sort((a, b) => compareBig(a.pieces[0].begin, b.pieces[0].begin) || a.run.rank - b.run.rank || a.run.first.index - b.run.first.index);
    for (const s of told)
      if (merged.at(-1)?.key === s.key) merged.at(-1).pieces.push(...s.pieces);
      else merged.push({ key: s.key, pieces: [...s.pieces] });
    for (const m of merged) {
      const last = m.pieces.reduce((a, b) => (b.end > a.end || (b.end === a.end && b.run.rank > a.run.rank) ? b : a));
      rows.push({ cost_center: last.claims.cost_center, edition: last.claims.edition, evidence: last.claims.evidence,
        first: stampOf(m.pieces.reduce((a, p) => early(a, p.begin), FOREVER)), hosts: [...new Set(m.pieces.map((p) => p.host))].sort(byText), last: stampOf(last.end),
        name: last.claims.name, product: last.claims.product, run_seconds: secondsOf(sum(m.pieces, (p) => p.length)),
        software: [...new Set(m.pieces.flatMap((p) => [...p.claims.software]))].sort(byText), tenant: last.claims.tenant,
        vcpu_seconds: secondsOf(sum(m.pieces, (p) => p.length * p.vcpus)), vm });
    }
  }
  return rows;
}

// Of a host of which all was imported; a live one's time is left to the verifier.
function coverageRow(part, from, to) {
  const begin = late(part.events[0].time, from), end = early(part.events.at(-1).time, to), gaps = [];
  const powered = end > begin ? end - begin : 0n;
  for (const e of part.events) {
    if (e.kind !== 12) continue;
    const a = late(one(e.m, 26), begin), b = early(one(e.m, 27), end);
    if (a < b) gaps.push([a, b, textOf(e.m, 28) ?? '']);
  }
  gaps.sort((x, y) => compareBig(x[0], y[0]) || compareBig(x[1], y[1]) || byText(x[2], y[2]));
  let lost = 0n, reached = begin;
  for (const [a, b] of gaps) if (b > reached) { lost += b - late(a, reached); reached = b; }
  return { coverage: powered ? sixDecimals(powered - lost, powered) : null, gaps: gaps.map(([a, b, reason]) => ({ from: stampOf(a), reason, to: stampOf(b) })),
    host: part.host, metered_seconds: secondsOf(powered - lost), powered_seconds: secondsOf(powered), unattested_seconds: secondsOf(lost) };
}
const canonical = (v) => JSON.stringify(v, (_, x) => (x && typeof x === 'object' && !Array.isArray(x) ? Object.fromEntries(Object.entries(x).sort()) : x));

// Row by row; of rows that had no room, how many.
function compareMachines(pieces) {
  const told = new Map(), wrong = [];
  for (const row of report.vms) told.set(canonical(row), (told.get(canonical(row)) || 0) + 1);
  const rows = vmRows(pieces);
  if (leftOut.vms && !report.vms.length) {
    if (rows.length !== leftOut.vms) wrong.push(`The page says that it leaves out ${many(leftOut.vms, 'row')} of machines; the entries come to ${rows.length}.`);
    return wrong;
  }
  for (const row of rows) {
    const key = canonical(row);
    if (!told.get(key)) wrong.push(`The entries come to a row of machine ${row.vm} (${row.run_seconds} s from ${row.first}) that the report does not have.`);
    else told.set(key, told.get(key) - 1);
  }
  for (const [key, n] of told) if (n > 0) wrong.push(`The report has a row of machine ${JSON.parse(key).vm} (${JSON.parse(key).run_seconds} s) that the entries do not come to.`);
  return wrong;
}

// What of the report the entries do not come to: sentences.
function compareTotals(estate) {
  const from = nanos(report.report.from), to = nanos(report.report.to), wrong = [];
  const pieces = makePieces(estate, from, to), usage = usageRows(pieces, from, to);
  for (const row of report.usage) {
    const key = JSON.stringify([row.product, row.edition, row.scope, row.id]), made = usage.get(key);
    const what = `usage of ${product(row.product, row.edition)} of ${place(row)}`;
    usage.delete(key);
    if (!made) { wrong.push(`The report tells of ${what}; the entries do not.`); continue; }
    for (const member of Object.keys(made)) if (canonical(made[member]) !== canonical(row[member])) {
      wrong.push(`The report says ${member} ${canonical(row[member])} in the ${what}; the entries come to ${canonical(made[member])}.`);
    }
  }
  for (const key of usage.keys()) wrong.push(`The entries come to usage that the report does not tell: ${JSON.parse(key).join(', ')}.`);
  wrong.push(...compareMachines(pieces));
  for (const part of estate.parts) {
    const row = report.coverage.find((c) => c.host === part.host);
    if (!part.imported || estate.parts.some((p) => p.host === part.host && !p.imported)) continue;
    const { attested: _, ...own } = row ?? {}; // what a TPM says is not worked out here
    if (!row || canonical(own) !== canonical(coverageRow(part, from, to))) wrong.push(`The report's coverage of ${part.host}, or a gap in it, is not what the entries come to.`);
  }
  return wrong.concat(compareChart(pieces, from, to));
}

const msOf = (at, from) => Number((at - from) / 1000000n);

// The pictures say what the entries say: each machine's time on each host, and how many at once.
function compareChart(pieces, from, to) {
  const counted = pieces.filter((p) => COUNTS.has(p.state)), places = new Map();
  const placeOf = (vm, host) => { const key = `${vm} on ${host}`; if (!places.has(key)) places.set(key, { drawn: [], ran: [] }); return places.get(key); };
  for (let i = 0; i < chart.lanes.length; i += 7)
    if (chart.lanes[i + 4] < 2) placeOf(chart.vms[chart.lanes[i]], chart.hosts[chart.lanes[i + 1]]).drawn.push([chart.lanes[i + 2], chart.lanes[i + 3]]);
  for (const p of counted) placeOf(p.vm, p.host).ran.push([msOf(p.begin, from), msOf(p.end, from)]);
  const wrong = [];
  for (const [key, { drawn, ran }] of places) {
    const why = chart.gap === 0 ? (sameTime(drawn, ran) ? '' : 'draws another time than the entries come to') : butForGaps(drawn, ran);
    if (why) wrong.push(`The timeline ${why}: ${key}.`);
  }
  return wrong.slice(0, 5).concat(compareCurves(counted, from, to));
}
const lengthOf = (spans) => spans.reduce((n, [a, b]) => n + b - a, 0);
const sameTime = (drawn, ran) => Math.abs(lengthOf(drawn) - lengthOf(ran)) <= ran.length;

// Where short gaps are closed: drawn stretches begin and end where the machine does, leave out
// nothing that is longer than the gap, and hold no hole that is. What is wrong, or nothing.
function butForGaps(drawn, ran) {
  const begins = new Set(ran.map((r) => r[0])), ends = new Set(ran.map((r) => r[1])), slack = chart.gap + 2;
  if (drawn.some(([a, b]) => !begins.has(a) || !ends.has(b))) return 'begins or ends a stretch where the entries do not';
  ran.sort((m, n) => m[0] - n[0] || m[1] - n[1]);
  drawn.sort((m, n) => m[0] - n[0] || m[1] - n[1]);
  if (drawn.some((d, i) => i && d[0] < drawn[i - 1][1])) return 'draws stretches over one another';
  let at = 0; // of what is drawn, the first that does not end before the run's end
  for (const [a, b] of ran) {
    while (at < drawn.length && drawn[at][1] < b) at++;
    if (b - a > slack && !(drawn[at]?.[0] <= a)) return 'leaves out a stretch that is longer than it says';
  }
  at = 0; // of what ran, the first that does not end before the stretch begins
  for (const [c, d] of drawn) {
    let reached = c;
    while (at < ran.length && ran[at][1] <= c) at++;
    for (let i = at; i < ran.length && ran[i][0] < d; i++) {
      if (ran[i][0] - reached > slack) return 'closes a gap that is longer than it says';
      reached = Math.max(reached, ran[i][1]);
    }
  }
  return '';
}

// Curves of which each change is drawn; of others, the most of each part of the period.
const CHANGES_MAX = 2000;
function compareCurves(counted, from, to) {
  const byProduct = new Map(), wrong = [];
  for (const p of counted) group(byProduct, productKey(p)).push([p.begin, 1], [p.end, -1]);
  for (const c of chart.curves) {
    const key = JSON.stringify([c.product, c.edition]), steps = (byProduct.get(key) || []).sort((a, b) => compareBig(a[0], b[0]));
    byProduct.delete(key);
    if (!c.exact && steps.length <= CHANGES_MAX) { wrong.push(`The curve of ${product(c.product, c.edition)} is not drawn exactly, with no more changes than a page draws.`); continue; }
    const made = c.exact ? exactCurve(steps, from) : mostByParts(steps, from, to);
    if (String(made) !== String(c.exact ? changesOnly(c.points) : c.points)) wrong.push(`The curve of ${product(c.product, c.edition)} is another than the entries come to.`);
  }
  for (const key of byProduct.keys()) wrong.push(`The page draws no curve of ${product(...JSON.parse(key))}, which the entries say ran.`);
  return wrong;
}
// Instants and counts, without those that change nothing.
function changesOnly(points) {
  const list = [];
  for (let i = 0; i < points.length; i += 2) if (points[i + 1] !== (list.at(-1) ?? 0)) list.push(points[i], points[i + 1]);
  return list;
}
function exactCurve(steps, from) {
  const points = [];
  let count = 0;
  steps.forEach(([at, by], i) => { count += by; if (steps[i + 1]?.[0] !== at) points.push(msOf(at, from), count); });
  return changesOnly(points);
}
function mostByParts(steps, from, to) {
  const points = [], part = (to - from) / BigInt(CHANGES_MAX) + 1n;
  let count = 0, most = 0, begin = from;
  steps.forEach(([at, by], i) => {
    for (; at >= begin + part; begin += part) { points.push(msOf(begin, from), most); most = count; }
    count += by;
    if (steps[i + 1]?.[0] !== at) most = Math.max(most, count);
  });
  points.push(msOf(begin, from), most);
  return points;
}
