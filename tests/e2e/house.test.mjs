// The real start (`make run` after the build) on what an operator meets: each
// is one clear line that says what to do, a failure, and no changed data.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Platform, until } from './lib/platform.mjs';

let first; // one good first start: its data are copied for each test
let n = 0;

before(async () => {
  first = await Platform.startByRun();
  first.room('board', { pin: '246802' });
  first.child.kill('SIGINT');
  assert.deepEqual(await first.exited, { code: 0, signal: null });
});

after(() => first && rmSync(first.dir, { recursive: true, force: true }));

function copyOfData() {
  const to = join(first.dir, `data-${n++}`);
  execFileSync('cp', ['-a', first.data, to]);
  return to;
}

// Contents, owners and rights of all files. The guard's clock goes on, the audit log grows and the journal
// of live meetings is written anew when core starts.
function fingerprint(dir) {
  const rows = [];
  const walk = (d, name) => {
    for (const e of readdirSync(d, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(d, e.name);
      const s = lstatSync(path);
      rows.push(`${name}${e.name} ${s.mode.toString(8)} ${s.uid}`);
      if (e.isDirectory() && e.name !== 'audit') walk(path, `${name}${e.name}/`);
      else if (e.isFile() && !['live.journal', 'guard'].includes(e.name)) rows.push(createHash('sha256').update(readFileSync(path)).digest('hex'));
    }
  };
  walk(dir, '');
  return rows.join('\n');
}

// Starts on these data and must refuse: what was said on the terminal.
async function refuses(t, data, { seen = data, ...options } = {}) {
  const was = fingerprint(seen);
  const p = await Platform.startByRun({ data, refuses: true, ...options });
  const how = await Promise.race([p.exited, new Promise((ok) => setTimeout(() => ok(null), 60000))]);
  if (!how) p.child.kill('SIGTERM');
  await p.exited;
  p.libexec = join(p.env.CONCLAVE_STAGE, 'usr/local/libexec/conclave');
  const said = p.said.trim();
  t.diagnostic(said);
  try {
    assert.ok(how, `it goes on: ${said}\n${p.log()}`);
    assert.equal(how.signal, null);
    assert.notEqual(how.code, 0);
    assert.equal(said.split('\n').length, 1, said);
    assert.deepEqual(p.leftovers().filter((l) => !(options.port && l.endsWith(`port ${options.port}`))), []);
    assert.equal(fingerprint(seen), was, 'the data changed');
  } finally {
    rmSync(p.dir, { recursive: true, force: true });
  }
  return said;
}

async function starts(data, options = {}) {
  const p = await Platform.startByRun({ data, ...options });
  try {
    assert.equal(p.cli('list', 'conference').filter((r) => r.name === 'board').length, 1);
    await until('it says where', () => new RegExp(`serving; .*\n(.*\n)* *https://localhost:${p.port}/`).test(p.said));
  } finally {
    p.child.kill('SIGINT');
    assert.deepEqual(await p.exited, { code: 0, signal: null });
    rmSync(p.dir, { recursive: true, force: true });
  }
}

test('a second start changes nothing', async () => {
  const data = copyOfData();
  const keys = () => execFileSync('sh', ['-c', `sha256sum ${data}/data.key ${data}/tls/*`], { encoding: 'utf8' });
  const was = keys();
  await starts(data);
  assert.equal(keys(), was);
});

test('a busy port', async (t) => {
  const busy = createServer();
  await new Promise((ok) => busy.listen(0, '0.0.0.0', ok));
  const { port } = busy.address();
  const data = copyOfData();
  try {
    const said = await refuses(t, data, { port });
    assert.match(said, new RegExp(`TCP port ${port}: in use by another program: stop it or choose another with --https-port \\(make run: CONCLAVE_HTTPS_PORT\\)`));
  } finally {
    busy.close();
  }
  await starts(data);
});

function overwrite(path, bytes, mode = 0o400) {
  const s = statSync(path);
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  chownSync(path, s.uid, s.gid);
}

test('a TLS key that is none', async (t) => {
  const data = copyOfData();
  overwrite(join(data, 'tls/server.key'), 'garbage\n');
  assert.match(await refuses(t, data), /server\.key.*(restore|put)/);
});

test('a TLS key that is gone', async (t) => {
  const data = copyOfData();
  rmSync(join(data, 'tls/server.key'));
  assert.match(await refuses(t, data), /server\.key.*backup/);
});

test('a TLS key that others may read', async (t) => {
  const data = copyOfData();
  chmodSync(join(data, 'tls/server.key'), 0o644);
  assert.match(await refuses(t, data), /server\.key may be read by others: chmod 0400/);
});

test('a TLS key that cannot be opened', async (t) => {
  const data = copyOfData();
  const key = join(data, 'tls/server.key');
  if (process.getuid() === 0) {
    // root reads everything: a link that leads to itself stops him, too
    rmSync(key);
    symlinkSync('server.key', key);
  } else {
    chmodSync(key, 0);
  }
  assert.match(await refuses(t, data), /server\.key/);
});

test('a certificate that is none', async (t) => {
  const data = copyOfData();
  overwrite(join(data, 'tls/server.crt'), 'garbage\n', 0o444);
  assert.match(await refuses(t, data), /server\.crt.*restore/);
});

test('a data key that is cut', async (t) => {
  const data = copyOfData();
  overwrite(join(data, 'data.key'), 'short');
  assert.match(await refuses(t, data), /data\.key.*backup/);
});

test('another data key', async (t) => {
  const data = copyOfData();
  overwrite(join(data, 'data.key'), Buffer.alloc(32, 7));
  assert.match(await refuses(t, data), /key/);
});

function sql(data, text) {
  execFileSync('python3', ['-c', `import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.executescript(sys.argv[2])
c.commit()
c.close()`, join(data, 'core/conclave.db'), text]);
  const s = statSync(join(data, 'core'));
  for (const f of readdirSync(join(data, 'core'))) chownSync(join(data, 'core', f), s.uid, s.gid);
}

test('a database of a newer version', async (t) => {
  const data = copyOfData();
  sql(data, 'PRAGMA user_version = 99');
  assert.match(await refuses(t, data), /version 99.*made by a newer version; install that version or restore a backup/);
  sql(data, 'PRAGMA user_version = 1');
  await starts(data);
});

test('a damaged database', async (t) => {
  const data = copyOfData();
  const path = join(data, 'core/conclave.db');
  const bytes = readFileSync(path);
  bytes.fill(0xa5, 0, 4096);
  overwrite(path, bytes, 0o600);
  assert.match(await refuses(t, data), /conclave\.db.*backup|damaged/);
});

// A small file system, filled to the last block, in a mount namespace of its
// own: it goes when the process goes that holds it.
async function onFullDisk(data, mb, run) {
  const at = join(first.dir, `disk-${n++}`);
  mkdirSync(at);
  // in a chroot / is no mount point, and nothing can be made private
  const propagation = spawnSync('unshare', ['-m', '--propagation', 'private', 'true'], { stdio: 'ignore' }).status === 0 ? 'private' : 'unchanged';
  const holder = spawn('unshare', ['-m', '--propagation', propagation, 'sh', '-c',
    `mount -t tmpfs -o size=${mb + (data ? Math.ceil(statSync(join(data, 'core/guard')).size / 2 ** 20) : 0)}m,mode=711 none ${at} && echo mounted && read over; umount -l ${at}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const over = new Promise((ok) => holder.once('close', ok));
  try {
    assert.equal(String(await new Promise((ok) => holder.stdout.once('data', ok))).trim(), 'mounted');
    const seen = `/proc/${holder.pid}/root${at}`;
    if (data) execFileSync('cp', ['-a', data, `${seen}/data`]);
    const fill = () => spawnSync('dd', ['if=/dev/zero', `of=${seen}/fill`, 'bs=4k'], { stdio: 'ignore' });
    fill();
    await run({
      data: join(at, 'data'), fill, free: () => rmSync(`${seen}/fill`),
      options: { seen: `${seen}/data`, wrap: ['nsenter', '-t', String(holder.pid), '-m', '-r', '-w', '--'] },
    });
  } finally {
    holder.stdin.end();
    await over;
  }
}

const root = { skip: process.getuid() !== 0 && 'mounting needs root' };

test('a full disk at the start', root, (t) => onFullDisk(copyOfData(), 4, async (disk) => {
  assert.match(await refuses(t, disk.data, disk.options), /no space left.*free some disk space and start again/);
  disk.free();
  await starts(disk.data, disk.options);
}));

test('a full disk at the first start', root, (t) => onFullDisk(null, 1, async (disk) => {
  mkdirSync(disk.options.seen);
  assert.match(await refuses(t, disk.data, disk.options), /no space left.*free some disk space/i);
  assert.deepEqual(readdirSync(disk.options.seen), []);
}));

test('a disk that fills up later ends nothing', root, () => onFullDisk(copyOfData(), 8, async (disk) => {
  disk.free();
  const p = await Platform.startByRun({ data: disk.data, ...disk.options });
  try {
    disk.fill();
    p.kill('core');
    await until('core is dead or refuses', () => /role died role="core"/.test(p.log()));
    assert.equal(p.child.exitCode, null);
    disk.free();
    await until('core serves', () => p.cli('status'));
    assert.equal(p.cli('list', 'conference').filter((r) => r.name === 'board').length, 1);
    await until('it says where', () => new RegExp(`serving; .*\n(.*\n)* *https://localhost:${p.port}/`).test(p.said));
  } finally {
    p.child.kill('SIGINT');
    assert.deepEqual(await p.exited, { code: 0, signal: null });
    rmSync(p.dir, { recursive: true, force: true });
  }
}));
