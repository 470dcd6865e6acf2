// Schedule: waits, 40 s.
// A real Kamailio as call control over mutual TLS: calls both ways with media,
// and certificates that must not do, each refused with its own line. An OCSP
// responder (openssl) and a name server stand beside it in the town.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Person } = await import('./lib/person.mjs');
const { Baresip, deviceCa } = await import('./lib/baresip.mjs');
const { Ca, nameServer } = await import('./lib/pki.mjs');
const { Kamailio } = await import('./lib/kamailio.mjs');

const HOME = '10.66.0.1', SIPS = 15061, CC = '10.77.0.10', DNS = '10.77.0.53', OCSP = 'http://10.77.0.20:19080';
const OUR_NAME = 'trunk.meet.test';
const HZ = { caller: 440, callee: 1000 };
const LOUD = -50;	// dB: a tone that was encoded twice
let town, platform, trunkCa, responder, dns, certs, caller, callee, deviceCaDir;

before(async () => {
  town = await Town.build();
  trunkCa = new Ca('CA of the call control');
  const strangers = new Ca('CA of nobody');
  const good = { san: 'DNS:cc.test', ocsp: OCSP };
  certs = {
    good: trunkCa.issue('good', good),
    'wrong CA': strangers.issue('wrong-ca', good),
    'wrong name': trunkCa.issue('wrong-name', { san: 'DNS:other.test', ocsp: OCSP }),
    expired: trunkCa.issue('expired', { ...good, days: -1 }),
    revoked: trunkCa.issue('revoked', { ...good, revoked: true }),
    'revocation unknown': trunkCa.issue('silent', { san: 'DNS:cc.test' }),
  };
  responder = await trunkCa.respond(town, 19080);
  dns = await nameServer(town, DNS, { 'cc.test': CC });
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME, '--nameserver', DNS], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board');
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'enable_dialout=true');
  platform.cli('create', 'sip_proxy', 'name=callcontrol', 'address=cc.test', 'accept_calls=true', `tls_server_name=${OUR_NAME}`, `tls_ca=${trunkCa.pem}`);
  platform.cli('create', 'gateway_routing_rule', 'name=out', 'priority=10', 'match_string=callee', 'called_device_type=external', 'sip_proxy=callcontrol', 'match_outgoing_calls=true', 'match_incoming_calls=false');
  deviceCaDir = deviceCa();
  caller = await Baresip.start(town, { ca: deviceCaDir, ip: '10.77.0.30', transport: 'udp', encryption: 'srtp-mand', audio: 'PCMA/8000/1', hz: HZ.caller });
  callee = await Baresip.start(town, { ca: deviceCaDir, ip: '10.77.0.31', transport: 'udp', encryption: 'srtp-mand', audio: 'PCMA/8000/1', hz: HZ.callee });
  // both take the first address of the interface for their own: let them send from there
  town.run('ip', 'route', 'add', `${HOME}/32`, 'dev', 'cv-town', 'src', '10.77.0.30');
});
after(async () => {
  for (const x of [caller, callee]) await x?.stop();
  await platform?.stop();
  await responder?.stop();
  dns?.stop();
  await town?.raze();
});

const kamailio = (cert) => Kamailio.start(town, { ip: CC, cert, ca: join(platform.data, 'tls/ca.crt'), home: `${HOME}:${SIPS}`, serverName: OUR_NAME, device: 'room@10.77.0.31:15060' });
const roster = () => platform.cli('show', 'participant', 'conference=board').filter((p) => p.protocol === 'sip');
const refusals = () => platform.cli('sip', 'refusals').map((r) => r.reason);
const log = () => readFileSync(platform.logFile, 'utf8');
const times = (text) => log().split(text).length - 1;
const calls = () => caller.dial(`sip:board@${CC}:5060`);
const isCalled = () => platform.cli('sip', 'dial', 'board', 'to=callee', 'role=guest');

const counted = (device) => device.counters().find((c) => c.kind === 'audio');

test('calls in and out through the call control, and sound both ways', { timeout: 60000 }, async (t) => {
  const page = await Person.open(await town.door(platform), 'Page', { hz: 900, rgb: [200, 40, 40], program: town.program(process.env.CHROMIUM ?? '/usr/bin/chromium') });
  const cc = await kamailio(certs.good);
  try {
    await page.join('board');
    await page.up();
    await calls();
    await caller.event('CALL_ESTABLISHED');
    const row = await until('the call is known', () => platform.cli('sip', 'calls')[0]);
    assert.equal(row.known_as, 'trunk');
    assert.equal(row.signalling_encrypted, 'true');
    isCalled();
    await callee.event('CALL_ESTABLISHED');
    await until('both are in the room', () => roster().length === 2, 15000);
    await until('both are heard', async () => (await page.hears(Object.values(HZ))).every((level) => level > LOUD), 15000);
    assert.ok(platform.cli('sip', 'calls').every((c) => c.media_encrypted === 'true'));
    await page.hears([HZ.caller], 1500);	// so long the calls stand
    for (const device of [caller, callee]) {
      device.hangup();
      await device.event('CALL_CLOSED');
      await until('its counters', () => counted(device), 15000);
      t.diagnostic(JSON.stringify(counted(device)));
      assert.ok(counted(device).received > 50, 'packets came');
    }
    await page.close();
    await until('nobody is left', () => roster().length === 0 && platform.cli('sip', 'calls').length === 0, 10000);
  } catch (e) {
    throw new Error(`${e.stack}\n${cc.said.slice(-3000)}\n${platform.log()}`);
  } finally {
    await page.close().catch(() => {});
    await cc.stop();
  }
});

for (const fault of ['wrong CA', 'wrong name', 'expired', 'revoked', 'revocation unknown'])
  test(`${fault}: refused in both directions, and said so`, { timeout: 60000 }, async () => {
    const asked = [caller.events.length, callee.events.length];
    const [inward, outward] = [`certificate of a caller refused: ${fault}`, `certificate of a peer refused: ${fault}`];
    assert.equal(times(inward) + times(outward), 0);
    const cc = await kamailio(certs[fault]);
    try {
      await calls();
      await caller.event('CALL_CLOSED');
      await until('the caller is refused, and a line says why', () => times(inward) > 0);
      isCalled();
      await until('the callee is not reached, and a line says why', () => times(outward) > 0);
      assert.equal(refusals().filter((r) => r === `certificate: ${fault}`).length >= 2, true, JSON.stringify(refusals()));
      await until('the counters know', () => Number(platform.cli('sip', 'state')[0][`certificates refused: ${fault}`]) >= 2);
      assert.equal(roster().length, 0, 'nobody came in');
      assert.ok(!callee.events.slice(asked[1]).some((e) => e.type === 'CALL_INCOMING'), 'nothing was said to him');
      await until('no call is left', () => platform.cli('sip', 'calls').length === 0);
    } catch (e) {
      throw new Error(`${e.stack}\n${cc.said.slice(-3000)}\n${platform.log()}`);
    } finally {
      await cc.stop();
    }
  });
