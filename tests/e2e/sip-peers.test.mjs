// The synthetic SIP device in a room with browsers: what it sends and gets is
// judged by its tones and colours.
//
// Schedule: waits, 40 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Device } = await import('./lib/device.mjs');
const { tone } = await import('./lib/peer.mjs');

const HOME = '10.66.0.1', PIN = '248163', SIPS = 15061;
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const roster = () => platform.cli('show', 'participant', 'conference=board');

const TONES = [500, 900], COLOURS = [[200, 40, 40], [40, 200, 40]];
const near = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 60);
const LISTEN_MS = 5000;	// so long they are judged

// Suites of SDES, over TLS; one with RTCP on its own ports and no feedback, so
// that pictures are asked for by INFO.
test('two devices hear and see each other, not themselves', { timeout: 90000 }, async () => {
  const devices = [];
  const how = [{ suite: 'AES_CM_128_HMAC_SHA1_80', avp: true, noMux: true }, { suite: 'AEAD_AES_256_GCM' }];
  try {
    for (const [i, more] of how.entries()) {
      const d = await Device.start(town, { ip: `10.77.1.${i + 1}`, server: `tls:${HOME}:${SIPS}`, call: `sip:board@${HOME}`, tone: TONES[i], hear: TONES.join(','), color: COLOURS[i].join(','), probe: ['0.1,0.2'], seconds: 80, ...more });
      devices.push(d);
      assert.equal((await d.connected()).mux, !more.noMux);
      d.keys(`${PIN}#`);
      await until('it is in the room', () => roster().filter((p) => p.protocol === 'sip').length === i + 1);
    }
    for (const p of roster()) assert.equal(p.encrypted, 'true');
    for (const d of devices) d.order('fresh');
    await new Promise((ok) => setTimeout(ok, LISTEN_MS));
    for (const d of devices) d.order('hangup');
    for (const [i, d] of devices.entries()) {
      const r = await d.result();
      const [own, other] = [TONES[i], TONES[1 - i]].map((hz) => tone(r, hz));
      assert.equal(r.error, null);
      assert.deepEqual(r.faults, []);
      assert.ok(other.seconds_heard >= 3, `${i} hears the other: ${JSON.stringify(other)}`);
      assert.ok(own.loudest_second_db < -40, `${i} hears itself: ${JSON.stringify(own)}`);
      assert.ok(r.audio.gap_max_ms <= 200, `gap ${r.audio.gap_max_ms} ms`);
      assert.ok(r.video.moved_frames > 5, `${i} sees it move: ${JSON.stringify(r.video)}`);
      assert.ok(near(r.video.probes[0], COLOURS[1 - i]), `${i} sees ${r.video.probes[0]}`);
      assert.equal(r.sections.audio.srtp, how[i].suite);
    }
    await until('they have left', () => roster().length === 0);
  } finally {
    for (const d of devices) await d.end();
  }
});
