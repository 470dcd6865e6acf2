// conclave doctor: against name servers that know the platform, know it
// wrongly, or do not answer at all. The name server is a few lines of this
// file, in a network and with an /etc/resolv.conf of the test's own.
//
// Schedule: waits, 30 s.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import dgram from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

if (!process.env.CONCLAVE_OWN_NET) {
  const rights = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
  // in a chroot / is no mount point, and nothing can be made private
  const own = spawnSync('unshare', [...rights, '--mount', 'true'], { stdio: 'ignore' }).status === 0 ? [] : ['--propagation', 'unchanged'];
  const r = spawnSync('unshare', [...rights, '--net', '--mount', ...own, '--', process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    { stdio: 'inherit', env: { ...process.env, CONCLAVE_OWN_NET: '1' } });
  process.exit(r.status ?? 1);
}

const { Platform, TOP } = await import('./lib/platform.mjs');

const NAME = 'meet.example.org', HOME = '10.66.0.1', SIPS = 15061;
const A = 1, AAAA = 28, SRV = 33;
let platform, server, zone;

// --- a name server ------------------------------------------------------------

const encode = (name) => Buffer.concat([...name.split('.').filter(Boolean).map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)])), Buffer.from([0])]);
const rdata = {
  [A]: (v) => Buffer.from(v.split('.').map(Number)),
  [SRV]: ([priority, weight, port, host]) => {
    const b = Buffer.alloc(6);
    [priority, weight, port].forEach((v, i) => b.writeUInt16BE(v, 2 * i));
    return Buffer.concat([b, encode(host)]);
  },
};

function answer(q) {
  let at = 12;
  const labels = [];
  while (q[at]) {
    labels.push(q.toString('latin1', at + 1, at + 1 + q[at]).toLowerCase());
    at += 1 + q[at];
  }
  const name = labels.join('.'), type = q.readUInt16BE(at + 1);
  const records = zone[name]?.[type] ?? [];
  const head = Buffer.alloc(12);
  q.copy(head, 0, 0, 2);
  head.writeUInt16BE(zone[name] ? 0x8400 : 0x8403, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  const rows = records.map((v) => {
    const d = rdata[type](v), b = Buffer.alloc(12);
    b.writeUInt16BE(0xc00c, 0);
    b.writeUInt16BE(type, 2);
    b.writeUInt16BE(1, 4);
    b.writeUInt32BE(1, 6);
    b.writeUInt16BE(d.length, 10);
    return Buffer.concat([b, d]);
  });
  return Buffer.concat([head, q.subarray(12, at + 5), ...rows]);
}

const good = () => ({
  [NAME]: { [A]: [HOME], [AAAA]: [] },
  [`_sips._tcp.${NAME}`]: { [SRV]: [[10, 10, SIPS, NAME]] },
  [`_sip._tls.${NAME}`]: { [SRV]: [[10, 10, SIPS, NAME]] },
});

before(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['addr', 'add', `${HOME}/32`, 'dev', 'lo']);
  const file = join(mkdtempSync(join(tmpdir(), 'cv-doctor-')), 'resolv.conf');
  writeFileSync(file, 'nameserver 127.0.0.1\noptions timeout:1\n');
  execFileSync('mount', ['--bind', file, '/etc/resolv.conf']);
  zone = good();
  server = dgram.createSocket('udp4');
  server.on('message', (q, from) => zone && server.send(answer(q), from.port, from.address));
  await new Promise((ok) => server.bind(53, '127.0.0.1', ok));
  platform = await Platform.start({ advertise: HOME, args: ['--host', NAME], sipPort: SIPS, roles: ['sip', 'courier'] });
});
after(async () => {
  await platform?.stop();
  server?.close();
});

const program = join(process.env.CONCLAVE_BUILD ?? join(TOP, 'build'), 'src/cli/conclave');
const doctor = async (...args) => {
  // not execFileSync: this process is the name server
  const { spawn } = await import('node:child_process');
  const child = spawn(program, [...args, '--socket', join(platform.run, 'cli.sock'), 'doctor'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '', err = '';
  child.stdout.on('data', (d) => (text += d));
  child.stderr.on('data', (d) => (err += d));
  const status = await new Promise((ok) => child.once('close', ok));
  return { status, text, err };
};
const lines = async () => {
  const r = await doctor('--json');
  return { status: r.status, all: JSON.parse(r.text || `[{"what":${JSON.stringify(r.err)}}]`) };
};
const line = (l, what) => l.all.find((x) => x.what.startsWith(what)) ?? assert.fail(`${what}\n${JSON.stringify(l.all, null, 1)}`);

test('what is right is told, what is wrong is named with its cure', { timeout: 60000 }, async (t) => {
  const l = await lines();
  t.diagnostic((await doctor()).text);
  assert.deepEqual([line(l, `name ${NAME}`).result, line(l, `name ${NAME}`).evidence], ['ok', `A/AAAA: ${HOME}`]);
  for (const r of [`record _sips._tcp.${NAME}`, `record _sip._tls.${NAME}`]) assert.deepEqual([line(l, r).result, line(l, r).evidence], ['ok', `SRV: 10 10 ${SIPS} ${NAME}`]);
  // the certificate of the tests is for localhost, by a CA of its own
  assert.equal(line(l, `certificate for ${NAME}`).result, 'FAIL');
  assert.match(line(l, `certificate for ${NAME}`).fix, new RegExp(`DNS:${NAME}`));
  assert.equal(line(l, "certificate's time").result, 'ok');
  assert.equal(line(l, "certificate's chain").result, 'warn');
  assert.deepEqual([line(l, `address ${HOME}`).result, line(l, `address ${HOME}`).evidence], ['warn', 'private, of this machine']);
  assert.equal(line(l, `port ${SIPS}/tcp`).result, 'ok');
  assert.equal(line(l, 'port ' + platform.port).result, 'ok');
  for (const r of ['role web', 'role sip', 'role courier', 'role media', 'rights of data.key', 'rights of tls/server.key', 'disk']) assert.equal(line(l, r).result, 'ok', r);
  assert.ok(['ok', 'warn'].includes(line(l, 'clock').result));
  assert.equal(l.status, 1, 'a FAIL is an exit code');
  for (const x of l.all) assert.equal(x.result === 'ok', x.fix === '', JSON.stringify(x));
});

test('records that are missing or lead elsewhere', { timeout: 60000 }, async () => {
  zone = { [NAME]: { [A]: ['203.0.113.9'] }, [`_sip._tls.${NAME}`]: { [SRV]: [[10, 10, 5071, NAME]] } };
  const l = await lines();
  assert.deepEqual([line(l, `name ${NAME}`).result, line(l, `name ${NAME}`).evidence], ['warn', 'A/AAAA: 203.0.113.9']);
  assert.equal(line(l, `record _sips._tcp.${NAME}`).result, 'warn');
  assert.equal(line(l, `record _sips._tcp.${NAME}`).fix, `_sips._tcp.${NAME}. IN SRV 10 10 ${SIPS} ${NAME}.`);
  assert.equal(line(l, `record _sip._tls.${NAME}`).result, 'FAIL');
  zone = {};
  assert.equal(line(await lines(), `name ${NAME}`).result, 'FAIL');
});

test('a name server that says nothing holds nobody up', { timeout: 60000 }, async () => {
  zone = null;
  const from = Date.now();
  const l = await lines();
  assert.ok(Date.now() - from < 15000);
  assert.equal(line(l, `name ${NAME}`).result, 'warn');
  assert.match(line(l, `name ${NAME}`).evidence, /cannot be told/);
  zone = good();
});

test('rights that are too wide', { timeout: 60000 }, async () => {
  chmodSync(join(platform.data, 'tls/server.key'), 0o444);
  const l = await lines();
  assert.deepEqual([line(l, 'rights of tls/server.key').result, line(l, 'rights of tls/server.key').fix], ['FAIL', 'chmod 0400']);
  chmodSync(join(platform.data, 'tls/server.key'), 0o400);
});
