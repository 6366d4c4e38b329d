// SPDX-License-Identifier: Apache-2.0
// Machines over time: a row each, and one machine at a time with a line for each host, on which
// its moves are seen.

const LANE = 7;
const rowsByVm = new Map();
for (let i = 0; i < chart.lanes.length; i += LANE) {
  const vm = chart.lanes[i];
  if (!rowsByVm.has(vm)) rowsByVm.set(vm, []);
  rowsByVm.get(vm).push(chart.lanes.slice(i, i + LANE));
}
const mark = (host) => `${host + 1}`;
const running = (state) => state < 2;
const hostsOf = (lanes) => [...new Set(lanes.filter((l) => running(l[4])).map((l) => l[1]))];

// Where one host's run is followed by another's within a minute.
function movesOf(lanes) {
  const runs = lanes.filter((l) => running(l[4]));
  const moves = [];
  for (let i = 1; i < runs.length; i++)
    if (runs[i][1] !== runs[i - 1][1] && Math.abs(runs[i][2] - runs[i - 1][3]) <= 60000) moves.push([runs[i][2], runs[i - 1][1], runs[i][1]]);
  return moves;
}

// Boxes of one class as one path, no finer than the picture.
function boxes(lanes, left, width, y, height) {
  let path = '', from = null, to = 0;
  const close = () => { if (from !== null) path += `M${r1(left + from)} ${y}h${r1(Math.max(0.8, to - from))}v${height}h-${r1(Math.max(0.8, to - from))}z`; };
  for (const lane of lanes) {
    const a = x(lane[2], width), b = x(lane[3], width);
    if (from !== null && a - to < 0.3) { to = Math.max(to, b); continue; }
    close();
    from = a;
    to = b;
  }
  close();
  return path;
}

function vmRow(g, vm, lanes, left, width, y) {
  const name = nameOf.get(chart.vms[vm]) || chart.vms[vm];
  g.append(svg('text', { x: left - 6, y: y + 11, 'text-anchor': 'end' }, cut(name, narrow() ? 10 : 20)));
  const byHost = new Map();
  for (const lane of lanes) {
    const key = running(lane[4]) ? lane[1] : 'idle';
    if (!byHost.has(key)) byHost.set(key, []);
    byHost.get(key).push(lane);
  }
  for (const [host, own] of byHost)
    g.append(svg('path', { class: host === 'idle' ? 'idle' : `c${host % 8}`, d: boxes(own, left, width, y + 2, 10) }, svg('title', {}, host === 'idle' ? 'suspended, saved, crashed, standby or uncertain' : `on ${chart.hosts[host]}`)));
  let last = -99;
  const moves = movesOf(lanes).map(([at, , to]) => [left + x(at, width), at, to]);
  for (const [i, [px, at, to]] of moves.entries()) {
    if (px - last < 6) continue;
    last = px;
    g.append(svg('path', { class: 'move', d: `M${r1(px)} ${y}v14m-3 -3l3 4l3 -4z` }, svg('title', {}, `moves to ${chart.hosts[to]} at ${instant(at)}`)));
    if (i + 1 === moves.length || moves[i + 1][0] - px > 24) g.append(svg('text', { x: r1(px + 4), y: y + 11, class: 'on-bar' }, mark(to)));
  }
}

function oneMachine(vm) {
  const lanes = rowsByVm.get(vm), uuid = chart.vms[vm], name = nameOf.get(uuid) || uuid;
  const hosts = [...new Set(lanes.map((l) => l[1]))], moves = movesOf(lanes);
  const full = narrow() ? 340 : 1100, left = narrow() ? 80 : 150, width = full - left - 10, row = 26, floor = hosts.length * row + 8;
  const said = moves.map(([at, from, to]) => `${instant(at)}: ${chart.hosts[from]} \u2192 ${chart.hosts[to]}`);
  const g = svg('svg', { viewBox: `0 0 ${full} ${floor + 22}`, role: 'img', 'aria-label': plain(`${name} on ${hosts.map((h) => chart.hosts[h]).join(', ')}; ${moves.length ? said.slice(0, 20).join('; ') : 'it did not move'}`) });
  axis(g, left, width, floor, floor, narrow() ? 4 : 8);
  hosts.forEach((host, i) => {
    const own = lanes.filter((l) => l[1] === host), y = i * row + 6;
    g.append(svg('text', { x: left - 6, y: y + 13, 'text-anchor': 'end' }, cut(chart.hosts[host], narrow() ? 10 : 20)));
    g.append(svg('path', { class: `c${host % 8}`, d: boxes(own.filter((l) => running(l[4])), left, width, y, 16) }));
    g.append(svg('path', { class: 'idle', d: boxes(own.filter((l) => !running(l[4])), left, width, y + 3, 10) }));
  });
  for (const [at, from, to] of moves.slice(0, 200)) {
    const px = r1(left + x(at, width)), a = hosts.indexOf(from) * row + 14, b = hosts.indexOf(to) * row + 14, tip = b > a ? -4 : 4;
    g.append(svg('path', { class: 'move', d: `M${px} ${a}V${b}m-3.5 ${tip}l3.5 ${-tip}l3.5 ${tip}z` }));
  }
  const lanesNow = () => [`${name}: where it ran`, el('p', { class: 'mono' }, uuid), drawnNote(), list(LANE_HEAD, laneRows(lanesOf((l) => l.vm === uuid)))];
  return el('figure', {}, el('figcaption', {}, el('strong', {}, named(name)), ' ', moves.length ? `moved ${moves.length === 1 ? 'once' : `${moves.length} times`}: ` : 'stayed where it was. ',
    said.slice(0, 3).map((s, i) => [i ? '; ' : '', named(s)]), said.length > 3 ? `; and ${said.length - 3} more` : '', ' ', ask('every stretch', name, lanesNow)), g);
}

function timelineSection() {
  const vms = [...rowsByVm.keys()];
  if (!vms.length) return [el('p', {}, 'No machine stood anywhere in the period.')];
  const moved = new Map(vms.map((vm) => [vm, movesOf(rowsByVm.get(vm)).length]));
  vms.sort((a, b) => moved.get(b) - moved.get(a) || collator.compare(nameOf.get(chart.vms[a]) || chart.vms[a], nameOf.get(chart.vms[b]) || chart.vms[b]));
  const focus = el('div'), all = el('div');
  const choose = (vm) => focus.replaceChildren(oneMachine(Number(vm)));
  const select = el('select', { id: 'machine', onchange: (event) => choose(event.target.value) },
    vms.slice(0, 2000).map((vm) => el('option', { value: String(vm) }, `${cut(nameOf.get(chart.vms[vm]) || chart.vms[vm], 40)}${moved.get(vm) ? `, moved ${moved.get(vm)}\u00d7` : ''}`)));
  choose(vms[0]);
  let shown = 0;
  const more = el('button', { type: 'button', class: 'screen', onclick: () => draw(200) }, 'Show more machines');
  function draw(count) {
    const part = vms.slice(shown, shown + count), full = narrow() ? 340 : 1100, left = narrow() ? 80 : 150, width = full - left - 10, floor = part.length * 18 + 2;
    const g = svg('svg', { viewBox: `0 0 ${full} ${floor + 20}`, role: 'img', 'aria-label': `${part.length} machines over time, ${part.filter((vm) => moved.get(vm)).length} of them moved` });
    axis(g, left, width, floor, floor, narrow() ? 4 : 8);
    part.forEach((vm, i) => vmRow(g, vm, rowsByVm.get(vm), left, width, i * 18));
    all.append(g);
    shown += part.length;
    more.hidden = shown >= vms.length;
    more.textContent = `Show more machines (${vms.length - shown} left)`;
  }
  draw(40);
  const numbers = chart.hosts.map((h, i) => [i ? ', ' : '', `${mark(i)}\u00a0`, named(h)]);
  const legend = chart.hosts.length <= 12 ? el('p', { class: 'soft' }, 'Hosts: ', numbers, '.')
    : el('details', { class: 'soft' }, el('summary', {}, `The numbers of ${many(chart.hosts.length, 'host')}`), el('p', {}, numbers, '.'));
  return [el('p', {}, 'One machine, with a line for each host that it was on; an arrow is a move.'),
    el('div', { class: 'tools' }, el('label', {}, 'Machine', select)), focus,
    el('h3', {}, 'All machines'), el('p', {}, 'Those that moved most stand first. A filled stretch runs or is paused; a dashed one is suspended, saved, crashed, a standby or of an uncertain end. An arrow is a move, and the number beside it the host that it went to.'), legend,
    drawnNote(), all, el('p', {}, more)];
}
