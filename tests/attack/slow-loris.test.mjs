// 500 connections that never finish, while somebody else joins: he waits no
// longer than on an idle machine, and what the 500 hold is bounded.
//
// Schedule: waits, 75 s.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Platform } from '../e2e/lib/platform.mjs';
import { counted, join, patient, rss } from './lib.mjs';

const CONNECTIONS = 500;
const JOIN_MS = 2000;
const PIN = '246802';
const MEMORY_KB = 100 * 1024;

let platform;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: PIN });
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

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

// Somebody else comes in, from another address than the attacker's.
async function joinInTime(from) {
  const start = performance.now();
  const r = await patient(() => join(platform, 'board', PIN, { from }), JOIN_MS);
  const ms = performance.now() - start;
  assert.equal(r.status, 200, r.text);
  assert.ok(ms < JOIN_MS, `joining took ${ms} ms`);
}

test('500 slow connections do not keep anybody out', { timeout: 120000 }, async () => {
  const [web] = platform.pids('web');
  const before = rss(web);
  const sockets = [];
  const closes = [];
  try {
    for (let i = 0; i < CONNECTIONS; i++) {
      const s = await shapes[i % 3](texts[i % 2]);
      s.on('error', () => {});
      closes.push(new Promise((ok) => (s.closed ? ok() : s.on('close', ok))));
      s.resume();
      sockets.push(s);
    }
    const drip = setInterval(() => sockets.forEach((s) => !s.destroyed && s.write('a')), 1000);
    for (let i = 0; i < 5; i++) await joinInTime('127.0.0.2');
    assert.ok(rss(web) - before < MEMORY_KB, `${rss(web) - before} KB more`);
    // handshakes in 10 s, requests in 20 s, however the bytes drip
    await Promise.all(closes);
    clearInterval(drip);
    await counted(platform, 'connections_too_slow', CONNECTIONS / 2);
    assert.deepEqual(platform.pids('web'), [web]);
    await joinInTime('127.0.0.1');
  } finally {
    sockets.forEach((s) => s.destroy());
  }
});

// -H slow heads, -B slow bodies, -X slow reading of answers
for (const [mode, more] of [['-H', []], ['-B', ['-s', '8192']], ['-X', ['-w', '10', '-y', '20', '-n', '5', '-z', '32', '-k', '3']]])
  test(`slowhttptest ${mode}`, { timeout: 90000 }, async () => {
    const [web] = platform.pids('web');
    const page = mode === '-X' ? '/' : '/api/client/v2/conferences/board/request_token';
    const attack = spawn('slowhttptest', ['-c', '400', mode, ...more, '-i', '2', '-r', '200', '-l', '15', '-p', '5', '-u', platform.url + page], { stdio: 'ignore' });
    const over = new Promise((ok, bad) => attack.once('exit', ok).once('error', bad));
    let running = true;
    over.then(() => { running = false; }, () => { running = false; });
    let times = 0;
    while (running) {
      await joinInTime(`127.0.4.${1 + (times++ % 200)}`);
      await Promise.race([over, joinAgain()]);
    }
    await over;
    assert.ok(times > 3, `${times} joins beside it`);
    assert.deepEqual(platform.pids('web'), [web]);
  });

// A pause between joins: as long as a guest's look at the page takes.
const joinAgain = () => new Promise((ok) => setTimeout(ok, 500));
