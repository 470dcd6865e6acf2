// SIP devices that nobody here wrote, in a meeting with browsers. The devices
// live in a network namespace of their own (lib/town.mjs), because nothing is
// ever sent to an address of the platform itself.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Person } = await import('./lib/person.mjs');
const { Baresip, deviceCa } = await import('./lib/baresip.mjs');

const HOME = '10.66.0.1', PIN = '248163', SIPS = 15061;
const ROOM = `sip:board@${HOME}:${SIPS};transport=tls`;
const ca = deviceCa();
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME, '--trust', `${ca}/ca.pem`], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const roster = () => platform.cli('show', 'participant', 'conference=board');
const heard = (b, kind) => b.counters().find((c) => c.kind === kind);
const loud = -50;	// dB: a tone of 440 Hz that was encoded twice

for (const [encryption, audio, video, ice] of [['dtls_srtp', 'opus/48000/2', 'vp8'], ['dtls_srtp', 'opus/48000/2', 'vp8', true], ['srtp-mand', 'opus/48000/2', 'H264'], ['srtp-mand', 'G722/16000/1', ''], ['srtp-mand', 'PCMA/8000/1', '']])
  test(`${encryption}, ${audio}, ${video || 'no video'}${ice ? ', ICE' : ''}: a device and a browser hear each other`, { timeout: 90000 }, async (t) => {
    const door = await town.door(platform);
    const page = await Person.open(door, 'Page', { hz: 900, rgb: [200, 40, 40], program: town.program(process.env.CHROMIUM ?? '/usr/bin/chromium') });
    const device = await Baresip.start(town, { ca, ip: '10.77.250.5', encryption, audio, video, ice });
    try {
      await page.join('board', PIN);
      await page.up();
      await device.dial(ROOM);
      await device.event('CALL_ESTABLISHED');
      await until('it is asked for the PIN', () => device.events.some((e) => e.type === 'CALL_RTPESTAB'));
      await device.keys(`${PIN}#`);
      await until('it is in the room', () => roster().some((p) => p.protocol === 'sip'));
      const row = roster().find((p) => p.protocol === 'sip');
      t.diagnostic(JSON.stringify(row));
      await until('the browser hears it', async () => (await page.hears([440]))[0] > loud);
      await page.hears([440], 2500);	// so long the call stands
      device.hangup();
      await device.event('CALL_CLOSED');
      await until('its counters', () => heard(device, 'audio'));
      const got = heard(device, 'audio');
      t.diagnostic(JSON.stringify(device.counters()));
      assert.ok(got.received > 100, `packets heard: ${got.received}`);
      if (video) assert.ok(heard(device, 'video').received > 20, 'pictures came');
      if (video) {
        // it takes 1280x720, and says when the size of what it decodes changes
        const sizes = [...device.said.matchAll(/receiving with resolution (\d+) x (\d+)/g)].map((m) => Math.ceil(m[1] / 16) * Math.ceil(m[2] / 16));
        assert.ok(sizes.length > 0 && sizes.every((fs) => fs <= 3600), `macroblocks: ${sizes}`);
      }
      if (ice) assert.match(device.said, /ice: audio: connectivity check is complete/);
      await until('it has left', () => !roster().some((p) => p.protocol === 'sip'));
    } finally {
      await device.stop();
      await page.close();
    }
  });

test('three wrong PINs end the call; an unknown alias looks and ends the same', { timeout: 90000 }, async () => {
  for (const alias of ['board', 'nobody-here']) {
    const device = await Baresip.start(town, { ca, ip: '10.77.250.7', encryption: 'srtp-mand' });
    try {
      await device.dial(`sip:${alias}@${HOME}:${SIPS};transport=tls`);
      await device.event('CALL_ESTABLISHED');
      await until('it is asked', () => device.events.some((e) => e.type === 'CALL_RTPESTAB'));
      for (let i = 0; i < 3; i++) await device.keys('000000#');
      await device.event('CALL_CLOSED', 30000);
      assert.ok(!roster().some((p) => p.protocol === 'sip'));
    } finally {
      await device.stop();
    }
  }
});

test('sip is killed: its leg leaves the room, registrations end, the browser goes on, devices come again', { timeout: 120000 }, async () => {
  platform.cli('create', 'device', 'alias=desk', 'username=desk', 'password=correct-horse', 'enable_sip=true');
  const door = await town.door(platform);
  const page = await Person.open(door, 'Page', { hz: 900, rgb: [200, 40, 40], program: town.program(process.env.CHROMIUM ?? '/usr/bin/chromium') });
  const device = await Baresip.start(town, { ca, ip: '10.77.250.9', encryption: 'srtp-mand' });
  let line;
  const registered = () => platform.cli('show', 'registration').length;
  try {
    await page.join('board', PIN);
    await page.up();
    // pages of the tests before stay until their tokens end
    const browser = roster().sort((a, b) => a.start_time - b.start_time).at(-1).uuid;
    line = await register('desk', 'correct-horse');
    assert.equal(registered(), 1);
    for (let round = 0; round < 2; round++) {
      await device.dial(ROOM);
      await device.event('CALL_ESTABLISHED');
      await until('it is asked for the PIN', () => device.events.some((e) => e.type === 'CALL_RTPESTAB'));
      await device.keys(`${PIN}#`);
      await until('it is in the room', () => roster().some((p) => p.protocol === 'sip'));
      assert.equal(platform.cli('sip', 'calls').length, 1);
      if (round) break;
      const [old] = platform.kill('sip');
      await until('its leg is removed', () => !roster().some((p) => p.protocol === 'sip'), 5000);
      assert.equal(platform.cli('sip', 'calls').length, 0);
      assert.equal(registered(), 0);
      await until('it runs again', () => platform.pids('sip').length === 1 && platform.pids('sip')[0] !== old);
      assert.ok(roster().some((p) => p.uuid === browser && p.has_media === 'true'), 'the browser is still there');
      device.hangup();
      await device.event('CALL_CLOSED');
      device.events.length = 0; // the next call tells its own
    }
  } finally {
    line?.destroy();
    await device.stop();
    await page.close();
  }
});

// A device that registers (baresip knows nothing of SHA-256): its connection.
async function register(name, password) {
  const s = tls.connect({ host: HOME, port: SIPS, rejectUnauthorized: false });
  await once(s, 'secureConnect');
  const sha = (...parts) => createHash('sha256').update(parts.join(':')).digest('hex');
  const asks = async (seq, extra) => {
    s.write([`REGISTER sip:${HOME} SIP/2.0`, `Via: SIP/2.0/TLS 10.77.250.8:5061;branch=z9hG4bKreg${seq};rport`, 'Max-Forwards: 70', `From: <sip:${name}@${HOME}>;tag=r`, `To: <sip:${name}@${HOME}>`,
      'Call-ID: reg', `CSeq: ${seq} REGISTER`, `Contact: <sip:${name}@10.77.250.8:5061;transport=tls>;expires=300`, ...extra, 'Content-Length: 0', '', ''].join('\r\n'));
    return String((await once(s, 'data'))[0]);
  };
  const nonce = /nonce="([^"]*)"/.exec(await asks(1, []))[1], realm = 'conclave', uri = `sip:${HOME}`;
  const response = sha(sha(name, realm, password), nonce, '00000001', 'c', 'auth', sha('REGISTER', uri));
  assert.match(await asks(2, [`Authorization: Digest username="${name}", realm="${realm}", nonce="${nonce}", uri="${uri}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c", response="${response}"`]), /^SIP\/2.0 200/);
  return s.on('error', () => {});
}

// What the face answers to a raw INVITE, without what must differ.
function refusal(alias, n) {
  return new Promise((ok, bad) => {
    const s = tls.connect({ host: HOME, port: SIPS, rejectUnauthorized: false }, () => s.write([
      `INVITE sip:${alias}@${HOME};transport=tls SIP/2.0`, `Via: SIP/2.0/TLS 10.77.250.8:5061;branch=z9hG4bK${n};rport`, 'Max-Forwards: 70',
      `From: <sip:a@10.77.250.8>;tag=a${n}`, `To: <sip:${alias}@${HOME}>`, `Call-ID: call-${n}`, 'CSeq: 1 INVITE', 'Contact: <sip:a@10.77.250.8:5061;transport=tls>', 'Content-Length: 0', '', ''].join('\r\n')));
    let text = '';
    s.on('data', (d) => {
      text += d;
      const last = text.split('\r\n\r\n').find((m) => /^SIP\/2.0 [2-6]/.test(m));
      if (!last) return;
      s.destroy();
      ok(last.replaceAll(alias, 'ALIAS').replace(/nonce="[^"]*"/g, (x) => `nonce ${x.length}`).replace(/(To: .*;tag=)(\S+)/, (_, x, y) => `${x}${y.length}`).replace(/rport=\d+/, 'rport').replace(/399 - "[0-9a-f]{16}"/, 'reference'));
    });
    s.on('error', bad);
  });
}

test('without credentials nothing is found when guests are off', { timeout: 60000 }, async () => {
  platform.cli('change', 'global', 'sip_guests=false');
  const said = [await refusal('board', 1), await refusal('other', 1)];
  assert.match(said[0], /^SIP\/2.0 401 /);
  assert.match(said[0], /WWW-Authenticate: Digest .*SHA-256/);
  assert.match(said[0], /Warning: reference\r\n/);
  assert.equal(said[0], said[1]);
  platform.cli('change', 'global', 'sip_guests=true');
});

test('nothing listens on 5060', async () => {
  const s = net.connect(5060, HOME);
  const how = await new Promise((ok) => s.once('connect', () => ok('connected')).once('error', (e) => ok(e.code)));
  s.destroy();
  assert.equal(how, 'ECONNREFUSED');
});
