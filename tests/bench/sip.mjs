// What a call by SIP costs a whole platform: CPU of all its roles for each
// INVITE-200-ACK-BYE to a room without a PIN, over UDP, TCP and TLS; what becomes
// of it when three times as many are offered as it can carry; what a challenged
// INVITE costs, with Kamailio challenging the same INVITEs beside it. The
// platform runs on one processor, the callers (sip_load.c, and sipp as a program
// that nobody here wrote) on another, in a namespace of their own with a source
// address for each few calls. Prints `name value unit target verdict`.
//
// Not as it is installed: UDP, TCP and guests are on, media may be clear,
// more calls and PIN prompts at once are allowed, and PIN protection is off,
// because a datagram's source that proved nothing gets no further than a prompt
// for a PIN, which costs less. What one source may do is as it is installed.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Town, ownNet } from '../e2e/lib/town.mjs';

if (process.getuid() !== 0) {
  console.log('# sip: needs root (namespaces): not seen');
  process.exit(0);
}
if (availableParallelism() < 2) {
  console.log('# sip: needs two processors: not seen');
  process.exit(0);
}
ownNet(import.meta.url);

const { Platform, TOP, until } = await import('../e2e/lib/platform.mjs');
const BUILD = process.env.CONCLAVE_BUILD ?? join(TOP, 'build');
const HOME = '10.66.0.1', CLEAR = 5060, TLS = 5061, KAMAILIO = 5070;
const ROLES = ['super', 'keys', 'core', 'web', 'media', 'video', 'sip', 'courier'];
const CALL_MS = 0.5, CALL_SIP_MS = 0.15, CALL_TLS_MS = 1, CHALLENGE_US = 15, CARRIED = 0.8, OVERLOAD = 3;
const RATE = 1000, RATE_TLS = 700, RATE_LOW = 300, RUN_S = 6, SEARCH_S = 3;
// media uses a port again when it has rested so long (PORTS_REST_S).
const CHALLENGE_RATE = 40000, CHALLENGE_S = 0.2, CHALLENGE_RUNS = 5, CHALLENGE_PAUSE_MS = 3000;
const PORTS_REST_MS = 31000;
const rested = () => new Promise((ok) => setTimeout(ok, PORTS_REST_MS));
const only = process.argv.slice(2);

const [ours, theirs] = execFileSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' }).trim().split(': ')[1]
  .split(',').flatMap((r) => { const [a, b = a] = r.split('-').map(Number); return Array.from({ length: b - a + 1 }, (_, i) => a + i); });
const pin = (cpu, pid) => execFileSync('taskset', ['-acp', String(cpu), String(pid)], { stdio: 'ignore' });

let failed = false;
function figure(name, value, unit, target = null, is_met = value <= target) {
  const verdict = target === null ? 'info' : is_met ? 'pass' : 'fail';
  if (verdict === 'fail') failed = true;
  console.log(`${name} ${value.toFixed(value < 10 ? 3 : 1)} ${unit} ${target ?? '-'} ${verdict}`);
}

// --- processor time -----------------------------------------------------------

// Of all threads, as utime + stime, which the kernel shows in steps of 10 ms.
function cpuMs(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((n, t) => n + Number(readFileSync(`/proc/${pid}/task/${t}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e6;
}
const spent = () => Object.fromEntries(ROLES.map((r) => [r, platform.pids(r).reduce((n, pid) => n + cpuMs(pid), 0)]));

// --- callers --------------------------------------------------------------------

let block = 0;	// each run has source addresses that did nothing before
async function load(how, port, orders) {
  const first = `10.77.${1 + 16 * (block++ % 15)}.0`;
  const args = Object.entries({ user: 'bench', first, sources: 1000, seconds: RUN_S, ...orders }).map(([k, v]) => `${k}=${v}`);
  const child = town.spawn([join(BUILD, 'tests/bench/sip_load'), how, HOME, String(port), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (d) => (text += d));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`sip_load ended with ${code}`);
  return JSON.parse(text);
}

const calls = () => Number(platform.cli('sip', 'state')[0].calls);

// A run and what it cost: ms for each role and completed call.
async function run(what, how, orders) {
  const before = spent();
  const r = await load(how, how === 'tls' ? TLS : CLEAR, orders);
  await until('all calls are over', () => calls() === 0);
  const after = spent();
  r.ms = Object.fromEntries(ROLES.map((k) => [k, (after[k] - before[k]) / (r.completed || 1)]));
  r.all = ROLES.reduce((n, k) => n + r.ms[k], 0);
  console.log(`# ${what}: ${orders.rate} calls/s for ${orders.seconds ?? RUN_S} s, ${r.completed} of ${r.offered} completed, median ${r.median_ms} ms, 99 % ${r.p99_ms} ms to the 200; ` +
    `refused ${JSON.stringify(r.refused)}, sent again ${r.again}, the caller late ${r.late} times; ms of CPU: ${ROLES.map((k) => `${k} ${r.ms[k].toFixed(3)}`).join(', ')}`);
  return r;
}

// --- the figures -------------------------------------------------------------------

async function costs() {
  const udp = await run('udp', 'udp', { rate: RATE });
  figure('sip_call_udp', udp.all, 'ms', CALL_MS);
  figure('sip_call_udp_face_alone', udp.ms.sip, 'ms', CALL_SIP_MS);
  // few calls: each message wakes a process that slept
  figure('sip_call_udp_300_a_second', (await run('udp, few', 'udp', { rate: RATE_LOW })).all, 'ms');
  figure('sip_call_tcp_kept', (await run('tcp, kept connections', 'tcp', { rate: RATE_TLS, sources: 250 })).all, 'ms');
  figure('sip_call_tls_kept', (await run('tls, kept connections', 'tls', { rate: RATE_TLS, sources: 250 })).all, 'ms', CALL_TLS_MS);
  figure('sip_call_tls_new', (await run('tls, a connection and handshake for each call', 'tls', { rate: 100, conns: 0 })).all, 'ms');
}

// What it can carry: the most calls a second that were completed of any offer.
async function overload() {
  let carried = 0, at = RATE;
  await rested();
  for (let rate = RATE; ; rate += 500) {
    const r = await run('what it carries', 'udp', { rate, seconds: SEARCH_S, sources: 2000 });
    const done = r.in_time / SEARCH_S;
    if (done > carried) [carried, at] = [done, rate];
    if (done < 0.9 * rate || rate >= 4000) break;
  }
  await rested();
  const r = await run('three times that', 'udp', { rate: Math.round(OVERLOAD * carried), sources: 4000 });
  const share = r.in_time / RUN_S / carried;
  figure('sip_carried', carried, 'calls/s');
  console.log(`# carried at ${at} offered; of ${Math.round(OVERLOAD * carried)} offered ${(r.in_time / RUN_S).toFixed(0)} a second were completed`);
  figure('sip_overload_completed', share, 'of_carried', CARRIED, share >= CARRIED);
}

// sipp's own scenario of a caller, from one address.
async function sipp() {
  for (const [name, t] of [['udp', 'u1'], ['tcp', 't1']]) {
    const n = 100, dir = mkdtempSync(join(tmpdir(), 'cv-sipp-'));
    const ip = '10.77.250.1';
    town.run('ip', 'addr', 'replace', `${ip}/32`, 'dev', 'lo');
    const child = town.spawn(['sipp', '-sn', 'uac', `${HOME}:${CLEAR}`, '-s', 'bench', '-t', t, '-i', ip, '-p', '15090', '-r', '15', '-m', String(n), '-d', '0', '-timeout', '30', '-trace_stat', '-stf', join(dir, 'stat'), '-nostdin'],
      { cwd: dir, stdio: 'ignore' });
    await once(child, 'close');
    const [head, ...rows] = readFileSync(join(dir, 'stat'), 'utf8').trim().split('\n').map((l) => l.split(';'));
    const done = Number(rows.at(-1)[head.indexOf('SuccessfulCall(C)')]);
    rmSync(dir, { recursive: true });
    figure(`sip_sipp_${name}_completed`, done, `of_${n}`, n, done === n);
  }
}

const KAMAILIO_CFG = `#!KAMAILIO
debug=0
log_stderror=no
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:${HOME}:${KAMAILIO}
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "auth.so"
request_route {
	if (method == "ACK") exit;
	www_challenge("conclave", "0");
}
`;

function tree(pid) {
  const kids = readdirSync('/proc').filter((d) => /^\d+$/.test(d)).filter((d) => {
    try {
      const s = readFileSync(`/proc/${d}/stat`, 'utf8');
      return Number(s.slice(s.lastIndexOf(')') + 2).split(' ')[1]) === pid;
    } catch {
      return false;
    }
  });
  return [pid, ...kids.flatMap((k) => tree(Number(k)))];
}

// us for each 401, of `pids`. Bursts, because a second's worth of more strangers
// than that is dropped unread, with a pause in which their bucket fills.
async function challenged(what, port, pids) {
  const runs = [];
  for (let i = 0; i < CHALLENGE_RUNS; i++) {
    await new Promise((ok) => setTimeout(ok, CHALLENGE_PAUSE_MS));
    const before = pids.reduce((n, pid) => n + cpuMs(pid), 0);
    const r = await load('udp', port, { rate: CHALLENGE_RATE, seconds: CHALLENGE_S, invite: 1 });
    runs.push(1000 * (pids.reduce((n, pid) => n + cpuMs(pid), 0) - before) / r.refused['401']);
    // what a full socket lost cost nothing that is counted
    if (!(r.refused['401'] > 0.5 * r.offered)) throw new Error(`${what}: ${JSON.stringify(r)}`);
  }
  console.log(`# ${what}: ${CHALLENGE_RATE} INVITEs a second for ${CHALLENGE_S} s, us for each: ${runs.map((us) => us.toFixed(1)).join(' ')}`);
  return Math.min(...runs);
}

async function challenges() {
  platform.cli('change', 'global', 'sip_guests=false');
  await until('strangers are challenged', async () => (await load('udp', CLEAR, { rate: 50, seconds: 1, sources: 50, invite: 1 })).refused['401'] > 40);
  const own = await challenged('conclave', CLEAR, platform.pids('sip'));
  figure('sip_challenged_invite', own, 'us', CHALLENGE_US);
  platform.cli('change', 'global', 'sip_guests=true');
  const dir = mkdtempSync(join(tmpdir(), 'cv-kamailio-'));
  writeFileSync(join(dir, 'cfg'), KAMAILIO_CFG);
  const child = spawn('taskset', ['-c', String(ours), 'kamailio', '-DD', '-E', '-f', join(dir, 'cfg'), '-Y', dir, '-w', dir, '-m', '64', '-M', '8'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const over = once(child, 'close');
  try {
    await until('kamailio challenges', async () => (await load('udp', KAMAILIO, { rate: 50, seconds: 1, sources: 50, invite: 1 })).refused['401'] > 40);
    const his = await challenged('kamailio', KAMAILIO, tree(child.pid));
    figure('sip_challenged_invite_kamailio', his, 'us');
    figure('sip_challenged_invite_times_less', his / own, 'times');
  } finally {
    child.kill('SIGTERM');
    await over;
    rmSync(dir, { recursive: true, force: true });
  }
}

// --- the run ---------------------------------------------------------------------------

pin(theirs, process.pid);	// and whatever we start
const town = await Town.build();
const platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: TLS, sipClearPort: CLEAR, roles: ['sip', 'courier'], mediaPort: 10100, mediaPorts: 55400 });
try {
  for (const r of ROLES) for (const pid of platform.pids(r)) pin(ours, pid);
  platform.cli('create', 'conference', 'name=bench', 'call_type=audio', 'crypto_mode=besteffort', '--open');
  platform.cli('create', 'conference_alias', 'alias=bench', 'conference=bench');
  platform.cli('change', 'global', 'sip_guests=true', 'enable_sip_udp=true', 'enable_sip_tcp=true', 'max_sip_calls=4096', 'max_sip_pin_prompts=1000', 'bdpm_pin_checks_enabled=false', 'outbound_allowed_networks=10.77.0.0/16');
  await until('calls are taken', async () => (await load('udp', CLEAR, { rate: 50, seconds: 1, sources: 50 })).completed > 0);
  for (const [name, part] of Object.entries({ costs, sipp, overload, challenges }))
    if (only.length === 0 || only.includes(name)) await part();
} catch (e) {
  failed = true;
  console.error(e, platform.log());
} finally {
  await platform.stop();
  await town.raze();
}
process.exit(failed ? 1 : 0);
