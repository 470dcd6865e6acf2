// The scanners that find SIP servers in the wild, against ours: they find nothing, and who proves where he
// is, by a connection or a nonce that came back, is shut out by the kernel. A packet alone proves nothing:
// it is dropped, and nobody is banned in its sender's name.
//
// Schedule: waits, 90 s. Most of it the scanners wait for answers that do not come
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');

const HOME = '10.66.0.1', CLEAR = 5060, TLS = 5061;
const ALARM = 'possible_voip_scanner_ips_blocked';
const ROOT = process.getuid() === 0;
const dir = mkdtempSync(join(tmpdir(), 'cv-scanners-'));
let town, platform, port = 25000, last = 0;

before(async () => {
  const missing = ['svmap', 'svwar', 'svcrack', 'nmap', ...(ROOT ? ['nft'] : [])].filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' }).status !== 0);
  assert.deepEqual(missing, [], 'programs that are missing');
  town = await Town.build();
  const options = { CONCLAVE_HOSTS: `localhost ${HOME}`, CONCLAVE_ADVERTISE: HOME, CONCLAVE_SIP_PORT: TLS, CONCLAVE_SIP_CLEAR_PORT: CLEAR, CONCLAVE_MEDIA_PORT_FIRST: 40000, CONCLAVE_MEDIA_PORT_LAST: 40999, CONCLAVE_FIREWALL: 'bans' };
  platform = ROOT ? await Platform.startByRun({ env: options }) : await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: TLS, sipClearPort: CLEAR, mediaPort: 40000, mediaPorts: 1000, roles: ['sip', 'courier'] });
  if (ROOT) await until('bans are in the kernel', () => platform.cli('status')[0].bans_in_kernel);
  for (const alias of ['100000', '100004']) platform.room(alias, { pin: '248163' });
  platform.cli('create', 'device', 'alias=100002', 'username=100002', 'password=correct-horse', 'enable_sip=true');
});
after(async () => {
  veils.forEach((v) => v.stdin.end());
  await platform?.stop();
  await town?.raze();
  rmSync(dir, { recursive: true, force: true });
});

const newcomer = () => `10.77.241.${++last}`;
// A program in the town: what it printed.
async function runs(...args) {
  const child = town.spawn(args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: dir, env: { ...process.env, HOME: dir } });
  let text = '';
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => (text += d));
  const stop = setTimeout(() => child.kill('SIGKILL'), 40000);
  await once(child, 'close');
  clearTimeout(stop);
  return text;
}
// What a scanner of sipvicious found: the rows of its table, [] for none.
async function finds(tool, ...args) {
  const text = await runs(tool, '-x', '127.0.0.1', ...args);
  assert.match(text, /found nothing|╒|\+=|\|/, `${tool} ran: ${text}`);
  return text.split('\n').filter((l) => /^[|│]/.test(l)).slice(1);
}
const svwar = (v, ...args) => finds('svwar', '--force', '-e', '100000-100006', '--domain', HOME, '-p', String(v.listen), '-t', '0.05', '--maximumtime=2', ...args, '127.0.0.1');
const veils = [];
async function veil(orders) {
  const listen = port++;
  const child = town.spawn([process.execPath, fileURLToPath(new URL('lib/veil.mjs', import.meta.url)), JSON.stringify({ host: HOME, port: orders.how === 'tls' ? TLS : CLEAR, listen, ...orders })], { stdio: ['pipe', 'pipe', 'inherit'] });
  veils.push(child);
  await once(child.stdout, 'data');
  return { listen, end: () => child.stdin.end() };
}
const held = (ip) => JSON.stringify(platform.cli('guard', 'list')).includes(ip);
const inKernel = (ip) => spawnSync('nft', ['get', 'element', 'inet', 'conclave', 'ban4_sip', `{ ${ip} }`], { stdio: 'ignore' }).status === 0;
const alarm = (ip) => platform.cli('alarms', 'list').some((a) => a.name === ALARM && JSON.stringify(a).includes(ip));
const switches = (guests) => platform.cli('change', 'global', 'enable_sip_udp=true', 'enable_sip_tcp=true', 'outbound_allowed_networks=10.77.0.0/16', `sip_guests=${guests}`);
const answersOn = (proto) => (/^5060\/\w+\s+(\S+)/m.exec(proto) ?? [])[1];

test('a default installation answers nothing on 5060', { timeout: 60000 }, async () => {
  const source = newcomer();
  assert.equal(answersOn(await runs('nmap', '-n', '-Pn', '-S', source, '-e', 'cv-town', '-sT', '-p', String(CLEAR), HOME)), 'closed');
  if (ROOT) assert.equal(answersOn(await runs('nmap', '-n', '-Pn', '-sU', '-p', String(CLEAR), HOME)), 'closed');
  assert.deepEqual(await finds('svmap', '-p', String(CLEAR), HOME), []);
});

for (const guests of [false, true]) {
  test(`sip_guests=${guests}: scanners that say who they are find nothing and ban nobody by packets`, { timeout: 90000 }, async () => {
    switches(guests);
    await until('UDP is answered', async () => {
      const v = await veil({ how: 'udp', source: newcomer(), agent: 'phone 1' });
      const rows = await finds('svmap', '-p', String(v.listen), '127.0.0.1');
      v.end();
      return rows.length === 1;
    });
    const source = newcomer();
    const v = await veil({ how: 'udp', source });
    assert.deepEqual(await finds('svmap', '-p', String(v.listen), '127.0.0.1'), []);
    assert.deepEqual(await svwar(v, '-m', 'INVITE'), []);
    v.end();
    assert.ok(!held(source), 'a packet proves nothing');
  });

  test(`sip_guests=${guests}: neither svwar under another name nor we tell rooms and devices from nothing`, { timeout: 120000 }, async (t) => {
    switches(guests);
    await Promise.all(['udp', 'tls'].flatMap((how) => ['REGISTER', 'INVITE', 'OPTIONS'].map(async (method) => {
      const v = await veil({ how, source: newcomer(), agent: 'phone 1', trace: join(dir, `${guests}-${how}-${method}`) });
      const text = await svwar(v, '-m', method);
      v.end();
      assert.deepEqual(text, [], `svwar, ${how} ${method}: ${text}`);
    })));
    for (const how of ['udp', 'tls'])
      for (const method of ['REGISTER', 'INVITE', 'OPTIONS']) {
        const report = Object.fromEntries(WHO.map((who) => [who, []]));
        // from several sources: twenty aliases that lead nowhere, and one is shut out
        for (let i = 0; i < SOURCES; i++) {
          const part = JSON.parse(await runs(process.execPath, fileURLToPath(new URL('lib/probe.mjs', import.meta.url)), JSON.stringify({ how, method, source: newcomer(), host: HOME, port: how === 'tls' ? TLS : CLEAR, aliases: WHO, rounds: ROUNDS })));
          for (const who of WHO) report[who].push(...part[who]);
        }
        const forms = new Map();
        for (const who of WHO) for (const a of report[who]) forms.set(form(a.text, who), [...new Set([...(forms.get(form(a.text, who)) ?? []), who])]);
        const ms = WHO.map((who) => middle(report[who].map((a) => a.ms)));
        t.diagnostic(`${how} ${method}: ${[...forms.keys()].map((f) => f?.split('\r\n')[0])}; median ms: ${WHO.map((who, i) => `${who} ${ms[i].toFixed(2)}`).join(', ')}`);
        assert.equal(forms.size, 1, `${how} ${method}: ${JSON.stringify([...forms], null, 1)}`);
        assert.ok([...forms.keys()][0], 'there are answers');
        assert.ok(Math.max(...ms) - Math.min(...ms) < Math.max(5, Math.min(...ms) / 2), `${how} ${method}: ${ms} ms`);
      }
  });
}

// A room, a device that nobody registered, nothing, and nothing that is no number.
const WHO = ['100000', '100002', '100005', 'xalice'], ROUNDS = 3, SOURCES = 5;
const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
// An answer without what must differ.
const form = (text, who) => text && text.replaceAll(who, 'ALIAS').replace(/nonce="[^"]*"/g, (x) => `nonce ${x.length}`)
  .replace(/(;tag=)(\w+)/g, (_, x, y) => `${x}${y.length}`).replace(/10\.77\.241\.\d+/g, 'SOURCE').replace(/(branch=)[^;\r]+/g, '$1').replace(/^(Call-ID:).*$/im, '$1')
  .replace(/rport=\d+/g, 'rport').replace(/^(Warning: 399 \S+ )"[^"]*"/im, '$1').replace(/inline:[^\r|]+/g, (x) => `inline ${x.length}`)
  .replace(/^(o=\S+) \d+ \d+/im, '$1').replace(/^(m=\w+) \d+/gim, '$1').replace(/^(a=(?:rtcp|ssrc):)\d+/gim, '$1').replace(/^(a=(?:ice-ufrag|ice-pwd|candidate):).*$/gim, '$1').replace(/^Content-Length: \d+/im, 'Content-Length')
  .replace(/^(Contact: <sip:)[^>]*>/im, '$1').replace(/(cname:)\S+/g, '$1').replace(/^(Via: [^:]+):\d+/im, '$1');

// Who is to be shut out, and how: [name, source] -> done when he is.
const scans = {
  'svmap over TLS': (source) => sip('tls', source, {}, (p) => ['svmap', '-p', p, '-m', 'OPTIONS', '127.0.0.1'], 4),
  'svwar over TCP': (source) => sip('tcp', source, {}, (p) => ['svwar', '--force', '-e', '100000-100020', '-p', p, '--maximumtime=2', '127.0.0.1'], 4),
  'svcrack over UDP': (source) => sip('udp', source, { agent: 'phone 1', md5: true }, crack, 2),
  'svcrack over TLS': (source) => sip('tls', source, { agent: 'phone 1', md5: true }, crack, 2),
  nmap: async (source) => {
    let said = '';
    for (let i = 0; i < 4 && !held(source); i++) said += await nmap(source);
    return said;
  },
};
const nmap = (source) => runs('sh', '-c', `ip addr add ${source}/32 dev cv-town; ip route replace ${HOME}/32 dev cv-town src ${source}
    nmap -n -Pn -sT -p ${CLEAR} --script sip-methods,sip-enum-users --script-args sip-enum-users.minext=100000,sip-enum-users.maxext=100020 ${HOME}; ip route replace ${HOME}/32 dev cv-town; ip addr del ${source}/32 dev cv-town`);
const crack = (p) => ['svcrack', '-u', '100002', '-d', passwords, '-p', p, '--maximumtime=3', '127.0.0.1'];
const passwords = join(dir, 'passwords');
writeFileSync(passwords, [...Array.from({ length: 60 }, (_, i) => `guess${i}`), 'correct-horse'].join('\n'));
async function sip(how, source, orders, command, times) {
  const v = await veil({ how, source, ...orders });
  let said = '';
  for (let i = 0; i < times && !held(source); i++) said += await runs(...command(String(v.listen)));
  v.end();
  return said;
}

// Beside each other: each has its own address, and waits most of the time.
describe('who proves where he is', { concurrency: true }, () => {
  for (const [name, scan] of Object.entries(scans))
    test(`${name}: finds nothing and is shut out; the alarm is raised and lowered`, { timeout: 90000 }, async (t) => {
      const source = newcomer();
      const said = await scan(source);
      t.diagnostic(said.trim().split('\n').slice(-6).join(' / '));
      assert.doesNotMatch(said, /correct-horse|Asterisk|Conclave|\| (?:100000|100002|100004)/);
      await until('the guard holds him', () => held(source), 10000).catch((e) => { throw new Error(`${e.message}: ${said}\n${JSON.stringify(platform.cli('sip', 'state'))}\n${platform.log()}`); });
      if (ROOT) await until('the kernel has him', () => inKernel(source), 2000);
      assert.ok(alarm(source), 'the alarm stands');
      platform.cli('guard', 'release', source);
      await until('the alarm is lowered', () => !alarm(source), 5000);
      if (ROOT) await until('the kernel has let him go', () => !inKernel(source), 5000);
      assert.ok(platform.cli('alarms', 'history').some((a) => a.name === ALARM && JSON.stringify(a).includes(source)), 'it stands in the history');
    });
});
