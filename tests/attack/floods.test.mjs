// Floods from many addresses against the totals, while somebody comes in and
// others are inside. Each refusal has its counter in `conclave status`.
//
// Schedule: alone, 15 s. It judges times to join.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, test } from 'node:test';
import { Platform } from '../e2e/lib/platform.mjs';
import { api, ask, counted, join, patient, raw, rss, status } from './lib.mjs';

const PIN = '246802';
const JOIN_MS = 2000;

let platform;
let web;
let token;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: PIN });
  [web] = platform.pids('web');
  token = (await join(platform, 'board', PIN, { from: '127.0.9.1' })).result.token;
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

const set = (...values) => platform.cli('change', 'global', ...values);
const address = (i) => `127.2.${i >> 8}.${(i & 255) || 1}`;

// Somebody new, and somebody inside, are served in time.
async function others(from) {
  const start = performance.now();
  const r = await join(platform, 'board', PIN, { from });
  assert.equal(r.status, 200, r.text);
  const inside = await ask(platform, api('board', 'conference_status'), { method: 'GET', from: '127.0.9.1', headers: { token } });
  assert.equal(inside.status, 200);
  const ms = performance.now() - start;
  assert.ok(ms < JOIN_MS, `${ms} ms`);
  return ms;
}

test('1,500 connections that say nothing, from 1,500 addresses: the idlest make room', { timeout: 90000 }, async (t) => {
  set('max_connections=512', 'max_handshakes=256', 'max_connection_rate=2000');
  const before = rss(web);
  const sockets = [];
  let worst = 0;
  for (let i = 0; i < 1500; i++) {
    sockets.push(await raw(platform, address(i), i % 2 ? Buffer.from('16030102000100', 'hex') : null));
    // what is refused or cut makes the attacker come again; the newcomer
    // comes when the oldest have had their time
    if (i % 300 === 299) {
      await Promise.race(sockets.slice(-300).map((s) => s.gone));
      worst = Math.max(worst, await patient(() => others(`127.0.8.${1 + Math.floor(i / 300)}`)));
    }
  }
  await counted(platform, 'refused_handshakes', 1);
  await counted(platform, 'connections_made_room', 1);
  t.diagnostic(`worst join ${worst.toFixed(0)} ms, ${rss(web) - before} KB more`);
  for (const s of sockets) s.destroy();
  await Promise.all(sockets.map((s) => s.gone));
  set('max_connections=12000', 'max_handshakes=2048', 'max_connection_rate=500');
});

test('bodies that never end: what strangers make us hold is bounded', { timeout: 90000 }, async (t) => {
  set('max_unproven_memory=8192');
  const before = rss(web);
  const agents = [];
  const head = `POST ${api('board', 'request_token')} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90000\r\n\r\n`;
  const open = [];
  for (let i = 0; i < 400; i++) {
    const agent = new https.Agent({ rejectUnauthorized: false, maxCachedSessions: 0 });
    agents.push(agent);
    const s = agent.createConnection({ host: '127.0.0.1', port: platform.port, localAddress: address(2000 + i), rejectUnauthorized: false });
    s.on('error', () => {});
    s.gone = new Promise((ok) => s.on('close', ok));
    await Promise.race([s.gone, new Promise((ok) => s.on('secureConnect', ok))]);
    if (!s.destroyed) s.write(head + 'x'.repeat(80000));
    open.push(s);
    if (i % 100 === 99) await patient(() => others(`127.0.7.${1 + Math.floor(i / 100)}`));
  }
  await counted(platform, 'connections_made_room', 50);
  const grown = rss(web) - before;
  t.diagnostic(`${grown} KB more with a budget of 8,192 KB`);
  assert.ok(grown < 40 * 1024, `${grown} KB`);
  for (const s of open) s.destroy();
  await Promise.all(open.map((s) => s.gone));
  set('max_unproven_memory=65536');
});

test('joins from 200 addresses over kept and new connections: the proven come through', { timeout: 90000 }, async (t) => {
  set('max_join_rate=20', 'max_joins_per_source=1000', 'max_requests_per_source=10000', 'max_connection_rate=5000', 'max_request_rate=100000');
  const agents = Array.from({ length: 20 }, () => new https.Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false }));
  let over = false;
  const got = {};
  async function attacker(i) {
    while (!over) {
      const r = await join(platform, `room-${i}`, null, { from: address(3000 + (i % 200)), agent: i % 2 ? agents[i % 20] : false }).catch((e) => ({ status: e.code }));
      got[r.status] = (got[r.status] ?? 0) + 1;
    }
  }
  const attack = Array.from({ length: 40 }, (_, i) => attacker(i));
  await counted(platform, 'refused_joins', 200);
  const times = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    const r = await join(platform, 'board', PIN, { from: `127.0.6.${i + 1}`, body: { invitation: 'looks-like-one' } });
    assert.equal(r.status, 200, r.text);
    times.push(performance.now() - start);
    // people inside do not even notice
    assert.equal((await ask(platform, api('board', 'conference_status'), { method: 'GET', from: '127.0.9.1', headers: { token } })).status, 200);
  }
  over = true;
  await Promise.all(attack);
  agents.forEach((a) => a.destroy());
  t.diagnostic(`attack answered ${JSON.stringify(got)}; joins ${times.map((x) => x.toFixed(0)).join(', ')} ms`);
  assert.ok(Math.max(...times) < JOIN_MS, times.join());
  set('max_join_rate=200', 'max_joins_per_source=5', 'max_requests_per_source=100', 'max_connection_rate=500', 'max_request_rate=5000');
});

test('nothing died, and status tells why who was refused', () => {
  assert.deepEqual(platform.pids('web'), [web]);
  const s = status(platform);
  for (const name of ['refused_connections_full', 'refused_connections_per_source', 'refused_connection_rate', 'refused_handshakes', 'failed_handshakes',
    'connections_made_room', 'refused_banned', 'refused_proxy_connections', 'forwarded_for_unusable', 'connections_too_slow', 'refused_malformed',
    'refused_host', 'refused_requests', 'refused_joins', 'refused_writes', 'refused_streams', 'refused_core_busy', 'refused_ice_checks',
    'refused_dtls_handshakes', 'refused_ice_tcp'])
    assert.ok(name in s, name);
});
