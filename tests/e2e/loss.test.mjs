// Two synthetic peers through a bad network: 5 % random loss and 30 ms jitter
// both ways, for 30 s (60 in `make test-long`). Judged on RTP time stamps behind the peer's own jitter
// buffer of at most 200 ms. The same run with loss repair switched off must
// fail, or the first one proves nothing.
//
// Schedule: alone, 60 s. It judges gaps in sound.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Peer, startBehindRelay, tone } from './lib/peer.mjs';

const SECONDS = Number(process.env.CONCLAVE_LOSS_SECONDS ?? (process.env.CONCLAVE_LONG ? 60 : 30));
const SOUND_GAP_MS = 200;
const FREEZE_MS = 1500;
const TONES = [400, 700];

async function run(options) {
  const { platform, relay } = await startBehindRelay({ loss: 5, delay: 20, jitter: 30, seed: 20 });
  const peers = [];
  let reports;
  try {
    platform.room('board', { pin: '246802' });
    for (const hz of TONES)
      peers.push(await Peer.join(platform, 'board', `Tone ${hz}`, '246802', { tone: hz, hear: TONES.join(','), seconds: SECONDS, ...options }));
    reports = await Promise.all(peers.map((p) => p.result()));
  } finally {
    for (const p of peers) await p.leave();
    await platform.stop();
    await relay.stop();
  }
  const network = relay.lines.find((l) => l.clients);
  for (const c of network.clients) {
    for (const way of [c.up, c.down]) {
      const share = way.lost / way.in;
      assert.ok(share > 0.03 && share < 0.07 && way.full === 0, `the relay lost ${(share * 100).toFixed(1)} %`);
    }
  }
  return reports;
}

// What the bounds say of a report; sound is also judged by the other's tone,
// which tells of loss on the way to the server.
function breaches(r, other) {
  const bad = [];
  const bound = (what, value, max) => value > max && bad.push(`${what}: ${value} ms`);
  bound('sound gap', r.audio.gap_max_ms, SOUND_GAP_MS);
  bound('tone away', tone(r, other).absent_max_ms, SOUND_GAP_MS);
  bound('picture freeze, by arrival', r.video.freeze_max_ms, FREEZE_MS);
  bound('picture freeze, by RTP time', r.video.freeze_max_rtp_ms, FREEZE_MS);
  bound('picture still, by arrival', r.video.still_max_ms, FREEZE_MS);
  bound('picture still, by RTP time', r.video.still_max_rtp_ms, FREEZE_MS);
  return bad;
}

const figures = (r) => JSON.stringify({
  gap: r.audio.gap_max_ms, away: r.audio.tones.map((t) => t.absent_max_ms), concealed: r.audio.concealed_percent, fec: r.audio.fec_frames,
  delay: r.audio.delay_mean_ms, freeze: r.video.freeze_max_ms, still: r.video.still_max_ms, frames: r.video.frames, keys: r.video.keyframes,
  repaired: r.video.repaired, plis: r.video.plis_sent, rtx_up: r.sent.rtx_packets,
});

// Both at once: the same minute of the same machine.
let both;
before(() => {
  both = Promise.all([run({}), run({ noRepair: true, noPli: true })].map((r) => r.then((reports) => ({ reports }), (error) => ({ error }))));
});
async function reportsOf(i) {
  const { reports, error } = (await both)[i];
  if (error) throw error;
  return reports;
}

test('sound and picture go on through loss and jitter', async (t) => {
  const reports = await reportsOf(0);
  for (const [i, r] of reports.entries()) {
    t.diagnostic(figures(r));
    assert.equal(r.error, null);
    assert.deepEqual(r.faults, []);
    assert.ok(r.audio.lost > 0 && r.video.lost > 0, 'the network lost something');
    assert.deepEqual(breaches(r, TONES[1 - i]), []);
    assert.ok(tone(r, TONES[1 - i]).seconds_heard >= SECONDS * 0.85, 'the other is heard throughout');
    assert.ok(r.audio.concealed_percent < 3, `${r.audio.concealed_percent} % of the sound was made up`);
    assert.ok(r.audio.fec_frames > 0 && r.video.repaired > 0 && r.sent.rtx_packets > 0, 'repair was at work');
  }
});

test('without loss repair the same run fails', async (t) => {
  const reports = await reportsOf(1);
  for (const [i, r] of reports.entries()) {
    t.diagnostic(figures(r));
    assert.equal(r.error, null);
    assert.deepEqual(r.faults, []);
    assert.equal(r.video.repaired + r.sent.rtx_packets + r.audio.fec_frames, 0);
    assert.notDeepEqual(breaches(r, TONES[1 - i]), [], 'the bounds hold without repair: they prove nothing');
    assert.ok(r.audio.concealed_percent > 3, `only ${r.audio.concealed_percent} % of the sound was made up`);
  }
});
