// What hostile programs send to the SIP face: it is bounded and counted, gets the safest answer, and nothing of it reaches
// somebody else. The clear ports are open here; the attackers sit in a town of their own.
//
// Schedule: waits, 90 s. Most of it slow connections that are cut after 15 and 30 s.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Town, ownNet } from '../e2e/lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('../e2e/lib/platform.mjs');
const { rss } = await import('./lib.mjs');

const HOME = '10.66.0.1', CLEAR = 5060, TLS = 5061;
let town, platform, last = 0;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: TLS, sipClearPort: CLEAR, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: '248163' });
  platform.cli('change', 'global', 'enable_sip_udp=true', 'enable_sip_tcp=true', 'sip_guests=true', 'outbound_allowed_networks=10.77.0.0/16', 'management_allowed_networks=10.78.0.0/16');
  await until('TCP is answered', async () => (await attack('pipeline', { source: newcomer(), count: 1 })).answers['200'] === 1);
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
  await town?.raze();
});

const newcomer = () => `10.77.${100 + (last >> 7)}.${1 + (last++ & 127)}`;
const newcomers = (n) => Array.from({ length: n }, newcomer);
const figures = () => platform.cli('sip', 'state')[0];
const figure = (name) => Number(figures()[name] ?? 0);
function start(task, orders) {
  const child = town.spawn([process.execPath, fileURLToPath(new URL('sip_attacker.mjs', import.meta.url)), task, JSON.stringify({ host: HOME, clear: CLEAR, secure: TLS, ...orders })], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '', said = '';
  child.stdout.on('data', (d) => (text += d));
  child.stderr.on('data', (d) => (said += d));
  const report = once(child, 'close').then(() => {
    assert.ok(text, `${task} reported: ${said}`);
    return JSON.parse(text);
  });
  return { child, report };
}
const attack = (task, orders) => start(task, orders).report;
const sip = () => {
  const pids = platform.pids('sip');
  assert.equal(pids.length, 1);
  return pids[0];
};
let first;
test('truncated and slow connections end, and others are served meanwhile', { timeout: 90000 }, async (t) => {
  first = sip();
  const was = rss(first), slow = figure('connections too slow');
  const siege = start('slow', { source: newcomer(), count: 100, ms: 45000 });
  await once(siege.child.stderr, 'data');
  let most = 0;
  for (let i = 0; i < 10; i++) {
    const since = Date.now();
    assert.deepEqual((await attack('pipeline', { source: newcomer(), count: 1 })).answers, { 200: 1 });
    most = Math.max(most, Date.now() - since);
  }
  const { ended, last: ms } = await siege.report;
  t.diagnostic(`the last of 100 was cut after ${ms} ms; sip grew by ${rss(first) - was} kB`);
  assert.equal(ended, 100);
  assert.ok(ms < 40000);
  assert.ok(figure('connections too slow') - slow >= 60);
  assert.ok(rss(first) - was < 8192);
});

test('hundreds of pipelined requests are answered, and then the rest that never comes is cut', { timeout: 60000 }, async (t) => {
  const r = await attack('pipeline', { source: newcomer(), count: 200, waits: true });
  t.diagnostic(JSON.stringify(r));
  assert.deepEqual(r.answers, { 200: 200 });
  assert.ok(r.gone && r.gone < 25000, 'and cut');
  const many = await attack('pipeline', { source: newcomer(), count: 3000 });
  t.diagnostic(JSON.stringify(many));
  assert.ok((many.answers['200'] ?? 0) < 3000, 'one source has its bound');
  assert.ok(figure('dropped: too fast') > 0, 'and is counted');
});

test('header bombs: refused or cut on connections, silence for datagrams', { timeout: 60000 }, async (t) => {
  const { report, datagrams } = await attack('bombs', { source: newcomer(), sources: newcomers(20) });
  t.diagnostic(JSON.stringify({ report, datagrams, malformed: figure('malformed'), bad: figure('connections with broken framing') }));
  for (const [name, what] of Object.entries(report)) assert.match(what, /^(4\d\d|closed|nothing)$/, `${name}: ${what}`);
  assert.ok(Object.values(report).filter((w) => w === 'nothing').length <= 2, 'only what is not complete waits for its end');
  assert.ok(datagrams <= 2, `${datagrams} answers to broken datagrams`);
  assert.ok(figure('malformed') > 5 && figure('connections with broken framing') > 2);
});

test('who is named in Via, Contact, From and Route hears nothing', { timeout: 30000 }, async (t) => {
  const r = await attack('forged', { source: newcomer(), victim: '10.77.99.9', count: 20 });
  t.diagnostic(JSON.stringify(r));
  assert.equal(r.hit, 0);
  assert.ok(r.answers > 20, 'the sender was answered');
});

test('unsolicited responses get nothing and are counted', { timeout: 30000 }, async () => {
  const was = figure('unsolicited responses');
  assert.deepEqual(await attack('responses', { source: newcomer(), count: 300 }), { back: 0 });
  await until('they are counted', () => figure('unsolicited responses') - was >= 300);
});

test('descriptions that name victims are refused; nothing is sent', { timeout: 60000 }, async (t) => {
  const victims = ['127.0.0.1', '0.0.0.1', '224.0.0.5', '255.255.255.255', '169.254.1.1', '169.254.169.254', '10.66.0.1', '10.78.0.1', '::1', 'ff02::1', 'fe80::1', '::ffff:127.0.0.1', '::ffff:169.254.169.254', 'fd00:ec2::254'];
  const list = [...victims.map((c) => ({ c })), { c: '10.77.99.9', port: 1023 }, { c: '10.77.99.9', port: 53 }, { c: '10.77.99.9', sections: 200 }, { c: '10.77.99.9', sections: 0 }]
    .map((row) => ({ from: newcomer(), ...row }));
  const report = await attack('descriptions', { source: newcomer(), list });
  t.diagnostic(report.map((r) => `${r.c}${r.port ? ` port ${r.port}` : ''}${r.sections !== undefined ? ` ${r.sections} sections` : ''}: ${r.status}`).join(', '));
  // a management network is like a private one: nothing is sent there, but who names it may have another way
  for (const r of report) assert.match(String(r.status), r.c === '10.78.0.1' ? /^(488|200)$/ : /^488$/, JSON.stringify(r));
});

test('a storm of re-INVITEs is bounded, and the call can be ended', { timeout: 30000 }, async (t) => {
  const r = await attack('storm', { source: newcomer(), count: 500 });
  t.diagnostic(JSON.stringify(r));
  assert.ok((r.answers?.['200'] ?? 0) <= 5, 'most of them are not carried out');
  assert.match(String(r.bye), /200/);
  // that of the test before may still be asked for its PIN
  await until('its call has ended', () => figure('dialogs') <= 1);
});

test('thousands of TLS connections leave no memory behind', { timeout: 90000 }, async (t) => {
  // what has a bound (rings, tables of sources) is filled before
  await attack('churn', { sources: newcomers(40), each: 25, parallel: 8 });
  await attack('churn', { sources: newcomers(1), each: 2000, parallel: 32 });
  const pids = Object.fromEntries(['sip', 'keys', 'super', 'core'].map((role) => [role, platform.pids(role)[0]]));
  const kb = () => Object.fromEntries(Object.entries(pids).map(([role, pid]) => [role, rss(pid)]));
  const was = kb();
  const many = await attack('churn', { sources: newcomers(40), each: 50, parallel: 8 });
  const one = await attack('churn', { sources: newcomers(1), each: 2000, parallel: 32 });
  await until('they are gone', () => figure('connections') === 0);
  const now = kb();
  t.diagnostic(`2000 of 40 addresses: ${JSON.stringify(many)}; 2000 of one: ${JSON.stringify(one)}; kB before ${JSON.stringify(was)}, after ${JSON.stringify(now)}`);
  assert.ok(many.up >= 1900);
  assert.equal(one.up + one.refused, 2000);
  // core may still be filling its ring of refusals and calls for `conclave trace`
  const most = { core: 6144 };
  for (const role of Object.keys(pids)) assert.ok(now[role] - was[role] < (most[role] ?? 2048), `${role} grew by ${now[role] - was[role]} kB`);
});

test('it was one process all the time', () => {
  assert.equal(sip(), first);
});
