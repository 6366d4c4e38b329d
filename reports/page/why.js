// SPDX-License-Identifier: Apache-2.0
// Every number opens what it rests on: the rule, the instants, the hosts, the machines, the entries.

const dialog = find('why');
let openedBy = null;

function openWhy(title, ...children) {
  if (!dialog.open) openedBy = document.activeElement;
  find('why-title').replaceChildren(document.createTextNode(plain(title)));
  find('why-body').replaceChildren();
  add(find('why-body'), children);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
find('why-close').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => { if (openedBy) openedBy.focus(); openedBy = null; });
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });

// A number that can be asked; `make` gives the answer's title and content.
function ask(text, label, make) {
  return el('button', { type: 'button', class: 'num', 'aria-haspopup': 'dialog', 'aria-label': `${plain(text)}, ${plain(label)}: why`,
    onclick: () => { const [title, ...rest] = make(); openWhy(title, ...rest); } }, text);
}

const nameOf = new Map();
for (const vm of report.vms) if (vm.name) nameOf.set(vm.vm, vm.name);
const machine = (uuid, name) => [named(name || nameOf.get(uuid), uuid), (name || nameOf.get(uuid)) ? [' ', el('span', { class: 'mono soft' }, uuid)] : null];

function list(head, rows, most = 200) {
  const table = el('table', {}, el('thead', {}, el('tr', {}, head.map((h) => el('th', { scope: 'col' }, h)))),
    el('tbody', {}, rows.slice(0, most).map((row) => el('tr', {}, row.map((cell) => el('td', {}, cell))))));
  return [el('section', { class: 'scroll', tabindex: '0', 'aria-label': head.join(', ') }, table),
    rows.length > most ? el('p', { class: 'soft' }, `The first ${most} of ${rows.length}.`) : null];
}

// An entry of a ledger: where the page carries the evidence, what it says.
let showEntry = null; // set by the self-check
function entry(origin, index) {
  const text = `entry ${index}`;
  return [showEntry ? el('button', { type: 'button', class: 'num', onclick: () => showEntry(origin, index) }, text) : text,
    ' of ', named(origin)];
}

function whyPosition(p, reading) {
  const words = { low: 'the best that is lawful', measured: 'what ran', high: "the vendor's worst reading" };
  const rule = ruleTexts[p.rule];
  return [`${p.rule}, ${place(p)}: ${reading} ${amount(p[reading])} ${p.unit}`,
    el('p', {}, `${amount(p[reading])} ${p.unit} by the reading \u201c${reading}\u201d: ${words[reading] || reading}. `,
      `Low ${amount(p.low)}, measured ${amount(p.measured)}, high ${amount(p.high)}; to be ordered ${amount(p.order)}; held ${p.entitled === null ? 'not told' : amount(p.entitled)}.`),
    el('dl', {}, el('dt', {}, 'Window'), el('dd', {}, `${when(p.from)} to ${when(p.to)}`),
      el('dt', {}, 'First instant of the peak'), el('dd', {}, when(p.at)),
      el('dt', {}, 'Rests on'), el('dd', {}, `witnessed ${percent(p.evidence.witnessed)}, declared ${percent(p.evidence.declared)}, imported ${percent(p.evidence.imported)} of the counted machine time`),
      p.cheapest ? [el('dt', {}, 'Cheapest lawful model'), el('dd', {}, `${p.cheapest.rule}: ${amount(p.cheapest.quantity)}`)] : null),
    el('h3', {}, 'Who stood there then, and the entries that say so'),
    leftOut.because && p.scope !== 'fleet' ? el('p', {}, 'There is no room for them in this page. ', ELSEWHERE) : p.because.length ? list(['Since', 'Host', 'Machine', 'Entry'], p.because.map((b) => [when(b.at), named(b.host),
      b.vm ? machine(b.vm) : 'the host itself', entry(b.origin, b.index)])) : el('p', {}, 'Nothing was counted.'),
    p.because.length === 100 ? el('p', { class: 'soft' }, 'A report tells the first hundred.') : null,
    p.unresolved?.length ? [el('h3', {}, 'Not known, so counted in high'), list(['Machine', 'Host', 'Why'],
      p.unresolved.map((u) => [machine(u.vm, u.name), named(u.host), u.why]))] : null,
    p.excluded.length ? [el('h3', {}, 'Counted, then excluded by a right'), list(['Machine', 'Host', 'Right'],
      p.excluded.map((u) => [machine(u.vm, u.name), named(u.host), named(u.why)]))] : null,
    rule ? [el('h3', {}, 'The rule'), el('pre', { tabindex: '0' }, el('bdi', {}, ...rule.trimEnd().split('\n').flatMap((line) => [line, document.createTextNode('\n')])))] : null];
}

// Stays that a figure of usage or of a machine is made of.
function lanesOf(test) {
  const found = [];
  for (let i = 0; i < chart.lanes.length; i += 7) {
    const [vm, host, from, to, state, index, kind] = chart.lanes.slice(i, i + 7);
    const lane = { vm: chart.vms[vm], host: chart.hosts[host], from, to, state, index,
      product: chart.products[2 * kind], edition: chart.products[2 * kind + 1] };
    if (test(lane)) found.push(lane);
  }
  return found;
}
const originOf = new Map(report.evidence.ledgers.map((l) => [l.host, l.origin]));
const laneRows = (lanes) => lanes.map((l) => [machine(l.vm), named(l.host), STATES[l.state], instant(l.from), instant(l.to), entry(originOf.get(l.host), l.index)]);
const LANE_HEAD = ['Machine', 'Host', 'State', 'From', 'To', 'Since'];
const drawnNote = () => (chart.gap === 0 ? null : el('p', { class: 'soft' }, `There is too much for one page: stretches less than ${spanOf(chart.gap)} apart stand as one, and some that are shorter than that are not drawn. Figures count all of it; tally log tells each entry.`));

function whyUsage(u, what, value) {
  const ids = new Set(report.vms.filter((v) => v.product === u.product && v.edition === u.edition && ({ host: v.hosts.includes(u.id),
    tenant: v.tenant === u.id, cost_center: v.cost_center === u.id }[u.scope] ?? true)).map((v) => v.vm));
  const lanes = lanesOf((l) => l.product === u.product && l.edition === u.edition && (u.scope === 'host' ? l.host === u.id : ids.has(l.vm)));
  const s = u.states;
  return [`${product(u.product, u.edition)}, ${place(u)}: ${what} ${value}`,
    el('p', {}, `${what} ${value}. Run time is running and paused time together: ${u.run_seconds} s = running ${s.running} + paused ${s.paused}. `,
      `Beside it: suspended ${s.suspended} s, saved ${s.saved} s, crashed ${s.crashed} s. Peak ${u.peak} machines at once, first at ${when(u.peak_at)}, for ${u.peak_seconds} s in all.`),
    el('p', { class: 'soft mono' }, u.product), drawnNote(),
    ['cluster', 'region'].includes(u.scope) ? el('p', { class: 'soft' }, 'Below: all machines of this product; hosts belong to the cluster or region by their facts.') : null,
    leftOut.vms && ['tenant', 'cost_center'].includes(u.scope) ? el('p', {}, 'There is no room in this page for whose machines they are. ', ELSEWHERE) : list(LANE_HEAD, laneRows(lanes))];
}

function whyMachine(v, what, value) {
  return [`${v.name || v.vm}: ${what} ${value}`,
    el('dl', {}, el('dt', {}, 'Machine'), el('dd', {}, machine(v.vm, v.name)), el('dt', {}, 'Product'), el('dd', {}, named(product(v.product, v.edition)), ' ', el('span', { class: 'mono soft' }, v.product)),
      el('dt', {}, 'The claim comes from'), el('dd', {}, v.evidence), el('dt', {}, 'Run time'), el('dd', {}, `${v.run_seconds} s`),
      el('dt', {}, 'vCPU time'), el('dd', {}, `${v.vcpu_seconds} s`), el('dt', {}, 'First and last instant'), el('dd', {}, `${when(v.first)} to ${when(v.last)}`)),
    drawnNote(), list(LANE_HEAD, laneRows(lanesOf((l) => l.vm === v.vm && l.product === v.product && l.edition === v.edition)))];
}

// What the host's TPM says by its own clock; where no anchor tells of the period that is unknown, and not nought.
const unknown = () => el('span', { class: 'soft' }, 'unknown');
const TPM_SAYS = [['Powered', 'powered_seconds', 's'], ['Metered', 'metered_seconds', 's'], ['Unattested', 'unattested_seconds', 's'], ['Resolution', 'resolution_seconds', 's'],
  ['Boots', 'boots'], ['Boots unlogged', 'unlogged_boots'], ['Clock sets', 'clock_sets'], ['Suspends', 'suspends'], ['Unclean stops', 'unclean_stops']];
function whyAttested(a) {
  if (!a) return [el('p', {}, 'Unknown: no anchor of this host\u2019s TPM tells of the period.')];
  return [el('dl', {}, TPM_SAYS.map(([label, key, unit]) => [el('dt', {}, label), el('dd', {}, unit ? `${a[key]} s` : grouped(a[key]))])),
    el('p', { class: 'soft' }, 'Resolution is the longest time from one anchor to the next. Boots, clock sets, suspends and stops are those of the whole ledger.'),
    a.intervals.length ? list(['Told from', 'To'], a.intervals.map((i) => [when(i.from), when(i.to)])) : el('p', {}, 'It tells of no interval in the period.')];
}

function whyCoverage(c) {
  return [`${c.host}: ${percent(c.coverage)} of its powered time was metered`,
    el('dl', {}, el('dt', {}, 'Powered'), el('dd', {}, `${c.powered_seconds} s`), el('dt', {}, 'Metered'), el('dd', {}, `${c.metered_seconds} s`),
      el('dt', {}, 'Unattested'), el('dd', {}, `${c.unattested_seconds} s`), el('dt', {}, 'Ledger'), el('dd', {}, named(originOf.get(c.host)))),
    el('p', {}, 'Unattested time is neither zero nor running: nobody looked.'),
    c.gaps.length ? list(['From', 'To', 'Reason'], c.gaps.map((g) => [when(g.from), when(g.to), named(g.reason)])) : el('p', {}, 'No gap is recorded.'),
    el('h3', {}, 'What its TPM says'), whyAttested(c.attested),
    report.findings.filter((f) => f.kind === 'gap' && f.entries.some((e) => e.origin === originOf.get(c.host))).map((f) => [el('p', {}, f.text),
      list(['Entries'], f.entries.map((e) => [entry(e.origin, e.index)]))])];
}

function whyCharge(title, rows) {
  if (chart.sums) return [title, list(['Invoice', 'Tenant', 'Cost centre', 'Lines', 'Billed'],
    rows.map((c) => [named(c.invoice), named(c.tenant), named(c.cost_center), grouped(c.lines), `${money(c.billed)} ${c.currency}`])), el('p', {}, 'There is no room for their lines in this page. ', ELSEWHERE)];
  return [title, list(['Invoice', 'Machine', 'SKU', 'From', 'To', 'Quantity', 'Price', 'Billed', 'Entries'],
    rows.map((c) => [named(c.invoice), c.vm ? machine(c.vm, c.name) : named(c.name), named(c.sku), when(c.charge_from), when(c.charge_to),
      c.quantity === null ? '\u2013' : `${grouped(c.quantity)} ${c.unit || ''}`, c.price === null ? '\u2013' : grouped(c.price), `${money(c.billed)} ${c.currency}`,
      [c.first_index === null ? c.kind : [entry(c.origin, c.first_index), ` to ${c.last_index}`], c.owner.map((o) => [el('br'), 'owner by ', entry(o.origin, o.index)])]]))];
}
