// SPDX-License-Identifier: Apache-2.0
// First what was asked and what came out, in words; then cost and findings.

const head = report.report;
const WEIGHT = { error: 0, warning: 1, info: 2 };
const SIGN = { error: '\u2716 error', warning: '\u25b2 warning', info: '\u2139 info' };

function card(kind, title, big, ...rest) {
  return el('li', { class: `card ${kind}` }, el('h3', {}, title), el('p', { class: 'big' }, big), rest);
}

function heldCard() {
  const told = fleet.filter((p) => p.entitled !== null);
  const short = told.filter((p) => Number(p.surplus.measured) < 0);
  if (!told.length) return card('', 'Licences', 'What is held is not told', el('p', {}, 'The report was made without entitlements: it says what would be needed.'));
  const names = (rows) => el('ul', {}, rows.slice(0, 6).map((p) => el('li', {}, named(p.rule), ` needs ${amount(p.measured)}, held ${amount(p.entitled)} ${p.unit}`)));
  if (!short.length) return card('good', 'Licences', 'What is held covers what was measured', names(told));
  return card('bad', 'Licences', `${many(short.length, 'rule')} short of what is held`, names(short), el('p', { class: 'soft' }, 'Rules of one product are alternatives: one that suffices is enough.'));
}

function coverageCard() {
  const powered = addDecimals(report.coverage.map((c) => c.powered_seconds).concat('0')), metered = addDecimals(report.coverage.map((c) => c.metered_seconds).concat('0'));
  const gaps = report.coverage.reduce((n, c) => n + c.gaps.length, 0);
  const attested = report.coverage.filter((c) => c.attested).length;
  if (Number(powered) === 0) return card('bad', 'Coverage', 'Nothing is recorded in this period');
  const share = Number(metered) / Number(powered);
  return card(share < 0.99 ? 'warn' : 'good', 'Coverage', `${percent(String(share))} of powered time metered`,
    el('p', {}, `${many(report.coverage.length, 'host')}, ${many(gaps, 'gap')}; ${hours(powered)} powered, ${hours(metered)} metered.`),
    el('p', {}, attested ? `The TPMs of ${many(attested, 'host')} say how long ${attested === 1 ? 'it was' : 'they were'} powered${attested < report.coverage.length ? '; of the others that is unknown' : ''}.` : 'How long hosts were powered by their TPMs is unknown: no anchor tells of the period.'));
}

function runCard() {
  const machines = leftOut.vms ? rowsByVm.size : new Set(report.vms.map((v) => v.vm)).size;
  const run = addDecimals(report.usage.filter((u) => u.scope === 'fleet').map((u) => u.run_seconds).concat('0'));
  return card('', 'What ran', `${many(machines, 'machine')}, ${hours(run)}`, el('p', {}, `on ${many(head.hosts.length, 'host')}; ${many(new Set(report.usage.map((u) => u.product)).size, 'product')}.`));
}

// The report's class is what it says of itself; keys that somebody pastes say more, and how much.
const CLASSES = { 'self-declared': 'Self-declared' };
const classSays = el('p', {});
let classCard = null;
function evidenceCard() {
  const imported = report.findings.find((f) => f.kind === 'imported');
  classCard = card('warn', 'Class of evidence', '', classSays, imported ? el('p', {}, `${imported.text.split(':')[0]}: see Findings.`) : null);
  sayClass('unanchored', 0, 0);
  return classCard;
}
// Of the ledgers, those that pasted keys anchor, and those whose keys could not be tried.
function sayClass(result, anchored, unread) {
  const n = report.evidence.ledgers.length, verify = el('span', { class: 'mono nowrap' }, 'tally verify --anchor'), good = result !== 'fails';
  classCard.className = `card ${result === 'holds' ? 'good' : 'warn'}`;
  classCard.children[1].textContent = good && unread ? 'Not checked here'
    : !good || !anchored ? plain(CLASSES[report.evidence.class] || report.evidence.class)
      : anchored === n ? 'Signed by the keys that you pasted' : `${anchored} of ${many(n, 'ledger')} signed by keys that you pasted`;
  classSays.replaceChildren();
  if (good && unread) add(classSays, ['This browser does not know Ed25519: whether the keys that you pasted signed anything, ', verify, ' says.']);
  else if (!good || !anchored) add(classSays, ['Nothing inside a report anchors it. Keys that were pinned off the hosts do: ', verify, ' then states the class.']);
  else add(classSays, ['The class is no better than software here: what kind of TPM stands behind it, enrolment says, and ', verify, ` reads that. The report itself says ${report.evidence.class}.`]);
}

function findingCard() {
  const n = (severity) => report.findings.filter((f) => f.severity === severity).length;
  return card(n('error') ? 'bad' : n('warning') ? 'warn' : 'good', 'Findings', n('error') ? many(n('error'), 'error') : n('warning') ? 'No error' : 'No error, no warning', el('p', {}, `${many(n('warning'), 'warning')}, ${n('info')} for information.`),
    n('error') ? el('ul', {}, report.findings.filter((f) => f.severity === 'error').slice(0, 3).map((f) => el('li', {}, named(cut(f.text, 110))))) : null);
}

function overview() {
  find('asked').append(el('span', {}, 'Asked: ', el('strong', {}, `${when(head.from)} to ${when(head.to)}`), ', calendar of ', named(head.timezone), `, ${many(head.hosts.length, 'host')}. Issued ${when(head.issued)}, the time of the newest entry it rests on.`));
  document.title = `Tallystick report ${head.from.slice(0, 10)} to ${head.to.slice(0, 10)}`;
  section('overview', 'Overview', el('ul', { class: 'cards' }, heldCard(), runCard(), coverageCard(), findingCard(), evidenceCard()));
}

function costBars(title, key, rows) {
  const sums = new Map();
  for (const c of rows) {
    const id = `${c.currency}\u0000${c[key] ?? ''}`;
    if (!sums.has(id)) sums.set(id, []);
    sums.get(id).push(c);
  }
  const all = [...sums].map(([id, list]) => ({ name: id.split('\u0000').slice(1).join('\u0000'), currency: list[0].currency, list, sum: addDecimals(list.map((c) => c.billed)) }))
    .sort((a, b) => Number(b.sum) - Number(a.sum));
  const top = Math.max(...all.map((a) => Math.abs(Number(a.sum))), 0) || 1;
  return el('div', {}, el('h3', {}, title), all.slice(0, 25).map((a) => el('div', { class: 'strip' }, named(a.name),
    svg('svg', { class: 'draw', viewBox: '0 0 300 16', 'aria-hidden': 'true' }, svg('rect', { class: 'track', x: 0.5, y: 0.5, width: 299, height: 15 }), svg('rect', { class: 'on', x: 0, y: 1, width: r1(Math.max(0, Number(a.sum)) / top * 300), height: 14 })),
    ask(`${nearly(a.sum)}\u00a0${a.currency}`, `cost of ${a.name || 'none'}`, () => whyCharge(`${title}: ${a.name || '(none)'}, ${a.sum} ${a.currency}`, a.list)))),
  all.length > 25 ? el('p', { class: 'soft' }, `and ${all.length - 25} more${chart.sums ? '' : ': see the charges below'}`) : null);
}
function costSection() {
  if (!charges.length) return [el('p', {}, 'The report was made without a price list: nothing is charged.')];
  const invoices = new Map();
  for (const c of charges) invoices.set(c.invoice, (invoices.get(c.invoice) || []).concat(c));
  return [el('p', {}, 'Invoices: ', [...invoices].slice(0, 24).map(([id, rows], i) => [i ? '; ' : '', named(id), ' ', ask(`${money(addDecimals(rows.map((c) => c.billed)))} ${rows[0].currency}`, `invoice ${id}`, () => whyCharge(`Invoice ${id}`, rows))]), '.'),
    el('div', { class: 'grid2' }, costBars('By tenant', 'tenant', charges), costBars('By cost centre', 'cost_center', charges))];
}

function findingSection() {
  const rows = [...report.findings].sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
  if (!rows.length) return [el('p', {}, 'None.')];
  return rows.map((f) => el('div', { class: `finding ${f.severity in WEIGHT ? f.severity : 'info'}` }, el('p', {}, el('span', { class: `badge ${f.severity in WEIGHT ? f.severity : 'info'}` }, SIGN[f.severity] || f.severity), ' ', el('span', { class: 'kind' }, f.kind)),
    el('p', {}, named(f.text)), f.entries.length ? el('p', {}, ask(many(f.entries.length, 'entry', 'entries'), `finding ${f.kind}`, () => [`${f.kind}: the entries behind it`, el('p', {}, f.text), list(['Entry'], f.entries.map((e) => [entry(e.origin, e.index)]))])) : null));
}

function madeOf() {
  const rows = (list, cells) => list.map(cells);
  return [el('dl', {}, el('dt', {}, 'Report id'), el('dd', { class: 'mono' }, head.id), el('dt', {}, 'Supersedes'), el('dd', { class: 'mono' }, head.supersedes ?? 'nothing'),
    el('dt', {}, 'Made by'), el('dd', {}, named(head.tool)), el('dt', {}, 'Calendar'), el('dd', {}, named(head.timezone), ', tzdata ', named(head.tzdata))),
  cutShort || chart.gap ? [el('h3', {}, 'Left out, for a page that opens quickly'), el('ul', {}, leftOut.charges ? el('li', {}, `${many(leftOut.charges, 'line')} of charges: sums by invoice, tenant and cost centre stand for them. `, ELSEWHERE) : null,
    leftOut.because ? el('li', {}, `${many(leftOut.because, 'item')} behind the positions of hosts, clusters and regions. `, ELSEWHERE) : null,
    leftOut.vms ? el('li', {}, `${many(leftOut.vms, 'row')} of machines. `, ELSEWHERE) : null,
    chart.gap ? el('li', {}, `Stretches of the timeline that are less than ${spanOf(chart.gap)} apart stand as one, and some that are shorter than that are not drawn.`) : null)] : null,
  el('h3', {}, 'Rule packs'), head.rule_packs.length ? list(['Pack', 'Version', 'SHA-256'], rows(head.rule_packs, (p) => [named(p.id), named(p.version), el('span', { class: 'mono' }, p.sha256)])) : el('p', {}, 'None.'),
  el('h3', {}, 'Files'), head.inputs.length ? list(['File', 'SHA-256'], rows(head.inputs, (p) => [named(p.name), el('span', { class: 'mono' }, p.sha256)])) : el('p', {}, 'None beside the ledgers.')];
}
