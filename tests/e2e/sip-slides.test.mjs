// Presentation of SIP devices: floor control by BFCP, the slides section both
// ways, and a browser at the other end. Colours are judged.
//
// Schedule: waits, 45 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Device } = await import('./lib/device.mjs');
const { Person, near } = await import('./lib/person.mjs');

const HOME = '10.66.0.1', PIN = '248163', SIPS = 15061;
const SLIDES = [[210, 190, 20], [20, 190, 210]];
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN, crypto_mode: 'besteffort' });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const roster = () => platform.cli('show', 'participant', 'conference=board');

async function device(i, more = {}) {
  const d = await Device.start(town, { ip: `10.77.2.${i + 1}`, server: `tls:${HOME}:${SIPS}`, call: `sip:board@${HOME}`, color: '60,60,60', probe: ['0.5,0.5'], seconds: 80, slides: SLIDES[i % 2].join(','), bfcp: true, ...more });
  const got = await d.connected();
  d.keys(`${PIN}#`);
  await until('it is in the room', () => roster().filter((p) => p.protocol === 'sip').length === i + 1);
  return { d, got };
}

const floor = (d, status) => d.child.line((l) => l.type === 'floor' && l.status === status);
const sees = (d, what, rgb) => until(`${what} is ${rgb}`, async () => {
  const t = await d.tell();
  return t.slides > 5 && near(t[what], rgb);
});

test('devices present to each other; who comes later takes over', { timeout: 90000 }, async () => {
  const all = [];
  try {
    for (const i of [0, 1]) {
      const { d, got } = await device(i);
      all.push(d);
      assert.ok(got.slides, 'a slides section');
      assert.ok(got.bfcp, 'floor control');
    }
    const [a, b] = all;
    a.order('present');
    await floor(a, 'granted');
    await sees(b, 'slides_rgb', SLIDES[0]);
    b.order('present');
    await floor(b, 'granted');
    await floor(a, 'revoked');
    await sees(a, 'slides_rgb', SLIDES[1]);
    b.order('unpresent');
    await floor(b, 'released');
    for (const d of all) d.order('hangup');
    for (const d of all) assert.deepEqual((await d.result()).faults, []);
    await until('they have left', () => roster().length === 0);
  } finally {
    for (const d of all) await d.end();
  }
});

test('a device that takes 396 macroblocks gets no larger picture, another beside it does', { timeout: 60000 }, async () => {
  const all = [];
  try {
    for (const [i, maxFs] of [396, undefined].entries()) all.push((await device(i, { slides: undefined, bfcp: undefined, maxFs })).d);
    const blocks = ([w, h]) => Math.ceil(w / 16) * Math.ceil(h / 16);
    const [small, large] = all;
    const size = (d, what, fits) => until(what, async () => {
      const t = await d.tell();
      return t.frames > 20 && blocks(t.size) > 0 && fits(blocks(t.size));
    });
    await size(large, 'a picture of 1280x720 or so', (n) => n > 396);
    await size(small, 'a picture that fits', (n) => n <= 396);
    for (const x of all) x.order('hangup');
    const reports = [];
    for (const x of all) reports.push(await x.result());
    for (const r of reports) assert.deepEqual(r.faults, []);
    // the largest that it was ever sent, in the lobby, too
    assert.ok(reports[0].video.blocks_max > 0 && reports[0].video.blocks_max <= 396, JSON.stringify(reports[0].video));
    await until('they have left', () => roster().length === 0);
  } finally {
    for (const x of all) await x.end();
  }
});

test('a device with one picture is shown the presentation in it', { timeout: 60000 }, async () => {
  const all = [];
  try {
    all.push((await device(0)).d);
    const { d, got } = await device(1, { slides: undefined, bfcp: undefined });
    all.push(d);
    assert.ok(!got.slides && !got.bfcp);
    const picture = (rgb) => until(`its picture is ${rgb}`, async () => near((await d.tell()).video_rgb, rgb) || null);
    await picture([60, 60, 60]);
    all[0].order('present');
    await floor(all[0], 'granted');
    await picture(SLIDES[0]);
    all[0].order('unpresent');
    await floor(all[0], 'released');
    await picture([60, 60, 60]);
    for (const x of all) x.order('hangup');
    for (const x of all) assert.deepEqual((await x.result()).faults, []);
    await until('they have left', () => roster().length === 0);
  } finally {
    for (const x of all) await x.end();
  }
});

const middle = (p) => p.page.evaluate(() => {
  const v = document.querySelector('.slides-picture');
  if (!v?.videoWidth) return null;
  const c = document.createElement('canvas');
  c.width = v.videoWidth;
  c.height = v.videoHeight;
  const g = c.getContext('2d', { willReadFrequently: true });
  g.drawImage(v, 0, 0);
  return [...g.getImageData(c.width / 2, c.height / 2, 1, 1).data].slice(0, 3);
});

test('a browser presents to a device, and the device to the browser', { timeout: 90000 }, async () => {
  const PURPLE = [150, 20, 170], title = 'Slides of Page';
  const door = await town.door(platform);
  const page = await Person.open(door, 'Page', { rgb: [60, 60, 60], fakeUi: false, args: [`--auto-select-tab-capture-source-by-title=${title}`], program: town.program(process.env.CHROMIUM ?? '/usr/bin/chromium') });
  let d;
  try {
    const tab = await page.context.newPage();
    await tab.setContent(`<title>${title}</title><body style="margin:0;height:100vh;background:rgb(${PURPLE})">`);
    await page.page.bringToFront();
    await page.join('board', PIN);
    await page.up();
    d = (await device(0)).d;
    await page.page.getByRole('button', { name: 'Share screen', exact: true }).click();
    await sees(d, 'slides_rgb', PURPLE);
    d.order('present');
    await floor(d, 'granted');
    await until('the browser is shown it', async () => near((await middle(page)) ?? [0, 0, 0], SLIDES[0]) || null);
    d.order('hangup');
    assert.deepEqual((await d.result()).faults, []);
    await until('nobody presents', async () => (await page.page.locator('.slides').count()) === 0 || null);
  } finally {
    await d?.end();
    await page.close();
  }
});
