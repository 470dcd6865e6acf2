// What a person in the meeting hears and sees, written down without a pause
// while processes die: the page keeps the record, the tests read it.
//
// Sound is judged on the samples themselves (each 10 ms that the page would
// play, by the time of the stream), so that a busy machine's late timers are no
// gap. Stretches that the browser made up for lost packets count as a gap, too:
// getStats tells them.

// Runs in the page. `hz`: the tone of another person.
function record(hz) {
  const w = window;
  const rec = { tracks: 0, quiet: [], picture: [], lost: [], since: performance.now() };
  w.conclaveRecord = rec;
  const MOVES = 24; // of 255, in any colour
  const HEARD = 0.01; // of full scale, about -40 dB
  const level = (x, rate) => {
    let a = 0;
    let b = 0;
    const step = (2 * Math.PI * hz) / rate;
    for (let i = 0; i < x.length; i++) {
      a += x[i] * Math.cos(step * i);
      b += x[i] * Math.sin(step * i);
    }
    return (2 * Math.hypot(a, b)) / x.length;
  };
  // One track until it ends; the time of the stream is laid on the page's
  // clock with the least delay that was seen.
  const listen = async (track) => {
    rec.tracks++;
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 500 }).readable.getReader();
    let shift = Infinity;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const x = new Float32Array(value.numberOfFrames);
      value.copyTo(x, { planeIndex: 0, format: 'f32-planar' });
      const at = value.timestamp / 1000;
      shift = Math.min(shift, performance.now() - at);
      const now = at + shift;
      if (rec.heardFrom === undefined || level(x, value.sampleRate) > HEARD) {
        rec.heardFrom ??= now;
        const end = rec.heardTo ?? now;
        if (now - end > 60) rec.quiet.push([end, now]);
        rec.heardTo = Math.max(end, now + value.duration / 1000);
      }
      value.close();
    }
  };
  let track;
  const follow = () => {
    const now = document.querySelector('video.picture')?.srcObject?.getAudioTracks()[0];
    if (!now || now === track) return;
    track = now;
    void listen(now.clone());
  };
  // The picture moves: the other's mark wanders through the upper rows.
  const c = new OffscreenCanvas(160, 24);
  const g = c.getContext('2d', { willReadFrequently: true });
  let last;
  const look = () => {
    const v = document.querySelector('video.picture');
    if (!v?.videoWidth) return;
    g.drawImage(v, 0, 0, v.videoWidth, v.videoHeight * 0.3, 0, 0, c.width, c.height);
    const px = g.getImageData(0, 0, c.width, c.height).data;
    let diff = 0;
    for (let i = 0; last && i < px.length; i++) diff = Math.max(diff, Math.abs(px[i] - last[i]));
    const now = performance.now();
    if (diff > MOVES || !last) {
      if (rec.moved !== undefined && now - rec.moved > 400) rec.picture.push([rec.moved, now]);
      rec.moved = now;
      last = px;
    }
  };
  // What must be true of the page the whole time, and what may be lost for a moment.
  const state = () => {
    const m = document.querySelector('.meeting');
    const now = performance.now();
    const why = [];
    if (!m) why.push('meeting');
    if (document.querySelector('#pin')) why.push('pin');
    if (m?.dataset.call !== 'up') why.push('call');
    if (m?.dataset.events !== 'up') why.push('events');
    if (document.querySelectorAll('aside[aria-label=People] li small').length !== rec.people) why.push('roster');
    for (const s of document.querySelectorAll('aside[aria-label=People] li small')) if (/no media/.test(s.textContent)) why.push('row');
    if (rec.heardTo === undefined || now - rec.heardTo > 500) why.push('sound');
    if (rec.moved === undefined || now - rec.moved > 700) why.push('picture');
    if (why.length) rec.lost.push([now, why.join(' ')]);
  };
  setInterval(() => {
    follow();
    look();
    state();
  }, 50);
}

export async function watch(person, hz, people) {
  await person.roster();
  await person.page.evaluate(record, hz);
  await person.page.evaluate((n) => (window.conclaveRecord.people = n), people);
}

const clear = () => {
  const r = window.conclaveRecord;
  r.quiet = [];
  r.picture = [];
  r.lost = [];
  r.since = performance.now();
  return r.since;
};

async function concealed(person) {
  const s = (await person.stats()).find((x) => x.type === 'inbound-rtp' && x.kind === 'audio');
  return { id: s?.id, made_up: ((s?.concealedSamples ?? 0) * 1000) / 48000, total: ((s?.totalSamplesReceived ?? 0) * 1000) / 48000 };
}

// Marks the moment; `after` tells what happened since, in ms.
export async function mark(person) {
  const stats = await concealed(person);
  const t0 = await person.page.evaluate(clear);
  return { person, t0, stats };
}

// quiet: longest time without the other's tone; concealed: sound that the
// browser made up; still: longest time without motion; whole: when the last
// thing that was amiss had healed; amiss: what, and until when; calm: since when
// nothing is amiss.
export async function after(m) {
  const r = await m.person.page.evaluate(() => ({ ...window.conclaveRecord, now: performance.now() }));
  const stats = await concealed(m.person);
  const run = (list, open) => Math.max(0, ...list.map(([a, b]) => b - a), open);
  const amiss = {};
  for (const [at, why] of r.lost) for (const w of why.split(' ')) amiss[w] = Math.round(at - m.t0 + 50);
  return {
    name: m.person.name,
    quiet: Math.round(run(r.quiet, r.now - (r.heardTo ?? 0) > 100 ? r.now - (r.heardTo ?? 0) : 0)),
    concealed: stats.id === m.stats.id ? Math.round(stats.made_up - m.stats.made_up) : null,
    still: Math.round(run(r.picture, r.now - (r.moved ?? 0))),
    whole: Math.max(0, ...Object.values(amiss)),
    amiss,
    calm: r.now - (r.lost.at(-1)?.[0] ?? m.t0),
    gaps: r.quiet.map(([a, b]) => `${Math.round(a - m.t0)}+${Math.round(b - a)}`).join(' '),
    frozen: r.picture.map(([a, b]) => `${Math.round(a - m.t0)}+${Math.round(b - a)}`).join(' '),
    last: r.lost.length && r.now - r.lost[r.lost.length - 1][0] < 400 ? r.lost[r.lost.length - 1][1] : '',
  };
}
