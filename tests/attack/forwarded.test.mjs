// Forwarding headers: from anybody they are nothing; from a proxy on the allow
// list they tell callers apart, and an attacker behind it pays for himself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Platform, until } from '../e2e/lib/platform.mjs';
import { counted, join, raw } from './lib.mjs';

const PIN = '246802';
const PROXY = '127.0.0.20';
const TRIES = 5;

let platform;
before(async () => {
  platform = await Platform.start();
  for (const alias of ['board', 'hall', 'yard']) platform.room(alias, { pin: PIN });
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

const via = (xff, alias, pin, from = PROXY) => join(platform, alias, pin, { from, headers: xff === null ? {} : { 'X-Forwarded-For': xff } });
const is = { wrong: (r) => r.status === 403 && r.result === 'Invalid PIN', in: (r) => r.status === 200 };
// Refused like a room that is not there: the same bytes.
const bytes = (r) => `${r.status} ${r.text}`;

test('a stranger who names others: his own address is counted, theirs is not', async () => {
  for (let i = 0; i < TRIES; i++) {
    const r = await via(`198.51.100.${i}, 127.0.0.31`, 'board', '111111', '127.0.0.30');
    assert.ok(is.wrong(r), bytes(r));
  }
  // a sixth name does not help him; the one that he named is untouched
  const sixth = await via('198.51.100.6', 'board', PIN, '127.0.0.30');
  assert.ok(!is.in(sixth), bytes(sixth));
  const named = await join(platform, 'board', PIN, { from: '127.0.0.31' });
  assert.ok(is.in(named), bytes(named));
  const log = readFileSync(platform.logFile, 'utf8');
  assert.doesNotMatch(log, /source="?198\.51\.100\./);
});

test('behind an allow-listed proxy: the attacker is shut out, his neighbour is not', async () => {
  platform.cli('create', 'break_in_allow_list_address', 'name=front', `address=${PROXY}`, 'prefix=32', 'allowlist_entry_type=proxy');
  await until('the proxy is believed', async () => {
    await via('203.0.113.200', 'hall', null);
    return is.in(await via('203.0.113.201', 'hall', PIN));
  });
  for (let i = 0; i < TRIES; i++) {
    const r = await via('203.0.113.66', 'hall', '111111');
    assert.ok(is.wrong(r), bytes(r));
  }
  const out = await via('203.0.113.66', 'hall', PIN);
  assert.ok(!is.in(out), bytes(out));
  const neighbour = await via('203.0.113.67', 'hall', PIN);
  assert.ok(is.in(neighbour), bytes(neighbour));
  // whatever he writes to the left of what the proxy appends
  for (const left of ['203.0.113.67', '127.0.0.20', 'nonsense', '"><script>', '', ','.repeat(200), 'a'.repeat(3000)]) {
    const r = await via(`${left}, 203.0.113.66`, 'hall', PIN);
    assert.ok(!is.in(r), `${left.slice(0, 20)}: ${bytes(r)}`);
  }
  const log = readFileSync(platform.logFile, 'utf8');
  assert.match(log, /pin wrong.*203\.0\.113\.66/);
});

test('a proxy that writes badly counts as itself; other headers are nothing', async () => {
  for (const bad of ['unknown', '203.0.113.99,', '0.0.0.0', `${'127.0.0.20,'.repeat(30)}127.0.0.20`]) {
    const r = await via(bad, 'yard', PIN);
    assert.ok(is.in(r), `${bad.slice(0, 30)}: ${bytes(r)}`);
  }
  await counted(platform, 'forwarded_for_unusable', 4);
  // five wrong PINs of "nobody" are the proxy's own: its callers go on
  for (let i = 0; i < TRIES; i++)
    await join(platform, 'yard', '111111', { from: PROXY, headers: { 'X-Real-IP': '203.0.113.70', Forwarded: 'for=203.0.113.70', 'X-Forwarded-Host': 'x' } });
  for (const who of ['203.0.113.70', '203.0.113.71']) {
    const r = await via(who, 'yard', PIN);
    assert.ok(is.in(r), `${who}: ${bytes(r)}`);
  }
});

test('many connections of a proxy are no flood of one source', async () => {
  platform.cli('change', 'global', 'max_connections_per_source=16');
  const sockets = [];
  for (let i = 0; i < 40; i++) sockets.push(await raw(platform, PROXY));
  const r = await via('203.0.113.80', 'hall', PIN);
  assert.ok(is.in(r), bytes(r));
  sockets.forEach((s) => s.destroy());
  await Promise.all(sockets.map((s) => s.gone));
});
