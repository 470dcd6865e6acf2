// Calls out: whom a room calls by itself, and calls through the gateway, where
// each side is encrypted on its own.
//
// Schedule: waits, 50 s.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Baresip, certificate, deviceCa } = await import('./lib/baresip.mjs');
const { Device } = await import('./lib/device.mjs');
const { Peer, tone } = await import('./lib/peer.mjs');

const HOME = '10.66.0.1', SIPS = 15061, SIP = 15062;
const SDES = 'AES_CM_128_HMAC_SHA1_80', PASSWORD = 'correct horse battery';
const ca = deviceCa();
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME, '--trust', `${ca}/ca.pem`], sipPort: SIPS, sipClearPort: SIP, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board');
  platform.cli('create', 'device', 'alias=desk@example.org', 'username=desk', `password=${PASSWORD}`, 'enable_sip=true');
  platform.cli('create', 'device', 'alias=phone@example.org', 'username=phone', `password=${PASSWORD}`, 'enable_sip=true');
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true', 'enable_dialout=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const roster = () => platform.cli('show', 'participant') ?? [];
const calls = () => platform.cli('sip', 'calls') ?? [];
const server = `tls:${HOME}:${SIPS}`;
const quiet = () => until('all calls are over', () => roster().length === 0 && calls().length === 0);

// Its certificate and key in one file.
function pem(ip) {
  certificate(ca, ip, ca);
  const file = join(ca, `${ip}.pem`);
  writeFileSync(file, readFileSync(join(ca, 'b.pem')));
  return file;
}

test('a room calls its participants when somebody is inside, and ends with him', { timeout: 120000 }, async () => {
  const board = platform.cli('list', 'conference').find((c) => c.name === 'board').id;
  const far = 'sip:recorder@10.77.3.2:5061;transport=tls';
  platform.cli('create', 'automatic_participant', 'alias=desk@example.org', `conference=${board}`, 'remote_display_name=The desk', 'dtmf_sequence=12,3*#', 'keep_conference_alive=keep_conference_alive_never');
  platform.cli('create', 'automatic_participant', `alias=${far}`, `conference=${board}`, 'role=chair', 'keep_conference_alive=keep_conference_alive_never');
  const desk = await Device.start(town, { ip: '10.77.3.1', server, name: 'desk', user: 'desk', password: PASSWORD, register: true, suite: SDES, tone: 2600, hear: '2600,2900,3300', audioOnly: true, seconds: 90 });
  const outside = await Device.start(town, { ip: '10.77.3.2', listen: 'tls:10.77.3.2:5061', pem: pem('10.77.3.2'), suite: SDES, tone: 2900, hear: '2600,2900,3300', audioOnly: true, seconds: 90 });
  let peer;
  try {
    await desk.registered();
    assert.equal(calls().length, 0);
    peer = await Peer.join(platform, 'board', 'Host', '', { tone: 3300, hear: '2600,2900', audioOnly: true, seconds: 60 });
    await desk.connected(9000);
    await outside.connected(9000);
    const rows = await until('both are in the room', () => roster().length === 3 && roster());
    const row = rows.find((p) => p.display_name === 'The desk');
    assert.equal(row?.role, 'guest', JSON.stringify(rows));
    assert.equal(rows.filter((p) => p.role === 'chair').length, 2);
    assert.ok(rows.every((p) => p.encrypted === 'true'), JSON.stringify(rows));
    await desk.heard('123*#');
    await new Promise((ok) => setTimeout(ok, 3000));	// they are judged over this time
    const heard = await peer.stop();
    for (const hz of [2600, 2900]) assert.ok(tone(heard, hz).seconds_heard >= 2, JSON.stringify(heard.audio.tones));
    // nobody is left for whose sake it would go on
    const [a, b] = [await desk.result(), await outside.result()];
    assert.deepEqual([a.error, b.error, ...a.faults, ...b.faults], [null, null]);
    assert.ok(tone(a, 2900).seconds_heard >= 2 && tone(a, 3300).seconds_heard >= 2, JSON.stringify(a.audio.tones));
    await quiet();
  } finally {
    await peer?.leave();
    await desk.end();
    await outside.end();
    for (const r of platform.cli('list', 'automatic_participant')) platform.cli('remove', 'automatic_participant', String(r.id));
  }
});

// --- the gateway -------------------------------------------------------------------

const encrypted = () => calls().map((c) => `${c.direction} ${c.signalling_encrypted} ${c.media_encrypted}`).sort();

test('a phone in clear is refused by default, and reached by an encrypted caller when both switches are on', { timeout: 120000 }, async () => {
  platform.cli('create', 'sip_proxy', 'name=old phones', 'address=10.77.4.1', 'port=5060', 'transport=udp');
  platform.cli('create', 'gateway_routing_rule', 'name=To the old phones', 'priority=10', 'match_string=9\\d+', 'called_device_type=external', 'sip_proxy=1', 'allow_unregistered_external=true');
  platform.cli('change', 'global', 'enable_sip_udp=true');
  const phone = await Device.start(town, { ip: '10.77.4.1', listen: 'udp:10.77.4.1:5060', tone: 2600, hear: '440,2600', audioOnly: true, seconds: 80 });
  const caller = await Baresip.start(town, { ca, ip: '10.77.4.2', encryption: 'srtp-mand', audio: 'opus/48000/2' });
  const to = `sip:91234@${HOME}:${SIPS};transport=tls`;
  try {
    await caller.dial(to);
    const closed = await caller.event('CALL_CLOSED', 30000);
    assert.match(closed.param, /^4\d\d /, JSON.stringify(closed));
    await quiet();

    platform.cli('change', 'gateway_routing_rule', '1', 'crypto_mode=besteffort');
    await caller.dial(to);
    await phone.connected();
    await caller.event('CALL_ESTABLISHED');
    await until('the status tells each side apart', () => encrypted().join() === 'in true true,out false false');
    const rows = roster();
    assert.deepEqual(rows.map((p) => p.encrypted).sort(), ['false', 'true']);
    assert.ok(rows.every((p) => p.service_type === 'gateway'));
    await caller.keys('159#');
    await phone.heard('159#', 9000);
    phone.order('fresh');
    await new Promise((ok) => setTimeout(ok, 4000));	// judged over this time
    phone.order('hangup');
    const r = await phone.result();
    assert.equal(r.error, null);
    assert.deepEqual(r.faults, []);
    assert.ok(tone(r, 440).seconds_heard >= 2, JSON.stringify(r.audio.tones));
    assert.ok(tone(r, 2600).loudest_second_db < -40, 'it hears itself');
    await caller.event('CALL_CLOSED');
    await until('its counters', () => caller.counters().length > 0);
    assert.ok(caller.counters()[0].received > 100, JSON.stringify(caller.counters()));
    await quiet();
  } finally {
    await phone.end();
    await caller.stop();
  }
});

test('a phone that nobody here wrote, in clear over UDP', { timeout: 120000 }, async () => {
  platform.cli('change', 'sip_proxy', '1', 'address=10.77.4.3', 'port=15060');
  const phone = await Baresip.start(town, { ca, ip: '10.77.4.3', user: '95', transport: 'udp', encryption: '', audio: 'PCMA/8000/1' });
  const caller = await Device.start(town, { ip: '10.77.4.4', server, call: `sip:95@${HOME}`, suite: SDES, tone: 2600, hear: '440,2600', audioOnly: true, seconds: 80 });
  try {
    await caller.connected();
    await until('the status tells each side apart', () => encrypted().join() === 'in true true,out false false');
    await new Promise((ok) => setTimeout(ok, 4000));	// judged over this time
    caller.keys('7');
    await until('the phone hears the key', () => phone.events.some((e) => /DTMF/.test(e.type) && e.param === '7'));
    caller.order('hangup');
    const r = await caller.result();
    assert.equal(r.error, null);
    await phone.event('CALL_CLOSED');
    // Called, it sends its sound from an address that it never named, so that is
    // not taken; what reaches it is judged.
    await until('its counters', () => phone.counters().length > 0);
    assert.ok(phone.counters()[0].received > 100, JSON.stringify(phone.counters()));
    await quiet();
  } finally {
    await caller.end();
    await phone.stop();
  }
});
