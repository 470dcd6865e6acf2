// The page as it is seen, heard by screen readers and worked by keyboard. Its
// pictures lie in out/screenshots afterwards.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyLook, focused, PHONE, settled, shot, tabs, tabTo, WIDE } from './lib/looks.mjs';
import { Peer } from './lib/peer.mjs';
import { near, Person } from './lib/person.mjs';
import { Platform, until } from './lib/platform.mjs';

const RED = [200, 30, 30];
const GREEN = [30, 140, 60];
const BLUE = [40, 60, 210];
const PEERS = [['Ines Duarte', '150,90,30'], ['Joao', '90,40,140'], ['Katharina von Hohenberg-Liechtenstein', '20,120,130'], ['李小龙', '120,120,20'], ['Zoë', '70,70,70']];
const PIN = { host: '246802', guest: '135790' };
// answers that a test asked for are logged by the browser itself
const EXPECTED = /the server responded with a status of (403|404)/;

let platform;
let kim;
let host;
let bob;
let peers = [];
const title = (p) => p.page.title();
const titled = (p, wanted) => until(`${p.name}'s title is ${wanted}`, async () => wanted.test(await title(p)) || null);

// Asked anew each time: the page's policy forbids the driver's own waiting.
const shows = (p, video) => until(`${p.name}: a picture in ${video}`, () => p.page.locator(video).evaluate((v) => v.videoWidth > 0));

async function open(name, options = {}) {
  const p = await Person.open(platform, name, options);
  await p.page.evaluate(() => {
    window.cspViolations = [];
    addEventListener('securitypolicyviolation', (e) => window.cspViolations.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  return p;
}

before(async () => {
  platform = await Platform.start();
  // so that the lobby has something to complain of
  platform.cli('change', 'global', 'conceal_rooms=false');
  for (const room of ['board', 'early']) platform.room(room, { pin: PIN.host, guest_pin: PIN.guest, allow_guests: 'true' });
});

after(async () => {
  for (const p of peers) await p.leave();
  for (const p of [kim, host, bob]) await p?.close();
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

test('lobby: language, title, names, contrast, width, order of the Tab key', async () => {
  kim = await open('Kim', { hz: 700, rgb: GREEN });
  const { page } = kim;
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.equal(await title(kim), 'Join a meeting - Conclave');
  assert.equal((await focused(page)).label, 'Meeting');
  await page.keyboard.type('no-such-room');
  assert.deepEqual(await tabs(page, 1, 'lobby'), ['Your name']);
  await page.keyboard.type('Kim');
  await until('devices are open', () => page.getByRole('button', { name: 'Join', exact: true }).isEnabled());
  const order = await tabs(page, 5, 'lobby');
  order.forEach((label, i) => assert.match(label, [/^Microphone/, /^Camera/, /^Join with camera/, /^Remove echo/, /^Join$/][i]));
  await shows(kim, '.preview video');
  await everyLook(page, 'lobby', 'lobby');
});

test('lobby: an error is announced and the field to mend has the focus', async () => {
  const { page } = kim;
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: /not right/i }).waitFor();
  await until('focus is in the field', async () => (await focused(page)).label === 'Meeting' || null);
  assert.equal(await page.locator('#alias').getAttribute('aria-invalid'), 'true');
  await everyLook(page, 'lobby with error', 'lobby-error');
});

test('PIN: by keyboard, a wrong one says so and lets one type again', async () => {
  const { page } = kim;
  await page.keyboard.press('Control+A');
  await page.keyboard.type('early');
  await page.keyboard.press('Enter');
  await page.locator('#pin').waitFor();
  await titled(kim, /^PIN needed/);
  assert.equal((await focused(page)).label, 'PIN');
  await everyLook(page, 'PIN', 'pin');
  await page.keyboard.type('999999');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'not right' }).waitFor();
  await titled(kim, /^Code or PIN not right/);
  await until('the field is empty and has the focus', async () => ((await focused(page)).label === 'PIN' && (await page.locator('#pin').inputValue()) === '') || null);
  await everyLook(page, 'wrong PIN', 'pin-wrong');
});

test('waiting: announced, still when motion is unwanted, left by keyboard', async () => {
  const { page } = kim;
  await page.keyboard.type(PIN.guest);
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'Waiting for a host' }).waitFor();
  await titled(kim, /^Waiting: /);
  assert.equal((await focused(page)).tag, 'H1');
  await everyLook(page, 'waiting', 'waiting');
  const moving = () => page.evaluate(() => document.getAnimations().length);
  assert.equal(await moving(), 1);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  assert.equal(await moving(), 0);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await tabTo(page, /^Leave$/, 'waiting');
  await page.keyboard.press('Enter');
  await page.getByText('You left the meeting').waitFor();
  await titled(kim, /^Meeting over/);
  assert.equal((await focused(page)).label, 'Back to the start');
  await everyLook(page, 'ended', 'ended');
  await page.keyboard.press('Enter');
  await page.locator('#alias').waitFor();
});

test('one person: the page says that nobody else is there', async () => {
  host = await open('Hanna Öztürk', { hz: 440, rgb: RED, path: '/meet/board' });
  await host.join('board', PIN.host);
  await host.up();
  await titled(host, /^board - Conclave$/);
  await shows(host, 'video.picture');
  await everyLook(host.page, 'alone', 'meeting-1');
});

test('two people: join, mute and unmute by keyboard', async () => {
  const { page } = kim;
  await page.locator('#alias').focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('board');
  await until('devices are open', () => page.getByRole('button', { name: 'Join', exact: true }).isEnabled());
  await page.keyboard.press('Enter');
  await page.locator('#pin').waitFor();
  await page.keyboard.type(PIN.guest);
  await page.keyboard.press('Enter');
  await page.locator('.meeting').waitFor();
  await kim.up();
  await tabTo(page, /^Mute$/, 'meeting');
  assert.deepEqual((await tabs(page, 5, 'meeting')).map((l) => l.replace(/ \(.*/, '')), ['Stop camera', 'Share screen', 'People', 'Chat', 'Leave']);
  await page.keyboard.press('m');
  await page.getByRole('button', { name: 'Unmute', exact: true }).waitFor();
  await tabTo(page, /^Unmute$/, 'meeting');
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Mute', exact: true }).waitFor();
  await until('the picture of the other', async () => near((await kim.sees([[0.3, 0.5]]))?.[0], RED) || null);
  await everyLook(page, 'two people', 'meeting-2');
});

test('three people', async () => {
  bob = await open('Bob', { hz: 1370, rgb: BLUE, path: '/meet/board' });
  await bob.join('board', PIN.guest);
  await bob.up();
  await until('pictures of both others', async () => {
    const seen = await host.sees([[0.3, 0.5], [0.88, 0.5]]);
    return (near(seen?.[0], GREEN) && near(seen?.[1], BLUE)) || (near(seen?.[0], BLUE) && near(seen?.[1], GREEN)) || null;
  });
  await host.page.locator('.self-view.free').waitFor();
  await everyLook(host.page, 'three people', 'meeting-3');
});

test('a camera that is off becomes a tile with the name', async () => {
  await bob.page.getByRole('button', { name: 'Stop camera' }).click();
  await until('no blue is seen', async () => {
    const seen = await host.sees([[0.1, 0.5], [0.78, 0.5]]);
    return (seen && !seen.some((c) => near(c, BLUE))) || null;
  });
  await settled(host.page);
  await shot(host.page, 'meeting-3-camera-off');
  await bob.page.getByRole('button', { name: 'Start camera' }).click();
  await until('blue is back', async () => (await host.sees([[0.1, 0.5], [0.78, 0.5]]))?.some((c) => near(c, BLUE)) || null);
});

test('a panel takes the focus and gives it back', async () => {
  const { page } = host;
  for (const [button, inside, name] of [[/^People/, 'Close the list of people', 'roster'], [/^Chat/, 'Message', 'chat']]) {
    await tabTo(page, button, name);
    const opener = page.getByRole('button', { name: button });
    assert.equal(await opener.getAttribute('aria-expanded'), 'false');
    await page.keyboard.press('Enter');
    await until('the focus is in the panel', async () => (await focused(page)).label === inside || null);
    assert.equal(await opener.getAttribute('aria-expanded'), 'true');
    if (name === 'chat') {
      await page.keyboard.type('Good morning everyone');
      await page.keyboard.press('Enter');
      await page.locator('.chat-log p.own').waitFor();
    }
    await everyLook(page, name, name);
    await page.keyboard.press('Escape');
    await until('the focus is back', async () => button.test((await focused(page)).label) || null);
    assert.ok((await focused(page)).seen);
  }
});

test('states are announced; unread messages are in the title', async () => {
  await titled(bob, /^\(1\) board/);
  await bob.page.getByRole('button', { name: /^Chat/ }).click();
  await titled(bob, /^board/);
  assert.equal(await bob.page.locator('.chat-log').getAttribute('aria-live'), 'polite');
  assert.equal(await bob.page.locator('header [role=status]').getAttribute('aria-live'), 'polite');
  await bob.page.getByRole('button', { name: 'Close the chat' }).click();
});

test('a microphone that was pulled out is replaced', async () => {
  const { page } = kim;
  const old = await page.evaluate(() => {
    const t = document.querySelector('video.self').srcObject.getAudioTracks()[0];
    t.stop();
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
    return t.id;
  });
  await until('another track lives', () => page.evaluate((id) => {
    const t = document.querySelector('video.self').srcObject.getAudioTracks()[0];
    return t && t.id !== id && t.readyState === 'live';
  }, old));
  await until('Kim is heard', async () => (await host.hears([700]))[0] > -45 || null);
});

// Edges of the own colour in the composed picture, from the middle of the own
// view outwards, and the own view's: in pixels of the picture.
function ownEdges(page, rgb) {
  return page.evaluate((want) => {
    const v = document.querySelector('video.picture');
    const box = v.getBoundingClientRect();
    const scale = Math.min(box.width / v.videoWidth, box.height / v.videoHeight);
    const x0 = box.left + (box.width - v.videoWidth * scale) / 2;
    const y0 = box.top + (box.height - v.videoHeight * scale) / 2;
    const r = document.querySelector('.self-view').getBoundingClientRect();
    const over = { left: (r.left - x0) / scale, right: (r.right - x0) / scale, top: (r.top - y0) / scale, bottom: (r.bottom - y0) / scale };
    const c = document.createElement('canvas');
    c.width = v.videoWidth;
    c.height = v.videoHeight;
    const g = c.getContext('2d', { willReadFrequently: true });
    g.drawImage(v, 0, 0);
    const { data } = g.getImageData(0, 0, c.width, c.height);
    const own = (x, y) => x >= 0 && y >= 0 && x < c.width && y < c.height && want.every((w, i) => Math.abs(data[(y * c.width + x) * 4 + i] - w) < 60);
    const mid = [Math.round((over.left + over.right) / 2), Math.round((over.top + over.bottom) / 2)];
    if (!own(...mid)) return null;
    const far = (dx, dy) => {
      let [x, y] = mid;
      while (own(x + dx, y + dy)) [x, y] = [x + dx, y + dy];
      return dx ? x : y;
    };
    return { over, seen: { left: far(-1, 0), right: far(1, 0) + 1, top: far(0, -1), bottom: far(0, 1) + 1 } };
  }, rgb);
}

// The colours of the peers stand in the picture.
async function peersShown() {
  const seen = await host.sees([[0.8, 0.7], ...[0.05, 0.3, 0.55, 0.8].map((x) => [x, 0.8])]);
  const found = PEERS.filter(([, c]) => seen?.some((s) => near(s, c.split(',').map(Number), 20)));
  return found.length === PEERS.length || null;
}

const OFF_MAX = 6; // the speaking frame (4) and what the codec smears

test('eight people: the own view lies over the own tile', async () => {
  for (const [name, color] of PEERS) peers.push(await Peer.join(platform, 'board', name, PIN.guest, { tone: 0, color, video: '320x180@10', seconds: 600 }));
  await host.page.locator('.self-view.tile').waitFor();
  await until('eight people in the layout', async () => (await host.page.getByRole('button', { name: 'People (8)' }).count()) || null);
  const where = await until('the own tile is under the own view', async () => {
    const e = await ownEdges(host.page, RED);
    return (e && Object.keys(e.over).every((k) => Math.abs(e.over[k] - e.seen[k]) <= OFF_MAX)) ? e : null;
  }).catch(async (e) => {
    await shot(host.page, 'failed-alignment');
    throw new Error(`${e.message} ${JSON.stringify(await ownEdges(host.page, RED))}`);
  });
  await until('everybody sends pictures', peersShown);
  console.log(`# own view ${JSON.stringify(where)}`);
  await everyLook(host.page, 'eight people', 'meeting-8');
  await host.page.setViewportSize(PHONE);
  await host.page.locator('.tile-name', { hasText: 'Kim' }).waitFor();
  assert.equal(await host.page.locator('.tile-name').count(), 7);
  await host.page.setViewportSize(WIDE);
  await until('no names over a large picture', async () => (await host.page.locator('.tile-name').count()) === 0 || null);
  await shot(kim.page, 'meeting-8-kim');
  await host.roster();
  await everyLook(host.page, 'eight people and roster', 'meeting-8-roster');
  await host.page.keyboard.press('Escape');
});

test('closing the window takes the person out of the meeting', async () => {
  await kim.page.close({ runBeforeUnload: true });
  await until('Kim is gone', async () => (await host.roster()).every((r) => r.name !== 'Kim') || null, 5000);
});

test('no error and no breach of the content policy was logged', async () => {
  for (const p of [host, bob]) assert.deepEqual(await p.page.evaluate(() => window.cspViolations), [], p.name);
  for (const p of [host, kim, bob]) assert.deepEqual(p.errors.filter((e) => !EXPECTED.test(e)), [], p.name);
});

test('leaving by keyboard', async () => {
  await tabTo(host.page, /^Leave$/, 'meeting');
  await host.page.keyboard.press('Space');
  await host.page.getByText('You left the meeting').waitFor();
});
