// All six requests to a policy server, over HTTPS through courier: the server
// stands in a network namespace of its own, with a certificate of its own CA.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');

const ADDRESS = '10.66.0.2';
const PIN = '248163';
let town, platform, server;
let asked = [];

const openssl = (dir, ...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });

function certificates(dir) {
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  openssl(dir, 'req', '-x509', ...ec, '-subj', '/CN=policy test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl(dir, 'req', ...ec, '-subj', '/CN=policy', '-keyout', 'server.key', '-out', 'server.csr');
  writeFileSync(join(dir, 'ext'), `subjectAltName=IP:${ADDRESS}\n`);
  openssl(dir, 'x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext', '-out', 'server.pem');
}

async function startServer(dir) {
  const child = town.spawn([process.execPath, fileURLToPath(new URL('lib/policy-server.mjs', import.meta.url)), dir, ADDRESS], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise((ok) => lines.once('line', (l) => ok(Number(l.split(' ')[1]))));
  lines.on('line', (l) => asked.push(JSON.parse(l)));
  return { child, port };
}

before(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cv-policy-'));
  certificates(dir);
  town = await Town.build();
  server = await startServer(dir);
  platform = await Platform.start({ roles: ['courier'], args: ['--trust', join(dir, 'ca.pem')] });
  platform.cli('create', 'policy', 'name=Server', `url=https://${ADDRESS}:${server.port}/`, 'username=conclave', 'password=pass:word', 'enable_service_lookup=true',
    'enable_participant_lookup=true', 'enable_media_location_lookup=true', 'enable_registration_lookup=true', 'enable_directory_lookup=true', 'enable_avatar_lookup=true');
  platform.cli('create', 'location', 'name=Everywhere', 'source_networks=127.0.0.0/8', 'policy_server=Server', 'signalling_qos=26');
  platform.cli('create', 'device', 'alias=bob@example.org', 'username=bob', 'password=of our own', 'enable_infinity_connect_non_sso=true', 'description=Ours');
  platform.cli('create', 'device', 'alias=eve@example.org', 'username=eve', 'password=of our own', 'enable_infinity_connect_non_sso=true');
  platform.cli('create', 'device', 'alias=mine@example.org', 'username=mine', 'password=of our own', 'enable_infinity_connect_non_sso=true', 'description=Ours');
  platform.cli('create', 'device', 'alias=half@example.org', 'username=half', 'password=of our own', 'enable_infinity_connect_non_sso=true');
  platform.room('board', { pin: PIN });
});
after(async () => {
  const how = await platform?.stop();
  server?.child.stdin.end();
  await town?.raze();
  assert.deepEqual(how, { code: 0, signal: null });
});

const API = '/api/client/v2';
const since = (n) => asked.slice(n).map((a) => a.path);
const register = (alias, user, password) => platform.get(`${API}/registrations/${encodeURIComponent(alias)}/request_token`, {
  method: 'POST', headers: { authorization: `x-pexip-basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } });

async function join_(name, more = {}) {
  const r = await platform.get(`${API}/conferences/board/request_token`, { method: 'POST', headers: { 'content-type': 'application/json', pin: PIN }, body: JSON.stringify({ display_name: name, ...more }) });
  return { status: r.status, result: JSON.parse(r.text).result };
}

test('a device registers by the server\'s word, by ours, or not', async () => {
  const from = asked.length;
  const open = await register('open@example.org', 'anybody', 'x');
  assert.equal(open.status, 200, open.text);
  assert.deepEqual(since(from), ['/policy/v1/registrations/open@example.org']);
  const { query, authorization } = asked[from];
  assert.equal(authorization, `Basic ${Buffer.from('conclave:pass:word').toString('base64')}`);
  assert.deepEqual([query.protocol, query.auth_type, query.location, query.remote_address], ['webrtc', 'credentials', 'Everywhere', '127.0.0.1']);
  assert.equal((await register('carol@example.org', 'carol', 'of the server')).status, 200);
  // no opinion, and {}: our own table
  assert.equal((await register('bob@example.org', 'bob', 'of our own')).status, 200);
  assert.equal((await register('mine@example.org', 'mine', 'of our own')).status, 200);
  // an answer that is void: our own table, and an alarm
  assert.equal((await register('half@example.org', 'half', 'of our own')).status, 200);
  assert.ok(platform.cli('alarms', 'list').some((a) => a.name === 'policy_server_unreachable'));
  const wrong = await register('carol@example.org', 'carol', 'of our own');
  const rejected = await register('eve@example.org', 'eve', 'of our own');
  const unknown = await register('nobody@example.org', 'eve', 'of our own');
  for (const r of [wrong, rejected, unknown]) assert.deepEqual([r.status, r.text], [wrong.status, wrong.text]);
  assert.equal(wrong.status, 401);
});

test('the directory has the server\'s names first', async () => {
  const { result } = JSON.parse((await register('bob@example.org', 'bob', 'of our own')).text);
  const search = async (q) => JSON.parse((await platform.get(`${API}/registrations?q=${q}`, { headers: { token: result.token } })).text).result;
  const from = asked.length;
  assert.deepEqual(await search('ours'), []);
  assert.deepEqual(since(from), [], 'nobody is asked while the directory is off');
  platform.cli('change', 'settings', 'enable_directory=true');
  const found = await search('ours');
  assert.deepEqual(found.map((e) => [e.alias, e.username]), [['zoe@example.org', ''], ['bob@example.org', ''], ['mine@example.org', '']]);
  assert.deepEqual(asked[from].query.q, 'ours');
  assert.deepEqual([asked[from].query.limit, asked[from].query.registration_alias], ['10', 'bob@example.org']);
  assert.deepEqual((await search('mine')).map((e) => e.alias), ['zoe@example.org', 'bob@example.org'], 'ignore_local');
});

test('a join asks for service, participant twice and media location', async () => {
  let from = asked.length;
  const phone = await join_('+49 30 1234567');
  assert.equal(phone.status, 200);
  assert.equal(phone.result.display_name, 'Telephone');
  assert.equal(phone.result.call_tag, 'pstn');
  assert.deepEqual(since(from), ['/policy/v1/service/configuration', '/policy/v1/participant/properties', '/policy/v1/participant/properties', '/policy/v1/participant/location']);
  assert.deepEqual(asked.slice(from + 1, from + 3).map((a) => [a.query.participant_type, a.query.remote_display_name]), [['api_host', '+49 30 1234567'], ['standard', '+49 30 1234567']]);
  const rows = JSON.parse((await platform.get(`${API}/conferences/board/participants`, { headers: { token: phone.result.token } })).text).result;
  assert.equal(rows[0].uri, 'withheld');
  // without media: no second question, no place, no call
  from = asked.length;
  const control = await join_('Control', { call_type: 'none' });
  assert.equal(control.status, 200);
  assert.deepEqual(since(from), ['/policy/v1/service/configuration', '/policy/v1/participant/properties']);
});

test('pictures of participants', async () => {
  const alice = await join_('Alice');
  const picture = (who, by = alice) => platform.get(`${API}/conferences/board/participants/${who.result.participant_uuid}/avatar.jpg?token=${by.result.token}`);
  const from = asked.length;
  const [one, two] = await Promise.all([picture(alice), picture(alice)]);
  for (const r of [one, two, await picture(alice)]) {
    assert.equal(r.status, 200, r.text);
    assert.equal(r.headers['content-type'], 'image/jpeg');
    assert.equal(r.headers['x-content-type-options'], 'nosniff');
  }
  assert.deepEqual(since(from), ['/policy/v1/participant/avatar/Alice'], 'asked once');
  assert.deepEqual([asked[from].query.width, asked[from].query.height, asked[from].query.role, asked[from].query.trigger, asked[from].query.service_name], ['100', '100', 'chair', 'web_avatar_fetch', 'board']);
  for (const name of ['Bob', 'Huge', 'Ink']) {
    const r = await picture(await join_(name));
    assert.deepEqual([r.status, r.text], [404, '{"status":"failed","result":"No image available"}'], name);
  }
  const nobody = { result: { participant_uuid: '00000000-0000-4000-8000-000000000001' } };
  assert.equal((await picture(nobody)).status, 404);
  assert.equal((await picture(alice, { result: { token: 'nonsense' } })).status, 403);
});

test('connections of people in a location are marked as it says', async () => {
  const { result } = await join_('Marked');
  const req = https.request(`${platform.url}${API}/conferences/board/events?token=${result.token}`, { rejectUnauthorized: false, agent: false }).end();
  const port = await new Promise((ok, bad) => req.on('response', (res) => ok(res.socket.localPort)).on('error', bad));
  const marks = () => execFileSync('ss', ['-tnH', '--tos', `sport = :${platform.port} and dport = :${port}`], { encoding: 'utf8' });
  assert.match(marks(), /tos:0x68/, 'DSCP 26');
  req.destroy();
});

test('a server that is away leaves registrations to us, and is missed', async () => {
  server.child.stdin.end();
  await until('the server is gone', () => server.child.exitCode !== null || server.child.signalCode !== null);
  assert.equal((await register('bob@example.org', 'bob', 'of our own')).status, 200);
  assert.equal((await register('carol@example.org', 'carol', 'of the server')).status, 401);
  assert.ok(platform.cli('alarms', 'list').some((a) => a.name === 'policy_server_unreachable'));
  // a service has on_failure_service = reject
  assert.equal((await join_('Alice')).status, 403);
});
