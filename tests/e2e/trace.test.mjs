// conclave trace: the ladder of a call that succeeded, of one whose PIN was
// wrong, and of refusals, found by alias, address, call and the number that
// the caller was told. No secret of them stands in it.
//
// Schedule: waits, 40 s.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, TOP, until } = await import('./lib/platform.mjs');
const { Baresip, deviceCa } = await import('./lib/baresip.mjs');

const HOME = '10.66.0.1', PIN = '248163', WRONG = '975318', SIPS = 15061, PASSWORD = 'kalimera-6-otters';
const ROOM = `sip:board@${HOME}:${SIPS};transport=tls`;
const ca = deviceCa();
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME, '--trust', `${ca}/ca.pem`], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true');
  platform.cli('create', 'device', `alias=desk@${HOME}`, 'username=desk', `password=${PASSWORD}`, 'enable_sip=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const trace = (which, ...args) => platform.cli('trace', which, ...args);
const program = join(process.env.CONCLAVE_BUILD ?? join(TOP, 'build'), 'src/cli/conclave');
const drawn = (which) => execFileSync(program, ['--socket', join(platform.run, 'cli.sock'), 'trace', which, 'headers=true'], { encoding: 'utf8' });
const rows = (all) => all.filter((r) => r.kind === 'row').map((r) => `${r.from}>${r.to} ${r.what}${r.detail ? `: ${r.detail}` : ''}`);
const heads = (all) => all.filter((r) => r.kind === 'call');
// Everything that may be printed of it.
const whole = (which) => JSON.stringify(trace(which)) + drawn(which);

function inOrder(lines, ...want) {
  let at = 0;
  for (const w of want) {
    const found = lines.findIndex((l, i) => i >= at && w.test(l));
    assert.ok(found >= 0, `${w} does not come (any more) in\n${lines.join('\n')}`);
    at = found + 1;
  }
}

async function typed(ip, keys, then) {
  const device = await Baresip.start(town, { ca, ip, encryption: 'srtp-mand' });
  try {
    await device.dial(ROOM);
    await device.event('CALL_ESTABLISHED');
    await until('it is asked for the PIN', () => device.events.some((e) => e.type === 'CALL_RTPESTAB'));
    await device.keys(`${keys}#`);
    await then(device);
    device.hangup();
    await device.event('CALL_CLOSED');
  } finally {
    await device.stop();
  }
}

test('a call that succeeds, with SDES and a PIN', { timeout: 90000 }, async (t) => {
  await typed('10.77.250.5', PIN, () => until('it is in the room', () => platform.cli('show', 'participant').some((p) => p.protocol === 'sip')));
  const all = await until('its BYE', () => rows(trace('board')).some((l) => /BYE/.test(l)) && trace('board'));
  t.diagnostic(drawn('board').split('\n').filter((l) => l.includes('|')).slice(0, 30).join('\n'));
  inOrder(rows(all), /^peer>sip INVITE sip:board@/, /^sip>core call: shows no credentials/, /^core>core service: board/, /^core>media open a leg/,
    /^media>core leg is described/, /^sip>peer SIP\/2.0 200/, /^peer>sip ACK/, /^core>core PIN compared: right/, /^core>core seated/, /^peer>sip BYE/, /^sip>peer SIP\/2.0 200/);
  assert.ok(rows(all).some((l) => /^media>core media flows: AES_CM_128_HMAC_SHA1_80/.test(l)), rows(all).join('\n'));
  const [head] = heads(all);
  assert.deepEqual([head.way, head.outcome, head.why], ['sip in', 'inside', '']);
  assert.match(head.reference, /^[0-9a-f]{16}$/);
  assert.match(all.find((r) => /^INVITE/.test(r.what)).headers, /sdp: .*m=audio \d+ RTP\/SAVP.* crypto\*\d/);
  for (const which of [head.reference, head.call_id, head.source.replace(/:\d+$/, '')]) assert.deepEqual(rows(trace(which)), rows(all), which);
  const text = whole('board');
  assert.ok(!text.includes(PIN) && !/inline|a=crypto/.test(text), text);
  assert.ok(!/[^\n\x20-\x7e]/.test(drawn('board')), 'plain characters only');
});

test('a wrong PIN', { timeout: 90000 }, async () => {
  await typed('10.77.250.6', WRONG, () => until('it was looked at', () => rows(trace('board')).some((l) => /PIN compared: wrong/.test(l))));
  const text = whole('board');
  for (const secret of [PIN, WRONG, 'inline']) assert.ok(!text.includes(secret), secret);
});

test('a device registers: its digest is not shown', { timeout: 60000 }, async () => {
  const device = await Baresip.start(town, { ca, ip: '10.77.250.8', user: 'desk', login: `auth_user=desk;auth_pass=${PASSWORD};outbound="sip:${HOME}:${SIPS};transport=tls"`, encryption: 'srtp-mand' });
  try {
    // Debian's baresip knows MD5 only: what it is told is a challenge
    const all = await until('it has asked', () => rows(trace(`desk@${HOME}`)).some((l) => /^sip>peer/.test(l)) && trace(`desk@${HOME}`));
    inOrder(rows(all), /^peer>sip REGISTER/, /^sip>peer SIP\/2.0 401/);
    const text = whole(`desk@${HOME}`);
    assert.match(text, /WWW-Authenticate: Digest realm=.* \*\*\*/);
    assert.ok(!/nonce|response=/.test(text) && !text.includes(PASSWORD), text);
  } finally {
    await device.stop();
  }
});

// A raw INVITE over TLS, once more with what a digest would be: the answers.
function invite(alias, n, more = []) {
  return new Promise((ok, bad) => {
    const s = tls.connect({ host: HOME, port: SIPS, rejectUnauthorized: false }, () => s.write([
      `INVITE sip:${alias}@${HOME};transport=tls SIP/2.0`, `Via: SIP/2.0/TLS 10.77.250.9:5061;branch=z9hG4bK${n};rport`, 'Max-Forwards: 70',
      `From: <sip:a@10.77.250.9>;tag=a${n}`, `To: <sip:${alias}@${HOME}>`, `Call-ID: trace-${n}`, 'CSeq: 1 INVITE', 'Contact: <sip:a@10.77.250.9:5061;transport=tls>', ...more, 'Content-Length: 0', '', ''].join('\r\n')));
    let text = '';
    s.on('data', (d) => {
      text += d;
      const last = text.split('\r\n\r\n').find((m) => /^SIP\/2.0 [2-6]/.test(m));
      if (!last) return;
      s.destroy();
      ok(last);
    });
    s.on('error', bad);
  });
}

const number = (answer) => /\r\nWarning: 399 - "([0-9a-f]{16})"(\r\n|$)/.exec(answer)?.[1];

test('guests are off: the refused are told a number, and trace knows it', { timeout: 60000 }, async () => {
  platform.cli('change', 'global', 'sip_guests=false');
  const secret = createHash('sha256').update('x').digest('hex');
  const said = await invite('board', 1);
  assert.match(said, /^SIP\/2.0 401 /);
  const ref = number(said);
  assert.ok(ref, said);
  const all = trace(ref);
  inOrder(rows(all), /^peer>sip INVITE sip:board@/, /^sip>peer SIP\/2.0 401 /);
  assert.ok(drawn(ref).includes(`Warning: 399 - "${ref}"`));
  const again = await invite('nobody', 2, [`Authorization: Digest username="desk", realm="conclave", nonce="${secret}", uri="sip:x", response="${secret}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="${secret}"`, `X-Secret: ${secret}`]);
  const other = number(again);
  assert.notEqual(other, ref);
  const text = whole(other);
  assert.match(text, /Authorization: Digest username=.*desk.* \*\*\*/);
  assert.match(text, /X-Secret: \(64 bytes\)/);
  assert.ok(!text.includes(secret), text);
});

test('a browser that is refused is told a number, too', { timeout: 60000 }, async () => {
  const ask = () => platform.get('/api/client/v2/conferences/nobody-here/request_token', { method: 'POST', headers: { 'content-type': 'application/json', pin: WRONG }, body: '{"display_name":"x"}' });
  const said = JSON.parse((await ask()).text);
  assert.equal(said.status, 'failed');
  assert.match(said.reference, /^[0-9a-f]{16}$/);
  const all = trace(said.reference);
  assert.deepEqual([heads(all)[0].way, heads(all)[0].outcome, heads(all)[0].alias], ['web', 'refused', 'nobody-here']);
  inOrder(rows(all), /^peer>web request_token: with a PIN/, /^web>core join/, /^core>core no such service/, /^core>web /);
  assert.ok(!whole(said.reference).includes(WRONG));
  assert.throws(() => trace('0000000000000000'), (e) => e.status === 4);
});
