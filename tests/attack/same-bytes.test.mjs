// What a refused caller learns. A room that blocks him, after five wrong PINs,
// answers with the bytes of a room that is not there, whatever he sends, and
// takes no other time about it: concealed (both ask for a PIN) or not (both
// are not found).
//
// Schedule: alone, 6 s. It judges microseconds.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Platform } from '../e2e/lib/platform.mjs';

const PIN = '246802';
const ROUNDS = 150;
const TIME_US = 400;

let platform;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: PIN, allow_guests: 'true', guest_pin: '135791' });
  platform.room('hall', { pin: PIN, allow_guests: 'true' });
  platform.cli('change', 'global', 'max_joins_per_source=10000', 'max_requests_per_source=10000',
    'bdpm_scan_quarantine_enabled=false');
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

// One connection, answers one by one, as bytes without the date.
class Line {
  static open(from = '127.0.0.1') {
    const l = new Line();
    l.got = '';
    return new Promise((ok, bad) => {
      l.socket = tls.connect({ port: platform.port, host: '127.0.0.1', localAddress: from, rejectUnauthorized: false }, () => ok(l));
      l.socket.setNoDelay(true);
      l.socket.on('error', bad);
      l.socket.on('data', (d) => { l.got += d.toString('latin1'); l.check(); });
    });
  }

  check() {
    const end = this.got.indexOf('\r\n\r\n');
    const n = /content-length: (\d+)/i.exec(this.got);
    if (end < 0 || !n || this.got.length < end + 4 + Number(n[1]) || !this.done) return;
    const { done } = this;
    this.done = null;
    // each refusal has a number of its own, of one form: nothing else differs
    const text = this.got.replace(/Date: [^\r]+/, 'Date: -').replace(/"reference":\s*"[0-9a-f]{16}"/, 'reference');
    this.got = '';
    done({ text, us: Number(process.hrtime.bigint() - this.from) / 1000 });
  }

  ask(alias, fields = {}, body = '{"display_name":"x"}') {
    const head = Object.entries(fields).map(([k, v]) => `${k}: ${v}\r\n`).join('');
    return new Promise((ok) => {
      this.done = ok;
      this.from = process.hrtime.bigint();
      this.socket.write(`POST /api/client/v2/conferences/${alias}/request_token HTTP/1.1\r\nHost: 127.0.0.1\r\n`
        + `Content-Type: application/json\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    });
  }

  close() {
    this.socket.destroy();
  }
}

const asks = {
  'no PIN': {},
  'a wrong PIN': { pin: '111111' },
  'the right PIN': { pin: PIN },
  none: { pin: 'none' },
  'an overlong PIN': { pin: '1'.repeat(200) },
  'letters for a PIN': { pin: 'abc' },
};

test('an alias that is not there is as a room with PINs', async () => {
  const l = await Line.open('127.0.0.6');
  for (const what of ['no PIN', 'a wrong PIN', 'none', 'an overlong PIN', 'letters for a PIN'])
    assert.equal((await l.ask('nobody', asks[what])).text, (await l.ask('board', asks[what])).text, what);
  l.close();
});

for (const [conceal, from, expected] of [['true', '127.0.0.2', /^HTTP\/1\.1 (403|200) /], ['false', '127.0.0.3', /^HTTP\/1\.1 404 /]])
test(`five wrong PINs, then the room is as one that is not there (conceal_rooms ${conceal})`, async () => {
  platform.cli('change', 'global', `conceal_rooms=${conceal}`);
  const l = await Line.open(from);
  const spellings = ['board', 'BOARD', 'bOaRd', 'sip%3Aboard', '%62oard'];
  for (const alias of spellings)
    assert.match((await l.ask(alias, { pin: '111111' })).text, /Invalid PIN/, alias);
  for (const [what, fields] of Object.entries(asks)) {
    const unknown = await l.ask('nobody', fields);
    assert.match(unknown.text, expected);
    for (const alias of spellings) assert.equal((await l.ask(alias, fields)).text, unknown.text, `${alias}, ${what}`);
  }
  // and nobody else is hurt by that
  const other = await Line.open('127.0.0.4');
  assert.match((await other.ask('board', { pin: PIN })).text, /^HTTP\/1\.1 200 /);
  other.close();
  l.close();
});

const median = (v) => v.sort((a, b) => a - b)[v.length >> 1];

for (const conceal of ['true', 'false'])
test(`and takes no other time (conceal_rooms ${conceal})`, { timeout: 60000 }, async (t) => {
  platform.cli('change', 'global', `conceal_rooms=${conceal}`);
  const l = await Line.open('127.0.0.3');
  const times = { board: [], nobody: [] };
  for (let i = 0; i < ROUNDS; i++)
    for (const alias of i % 2 ? ['board', 'nobody'] : ['nobody', 'board'])
      times[alias].push((await l.ask(alias, { pin: '111111' })).us);
  const [a, b] = [median(times.board), median(times.nobody)];
  t.diagnostic(`blocked ${a.toFixed(0)} us, unknown ${b.toFixed(0)} us (medians)`);
  assert.ok(Math.abs(a - b) < TIME_US, `${a} us against ${b} us`);
  l.close();
});

test('tokens that are not, and tokens of another room: the same bytes', async () => {
  const l = await Line.open('127.0.0.5');
  const joined = JSON.parse((await l.ask('board', { pin: PIN })).text.split('\r\n\r\n')[1]).result;
  const answers = [];
  for (const [alias, token] of [['hall', joined.token], ['nobody', joined.token], ['board', 'x'], ['board', 'A'.repeat(32)], ['board', 'A'.repeat(256)], ['board', `${joined.token}x`]]) {
    const r = await platform.get(`/api/client/v2/conferences/${alias}/participants`, { headers: { token } });
    answers.push(`${r.status} ${r.text}`);
  }
  assert.equal(new Set(answers).size, 1, answers.join('\n'));
  assert.match(answers[0], /^403 /);
  l.close();
});

test('no PIN and no token stands in the log', async () => {
  const l = await Line.open('127.0.0.5');
  const joined = JSON.parse((await l.ask('board', { pin: PIN })).text.split('\r\n\r\n')[1]).result;
  await platform.get(`/api/client/v2/conferences/board/events?token=${joined.token}x`);
  await platform.get(`/api/client/v2/conferences/board/release_token?token=${joined.token}`, { method: 'POST' });
  l.close();
  const log = readFileSync(platform.logFile, 'utf8');
  for (const secret of [PIN, '135791', joined.token]) assert.ok(!log.includes(secret), secret);
});
