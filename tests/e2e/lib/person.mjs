// A person at the meeting page in a Chromium of his own: fake devices are
// chosen per process.
import { chromium } from 'playwright-core';
import { colourFile, toneFile } from './fixtures.mjs';
import { until } from './platform.mjs';

export class Person {
  static async open(platform, name, { hz, rgb, width, height, args = [], path = '', viewport = { width: 1280, height: 760 }, colorScheme = 'light', fakeDevices = true, fakeUi = true, program } = {}) {
    const p = new Person();
    p.name = name;
    p.errors = [];
    p.browser = await chromium.launch({
      executablePath: program ?? process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
        '--autoplay-policy=no-user-gesture-required', ...(fakeUi ? ['--use-fake-ui-for-media-stream'] : []), '--disable-features=WebRtcHideLocalIpsWithMdns',
        '--allow-loopback-in-peer-connection',
        ...(fakeDevices ? ['--use-fake-device-for-media-stream'] : []),
        ...(hz ? [`--use-file-for-fake-audio-capture=${toneFile(hz)}`] : []),
        ...(rgb ? [`--use-file-for-fake-video-capture=${colourFile(rgb, { width, height })}`] : []), ...args],
    });
    p.context = await p.browser.newContext({ ignoreHTTPSErrors: true, viewport, colorScheme });
    // the fake prompt would also fake what is shared
    if (!fakeUi) await p.context.grantPermissions(['camera', 'microphone'], { origin: platform.url });
    p.page = await p.context.newPage();
    p.page.on('console', (m) => m.type() === 'error' && p.errors.push(`${m.text()} ${m.location().url}`));
    p.page.on('pageerror', (e) => p.errors.push(String(e)));
    // echo cancellation and the like would eat a steady tone
    await p.context.addInitScript(() => localStorage.setItem('conclave.devices', JSON.stringify({ audioId: '', videoId: '', processing: false, withVideo: true })));
    // for getStats: remember each peer connection that the page makes
    await p.context.addInitScript(() => {
      const Real = window.RTCPeerConnection;
      window.conclavePeers = [];
      window.RTCPeerConnection = class extends Real {
        constructor(...a) {
          super(...a);
          window.conclavePeers.push(this);
        }
      };
    });
    try {
      await p.page.goto(platform.url + path);
    } catch (e) {
      await p.browser.close(); // nobody else knows of it, and its file of tests would wait for it
      throw e;
    }
    return p;
  }

  async lobby(alias) {
    await this.page.getByLabel('Meeting', { exact: true }).fill(alias);
    await this.page.getByLabel('Your name').fill(this.name);
    const join = this.page.getByRole('button', { name: 'Join', exact: true });
    await until(`${this.name}: devices are open`, () => join.isEnabled());
    await join.click();
  }

  async pin(pin) {
    await this.page.locator('#pin').fill(pin);
    await this.page.getByRole('button', { name: 'Join', exact: true }).click();
  }

  async join(alias, pin) {
    await this.lobby(alias);
    if (pin) {
      await this.page.locator('#pin').waitFor();
      await this.pin(pin);
    }
    await this.page.locator('.meeting').waitFor();
  }

  up(ms) {
    return until(`${this.name}: call is up`, () => this.page.locator('.meeting[data-call=up]').count(), ms);
  }

  waiting() {
    return this.page.locator('.meeting').getAttribute('data-waiting').then((v) => v === 'true');
  }

  // Level in dB at some frequencies of what this person hears, over `ms`.
  async hears(frequencies, ms = 600) {
    return this.page.evaluate(async ([hz, time]) => {
      const stream = document.querySelector('video.picture').srcObject;
      const w = window;
      if (w.earOf !== stream.getAudioTracks()[0]?.id) {
        w.earOf = stream.getAudioTracks()[0]?.id;
        w.ear?.ctx.close();
        const ctx = new AudioContext({ sampleRate: 48000 });
        const an = ctx.createAnalyser();
        an.fftSize = 8192;
        an.smoothingTimeConstant = 0;
        ctx.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(an);
        w.ear = { ctx, an };
      }
      const { an, ctx } = w.ear;
      const bins = new Float32Array(an.frequencyBinCount);
      const best = hz.map(() => -200);
      const end = performance.now() + time;
      // the first window of a new analyser still holds silence: skip it
      await new Promise((r) => setTimeout(r, 200));
      while (performance.now() < end) {
        an.getFloatFrequencyData(bins);
        hz.forEach((f, i) => {
          const at = Math.round((f * an.fftSize) / ctx.sampleRate);
          for (let k = at - 1; k <= at + 1; k++) best[i] = Math.max(best[i], bins[k]);
        });
        await new Promise((r) => setTimeout(r, 50));
      }
      return best;
    }, [frequencies, ms]);
  }

  // Colours at points of the composed picture (fractions of its size).
  async sees(points) {
    return this.page.evaluate((at) => {
      const v = document.querySelector('video.picture');
      if (!v.videoWidth) return null;
      const c = document.createElement('canvas');
      c.width = v.videoWidth;
      c.height = v.videoHeight;
      const g = c.getContext('2d', { willReadFrequently: true });
      g.drawImage(v, 0, 0);
      return at.map(([x, y]) => [...g.getImageData(Math.floor(x * c.width), Math.floor(y * c.height), 1, 1).data].slice(0, 3));
    }, points);
  }

  async stats() {
    return this.page.evaluate(async () => {
      const out = [];
      for (const pc of window.conclavePeers ?? []) if (pc.connectionState !== 'closed') (await pc.getStats()).forEach((s) => out.push(s));
      return out;
    });
  }

  async roster() {
    if ((await this.page.locator('aside[aria-label=People]').count()) === 0) await this.page.getByRole('button', { name: /^People/ }).click();
    return this.page.locator('aside[aria-label=People] li .who').evaluateAll((els) => els.map((e) => ({ name: e.querySelector('strong').textContent, what: e.querySelector('small').textContent })));
  }

  close() {
    return this.browser.close();
  }
}

export function near(a, b, tolerance = 60) {
  return a && a.every((v, i) => Math.abs(v - b[i]) <= tolerance);
}
