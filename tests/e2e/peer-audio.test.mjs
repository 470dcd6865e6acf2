// Three synthetic peers talk and listen on a clean network. Each takes another
// SRTP profile; what they decode is judged on the server's RTP time line.
//
// Schedule: alone, 20 s. It judges gaps in sound.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Peer, tone } from './lib/peer.mjs';
import { Platform } from './lib/platform.mjs';

const TONES = [400, 700, 1100];
const PROFILES = ['SRTP_AEAD_AES_256_GCM', 'SRTP_AEAD_AES_128_GCM', 'SRTP_AES128_CM_SHA1_80'];
const GAP_MS = 100;

let platform;

before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: '246802' });
});

after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

test('three peers hear each other, not themselves, and without a gap', async () => {
  const peers = [];
  const reports = [];
  try {
    for (const [i, hz] of TONES.entries())
      peers.push(await Peer.join(platform, 'board', `Tone ${hz}`, '246802', { tone: hz, hear: TONES.join(','), srtp: PROFILES[i], seconds: 15 }));
    reports.push(...(await Promise.all(peers.map((p) => p.result(60000)))));
  } finally {
    for (const p of peers) await p.leave();
  }
  for (const [i, r] of reports.entries()) {
    const who = `the peer of ${TONES[i]} Hz`;
    assert.equal(r.error, null, who);
    assert.equal(r.srtp, PROFILES[i], who);
    assert.deepEqual(r.faults, [], who);
    assert.ok(r.audio.gap_max_ms <= GAP_MS, `${who}: a gap of ${r.audio.gap_max_ms} ms`);
    assert.equal(r.audio.ts_jumps, 0, who);
    for (const hz of TONES.filter((t) => t !== TONES[i])) {
      const t = tone(r, hz);
      assert.ok(t.seconds_heard >= 10, `${who} hears ${hz} Hz for ${t.seconds_heard} s`);
      assert.ok(t.absent_max_ms <= GAP_MS, `${who}: ${hz} Hz away for ${t.absent_max_ms} ms`);
    }
    const own = tone(r, TONES[i]);
    assert.ok(own.heard_frames * 100 <= own.frames && own.loudest_second_db < -45, `${who} hears itself: ${JSON.stringify(own)}`);
    assert.ok(r.video.frames > 100 && r.video.moved_frames > 100, `${who} sees pictures move: ${JSON.stringify(r.video)}`);
    assert.ok(r.audio.srs > 3 && r.video.srs > 3 && r.sent.rr_seen > 3, `${who} gets reports`);
  }
});
