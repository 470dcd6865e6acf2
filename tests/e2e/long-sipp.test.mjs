// Schedule: waits, 100 s.
// Session timers (RFC 4028), played by sipp: who refreshes, and what happens
// when the other side does not. The shortest that may be is 90 s.
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform } = await import('./lib/platform.mjs');
const { answer, quiet, recv, request, sdp, send, sipp } = await import('./lib/sipp.mjs');

const HOME = '10.66.0.1', CLEAR = 15060;
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: 15061, sipClearPort: CLEAR, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 100 });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true', 'enable_sip_tcp=true', 'crypto_mode=off');
  platform.room('open', { crypto_mode: 'off' });
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

const call = (refresher, allow) => [send(request('INVITE', { body: sdp(), headers: ['Supported: timer', `Session-Expires: 90;refresher=${refresher}`, `Allow: ${allow}`] })), recv(100, { optional: true }), recv(200, { has: [`Session-Expires: 90;refresher=${refresher}`] }), send(request('ACK'))];
const bye = [send(request('BYE', { seq: 2 })), recv(200)];

const scenarios = {
  'we refresh by UPDATE at half of the time': [call('uas', 'INVITE, ACK, BYE, UPDATE'), recv('UPDATE', { ms: 50000, has: ['Session-Expires: 90;refresher=uac'], not: ['m=audio'] }), send(answer('200 OK', { headers: ['Session-Expires: 90;refresher=uac'] })), quiet(500), bye],
  'we refresh by INVITE where UPDATE is not known': [call('uas', 'INVITE, ACK, BYE'), recv('INVITE', { ms: 50000, has: ['Session-Expires: 90;refresher=uac', 'm=audio'] }), send(answer('200 OK', { headers: ['Session-Expires: 90;refresher=uac'], body: sdp() })), recv('ACK'), quiet(500), bye],
  'a refresh that is refused for good ends the call': [call('uas', 'INVITE, ACK, BYE, UPDATE'), recv('UPDATE', { ms: 50000 }), send(answer('481 No')), recv('BYE'), send(answer('200 OK'))],
  'who does not refresh is hung up on': [call('uac', 'INVITE, ACK, BYE, UPDATE'), recv('BYE', { ms: 70000 }), send(answer('200 OK'))],
};

test('session timers', { timeout: 120000, concurrency: 4 }, (t) => Promise.all(Object.entries(scenarios).map(([name, steps]) => t.test(name, () => sipp(town, name, steps, { transport: 'tcp', to: `${HOME}:${CLEAR}`, seconds: 100 }).done))));
