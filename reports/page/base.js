// SPDX-License-Identifier: Apache-2.0
// What all of the page stands on: the data, text that stays text, exact decimals, times.

const find = (id) => document.getElementById(id);
// A block's value; a long one is a text: base64 of raw DEFLATE of its JSON.
async function take(id) {
  const value = JSON.parse(find(id).textContent);
  if (typeof value !== 'string') return value;
  try {
    const packed = Uint8Array.from(atob(value), (c) => c.charCodeAt(0));
    return JSON.parse(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text());
  } catch (error) {
    find('main').textContent = `The data of this page does not unpack: ${error.message}. A browser of 2023 or later does that (DecompressionStream); the text and JSON reports need none.`;
    document.documentElement.setAttribute('data-verified', 'fails');
    throw error;
  }
}
const report = await take('report-data');
const chart = await take('chart-data');
const ruleTexts = await take('rule-data');

// What had no room here is in the report's other formats, and in the bundle.
const leftOut = chart.left_out;
const cutShort = leftOut.because + leftOut.charges + leftOut.vms > 0;
const ELSEWHERE = 'They are in the JSON, CSV and FOCUS reports and in the bundle (tally bundle).';
const charges = chart.sums || report.charges;

// Lanes come by columns; from here on seven numbers a stretch: VM, host, from, to, state, entry, product.
chart.lanes = ((c) => {
  const flat = [];
  let vm = 0, reached = 0;
  for (let i = 0; i < c.vm.length; i++) {
    if (c.vm[i]) reached = 0;
    vm += c.vm[i];
    const from = reached + c.after[i];
    reached = from + c.length[i];
    flat.push(vm, c.host[i], from, reached, c.state[i], c.entry[i], c.product[i]);
  }
  return flat;
})(chart.lanes);

// Control and format characters are shown by their number: none of them can turn or hide what
// stands beside it.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{1d173}-\u{1d17a}]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;
const plain = (text) => String(text).replace(HIDDEN, (c) => `\u2039U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}\u203a`);

const ATTRIBUTES = new Set(['class', 'id', 'type', 'scope', 'role', 'tabindex', 'for', 'href', 'value', 'max', 'rows',
  'download', 'spellcheck', 'autocomplete', 'open', 'title', 'datetime', 'hidden', 'name']);

// An element; children are texts or nodes, never markup.
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (ATTRIBUTES.has(key) || key.startsWith('aria-')) node.setAttribute(key, value);
    else throw new Error(`no attribute ${key}`);
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'style' || key.startsWith('on') || key.endsWith('href')) throw new Error(`no attribute ${key}`);
    node.setAttribute(key, value);
  }
  return add(node, children);
}

// A name that somebody else chose.
const named = (text, or = '(none)') => (text === '' || text === null || text === undefined
  ? el('span', { class: 'soft' }, or) : el('bdi', {}, text));
const cut = (text, most) => { const t = [...plain(text)]; return t.length > most ? t.slice(0, most - 1).join('') + '\u2026' : t.join(''); };

let sections = 0;
function section(id, title, ...children) {
  sections++;
  const node = el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title` }, title), children);
  find('main').append(node);
  find('contents').append(el('li', {}, el('a', { href: `#${id}` }, title)));
  return node;
}

// Decimals, exact: whole numbers of the last of so many places.
function decimal(text) {
  const [, sign, whole, part = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text)) || [];
  if (whole === undefined) throw new Error(`no decimal: ${text}`);
  return { value: BigInt(sign + whole + part), places: part.length };
}
function addDecimals(texts) {
  const all = texts.map(decimal);
  const places = all.reduce((most, d) => Math.max(most, d.places), 0);
  return decimalText(all.reduce((sum, d) => sum + d.value * 10n ** BigInt(places - d.places), 0n), places);
}
function decimalText(value, places) {
  const digits = String(value < 0n ? -value : value).padStart(places + 1, '0');
  return (value < 0n ? '-' : '') + digits.slice(0, digits.length - places) + (places ? '.' + digits.slice(-places) : '');
}
// Thousands apart, for reading; what is exact stays exact.
function grouped(text) {
  const [whole, part] = String(text).split('.');
  return whole.replace(/\B(?=(\d{3})+$)/g, '\u202f') + (part === undefined ? '' : '.' + part);
}
// Money: no more noughts at its end than two places need.
const money = (value) => grouped(String(value).replace(/(\.\d\d\d*?)0+$/, '$1'));
// Of a picture: to two places, half up, with a sign where that is not all of it. What opens has it exact.
function nearly(text) {
  const { value, places } = decimal(text);
  if (places <= 2) return money(text);
  const unit = 10n ** BigInt(places - 2), whole = ((value < 0n ? -value : value) * 2n + unit) / (2n * unit);
  return `${value % unit ? '\u2248\u00a0' : ''}${grouped(decimalText(value < 0n ? -whole : whole, 2))}`;
}
const amount = (value) => (value === null ? '\u2013' : grouped(value));
function hours(seconds) {
  const h = Number(seconds) / 3600;
  return `${grouped(h >= 100 ? h.toFixed(0) : h >= 1 ? h.toFixed(1) : h.toFixed(3))} h`;
}
const spanOf = (ms) => (ms < 1000 ? `${ms} ms` : ms < 120000 ? `${Math.round(ms / 1000)} s` : ms < 7200000 ? `${Math.round(ms / 60000)} min` : `${Math.round(ms / 3600000)} h`);
const percent = (ratio) => (ratio === null ? 'not on' : `${(Math.floor(Number(ratio) * 10000) / 100).toFixed(2)} %`);
const BEGIN = Date.parse(report.report.from), END = Date.parse(report.report.to), LENGTH = Math.max(1, END - BEGIN);
const when = (text) => (text === null ? '\u2013' : text.replace('T', ' ').replace(/\.\d+/, '').replace('Z', ' UTC'));
const instant = (ms) => when(new Date(BEGIN + ms).toISOString());
const many = (n, one, more = `${one}s`) => `${grouped(n)} ${n === 1 ? one : more}`;

// A product as somebody would say it; the identifier stands beside it where it matters.
function product(id, edition) {
  const short = /^https?:\/\/([a-z0-9.-]+)\/(.+)$/.exec(id);
  const name = id === 'unclassified' ? 'unclassified' : short ? `${short[2].replaceAll('/', ' ')} (${short[1]})` : id;
  return edition ? `${name}, ${edition}` : name;
}
const place = (row) => (row.scope === 'fleet' ? 'the fleet' : `${row.scope} ${row.id || '(none)'}`);
const STATES = ['running', 'paused', 'suspended', 'saved', 'crashed', 'end uncertain', 'standby'];
