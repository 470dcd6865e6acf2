// A meeting of ten under floods, against the same meeting in peace. The whole
// platform runs on one processor, peers and attackers on another, in network
// namespaces of their own; what the kernel does for a packet that arrives is
// done on the platform's processor (RPS). For each attack: a control run, then
// the attack run. Prints `name value unit target verdict`.
//
// late   late ticks of media (over 20 ms) in % of its ticks, above the control
// own    of them media's own doing
// join   a newcomer with an invitation: median of his joins, in controls
// offer  what the attackers began (connections, joins), in multiples of what was
//	  taken in (ServerHellos, joins that core judged, datagrams that reached a
//	  socket)
//
// A control run that is itself late says nothing about the attack: that
// attack is printed as not seen ("machine too busy"), without failing.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Town, ownNet } from '../e2e/lib/town.mjs';

if (process.getuid() !== 0) {
  console.log('# flood: needs root (raw packets, kernel bans): not seen');
  process.exit(0);
}
if (availableParallelism() < 2) {
  console.log('# flood: needs two processors: not seen');
  process.exit(0);
}
ownNet(import.meta.url);

const { Platform, TOP, until } = await import('../e2e/lib/platform.mjs');
const { Peer } = await import('../e2e/lib/peer.mjs');

const BUILD = process.env.CONCLAVE_BUILD ?? join(TOP, 'build');
const HOME = '10.66.0.1', PIN = '248163';
const PEOPLE = 10, RUN_S = Number(process.env.FLOOD_S ?? 20), JOINS_EVERY_MS = 1000;
const LATE_PP = 0.5, JOIN_TIMES = 3, OFFER_TIMES = 2;
const CONTROL_LATE = 1;	// % of late ticks in peace: the machine is not ours
const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));

const [ours, theirs] = execFileSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' }).trim().split(': ')[1]
  .split(',').flatMap((r) => { const [a, b = a] = r.split('-').map(Number); return Array.from({ length: b - a + 1 }, (_, i) => a + i); });
const pin = (cpu, pid) => execFileSync('taskset', ['-acp', String(cpu), String(pid)], { stdio: 'ignore' });

pin(theirs, process.pid);	// and whatever we start
const town = await Town.build();
const platform = await Platform.startByRun({
  env: { CONCLAVE_HOSTS: `localhost ${HOME}`, CONCLAVE_ADVERTISE: HOME, CONCLAVE_FIREWALL: 'bans' }, wrap: ['taskset', '-c', String(ours)],
});
const home = { host: HOME, port: platform.port, headers: { host: `${HOME}:${platform.port}` } };
try {	// sysfs shows the namespace it was mounted in
  execFileSync('unshare', ['-m', 'sh', '-c', `mount -t sysfs none /sys && echo ${(1 << ours).toString(16)} >/sys/class/net/cv-home/queues/rx-0/rps_cpus`], { stdio: 'ignore' });
} catch {
  console.log('# flood: no RPS: packets that arrive cost the attackers\' processor');
}

// Attackers are nice to the peers and newcomers who share their processor.
const flood = (mode, ...args) => town.spawn(['nice', join(BUILD, 'tests/attack/flood'), mode, HOME, String(platform.port), '10.77', ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
const hping = (...args) => town.spawn(['nice', 'hping3', '-q', '--flood', '--rand-source', ...args.map(String), HOME], { stdio: 'ignore' });
// A well-formed connectivity check of nobody's.
const attribute = (type, body) => Buffer.concat([Buffer.from([type >> 8, type & 255, body.length >> 8, body.length & 255]), body]);
const attributes = Buffer.concat([attribute(0x8022, Buffer.alloc(28, 'x')), attribute(0x0006, Buffer.from('abcdef:ghijk')), attribute(0x0024, Buffer.alloc(4)), attribute(0x0008, Buffer.alloc(20))]);
const check = Buffer.concat([Buffer.from([0, 1, 0, attributes.length, 0x21, 0x12, 0xa4, 0x42]), Buffer.alloc(12, 7), attributes]);
const checkFile = join(mkdtempSync(join(tmpdir(), 'cv-flood-')), 'check');
writeFileSync(checkFile, check);
const attacks = {
  hello: { what: 'ClientHello and no more', start: () => flood('hello', 5000, 8000, 4000, RUN_S + 60, 'board'), taken: (r) => r.answered },
  joins_new: { what: 'bad joins over new connections', start: () => flood('new', 5000, 500, 3000, RUN_S + 60, 'board'), taken: (r) => r.ok + r.refused },
  joins_kept: { what: 'bad joins over kept connections', start: () => flood('kept', 1000, 1000, 4000, RUN_S + 60, 'board'), taken: (r) => r.ok + r.refused },
  syn: { what: 'SYNs from forged sources', start: () => hping('-S', '-p', platform.port) },
  udp: { what: 'nonsense to the media port from forged sources', start: () => hping('--udp', '-d', 100, '-p', platform.mediaPort) },
  stun: { what: 'STUN requests to the media port from forged sources', start: () => hping('--udp', '-d', check.length, '-E', checkFile, '-p', platform.mediaPort) },
};
const only = process.argv.slice(2);

function begin(a) {
  const child = a.start();
  child.text = '';
  child.stdout?.on('data', (d) => (child.text += d));
  child.over = once(child, 'close');
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode) throw new Error(`the attacker ended by itself: ${child.exitCode} ${child.signalCode}`);
  if (child.stdin) child.stdin.end();
  else child.kill('SIGINT');
  await child.over;
  return child.text ? JSON.parse(child.text) : null;
}

const ticks = () => {
  const s = platform.cli('status')[0];
  return { ticks: Number(s.media_ticks), late: Number(s.media_ticks_late), own: Number(s.media_ticks_late_own), sheds: s.load_refuses };
};
// Datagrams that reached a socket here.
const datagrams = () => Number(/^Udp: (\d+)/m.exec(readFileSync('/proc/self/net/snmp', 'utf8'))[1]);
const packets = () => Number(/cv-home:\s*(?:\d+\s+)(\d+)/.exec(execFileSync('cat', ['/proc/net/dev'], { encoding: 'utf8' }))[1]);
const busy = () => platform.pids('web').concat(platform.pids('core'), platform.pids('keys'), platform.pids('media'), platform.pids('video')).map((pid) => {
  const f = execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' });
  const s = f.slice(f.lastIndexOf(')') + 2).split(' ');
  return [/\(conclave-(\w+)/.exec(f)[1], (Number(s[11]) + Number(s[12])) * 10];
});
const median = (v) => {
  const s = [...v].sort((a, b) => a - b);
  return (s[Math.floor((s.length - 1) / 2)] + s[Math.floor(s.length / 2)]) / 2;
};

// Newcomers, one after the other; each leaves again.
async function newcomers(until_ms, key, n) {
  const ms = [], bad = [];
  while (Date.now() < until_ms) {
    const began = Date.now();
    const a = (await town.call({ ...home, alias: 'board', pins: [PIN], sources: [`10.77.250.${1 + (n.next++ % 200)}`], tries: 1, keep: true, timeout: 30000, body: { invitation: key } }).report).answers[0];
    if (a.what === 200) ms.push(a.ms);
    else bad.push(a.what);
    await sleep(Math.max(0, JOINS_EVERY_MS - (Date.now() - began)));
  }
  return { ms, bad };
}

async function run(key, n) {
  const before = ticks(), cpu = busy(), rx = packets(), udp = datagrams(), began = Date.now();
  const { ms, bad } = await newcomers(began + RUN_S * 1000, key, n);
  await sleep(1200);	// media tells once a second
  const after = ticks(), took = (Date.now() - began) / 1000;
  const use = Object.fromEntries(busy().map(([name, at], i) => [name, Math.round((at - (cpu[i]?.[1] ?? at)) / took / 10)]));
  const all = after.ticks - before.ticks;
  return { late: (after.late - before.late) * 100 / all, own: after.own - before.own, ticks: all, ms, bad, use, pps: Math.round((packets() - rx) / took), udp: Math.round((datagrams() - udp) / took), sheds: after.sheds };
}

// "Busy" is an answer that a person would take for what it says.
async function patiently(join, tries = 30) {
  try {
    return await join();
  } catch (e) {
    if (tries === 1 || !/ 503 /.test(e.message)) throw e;
    await sleep(1000);
    return patiently(join, tries - 1);
  }
}

const row = (name, value, unit, target, ok) => console.log(`${name} ${value} ${unit} ${target} ${ok ? 'pass' : 'fail'}`);
let failed = false;
const peers = [];
try {
  platform.room('board', { pin: PIN });
  const [{ link }] = platform.cli('invite', 'create', 'board');
  const key = /invitation=([A-Za-z0-9_-]+)/.exec(new URL(link).hash)[1];
  const door = await town.door(platform);
  // everybody behind the door has one address: ten people of one office
  for (let i = 0; i < PEOPLE; i++)
    peers.push(await patiently(() => Peer.join(door, 'board', `P${i}`, PIN, { tone: 300 + 100 * i, seconds: 3600, wrap: town.prefix, audioOnly: i >= 4 })));
  await sleep(3000);
  console.log(`# the meeting stands: ${JSON.stringify(ticks())}`);
  const n = { next: 0 };
  for (const [name, a] of Object.entries(attacks)) {
    if (only.length && !only.includes(name)) continue;
    const control = await run(key, n);
    console.log(`# ${name} control: ${JSON.stringify(control)}`);
    if (control.late > CONTROL_LATE || control.bad.length || !control.ms.length) {
      console.log(`# flood_${name}: machine too busy: not seen`);
      continue;
    }
    const child = begin(a);
    await sleep(2000);
    const under = await run(key, n);
    const report = await end(child);
    console.log(`# ${name} (${a.what}): ${JSON.stringify(under)} ${report ? JSON.stringify(report) : ''}`);
    const late = Math.max(0, under.late - control.late), times = under.ms.length ? median(under.ms) / Math.max(1, median(control.ms)) : Infinity;
    const rows = [
      [`flood_${name}_late`, late.toFixed(2), 'pp', LATE_PP, late <= LATE_PP],
      [`flood_${name}_late_own`, under.own, 'ticks', 0, under.own === 0],
      [`flood_${name}_join`, under.bad.length ? `${under.bad.length}-refused` : times.toFixed(2), 'x', JOIN_TIMES, !under.bad.length && times <= JOIN_TIMES],
    ];
    if (report) {
      const offer = report.offered / Math.max(1, a.taken(report));
      rows.push([`flood_${name}_offer`, offer.toFixed(1), 'x', `>=${OFFER_TIMES}`, offer >= OFFER_TIMES]);
    }
    if (name === 'udp') {
      const times_udp = (under.pps - control.pps) / Math.max(1, under.udp - control.udp);
      rows.push(['flood_udp_offer', times_udp.toFixed(1), 'x', `>=${OFFER_TIMES}`, times_udp >= OFFER_TIMES]);
    }
    // all of it is looked at: a processor cannot send what would be too much
    if (name === 'stun') console.log(`flood_stun_taken ${under.udp - control.udp} /s - info`);
    for (const r of rows) {
      row(...r);
      failed ||= !r[4];
    }
    await sleep(5000);
  }
  for (const p of peers) if (p.refreshError) throw p.refreshError;
} catch (e) {
  failed = true;
  console.error(e, JSON.stringify(ticks()), platform.log());
} finally {
  for (const p of peers) await p.leave();
  await platform.stop();
  await town.raze();
}
process.exit(failed ? 1 : 0);
