// Schedule: waits, 30 s.
// Another server certificate while the platform runs and a device that nobody
// here wrote is in a call: the call and connections go on, whoever comes then
// sees the new one, and one that will not do changes nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, cpSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Baresip, deviceCa } = await import('./lib/baresip.mjs');
const { Ca } = await import('./lib/pki.mjs');

const HOME = '10.66.0.1', SIPS = 15061;
const deviceCas = deviceCa();
let town, platform, ca, certs, device;

before(async () => {
  town = await Town.build();
  ca = new Ca('CA of certificates');
  const of = (name, days) => ca.issue(name, { san: `DNS:localhost,IP:127.0.0.1,IP:${HOME}`, days });
  certs = { long: of('long', 400), short: of('short', 3), again: of('again', 300), expired: of('expired', -1) };
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME, '--trust', `${deviceCas}/ca.pem`], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board');
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true');
});
after(async () => {
  await device?.stop();
  await platform?.stop();
  await town?.raze();
});

const place = (from, name) => {
  const path = join(platform.data, 'tls', name);
  cpSync(from, `${path}.new`);
  chmodSync(`${path}.new`, name.endsWith('.key') ? 0o400 : 0o444);
  renameSync(`${path}.new`, path);
};
const put = ({ crt, key }) => (place(key, 'server.key'), place(crt, 'server.crt'));
const print = (crt) => new X509Certificate(readFileSync(crt)).fingerprint256;
const connect = (port) => new Promise((ok, bad) => {
  const s = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => ok(s));
  s.on('error', bad);
});
const shown = async (port) => {
  const s = await connect(port), f = s.getPeerCertificate().fingerprint256;
  s.destroy();
  return f;
};
const both = async (crt, what) => {
  for (const port of [platform.port, SIPS]) await until(`port ${port}: ${what}`, async () => (await shown(port)) === print(crt), 10000);
};
const says = (s, text) => new Promise((ok, bad) => {
  const timer = setTimeout(() => bad(new Error('no answer on a standing connection')), 20000);
  s.once('data', (d) => (clearTimeout(timer), ok(d.toString())));
  s.write(text);
});
const reload = () => platform.cli('certificate', 'reload')[0];
const refused = (text) => assert.throws(reload, (e) => text.test(`${e.stderr}`) || assert.fail(`${e.stderr}`));
const alarms = () => platform.cli('alarms', 'list').map((a) => a.name);
const audit = () => {
  const dir = join(platform.data, 'core/audit');
  return readdirSync(dir).map((f) => readFileSync(join(dir, f), 'latin1')).join('').split('\n').filter((l) => l.includes('certificate.reload'));
};
const GET = 'GET /api/client/v2/status HTTP/1.1\r\nHost: localhost\r\n\r\n';

test('a call and connections stand through a change; who comes then sees the new certificate', { timeout: 90000 }, async () => {
  device = await Baresip.start(town, { ca: deviceCas, ip: '10.77.250.5', encryption: 'srtp-mand', audio: 'PCMA/8000/1' });
  await device.dial(`sip:board@${HOME}:${SIPS};transport=tls`);
  await device.event('CALL_ESTABLISHED');
  const calls = () => platform.cli('sip', 'calls');
  await until('the call is in the room', () => platform.cli('show', 'participant', 'conference=board').length === 1);
  const before_ = calls()[0].call;
  const pids = ['keys', 'core', 'web', 'sip', 'media'].map((r) => platform.pids(r)[0]);
  const [web, sip] = [await connect(platform.port), await connect(SIPS)];
  const old = web.getPeerCertificate().fingerprint256;
  assert.match(await says(web, GET), /^HTTP\/1.1 200/);
  put(certs.long);
  assert.match(reload().valid_until, /^\d{4}-\d\d-\d\dT/);
  await both(certs.long.crt, 'shows the new one');
  assert.match(await says(web, GET), /^HTTP\/1.1 200/);
  assert.equal(await says(sip, '\r\n\r\n'), '\r\n');
  assert.equal(web.getPeerCertificate().fingerprint256, old);
  web.destroy();
  sip.destroy();
  // an operator's own eyes, in both versions of TLS
  for (const v of ['-tls1_2', '-tls1_3'])
    assert.match(execFileSync('openssl', ['s_client', '-connect', `127.0.0.1:${SIPS}`, v, '-CAfile', ca.path('ca.pem')], { input: '', stdio: ['pipe', 'pipe', 'ignore'], encoding: 'utf8' }), /Verify return code: 0 \(ok\)/);
  // and again by a signal
  put(certs.short);
  platform.child.kill('SIGHUP');
  await both(certs.short.crt, 'shows the one after that');
  await until('an alarm says that it expires soon', () => alarms().includes('tls_certificate_expiring'));
  assert.deepEqual(['keys', 'core', 'web', 'sip', 'media'].map((r) => platform.pids(r)[0]), pids);
  assert.equal(calls()[0].call, before_);
  assert.ok(!device.events.some((e) => e.type === 'CALL_CLOSED'));
  await new Promise((ok) => setTimeout(ok, 2500));	// so long sound flows under the new certificate: its counters come at the end
  device.hangup();
  await device.event('CALL_CLOSED');
  await until('its counters', () => device.counters().find((c) => c.kind === 'audio'));
  assert.ok(device.counters().find((c) => c.kind === 'audio').received > 100);
  await until('both are in the audit log', () => audit().length === 2);
});

test('one that will not do is refused in words, and nothing changes', { timeout: 60000 }, async () => {
  const n = audit().length;
  place(certs.long.crt, 'server.crt');
  refused(/does not fit/);
  put(certs.expired);
  refused(/has expired/);
  place(certs.long.key, 'server.crt');
  refused(/no certificate in PEM/);
  place(certs.long.crt, 'server.key');
  refused(/no unencrypted P-256 key/);
  await both(certs.short.crt, 'is the former one');
  // roles that start anew take the former one, too
  platform.kill('web');
  platform.kill('keys');
  await both(certs.short.crt, 'is the former one after a restart');
  await until('each refusal is in the audit log', () => audit().length === n + 4);
  put(certs.again);
  await until('the next one is taken', () => reload().valid_until, 20000);
  await both(certs.again.crt, 'shows the last one');
  await until('the alarm is gone', () => !alarms().includes('tls_certificate_expiring'));
  assert.equal(platform.cli('certificate', 'state')[0].usable, 'true');
});
