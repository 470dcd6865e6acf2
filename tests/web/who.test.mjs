// Who asks: cookies, invitations, forwarded addresses, bans, limits per source
// and in total. 127.0.0.0/8 are as many sources.
//
// Schedule: waits, 35 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as vToken from '@pexip/infinity-api/dist/token/validation.js';
import https from 'node:https';
import net from 'node:net';
import { C, House } from './house.mjs';

let house;
before(async () => { house = await House.start(); });
after(() => house.stop());

const set = (name, value) => house.set(name, value);

// One request on a connection of its own, from any loopback address.
function ask(from, { method = 'POST', path = `${C}/request_token`, headers = {}, body = '{"display_name":"A"}', host = '127.0.0.1' } = {}) {
  return new Promise((ok, bad) => {
    const data = method === 'POST' ? body : '';
    const req = https.request({ host, port: house.port, localAddress: from, method, path, agent: false,
      rejectUnauthorized: false, headers: { ...headers, 'Content-Length': Buffer.byteLength(data) } }, (res) => {
      let text = '';
      res.on('data', (d) => { text += d; });
      res.on('end', () => ok({ status: res.statusCode, headers: res.headers, text, json: res.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined }));
    });
    req.on('error', bad);
    req.end(data);
  });
}

const pin = { pin: '1234' };
const fields = (line) => Object.fromEntries(line.split(' ').map((p) => {
  const i = p.indexOf('=');
  return [p.slice(0, i), p.slice(i + 1)];
}));
const joined = async () => fields((await house.line(/^join (.*)$/))[1]);
// What core heard of this very request.
let asked = 0;
async function heard(from, options) {
  const mark = `n${++asked}`;
  await ask(from, { ...options, body: JSON.stringify({ display_name: 'A', conference_extension: mark }) });
  return fields((await house.line(new RegExp(`^join (.*extension=${mark})$`)))[1]);
}
const refusedBy = async (index, atLeast = 1) => {
  for (;;) {
    const by = (await house.line(/^load \d+ \d+ \d+ (\S+)$/))[1].split(',').map(Number);
    if (by[index] >= atLeast) return by;
  }
};
// enum FaceReason of src/ipc/proto/web.proto
const [BANNED, PROXY_FULL, PROXY_BAD, REQUESTS, JOINS, WRITES, STREAMS] = [6, 7, 8, 12, 13, 14, 15];

test('every setting can be taken over inside the walls', async () => {
  for (const [name, value] of Object.entries({ max_connections: 12000, max_connection_rate: 5000, max_handshakes: 2048, max_handshakes_per_source: 256,
    max_request_rate: 5000, max_write_rate: 2000, max_streams: 8192, max_unproven_memory: 65536, trusted_proxies: '-' })) await set(name, value);
});

test('core hears both addresses and every proof', async () => {
  const r = await ask('127.0.0.9', { headers: { ...pin, Cookie: 'x=1; __Host-cv-0123456789abcdef=one; theme=__Host-cv-; __Host-cv-fedcba9876543210=two' },
    body: JSON.stringify({ display_name: 'A', invitation: 'k-1', token: 'once', registration_token: 'reg', conference_extension: 'ext' }) });
  assert.equal(r.status, 200);
  assert.deepEqual(await joined(), { alias: 'room1', source: '127.0.0.9', local: '127.0.0.1', port: String(house.port), proxied: '0',
    cookies: 'one,two', invitation: 'k-1', token: 'once', registration: 'reg', extension: 'ext' });
  await ask('127.0.0.9', { headers: { ...pin, token: 'swift' }, host: '127.0.0.8' }).catch(() => {});
  await ask('127.0.0.9', { headers: { ...pin, token: 'swift', Host: 'localhost' }, host: '127.0.0.8' });
  const j = await joined();
  assert.deepEqual([j.local, j.token, j.cookies], ['127.0.0.8', 'swift', '']);
});

test('what is too long to be a proof is left out', async () => {
  await ask('127.0.0.9', { headers: { ...pin, Cookie: `__Host-cv-0123456789abcdef=${'x'.repeat(129)}` },
    body: JSON.stringify({ display_name: 'A', invitation: 'k'.repeat(65), token: 't'.repeat(257), conference_extension: 'e'.repeat(251) }) });
  const j = await joined();
  assert.deepEqual([j.cookies, j.invitation, j.token, j.extension], ['', '', '', '']);
});

test('the device cookie: one line, and none from odd bytes', async () => {
  const r = await ask('127.0.0.9', { headers: pin });
  assert.deepEqual(r.headers['set-cookie'], ['__Host-cv-0123456789abcdef=ticket_1-x; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=2592000']);
  const odd = await ask('127.0.0.9', { headers: pin, body: '{"display_name":"A","call_tag":"odd"}' });
  assert.equal(odd.status, 200);
  assert.equal(odd.headers['set-cookie'], undefined);
  const wrong = await ask('127.0.0.9', { headers: { pin: '9' } });
  assert.equal(wrong.headers['set-cookie'], undefined);
});

test('rejected by policy: 403 and the reason as it is', async () => {
  const r = await ask('127.0.0.9', { path: C.replace('room1', 'rejected') + '/request_token' });
  assert.equal(r.status, 403);
  assert.deepEqual(r.json, { status: 'failed', result: 'Only "staff"\r\nmay enter' });
  assert.ok(vToken.validateRequestToken403(structuredClone(r.json)), JSON.stringify(vToken.validateRequestToken403.errors));
});

test('ICE servers: as the client reads them, and no empty list', async () => {
  const r = await ask('127.0.0.9', { headers: pin, body: '{"display_name":"A","call_tag":"ice"}' });
  assert.ok(vToken.validateRequestToken200(structuredClone(r.json)), JSON.stringify(vToken.validateRequestToken200.errors));
  assert.deepEqual(r.json.result.stun, [{ url: 'stun:stun.example.org:3478' }]);
  assert.deepEqual(r.json.result.turn, [
    { urls: ['turn:turn.example.org:3478?transport=udp'], username: '1790000000:x', credential: 'c2VjcmV0' },
    { urls: ['turns:turn.example.org:443?transport=tcp'], username: '1790000000:x', credential: 'c2VjcmV0' }]);
  assert.equal(r.json.result.use_relay_candidates_only, true);
  const plain = await ask('127.0.0.9', { headers: pin });
  assert.ok(!('stun' in plain.json.result) && !('turn' in plain.json.result));
  assert.equal(plain.json.result.use_relay_candidates_only, false);
});

test('X-Forwarded-For is nothing unless the peer is a trusted proxy', async () => {
  const headers = { ...pin, 'X-Forwarded-For': '203.0.113.5', 'X-Real-IP': '203.0.113.6', Forwarded: 'for=203.0.113.7' };
  let j = await heard('127.0.0.9', { headers });
  assert.deepEqual([j.source, j.proxied], ['127.0.0.9', '0']);
  await set('trusted_proxies', '127.0.0.20,127.0.1.0/24');
  j = await heard('127.0.0.9', { headers });
  assert.deepEqual([j.source, j.proxied], ['127.0.0.9', '0']);
  j = await heard('127.0.0.20', { headers });
  assert.deepEqual([j.source, j.proxied], ['203.0.113.5', '1']);
  // what the client wrote in front of it does not count
  j = await heard('127.0.0.20', { headers: { ...headers, 'X-Forwarded-For': '10.0.0.1, 127.0.0.1, 198.51.100.1, 127.0.1.77' } });
  assert.deepEqual([j.source, j.proxied], ['198.51.100.1', '1']);
  assert.equal((await heard('127.0.0.20', { headers: { ...headers, 'X-Forwarded-For': 'nonsense\t, 198.51.100.1' } })).source, '198.51.100.1');
  // what the proxy itself did not write well counts as the proxy
  for (const bad of ['unknown', '198.51.100.1,', `${'127.0.1.1,'.repeat(40)}127.0.1.1`, '127.0.1.1', '0.0.0.0'])  {
    j = await heard('127.0.0.20', { headers: { ...headers, 'X-Forwarded-For': bad } });
    assert.deepEqual([j.source, j.proxied], ['127.0.0.20', '0'], bad);
  }
  await refusedBy(PROXY_BAD, 5);
  await set('trusted_proxies', 'everybody');
  assert.equal((await heard('127.0.0.20', { headers })).source, '203.0.113.5', 'a list that cannot be read changes nothing');
});

test('an attacker behind a proxy pays for himself, not the proxy', async () => {
  await set('max_joins_per_source', 1);
  const via = (xff) => ask('127.0.0.20', { headers: { ...pin, 'X-Forwarded-For': xff } });
  let refused = 0;
  for (let i = 0; i < 20; i++) refused += (await via(`10.9.8.${i}, 203.0.113.66`)).status === 503;
  assert.ok(refused >= 10, `${refused}`);
  assert.equal((await via('203.0.113.67')).status, 200);
  assert.equal((await ask('127.0.0.20', { headers: pin })).status, 200, 'the proxy itself');
  await refusedBy(JOINS, 10);
  await set('max_joins_per_source', 1000);
});

test('a proxy has a cap of its own, not that of one source', async () => {
  await set('max_connections_per_source', 16);
  await set('max_proxy_connections', 24);
  const open = (from) => new Promise((ok) => {
    const s = net.connect({ host: '127.0.0.1', port: house.port, localAddress: from });
    s.state = 'open';
    s.on('error', () => {});
    s.on('close', () => { s.state = 'closed'; });
    s.on('connect', () => ok(s));
  });
  const sockets = [];
  for (let i = 0; i < 30; i++) sockets.push(await open('127.0.0.20'));
  await refusedBy(PROXY_FULL, 6);
  assert.equal((await ask('127.0.0.9', { headers: pin })).status, 200);
  for (const s of sockets) s.destroy();
  await set('max_connections_per_source', 512);
  await set('max_proxy_connections', 4096);
});

test('a session is served where strangers of its address are too fast', async () => {
  const token = JSON.parse((await ask('127.0.0.30', { headers: pin })).text).result.token;
  await set('max_requests_per_source', 1);
  let refused = 0;
  for (let i = 0; i < 40; i++) refused += (await ask('127.0.0.30', { method: 'GET', path: '/' }).catch(() => ({ status: 503 }))).status === 503;
  assert.ok(refused > 20, `${refused}`);
  await set('max_requests_per_source', 100);
  await set('max_writes_per_source', 1);
  for (let i = 0; i < 20; i++) assert.equal((await ask('127.0.0.30', { path: `${C}/lock`, headers: { token } })).status, 200);
  const others = [];
  for (let i = 0; i < 20; i++) others.push((await ask('127.0.0.31', { path: `${C}/lock`, headers: { token: `host-made-up-${i}` } })).status);
  assert.ok(others.includes(503), 'tokens that nobody was given');
  await refusedBy(WRITES, 1);
  await refusedBy(REQUESTS, 1);
  await set('max_writes_per_source', 50);
});

test('one session cannot ask without end', async () => {
  const token = JSON.parse((await ask('127.0.0.32', { headers: pin })).text).result.token;
  const agent = new https.Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false });
  const all = new Set();
  // 240 at once and 30 a second: a slow machine asks longer
  for (let i = 0; i < 10 && !all.has(503); i++)
    for (const s of await Promise.all(Array.from({ length: 400 }, () => house.request('POST', `${C}/lock`, { headers: { token }, agent }).then((r) => r.status, () => 0)))) all.add(s);
  agent.destroy();
  assert.ok(all.has(200) && all.has(503), JSON.stringify([...all]));
});

test('event streams are counted for each address', async () => {
  await set('max_streams_per_source', 3);
  const streams = [];
  for (let i = 0; i < 3; i++) streams.push(await house.stream(`host-s${i}`));
  assert.ok(streams.every((s) => s.status === 200));
  const more = await house.stream('host-s4');
  assert.equal(more.status, 503);
  streams[0].destroy();
  await house.line(/^closed \d+$/);
  assert.equal((await house.stream('host-s5')).status, 200);
  for (const s of streams) s.destroy();
  await refusedBy(STREAMS, 1);
  await set('max_streams_per_source', 512);
});

test('in total, too: what strangers use up is not that of the proven', async () => {
  await set('max_join_rate', 5);
  const answers = [];
  // 8 seconds' worth are 40: strangers leave at least the last quarter
  for (let i = 0; i < 60; i++) answers.push((await ask(`127.0.3.${i + 1}`, { headers: pin })).status);
  assert.ok(answers.includes(503) && answers[0] === 200, answers.join());
  for (let i = 0; i < 3; i++)
    assert.equal((await ask(`127.0.4.${i + 1}`, { headers: pin, body: '{"display_name":"A","invitation":"k"}' })).status, 200);
  assert.equal((await ask('127.0.4.9', { headers: { ...pin, Cookie: '__Host-cv-0123456789abcdef=x' } })).status, 200);
  await set('max_join_rate', 200);
});

const closed = (from) => ask(from, { method: 'GET', path: '/' }).then(() => false, (e) => /ECONNRESET|socket hang up|disconnected/.test(`${e.code} ${e.message}`));

test('a banned address: closed before TLS, unless people sit behind it', { timeout: 120000 }, async (t) => {
  // 30 s after its start the face shuts nobody out: people come back then
  house.order('ban 127.0.0.50 128 600');
  house.order('ban 127.0.0.51 128 600');
  const token = JSON.parse((await ask('127.0.0.51', { headers: pin })).text).result.token;
  const from = Date.now();
  while (!(await closed('127.0.0.50'))) {
    assert.ok(Date.now() - from < 90000, 'still served');
    await new Promise((ok) => setTimeout(ok, 500));
  }
  t.diagnostic(`shut ${Date.now() - from} ms after the ban`);
  await refusedBy(BANNED, 1);
  assert.equal((await ask('127.0.0.51', { path: `${C}/refresh_token`, headers: { token }, body: '' })).status, 200);
  assert.equal((await ask('127.0.0.51', { method: 'GET', path: '/' })).status, 200);
  assert.equal((await ask('127.0.0.52', { headers: pin })).status, 200);
  // over a proxy: 503, and the proxy's connection serves others
  house.order('ban 203.0.113.0 120 600');
  await set('max_joins_per_source', 1000);
  assert.equal((await ask('127.0.0.20', { headers: { ...pin, 'X-Forwarded-For': '203.0.113.99' } })).status, 503);
  assert.equal((await ask('127.0.0.20', { headers: { ...pin, 'X-Forwarded-For': '203.0.114.99' } })).status, 200);
  house.order('unban');
  await set('max_joins_per_source', 1000);
  assert.equal((await ask('127.0.0.50', { method: 'GET', path: '/' })).status, 200);
  // a removal of one
  house.order('ban 127.0.0.50 128 600');
  await set('max_joins_per_source', 1000);
  assert.ok(await closed('127.0.0.50'));
  house.order('ban 127.0.0.50 128 0');
  await set('max_joins_per_source', 1000);
  assert.equal((await ask('127.0.0.50', { method: 'GET', path: '/' })).status, 200);
});
