// Starts web_house (see house.c) around the real conclave-web, and speaks
// HTTP to it, politely and not.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

// How long something that must happen may take on a busy machine.
export const PATIENCE_MS = 60000;
const here = path.dirname(fileURLToPath(import.meta.url));
const top = path.resolve(here, '../..');
const build = process.env.CONCLAVE_BUILD ?? path.join(top, 'build');
export const offer = readFileSync(path.join(top, 'src/web/t/data/chromium_npm.sdp'), 'utf8');
export const C = '/api/client/v2/conferences/room1';
export const P = `${C}/participants/5b1c7c0e-2f0e-4c0b-9d0d-7d0f4a6f1a11`;
export const CALL = `${P}/calls/77e0e0a2-9f0f-4a6e-9ad7-0d6c8f8b6f55`;

function makeFiles(dir) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`], { stdio: 'ignore' });
  mkdirSync(`${dir}/static/assets`, { recursive: true });
  writeFileSync(`${dir}/static/index.html`, '<!doctype html><title>page</title>');
  writeFileSync(`${dir}/static/assets/index-abcd1234.js`, 'export {};');
  writeFileSync(`${dir}/static/.hidden`, 'no');
}

export class House {
  static async start() {
    const house = new House();
    house.dir = mkdtempSync(path.join(tmpdir(), 'conclave-web-'));
    makeFiles(house.dir);
    house.lines = [];
    house.waiting = [];
    house.process = spawn(`${build}/tests/web/web_house`, [`${build}/src/web/conclave-web`,
      `${build}/src/keys/conclave-keys`, `${house.dir}/cert.pem`, `${house.dir}/key.pem`, `${house.dir}/static`],
    { stdio: ['pipe', 'pipe', 'pipe'] });
    house.log = '';
    house.process.stderr.on('data', (d) => { house.log += d; });
    readline.createInterface({ input: house.process.stdout }).on('line', (line) => house.#line(line));
    const ready = await house.line(/^ready (\d+) (\d+) (\d+)$/);
    [house.port, house.plainPort, house.pid] = ready.slice(1).map(Number);
    house.agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 32 });
    return house;
  }

  #line(line) {
    this.lines.push(line);
    this.waiting = this.waiting.filter((w) => !w(line));
  }

  // The next line (also one already printed) that matches; each is given once.
  line(pattern, ms = PATIENCE_MS) {
    const i = this.lines.findIndex((l) => pattern.test(l));
    if (i >= 0) return Promise.resolve(pattern.exec(this.lines.splice(i, 1)[0]));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no line ${pattern}; got:\n${this.lines.join('\n')}\n${this.log}`)), ms);
      this.waiting.push((l) => {
        const m = pattern.exec(l);
        if (!m) return false;
        this.lines.splice(this.lines.indexOf(l), 1);
        clearTimeout(timer);
        resolve(m);
        return true;
      });
    });
  }

  order(text) {
    this.process.stdin.write(`${text}\n`);
  }

  // A setting, as core sends it; resolves when web has taken it over.
  async set(name, value) {
    this.epoch = (this.epoch ?? 0) + 1;
    this.order(`set ${name} ${value}`);
    await this.line(new RegExp(`^set ${this.epoch}$`));
  }

  stop() {
    this.agent.destroy();
    this.process.stdin.end();
    rmSync(this.dir, { recursive: true });
  }

  // One request; the body comes back as text and, when it is JSON, as `json`.
  request(method, target, { headers = {}, body, port = this.port, agent = this.agent } = {}) {
    const data = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const req = https.request({ host: '127.0.0.1', port, method, path: target, agent,
        rejectUnauthorized: false, headers: { ...headers, 'Content-Length': data ? Buffer.byteLength(data) : 0 } }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (d) => { text += d; });
        res.on('end', () => {
          const out = { status: res.statusCode, headers: res.headers, text };
          if (res.headers['content-type'] === 'application/json') out.json = JSON.parse(text);
          resolve(out);
        });
      });
      req.on('error', reject);
      req.end(data);
    });
  }

  post(target, { token, body, headers = {} } = {}) {
    return this.request('POST', target, { body, headers: { ...headers, ...(token ? { token } : {}) } });
  }

  get(target, { token, headers = {} } = {}) {
    return this.request('GET', target, { headers: { ...headers, ...(token ? { token } : {}) } });
  }

  connect(options = {}) {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: this.port, rejectUnauthorized: false, ...options },
        () => resolve(socket));
      socket.on('error', reject);
    });
  }

  // Sends bytes as they are; resolves with all that came until the close.
  async raw(text, { end = false } = {}) {
    const socket = await this.connect();
    return new Promise((resolve) => {
      let got = '';
      socket.on('data', (d) => { got += d; });
      socket.on('error', () => {});
      socket.on('close', () => resolve(got));
      socket.write(text);
      if (end) socket.end();
    });
  }

  async join(pin = '1234') {
    const r = await this.post(`${C}/request_token`, { body: { display_name: 'Alice' }, headers: { pin } });
    return r.json.result;
  }

  // An event stream: `blocks` fills up, next(name) waits for an event.
  stream(token, { headers = {} } = {}) {
    return new Promise((resolve, reject) => {
      const s = { blocks: [], waiting: [], closed: false };
      s.next = (name, ms = PATIENCE_MS) => new Promise((ok, bad) => {
        const look = () => {
          const i = s.blocks.findIndex((b) => b.event === name);
          if (i < 0) return false;
          ok(s.blocks.splice(i, 1)[0]);
          clearTimeout(timer);
          return true;
        };
        const timer = setTimeout(() => bad(new Error(`no event ${name}`)), ms);
        if (!look()) s.waiting.push(look);
      });
      const req = https.get({ host: '127.0.0.1', port: this.port, path: `${C}/events?token=${token}`, agent: false,
        rejectUnauthorized: false, headers }, (res) => {
        s.status = res.statusCode;
        s.headers = res.headers;
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (d) => {
          text += d;
          const parts = text.split('\n\n');
          text = parts.pop();
          for (const part of parts) s.blocks.push(parseBlock(part));
          s.waiting = s.waiting.filter((w) => !w());
        });
        res.on('close', () => { s.closed = true; s.waiting = s.waiting.filter((w) => !w()); s.onclose?.(); });
        res.on('error', () => {});
        resolve(s);
      });
      s.destroy = () => req.destroy();
      req.on('error', (e) => { if (!s.status) reject(e); });
    });
  }
}

function parseBlock(part) {
  const block = { raw: part };
  for (const line of part.split('\n')) {
    if (line.startsWith(':')) block.event = 'comment';
    else {
      const i = line.indexOf(': ');
      block[line.slice(0, i)] = line.slice(i + 2);
    }
  }
  return block;
}

export const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));
