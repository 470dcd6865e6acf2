// Processes are killed one after another during a meeting of three. Sound goes
// on through the death of all but media; the page is whole again within 5 s,
// with roster and roles, and nobody is asked for a PIN. CONCLAVE_ROUNDS repeats;
// more than three cost super's back-off for roles that die often.
//
// Schedule: alone, 135 s. It judges gaps in sound.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Person } from './lib/person.mjs';
import { Platform, freePort, until } from './lib/platform.mjs';
import { after as since, mark, watch } from './lib/watch.mjs';

const ROUNDS = Number(process.env.CONCLAVE_ROUNDS ?? 1);
const SETTLE_MS = 8000; // how long is looked on after each death, at most:
const CALM_MS = 2500; // until nothing was amiss for so long
const WHOLE_MS = 5000;
const GAP_MS = 300;

let platform;
let host;
let ann;
let bob;

before(async () => {
  platform = await Platform.start({ sipPort: await freePort(), roles: ['sip', 'courier'] });
  platform.room('board', { pin: '246802', guest_pin: '135790', allow_guests: 'true' });
});

after(async () => {
  for (const p of [host, ann, bob]) await p?.close();
  await platform?.stop();
});

const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));
const everybody = () => [host, ann, bob].filter(Boolean);

// Each watches somebody else's tone.
async function watchAll() {
  const all = everybody();
  const tone = { Hanna: 740, Ann: 440, Bob: 440 };
  for (const p of all) await watch(p, tone[p.name], all.length);
  await until('everybody is whole', async () => (await Promise.all(all.map((p) => since({ person: p, t0: 0, stats: {} })))).every((r) => r.last === ''));
  await pause(1000);
}

// The rights are those of before, and orders arrive: to core, to media, back.
async function rolesHold() {
  const rows = await host.roster();
  assert.deepEqual(rows.find((r) => r.name === 'Hanna')?.what, 'you, host');
  assert.deepEqual(rows.find((r) => r.name === 'Ann')?.what, 'guest');
  assert.equal(await ann.page.getByRole('button', { name: 'Mute Hanna' }).count(), 0);
  await host.page.getByRole('button', { name: 'Mute Ann' }).click();
  await ann.page.getByRole('button', { name: 'Muted by host' }).waitFor();
  await host.page.getByRole('button', { name: 'Unmute Ann' }).click();
  await ann.page.getByRole('button', { name: 'Mute', exact: true }).waitFor();
}

// Until what a death did has healed, and stayed so.
async function calm(marks, ms) {
  const end = Date.now() + ms;
  while (Date.now() < end && (await Promise.all(marks.map(since))).some((r) => r.calm < CALM_MS)) await pause(200);
}

async function dies(t, role, { soundStays, kill = () => platform.kill(role), whole = WHOLE_MS, settle = SETTLE_MS, roles = [role] }) {
  for (let round = 1; round <= ROUNDS; round++) {
    const marks = await Promise.all(everybody().map(mark));
    const dead = await kill();
    await calm(marks, settle);
    for (const r of roles) {
      const now = platform.pids(r);
      assert.equal(now.length, 1, `${r} runs again`);
      assert.ok(!dead.includes(now[0]));
    }
    for (const m of marks) {
      const r = await since(m);
      t.diagnostic(`${role} round ${round}: ${JSON.stringify(r)}`);
      assert.equal(r.last, '', `${r.name}: not whole at the end`);
      assert.ok(r.whole <= whole, `${r.name}: whole after ${r.whole} ms: ${JSON.stringify(r.amiss)}`);
      assert.ok(!('pin' in r.amiss) && !('meeting' in r.amiss), `${r.name}: left the meeting`);
      if (!soundStays) continue;
      assert.ok(r.quiet <= GAP_MS, `${r.name}: ${r.quiet} ms without the other's tone`);
      assert.ok(r.concealed !== null && r.concealed <= GAP_MS, `${r.name}: ${r.concealed} ms of sound made up, or another call`);
    }
    await rolesHold();
  }
}

test('a meeting of two stands', async () => {
  host = await Person.open(platform, 'Hanna', { hz: 440, rgb: [200, 30, 30], path: '/meet/board' });
  await host.join('board', '246802');
  ann = await Person.open(platform, 'Ann', { hz: 740, rgb: [30, 180, 30], path: '/meet/board' });
  await ann.join('board', '135790');
  await host.up();
  await ann.up();
  await watchAll();
  await rolesHold();
  await pause(1000);
});

const deaths = [
  ['web', { soundStays: true }],
  ['video', { soundStays: true }],
  ['media', { soundStays: false }],
  ['core', { soundStays: true }],
];

for (const [role, how] of deaths) test(`two people: ${role} dies`, (t) => dies(t, role, how));

test('keys dies', (t) => dies(t, 'keys', { soundStays: true }));

// Whom browsers do not need: they notice nothing, and it listens again.
test('sip dies', async (t) => {
  const answers = () => new Promise((ok) => {
    const s = tls.connect({ port: platform.options.sipPort, host: '127.0.0.1', rejectUnauthorized: false }, () => ok(true));
    s.on('error', () => ok(false)).on('secureConnect', () => s.destroy());
  });
  await until('sip answers', answers);
  await dies(t, 'sip', { soundStays: true });
  await until('sip answers again', answers);
});

test('web and core die together', (t) => dies(t, 'web', {
  soundStays: true, roles: ['web', 'core'], kill: () => [...platform.kill('web'), ...platform.kill('core')],
}));

test('media, video and web die together', (t) => dies(t, 'media', {
  soundStays: false, roles: ['web', 'media', 'video'],
  kill: () => ['media', 'video', 'web'].flatMap((r) => platform.kill(r)),
}));

test('a third joins', async () => {
  bob = await Person.open(platform, 'Bob', { hz: 1180, rgb: [40, 60, 210], path: '/meet/board' });
  await bob.join('board', '135790');
  await bob.up();
  await watchAll();
});

for (const [role, how] of deaths) test(`three people: ${role} dies`, (t) => dies(t, role, how));

const ALL = ['super', 'keys', 'core', 'web', 'media', 'video'];

// Killed as a whole: the roles notice, go, and a second later everything
// stands again, as systemd does it.
test('super dies and is started anew', (t) => dies(t, 'super', {
  soundStays: false, whole: 15000, settle: 17000, roles: ALL,
  kill: async () => {
    const pids = ALL.flatMap((r) => platform.pids(r));
    platform.kill('super');
    await platform.exited;
    await pause(1000);
    await platform.spawn();
    return pids;
  },
}));

test('a signal ends everything', async (t) => {
  const began = Date.now();
  platform.child.kill('SIGTERM');
  assert.deepEqual(await platform.exited, { code: 0, signal: null });
  t.diagnostic(`ended after ${Date.now() - began} ms`);
  assert.deepEqual(platform.leftovers(), []);
});

test('make run starts super anew, and Ctrl-C ends it', async (t) => {
  for (const p of everybody()) await p.close();
  host = ann = bob = undefined;
  await platform.stop();
  platform = await Platform.startByRun();
  platform.room('board', { pin: '246802', guest_pin: '135790', allow_guests: 'true' });
  host = await Person.open(platform, 'Hanna', { hz: 440, rgb: [200, 30, 30], path: '/meet/board' });
  await host.join('board', '246802');
  ann = await Person.open(platform, 'Ann', { hz: 740, rgb: [30, 180, 30], path: '/meet/board' });
  await ann.join('board', '135790');
  await host.up();
  await ann.up();
  await watchAll();
  await dies(t, 'super', { soundStays: false, whole: 15000, settle: 17000, roles: ALL });
  for (const p of everybody()) await p.close();
  host = ann = undefined;
  platform.child.kill('SIGINT');
  assert.deepEqual(await platform.exited, { code: 0, signal: null });
  assert.deepEqual(platform.leftovers(), []);
});
