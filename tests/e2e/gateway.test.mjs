// Calls by a routing rule between two browsers: an app registers, a page dials,
// the app rings and answers with its one-time token; both hear and see each
// other; when one leaves, it is over for both.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { Person, near } from './lib/person.mjs';
import { Platform, TOP, until } from './lib/platform.mjs';

const GREEN = [30, 180, 30];
const BLUE = [40, 60, 210];
const TONE = { Alice: 790, Bob: 1370 };
const HEARD = -40;
const PASSWORD = 'correct horse battery';

let platform;
let alice;
let bob;
let app;
let rooms;

before(async () => {
  platform = await Platform.start({
    staticExtra(dir) {
      mkdirSync(join(dir, 'assets'), { recursive: true });
      writeFileSync(join(dir, 'assets/none.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
      writeFileSync(join(dir, 'npm-client.html'), '<!doctype html><meta charset="utf-8"><title>npm client</title><link rel="icon" href="/assets/none.svg"><script type="module" src="/assets/npm-client.js"></script>');
      return build({ entryPoints: [join(TOP, 'tests/e2e/lib/npm-client.js')], bundle: true, format: 'esm', outfile: join(dir, 'assets/npm-client.js'), logLevel: 'error', absWorkingDir: join(TOP, 'tests/e2e') });
    },
  });
  platform.cli('create', 'device', 'alias=bob@example.org', 'username=bob', `password=${PASSWORD}`, 'enable_infinity_connect_non_sso=true', 'description=The desk of Bob');
  platform.cli('create', 'gateway_routing_rule', 'name=To people', 'priority=10', 'match_string=9(\\w+)', 'replace_string=\\1@example.org', 'called_device_type=registration');
  platform.cli('change', 'settings', 'enable_dialout=true');
  rooms = platform.cli('list', 'conference')?.length ?? 0;
});

after(async () => {
  app?.close();
  for (const p of [alice, bob]) await p?.close();
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

// --- an app that registers, by hand ------------------------------------------

const R = '/api/client/v2/registrations';
const basic = (user, password) => `x-pexip-basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const register = (alias, user, password) => platform.get(`${R}/${encodeURIComponent(alias)}/request_token`, { method: 'POST', headers: { authorization: basic(user, password) } });

class App {
  static async start(alias, user, password) {
    const a = new App();
    const r = await register(alias, user, password);
    assert.equal(r.status, 200, r.text);
    a.alias = alias;
    a.answer = JSON.parse(r.text).result;
    a.token = a.answer.token;
    a.events = [];
    await a.listen();
    return a;
  }

  post(what) {
    return platform.get(`${R}/${encodeURIComponent(this.alias)}/${what}`, { method: 'POST', headers: { token: this.token } });
  }

  listen() {
    return new Promise((ok, bad) => {
      this.req = https.request(`${platform.url}${R}/${encodeURIComponent(this.alias)}/events?token=${this.token}`, { rejectUnauthorized: false, agent: false }, (res) => {
        assert.equal(res.statusCode, 200);
        assert.match(res.headers['content-type'], /^text\/event-stream/);
        let text = '';
        res.on('data', (d) => {
          text += d;
          const blocks = text.split('\n\n');
          text = blocks.pop();
          for (const b of blocks) {
            const name = /^event: (.*)$/m.exec(b)?.[1];
            if (name) this.events.push({ name, data: JSON.parse(/^data: (.*)$/m.exec(b)[1]) });
          }
        });
        res.on('end', () => (this.over = true));
        ok();
      });
      this.req.on('error', bad);
      this.req.end();
    });
  }

  // The next event of that name, each given once.
  event(name) {
    return until(`event ${name}`, () => {
      const i = this.events.findIndex((e) => e.name === name);
      return i < 0 ? null : this.events.splice(i, 1)[0].data;
    });
  }

  close() {
    this.req?.destroy();
  }
}

// Starting browsers keeps a small machine so busy that strangers are shed.
const served = () => until('newcomers are served', () => platform.cli('status')[0].load_refuses === 'nothing');

// --- the tests -----------------------------------------------------------------

test('a wrong password, another user and an alias that is not there look alike', async () => {
  const all = [];
  for (const [alias, user, password] of [['bob@example.org', 'bob', 'wrong'], ['bob@example.org', 'eve', PASSWORD], ['eve@example.org', 'bob', PASSWORD], ['bob@example.org', 'bob', '']]) {
    const { status, text, headers } = await register(alias, user, password);
    all.push(JSON.stringify([status, text, headers['content-type'], Object.keys(headers).sort()]));
    assert.equal(status, 401);
  }
  const none = await platform.get(`${R}/bob@example.org/request_token`, { method: 'POST' });
  all.push(JSON.stringify([none.status, none.text, none.headers['content-type'], Object.keys(none.headers).sort()]));
  assert.equal(new Set(all).size, 1);
});

test('an app registers, keeps its registration and finds nobody', async () => {
  app = await App.start('bob@example.org', 'bob', PASSWORD);
  assert.equal(app.answer.expires, '120');
  assert.match(app.answer.registration_uuid, /^[0-9a-f-]{36}$/);
  assert.equal(app.answer.directory_enabled, false);
  assert.equal(typeof app.answer.route_via_registrar, 'boolean');
  assert.match(app.answer.version.version_id, /^\d+$/);
  const r = await app.post('refresh_token');
  assert.equal(r.status, 200);
  assert.deepEqual(Object.keys(JSON.parse(r.text).result).sort(), ['expires', 'token']);
  app.token = JSON.parse(r.text).result.token;
  const directory = (q = '') => platform.get(`${R}${q}`, { headers: { token: app.token } }).then((d) => JSON.parse(d.text).result);
  assert.deepEqual(await directory(), []);
  platform.cli('change', 'settings', 'enable_directory=true');
  assert.deepEqual(await directory('?q=DESK'), [{ alias: 'bob@example.org', description: 'The desk of Bob', username: '' }]);
  assert.deepEqual(await directory('?q=nobody'), []);
  assert.equal((await platform.get(R, { headers: { token: 'nonsense' } })).status, 403);
});

test('the tester says what a call will do', () => {
  const said = platform.cli('route', 'test', '9bob');
  assert.deepEqual(said.map((r) => [r.name, r.result]), [['To people', 'matches (1 = bob)'], ['in all', 'rule 1 "To people" calls bob@example.org (registration)']]);
});

test('a page dials, the app answers: they hear and see each other', async () => {
  alice = await Person.open(platform, 'Alice', { hz: TONE.Alice, rgb: GREEN });
  bob = await Person.open(platform, 'Bob', { hz: TONE.Bob, rgb: BLUE, path: '/npm-client.html' });
  await until('the client is loaded', () => bob.page.evaluate(() => !!window.seen?.ready));
  await served();
  await alice.join('9bob');
  const call = await app.event('incoming');
  assert.equal(call.remote_display_name, 'Alice');
  assert.equal(call.local_alias, 'bob@example.org');
  assert.equal(call.service_type, 'gateway');
  await served();
  await bob.page.evaluate(([alias, token]) => window.join(alias, 'Bob', undefined, { token }), [call.conference_alias, call.token]);
  assert.deepEqual(await app.event('incoming_cancelled'), { token: call.token });
  await alice.up();
  await until('Alice hears Bob', async () => (await alice.hears([TONE.Bob]))[0] > HEARD);
  await until('Bob hears Alice', async () => (await bob.hears([TONE.Alice]))[0] > HEARD);
  await until('Alice sees Bob', async () => near((await alice.sees([[0.5, 0.5]]))?.[0], BLUE));
  const shown = platform.cli('show', 'participant');
  assert.deepEqual(shown.map((p) => p.display_name).sort(), ['Alice', 'Bob']);
  assert.equal(platform.cli('list', 'conference')?.length ?? 0, rooms);
});

test('the one-time token is good once', async () => {
  const again = await platform.get('/api/client/v2/conferences/9bob/request_token', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"display_name":"Eve","token":"nonsense"}' });
  assert.notEqual(again.status, 200);
});

test('one leaves: it is over for both, and the next call rings again', async () => {
  await bob.page.evaluate(() => window.client.disconnect({}));
  await until('Alice is out', async () => (await alice.page.locator('.meeting').count()) === 0);
  await until('nobody is left', () => platform.cli('show', 'participant').length === 0);
  await alice.page.getByRole('button', { name: 'Back to the start' }).click();
  await served();
  await alice.join('9bob');
  const call = await app.event('incoming');
  await alice.page.getByRole('button', { name: 'Leave' }).click();
  assert.deepEqual(await app.event('incoming_cancelled'), { token: call.token });
});

test('a call to who is not registered is as one to nobody', async () => {
  const ask = async (alias) => {
    const r = await platform.get(`/api/client/v2/conferences/${alias}/request_token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"display_name":"Eve"}' });
    return [r.status, r.text];
  };
  const nobody = await ask('nosuchroom');
  assert.deepEqual(await ask('9carol'), nobody);
  assert.equal((await app.post('release_token')).status, 200);
  await until('the stream ends', () => app.over);
  assert.deepEqual(await ask('9bob'), nobody);
  assert.equal((await app.post('refresh_token')).status, 403);
});
