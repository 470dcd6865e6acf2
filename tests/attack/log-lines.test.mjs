// Hostile names, aliases and User-Agents: whatever they carry, each line of the
// log is one of ours, says what we said, and no terminal obeys it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Platform, until } from '../e2e/lib/platform.mjs';
import { api, ask, join } from './lib.mjs';

const PIN = '246802';
const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|notice|warn|error) +[a-z]+\/\d+ [a-z]+: /;
// what fail2ban and people look for, as an attacker would forge it
const FORGED = '2026-01-01T00:00:00.000Z notice core/0 access: pin wrong source="203.0.113.9" alias="board"';
const nasty = [
  `Eve\n${FORGED}`, `Eve\r\n${FORGED}`, `Eve\u2028${FORGED}`, `Eve\u0085${FORGED}`, `" source="203.0.113.9" x="`, `\\" source=\\"203.0.113.9`,
  `<script>alert(1)</script><img src=x onerror=alert(1)>`, `\u001b[2J\u001b[31mred\u001b]0;title\u0007`, `\u202Egnp.exe\u202C`, '%n%s%x%99999d', "';DROP TABLE conference;--",
  'pin wrong source=203.0.113.9', '\u0000\u0001\u007f', '${jndi:ldap://203.0.113.9/a}', 'A'.repeat(5000),
];

let platform;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: PIN });
  platform.cli('change', 'global', 'max_joins_per_source=1000', 'max_requests_per_source=1000',
    'bdpm_max_pin_failures_per_window=200');
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

const log = () => readFileSync(platform.logFile, 'utf8');
// header values are bytes; control bytes in them are refused before anything
// looks at them (smuggling), so the rest of the text comes without
// eslint-disable-next-line no-control-regex
const field = (s) => Buffer.from(s.replace(/[\u0000-\u001f\u007f]/g, ' '), 'utf8').toString('latin1');

test('names, aliases and user agents leave one line each, and none of theirs', async () => {
  const from = (i) => `127.5.0.${i + 1}`;
  for (const [i, text] of nasty.entries()) {
    await join(platform, 'board', '111111', { from: from(i), headers: { 'User-Agent': field(text).slice(0, 2000) }, body: { display_name: text, call_tag: text } });
    await join(platform, 'board', PIN, { from: from(i), headers: { 'User-Agent': field(text).slice(0, 2000) }, body: { display_name: text, call_tag: text } });
    await ask(platform, api(text.slice(0, 200), 'request_token'), { from: from(i), headers: { pin: '111111' }, body: { display_name: text } });
    await ask(platform, api('board', 'request_token'), { from: from(i), headers: { pin: field(text).slice(0, 100) || 'x', 'X-Forwarded-For': field(text).slice(0, 100), Cookie: field(text).slice(0, 500) },
      body: { display_name: 'x', invitation: text, reconnect: text, token: text, conference_extension: text } });
  }
  // core's last word has been written, so all of its have
  platform.kill('video');
  await until('the last line is there', () => / core: role died role="video"/.test(log()) || null);
  const lines = log().split('\n').filter((l) => l);
  for (const line of lines) {
    assert.match(line, LINE);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/, JSON.stringify(line));
  }
  // nobody was blamed who did not come
  const blamed = lines.filter((l) => / access: /.test(l)).map((l) => /access: [a-z ]+ source="?([0-9.]+)/.exec(l)?.[1]);
  assert.ok(blamed.length >= nasty.length, `${blamed.length}`);
  for (const ip of blamed) assert.match(String(ip), /^127\.5\./);
});

test('what people inside see is text: the roster gives names as they are, without control characters', async () => {
  const me = (await join(platform, 'board', PIN, { from: '127.5.2.1', body: { display_name: 'Reader' } })).result;
  const r = await ask(platform, api('board', 'participants'), { method: 'GET', from: '127.5.2.1', headers: { token: me.token } });
  assert.equal(r.status, 200);
  assert.equal(r.headers['content-type'], 'application/json');
  assert.equal(r.headers['x-content-type-options'], 'nosniff');
  const names = r.result.map((p) => p.display_name);
  assert.ok(names.some((n) => n.includes('<script>')), 'markup is not eaten, it is shown as text');
});
