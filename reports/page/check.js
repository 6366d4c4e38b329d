// SPDX-License-Identifier: Apache-2.0
// The self-check: from the evidence in this file to a verdict, with progress; what holds, what
// nothing anchors, what fails and where. It is the page that checks the page: whoever doubts the
// page takes the verifier, obtained elsewhere.

const evidence = await take('evidence-data');
const root = document.documentElement;
const state = { over: false, totals: false, problems: [], partly: [], keys: new Map(), signed: new Set(), pinned: [], pastes: 0 };
const canCheck = Boolean(globalThis.crypto?.subtle); // browsers keep WebCrypto from pages that came by plain http
const ledgers = new Map(); // origin -> what was read
const BATCH = 4096; // hashes under way at once

const bar = el('progress', { max: '100', value: '0', 'aria-label': 'Progress of the self-check' });
const verdict = el('p', { role: 'status', 'aria-live': 'polite' }, 'Checking\u2026');
const told = el('ul', { class: 'checks' });
const summary = el('li', { class: 'card warn' }, el('h3', {}, 'Self-check'), el('p', { class: 'big' }, 'Checking\u2026'), el('p', {}, ''));

function problem(where, text) { state.problems.push(where ? `${where}: ${text}` : text); }
const breathe = () => new Promise((resolve) => { setTimeout(resolve, 0); });

// Entries of one ledger with their groups; commitments and leaf hashes as they pass.
async function readEntries(ledger, size, progress) {
  const entries = [], leaves = new Uint8Array(32 * size), names = ['metering', 'identity', 'operations'];
  const waiting = [], then = [];
  const settle = async () => {
    const hashes = await Promise.all(waiting);
    hashes.forEach((hash, n) => {
      const { index, k, committed } = then[n];
      if (!committed) leaves.set(new Uint8Array(hash), 32 * index);
      else if (!same(new Uint8Array(hash), committed)) fail(`entry ${index}: its ${names[k]} group is not what the entry committed to`);
    });
    waiting.length = then.length = 0;
  };
  for (const bundle of ledger.bundles) {
    const records = new Bytes(base64(bundle.entries)), payload = new Bytes(base64(bundle.payload));
    while (records.left) {
      const record = records.sized(), index = entries.length;
      if (index >= size) fail(`it has more entries than its checkpoint is over: ${size}`);
      const header = readHeader(record, index);
      if (!payload.left) fail(`entry ${index}: its payload is not there`);
      header.mask = payload.u8();
      if (header.mask > 7) fail(`entry ${index}: a payload with unknown groups`);
      waiting.push(hashBehind(0, record));
      then.push({ index });
      const groups = [];
      for (let k = 0; k < 3; k++) {
        if (!(header.mask >> k & 1)) continue;
        const salt = payload.take(16), length = payload.u24();
        if (length > 65535) fail(`entry ${index}: a group that is too long`);
        groups[k] = payload.take(length);
        waiting.push(hashBehind(0x11 + k, salt, groups[k]));
        then.push({ index, k, committed: record.subarray(40 + 32 * k, 72 + 32 * k) });
      }
      entries.push(new Entry(header, groups));
    }
    payload.end();
    if (waiting.length >= BATCH) await settle();
    await progress(entries.length);
  }
  await settle();
  return { entries, leaves };
}

function readHeader(record, index) {
  try {
    const header = parseRecord(record);
    if (header.index !== index) fail(`its record says that it is entry ${header.index}: entries are missing, doubled or out of order`);
    return header;
  } catch (error) {
    throw error instanceof Wrong ? new Wrong(`entry ${index}: ${error.message}`) : error;
  }
}

// A note of the log: of this origin, and signed by its key, or `verifies` is false: this browser cannot say.
async function readNote(text, vkey, origin) {
  const note = parseNote(text), head = parseCheckpoint(note.text);
  if (head.origin !== origin) fail('the checkpoint is of another log');
  const line = note.lines[0];
  if (line.name !== vkey.name || line.id !== vkey.id || line.signature.length !== 64) fail("the checkpoint does not bear its log's signature");
  const verifies = await verifyEd25519(vkey.key, line.signature, note.text);
  if (!verifies && knowsEd25519) fail("the log's signature of the checkpoint does not verify");
  return { note, head, verifies };
}

async function checkLedger(told_, carried, progress) {
  const vkey = await parseVkey(carried.vkey);
  if (vkey.name !== carried.origin) fail('its key is of another name');
  state.keys.set(carried.origin, vkey);
  const newest = await readNote(carried.notes[0], vkey, carried.origin);
  if (newest.verifies) state.signed.add(carried.origin);
  if (newest.head.size !== told_.size || newest.head.rootText !== told_.root) fail('the report rests on another size or root than the checkpoint says');
  if (!evidence.complete) return null;
  const { entries, leaves } = await readEntries(carried, newest.head.size, progress);
  if (entries.length !== newest.head.size) fail(`it has ${entries.length} entries, and its checkpoint is over ${newest.head.size}`);
  if (!same(await rootOf(leaves), newest.head.root)) fail('its entries do not hash to the root that the checkpoint signed: an entry was changed');
  const sessions = await checkSessions(entries, vkey);
  let attested = 0;
  for (const [i, text] of carried.notes.entries()) {
    const { note, head } = i ? await readNote(text, vkey, carried.origin) : newest;
    if (head.size > entries.length || !same(await rootOf(leaves.subarray(0, 32 * head.size)), head.root)) fail('an attested checkpoint has another root than the entries');
    if (await checkAttested(note, sessions, carried.origin, head.size)) attested = Math.max(attested, head.size);
  }
  return { ...carried, host: told_.host, size: newest.head.size, entries, vkey, attested, sessions };
}

async function checkId() {
  const h = report.report, parts = [utf8.encode('tally/report/v1'), new Uint8Array(1)];
  const item = (value) => { const bytes = typeof value === 'string' ? utf8.encode(value) : value, n = bytes.length; parts.push(Uint8Array.of(n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255), bytes); };
  const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (b) => parseInt(b, 16));
  [h.from, h.to, h.timezone].forEach(item);
  for (const l of report.evidence.ledgers) { item(l.host); item(l.origin); item(String(l.size)); item(base64(l.root)); }
  for (const p of h.rule_packs) { item(p.id); item(p.version); item(unhex(p.sha256)); }
  for (const i of h.inputs) { item(i.name); item(unhex(i.sha256)); }
  if (hex(await sha256(join(...parts))) !== h.id) problem('', "The report's id is not that of its period, ledgers, packs and files.");
}

// What is said to have no room in the page is not in it: neither half of it, nor something else in its place.
function checkLeftOut() {
  if (leftOut.vms && report.vms.length) problem('', 'The page has rows of machines, and says that they are left out.');
  if (leftOut.charges && report.charges.length) problem('', 'The page has lines of charges, and says that they are left out.');
  else if (chart.sums && report.charges.length) problem('', 'The page has lines of charges, and sums that stand for them.');
}

// What a position or a finding names is there, and is of the host that it names.
function checkEntries() {
  const look = (ref, what) => {
    const ledger = ledgers.get(ref.origin), e = ledger?.entries[ref.index];
    if (!e) { problem('', `${what} rests on entry ${ref.index} of ${ref.origin}, which is not there.`); return; }
    if (ref.host !== undefined && ledger.host !== ref.host) problem('', `${what} names entry ${ref.index} of another host.`);
    if (ref.vm && !(e.i.has(1) && uuidOf(one(e.i, 1)) === ref.vm)) problem('', `${what} rests on entry ${ref.index} of ${ref.origin}, which speaks of another machine.`);
  };
  for (const p of report.positions) {
    const name = `The position ${p.rule} of ${place(p)}`;
    for (const b of p.because) look(b, name);
    if (Number(p.low) > Number(p.measured) || (p.high !== null && Number(p.measured) > Number(p.high))) problem('', `${name} has its readings out of order.`);
  }
  for (const f of report.findings) for (const r of f.entries) look(r, `The finding ${f.kind}`);
}

// Whose times and hosts the report names: what its ledgers say.
function checkTimes() {
  let newest = null;
  for (const row of report.evidence.ledgers) {
    const last = ledgers.get(row.origin).entries.at(-1), at = last ? stampOf(last.wall) : null;
    if (at !== row.checkpoint) problem(row.origin, `its last entry is of ${at}, and the report says ${row.checkpoint}`);
    if (last && (newest === null || last.wall > newest)) newest = last.wall;
  }
  if (report.report.issued !== (newest === null ? null : stampOf(newest))) problem('', 'The report is not of the time of the newest entry that it rests on.');
  if (String(report.report.hosts) !== String(report.evidence.ledgers.map((l) => l.host))) problem('', 'The report names other hosts than those of its ledgers.');
}
const notCompared = (why) => state.partly.push(`Usage,${leftOut.vms ? '' : ' machines,'} coverage and the timeline are not compared with the entries: ${why}. tally verify does that.`);

function checkHost(ledger) {
  let name = '';
  for (const e of ledger.entries) if ([1, 2, 60].includes(e.kind) && e.i.has(5)) name = textOf(e.i, 5);
  if (name !== ledger.host) problem(ledger.origin, `its entries are of the host ${name}, and the report says ${ledger.host}`);
}

async function check() {
  const all = report.evidence.ledgers.reduce((n, l) => n + l.size, 0) || 1;
  let before = 0;
  let shown = 0;
  const progress = async (n) => { // a breath is dear: a hundred are enough
    const share = (before + n) / all * 90;
    if (share - shown < 1) return;
    bar.value = shown = share;
    await breathe();
  };
  await checkId();
  checkLeftOut();
  if (!evidence) return;
  const carried = new Map(evidence.ledgers.map((l) => [l.origin, l]));
  if (carried.size !== report.evidence.ledgers.length) problem('', 'The evidence is not that of the ledgers that the report names.');
  for (const l of report.evidence.ledgers) {
    try {
      if (!carried.has(l.origin)) fail('there is no evidence of this ledger');
      const read = await checkLedger(l, carried.get(l.origin), progress);
      if (read) ledgers.set(l.origin, read);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      problem(l.origin, error.message);
    }
    before += l.size;
  }
  if (!evidence.complete || state.problems.length) return;
  for (const l of ledgers.values()) checkHost(l);
  checkEntries();
  checkTimes();
  const held = [...ledgers.values()].reduce((n, l) => n + l.entries.filter((e) => e.mask !== 7).length, 0);
  if (held) { notCompared(`${many(held, 'entry', 'entries')} of ${grouped(all)} ${held === 1 ? 'is' : 'are'} not wholly disclosed`); return; }
  try {
    state.problems.push(...compareTotals(makeEstate([...ledgers.values()])));
    state.totals = true;
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    notCompared(error.message);
  }
}

const pastedOf = (origin) => { const own = state.keys.get(origin); return own !== undefined && state.pinned.some((p) => p.text === own.text); };
// A key that is only named beside the entries anchors nothing: its signature must have verified here.
const anchoredBy = (origin) => knowsEd25519 && state.signed.has(origin) && pastedOf(origin);

// As far as a page can tell; undefined before the check has come to its end, or where it failed.
function classOf(origin) {
  if (!state.over || state.problems.length || wrongKeys().length) return undefined;
  if (!anchoredBy(origin)) return pastedOf(origin) ? 'not checked' : 'self-declared';
  return ledgers.get(origin)?.attested ? 'software (libtpms), or better' : undefined;
}

function sayLedgers(lines) {
  const n = report.evidence.ledgers.length, entries = [...ledgers.values()].reduce((sum_, l) => sum_ + l.entries.length, 0);
  const bad = state.problems.length > 0;
  if (knowsEd25519) { if (state.signed.size === n && n && !bad) lines.push(['ok', `Each of ${many(n, 'ledger')} has a checkpoint that its log's key signed (Ed25519).`]); }
  else lines.push(['part', 'This browser does not know Ed25519: the signatures of the logs are not checked.']);
  if (entries && !bad) lines.push(['ok', `${many(entries, 'entry', 'entries')}: each group is what its entry committed to, and the entries hash to the roots that ${knowsEd25519 ? 'were signed' : 'the checkpoints name'}.`]);
  const attested = [...ledgers.values()].filter((l) => l.attested === l.size).length, some = [...ledgers.values()].filter((l) => l.attested > 0).length;
  if (some && !bad) lines.push([attested === n ? 'ok' : 'part', `${attested} of ${many(n, 'checkpoint')} ${attested === 1 ? 'is' : 'are'} signed by a TPM${knowsEd25519 ? ' too' : ''} (P-256), and its quote says so of this very text${some > attested ? `; of ${some - attested} more an earlier one is` : ''}. Which TPM that is, nothing in this file proves.`]);
  else if (entries && !bad) lines.push(['part', 'No checkpoint here was attested by a TPM.']);
  if (state.totals && !bad) lines.push(['ok', `Usage,${leftOut.vms ? '' : ' machines,'} the coverage of imported hosts and the timeline are what the entries come to, worked out again here.`]);
}

const wrongKeys = () => state.pinned.filter((key) => {
  const own = state.keys.get(key.name);
  return own && own.text !== key.text && !state.pinned.some((k) => k.text === own.text);
}).map((key) => `Pinned key: ${key.name} signed with another key than the one that you pasted.`);

// All on the page that nothing above has worked out again.
const NOT_DONE = ['positions with what is held, what is to be ordered and the cheapest model', 'charges and costs', 'findings and their texts', 'the rules\u2019 texts',
  'the coverage of live hosts, and how long a TPM says they were powered', 'what rules ask for at each instant',
  'stretches in which a machine does not run, and the entries that stretches are named for', 'the class of evidence, anchors and witnesses',
  'the superseded report, program and tzdata', 'chains of a TPM\u2019s registers, enrolment, receipts',
  ...(leftOut.vms ? ['the rows of machines, for which there was no room'] : [])];

function sayPartly(lines) {
  for (const p of state.partly) lines.push(['part', p]);
  if (!evidence) lines.push(['part', 'This page carries no evidence: it cannot check itself.']);
  else if (!evidence.complete) lines.push(['part', 'There is too much evidence for one file: the entries are not in this page. They are in the bundle (tally bundle), which tally verify checks.']);
  lines.push(['part', `Not worked out here, whatever came out above: ${NOT_DONE.join('; ')}. tally verify does all of it again.`]);
}

function sayAll() {
  const lines = [], problems = [...wrongKeys(), ...state.problems], failed = problems.length > 0;
  sayLedgers(lines);
  for (const p of problems.slice(0, 50)) lines.push(['no', p]);
  if (problems.length > 50) lines.push(['no', `and ${problems.length - 50} more`]);
  sayPartly(lines);
  const open = report.evidence.ledgers.filter((l) => !anchoredBy(l.origin)), unread = open.filter((l) => pastedOf(l.origin)).length;
  if (!failed && unread) lines.push(['part', `The keys that you pasted could not be checked: this browser does not know Ed25519. Nothing anchors ${many(open.length, 'ledger')}; tally verify --anchor checks the keys.`]);
  else if (!failed && state.keys.size) lines.push(open.length ? ['part', `Nothing anchors ${many(open.length, 'ledger')}: whoever made this page could have made ${open.length === 1 ? 'its key' : 'their keys'}. Paste keys that were pinned off the hosts.`]
    : ['ok', 'Each ledger is signed by a key that you pasted.']);
  const whole = state.totals && knowsEd25519;
  const result = failed ? 'fails' : open.length || !whole || !report.evidence.ledgers.length ? 'unanchored' : 'holds';
  const words = { fails: 'It does not hold', unanchored: whole ? 'Consistent, but nothing anchors it' : 'Not wholly checked', holds: 'It holds' }[result];
  told.replaceChildren(...lines.map(([kind, text_]) => el('li', { class: kind }, text_)));
  verdict.replaceChildren(el('strong', {}, words), ` \u2013 by this page\u2019s own check of itself.`);
  summary.className = `card ${{ fails: 'bad', unanchored: 'warn', holds: 'good' }[result]}`;
  summary.children[1].textContent = words;
  summary.children[2].textContent = failed ? plain(problems[0]) : !whole && state.partly.length ? plain(state.partly[0]) : 'A self-check by this page. Whoever doubts the page uses tally verify, obtained elsewhere.';
  sayClass(result, report.evidence.ledgers.length - open.length, unread);
  window.dispatchEvent(new Event('checked'));
  root.setAttribute('data-verified', result);
}

// Keys may be pasted before the check is over: they wait for it. Of two pastes the later one counts.
async function pin(text_) {
  if (!canCheck) return 'Not taken: this browser gives the page no WebCrypto.';
  const keys = [], wrong = [], paste = ++state.pastes;
  for (const line of text_.split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#'))) {
    try { keys.push(await parseVkey(line)); } catch (error) { wrong.push(`${line.slice(0, 80)}: ${error.message}`); }
  }
  if (paste !== state.pastes) return 'Newer keys were pasted.';
  state.pinned = keys;
  if (state.over) sayAll();
  return (wrong.length ? `Not taken: ${wrong.join('; ')}` : `${many(keys.length, 'key')} taken.`) + (state.over ? '' : ' The check is under way.');
}

function checkSection() {
  const area = el('textarea', { id: 'pins', rows: '3', spellcheck: 'false', autocomplete: 'off' });
  const answer = el('p', { role: 'status', 'aria-live': 'polite' });
  document.querySelector('#overview .cards').prepend(summary);
  const save = cutShort ? el('span', { class: 'soft' }, 'The JSON report is not whole in this page: see \u201cMade of\u201d.') : el('button', { type: 'button', class: 'screen', id: 'save', onclick: () => {
    const link = el('a', { download: 'report.json' });
    link.href = URL.createObjectURL(new Blob([reportBytes()], { type: 'application/json' }));
    link.click();
    URL.revokeObjectURL(link.href);
  } }, 'Save the JSON report');
  return [verdict, bar, told, el('div', { class: 'screen' }, el('label', { for: 'pins' }, 'Keys that were pinned off the hosts, a vkey on each line'), el('br'), area,
    el('p', {}, el('button', { type: 'button', id: 'pin', onclick: async () => { answer.textContent = plain(await pin(area.value)); } }, 'Check against these keys'), ' ', save), answer)];
}

// The report as `tally report --format json` writes it: what `tally verify` takes.
const reportBytes = () => JSON.stringify(report, null, 2).replaceAll('\u007f', '\\u007f') + '\n';

showEntry = (origin, index) => {
  const e = ledgers.get(origin)?.entries[index];
  if (!e) { openWhy(`Entry ${index} of ${origin}`, el('p', {}, 'The entries are not in this page, or not read yet. With the ledger: ', el('span', { class: 'mono' }, `tally log LEDGER --from ${index} --to ${index + 1}`))); return; }
  const show = (fields) => [...fields].map(([n, values]) => [el('dt', {}, `field ${n}`), el('dd', { class: 'mono' }, values.map((v) => (typeof v === 'bigint' ? String(v) : readable(v))).join(', ').slice(0, 2000))]);
  openWhy(`Entry ${index} of ${origin}`, el('dl', {}, el('dt', {}, 'Kind'), el('dd', {}, KINDS[e.kind] ?? `unknown (${e.kind})`), el('dt', {}, 'Recorded'), el('dd', {}, stampOf(e.wall)),
    one(e.m, 2) ? [el('dt', {}, 'Happened'), el('dd', {}, stampOf(one(e.m, 2)))] : null, el('dt', {}, 'Imported'), el('dd', {}, e.flags ? 'yes, not witnessed live' : 'no'),
    e.vm ? [el('dt', {}, 'Machine'), el('dd', {}, machine(e.vm))] : null),
  ...[['Metering', e.m], ['Identity', e.i], ['Operations', e.o]].map(([title, fields]) => (fields.size ? [el('h3', {}, `${title} (fields by their numbers, FORMAT.md section 3)`), el('dl', {}, show(fields))] : null)));
};
function readable(bytes) {
  if (bytes.length === 16 || bytes.length > 200) return bytes.length === 16 ? uuidOf(bytes) : `${bytes.length} bytes`;
  try { return JSON.stringify(fromUtf8(bytes)); } catch { return hex(bytes); }
}

async function runCheck() {
  try {
    if (canCheck) await check();
    else state.partly.push('This browser gives the page no WebCrypto, as of pages that came by plain http: nothing is checked here. Open the file from a disk or by https, or use tally verify.');
  } catch (error) {
    problem('', error instanceof Wrong ? error.message : `The self-check itself failed: ${error.message}`);
  }
  state.over = true;
  bar.value = 100;
  bar.hidden = true;
  sayAll();
}
