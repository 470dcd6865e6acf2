// Event streams, and what happens when core goes away and comes back.
//
// Schedule: waits, 30 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { C, CALL, House, P, offer, sleep } from './house.mjs';

let house;
before(async () => { house = await House.start(); });
after(() => house.stop());

async function open() {
  const { token } = await house.join();
  const stream = await house.stream(token);
  const id = Number((await house.line(new RegExp(`^stream (\\d+) room1 ${token}$`)))[1]);
  return { token, stream, id };
}

// Core goes, and web has noticed.
function down() {
  house.order('down');
  return house.line(/^link lost$/);
}

test('a stream begins with the whole state', async () => {
  const { stream } = await open();
  assert.equal(stream.status, 200);
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  assert.equal(stream.headers['cache-control'], 'no-store');
  await stream.next('stage');
  const names = ['conference_update', 'participant_sync_begin', 'participant_create', 'participant_sync_end', 'layout'];
  assert.deepEqual(stream.blocks.map((b) => b.event), names);
  for (const b of stream.blocks) {
    assert.match(b.raw, /^id: [\w-]{12}\nevent: \w+\ndata: \S.*$/);
    JSON.parse(b.data);
  }
  assert.equal(JSON.parse(stream.blocks[2].data).role, 'chair');
  stream.destroy();
});

test('a bad token is refused before any event', async () => {
  const stream = await house.stream('nobody');
  assert.equal(stream.status, 403);
});

test('a quiet stream gets comments of their own', { timeout: 90000 }, async () => {
  const { stream } = await open();
  const comment = await stream.next('comment');
  assert.equal(comment.raw, ':');
  stream.destroy();
});

test('a client that leaves is reported', async () => {
  const { stream, id } = await open();
  stream.destroy();
  await house.line(new RegExp(`^closed ${id}$`));
});

test('kick: the reason goes out before the end', async () => {
  const { stream, id } = await open();
  house.order(`kick ${id}`);
  const last = await stream.next('disconnect');
  assert.deepEqual(JSON.parse(last.data), { reason: 'Disconnected by another participant' });
  await new Promise((ok) => { if (stream.closed) ok(); else stream.onclose = ok; });
});

test('one event reaches all', async () => {
  const all = await Promise.all([1, 2, 3].map(open));
  house.order('say 10 1');
  for (const { stream } of all) {
    const m = await stream.next('message_received');
    assert.equal(JSON.parse(m.data).payload, 'x'.repeat(10));
    stream.destroy();
  }
});

test('a listener that does not read is cut, others are not', { timeout: 150000 }, async () => {
  const { stream } = await open();
  const { token } = await house.join();
  const slow = await house.connect();
  slow.on('error', () => {});
  slow.pause();
  slow.write(`GET ${C}/events?token=${token} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const id = (await house.line(new RegExp(`^stream (\\d+) room1 ${token}$`)))[1];
  let closed = false;
  const gone = house.line(new RegExp(`^closed ${id}$`), 100000).then(() => { closed = true; });
  for (let i = 0; i < 1200 && !closed; i++) {
    house.order('say 60000 4');
    await sleep(50);
  }
  await gone;
  house.order('say 7 1');
  let got;
  do got = await stream.next('message_received'); while (JSON.parse(got.data).payload.length !== 7);
  slow.destroy();
  stream.destroy();
});

test('what a client sends on a stream is ignored, too much ends it', async () => {
  const { token } = await house.join();
  const socket = await house.connect();
  socket.on('error', () => {});
  socket.resume();
  socket.write(`GET ${C}/events?token=${token} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const id = (await house.line(new RegExp(`^stream (\\d+) room1 ${token}$`)))[1];
  for (let i = 0; i < 10; i++) socket.write('x'.repeat(1000));
  await house.line(new RegExp(`^closed ${id}$`));
});

test('core restarts: streams stay and are told again, with the newest token', { timeout: 120000 }, async () => {
  const a = await open();
  await a.stream.next('stage');
  const newest = (await house.post(`${C}/refresh_token`, { token: a.token })).json.result.token;
  const second = (await house.post(`${C}/refresh_token`, { token: a.token })).json.result.token;
  const third = (await house.post(`${C}/refresh_token`, { token: newest })).json.result.token;
  assert.equal(new Set([a.token, newest, second, third]).size, 4);
  await down();
  assert.equal((await house.get('/api/client/v2/status')).status, 503);
  house.order('up');
  await house.line(new RegExp(`^stream ${a.id} room1 ${third}$`));
  await a.stream.next('participant_sync_begin');
  await a.stream.next('stage');
  assert.equal(a.stream.closed, false);
  a.stream.destroy();
  await house.line(new RegExp(`^closed ${a.id}$`));
});

test('requests at a core that goes away are answered in their clients\' form', async () => {
  const { token } = await house.join();
  const pending = house.post('/api/client/v2/conferences/silent/request_token', { body: { display_name: 'A' } });
  const buzz = house.post(`${C}/clearallbuzz`, { token });
  await sleep(300);
  await down();
  for (const r of [await pending, await buzz]) {
    assert.equal(r.status, 503);
    assert.deepEqual(r.json, { status: 'failed', result: '503 Service Unavailable' });
  }
  house.order('up');
  await sleep(200);
});

test('requests wait up to three seconds for a new core', { timeout: 120000 }, async () => {
  const { token } = await house.join();
  await down();
  const lock = house.post(`${C}/lock`, { token });
  const join = house.post(`${C}/request_token`, { body: { display_name: 'A' }, headers: { pin: '1234' } });
  await sleep(1000);
  house.order('up');
  assert.equal((await lock).status, 200);
  assert.equal((await join).status, 200);
  await down();
  const from = Date.now();
  const late = await Promise.all([
    house.post(`${C}/lock`, { token }), house.post(`${P}/calls`, { token, body: { sdp: offer } }),
    house.post(`${CALL}/update`, { token, body: { sdp: offer } }), house.post(`${CALL}/new_candidate`, { token, body: {} }),
    house.post(`${CALL}/disconnect`, { token }), house.get(`${C}/events?token=${token}`),
  ]);
  const took = Date.now() - from;
  assert.ok(took > 2500 && took < 60000, `${took}`);
  assert.deepEqual(late.map((r) => r.status), [503, 504, 503, 502, 503, 503]);
  assert.deepEqual(late.map((r) => Boolean(r.json)), [true, false, false, false, false, true]);
  house.order('up');
  await sleep(200);
  assert.equal((await house.post(`${C}/lock`, { token })).status, 200);
});
