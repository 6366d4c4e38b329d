// SPDX-License-Identifier: Apache-2.0
// Of the self-check: bytes, hashes by WebCrypto, the tree, notes and keys. Written from FORMAT.md
// sections 1, 4, 5 and 8, apart from the program that made the page.

class Wrong extends Error {}
const fail = (text) => { throw new Wrong(text); };
const utf8 = new TextEncoder();
const fromUtf8 = (bytes) => { try { return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes); } catch { return fail('text that is no UTF-8'); } };
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
function join(...parts) {
  const all = parts.map((p) => (typeof p === 'string' ? utf8.encode(p) : typeof p === 'number' ? [p] : p));
  const out = new Uint8Array(all.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of all) { out.set(p, at); at += p.length; }
  return out;
}
function base64(text) {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) fail('no base64');
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  if (text.endsWith('=') && btoa(raw.slice(-(raw.length % 3))) !== text.slice(-4)) fail('base64 with stray bits');
  return out;
}

// Big endian, with an end that nothing passes.
class Bytes {
  constructor(bytes) { this.b = bytes; this.at = 0; this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length); }
  get left() { return this.b.length - this.at; }
  step(n) { if (n > this.left) fail('shorter than it says'); this.at += n; return this.at - n; }
  u8() { return this.b[this.step(1)]; }
  u16() { return this.view.getUint16(this.step(2)); }
  u24() { return this.u8() * 65536 + this.u16(); }
  u32() { return this.view.getUint32(this.step(4)); }
  u64() { return this.view.getBigUint64(this.step(8)); }
  take(n) { const at = this.step(n); return this.b.subarray(at, at + n); }
  sized() { return this.take(this.u16()); }
  end() { if (this.left) fail('bytes are left over'); }
}

// A hash of a byte and what follows it. WebCrypto takes its copy at once, so the room is used again.
const room = new Uint8Array(1 + 16 + 65536);
function hashBehind(byte, a, b) {
  room[0] = byte;
  room.set(a, 1);
  if (b) room.set(b, 1 + a.length);
  return crypto.subtle.digest('SHA-256', room.subarray(0, 1 + a.length + (b ? b.length : 0)));
}

// The root over leaf hashes that stand one behind the other: RFC 6962, level by level.
async function rootOf(leaves) {
  if (!leaves.length) return sha256(new Uint8Array());
  let level = leaves;
  while (level.length > 32) {
    const count = level.length / 32, next = new Uint8Array(Math.ceil(count / 2) * 32);
    for (let i = 0; i + 1 < count; i += 4096) {
      const part = [];
      for (let k = i; k + 1 < Math.min(count, i + 4096); k += 2) part.push(hashBehind(1, level.subarray(k * 32, k * 32 + 64)));
      (await Promise.all(part)).forEach((hash, n) => next.set(new Uint8Array(hash), (i / 2 + n) * 32));
    }
    if (count % 2) next.set(level.subarray(-32), next.length - 32);
    level = next;
  }
  return level;
}

const keyId = async (name, type, key) => (await sha256(join(name, '\n', type, key))).subarray(0, 4);

async function parseVkey(text) {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text);
  if (!match) fail('no vkey: NAME+ID+KEY');
  const raw = base64(match[3]);
  if (raw.length !== 33 || raw[0] !== 1) fail('no key of a log (Ed25519)');
  if (hex(await keyId(match[1], 1, raw.subarray(1))) !== match[2]) fail('a vkey whose id is not that of its key');
  return { name: match[1], id: match[2], key: raw.subarray(1), text };
}

// Text, and lines of {name, id, signature}.
function parseNote(note) {
  const end = note.lastIndexOf('\n\n');
  if (end < 0) fail('a note without signatures');
  const text = note.slice(0, end + 1), lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '' || !lines.length) fail('a note whose last line does not end');
  return { text, lines: lines.map((line) => {
    const match = /^\u2014 (\S+) (\S+)$/.exec(line);
    if (!match) fail('a line of a note that is no signature');
    const raw = base64(match[2]);
    if (raw.length < 5) fail('a signature that is too short');
    return { name: match[1], id: hex(raw.subarray(0, 4)), signature: raw.subarray(4) };
  }) };
}
function parseCheckpoint(text) {
  const match = /^(\S+)\n(0|[1-9]\d{0,15})\n(\S{44})\n$/.exec(text);
  if (!match) fail('a note that is no checkpoint of this log');
  return { origin: match[1], size: Number(match[2]), root: base64(match[3]), rootText: match[3] };
}

// False where this browser does not know Ed25519.
let knowsEd25519 = true;
async function verifyEd25519(key, signature, text) {
  let imported;
  try {
    imported = await crypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
  } catch (error) {
    if (error.name === 'NotSupportedError' || error.name === 'SyntaxError') { knowsEd25519 = false; return false; }
    return false;
  }
  return crypto.subtle.verify({ name: 'Ed25519' }, imported, signature, utf8.encode(text));
}

const KINDS = { 1: 'ledger-begin', 2: 'host-facts', 3: 'host-boot', 4: 'host-retired', 5: 'host-failed', 6: 'agent-start', 7: 'agent-stop', 8: 'agent-config', 9: 'heartbeat',
  10: 'gap-begin', 11: 'gap-end', 12: 'gap', 13: 'clock-step', 20: 'defined', 21: 'undefined', 22: 'renamed', 23: 'started', 24: 'baseline', 25: 'resumed', 26: 'suspended',
  27: 'shutdown-request', 28: 'stopped', 29: 'crashed', 30: 'rebooted', 31: 'migrated-out', 32: 'migrated-in', 33: 'migration-failed', 34: 'time-travel', 35: 'config',
  40: 'os-claim', 41: 'software', 42: 'tags', 43: 'role', 50: 'conflict', 51: 'unmanaged-vm', 60: 'import', 61: 'operator-action', 70: 'session-statement',
  71: 'anchor-intent', 72: 'anchor', 73: 'stream-heads', 74: 'catalogue', 75: 'rule-pack', 76: 'report-issued', 77: 'receipt', 80: 'enrolment' };

// An entry: its header, and its groups, taken apart when somebody asks.
class Entry {
  constructor(header, groups) { Object.assign(this, header); this.groups = groups; }
  group(k) {
    const bytes = this.groups[k];
    if (bytes instanceof Map) return bytes;
    try {
      return this.groups[k] = bytes ? decodeMessage(bytes) : new Map();
    } catch (error) {
      throw error instanceof Wrong ? new Wrong(`entry ${this.index}: ${error.message}`) : error;
    }
  }
  get m() { return this.group(0); }
  get i() { return this.group(1); }
  get o() { return this.group(2); }
}

function parseRecord(record) {
  if (record.length !== 136 || record[0] !== 1) fail('no record of version 1');
  const b = new Bytes(record);
  b.take(1);
  const e = { kind: b.u8(), flags: b.u16(), boot: b.u32(), index: Number(b.u64()), wall: b.u64(), uptime: b.u64() };
  if (b.u64() !== 0n || e.flags > 1) fail('a record with something in a reserved place');
  return e;
}

// Protocol Buffers, as far as groups use them: number -> values; numbers as BigInt.
function decodeMessage(bytes) {
  const fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (at >= bytes.length || shift > 63n) fail('a group that does not decode');
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint()), number = Math.floor(tag / 8), type = tag % 8;
    let value;
    if (type === 0) value = varint();
    else if (type === 1 || type === 5 || type === 2) {
      const length = type === 1 ? 8 : type === 5 ? 4 : Number(varint());
      if (length > bytes.length - at || !number) fail('a group that does not decode');
      value = bytes.subarray(at, at + length);
      at += length;
      if (type === 1) value = new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true);
    } else fail('a group that does not decode');
    if (!fields.has(number)) fields.set(number, []);
    fields.get(number).push(value);
  }
  return fields;
}
const one = (fields, number) => fields.get(number)?.at(-1);
const textOf = (fields, number) => { const v = one(fields, number); return v === undefined ? undefined : fromUtf8(v); };
const numberOf = (fields, number) => { const v = one(fields, number); return v === undefined ? undefined : Number(v); };
const uuidOf = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
