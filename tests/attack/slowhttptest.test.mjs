// slowhttptest (slow heads, slow bodies, slow reading) from one address, while
// people join from another: they wait no longer than on an idle machine, and
// when it is over nothing of it is left.
//
// Schedule: waits, 40 s.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { Platform, TOP, until } from '../e2e/lib/platform.mjs';

const CONNECTIONS = 1000, RATE = 250, SECONDS = 12;
const JOIN_MS = 2000;
const MEMORY_KB = 100 * 1024;

let platform, web;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: '246802' });
  [web] = platform.pids('web');
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${web}/status`, 'utf8'))[1]);

function join(from) {
  const body = JSON.stringify({ display_name: 'Somebody' });
  const began = performance.now();
  return new Promise((ok, bad) => {
    const req = https.request(`${platform.url}/api/client/v2/conferences/board/request_token`, {
      method: 'POST', rejectUnauthorized: false, agent: false, localAddress: from, timeout: 10000,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), pin: '246802' },
    }, (res) => {
      res.resume();
      res.on('end', () => ok({ status: res.statusCode, ms: performance.now() - began }));
    });
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', bad);
    req.end(body);
  });
}

// A connection of ours, in any state, as the kernel lists them.
function standing() {
  const port = platform.port.toString(16).toUpperCase().padStart(4, '0');
  return ['tcp', 'tcp6'].flatMap((f) => readFileSync(`/proc/net/${f}`, 'utf8').split('\n').slice(1)).filter((l) => {
    const [, local, , state] = l.trim().split(/\s+/);
    return local?.endsWith(`:${port}`) && state === '01';
  }).length;
}

// A file of the page, large enough to be read slowly.
const file = () => `/assets/${readdirSync(path(TOP, 'apps/meet/dist/assets')).find((f) => f.endsWith('.js'))}`;
const attacks = {
  'slow heads': () => ['-H', '-i', '1', '-x', '24', '-u', `${platform.url}/`],
  'slow bodies': () => ['-B', '-i', '1', '-s', '8192', '-x', '10', '-t', 'POST', '-u', `${platform.url}/api/client/v2/conferences/board/request_token`],
  'slow reading': () => ['-X', '-n', '1', '-z', '16', '-w', '1', '-y', '64', '-k', '3', '-u', `${platform.url}${file()}`],
};

for (const [name, args] of Object.entries(attacks)) {
  test(`${name} keep nobody out`, { timeout: 90000 }, async (t) => {
    const was = rss(), pids = platform.pids('web');
    const tool = spawn('slowhttptest', ['-c', CONNECTIONS, '-r', RATE, '-l', SECONDS, '-p', '3', '-v', '1', ...args()].map(String), { cwd: tmpdir(), stdio: 'ignore' });
    const over = once(tool, 'exit');
    const ms = [];
    let most = 0;
    try {
      await until('the attack stands', () => standing() > 100);
      for (let i = 0; i < SECONDS - 2; i++) {
        const r = await join('127.0.0.2');
        assert.equal(r.status, 200);
        ms.push(Math.round(r.ms));
        most = Math.max(most, standing());
        await sleep(1000);
      }
    } finally {
      tool.kill('SIGINT');
      await over;
    }
    t.diagnostic(`${most} connections stood; joins in ${ms} ms; ${rss() - was} KB more`);
    assert.ok(Math.max(...ms) < JOIN_MS, `joining took ${ms} ms`);
    assert.ok(rss() - was < MEMORY_KB);
    await until('nothing of it is left', () => standing() === 0, 70000);
    assert.deepEqual(platform.pids('web'), pids);
  });
}
