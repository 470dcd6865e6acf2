// One Chromium beside a synthetic peer, on a clean and on a bad network, back
// to back: what its own statistics say of the sound that it had to make up and
// of frozen pictures.
//
// Schedule: alone, 75 s. It judges sound and picture.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Peer, startBehindRelay } from './lib/peer.mjs';
import { Person } from './lib/person.mjs';
import { until } from './lib/platform.mjs';

const SECONDS = Number(process.env.CONCLAVE_LOSS_SECONDS ?? (process.env.CONCLAVE_LONG ? 60 : 30));
const CLEAN_SECONDS = Math.min(SECONDS, 20); // shares are compared, and the mean of freezes
const CONCEALED_POINTS = 3;
const FREEZE_MS = 1500; // the longest a freeze may be, on average as getStats tells it

async function figures(person) {
  const all = await person.stats();
  const audio = all.find((s) => s.type === 'inbound-rtp' && s.kind === 'audio');
  const video = all.find((s) => s.type === 'inbound-rtp' && s.kind === 'video');
  assert.ok(audio && video, 'sound and picture come in');
  return {
    samples: audio.totalSamplesReceived,
    concealed: audio.concealedSamples - audio.silentConcealedSamples,
    freezes: video.freezeCount,
    frozen: video.totalFreezesDuration,
    frames: video.framesDecoded,
    lost: audio.packetsLost + video.packetsLost,
    protocol: all.find((s) => s.type === 'local-candidate' && all.some((c) => c.type === 'candidate-pair' && c.nominated && c.localCandidateId === s.id))?.protocol,
  };
}

async function run(seconds, network) {
  const { platform, relay } = await startBehindRelay(network);
  let person;
  let peer;
  try {
    platform.room('board', { pin: '246802' });
    peer = await Peer.join(platform, 'board', 'Peer', '246802', { tone: 400, hear: '400', seconds: seconds + 45 });
    person = await Person.open(platform, 'Ann', { hz: 790, rgb: [30, 180, 30] });
    await person.join('board', '246802');
    await person.up();
    await until('pictures come', async () => (await figures(person)).frames > 30 || null, 20000);
    const from = await figures(person);
    const end = performance.now() + seconds * 1000;
    await until('the window that is measured', () => performance.now() > end, seconds * 1000 + 20000);
    const to = await figures(person);
    const d = Object.fromEntries(['samples', 'concealed', 'freezes', 'frozen', 'frames', 'lost'].map((k) => [k, to[k] - from[k]]));
    d.percent = (100 * d.concealed) / d.samples;
    d.protocol = to.protocol;
    return d;
  } finally {
    await person?.close();
    await peer?.leave();
    await platform.stop();
    await relay.stop();
  }
}

test('Chromium hears and sees through loss and jitter', async (t) => {
  const clean = await run(CLEAN_SECONDS, { loss: 0, delay: 20, jitter: 0, seed: 20 });
  t.diagnostic(`clean: ${JSON.stringify(clean)}`);
  const bad = await run(SECONDS, { loss: 5, delay: 20, jitter: 30, seed: 20 });
  t.diagnostic(`bad: ${JSON.stringify(bad)}`);
  assert.equal(bad.protocol, 'udp');
  assert.ok(bad.lost > 0, 'the network lost something');
  assert.ok(bad.frames > SECONDS * 5, `only ${bad.frames} pictures`);
  assert.ok(bad.percent <= clean.percent + CONCEALED_POINTS, `${bad.percent.toFixed(2)} % made up, ${clean.percent.toFixed(2)} % without loss`);
  assert.ok(bad.freezes === clean.freezes || ((bad.frozen - clean.frozen) * 1000) / Math.max(1, bad.freezes - clean.freezes) <= FREEZE_MS,
    `${bad.freezes} freezes of ${bad.frozen} s together`);
});
