// The unmodified npm client of the modelled product: PIN, waiting room, chat,
// mute, lock, reconnect. Its own validators judge every answer.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { Person } from './lib/person.mjs';
import { Platform, TOP, until } from './lib/platform.mjs';

let platform;
let host;
let guest;

before(async () => {
  platform = await Platform.start({
    staticExtra(dir) {
      mkdirSync(join(dir, 'assets'), { recursive: true });
      writeFileSync(join(dir, 'assets/none.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
      writeFileSync(join(dir, 'npm-client.html'), '<!doctype html><meta charset="utf-8"><title>npm client</title><link rel="icon" href="/assets/none.svg"><script type="module" src="/assets/npm-client.js"></script>');
      return buildClient(join(dir, 'assets/npm-client.js'));
    },
  });
  platform.room('board', { pin: '246802', guest_pin: '135790', allow_guests: 'true' });
  host = await Person.open(platform, 'Hanna', { hz: 440, rgb: [200, 30, 30], path: '/npm-client.html' });
  guest = await Person.open(platform, 'Gustav', { hz: 740, rgb: [30, 180, 30], path: '/npm-client.html' });
});

after(async () => {
  await host?.close();
  await guest?.close();
  await platform?.stop();
});

function buildClient(outfile) {
  return build({ entryPoints: [join(TOP, 'tests/e2e/lib/npm-client.js')], bundle: true, format: 'esm', outfile, logLevel: 'error', absWorkingDir: join(TOP, 'tests/e2e') });
}

const run = (p, fn, arg) => p.page.evaluate(fn, arg);
const log = (p, name) => run(p, (n) => window.seen[n] ?? [], name);

async function call(p, pin) {
  return run(p, async ([alias, name, code]) => {
    const r = await window.join(alias, name, code);
    return r?.status;
  }, ['board', p.name, pin]);
}

test('without a PIN the client is asked for one', async () => {
  await call(guest, undefined);
  const [asked] = await log(guest, 'onPinRequired');
  assert.deepEqual(asked, { hasHostPin: true, hasGuestPin: true });
});

test('a wrong PIN is the error that the client knows', async () => {
  await call(guest, '000001');
  const [e] = await until('onError', async () => { const l = await log(guest, 'onError'); return l.length ? l : null; });
  assert.equal(e.error, 'Invalid PIN');
  assert.equal(e.errorCode, '#pex101');
});

test('a guest waits until the host comes', async () => {
  await call(guest, '135790');
  await until('waiting', async () => (await log(guest, 'onServiceType')).includes('waiting_room'));
  await call(host, '246802');
  await until('host call', async () => (await log(host, 'callConnected')).length > 0);
  await until('conference', async () => (await log(guest, 'onServiceType')).at(-1) === 'conference');
  await until('guest call', async () => (await log(guest, 'callConnected')).length > 0);
});

test('media flows both ways', async () => {
  for (const p of [host, guest]) {
    await until(`${p.name} decodes pictures`, () => run(p, () => window.frames_()), 20000);
  }
});

test('both see the whole roster', async () => {
  for (const p of [host, guest]) {
    await until('roster', async () => {
      const names = (await run(p, () => window.client.getParticipants('main').map((x) => x.displayName))).sort();
      return JSON.stringify(names) === JSON.stringify(['Gustav', 'Hanna']) || null;
    });
  }
});

test('chat arrives, and not at its sender', async () => {
  await run(guest, () => window.client.sendMessage({ payload: 'good morning' }));
  const [m] = await until('message', async () => { const l = await log(host, 'onMessage'); return l.length ? l : null; });
  assert.equal(m.message, 'good morning');
  assert.deepEqual(await log(guest, 'onMessage'), []);
});

test('the host mutes the guest', async () => {
  const uuid = await run(host, () => window.client.getParticipants('main').find((x) => x.displayName === 'Gustav').uuid);
  await run(host, (u) => window.client.mute({ mute: true, participantUuid: u }), uuid);
  await until('muted', async () => (await log(guest, 'onMyselfMuted')).at(-1) === true || null);
  await run(host, (u) => window.client.mute({ mute: false, participantUuid: u }), uuid);
  await until('unmuted', async () => (await log(guest, 'onMyselfMuted')).at(-1) === false || null);
});

test('lock and unlock are told', async () => {
  await run(host, () => window.client.lock({ lock: true }));
  await until('locked', async () => (await log(guest, 'onConferenceStatus')).at(-1)?.status.locked === true || null);
  await run(host, () => window.client.lock({ lock: false }));
  await until('unlocked', async () => (await log(guest, 'onConferenceStatus')).at(-1)?.status.locked === false || null);
});

test('the event stream comes back after web died, without a new join', async () => {
  const before = (await log(guest, 'onParticipants')).length;
  platform.kill('web');
  await until('roster again', async () => (await log(guest, 'onParticipants')).length > before || null, 20000);
  assert.deepEqual(await log(guest, 'onDisconnected'), []);
});

test('the client leaves and the host sees it', async () => {
  await run(guest, () => window.client.disconnect({ reason: 'User initiated disconnect' }));
  await until('alone', async () => (await run(host, () => window.client.getParticipants('main').length)) === 1 || null);
});

test('no validator objected', async () => {
  for (const p of [host, guest]) {
    const bad = (await log(p, 'logger')).filter((l) => /unexpected|valid/i.test(l));
    assert.deepEqual(bad, []);
    assert.deepEqual(p.errors.filter((e) => !/status of 403|net::ERR|502|503/.test(e)), []);
  }
});
