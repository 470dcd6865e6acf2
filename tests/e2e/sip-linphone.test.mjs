// Everybody in one room with a PIN: a device by DTLS-SRTP with VP8, one by SDES
// with H.264, the synthetic device, a second SIP stack (linphonec) and two
// browsers. Tones and colours arrive at all who can judge them.
//
// Schedule: waits, 25 s.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Person, near } = await import('./lib/person.mjs');
const { Baresip, certificate, deviceCa } = await import('./lib/baresip.mjs');
const { Device } = await import('./lib/device.mjs');
const { tone } = await import('./lib/peer.mjs');

const HOME = '10.66.0.1', PIN = '248163', SIPS = 15061;
const ROOM = `sip:board@${HOME}:${SIPS};transport=tls`;
const ca = deviceCa();
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME, '--trust', `${ca}/ca.pem`], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true', 'max_sip_calls_per_source=8');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const roster = () => platform.cli('show', 'participant', 'conference=board') ?? [];
const phones = () => roster().filter((p) => p.protocol === 'sip');
const entered = (n) => until(`${n} devices are in the room`, () => phones().length === n);

// linphonec, steered by lines. A line of digits is keys while a call stands.
class Linphone {
  static start(ip) {
    const l = new Linphone();
    const home = mkdtempSync(join(tmpdir(), 'cv-linphone-'));
    mkdirSync(join(home, '.local/share/linphone'), { recursive: true });
    mkdirSync(join(home, '.linphone-usr-crt'));
    // without one, our request for it makes linphonec ask for a password
    certificate(ca, ip, ca);
    town.run('ip', 'addr', 'replace', `${ip}/32`, 'dev', 'lo');
    writeFileSync(join(home, 'rc'), ['[sip]', 'sip_port=15080', 'sip_tcp_port=15080', 'sip_tls_port=15081', 'media_encryption=srtp', 'use_ipv6=0', 'verify_server_certs=0', 'guess_hostname=1',
      `contact=sip:soft@${ip}`, `client_cert_chain=${ca}/c.pem`, `client_cert_key=${ca}/k.pem`, '[video]', 'capture=0', 'display=0', ''].join('\n'));
    l.said = '';
    l.child = town.spawn(['linphonec', '-c', join(home, 'rc')], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, HOME: home } });
    for (const out of [l.child.stdout, l.child.stderr]) out.on('data', (d) => (l.said += d));
    l.child.stdin.on('error', () => {});
    l.gone = new Promise((ok) => l.child.once('close', ok));
    return l;
  }

  say(line) {
    this.child.stdin.write(`${line}\n`);
  }

  until(what, re, ms = 20000) {
    return until(`linphonec: ${what}`, () => re.test(this.said), ms).catch((e) => {
      throw new Error(`${e.message}\n${this.said.slice(-2000)}`);
    });
  }

  async stop() {
    this.say('quit');
    const t = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.gone;
    clearTimeout(t);
  }
}

test('two stacks, two browsers and a synthetic device in one room with a PIN', { timeout: 180000 }, async (t) => {
  const door = await town.door(platform);
  const program = town.program(process.env.CHROMIUM ?? '/usr/bin/chromium');
  const open = [];
  const add = async (x) => (open.push(await x), open.at(-1));
  try {
    const red = await add(Person.open(door, 'Red', { hz: 900, rgb: [200, 40, 40], program }));
    await red.join('board', PIN);
    await red.up();
    const blue = await add(Person.open(door, 'Blue', { hz: 1300, rgb: [40, 60, 210], program }));
    await blue.join('board', PIN);
    await blue.up();
    const synthetic = await Device.start(town, { ip: '10.77.5.1', server: `tls:${HOME}:${SIPS}`, call: `sip:board@${HOME}`, suite: 'AEAD_AES_256_GCM', tone: 2900, hear: '440,900,1300,2900', color: '40,200,40', probe: ['0.1,0.2'], seconds: 150 });
    open.push({ close: () => synthetic.end() });
    await synthetic.connected();
    synthetic.keys(`${PIN}#`);
    await entered(1);
    const dtls = await Baresip.start(town, { ca, ip: '10.77.5.2', encryption: 'dtls_srtp', audio: 'opus/48000/2', video: 'vp8' });
    open.push({ close: () => dtls.stop() });
    const sdes = await Baresip.start(town, { ca, ip: '10.77.5.3', encryption: 'srtp-mand', audio: 'opus/48000/2', video: 'H264', hz: 1700 });
    open.push({ close: () => sdes.stop() });
    for (const [i, b] of [dtls, sdes].entries()) {
      await b.dial(ROOM);
      await b.event('CALL_ESTABLISHED');
      await until('it is asked for the PIN', () => b.events.some((e) => e.type === 'CALL_RTPESTAB'));
      await b.keys(`${PIN}#`);
      await entered(2 + i);
    }
    const soft = Linphone.start('10.77.5.4');
    open.push({ close: () => soft.stop() });
    await soft.until('it is ready', /linphonec>/);
    soft.say('ipv6 disable');
    soft.say('soundcard use files');
    soft.say(`call ${ROOM}`);
    await soft.until('media flow', /Media streams established|Call .* connected/i);
    soft.say(`${PIN}#`);
    await entered(4);
    const rows = phones();
    t.diagnostic(JSON.stringify(rows.map((p) => [p.display_name, p.vendor, p.encrypted])));
    assert.ok(rows.every((p) => p.encrypted === 'true'));
    assert.ok(rows.some((p) => /Linphone/i.test(p.vendor)), 'linphonec is there');
    synthetic.order('fresh');
    for (const [who, others] of [[red, [440, 1300, 1700, 2900]], [blue, [440, 900, 1700, 2900]]])
      await until(`${who.name} hears everybody`, async () => (await who.hears(others, 1000)).every((db) => db > -60));
    await until('Red sees a colour of somebody', async () => (await red.sees([[0.5, 0.3]])) !== null);
    synthetic.keys('*7');
    await until('the meeting is locked', () => platform.cli('show', 'conference').some((c) => c.is_locked === 'true' || c.locked === 'true'));
    synthetic.order('hangup');
    const r = await synthetic.result();
    assert.deepEqual([r.error, ...r.faults], [null]);
    for (const hz of [440, 900, 1300]) assert.ok(tone(r, hz).heard_frames > 50, `it hears ${hz}: ${JSON.stringify(r.audio.tones)}`);
    assert.ok(r.video.moved_frames > 5, JSON.stringify(r.video));
    for (const b of [dtls, sdes]) {
      b.hangup();
      await b.event('CALL_CLOSED');
      await until('its counters', () => b.counters().length >= 2);
      for (const c of b.counters()) assert.ok(c.received > 20 && c.sent > 20, JSON.stringify(b.counters()));
    }
  } finally {
    for (const x of open.reverse()) await x.close();
  }
});
