// Presentation between browsers: who presents, what arrives, who may.
// Schedule: alone, 40 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { contrasts, fits, PHONE, shot, WIDE, allNamed } from './lib/looks.mjs';
import { Person, near } from './lib/person.mjs';
import { Platform, until } from './lib/platform.mjs';

const RED = [200, 30, 30];
const GREEN = [30, 180, 30];
const PURPLE = [150, 20, 170];
const ORANGE = [230, 130, 10];

let platform;
const people = [];

before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: '246802', guest_pin: '135790', allow_guests: 'true' });
  platform.room('talk', { pin: '246802', guest_pin: '135790', allow_guests: 'true', guests_can_present: 'false' });
});

after(async () => {
  for (const p of people) await p.close();
  const how = await platform?.stop();
  assert.deepEqual(how, { code: 0, signal: null });
});

// A person who would show a tab of one colour; the browser itself captures it.
async function person(name, rgb, tab) {
  const title = `Slides of ${name}`;
  const p = await Person.open(platform, name, { rgb, fakeUi: false, args: [`--auto-select-tab-capture-source-by-title=${title}`] });
  people.push(p);
  if (!tab) return p;
  const slides = await p.context.newPage();
  await slides.setContent(`<title>${title}</title><body style="margin:0;height:100vh;background:rgb(${tab})">`);
  await p.page.bringToFront();
  return p;
}

const colours = (p, selector, points) =>
  p.page.evaluate(
    ([sel, at]) => {
      const v = document.querySelector(sel);
      if (!v?.videoWidth) return null;
      const c = document.createElement('canvas');
      c.width = v.videoWidth;
      c.height = v.videoHeight;
      const g = c.getContext('2d', { willReadFrequently: true });
      g.drawImage(v, 0, 0);
      return at.map(([x, y]) => [...g.getImageData(Math.floor(x * c.width), Math.floor(y * c.height), 1, 1).data].slice(0, 3));
    },
    [selector, points],
  );
const POINTS = [[0.2, 0.3], [0.5, 0.5], [0.8, 0.7]];
const shows = (p, rgb) =>
  until(`${p.name} is shown the presentation`, async () => {
    const seen = await colours(p, '.slides-picture', POINTS);
    return seen?.every((c) => near(c, rgb)) || null;
  });
const button = (p, name) => p.page.getByRole('button', { name, exact: true });

let host;
let ann;

test('what one presents arrives at the other, who keeps seeing people', async () => {
  host = await person('Hanna', RED, PURPLE);
  ann = await person('Ann', GREEN, ORANGE);
  await host.join('board', '246802');
  await ann.join('board', '135790');
  await host.up();
  await ann.up();
  await button(ann, 'Share screen').click();
  await shows(host, ORANGE);
  await button(ann, 'Stop sharing').waitFor();
  await until('the people stay in sight', async () => near((await colours(host, '.picture', [[0.5, 0.5]]))?.[0], GREEN) || null);
  await host.page.getByText('Ann presents.').waitFor();
  assert.equal(await ann.page.locator('.slides').count(), 0, 'not to himself');
  assert.ok((await host.roster()).some((r) => r.name === 'Ann' && /presenting/.test(r.what)));
  await host.page.keyboard.press('Escape');
});

test('it can be looked at by everybody', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await host.page.emulateMedia({ colorScheme });
    await contrasts(host.page, `presentation, ${colorScheme}`);
    await shot(host.page, `presentation-${colorScheme}`);
  }
  const offered = await allNamed(host.page, 'presentation');
  assert.ok(offered.some((n) => n.includes('What Ann presents')), offered.join('\n'));
  const big = await host.page.locator('.slides').boundingBox();
  const mix = await host.page.locator('.mix').boundingBox();
  assert.ok(big.width > 2 * mix.width, 'large beside small');
  await host.page.setViewportSize(PHONE);
  await fits(host.page, 'presentation on a phone');
  const above = await host.page.locator('.slides').boundingBox();
  const below = await host.page.locator('.mix').boundingBox();
  assert.ok(above.y + above.height <= below.y + 1 && above.width > 380, 'above the people on a phone');
  await shot(host.page, 'presentation-phone');
  await host.page.setViewportSize(WIDE);
  await ann.page.bringToFront();
  await contrasts(ann.page, 'the presenter');
  await shot(ann.page, 'presentation-presenter');
});

test('a late one is shown a still screen at once', async () => {
  const late = await person('Lena', GREEN);
  await late.join('board', '135790');
  await late.up();
  await shows(late, ORANGE);
  await late.close();
  people.splice(people.indexOf(late), 1);
});

test('a host takes over, by key, and the former presenter is told', async () => {
  await host.page.locator('body').press('s');
  await shows(ann, PURPLE);
  await ann.page.getByText('Hanna presents now.').waitFor();
  await button(ann, 'Share screen').waitFor();
  assert.equal(await host.page.locator('.slides').count(), 0);
});

test('a guest does not take it from a host', async () => {
  await button(ann, 'Share screen').click();
  await ann.page.getByText('Hanna is presenting. A host can take over.').waitFor();
  await shows(ann, PURPLE);
});

test('the end is seen, and an own screen that the browser ends, too', async () => {
  await button(host, 'Stop sharing').click();
  await until('nothing is presented', async () => (await ann.page.locator('.slides').count()) === 0 || null);
  await button(ann, 'Share screen').click();
  await shows(host, ORANGE);
  // his browser's own "stop sharing": the captured tab is gone
  await ann.context.pages().find((x) => x !== ann.page).close();
  await until('nothing is presented', async () => (await host.page.locator('.slides').count()) === 0 || null);
  await button(ann, 'Share screen').waitFor();
});

test('who leaves frees the floor', async () => {
  await button(host, 'Share screen').click();
  await shows(ann, PURPLE);
  await button(host, 'Leave').click();
  await until('nothing is presented', async () => (await ann.page.locator('.slides').count()) === 0 || null);
});

test('guests do not present where they may not', async () => {
  await ann.page.goto(platform.url + '/meet/talk');
  await ann.join('talk', '135790');
  await host.page.goto(platform.url + '/meet/talk');
  await host.join('talk', '246802');
  await ann.up();
  await host.up();
  await until('the page knows', () => button(ann, 'Share screen').isDisabled());
  const status = await ann.page.evaluate(async () => {
    return document.querySelector('.meeting').dataset.events;
  });
  assert.equal(status, 'up');
  await button(host, 'Share screen').click();
  await shows(ann, PURPLE);
  const errors = people.flatMap((p) => p.errors).filter((e) => !/403|favicon/.test(e));
  assert.deepEqual(errors, []);
});
