// @ts-nocheck: runs under node's test runner, not in the page
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeTile, tileOf, tileTrim } from '../src/layout';
import { peerConfig } from '../src/ice';
import { plainAddress, readAddress } from '../src/invitation';
import { reasonText, refusalText } from '../src/session';
import { withAudioNack, withSlides } from '../src/sdp';
import { SseParser } from '../src/sse';

test('sse: events arrive whole whatever the pieces', () => {
  const text = 'id: 1\nevent: layout\ndata: {"a":1}\n\n:\n\nevent: stage\ndata: []\n\n';
  for (let cut = 1; cut < text.length; cut++) {
    const p = new SseParser();
    const got = [...p.push(text.slice(0, cut)), ...p.push(text.slice(cut))];
    assert.deepEqual(got, [
      { name: 'layout', data: '{"a":1}' },
      { name: 'stage', data: '[]' },
    ]);
  }
});

test('sse: a block without data is no event, several data lines are one', () => {
  const p = new SseParser();
  assert.deepEqual(p.push('event: x\n\ndata: a\ndata:b\n\n'), [{ name: 'message', data: 'a\nb' }]);
});

test('sse: an endless block ends the stream', () => {
  const p = new SseParser();
  assert.throws(() => p.push('data: ' + 'x'.repeat(5 * 1024 * 1024)));
});

test('layout: own tile follows the composer', () => {
  assert.equal(tileOf('1:7', ['a', 'b'], 'c'), null);
  assert.deepEqual(tileOf('1:7', ['a'], 'a'), { left: 0, top: 0, width: 100, height: 100 });
  assert.deepEqual(tileOf('1:7', ['a', 'b'], 'b'), { left: 75, top: 37.5, width: 25, height: 25 });
  assert.deepEqual(tileOf('4:0', ['a', 'b', 'c', 'd'], 'd'), { left: 50, top: 50, width: 50, height: 50 });
  assert.equal(tileOf('9:9', ['a'], 'a'), null);
});

test('layout: gap and corners are those of the composer', () => {
  assert.deepEqual(tileTrim(1280, 720), { gap: 2, radius: 12 });
  assert.deepEqual(tileTrim(640, 360), { gap: 2, radius: 6 });
  assert.deepEqual(tileTrim(320, 180), { gap: 0, radius: 0 });
});

test('layout: the own view takes the next free tile', () => {
  // the one other fills the picture: nothing is free
  assert.equal(freeTile('1:7', 1), null);
  assert.deepEqual(freeTile('1:7', 2), { left: 75, top: 62.5, width: 25, height: 25 });
  assert.deepEqual(freeTile('1:7', 3), { left: 75, top: 75, width: 25, height: 25 });
  assert.equal(freeTile('1:7', 4), null);
  assert.equal(freeTile('1:7', 5), null);
  assert.deepEqual(freeTile('1:7', 7), { left: 50, top: 75, width: 25, height: 25 });
  assert.equal(freeTile('1:7', 8), null);
  assert.deepEqual(freeTile('4:0', 3), { left: 50, top: 50, width: 50, height: 50 });
  assert.equal(freeTile('4:0', 0), null);
  assert.equal(freeTile('9:9', 2), null);
});

const OFFER = [
  'v=0', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9', 'c=IN IP4 0.0.0.0', 'a=mid:0',
  'a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', 'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2', 'a=rtpmap:9 G722/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', 'a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 nack', '',
].join('\r\n');

test('sdp: sound asks for nack once, the rest stays as it was', () => {
  const got = withAudioNack(OFFER);
  assert.deepEqual(got.split('\r\n').filter((l) => !OFFER.split('\r\n').includes(l)), ['a=rtcp-fb:111 nack']);
  assert.match(got, /a=rtpmap:111 opus\/48000\/2\r\na=rtcp-fb:111 nack\r\n/);
  assert.equal(got.replace('a=rtcp-fb:111 nack\r\n', ''), OFFER);
  assert.equal(withAudioNack(got), got);
});

test('sdp: an offer without opus passes unchanged', () => {
  const plain = OFFER.replace('a=rtpmap:111 opus/48000/2\r\n', '');
  assert.equal(withAudioNack(plain), plain);
  assert.equal(withAudioNack(''), '');
  // opus named in the picture's section is not sound
  const odd = OFFER.replace('m=audio', 'm=video');
  assert.equal(withAudioNack(odd), odd);
});

test('address: the code in the path, the key in the fragment', () => {
  assert.deepEqual(readAddress('/meet/board', '#invitation=aB3_-9'), { alias: 'board', invitation: 'aB3_-9' });
  assert.deepEqual(readAddress('/', '#/board%40x?invitation=k'), { alias: 'board@x', invitation: 'k' });
  assert.deepEqual(readAddress('/meet/sip%3Aboard', ''), { alias: 'sip:board', invitation: '' });
  assert.deepEqual(readAddress('/', ''), { alias: '', invitation: '' });
  // what is no key, and what cannot be read
  for (const bad of ['#invitation=', '#invitation=a%20b', '#invitation=<script>', '#invitation=' + 'k'.repeat(65), '#x=1', '#%ff'])
    assert.equal(readAddress('/meet/board', bad).invitation, '', bad);
  assert.equal(readAddress('/meet/%ff', '').alias, '');
  assert.equal(readAddress('/meet/a/b', '').alias, '');
  assert.equal(plainAddress('/', { alias: 'board@x', invitation: 'k' }), '/meet/board%40x');
  assert.equal(plainAddress('/', { alias: '', invitation: 'k' }), '/');
});

test('ice: the servers that the join named', () => {
  assert.deepEqual(peerConfig({}), { bundlePolicy: 'max-bundle', iceServers: [], iceTransportPolicy: 'all' });
  const c = peerConfig({
    stun: [{ url: 'stun:s:3478' }],
    turn: [{ urls: ['turn:t:3478?transport=udp'], username: 'u', credential: 'c' }, { urls: [] }],
    use_relay_candidates_only: true,
  });
  assert.deepEqual(c.iceServers, [{ urls: 'stun:s:3478' }, { urls: ['turn:t:3478?transport=udp'], username: 'u', credential: 'c' }]);
  assert.equal(c.iceTransportPolicy, 'relay');
});

test('refusals are said in words, those of policy as they are', () => {
  assert.equal(refusalText('Participant limit reached', ''), 'The meeting is full.');
  assert.equal(refusalText('Participant limit reached', '89ba07435f16e5e7'), 'The meeting is full. (reference 89ba07435f16e5e7)');
  assert.match(refusalText('Only staff may enter', ''), /: Only staff may enter$/);
  assert.doesNotMatch(refusalText('', ''), /:/);
});

test('reasons are said in words', () => {
  assert.match(reasonText('Disconnected by another participant'), /removed you/);
  assert.match(reasonText('something new'), /something new/);
});

test('sdp: the section of presentations is marked, once, and no other', () => {
  const sdp = 'v=0\r\nm=audio 9 X 1\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\nm=video 9 X 96\r\na=mid:2\r\na=sendrecv\r\n';
  const marked = withSlides(sdp, '2');
  assert.equal(marked, sdp.replace('a=mid:2\r\n', 'a=mid:2\r\na=content:slides\r\n'));
  assert.equal(withSlides(marked, '2'), marked);
  assert.equal(withSlides(sdp, '0'), sdp);
  assert.equal(withSlides(sdp, '9'), sdp);
  assert.equal(withSlides(sdp, null), sdp);
});
