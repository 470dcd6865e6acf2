// Test calls, and a reception that asks for the number of a room: by SIP and
// as a browser does it.
//
// Schedule: waits, 60 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Device } = await import('./lib/device.mjs');
const { Peer, tone } = await import('./lib/peer.mjs');

const HOME = '10.66.0.1', PIN = '248163', SIPS = 15061;
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN });
  platform.cli('create', 'conference_alias', 'alias=271828', 'conference=board');
  for (const [name, type, ...more] of [['echo', 'test_call'], ['hello', 'two_stage_dialing', 'match_string=7(\\d{6})', 'replace_string=\\1']]) {
    platform.cli('create', 'conference', `name=${name}`, `service_type=${type}`, ...more);
    platform.cli('create', 'conference_alias', `alias=${name}`, `conference=${name}`);
  }
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const roster = () => platform.cli('show', 'participant') ?? [];
const GREEN = [40, 200, 40];
const near = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 60);
const call = (to, ip, more) => Device.start(town, { ip, server: `tls:${HOME}:${SIPS}`, call: `sip:${to}@${HOME}`, suite: 'AES_CM_128_HMAC_SHA1_80', tone: 2900, hear: '2900', color: GREEN.join(','), probe: ['0.1,0.2'], seconds: 100, ...more });
const calls = () => platform.cli('sip', 'calls') ?? [];
const hears = (word) => until(`it is told: ${word}`, () => calls().some((c) => c.hears === word), 8000).catch((e) => {
  throw new Error(`${e.message} ${JSON.stringify(calls())}\n${platform.log()}`);
});

// The recording is five seconds long, and comes back for as long.
function judge(r) {
  const t = tone(r, 2900);
  assert.equal(r.error, null);
  assert.deepEqual(r.faults, []);
  assert.ok(t.seconds_heard >= 3 && t.seconds_heard <= 8, `it hears itself: ${JSON.stringify(t)}`);
  assert.ok(r.video.moved_frames > 20 && near(r.video.probes[0], GREEN), `it sees itself: ${JSON.stringify(r.video)}`);
}

test('a test call by SIP, with sound and without', { timeout: 120000 }, async () => {
  const [loud, silent] = [await call('echo', '10.77.1.1'), await call('echo', '10.77.1.2', { tone: 0 })];
  try {
    await loud.connected();
    await silent.connected();
    await until('two test calls', () => roster().filter((p) => p.service_type === 'test_call').length === 2);
    const [r, s] = [await loud.result(), await silent.result()];
    judge(r);
    assert.ok(tone(s, 2900).heard_frames < 60, JSON.stringify(tone(s, 2900)));	// of prompts
    await until('both are over', () => roster().length === 0 && calls().length === 0);
    const said = platform.log().split('\n').filter((l) => l.includes('test call finished'));
    const heard = said.map((l) => Number(/heard_db_below_full=(\d+)/.exec(l)?.[1])).sort((a, b) => a - b);
    assert.ok(heard.length === 2 && heard[0] < 30 && heard[1] > 60, said.join('\n'));
  } finally {
    for (const d of [loud, silent]) await d.end();
  }
});

test('a test call with a browser\'s media', { timeout: 120000 }, async () => {
  const p = await Peer.join(platform, 'echo', 'Tester', '', { tone: 2900, hear: '2900', color: GREEN.join(','), probe: ['0.1,0.2'], seconds: 22 });
  assert.equal(roster()[0].service_type, 'test_call');
  judge(await p.result());
  await until('it is over', () => roster().length === 0);
});

test('a reception: three tries at a number, then the room as if it was dialled', { timeout: 120000 }, async () => {
  const d = await call('hello', '10.77.1.3');
  try {
    await d.connected();
    await hears('alias entry');
    d.keys('1234567#');	// fits the pattern not
    await hears('alias wrong');
    d.keys('7271828#');
    await hears('pin entry');
    d.keys(`${PIN}#`);
    await until('it is in the room', () => roster().some((p) => p.conference === 'board' && p.protocol === 'sip'));
    d.order('hangup');
    assert.equal((await d.result()).error, null);
  } finally {
    await d.end();
  }
});

test('a number that is nobody\'s: as a room while rooms are concealed, else three tries', { timeout: 120000 }, async () => {
  const hidden = await call('hello', '10.77.1.4');
  try {
    await hidden.connected();
    await hears('alias entry');
    hidden.keys('7999999#');
    await hears('pin entry');
    hidden.order('hangup');
    await hidden.result();
  } finally {
    await hidden.end();
  }
  await until('it has left', () => calls().length === 0);
  platform.cli('change', 'global', 'conceal_rooms=false');
  const d = await call('hello', '10.77.1.5');
  try {
    await d.connected();
    await hears('alias entry');
    for (let i = 0; i < 3; i++) {
      d.keys('7999999#');
      await hears(i < 2 ? 'alias wrong' : 'unavailable');
      // the same words again: it must have said them anew
      await new Promise((ok) => setTimeout(ok, 300));
    }
    const r = await d.result();
    assert.equal(r.error, null);
  } finally {
    await d.end();
    platform.cli('change', 'global', 'conceal_rooms=true');
  }
});

test('a reception asks browsers for the extension, and then as the room does', async () => {
  const ask = async (body, headers = {}) => {
    const r = await platform.get('/api/client/v2/conferences/hello/request_token', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ display_name: 'Web', ...body }) });
    return { status: r.status, result: JSON.parse(r.text).result };
  };
  assert.deepEqual(await ask({}), { status: 403, result: { conference_extension: 'required', conference_extension_type: 'standard' } });
  assert.equal((await ask({ conference_extension: '12' })).status, 404);
  const pin = await ask({ conference_extension: '7271828' });
  assert.equal(pin.status, 403);
  assert.equal(pin.result.pin, 'required');
  const got = await ask({ conference_extension: '7271828' }, { pin: PIN });
  assert.equal(got.status, 200, JSON.stringify(got));
  assert.equal(got.result.current_service_type, 'conference');
  const left = await platform.get('/api/client/v2/conferences/hello/release_token', { method: 'POST', headers: { token: got.result.token } });
  assert.equal(left.status, 200);
});
