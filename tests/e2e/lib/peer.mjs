// The synthetic peer and the bad network (tests/peer) from node.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, PATIENCE_MS, Platform, TOP } from './platform.mjs';

const BUILD = process.env.CONCLAVE_BUILD ?? join(TOP, 'build');

export function program(name) {
  const path = join(BUILD, 'tests/peer', name);
  if (!existsSync(path)) throw new Error(`${name} is not built: ninja -C build tests/peer/${name}`);
  return path;
}

// Lines of a child as a promise queue.
export class Child {
  // `wrap`: a command in front, to run it somewhere else.
  constructor(path, args, wrap = []) {
    this.name = path.split('/').pop();
    const [program, ...rest] = [...wrap, path, ...args];
    this.child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = [];
    this.waiting = [];
    this.child.stdin.on('error', () => {});
    createInterface({ input: this.child.stdout }).on('line', (l) => {
      this.lines.push(JSON.parse(l));
      this.wake();
    });
    this.exited = new Promise((ok) => this.child.once('close', (code, signal) => {
      this.over = { code, signal };
      this.wake();
      ok(this.over);
    }));
  }

  wake() {
    for (const w of this.waiting.splice(0)) w();
  }

  // The first line not yet read for which `wanted` holds.
  async line(wanted, ms = PATIENCE_MS) {
    const end = Date.now() + ms;
    for (;;) {
      const i = this.lines.findIndex(wanted);
      if (i >= 0) return this.lines.splice(i, 1)[0];
      const bad = this.lines.find((l) => l.type === 'error');
      if (bad) throw new Error(`${this.name}: ${bad.error}`);
      if (this.over) throw new Error(`${this.name} ended: ${JSON.stringify(this.over)}`);
      if (Date.now() > end) throw new Error(`${this.name}: no such line within ${ms} ms`);
      let timer;
      await new Promise((ok) => {
        this.waiting.push(ok);
        timer = setTimeout(ok, end - Date.now() + 1);
      });
      clearTimeout(timer);
    }
  }

  write(text) {
    this.child.stdin.write(`${text}\n`);
  }

  async end() {
    if (!this.over) this.child.kill('SIGTERM');
    await this.exited;
  }
}

export class Relay extends Child {
  // `from`: the port clients are told; `to`: the server's.
  static async start(from, to, { loss = 5, delay = 20, jitter = 30, reorder = 0, seed = 1, args = [] } = {}) {
    const r = new Relay(program('conclave-relay'), ['--listen', `127.0.0.1:${from}`, '--to', `127.0.0.1:${to}`,
      '--loss', loss, '--delay', delay, '--jitter', jitter, '--reorder', reorder, '--seed', seed, ...args].map(String));
    await r.line((l) => l.listening);
    return r;
  }

  async stop() {
    this.child.stdin.end();
    await this.exited;
    return this.lines.find((l) => l.clients);
  }
}

// A platform whose only candidate over UDP is a bad network, and that network.
export async function startBehindRelay(network = {}, options = {}) {
  const [from, to] = [await freePort(), await freePort()];
  const platform = await Platform.start({ ...options, mediaPort: to, advertise: `127.0.0.1:${from}` });
  try {
    return { platform, relay: await Relay.start(from, to, network) };
  } catch (e) {
    await platform.stop();
    throw e;
  }
}

export const own = (options) => Object.entries(options).flatMap(([k, v]) => {
  const name = `--${k.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
  if (v === true) return [name];
  if (v === false || v === undefined) return [];
  return (Array.isArray(v) && k === 'probe' ? v : [v]).flatMap((x) => [name, String(x)]);
});

export class Peer {
  // Joins the meeting and starts to talk; `options` are those of conclave-peer
  // (camelCase). Resolves when media flow. `wrap` is put in front of it.
  static async join(platform, alias, name, pin, { wrap, ...options } = {}) {
    const p = new Peer();
    p.wrap = wrap;
    p.platform = platform;
    p.name = name;
    p.base = `/api/client/v2/conferences/${encodeURIComponent(alias)}`;
    const got = await p.post('/request_token', { display_name: name, call_tag: '', direct_media: false }, pin ? { pin } : {});
    p.token = got.token;
    p.uuid = got.participant_uuid;
    p.role = got.role;
    p.refresher = setInterval(() => p.refresh(), Number(got.expires) * 1000 / 3);
    try {
      await p.call(options);
    } catch (e) {
      await p.leave();
      throw e;
    }
    return p;
  }

  async call(options) {
    this.child = new Child(program('conclave-peer'), own(options), this.wrap);
    const offer = await this.child.line((l) => l.type === 'offer');
    this.offer = offer.sdp;
    const me = `/participants/${this.uuid}/calls`;
    const call = await this.post(me, { call_type: 'WEBRTC', sdp: offer.sdp, media_type: 'video', fecc_supported: false });
    this.answer = call.sdp;
    this.child.write(JSON.stringify({ sdp: call.sdp }));
    await this.post(`${me}/${call.call_uuid}/ack`, {});
    this.connected = await this.child.line((l) => l.type === 'connected' || l.type === 'report');
    if (this.connected.type === 'report') throw new Error(`${this.name}: ${this.connected.error}`);
  }

  async post(path, body, headers = {}) {
    const res = await this.platform.get(this.base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(this.token ? { token: this.token } : {}), ...headers },
      body: JSON.stringify(body ?? {}),
    });
    if (res.status !== 200) throw new Error(`${this.name}: ${path.split('/').pop()} answered ${res.status} ${res.text.slice(0, 200)}`);
    return JSON.parse(res.text).result;
  }

  // As the page does: what did not reach the server is tried again, a refusal
  // is final.
  async refresh(tries = 10) {
    try {
      const got = await this.post('/refresh_token');
      this.token = got.token;
    } catch (e) {
      if (!e.code || tries === 1) this.refreshError = e;
      else {
        await new Promise((ok) => setTimeout(ok, 500));
        await this.refresh(tries - 1);
      }
    }
  }

  // The report at the end of --seconds, then out of the meeting.
  async result(ms = 600000) {
    const report = await this.child.line((l) => l.type === 'report', ms);
    await this.child.exited;
    await this.leave();
    return report;
  }

  // Ends the run now.
  stop() {
    this.child.write('stop');
    return this.result(PATIENCE_MS);
  }

  async leave() {
    clearInterval(this.refresher);
    if (this.child) await this.child.end();
    if (this.token) await this.post('/release_token', { reason: 'User initiated disconnect' }).catch(() => {});
    this.token = undefined;
  }
}

export const tone = (report, hz) => report.audio.tones.find((t) => t.hz === hz);
