// A town beside the platform: a network namespace with as many addresses as an
// attack needs, one cable to the platform's own namespace. The test itself runs
// in a fresh namespace (ownNet), so that no packet, rule or address of the
// machine is touched.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { until } from './platform.mjs';

// Runs this test file again in a network namespace of its own; returns only there.
export function ownNet(url) {
  if (process.env.CONCLAVE_OWN_NET) return;
  const rights = process.getuid() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const r = spawnSync('unshare', [...rights, '--net', '--', process.execPath, ...process.execArgv, fileURLToPath(url), ...process.argv.slice(2)],
    { stdio: 'inherit', env: { ...process.env, CONCLAVE_OWN_NET: '1' } });
  process.exit(r.status ?? 1);
}

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });

export class Town {
  // v4: 10.77.0.0/16 and v6: fd77:1::/32 live there; the platform is 10.66.0.1 and fd66::1.
  static async build() {
    const t = new Town();
    t.doors = [];
    ip('link', 'set', 'lo', 'up');
    t.holder = spawn('unshare', ['--net', '--', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.pid = t.holder.pid;
    const mine = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' });
    await until('the town has its namespace', () => {
      const its = execFileSync('readlink', [`/proc/${t.pid}/ns/net`], { encoding: 'utf8' });
      return its !== mine && execFileSync('cat', [`/proc/${t.pid}/comm`], { encoding: 'utf8' }) === 'cat\n';
    });
    ip('link', 'add', 'cv-home', 'type', 'veth', 'peer', 'name', 'cv-town', 'netns', String(t.pid));
    // no address that comes a second later by itself: Chromium ends its requests when the network changes
    ip('link', 'set', 'cv-home', 'addrgenmode', 'none');
    t.run('ip', 'link', 'set', 'cv-town', 'addrgenmode', 'none');
    ip('addr', 'add', '10.66.0.1/30', 'dev', 'cv-home');
    ip('-6', 'addr', 'add', 'fd66::1/64', 'dev', 'cv-home', 'nodad');
    ip('link', 'set', 'cv-home', 'up');
    t.run('ip', 'link', 'set', 'lo', 'up');
    t.run('ip', 'addr', 'add', '10.66.0.2/30', 'dev', 'cv-town');
    t.run('ip', '-6', 'addr', 'add', 'fd66::2/64', 'dev', 'cv-town', 'nodad');
    t.run('ip', 'link', 'set', 'cv-town', 'up');
    t.run('ip', 'route', 'add', 'local', '10.77.0.0/16', 'dev', 'lo');
    t.run('ip', '-6', 'route', 'add', 'local', 'fd77:1::/32', 'dev', 'lo');
    t.run('sysctl', '-qw', 'net.ipv6.ip_nonlocal_bind=1');
    t.run('ip', 'route', 'add', 'default', 'via', '10.66.0.1');
    ip('route', 'add', '10.77.0.0/16', 'via', '10.66.0.2');
    ip('-6', 'route', 'add', 'fd77:1::/32', 'via', 'fd66::2');
    return t;
  }

  // In front of a command that is to run in the town.
  get prefix() {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--'];
  }

  run(...args) {
    return execFileSync(this.prefix[0], [...this.prefix.slice(1), ...args], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  }

  spawn(args, options = {}) {
    return spawn(this.prefix[0], [...this.prefix.slice(1), ...args], options);
  }

  // An attack or a caller (lib/caller.mjs) with these orders: its report.
  call(orders) {
    const child = this.spawn([process.execPath, fileURLToPath(new URL('caller.mjs', import.meta.url)), JSON.stringify(orders)], { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (d) => (text += d));
    const report = once(child, 'close').then(([code]) => {
      if (code !== 0) throw new Error(`caller ended with ${code}: ${text}`);
      return JSON.parse(text);
    });
    return { child, report, stop: () => child.stdin.end() };
  }

  // The platform as somebody in the town reaches it: from the one address
  // 10.66.0.2 behind which everybody there sits who names no other.
  async door(platform) {
    const path = join(mkdtempSync(join(tmpdir(), 'cv-door-')), 'sock');
    const child = this.spawn([process.execPath, '-e', `
      const net = require('node:net');
      net.createServer((a) => {
        const b = net.connect(${platform.port}, '10.66.0.1');
        a.pipe(b).pipe(a);
        for (const s of [a, b]) s.on('error', () => { a.destroy(); b.destroy(); });
      }).listen(process.argv[1], () => console.log('open'));
      process.stdin.on('end', () => process.exit(0)).resume();`, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.doors.push(child);
    await once(child.stdout, 'data');
    // one connection for each request, and the last session that we were given:
    // an agent of node's does the same
    let session;
    const connect = () => tls.connect({ socket: net.connect(path), rejectUnauthorized: false, session }).on('session', (s) => (session = s));
    const get = (what, { method = 'GET', headers = {}, body } = {}) => new Promise((ok, bad) => {
      const req = https.request({ path: what, method, headers: { host: `10.66.0.1:${platform.port}`, ...headers }, timeout: 20000,
        createConnection: connect }, (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d));
        res.on('end', () => ok({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString() }));
        res.on('error', bad);
      });
      req.on('timeout', () => req.destroy(new Error('timeout')));
      req.on('error', bad);
      req.end(body);
    });
    return { get, url: `https://10.66.0.1:${platform.port}` };
  }

  // A connection from this address that stays: get() asks on it again.
  async line(platform, source) {
    const child = this.spawn([process.execPath, '-e', `
      const tls = require('node:tls');
      const net = require('node:net');
      const raw = net.connect({ port: ${platform.port}, host: '10.66.0.1', localAddress: '${source}' });
      const s = tls.connect({ socket: raw, rejectUnauthorized: false }, () => console.log('up'));
      s.on('data', (d) => console.log(/^HTTP\\/1.1 (\\d+)/.exec(d)?.[1] ?? 'more'));
      s.on('close', () => console.log('gone')).on('error', () => {});
      process.stdin.on('data', () => s.write('GET /api/client/v2/status HTTP/1.1\\r\\nHost: localhost:${platform.port}\\r\\n\\r\\n'));
      process.stdin.on('end', () => process.exit(0));`], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.doors.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    return {
      async get() {
        child.stdin.write('\n');
        for (;;) {
          const { value } = await lines.next();
          if (value !== 'more') return Number(value) || value;
        }
      },
      close: () => child.stdin.end(),
    };
  }

  // A program of the machine as one that runs in the town.
  program(path) {
    const script = join(mkdtempSync(join(tmpdir(), 'cv-town-')), 'run');
    writeFileSync(script, `#!/bin/sh\nexec ${this.prefix.join(' ')} ${path} "$@"\n`, { mode: 0o755 });
    return script;
  }

  async raze() {
    for (const d of this.doors) d.stdin.end();
    this.holder.stdin.end();
    await once(this.holder, 'exit');
  }
}
