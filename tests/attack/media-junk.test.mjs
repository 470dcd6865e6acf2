// 10,000 malformed datagrams of every kind at the media port, from addresses
// that have no leg, while three peers talk: no gap in what they hear, no answer
// to the stranger, no log line a packet, no process that dies.
//
// Schedule: alone, 20 s. It judges gaps in sound.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { Peer, tone } from '../e2e/lib/peer.mjs';
import { Platform, until } from '../e2e/lib/platform.mjs';
import { counted, waitingAt } from './lib.mjs';

const PACKETS = 10000;
const SOCKETS = 20;
const BATCH = 50;
const LOG_LINES = 30;
const GAP_MS = 100;
const TONES = [400, 700];
const ROLES = ['keys', 'core', 'web', 'media', 'video'];

let platform;
before(async () => {
  platform = await Platform.start();
  platform.room('board', { pin: '246802' });
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

// media has read all that came: no more is sent before, or the kernel would
// drop most of it
const taken = () => until('media has read everything', () => waitingAt(platform.mediaPort) === 0);
const attr = (type, value) => {
  const pad = (4 - (value.length % 4)) % 4;
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc(pad)]);
};
const stun = (type, body, length = body.length) => {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(length & 0xffff, 2);
  head.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(head, 8);
  return Buffer.concat([head, body]);
};
const rtp = (first, pt, rest) => Buffer.concat([Buffer.from([first, pt]), randomBytes(10), rest]);

// ufrag: a real one of a peer, as the network can read it in a check.
const kinds = (ufrag, theirs = 'peer') => {
  const name = attr(6, Buffer.from(`${ufrag}:${theirs}`));
  return [
    () => Buffer.alloc(0),
    () => randomBytes(1 + Math.floor(Math.random() * 1400)),
    () => randomBytes(9000),
    () => stun(0x0001, Buffer.alloc(0)),
    () => stun(0x0001, name),
    () => stun(0x0001, Buffer.concat([name, attr(8, randomBytes(20))])),
    () => stun(0x0001, Buffer.concat([name, attr(0x25, Buffer.alloc(0)), attr(8, randomBytes(20)), attr(0x8028, randomBytes(4))])),
    () => stun(0x0001, Buffer.concat([name, attr(0x7fff, randomBytes(8)), attr(8, randomBytes(20))])),
    () => stun(0x0001, name, 65535),
    () => stun(0x0001, Buffer.concat([name, Buffer.from([0, 8, 255, 255])])),
    () => stun(0x0101, Buffer.concat([attr(0x20, randomBytes(8)), attr(8, randomBytes(20))])),
    () => stun(0x0003, name),
    () => stun(0x0001, Buffer.concat(Array.from({ length: 300 }, () => attr(0x8000, Buffer.alloc(0))))),
    () => Buffer.concat([Buffer.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]), randomBytes(512)]),
    () => Buffer.concat([Buffer.from([20, 254, 255]), randomBytes(11)]),
    () => rtp(0x80, 111, randomBytes(60)),
    () => rtp(0x9f, 111, Buffer.from([0xbe, 0xde, 0xff, 0xff])),
    () => rtp(0xbf, 111, Buffer.from([255])),
    () => rtp(0x80, 96, randomBytes(1200)),
    () => rtp(0x80, 200, randomBytes(40)),
    () => rtp(0x9f, 201, Buffer.alloc(0)),
    () => rtp(0x81, 205, randomBytes(1400)),
    () => Buffer.from([0x80]),
  ];
};

test('10,000 malformed datagrams have no effect', async () => {
  const pids = Object.fromEntries(ROLES.map((r) => [r, platform.pids(r)]));
  const peers = [];
  let answers = 0;
  const sockets = Array.from({ length: SOCKETS }, () => createSocket('udp4').on('message', () => answers++).on('error', () => {}));
  try {
    for (const hz of TONES) peers.push(await Peer.join(platform, 'board', `Tone ${hz}`, '246802', { tone: hz, hear: TONES.join(','), seconds: 14 }));
    const ufrag = /a=ice-ufrag:(\S+)/.exec(peers[0].answer)[1];
    const make = kinds(ufrag);
    const lines = readFileSync(platform.logFile, 'utf8').split('\n').length;
    for (let i = 0; i < PACKETS; i++) {
      const p = make[i % make.length]();
      await new Promise((ok) => sockets[i % SOCKETS].send(p, platform.mediaPort, '127.0.0.1', ok));
      if (i % BATCH === BATCH - 1) await taken();
    }
    // the same in RFC 4571 frames over TCP: cut at the first that is none
    const cut = [];
    for (let i = 0; i < 40; i++) {
      const s = connect(platform.mediaPort, '127.0.0.1').on('error', () => {}).resume();
      cut.push(new Promise((ok) => s.on('close', ok)));
      const body = make[i % make.length]().subarray(0, 1400);
      s.write(Buffer.concat([Buffer.from([body.length >> 8, body.length & 255]), body, Buffer.from([0xff, 0xff]), randomBytes(200)]));
    }
    await Promise.all(cut);
    // with a real fragment, but without its password: so many are looked at
    const forged = kinds(ufrag, /a=ice-ufrag:(\S+)/.exec(peers[0].offer)[1])[5];
    for (let i = 0; i < 2000; i++) {
      await new Promise((ok) => sockets[i % SOCKETS].send(forged(), platform.mediaPort, '127.0.0.1', ok));
      if (i % BATCH === BATCH - 1) await taken();
    }
    await counted(platform, 'refused_ice_checks', 500);
    const reports = await Promise.all(peers.map((p) => p.result(60000)));
    for (const [i, r] of reports.entries()) {
      assert.equal(r.error, null);
      assert.deepEqual(r.faults, []);
      assert.ok(r.audio.gap_max_ms <= GAP_MS, `a gap of ${r.audio.gap_max_ms} ms`);
      assert.ok(tone(r, TONES[1 - i]).seconds_heard >= 9);
    }
    assert.equal(answers, 0, 'a stranger was answered');
    assert.deepEqual(Object.fromEntries(ROLES.map((r) => [r, platform.pids(r)])), pids);
    const grown = readFileSync(platform.logFile, 'utf8').split('\n').length - lines;
    assert.ok(grown <= LOG_LINES, `${grown} log lines`);
  } finally {
    for (const p of peers) await p.leave();
    for (const s of sockets) s.close();
  }
});
