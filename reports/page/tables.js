// SPDX-License-Identifier: Apache-2.0
// Tables with search and order. Rows are made as they are shown: of many only the first.

const PAGE_ROWS = 50, PAPER_ROWS = 400;
const collator = new Intl.Collator('en', { numeric: true });
const sortKey = (value) => (value === null || value === undefined ? '' : value);

// columns: {label, n: a number, get: row -> text to search and order by, cell: row -> content}
// live: drawn again when the self-check has come to its end.
function table(id, caption, columns, rows, live = false) {
  let order = null, down = false, shown = PAGE_ROWS, words = '';
  let texts = null; // made when somebody searches
  const body = el('tbody'), count = el('p', { class: 'soft', role: 'status', 'aria-live': 'polite' });
  const more = el('button', { type: 'button', class: 'screen', onclick: () => { shown += 4 * PAGE_ROWS; draw(); } }, 'Show more');

  function chosen() {
    let list = rows;
    if (words) {
      texts ||= rows.map((row) => columns.map((c) => plain(sortKey(c.get(row)))).join('\u0001').toLowerCase());
      const all = words.toLowerCase().split(/\s+/).filter(Boolean);
      list = rows.filter((_, i) => all.every((word) => texts[i].includes(word)));
    }
    if (order !== null) {
      const { get, n } = columns[order];
      const compare = n ? (a, b) => Number(get(a) ?? -Infinity) - Number(get(b) ?? -Infinity)
        : (a, b) => collator.compare(String(sortKey(get(a))), String(sortKey(get(b))));
      list = [...list].sort((a, b) => (down ? -compare(a, b) : compare(a, b)));
    }
    return list;
  }
  function draw(limit = shown) {
    const list = chosen();
    body.replaceChildren(...list.slice(0, limit).map((row) => el('tr', {}, columns.map((c) => el('td', c.n ? { class: 'n' } : {}, (c.cell || c.get)(row))))));
    count.textContent = `${list.length === rows.length ? many(rows.length, 'row') : `${list.length} of ${many(rows.length, 'row')}`}${list.length > limit ? `, ${limit} shown` : ''}`;
    more.hidden = list.length <= limit;
  }
  const heads = columns.map((c, i) => el('th', { scope: 'col', class: c.n ? 'n' : '', 'aria-sort': 'none' },
    el('button', { type: 'button', onclick: () => {
      down = order === i ? !down : Boolean(c.n);
      order = i;
      heads.forEach((h, k) => {
        h.setAttribute('aria-sort', k !== i ? 'none' : down ? 'descending' : 'ascending');
        h.querySelector('span').textContent = k !== i ? '' : down ? ' \u25bc' : ' \u25b2';
      });
      draw();
    } }, c.label, el('span', { 'aria-hidden': 'true' }))));
  const search = el('input', { type: 'search', id: `${id}-search`, autocomplete: 'off', spellcheck: 'false',
    oninput: (event) => { words = event.target.value; shown = PAGE_ROWS; draw(); } });
  window.addEventListener('beforeprint', () => draw(Math.max(shown, PAPER_ROWS)));
  window.addEventListener('afterprint', () => draw());
  window.addEventListener('checked', () => { if (live) draw(); });
  draw();
  return [el('div', { class: 'tools' }, el('label', {}, `Search in ${caption.toLowerCase()}`, search)), count,
    el('section', { class: 'scroll', tabindex: '0', 'aria-label': `${caption}, a wide table` },
      el('table', { id }, el('caption', {}, caption), el('thead', {}, el('tr', {}, heads)), body)), el('p', {}, more)];
}

const text = (label, get, cell) => ({ label, get, cell: cell || ((row) => named(get(row))) });
const number = (label, get, cell) => ({ label, n: true, get, cell });

function usageTable() {
  const value = (label, key, show) => number(label, (u) => u[key], (u) => ask(show(u[key]), `${label} of ${product(u.product, u.edition)}, ${place(u)}`, () => whyUsage(u, label, u[key])));
  return table('usage-table', 'Usage', [text('Product', (u) => product(u.product, u.edition)), text('Scope', (u) => u.scope), text('Id', (u) => u.id),
    value('Run time', 'run_seconds', hours), value('vCPU time', 'vcpu_seconds', hours), value('Peak', 'peak', grouped),
    text('Peak at', (u) => u.peak_at ?? '', (u) => when(u.peak_at)), value('Average', 'average', (v) => v)], report.usage);
}

function vmTable() {
  const value = (label, key) => number(label, (v) => v[key], (v) => ask(hours(v[key]), `${label} of ${v.name || v.vm}`, () => whyMachine(v, label, v[key])));
  return table('vm-table', 'Machines', [text('Name', (v) => v.name, (v) => [named(v.name, '(no name)'), el('br'), el('span', { class: 'mono soft' }, v.vm)]), text('Tenant', (v) => v.tenant),
    text('Cost centre', (v) => v.cost_center), text('Product', (v) => product(v.product, v.edition)), text('Software', (v) => v.software.join(' ')),
    text('Claim by', (v) => v.evidence), value('Run time', 'run_seconds'), value('vCPU time', 'vcpu_seconds'),
    text('Hosts', (v) => v.hosts.join(' '), (v) => v.hosts.map((h, i) => [i ? ', ' : '', named(h)])),
    text('First', (v) => v.first, (v) => when(v.first)), text('Last', (v) => v.last, (v) => when(v.last))], report.vms);
}

function positionTable() {
  const value = (label, get, reading) => number(label, get, (p) => ask(amount(get(p)), `${label}, ${p.rule}, ${place(p)}`, () => whyPosition(p, reading)));
  return table('position-table', 'Positions', [text('Rule', (p) => p.rule), text('Product', (p) => p.product), text('Scope', (p) => p.scope), text('Id', (p) => p.id),
    text('Unit', (p) => p.unit), value('Low', (p) => p.low, 'low'), value('Measured', (p) => p.measured, 'measured'), value('High', (p) => p.high, 'high'),
    value('Order', (p) => p.order, 'measured'), value('Held', (p) => p.entitled, 'measured'), value('Surplus', (p) => p.surplus.measured, 'measured')], report.positions);
}

function chargeTable() {
  return table('charge-table', 'Charges', [text('Invoice', (c) => c.invoice), text('Machine', (c) => c.name || c.vm || '', (c) => named(c.name || c.vm || '', 'all')), text('Tenant', (c) => c.tenant),
    text('Cost centre', (c) => c.cost_center), text('SKU', (c) => c.sku), text('Kind', (c) => c.kind), number('Quantity', (c) => c.quantity, (c) => (c.quantity === null ? '\u2013' : `${grouped(c.quantity)} ${c.unit || ''}`)),
    number('Price', (c) => c.price, (c) => (c.price === null ? '\u2013' : grouped(c.price))),
    number('Billed', (c) => c.billed, (c) => ask(`${money(c.billed)} ${c.currency}`, `billed for ${c.sku}`, () => whyCharge(`${c.sku}: ${c.billed} ${c.currency}`, [c])))], report.charges);
}

function coverageTable() {
  const tpm = ([label, key, unit]) => number(`TPM: ${label.toLowerCase()}`, (c) => c.attested?.[key] ?? null, (c) => (c.attested ? ask(unit ? hours(c.attested[key]) : grouped(c.attested[key]), `${label} of ${c.host} by its TPM`, () => whyCoverage(c)) : unknown()));
  const value = (label, key) => number(label, (c) => c[key], (c) => ask(hours(c[key]), `${label} of ${c.host}`, () => whyCoverage(c)));
  return table('coverage-table', 'Hosts', [text('Host', (c) => c.host), text('Class', (c) => classOf(originOf.get(c.host)) ?? '', (c) => el('span', { class: 'nowrap' }, classOf(originOf.get(c.host)) ?? unknown())), number('Coverage', (c) => c.coverage, (c) => ask(percent(c.coverage), `Coverage of ${c.host}`, () => whyCoverage(c))),
    value('Powered', 'powered_seconds'), value('Metered', 'metered_seconds'), value('Unattested', 'unattested_seconds'), number('Gaps', (c) => c.gaps.length),
    ...TPM_SAYS.map(tpm)], report.coverage, true);
}

function ledgerTable() {
  return table('ledger-table', 'Ledgers', [text('Host', (l) => l.host), text('Origin', (l) => l.origin), number('Entries', (l) => l.size, (l) => grouped(l.size)),
    text('Checkpoint', (l) => l.checkpoint ?? '', (l) => when(l.checkpoint)), text('Root', (l) => l.root, (l) => el('span', { class: 'mono' }, l.root)),
    number('Anchors', (l) => l.anchors), number('Witnesses', (l) => l.witnesses)], report.evidence.ledgers);
}
