// Far-end camera control: a host moves the camera of a SIP device by the client
// API; nobody else does, and no other meeting's.
//
// Schedule: waits, 15 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { Device } = await import('./lib/device.mjs');

const HOME = '10.66.0.1', PIN = '248163', GUEST = '975311', SIPS = 15061, SUITE = 'AES_CM_128_HMAC_SHA1_80';
const CME = '0061030000000000c0', CAMERA = '0061030000000001c0';
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: SIPS, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.room('board', { pin: PIN, guest_pin: GUEST, allow_guests: true });
  platform.room('other', { pin: PIN });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true', 'enable_fecc=true');
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const inRoom = () => platform.cli('show', 'participant', 'conference=board').filter((p) => p.protocol === 'sip');
const device = (more = {}) => Device.start(town, { ip: '10.77.2.1', server: `tls:${HOME}:${SIPS}`, call: `sip:board@${HOME}`, suite: SUITE, color: '60,60,60', seconds: 60, fecc: true, ...more });

async function ask(path, headers, body) {
  const got = await platform.get(path, { method: body ? 'POST' : 'GET', headers: { ...headers, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  return { status: got.status, json: JSON.parse(got.text) };
}

async function join(room, pin) {
  const at = `/api/client/v2/conferences/${room}`;
  const r = await ask(`${at}/request_token`, { pin }, { display_name: 'Someone' });
  assert.equal(r.status, 200, JSON.stringify(r.json));
  const { token } = r.json.result;
  const rows = async () => (await ask(`${at}/participants`, { token })).json.result;
  const move = (uuid, action, movement, timeout) => ask(`${at}/participants/${uuid}/fecc`, { token }, { action, movement, timeout, target: uuid });
  return { ...r.json.result, rows, move };
}

test('a host pans and zooms the camera of a device', { timeout: 60000 }, async () => {
  const d = await device();
  try {
    const call = await d.connected();
    assert.ok(call.fecc && call.suite === SUITE, JSON.stringify(call));
    d.keys(`${PIN}#`);
    await until('it is in the room', () => inRoom().length === 1);
    // it says that it has a camera, and hears who we are
    d.order(`frame ${CME}01000181`);
    d.order(`frame ${CME}01ff`);
    await d.child.line((l) => l.type === 'frame' && l.hex === `${CME}01000181`);
    const host = await join('board', PIN), guest = await join('board', GUEST), other = await join('other', PIN);
    assert.equal(host.fecc_enabled, true);
    const row = await until('its row says so', async () => (await host.rows()).find((p) => p.protocol === 'sip' && p.fecc_supported === 'YES'));
    const left = [{ axis: 'pan', direction: 'left' }, { axis: 'zoom', direction: 'in' }];
    assert.equal((await guest.move(row.uuid, 'start', left, 1000)).status, 403);
    assert.equal((await other.move(row.uuid, 'start', left, 1000)).status, 404);
    assert.equal((await host.move(row.uuid, 'jump', left, 1000)).status, 400);
    const up = [{ axis: 'tilt', direction: 'up' }];
    assert.deepEqual((await host.move(row.uuid, 'start', up, 400)).json, { status: 'success', result: true });
    // the first camera order that it hears is the host's: the others went nowhere
    const first = await d.child.line((l) => l.type === 'frame' && l.hex.startsWith(CAMERA));
    assert.equal(first.hex, `${CAMERA}013008`);
    assert.equal((await host.move(row.uuid, 'continue', up, 200)).status, 200);
    await d.child.line((l) => l.type === 'frame' && l.hex === `${CAMERA}0230`);
    assert.equal((await host.move(row.uuid, 'stop', up, 0)).status, 200);
    await d.child.line((l) => l.type === 'frame' && l.hex === `${CAMERA}0330`);
    platform.cli('change', 'global', 'enable_fecc=false');
    assert.equal((await host.move(row.uuid, 'start', up, 400)).status, 403);
    d.order('hangup');
    assert.deepEqual((await d.result()).faults, []);
  } finally {
    platform.cli('change', 'global', 'enable_fecc=true');
    await d.end();
  }
});

test('while the setting is off no camera is agreed', { timeout: 60000 }, async () => {
  platform.cli('change', 'global', 'enable_fecc=false');
  const d = await device();
  try {
    assert.equal((await d.connected()).fecc, false);
    d.order('hangup');
    assert.deepEqual((await d.result()).faults, []);
  } finally {
    await d.end();
  }
});
