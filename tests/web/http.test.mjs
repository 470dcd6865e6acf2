// What is not the API: headers, files, Host, framing, limits, slow clients.
//
// Schedule: waits, 25 s.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { C, House, sleep } from './house.mjs';

let house;
before(async () => { house = await House.start(); });
after(() => house.stop());

test('every answer carries the security headers and no banner', async () => {
  for (const target of ['/', '/nothing', '/api/client/v2/status', `${C}/nothing`]) {
    const { headers } = await house.get(target);
    assert.equal(headers['strict-transport-security'], 'max-age=31536000');
    assert.match(headers['content-security-policy'], /^default-src 'none'; script-src 'self';/);
    assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.match(headers['permissions-policy'], /camera=\(self\), microphone=\(self\)/);
    assert.equal(headers.server, undefined);
    assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 5000);
  }
});

test('the page is served for its addresses, never from a cache unasked', async () => {
  for (const target of ['/', '/index.html', '/meet', '/meet/room%40x', '/?a=b']) {
    const r = await house.get(target);
    assert.equal(r.status, 200, target);
    assert.match(r.headers['content-type'], /^text\/html/);
    assert.equal(r.headers['cache-control'], 'no-cache');
    const again = await house.get(target, { headers: { 'If-None-Match': r.headers.etag } });
    assert.equal(again.status, 304);
    assert.equal(again.text, '');
  }
  const head = await house.request('HEAD', '/');
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], '34');
});

test('hashed files are cached for ever; nothing else is found', async () => {
  const r = await house.get('/assets/index-abcd1234.js');
  assert.equal(r.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.match(r.headers['content-type'], /^text\/javascript/);
  for (const target of ['/.hidden', '/assets', '/assets/', '/meet/a/b', '/assets/x.js']) {
    assert.equal((await house.get(target)).status, 404, target);
  }
  for (const target of ['/../cert.pem', '/%2e%2e/cert.pem', '/assets/%2e%2e/%2e%2e/key.pem', '//etc', '/a%00']) {
    const got = await house.raw(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    assert.match(got, /^HTTP\/1\.1 400 /, target);
  }
});

test('the plain port only redirects pages, and only under our names', async () => {
  const ask = (path, host) => new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: house.plainPort, path, headers: { Host: host } }, (res) => {
      res.resume();
      res.on('end', () => resolve(res));
    }).on('error', reject);
  });
  const r = await ask('/meet/room1?x=1', 'localhost');
  assert.equal(r.statusCode, 308);
  assert.equal(r.headers.location, `https://localhost:${house.port}/meet/room1?x=1`);
  assert.equal(r.headers['strict-transport-security'], undefined);
  assert.equal((await ask('/', '[::1]:80')).headers.location, `https://[::1]:${house.port}/`);
  assert.equal((await ask('/', 'evil.example')).statusCode, 421);
  assert.equal((await ask(`${C}/events?token=x`, 'localhost')).statusCode, 404);
});

test('a foreign Host is refused', async () => {
  for (const [host, status] of [['evil.example', 421], ['127.0.0.2', 421], ['localhost:1', 200], ['LOCALHOST.', 200],
    ['[::1]:8443', 200], ['127.0.0.1', 200], ['a b', 400], ['localhost/x', 400], ['user@localhost', 400], ['', 400]]) {
    const got = await house.raw(`GET /api/client/v2/status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match(got, new RegExp(`^HTTP/1\\.1 ${status} `), host);
  }
});

const smuggled = [
  ['both lengths', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['chunked', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 501],
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde', 400],
  ['equal lengths', 'Content-Length: 0\r\nContent-Length: 0\r\n\r\n', 400],
  ['a list of lengths', 'Content-Length: 0, 0\r\n\r\n', 400],
  ['a folded length', 'Content-Length:\r\n 5\r\n\r\nabcde', 400],
  ['space before the colon', 'Content-Length : 5\r\n\r\nabcde', 400],
  ['a second Host', 'Host: evil.example\r\n\r\n', 400],
  ['a bare line feed', 'X: a\nContent-Length: 5\r\n\r\nabcde', 400],
  ['a bare carriage return', 'X: a\rContent-Length: 5\r\n\r\nabcde', 400],
  ['a NUL', 'X: a\0b\r\n\r\n', 400],
];
for (const [name, rest, status] of smuggled) {
  test(`framing refused: ${name}`, async () => {
    const got = await house.raw(`POST ${C}/lock HTTP/1.1\r\nHost: localhost\r\n${rest}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assert.match(got, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.equal(got.match(/HTTP\/1\.1 /g).length, 1, 'the connection ends with the refusal');
  });
}

test('pipelined requests are answered in order', async () => {
  const one = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const got = await house.raw(one('/api/client/v2/status') + one('/nothing') + one('/', 'Connection: close\r\n'));
  assert.deepEqual(got.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
});

test('a body in small pieces, and one that waits for 100', async () => {
  const socket = await house.connect();
  let got = '';
  socket.on('data', (d) => { got += d; });
  socket.write(`POST ${C}/request_token HTTP/1.1\r\nHost: localhost\r\npin: 1234\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n`);
  while (!got.includes('100 Continue')) await sleep(20);
  for (const c of '{"display_name":"A"}') {
    socket.write(c);
    await sleep(2);
  }
  while (!got.includes('"participant_uuid"')) await sleep(20);
  socket.destroy();
});

test('limits of head and body', async () => {
  const head = (more) => `GET / HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  assert.match(await house.raw(head(`X: ${'a'.repeat(17000)}\r\n`)), /^HTTP\/1\.1 431 /);
  assert.match(await house.raw(head('X: a\r\n'.repeat(80))), /^HTTP\/1\.1 431 /);
  assert.match(await house.raw(`GET /${'a'.repeat(5000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`), /^HTTP\/1\.1 414 /);
  assert.match(await house.raw('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 98305\r\n\r\n'), /^HTTP\/1\.1 413 /);
  assert.match(await house.raw('PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 405 /);
  assert.match(await house.raw('GET / HTTP/1.0\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 505 /);
});

test('CORS: nobody by default, then those on the list', async () => {
  const origin = 'https://other.example';
  const preflight = () => house.request('OPTIONS', `${C}/lock`, { headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' } });
  let r = await preflight();
  assert.equal(r.status, 204);
  assert.equal(r.headers['access-control-allow-origin'], undefined);
  await house.set('cors_origins', `https://a.example,${origin}`);
  r = await preflight();
  assert.equal(r.status, 204);
  assert.equal(r.headers['access-control-allow-origin'], origin);
  assert.equal(r.headers['access-control-allow-credentials'], 'true');
  assert.equal(r.headers['access-control-allow-methods'], 'GET, POST, OPTIONS');
  assert.equal(r.headers['access-control-allow-headers'], 'content-type, token, pin, authorization');
  assert.equal(r.headers['access-control-max-age'], '7200');
  assert.equal(r.headers.vary, 'Origin');
  r = await house.post(`${C}/lock`, { headers: { Origin: origin } });
  assert.equal(r.status, 403);
  assert.equal(r.headers['access-control-allow-origin'], origin);
  const stream = await house.stream((await house.join()).token, { headers: { Origin: origin } });
  assert.equal(stream.headers['access-control-allow-origin'], origin);
  stream.destroy();
  r = await house.get('/', { headers: { Origin: 'https://evil.example' } });
  assert.equal(r.headers['access-control-allow-origin'], undefined);
  await house.set('cors_origins', '-');
});

test('the Host list follows the setting', async () => {
  const status = async (host) => (await house.raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).slice(9, 12);
  await house.set('hosts_allowed', 'meet.example,127.0.0.1');
  assert.deepEqual([await status('meet.example'), await status('localhost'), await status('127.0.0.1')], ['200', '421', '200']);
  await house.set('hosts_allowed', 'localhost,127.0.0.1,::1');
  assert.equal(await status('localhost'), '200');
});

test('TLS: modern suites and versions only', async () => {
  const tried = (options) => house.connect(options).then((s) => {
    const out = `${s.getProtocol()} ${s.getCipher().name}`;
    s.destroy();
    return out;
  }, () => 'refused');
  assert.match(await tried({}), /^TLSv1\.3 /);
  assert.match(await tried({ maxVersion: 'TLSv1.2' }), /^TLSv1\.2 ECDHE-ECDSA-/);
  assert.equal(await tried({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }), 'refused');
  for (const suite of ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA', 'AES128-GCM-SHA256']) {
    assert.equal(await tried({ maxVersion: 'TLSv1.2', ciphers: `${suite}:@SECLEVEL=0` }), 'refused', suite);
  }
  assert.equal(await tried({ ALPNProtocols: ['h2'] }), 'refused');
  const both = await house.connect({ ALPNProtocols: ['h2', 'http/1.1'] });
  assert.equal(both.alpnProtocol, 'http/1.1');
  const renegotiated = await new Promise((resolve) => {
    const s = tls.connect({ host: '127.0.0.1', port: house.port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' }, () => {
      s.on('error', () => resolve(false));
      s.on('close', () => resolve(false));
      s.renegotiate({ rejectUnauthorized: false }, (e) => resolve(!e));
    });
  });
  assert.equal(renegotiated, false);
  both.destroy();
});

test('connections per source are capped before the handshake', async () => {
  await house.set('max_connections_per_source', '40');
  house.agent.destroy();
  await sleep(500);
  const sockets = [];
  for (let i = 0; i < 40; i++) sockets.push(net.connect(house.port, '127.0.0.1'));
  await sleep(500);
  const closed = await new Promise((resolve) => {
    const s = net.connect(house.port, '127.0.0.1');
    s.resume();
    s.on('error', () => {});
    s.on('close', () => resolve(true));
    setTimeout(() => resolve(false), 20000);
  });
  for (const s of sockets) s.destroy();
  await sleep(300);
  await house.set('max_connections_per_source', '512');
  assert.ok(closed);
  assert.equal((await house.get('/')).status, 200);
});

test('requests per source are limited', async () => {
  await house.set('max_requests_per_source', '1');
  const got = [];
  for (let i = 0; i < 14; i++) got.push((await house.get('/')).status);
  await house.set('max_requests_per_source', '1000');
  assert.ok(got.includes(503) && got.includes(200), got.join(' '));
  assert.equal((await house.get('/')).status, 200);
});

// Absolute deadlines: a drip of bytes buys no time.
const untilClosed = (socket) => new Promise((resolve) => {
  const from = Date.now();
  socket.resume();
  socket.on('error', () => {});
  socket.on('close', () => resolve(Date.now() - from));
});

test('slow clients are cut', { timeout: 200000 }, async () => {
  const silent = net.connect(house.port, '127.0.0.1');
  const hello = Buffer.from('160301020001', 'hex');
  const bytewise = net.connect(house.port, '127.0.0.1');
  const head = await house.connect();
  const body = await house.connect();
  head.write('GET / HTTP/1.1\r\nHost: localhost\r\nX: ');
  body.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n');
  let i = 0;
  const drip = setInterval(() => {
    if (!bytewise.destroyed) bytewise.write(hello.subarray(i, i + 1).length ? hello.subarray(i, i + 1) : Buffer.from([0]));
    if (!head.destroyed) head.write('a');
    if (!body.destroyed) body.write('a');
    i++;
  }, 700);
  const times = await Promise.all([silent, bytewise, head, body].map(untilClosed));
  clearInterval(drip);
  assert.ok(times[0] > 8000 && times[0] < 60000, `silent ${times[0]}`);
  assert.ok(times[1] > 8000 && times[1] < 60000, `handshake ${times[1]}`);
  assert.ok(times[2] > 17000 && times[2] < 80000, `head ${times[2]}`);
  assert.ok(times[3] > 17000 && times[3] < 80000, `body ${times[3]}`);
  assert.equal((await house.get('/')).status, 200);
});
