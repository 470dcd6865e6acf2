// What the attacks share: requests and connections from any loopback address
// (each is a source of its own), and waiting for things to happen.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { until } from '../e2e/lib/platform.mjs';

export const api = (alias, what) => `/api/client/v2/conferences/${encodeURIComponent(alias)}/${what}`;

// One request on a connection of its own. `agent` keeps it.
export function ask(platform, path, { from = '127.0.0.1', method = 'POST', headers = {}, body = {}, agent = false, timeout = 40000 } = {}) {
  const data = method === 'POST' ? (typeof body === 'string' ? body : JSON.stringify(body)) : '';
  return new Promise((ok, bad) => {
    const req = https.request({ host: '127.0.0.1', port: platform.port, localAddress: from, method, path, agent, timeout, rejectUnauthorized: false,
      headers: { ...(data ? { 'Content-Type': 'application/json' } : {}), ...headers, 'Content-Length': Buffer.byteLength(data) } }, (res) => {
      let text = '';
      res.on('data', (d) => { text += d; });
      res.on('end', () => {
        let result;
        try { result = JSON.parse(text).result; } catch { /* not every answer is */ }
        ok({ status: res.statusCode, headers: res.headers, text, result });
      });
      res.on('error', bad);
    });
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', bad);
    req.end(data);
  });
}

export const join = (platform, alias, pin, { headers = {}, body = {}, ...options } = {}) =>
  ask(platform, api(alias, 'request_token'), { ...options, headers: { ...(pin ? { pin } : {}), ...headers }, body: { display_name: 'Somebody', ...body } });

// A newcomer who was refused at the door tries again, as browsers do.
export async function patient(fn, ms = 6000) {
  const end = performance.now() + ms;
  for (;;)
    try {
      return await fn();
    } catch (e) {
      if (performance.now() > end || e.code === 'ERR_ASSERTION') throw e;
    }
}

// A raw connection that writes `bytes` and then waits; `gone` resolves when
// the other side has ended it.
export function raw(platform, from, bytes) {
  return new Promise((ok) => {
    const s = net.connect({ host: '127.0.0.1', port: platform.port, localAddress: from });
    s.gone = new Promise((done) => s.on('close', done));
    s.on('error', () => ok(s));
    s.on('connect', () => {
      if (bytes) s.write(bytes);
      ok(s);
    });
    s.resume();
  });
}

export const status = (platform) => platform.cli('status')[0];
export const counted = (platform, name, least) => until(`${name} is at least ${least}`, () => Number(status(platform)[name]) >= least);
export const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

// Bytes that wait at a UDP port: 0 means that the role has read everything.
export function waitingAt(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  let n = 0;
  for (const f of ['udp', 'udp6'])
    for (const line of readFileSync(`/proc/net/${f}`, 'utf8').split('\n').slice(1)) {
      const [, local, , , queues] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hex}`)) n += parseInt(queues.split(':')[1], 16);
    }
  return n;
}
