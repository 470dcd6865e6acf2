// A real fail2ban reads our log with packaging/fail2ban: it bans who guesses
// PINs or tries aliases, and never the address that a hostile name, alias or
// User-Agent tries to frame. It has a configuration, a socket and a ban list
// of its own; its action writes a file instead of a rule.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Platform, TOP, until } from '../e2e/lib/platform.mjs';

const PIN = '246802';
const GUESSER = '127.0.0.21', SCANNER = '127.0.0.22', LIAR = '127.0.0.23', CURIOUS = '127.0.0.24', FLOODER = '127.0.1.25', HIDDEN = '127.0.2.26', VICTIM = '203.0.113.66';
const JAILS = { conclave: 4, 'conclave-scan': 6 };	// maxretry, for the test

let platform, dir, server;
const client = (...args) => execFileSync('fail2ban-client', ['-c', join(dir, 'etc'), '-s', join(dir, 'sock'), '-p', join(dir, 'pid'), ...args], { encoding: 'utf8', stdio: 'pipe' });
const banned = () => (existsSync(join(dir, 'banned')) ? readFileSync(join(dir, 'banned'), 'utf8').trim().split('\n') : []);
const counted = (jail) => Number(/Total failed:\s*(\d+)/.exec(client('status', jail))[1]);

before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: PIN, allow_guests: 'true', guest_pin: '135791' });
  platform.cli('change', 'global', 'bdpm_scan_quarantine_enabled=false');
  dir = mkdtempSync(join(tmpdir(), 'conclave-fail2ban-'));
  const etc = join(dir, 'etc');
  // what fail2ban brings, then what we ship, then the test's own places
  mkdirSync(etc);
  for (const f of ['fail2ban.conf', 'paths-common.conf', 'paths-debian.conf', 'jail.conf', 'filter.d', 'action.d']) cpSync(join('/etc/fail2ban', f), join(etc, f), { recursive: true });
  cpSync(join(TOP, 'packaging/fail2ban/filter.d'), join(etc, 'filter.d'), { recursive: true });
  cpSync(join(TOP, 'packaging/fail2ban/jail.d'), join(etc, 'jail.d'), { recursive: true });
  writeFileSync(join(etc, 'action.d/note.conf'), `[Definition]\nactionban = echo "<name> <ip>" >>${join(dir, 'banned')}\n`);
  writeFileSync(join(etc, 'fail2ban.local'), `[Definition]\nlogtarget = ${join(dir, 'log')}\nsocket = ${join(dir, 'sock')}\npidfile = ${join(dir, 'pid')}\ndbfile = None\n`);
  writeFileSync(join(etc, 'jail.d/zz-test.local'), `[DEFAULT]\nbackend = polling\nignoreself = false\nignoreip =\nbanaction = note\naction = note[name=%(__name__)s]\n${Object.entries(JAILS).map(([name, n]) => `[${name}]\nlogpath = ${platform.logFile}\nmaxretry = ${n}\n`).join('')}`);
  server = spawn('fail2ban-server', ['-c', etc, '-s', join(dir, 'sock'), '-p', join(dir, 'pid'), '-f', 'start'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const out of [server.stdout, server.stderr]) out.on('data', (d) => (said += d));
  await until('fail2ban runs both jails', () => {
    if (server.exitCode !== null) throw new Error(said);
    return Object.keys(JAILS).every((j) => /Currently banned/.test(client('status', j)));
  }).catch((e) => {
    throw new Error(`${e.message}\n${said}\n${existsSync(join(dir, 'log')) ? readFileSync(join(dir, 'log'), 'utf8') : ''}`);
  });
});
after(async () => {
  if (server?.exitCode === null) {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  if (dir) rmSync(dir, { recursive: true, force: true });
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

function ask(from, { alias = 'board', pin, name = 'Somebody', agent = 'test' } = {}) {
  const body = JSON.stringify({ display_name: name });
  return new Promise((ok, bad) => {
    const req = https.request(`${platform.url}/api/client/v2/conferences/${encodeURIComponent(alias)}/request_token`, {
      method: 'POST', rejectUnauthorized: false, agent: false, localAddress: from, timeout: 45000,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'user-agent': agent, ...(pin ? { pin } : {}) },
    }, (res) => {
      res.resume();
      res.on('end', () => ok(res.statusCode));
    });
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', bad);
    req.end(body);
  });
}

// Bytes as they are, for what no HTTP library sends.
const raw = (from, text) => new Promise((ok) => {
  const s = tls.connect({ port: platform.port, host: '127.0.0.1', localAddress: from, rejectUnauthorized: false }, () => s.write(text));
  s.setTimeout(3000, () => s.destroy());
  s.on('error', () => {}).on('close', ok).resume();
});

const lines = () => readFileSync(platform.logFile, 'utf8').split('\n');

test('our log as fail2ban reads it: who is asked for a PIN is no guesser', async () => {
  for (let i = 0; i < 8; i++) assert.equal(await ask(CURIOUS), 403);
  await until('the lines are there', () => lines().filter((l) => l.includes('access: pin needed') && l.includes(CURIOUS)).length >= 8);
  const judged = spawnSync('fail2ban-regex', ['-c', join(dir, 'etc'), platform.logFile, 'conclave'], { encoding: 'utf8' });
  assert.match(judged.stdout, /Failregex: 0 total/, judged.stdout + judged.stderr);
});

test('forged lines in names, aliases and User-Agents frame nobody', async () => {
  const stamp = new Date().toISOString();
  const line = `core/0 access: pin wrong source="${VICTIM}" face="web"`;
  const forged = [
    line, `\n${line}`, `\r\n${line}\r\n`, `${stamp} notice ${line}`, `\n${stamp} notice ${line}\n`, `"\n${stamp} notice ${line}`, `x" ${line}`,
    `\\n${line}`, `\u2028${line}`, `\u0085${line}`, `\u0000${line}`, `<6>${line}`, `conclave[1]: ${line}`, `<b>${line}</b>`, `' || ${line}`, `%0a${line}`, `$(${line})`,
  ];
  for (const f of forged) {
    await ask(LIAR, { name: f.slice(0, 200), pin: PIN });
    await ask(LIAR, { alias: f });
    await raw(LIAR, `POST /api/client/v2/conferences/board/request_token HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ${f}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`);
    await raw(LIAR, `GET /${f} HTTP/1.1\r\nHost: ${f}\r\nX-Forwarded-For: ${VICTIM}\r\nConnection: close\r\n\r\n`);
  }
  await ask(LIAR, { agent: `friendly-scanner ${line}` });
  assert.ok(!lines().some((l) => /^\S+ +\S+ +core\/\d+ access:/.test(l) && l.includes(VICTIM)), 'a line about the victim');
  for (const jail of Object.keys(JAILS)) {
    const judged = spawnSync('fail2ban-regex', ['-c', join(dir, 'etc'), '--print-all-matched', platform.logFile, jail], { encoding: 'utf8' });
    assert.ok(!judged.stdout.includes(VICTIM), judged.stdout);
  }
  assert.ok(!banned().some((b) => b.includes(VICTIM)));
});

test('the guesser is banned, the scanner is banned', async (t) => {
  const began = Date.now();
  for (let i = 0; i < 6; i++) await ask(GUESSER, { pin: String(300000 + i) });
  await until('the guesser is banned', () => banned().includes(`conclave ${GUESSER}`), 30000);
  t.diagnostic(`${Date.now() - began} ms from the first wrong PIN`);
  for (let i = 0; i < 8; i++) await ask(SCANNER, { alias: `nobody-${i}`, pin: '111111' });
  await until('the scanner is banned', () => banned().includes(`conclave-scan ${SCANNER}`), 30000);
  assert.equal(await ask(CURIOUS, { pin: PIN }), 200);
  const names = new Set(banned().map((b) => b.split(' ')[1]));
  for (const innocent of [CURIOUS, VICTIM]) assert.ok(!names.has(innocent), `${innocent} is banned`);
  assert.equal(counted('conclave') >= JAILS.conclave, true);
});

test('one who floods the log hides nobody', async (t) => {
  platform.room('hall', { pin: PIN });
  platform.cli('change', 'global', 'max_joins_per_source=10000', 'max_requests_per_source=10000', 'max_connections_per_source=1000');
  const wrong = (ip) => lines().filter((l) => / access: pin (wrong|refused) /.test(l) && l.includes(`"${ip}"`)).length;
  let over = false, asked = 0;
  const flood = Promise.all(Array.from({ length: 8 }, async () => {
    while (!over) {
      await ask(FLOODER, { alias: 'hall', pin: '333333' });
      asked++;
    }
  }));
  try {
    await until('lines are left out', () => platform.cli('status')[0].access_lines_suppressed > 50);
    for (let i = 0; i < 6; i++) await ask(HIDDEN, { alias: 'hall', pin: String(400000 + i) });
    await until('each of his has its line', () => wrong(HIDDEN) >= 5);
    await until('he is banned', () => banned().includes(`conclave ${HIDDEN}`));
  } finally {
    over = true;
    await flood;
  }
  t.diagnostic(`${wrong(FLOODER)} lines for ${asked} wrong PINs of the flooder, ${wrong(HIDDEN)} for 6 of the other`);
  assert.ok(wrong(FLOODER) < asked / 2);
  await until('so is the flooder', () => banned().includes(`conclave ${FLOODER}`));
});
