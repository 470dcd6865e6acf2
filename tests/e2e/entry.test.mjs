// The way in, as the page shows it: an invitation link, a PIN that takes long, a
// refusal with a reason, servers for ICE, and the page loaded again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyLook, focused, shot } from './lib/looks.mjs';
import { Person } from './lib/person.mjs';
import { Platform, until } from './lib/platform.mjs';

const PIN = '246802';
const KEY = 'kWx3_Zq-9aB0cD1eF2gH3i';
const EXPECTED = /the server responded with a status of (403|404)/;

let platform;
const people = [];
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: PIN });
});
after(async () => {
  for (const p of people) await p.close();
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

async function open(name, options) {
  const p = await Person.open(platform, name, { hz: 440, rgb: [30, 140, 60], ...options });
  people.push(p);
  // what the page posts to get in
  p.joins = [];
  p.page.on('request', (r) => r.url().endsWith('/request_token') && p.joins.push({ pin: r.headers()['pin'], ...r.postDataJSON() }));
  return p;
}

const clean = (p) => assert.deepEqual(p.errors.filter((e) => !EXPECTED.test(e)), []);

test('an invitation: its key goes to the meeting and leaves the address bar', async () => {
  const p = await open('Ina', { path: `/meet/board#invitation=${KEY}` });
  const { page } = p;
  await until('the key is gone from the address', async () => (await page.evaluate(() => location.href)) === `${platform.url}/meet/board` || null);
  assert.equal(await page.locator('#alias').inputValue(), 'board');
  await p.join('board', PIN);
  await p.up();
  assert.deepEqual(p.joins.map((j) => [j.invitation, j.pin]), [[KEY, undefined], [KEY, PIN]]);
  assert.ok(!(await page.content()).includes(KEY));
  // another one, opened in the same tab
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('button', { name: 'Back to the start' }).click();
  await page.evaluate(() => { location.hash = '#/other?invitation=second'; });
  await until('the other meeting is offered', async () => (await page.locator('#alias').inputValue()) === 'other' || null);
  assert.equal(await page.evaluate(() => location.href), `${platform.url}/meet/other`);
  // and the first key is not shown to that one
  const asked = page.waitForRequest((r) => r.url().endsWith('/other/request_token'));
  await p.lobby('other');
  assert.equal((await asked).postDataJSON().invitation, 'second');
  clean(p);
});

test('loaded again in a meeting: back without a PIN; after leaving, not', async () => {
  const host = await open('Hanna', { path: '/meet/board' });
  await host.join('board', PIN);
  const p = await open('Rolf', { path: '/' });
  const { page } = p;
  await p.join('board', PIN);
  await p.up();
  await page.reload();
  assert.equal(await page.locator('#alias').inputValue(), 'board');
  await p.lobby('board');
  await p.up();
  assert.ok(p.joins.at(-1).reconnect);
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('button', { name: 'Back to the start' }).click();
  await p.lobby('board');
  await page.locator('#pin').waitFor();
  assert.equal(p.joins.at(-1).reconnect, undefined);
  clean(p);
});

test('a PIN that takes long: said after a second, left at will', async () => {
  const p = await open('Sam', { path: '/meet/board' });
  const { page } = p;
  await p.lobby('board');
  await page.locator('#pin').waitFor();
  // the answer waits for us, not for a clock
  let go;
  const gate = new Promise((ok) => { go = ok; });
  await page.route('**/request_token', async (route) => {
    await gate;
    await route.continue().catch(() => {});
  });
  await p.pin(PIN);
  const status = page.getByRole('status').filter({ hasText: 'up to half a minute' });
  assert.equal(await status.count(), 0);
  await status.waitFor();
  assert.equal(await page.getByRole('button', { name: 'Checking…' }).isDisabled(), true);
  await everyLook(page, 'a slow PIN', 'pin-slow');
  await page.getByRole('button', { name: 'Back' }).click();
  await page.locator('#alias').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Join', exact: true }).isEnabled(), true);
  go();
  await page.unroute('**/request_token');
  await p.join('board', PIN);
  await p.up();
  clean(p);
});

test('rejected with a reason: the reason is shown, as text', async () => {
  const p = await open('Vera', { path: '/meet/board' });
  const { page } = p;
  await page.route('**/request_token', (route) => route.fulfill({ status: 403, contentType: 'application/json',
    body: JSON.stringify({ status: 'failed', result: 'Staff only. <b>Ask</b> the desk.' }) }));
  await p.lobby('board');
  await page.getByRole('alert').filter({ hasText: 'You may not join this meeting: Staff only. <b>Ask</b> the desk.' }).waitFor();
  await until('the focus is in the field', async () => (await focused(page)).label === 'Meeting' || null);
  await shot(page, 'lobby-rejected');
  clean(p);
});

test('servers for ICE: those of the answer, relay only when it says so', async () => {
  const p = await open('Tura', { path: '/meet/board' });
  const { page } = p;
  await page.route('**/request_token', async (route) => {
    const res = await route.fetch();
    const json = await res.json();
    if (res.status() === 200) {
      json.result.stun = [{ url: 'stun:127.0.0.1:9' }];
      json.result.turn = [{ urls: ['turn:127.0.0.1:9?transport=udp'], username: 'u', credential: 'c' }];
    }
    await route.fulfill({ response: res, json });
  });
  await p.join('board', PIN);
  await p.up();
  const config = await page.evaluate(() => window.conclavePeers[0].getConfiguration());
  assert.deepEqual(config.iceServers.map((s) => [s.urls, s.username, s.credential]), [[['stun:127.0.0.1:9'], '', ''], [['turn:127.0.0.1:9?transport=udp'], 'u', 'c']]);
  assert.equal(config.iceTransportPolicy, 'all');
  clean(p);
});

test('nobody stays at the question for a PIN for ever', async () => {
  platform.cli('change', 'settings', 'pin_entry_timeout=90');
  const p = await open('Paula', { path: '/meet/board' });
  const { page } = p;
  await page.clock.install();
  await p.lobby('board');
  await page.locator('#pin').waitFor();
  await page.clock.fastForward(80000);
  // a wrong one: another question, and its time begins anew
  await p.pin('000000');
  await page.getByText('This meeting code or PIN is not right').waitFor();
  await page.clock.fastForward(80000);
  assert.equal(await page.locator('#pin').isVisible(), true);
  await page.clock.fastForward(15000);
  await page.getByText('No PIN was entered in time').waitFor();
  assert.equal(await page.locator('#alias').inputValue(), 'board');
  await p.join('board', PIN);
  await p.up();
  clean(p);
});
