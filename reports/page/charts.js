// SPDX-License-Identifier: Apache-2.0
// Pictures: coverage, positions, how many ran at once. Each says in words what it shows.

const x = (ms, width) => Math.max(0, Math.min(width, ms / LENGTH * width));
const r1 = (n) => Math.round(n * 10) / 10;

// Round instants of the period, about so many.
function ticks(most) {
  const day = 86400000, steps = [60000, 300000, 900000, 3600000, 3 * 3600000, 6 * 3600000, 12 * 3600000, day, 2 * day, 7 * day, 14 * day];
  const step = steps.find((s) => LENGTH / s <= most);
  const list = [];
  if (step) {
    for (let at = Math.ceil(BEGIN / step) * step; at <= END; at += step) list.push(at - BEGIN);
    return list.map((ms) => [ms, step < day ? new Date(BEGIN + ms).toISOString().slice(11, 16) : new Date(BEGIN + ms).toISOString().slice(5, 10)]);
  }
  const months = Math.ceil(LENGTH / (30 * day) / most);
  const d = new Date(BEGIN);
  for (let y = d.getUTCFullYear(), m = d.getUTCMonth(); ; m += months) {
    const at = Date.UTC(y, m, 1);
    if (at > END) break;
    if (at >= BEGIN) list.push([at - BEGIN, new Date(at).toISOString().slice(0, 7)]);
  }
  return list;
}
function axis(g, left, width, y, height, most) {
  let before = -Infinity;
  for (const [ms, label] of ticks(most)) {
    const at = left + r1(x(ms, width));
    g.append(svg('line', { class: 'grid', x1: at, x2: at, y1: y - height, y2: y + 4 }));
    const last = at > left + width - 20; // its half would stand outside
    if (last && at - before < 90) continue;
    before = at;
    g.append(svg('text', { class: 'faint', x: last ? left + width + 8 : at, y: y + 16, 'text-anchor': last ? 'end' : 'middle' }, label));
  }
}
const narrow = () => document.documentElement.clientWidth < 640;

function coverageStrip(c, seen) {
  const width = narrow() ? 340 : 620, height = 18;
  const g = svg('svg', { class: 'draw', viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': plain(`${c.host}: ${percent(c.coverage)} metered, ${many(c.gaps.length, 'gap')}`) });
  g.append(svg('rect', { class: 'track', x: 0.5, y: 0.5, width: width - 1, height: height - 1 }));
  if (seen) g.append(svg('rect', { class: 'on', x: r1(x(seen[0], width)), y: 1, width: r1(Math.max(1, x(seen[1], width) - x(seen[0], width))), height: height - 2 }));
  for (const gap of c.gaps.slice(0, 500)) {
    const from = x(Date.parse(gap.from) - BEGIN, width), wide = Math.max(3, x(Date.parse(gap.to) - BEGIN, width) - from);
    g.append(svg('rect', { class: 'gap', x: r1(from), y: 1, width: r1(wide), height: height - 2 }, svg('title', {}, `gap ${when(gap.from)} to ${when(gap.to)} ${gap.reason}`)));
    for (let at = from; at < from + wide; at += 6)
      g.append(svg('line', { class: 'hatch', x1: r1(at), y1: height - 2, x2: r1(Math.min(at + 4, from + wide)), y2: 2 }));
  }
  return el('div', { class: 'strip' }, named(c.host), g, ask(percent(c.coverage), `coverage of ${c.host}`, () => whyCoverage(c)));
}

// The worst first; all of them on demand.
function coverageSection() {
  const seen = new Map(chart.hosts.map((h, i) => [h, chart.seen[2 * i] === null ? null : [chart.seen[2 * i], chart.seen[2 * i + 1]]]));
  const rows = [...report.coverage].sort((a, b) => (a.coverage === null) - (b.coverage === null) || Number(a.coverage) - Number(b.coverage) || b.gaps.length - a.gaps.length);
  const most = 12, rest = el('div');
  const node = [el('p', {}, 'Filled: the ledger tells of the host. Hatched: a gap, in which nobody looked. Empty: no record. The share is metered by powered time.')];
  node.push(rows.slice(0, most).map((c) => coverageStrip(c, seen.get(c.host))));
  if (rows.length > most)
    node.push(rest, el('p', {}, el('button', { type: 'button', class: 'screen', onclick: (e) => { rest.append(...rows.slice(most).map((c) => coverageStrip(c, seen.get(c.host)))); e.target.remove(); } }, `Show the other ${rows.length - most} hosts`)));
  return node;
}

function positionBar(p) {
  const width = narrow() ? 340 : 900, low = Number(p.low), measured = Number(p.measured), high = Number(p.high ?? p.measured), held = p.entitled === null ? null : Number(p.entitled);
  const top = Math.max(high, held ?? 0, 1) * 1.08, at = (v) => r1(v / top * width);
  const short = held !== null && held < measured, lack = p.surplus.measured;
  const words = held === null ? 'nothing told about what is held' : short ? `short by ${amount(String(lack).replace('-', ''))}` : Number(lack) === 0 ? 'just enough' : `enough, ${amount(lack)} over`;
  const g = svg('svg', { viewBox: `0 0 ${width} 44`, role: 'img', 'aria-label': plain(`${p.rule}: low ${p.low}, measured ${p.measured}, high ${p.high ?? 'not told'}, held ${p.entitled ?? 'not told'}: ${words}`) },
    svg('rect', { class: 'track', x: 0.5, y: 10, width: width - 1, height: 16 }),
    svg('rect', { class: 'range', x: at(low), y: 10, width: Math.max(1, r1(at(high) - at(low))), height: 16 }),
    svg('rect', { class: 'measured', x: 0, y: 14, width: Math.max(1, at(measured)), height: 8 }));
  const marks = [];
  for (const [v, label] of [[low, 'low'], [measured, 'measured'], ...(p.high === null ? [] : [[high, 'high']])])
    if (marks.length && marks.at(-1)[0] === v) marks.at(-1)[1] += ` = ${label}`;
    else marks.push([v, label]);
  let last = -99;
  for (const [v, label] of marks) {
    g.append(svg('line', { class: 'grid', x1: at(v), x2: at(v), y1: 8, y2: 29 }));
    const wide = label.length * 7 + 10, place = Math.min(Math.max(at(v), wide / 2), width - wide / 2);
    if (place - last < wide) continue;
    g.append(svg('text', { class: 'faint', x: r1(place), y: 41, 'text-anchor': 'middle' }, label));
    last = place + wide / 2;
  }
  if (held !== null) {
    g.append(svg('line', { class: 'held', x1: at(held), x2: at(held), y1: 2, y2: 30 }));
    g.append(svg('text', { x: at(held) > width / 2 ? at(held) - 4 : at(held) + 4, y: 8, 'text-anchor': at(held) > width / 2 ? 'end' : 'start' }, 'held'));
  }
  const value = (reading) => [el('span', { class: 'soft' }, `${reading} `), ask(amount(p[reading]), `${reading} of ${p.rule}`, () => whyPosition(p, reading))];
  return el('div', { class: 'bars' }, el('div', { class: 'names' }, el('strong', {}, named(p.rule)), el('span', { class: 'soft' }, named(p.product), p.scope === 'fleet' ? '' : [' \u00b7 ', p.scope, ' ', named(p.id)]),
    el('span', { class: `badge ${held === null ? 'info' : short ? 'error' : 'info'}` }, words)),
  g, el('div', { class: 'readings' }, ['low', 'measured', 'high'].map((reading) => el('span', {}, value(reading))),
    el('span', {}, el('span', { class: 'soft' }, 'held '), p.entitled === null ? 'not told' : amount(p.entitled)), el('span', { class: 'soft' }, p.unit)));
}
const fleet = report.positions.filter((p) => p.scope === 'fleet');
function positionSection() {
  const told = fleet.filter((p) => Number(p.high ?? p.measured) > 0 || p.entitled !== null).sort((a, b) => (b.entitled !== null) - (a.entitled !== null));
  if (!told.length) return [el('p', {}, 'No rule of the packs asks for anything here.')];
  return [el('p', {}, 'For the whole fleet: the bar is what was measured; the pale range reaches from the best lawful reading (low) to the vendor\u2019s worst (high); the dashed line is what is held. Rules of one product are ways to license the same use: one that suffices is enough. Engineering, not legal advice.'),
    told.map(positionBar)];
}

// The curve as steps; `line` is what is held, where that is counted in the same unit.
function curve(title, points, peak, peakText, line, exact, open) {
  const width = 370, height = 110, left = 30, w = width - left - 8, floor = height + 14;
  const most = Math.max(1, peak, line ?? 0), y = (v) => r1(floor - v / most * height);
  let path = `M${left} ${floor}`, at = 0, value = 0, peakX = null;
  const g = svg('svg', { viewBox: `0 0 ${width} ${floor + 22}`, role: 'img', 'aria-label': plain(`${title}: ${peakText}${line === null ? '' : `; held ${line}`}`) });
  axis(g, left, w, floor, height, 4);
  for (let i = 0; i < points.length; i += 2) {
    const px = r1(left + x(points[i], w));
    if (points[i + 1] === value) continue;
    path += `H${px}V${y(points[i + 1])}`;
    value = points[i + 1];
    at = px;
    if (peakX === null && value === peak) peakX = px;
  }
  path += `H${exact && value === 0 ? at : left + w}`;
  g.append(svg('path', { class: 'under', d: `${path}V${floor}Z` }), svg('path', { class: 'curve', d: path }));
  for (const v of [0, most]) g.append(svg('text', { class: 'faint', x: left - 4, y: y(v) + 4, 'text-anchor': 'end' }, grouped(v)));
  if (line !== null) g.append(svg('line', { class: 'held', x1: left, x2: left + w, y1: y(line), y2: y(line) }),
    svg('text', { x: left + w, y: y(line) - 4, 'text-anchor': 'end' }, `held ${grouped(line)}`));
  if (peakX !== null) g.append(svg('circle', { class: 'dot', cx: peakX, cy: y(peak), r: 3.5 }));
  return el('figure', {}, el('figcaption', {}, el('strong', {}, named(title)), el('br'), ask(peakText, title, open), exact ? '' : ' (drawn by the most of each part of the period)'), g);
}
function curveSection() {
  const most = 6;
  const needs = chart.needs.map((n) => {
    const p = fleet.find((q) => q.rule === n.rule && q.product === n.product);
    const points = n.points.map(Number), top = points.reduce((m, v, i) => (i % 2 ? Math.max(m, v) : m), 0);
    return p && [p.entitled !== null ? 0 : 1, curve(`${p.rule}, ${p.unit} needed`, points, top, `most at one instant ${grouped(top)}, position ${amount(p.measured)}`,
      p.entitled === null ? null : Number(p.entitled), false, () => whyPosition(p, 'measured'))];
  }).filter(Boolean).sort((a, b) => a[0] - b[0]).map((n) => n[1]);
  const counts = chart.curves.map((c) => {
    const u = report.usage.find((row) => row.scope === 'fleet' && row.product === c.product && row.edition === c.edition);
    return u && [u.peak, curve(product(c.product, c.edition), c.points, u.peak, `peak ${u.peak} at once, first ${when(u.peak_at)}`, null, c.exact, () => whyUsage(u, 'peak', u.peak))];
  }).filter(Boolean).sort((a, b) => b[0] - a[0]).map((c) => c[1]);
  const group = (figures) => [el('div', { class: 'grid2' }, figures.slice(0, most)),
    figures.length > most ? el('details', {}, el('summary', {}, `${figures.length - most} more`), el('div', { class: 'grid2' }, figures.slice(most))) : null];
  return [el('p', {}, 'How many machines of each product ran at once, over the fleet. The dot is the first instant of the peak.'), counts.length ? group(counts) : el('p', {}, 'Nothing ran.'),
    needs.length ? [el('h3', {}, 'What rules ask for at each instant, and what is held'), el('p', {}, 'The dashed line is what is held. Rules that add each host\u2019s own peak of 90 days ask for more than any one instant: the position says how much.'), group(needs)] : null];
}
