// 5,000 idle event streams on one process (fewer when the open-file limit
// does not permit it).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { C, House, sleep } from './house.mjs';

let house;
before(async () => { house = await House.start(); });
after(() => house.stop());

const pss = () => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${house.pid}/smaps_rollup`, 'utf8'))[1]);
const cpu = () => {
  const f = readFileSync(`/proc/${house.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(f[11]) + Number(f[12])) * 10;
};

test('5,000 idle streams', { timeout: 400000 }, async (t) => {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -n']));
  const want = Math.min(5000, limit - 300);
  for (const name of ['max_connections_per_source', 'max_streams_per_source', 'max_handshakes_per_source']) await house.set(name, 16000);
  for (const name of ['max_requests_per_source', 'max_connection_rate', 'max_request_rate']) await house.set(name, 100000);
  const before = pss();
  const from = Date.now();
  const sockets = [];
  let open = 0;
  let heard = 0;
  async function one(i) {
    const s = await house.connect();
    sockets.push(s);
    let begun = false;
    s.on('error', () => {});
    s.on('data', (d) => {
      const text = d.toString('latin1');
      if (!begun && text.includes('text/event-stream')) { begun = true; open++; }
      if (text.includes('message_received')) heard++;
    });
    s.write(`GET ${C}/events?token=host-many${i} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  }
  for (let i = 0; i < want; i += 50) await Promise.all(Array.from({ length: Math.min(50, want - i) }, (_, k) => one(i + k)));
  while (open < want && Date.now() - from < 120000) await sleep(100);
  assert.equal(open, want);
  t.diagnostic(`${want} streams in ${Date.now() - from} ms, ${((pss() - before) / want).toFixed(1)} KB each`);
  const idleFrom = cpu();
  await sleep(5000);
  t.diagnostic(`idle: ${cpu() - idleFrom} ms of CPU in 5 s`);
  const asked = Date.now();
  for (let i = 0; i < 100; i++) assert.equal((await house.get('/')).status, 200);
  t.diagnostic(`100 requests beside them: ${Date.now() - asked} ms`);
  house.order('say 20 1');
  for (let i = 0; i < 1200 && heard < want; i++) await sleep(50);
  assert.equal(heard, want);
  const resync = Date.now();
  house.order('down');
  await sleep(300);
  house.order('up');
  await house.line(/^stream \d+ room1 host-many/);
  let told = 1;
  while (told < want) { await house.line(/^stream \d+ room1 host-many/, 60000); told++; }
  t.diagnostic(`told to a new core in ${Date.now() - resync - 300} ms`);
  for (const s of sockets) s.destroy();
});
