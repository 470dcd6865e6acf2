// The unmodified npm client of the modelled product: PIN, waiting room, media,
// chat, mute, lock, reconnect, end. Its own validators judge every answer.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { Person, near } from './lib/person.mjs';
import { Platform, TOP, until } from './lib/platform.mjs';

const RED = [200, 30, 30];
const GREEN = [30, 180, 30];
const BLUE = [40, 60, 210];
const TONE = { Hanna: 440, Gustav: 790, Lena: 1370 };
const HEARD = -40;
const MIDDLE = [[0.5, 0.5]];

let platform;
let host;
let guest;
let late;

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
  host = await open('Hanna', RED);
  guest = await open('Gustav', GREEN);
});

after(async () => {
  for (const p of everybody()) await p.close();
  await platform?.stop();
});

function buildClient(outfile) {
  return build({ entryPoints: [join(TOP, 'tests/e2e/lib/npm-client.js')], bundle: true, format: 'esm', outfile, logLevel: 'error', absWorkingDir: join(TOP, 'tests/e2e') });
}

async function open(name, rgb) {
  const p = await Person.open(platform, name, { hz: TONE[name], rgb, path: '/npm-client.html' });
  p.posts = [];
  p.page.on('request', (r) => p.posts.push(`${r.method()} ${new URL(r.url()).pathname.replace(/.*\/(?=[a-z_]+\/?$)/, '')}`));
  await until(`${name}: the client is loaded`, async () => (await log(p, 'ready')).length > 0);
  return p;
}

const everybody = () => [host, guest, late].filter(Boolean);
const run = (p, fn, arg) => p.page.evaluate(fn, arg);
const log = (p, name) => run(p, (n) => window.seen?.[n] ?? [], name);
const names = (p) => run(p, () => window.client.getParticipants('main').map((x) => x.displayName).sort().join());
const row = (p, name) => run(p, (n) => window.client.getParticipants('main').find((x) => x.displayName === n), name);
const count = (p, what) => p.posts.filter((x) => x === what).length;

async function join_(p, pin) {
  return run(p, async ([alias, name, code]) => (await window.join(alias, name, code))?.status, ['board', p.name, pin]);
}

const rosterIs = (p, want) => until(`${p.name} sees ${want}`, async () => (await names(p)) === want);
const inside = (p) => until(`${p.name} is inside`, async () => (await log(p, 'onServiceType')).at(-1) === 'conference');
const callUp = (p) => until(`${p.name}'s call is up`, async () => (await log(p, 'onCallConnected')).length > 0);
const hears = (p, other, ms = 20000) => until(`${p.name} hears ${other.name}`, async () => (await p.hears([TONE[other.name]]))[0] > HEARD, ms);
const sees = (p, rgb, ms = 20000) => until(`${p.name} sees the other`, async () => near((await p.sees(MIDDLE))?.[0], rgb), ms);

// Pictures arrive: so many more than now are decoded.
async function moves(p, frames = 15) {
  const decoded = async () => (await p.stats()).find((s) => s.type === 'inbound-rtp' && s.kind === 'video')?.framesDecoded ?? 0;
  const shown = await decoded();
  await until(`${p.name} sees pictures`, async () => (await decoded()) >= shown + frames);
}

test('without a PIN the client is asked for one', async () => {
  assert.equal(await join_(guest, undefined), 403);
  assert.deepEqual(await log(guest, 'onPinRequired'), [{ hasHostPin: true, hasGuestPin: true }]);
});

test('a wrong PIN is the error that the client knows', async () => {
  assert.equal(await join_(guest, '000001'), 403);
  assert.deepEqual(await log(guest, 'onError'), [{ error: 'Invalid PIN', errorCode: '#pex101' }]);
});

test('a guest waits until the host comes', async () => {
  assert.equal(await join_(guest, '135790'), 200);
  assert.equal((await log(guest, 'onServiceType')).at(-1), 'waiting_room');
  await callUp(guest);
  await rosterIs(guest, 'Gustav');
  assert.equal((await log(guest, 'onServiceType')).at(-1), 'waiting_room');
  assert.equal(await join_(host, '246802'), 200);
  await callUp(host);
  await inside(guest);
  assert.equal(count(guest, 'POST calls'), 1, 'the same call as before');
});

test('media flows both ways', async () => {
  await Promise.all([hears(host, guest), hears(guest, host), sees(host, GREEN), sees(guest, RED)]);
});

test('both see the whole roster, with rights', async () => {
  for (const p of [host, guest]) {
    await rosterIs(p, 'Gustav,Hanna');
    await until('both with media', async () => (await row(p, 'Gustav')).rawData.has_media && (await row(p, 'Hanna')).rawData.has_media);
    assert.equal((await row(p, 'Hanna')).isHost, true);
    assert.equal((await row(p, 'Gustav')).isHost, false);
  }
});

test('chat arrives, and not at its sender', async () => {
  const text = 'good morning <b>\u{1f600}</b>';
  for (const [from, to] of [[guest, host], [host, guest]]) {
    const own = (await log(from, 'onMessage')).length;
    await run(from, (payload) => window.client.sendMessage({ payload }), text);
    const m = await until(`message from ${from.name}`, async () => (await log(to, 'onMessage')).at(-1));
    assert.equal(m.message, text);
    assert.equal(m.displayName, from.name);
    assert.equal((await log(from, 'onMessage')).length, own);
  }
});

test('the host mutes the guest', async () => {
  const { uuid } = await row(host, 'Gustav');
  await run(host, (u) => window.client.mute({ mute: true, participantUuid: u }), uuid);
  await until('muted', async () => (await log(guest, 'onMyselfMuted')).at(-1) === true);
  await until('not heard', async () => (await host.hears([TONE.Gustav]))[0] < HEARD);
  await run(host, (u) => window.client.mute({ mute: false, participantUuid: u }), uuid);
  await until('unmuted', async () => (await log(guest, 'onMyselfMuted')).at(-1) === false);
  await hears(host, guest);
});

test('what only a host may is refused to the guest', async () => {
  const { uuid } = await row(guest, 'Hanna');
  const r = await run(guest, async (u) => (await window.client.mute({ mute: true, participantUuid: u }))?.status, uuid);
  assert.equal(r, 403);
  assert.equal((await row(host, 'Hanna')).rawData.is_muted, 'NO');
});

const ORANGE = [230, 130, 10];
const PURPLE = [150, 20, 170];
const shown = (p, rgb) =>
  until(`${p.name} is shown the presentation`, async () => {
    const seen = await run(p, () => {
      const v = document.querySelector('video.slides');
      if (!v?.videoWidth) return null;
      const c = document.createElement('canvas');
      [c.width, c.height] = [v.videoWidth, v.videoHeight];
      const g = c.getContext('2d');
      g.drawImage(v, 0, 0);
      return [...g.getImageData(c.width / 2, c.height / 2, 1, 1).data].slice(0, 3);
    });
    return near(seen, rgb) || null;
  }, 20000);
const presenting = (p, name, how) => until(`${p.name}: ${name} presents ${how}`, async () => (await row(p, name))?.isPresenting === how);
const floorPosts = (p) => p.posts.filter((x) => /(take|release)_floor$/.test(x)).map((x) => x.slice(5));

test('a presentation arrives, is taken over by the host, and ends', async () => {
  await run(guest, (rgb) => void window.client.present(window.screenOf(rgb)), ORANGE);
  await presenting(host, 'Gustav', true);
  await shown(host, ORANGE);
  await sees(host, GREEN);
  await run(host, (rgb) => void window.client.present(window.screenOf(rgb)), PURPLE);
  await shown(guest, PURPLE);
  await presenting(guest, 'Hanna', true);
  await presenting(guest, 'Gustav', false);
  // the client lets go of what it lost, late: that takes nothing from the host
  await until('the guest let go', async () => floorPosts(guest).at(-1) === 'release_floor');
  assert.deepEqual(floorPosts(guest), ['take_floor', 'release_floor']);
  await presenting(guest, 'Hanna', true);
  await shown(guest, PURPLE);
  await run(host, () => window.client.stopPresenting());
  await presenting(guest, 'Hanna', false);
  assert.deepEqual(floorPosts(host), ['take_floor', 'release_floor']);
});

test('the host locks, a newcomer waits and is let in', async () => {
  await run(host, () => window.client.lock({ lock: true }));
  for (const p of [host, guest]) await until('locked', async () => (await log(p, 'onConferenceStatus')).at(-1)?.status.locked === true);
  late = await open('Lena', BLUE);
  assert.equal(await join_(late, '135790'), 200);
  assert.equal((await log(late, 'onServiceType')).at(-1), 'waiting_room');
  await callUp(late);
  assert.equal(await names(late), 'Lena');
  const lena = await until('Lena waits', async () => { const r = await row(host, 'Lena'); return r?.isWaiting ? r : null; });
  assert.ok((await host.hears([TONE.Lena]))[0] < HEARD, 'the waiting one is not heard');
  await run(host, (u) => window.client.admit({ participantUuid: u }), lena.uuid);
  await inside(late);
  await rosterIs(late, 'Gustav,Hanna,Lena');
  await Promise.all([hears(host, late), hears(late, host), hears(late, guest)]);
  await run(host, () => window.client.lock({ lock: false }));
  for (const p of everybody()) await until('unlocked', async () => (await log(p, 'onConferenceStatus')).at(-1)?.status.locked === false);
});

test('the event stream comes back after web died, without a new join', async () => {
  const syncs = await Promise.all(everybody().map(async (p) => (await log(p, 'onParticipants')).length));
  const calls = everybody().map((p) => count(p, 'POST calls'));
  platform.kill('web');
  for (const [i, p] of everybody().entries()) {
    await until('roster again', async () => (await log(p, 'onParticipants')).length > syncs[i]);
    assert.equal(await names(p), 'Gustav,Hanna,Lena');
  }
  await run(guest, () => window.client.sendMessage({ payload: 'still here' }));
  for (const p of [host, late]) await until('message', async () => (await log(p, 'onMessage')).at(-1)?.message === 'still here');
  for (const [i, p] of everybody().entries()) {
    assert.deepEqual(await log(p, 'onDisconnected'), []);
    assert.equal(count(p, 'POST request_token'), { Hanna: 1, Gustav: 3, Lena: 1 }[p.name]);
    assert.equal(count(p, 'POST calls'), calls[i], 'the call did not notice');
  }
});

test('the call comes back after media died, by the client\'s own means', async (t) => {
  const again = (p) => count(p, 'POST update') + count(p, 'POST calls');
  const had = everybody().map(again);
  const t0 = Date.now();
  platform.kill('media');
  for (const [i, p] of everybody().entries()) await until(`${p.name} renegotiates`, async () => again(p) > had[i]);
  await Promise.all([hears(host, guest), hears(guest, host), hears(late, host), hears(host, late)]);
  const heard = Date.now() - t0;
  await Promise.all(everybody().map(moves));
  t.diagnostic(`all hear again after ${heard} ms, and see after ${Date.now() - t0} ms; ${everybody().map((p) => `${p.name}: ${count(p, 'POST update')} updates, ${count(p, 'POST calls')} calls`).join('; ')}`);
  for (const p of everybody()) {
    assert.equal(count(p, 'POST request_token'), { Hanna: 1, Gustav: 3, Lena: 1 }[p.name]);
    assert.deepEqual(await log(p, 'onDisconnected'), []);
  }
});

test('the app may make its call anew', async () => {
  const calls = count(late, 'POST calls');
  await run(late, () => window.restart());
  await until('another call', async () => count(late, 'POST calls') === calls + 1);
  await Promise.all([hears(late, host), hears(host, late), moves(late)]);
  assert.equal(await names(host), 'Gustav,Hanna,Lena');
});

test('the client leaves and the others see it', async () => {
  await run(guest, () => window.client.disconnect({ reason: 'User initiated disconnect' }));
  for (const p of [host, late]) await rosterIs(p, 'Hanna,Lena');
  assert.equal(count(guest, 'POST release_token'), 1);
});

test('the host ends the meeting for all', async () => {
  await run(host, () => window.client.disconnectAll({}));
  for (const p of [host, late]) {
    const [e] = await until(`${p.name} is told`, async () => { const l = await log(p, 'onDisconnected'); return l.length ? l : null; });
    assert.match(e.error, /^Conference terminated by /);
    assert.match(e.errorCode, /^#pex\d+$/);
    await until('token given back', async () => count(p, 'POST release_token') === 1);
  }
});

// What the tests themselves made happen: PIN, the guest's mute, and a token
// that ended with the meeting.
const REFUSED = /status of 403 .*\/(request_token|mute|release_token)$/;
const NO_WEB = /(net::ERR_|status of 502|status of 503)/; // while web was dead

test('no validator objected, nothing failed', async () => {
  for (const p of everybody()) {
    assert.deepEqual(await log(p, 'logger'), [], `${p.name}'s log`);
    assert.deepEqual(await log(p, 'onFailedRequest'), []);
    assert.deepEqual(await log(p, 'unhandled'), []);
    assert.deepEqual(p.errors.filter((e) => !REFUSED.test(e) && !NO_WEB.test(e)), [], `${p.name}'s console`);
  }
});
