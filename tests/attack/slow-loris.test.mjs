// 500 connections that never finish, while somebody else joins: he waits no
// longer than on an idle machine, and what the 500 hold is bounded.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Platform } from '../e2e/lib/platform.mjs';

const CONNECTIONS = 500;
const JOIN_MS = 2000;
const MEMORY_KB = 100 * 1024;

let platform;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: '246802' });
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

// A join from another address than the attacker's.
function join(from) {
  const body = JSON.stringify({ display_name: 'Somebody' });
  return new Promise((ok, bad) => {
    const req = https.request(`${platform.url}/api/client/v2/conferences/board/request_token`, {
      method: 'POST', rejectUnauthorized: false, agent: false, localAddress: from, timeout: 10000,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), pin: '246802' },
    }, (res) => {
      let text = '';
      res.on('data', (d) => { text += d; });
      res.on('end', () => ok({ status: res.statusCode, text }));
    });
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', bad);
    req.end(body);
  });
}

const shapes = [
  // nothing at all; half a handshake; half a head; a head and no body
  async () => net.connect(platform.port, '127.0.0.1'),
  async () => {
    const s = net.connect(platform.port, '127.0.0.1');
    s.write(Buffer.from('16030102000100', 'hex'));
    return s;
  },
  (text) => new Promise((ok) => {
    const s = tls.connect({ port: platform.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      s.write(text);
      ok(s);
    });
    s.on('error', () => ok(s));
  }),
];
const texts = [
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ',
  `POST /api/client/v2/conferences/board/request_token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90000\r\n\r\n${'x'.repeat(80000)}`,
];

test('500 slow connections do not keep anybody out', { timeout: 120000 }, async () => {
  const [web] = platform.pids('web');
  const before = rss(web);
  const sockets = [];
  let closed = 0;
  try {
    for (let i = 0; i < CONNECTIONS; i++) {
      const shape = shapes[i % 3];
      const s = await shape(texts[i % 2]);
      s.on('error', () => {});
      s.on('close', () => { closed++; });
      s.resume();
      sockets.push(s);
    }
    const drip = setInterval(() => sockets.forEach((s) => !s.destroyed && s.write('a')), 1000);
    for (let i = 0; i < 5; i++) {
      const from = performance.now();
      const r = await join('127.0.0.2');
      const ms = performance.now() - from;
      assert.equal(r.status, 200, r.text);
      assert.ok(ms < JOIN_MS, `joining took ${ms} ms`);
      await sleep(300);
    }
    assert.ok(rss(web) - before < MEMORY_KB, `${rss(web) - before} KB more`);
    // handshakes in 10 s, requests in 20 s, however the bytes drip
    for (let i = 0; i < 60 && closed < sockets.length; i++) await sleep(500);
    clearInterval(drip);
    assert.equal(closed, sockets.length);
    assert.deepEqual(platform.pids('web'), [web]);
    assert.equal((await join('127.0.0.1')).status, 200);
  } finally {
    sockets.forEach((s) => s.destroy());
  }
});
