// A lying program in web's place during a meeting: sound and picture go on, it
// gains nothing, and the pages are whole when the real web is back.
//
// Schedule: alone, 20 s. It judges gaps in sound.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Person } from './lib/person.mjs';
import { Platform, until } from './lib/platform.mjs';
import { after as since, mark, watch } from './lib/watch.mjs';

const GAP_MS = 300;
const WHOLE_MS = 5000;
const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));

let platform;
let host;
let ann;

after(async () => {
  for (const p of [host, ann]) await p?.close();
  await platform?.stop();
});

const everybody = () => [host, ann];

async function meeting() {
  platform = await Platform.start();
  platform.room('board', { pin: '246802', guest_pin: '135790', allow_guests: 'true' });
  host = await Person.open(platform, 'Hanna', { hz: 440, rgb: [200, 30, 30], path: '/meet/board' });
  await host.join('board', '246802');
  ann = await Person.open(platform, 'Ann', { hz: 740, rgb: [30, 180, 30], path: '/meet/board' });
  await ann.join('board', '135790');
  await host.up();
  await ann.up();
  await watch(host, 740, 2);
  await watch(ann, 440, 2);
  await until('both are whole', async () => (await Promise.all(everybody().map((p) => since({ person: p, t0: 0, stats: {} })))).every((r) => r.last === ''));
  await pause(1000);
}

// What stands in web's place knows everybody's uuid and lies as fast as it can.
test('a lying web gains nothing in the meantime', async (t) => {
  await meeting();
  const seen = () => platform.cli('show', 'participant').map(({ uuid, display_name, role, is_muted }) => ({ uuid, display_name, role, is_muted })).sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const was = seen();
  assert.equal(was.length, 2);
  writeFileSync(join(platform.static, 'lies'), was.map((p) => `${p.uuid}\n`).join(''));
  const marks = await Promise.all(everybody().map(mark));
  platform.replace('web', 'tests/attack/lying_web');
  await until('the lying web lies', () => readFileSync(platform.logFile, 'utf8').match(/lying_web: lies told=/g)?.length >= 4);
  const lied = await Promise.all(marks.map(since));
  platform.replace('web', '');
  const back = await Promise.all(everybody().map(mark));
  await pause(6000);
  for (const r of lied) {
    t.diagnostic(`while it lied: ${JSON.stringify(r)}`);
    assert.ok(r.quiet <= GAP_MS, `${r.name}: ${r.quiet} ms without the other's tone`);
    assert.ok(!('pin' in r.amiss) && !('meeting' in r.amiss) && !('call' in r.amiss), JSON.stringify(r.amiss));
  }
  for (const m of back) {
    const r = await since(m);
    t.diagnostic(`afterwards: ${JSON.stringify(r)}`);
    assert.equal(r.last, '');
    assert.ok(r.whole <= WHOLE_MS, `${r.name}: whole after ${r.whole} ms`);
  }
  const log = readFileSync(platform.logFile, 'utf8');
  t.diagnostic(log.match(/lying_web: lies told.*/g).at(-1));
  assert.match(log, /the first lie was refused/);
  assert.doesNotMatch(log, /a lie was believed/);
  assert.deepEqual(seen(), was);
  // the host's rights are still the host's
  await host.page.getByRole('button', { name: 'Mute Ann' }).click();
  await ann.page.getByRole('button', { name: 'Muted by host' }).waitFor();
});
