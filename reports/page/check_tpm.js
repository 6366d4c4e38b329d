// SPDX-License-Identifier: Apache-2.0
// Of the self-check: what a TPM said of a checkpoint (FORMAT.md section 6).

function parseStatement(bytes) {
  const f = decodeMessage(bytes);
  const packed = (v) => { const list = []; for (const byte of v || []) list.push(byte); return list; }; // PCR numbers are below 128
  return { version: numberOf(f, 1), hostId: one(f, 2), ek: one(f, 3), ak: one(f, 4), origin: textOf(f, 5), vkey: textOf(f, 6), bank: numberOf(f, 9),
    bootPcrs: packed(one(f, 10)), ledgerPcr: numberOf(f, 11), reset: numberOf(f, 12) ?? 0, restart: numberOf(f, 13) ?? 0, transport: textOf(f, 16) };
}

// A P-256 signing key that signs nothing but what its TPM made, as TPMT_PUBLIC.
function parseAk(bytes) {
  const b = new Bytes(bytes);
  if (b.u16() !== 0x0023 || b.u16() !== 0x000b) fail('the attestation key is no ECC key with SHA-256 names');
  if (b.u32() !== 0x00050472) fail('the attestation key is not restricted to what its TPM says: it could sign anything');
  if (b.sized().length) fail('the attestation key has a policy');
  if (b.u16() !== 0x0010 || b.u16() !== 0x0018 || b.u16() !== 0x000b || b.u16() !== 0x0003 || b.u16() !== 0x0010) fail('the attestation key is not for ECDSA with SHA-256 over P-256');
  const x = b.sized(), y = b.sized();
  b.end();
  if (x.length !== 32 || y.length !== 32) fail('the attestation key has coordinates of another length');
  return join(4, x, y);
}
const nameOfKey = async (bytes) => join([0, 0x0b], await sha256(bytes));

function parseBlob(bytes) {
  const b = new Bytes(bytes), pcrs = [];
  if (b.u8() !== 1) fail('evidence of another version');
  for (let n = b.u8(); n > 0; n--) pcrs.push([b.u8(), b.take(32)]);
  const attest = b.sized(), signature = new Bytes(b.sized());
  b.end();
  if (signature.u16() !== 0x0018 || signature.u16() !== 0x000b) fail('a TPM signature that is not ECDSA with SHA-256');
  const r = signature.sized(), s = signature.sized();
  signature.end();
  if (r.length > 32 || s.length > 32) fail('a TPM signature that is too long');
  return { pcrs, attest, signature: join(new Uint8Array(32 - r.length), r, new Uint8Array(32 - s.length), s) };
}

// A quote over q by the session's key. Throws what is wrong.
async function checkQuote(bytes, q, session) {
  const blob = parseBlob(bytes), a = new Bytes(blob.attest);
  if (a.u32() !== 0xff544347) fail("the TPM's quote does not begin as what a TPM made");
  if (a.u16() !== 0x8018) fail("what the TPM signed is no quote");
  const signer = a.sized(), extra = a.sized();
  a.u64(); // clock
  const reset = a.u32(), restart = a.u32();
  a.u8(); // safe
  a.u64(); // firmware
  if (a.u32() !== 1 || a.u16() !== 0x000b || a.u8() !== 3) fail('the quote selects other PCRs than the session said');
  const bits = a.take(3), digest = a.sized();
  a.end();
  const key = await crypto.subtle.importKey('raw', parseAk(session.ak), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
    .catch(() => fail('the attestation key is no point on P-256'));
  if (!await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, blob.signature, blob.attest)) fail("the TPM's signature does not verify");
  if (!same(extra, q)) fail("the TPM's quote is over something else than this checkpoint");
  const ekName = await nameOfKey(session.ek), akName = await nameOfKey(session.ak);
  const under = join([0, 0x0b], await sha256(join([0x40, 0, 0, 0x0b], ekName)));
  if (!same(signer, join([0, 0x0b], await sha256(join(under, akName))))) fail('the quote is by another key than the session named');
  const wanted = [...session.bootPcrs, ...(session.ledgerPcr === 255 ? [] : [session.ledgerPcr])].sort((m, n) => m - n);
  const quoted = [...Array(24).keys()].filter((n) => bits[n >> 3] >> (n & 7) & 1);
  if (String(wanted) !== String(quoted) || String(wanted) !== String(blob.pcrs.map((p) => p[0]))) fail('the quote selects other PCRs than the session said');
  if (!same(digest, await sha256(join(...blob.pcrs.map((p) => p[1]))))) fail("the PCRs beside the quote are not those in it");
  if (reset !== session.reset || restart !== session.restart) fail('the quote is of another session of the TPM');
  return true;
}

// The session statements of a ledger, each with its quote checked.
async function checkSessions(entries, vkey) {
  const sessions = [];
  for (const e of entries) {
    if (e.kind !== 70) continue;
    const statement = one(e.o, 17), quote = one(e.o, 18);
    if (!statement || !quote) fail(`entry ${e.index}: a session statement without its words or its quote`);
    const s = parseStatement(statement);
    if (s.version !== 1 || !s.ek || !s.ak) fail(`entry ${e.index}: a session statement that lacks something`);
    if (s.origin !== vkey.name || s.vkey !== vkey.text) fail(`entry ${e.index}: the session names another log, or another key of it`);
    if (!same(s.hostId ?? [], await sha256(s.ek))) fail(`entry ${e.index}: the session's host is not that of its endorsement key`);
    try {
      await checkQuote(quote, await sha256(join('tally/session/v1', 0, statement)), s);
    } catch (error) {
      throw error instanceof Wrong ? new Wrong(`entry ${e.index}: the session statement: ${error.message}`) : error;
    }
    sessions.push({ ...s, index: e.index });
  }
  return sessions;
}

// The evidence line of a note: true where one holds, false where there is none.
async function checkAttested(note, sessions, origin, size) {
  for (const line of note.lines.slice(1)) {
    if (line.name !== origin) continue;
    const q = await sha256(join('tally/checkpoint/v1', 0, note.text));
    let session = null;
    for (const s of sessions) {
      const id = await keyId(origin, join(0xff, 'tallystick/evidence/v1', 0), s.ak);
      if (hex(id) === line.id && s.index < size) session = s;
    }
    if (!session) fail('the checkpoint is attested by a key that no session names');
    await checkQuote(line.signature, q, session);
    return true;
  }
  return false;
}
