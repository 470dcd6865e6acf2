// Two synthetic peers whose clocks run 300 ppm fast and slow, in bursts: after
// minutes there is no gap and the way from mouth to ear is as long as before.
//
// Schedule: alone, 600 s. It judges sound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Peer, tone } from './lib/peer.mjs';
import { Platform } from './lib/platform.mjs';

const SECONDS = 180;
const PPM = { 400: 300, 700: -300 };
const LONGER_MS = 40;

test('clocks that run fast and slow add no delay', async (t) => {
  const platform = await Platform.start();
  const peers = [];
  let reports;
  try {
    platform.room('board', { pin: '246802' });
    for (const hz of [400, 700])
      peers.push(await Peer.join(platform, 'board', `Tone ${hz}`, '246802', { tone: hz, hear: 1100 - hz, ppm: PPM[hz], pattern: '600/400', beat: 1000, seconds: SECONDS }));
    reports = await Promise.all(peers.map((p) => p.result()));
  } finally {
    for (const p of peers) await p.leave();
    await platform.stop();
  }
  for (const r of reports) {
    const { onset_first_ms: first, onset_last_ms: last, gap_max_ms: gap, onsets } = r.audio;
    t.diagnostic(JSON.stringify({ first, last, gap, onsets, away: r.audio.tones[0].absent_max_ms }));
    assert.equal(r.error, null);
    assert.deepEqual(r.faults, []);
    assert.ok(gap <= 100, `a gap of ${gap} ms`);
    assert.ok(onsets >= SECONDS * 0.95, `${onsets} bursts heard`);
    // Less is no fault: a buffer that began wide has become narrow.
    assert.ok(last - first <= LONGER_MS, `from mouth to ear ${first} ms, later ${last} ms`);
    assert.ok(tone(r, r.audio.tones[0].hz).absent_max_ms <= 500, 'a burst is broken');
  }
});
