// Starts a whole platform from the release build in a folder of its own, on
// ports of its own, and stops it. Nothing is faked: conclave-setup, then super.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, createWriteStream, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import https from 'node:https';

export const TOP = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const BUILD = process.env.CONCLAVE_BUILD ?? join(TOP, 'build');
const ROLES = ['super', 'keys', 'core', 'web', 'media', 'video'];

function built(name) {
  const folders = name === 'conclave' || name === 'conclave-setup' ? ['cli', 'core/setup', 'core/store', 'setup', 'core'] : [name.slice('conclave-'.length)];
  for (const f of folders) {
    const path = join(BUILD, 'src', f, name);
    if (existsSync(path)) return path;
  }
  throw new Error(`${name} is not built below ${BUILD}`);
}

// Ports below those that the kernel hands out for connections, of which each
// process tries its own: files of tests run beside each other.
const PORTS = 40;
const firstPort = 10000 + (process.pid % 500) * PORTS;
let ports = 0;

const bound = (s, listen) => new Promise((ok) => {
  s.once('error', () => ok(false));
  listen(() => s.close(() => ok(true)));
});

export async function freePort() {
  for (let i = 0; i < PORTS; i++) {
    const port = firstPort + (ports++ % PORTS);
    const [tcp, udp] = [createServer(), createSocket('udp6')];
    if ((await bound(tcp, (done) => tcp.listen(port, '::', done))) && (await bound(udp, (done) => udp.bind(port, '::', done)))) return port;
  }
  throw new Error(`no free port from ${firstPort} on`);
}

// How long something that must happen may take on a busy machine.
export const PATIENCE_MS = 60000;

// Waits for a condition by polling; ends with an error that says what.
export async function until(what, fn, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  let last;
  while (Date.now() < end) {
    try {
      const v = await fn();
      if (v) return v;
      last = v;
    } catch (e) {
      last = e;
    }
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`waited ${ms} ms for: ${what} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
}

export class Platform {
  static async start(options = {}) {
    const p = new Platform();
    // super refuses to run, as root, what others could change: not below /tmp
    p.dir = mkdtempSync(join(process.getuid() === 0 ? '/var/lib' : tmpdir(), 'conclave-e2e-'));
    chmodSync(p.dir, 0o755);
    p.data = join(p.dir, 'data');
    p.run = join(p.dir, 'run');
    p.libexec = join(p.dir, 'libexec');
    p.static = join(p.dir, 'static');
    p.logFile = join(p.dir, 'log');
    mkdirSync(p.run, { mode: 0o755 });
    mkdirSync(p.libexec);
    for (const r of [...ROLES, ...(options.roles ?? [])]) cpSync(built(`conclave-${r}`), join(p.libexec, `conclave-${r}`));
    cpSync(join(BUILD, 'src/media/audio/prompts.pack'), join(p.libexec, 'prompts.pack'));
    cpSync(join(TOP, 'apps/meet/dist'), p.static, { recursive: true });
    if (options.staticExtra) await options.staticExtra(p.static);
    execFileSync('chmod', ['-R', 'a+rX', p.dir]);
    // as root every role runs as its own user, as in production
    if (process.getuid() === 0) execFileSync(join(TOP, 'packaging/make-users.sh'), { stdio: 'inherit' });
    execFileSync(built('conclave-setup'), ['--data-dir', p.data, '--host', 'localhost'], { stdio: ['ignore', 'pipe', 'inherit'] });
    p.port = await freePort();
    p.mediaPort = options.mediaPort ?? (await freePort());
    p.options = options;
    await p.spawn();
    return p;
  }

  // The same by packaging/run.sh, as `make run` does it: it stages what was
  // built, makes the data and starts super anew when that is killed.
  static async startByRun(options = {}) {
    const p = new Platform();
    p.dir = mkdtempSync(join(process.getuid() === 0 ? '/var/lib' : tmpdir(), 'conclave-e2e-'));
    chmodSync(p.dir, 0o755);
    p.data = options.data ?? join(p.dir, 'data');
    p.run = join(p.dir, 'run');
    p.logFile = join(p.dir, 'log');
    p.port = options.port ?? (await freePort());
    p.mediaPort = await freePort();
    p.options = options;
    p.env = {
      ...process.env, CONCLAVE_BUILD: BUILD, CONCLAVE_STAGE: join(p.dir, 'stage'), CONCLAVE_DATA: p.data, CONCLAVE_RUN: p.run,
      CONCLAVE_HTTPS_PORT: p.port, CONCLAVE_ADMIN_PORT: 0, CONCLAVE_SIP_PORT: 0, CONCLAVE_SIP_CLEAR_PORT: 0, CONCLAVE_MEDIA_PORT_FIRST: p.mediaPort, CONCLAVE_MEDIA_PORT_LAST: p.mediaPort + 9,
      CONCLAVE_MEDIA_WORKERS: 1, CONCLAVE_ADVERTISE: '127.0.0.1', CONCLAVE_HOSTS: 'localhost', CONCLAVE_LOG: p.logFile,
      CONCLAVE_FIREWALL: 'off', ...options.env,
    };
    const [program, ...args] = [...(options.wrap ?? []), join(TOP, 'packaging/run.sh')];
    p.child = spawn(program, args, { env: p.env, stdio: ['ignore', 'pipe', 'pipe'] });
    p.said = '';
    for (const out of [p.child.stdout, p.child.stderr]) out.on('data', (d) => (p.said += d));
    p.exited = new Promise((ok) => p.child.once('close', (code, signal) => ok({ code, signal })));
    if (options.refuses) return p;
    await p.answers();
    const [found] = execFileSync('find', [p.env.CONCLAVE_STAGE, '-name', 'conclave-super'], { encoding: 'utf8' }).trim().split('\n');
    p.libexec = dirname(found);
    return p;
  }

  get url() {
    return `https://127.0.0.1:${this.port}`;
  }

  async spawn() {
    const args = ['--data-dir', this.data, '--run-dir', this.run, '--libexec-dir', this.libexec, '--static-dir', this.static,
      '--https-port', String(this.port), '--admin-port', '0', '--sip-port', String(this.options.sipPort ?? 0), '--sip-clear-port', String(this.options.sipClearPort ?? 0),
      '--media-port-first', String(this.mediaPort), '--media-port-last', String(this.mediaPort + (this.options.mediaPorts ?? 10) - 1),
      '--media-workers', String(this.options.workers ?? 1), '--advertise', this.options.advertise ?? '127.0.0.1', ...(this.options.args ?? [])];
    const log = createWriteStream(this.logFile, { flags: 'a' });
    this.child = spawn(join(this.libexec, 'conclave-super'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout.pipe(log);
    this.child.stderr.pipe(log);
    this.exited = new Promise((ok) => this.child.once('exit', (code, signal) => ok({ code, signal })));
    await this.answers();
  }

  answers() {
    return until('the platform answers', async () => (await this.get('/api/client/v2/status')).status === 200).catch((e) => {
      throw new Error(`${e.message}\n${this.said ?? ''}${this.log()}`);
    });
  }

  log() {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').split('\n').slice(-60).join('\n') : '';
  }

  // A request as a stranger would send it; certificates are not judged here.
  get(path, { method = 'GET', headers = {}, body } = {}) {
    return new Promise((ok, bad) => {
      const req = https.request(this.url + path, { method, headers, rejectUnauthorized: false, agent: false, timeout: 10000 }, (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d));
        res.on('end', () => ok({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString() }));
        res.on('error', bad);
      });
      req.on('timeout', () => req.destroy(new Error('timeout')));
      req.on('error', bad);
      req.end(body);
    });
  }

  cli(...args) {
    const out = execFileSync(built('conclave'), ['--json', '--socket', join(this.run, 'cli.sock'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return out.trim() ? JSON.parse(out) : null;
  }

  // A room with these PINs: its alias.
  room(alias, fields = {}) {
    const args = Object.entries({ name: alias, ...fields }).map(([k, v]) => `${k}=${v}`);
    this.cli('create', 'conference', ...args, ...(fields.pin ? [] : ['--open']));
    this.cli('create', 'conference_alias', `alias=${alias}`, `conference=${alias}`);
    return alias;
  }

  // Every process that runs one of our programs, and every port that is still
  // held (by anybody): nothing may be left after the end.
  leftovers() {
    const left = ROLES.flatMap((r) => this.pids(r).map((pid) => `${r} ${pid}`));
    for (const f of ['tcp', 'tcp6', 'udp', 'udp6']) {
      for (const line of readFileSync(`/proc/net/${f}`, 'utf8').split('\n').slice(1)) {
        const [, local, , state] = line.trim().split(/\s+/);
        const port = parseInt(local?.split(':').pop() ?? '0', 16);
        const is_open = f.startsWith('udp') || state === '0A';
        if (is_open && (port === this.port || port === this.mediaPort)) left.push(`${f} port ${port}`);
      }
    }
    return left;
  }

  // The pids of a role, by the file it runs.
  pids(role) {
    const want = join(this.libexec, `conclave-${role}`);
    return readdirSync('/proc').filter((d) => /^\d+$/.test(d)).filter((d) => {
      try {
        return readlinkSync(`/proc/${d}/exe`).endsWith(want) && !readFileSync(`/proc/${d}/stat`, 'utf8').includes(') Z ');
      } catch {
        return false;
      }
    }).map(Number);
  }

  // Another program in a role's place from now on; '' brings the real one back.
  // super is told nothing: it starts what stands there.
  replace(role, program) {
    const path = join(this.libexec, `conclave-${role}`);
    cpSync(program ? join(BUILD, program) : built(`conclave-${role}`), `${path}.new`);
    chmodSync(`${path}.new`, 0o755);
    const dead = this.kill(role);
    renameSync(`${path}.new`, path);
    return dead;
  }

  kill(role) {
    const pids = this.pids(role);
    if (pids.length === 0) throw new Error(`no ${role} to kill`);
    pids.forEach((pid) => process.kill(pid, 'SIGKILL'));
    return pids;
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    let timer;
    const how = await Promise.race([this.exited, new Promise((ok) => (timer = setTimeout(() => ok(null), 30000)))]);
    clearTimeout(timer);	// or this process would outlive its tests
    if (!how) this.child.kill('SIGKILL');
    if (process.env.CONCLAVE_KEEP) console.error(`kept ${this.dir}`);
    else rmSync(this.dir, { recursive: true, force: true });
    return how;
  }
}
