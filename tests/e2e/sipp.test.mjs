// Schedule: waits, 38 s.
// Corners of transactions and dialogs, played by sipp over UDP and over TCP.
// All at once, each from an address of its own; what needs a whole platform
// for itself comes after them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Town, ownNet } from './lib/town.mjs';

ownNet(import.meta.url);

const { Platform, until } = await import('./lib/platform.mjs');
const { answer, bridge, pause, quiet, recv, request, sdp, send, sipp } = await import('./lib/sipp.mjs');

const HOME = '10.66.0.1', CLEAR = 15060, SIPS = 15061;
const SOME = 12;	// that run beside each other
const PASSWORD = 'correct horse battery';
const only = process.env.SIPP_ONLY && new RegExp(process.env.SIPP_ONLY);
let town, platform;

before(async () => {
  town = await Town.build();
  platform = await Platform.start({ advertise: HOME, args: ['--host', HOME], sipPort: SIPS, sipClearPort: CLEAR, roles: ['sip', 'courier'], mediaPort: 40000, mediaPorts: 1000 });
  platform.cli('change', 'global', 'outbound_allowed_networks=10.77.0.0/16', 'sip_guests=true', 'enable_sip_tcp=true', 'enable_sip_udp=true', 'crypto_mode=off', 'enable_dialout=true',
    'max_sip_calls=500', 'max_gateway_calls_per_hour_per_source=1000', 'max_gateway_calls_per_source=100', 'max_ringing_per_callee=100', 'max_calls_per_hour_per_callee=1000');
  for (const room of ['open', 'quiet']) platform.room(room, { crypto_mode: 'off' });
  platform.room('hosts', { crypto_mode: 'off', pin: '271828' });
  platform.cli('create', 'device', 'alias=phone@example.org', 'username=phone', `password=${PASSWORD}`, 'enable_sip=true', 'allow_md5_digest=true');
  for (const to of ['ring', ...Object.keys(callees)]) {
    platform.cli('create', 'sip_proxy', `name=${to}`, `address=${callee(to)}`, 'transport=udp', 'port=5060', ...(callees[to]?.proxy ?? []));
    platform.cli('create', 'gateway_routing_rule', `name=${to}`, `priority=${++priority}`, `match_string=${to}(@.*)?`, 'match_incoming_only_if_registered=false', 'allow_unregistered_external=true', 'match_outgoing_calls=true',
      'called_device_type=external', 'outgoing_protocol=sip', `sip_proxy=${to}`, 'crypto_mode=off', 'max_calls_per_hour=1000', 'max_concurrent_calls=100');
  }
});
after(async () => {
  await platform?.stop();
  await town?.raze();
});

let priority = 0;
const callee = (to) => (to === 'ring' ? '10.77.252.1' : `10.77.253.${1 + Object.keys(callees).indexOf(to)}`);

const invite = (more = {}) => send(request('INVITE', { body: sdp(), ...more }));
const ACK = send(request('ACK'));
const ack = (seq, more = {}) => send(request('ACK', { seq, ...more }));
const trying = recv(100, { optional: true });
const accepted = (more = {}) => [trying, recv(200, { has: ['m=audio [1-9]', 'Contact: <sip:10[.]66[.]0[.]1:15060;transport='], ...more })];
const up = [invite(), accepted(), ACK];
const bye = (seq = 2) => [send(request('BYE', { seq })), recv(200)];
// Others come and go meanwhile: what changes is told, too.
const untilNotify = (what) => recv('NOTIFY', { has: [what] });
const ask = (method, seq, status, more = {}, want = {}) => [send(request(method, { seq, ...more })), recv(status, want)];

// In a room of his own.
const subscriber = (to) => [invite({ to }), accepted(), ACK, ask('SUBSCRIBE', 2, 489, { headers: ['Event: dialog'] }, { has: ['Allow-Events: conference'] }), ask('SUBSCRIBE', 3, 423, { headers: ['Event: conference', 'Expires: 5'] }, { has: ['Min-Expires: 60'] }),
    ask('SUBSCRIBE', 4, 200, { headers: ['Event: conference', 'Expires: 600', 'Accept: application/conference-info+xml'] }, { has: ['Expires: 600'] }),
    recv('NOTIFY', { has: ['Event: conference', 'Subscription-State: active;expires=', 'state="full" version="0"', '<user entity="urn:uuid:', '<entry>host</entry>'] }), send(answer('200 OK')),
    ask('SUBSCRIBE', 5, 200, { headers: ['Event: conference', 'Expires: 0'] }), untilNotify('terminated;reason=timeout'), send(answer('200 OK')), bye(6)];

// Answers that take only the sound, of an offer of ours with sound, picture, floor control and presentation.
const late = `${sdp('sendrecv', 'a=rtpmap:8 PCMA/8000').replace('RTP/AVP 0', 'RTP/AVP 8')}m=video 0 RTP/AVP 97\nm=application 0 UDP/BFCP *\nm=video 0 RTP/AVP 97\n`;

// Those that call us.
const callers = {
  'INVITE, 200, ACK, BYE': [up, bye()],
  'a lost 200 comes again until the ACK': [invite(), accepted(), recv(200), recv(200), ACK, quiet(2500), bye()],
  'an ACK that was sent twice': [up, ACK, bye()],
  'without any ACK the call is ended': [invite(), trying, Array.from({ length: 11 }, () => recv(200, { ms: 6000 })), recv('BYE', { ms: 6000 }), send(answer('200 OK'))],
  'the same request by two ways is merged': [invite(), trying, recv(200, { has: [['To', 'tag', '[0-9a-f]{16}']] }), invite({ branch: 'other' }), recv(482), ack(1, { branch: 'other' }), send(request('ACK').replace('[peer_tag_param]', ';tag=[$tag]')), send(request('BYE', { seq: 2 }).replace('[peer_tag_param]', ';tag=[$tag]')), recv(200)],
  'CANCEL that crosses the 200 changes nothing': [invite(), accepted(), send(request('CANCEL', { branch: 'INVITE1', inside: false })), recv(200, { has: ['CSeq: 1 CANCEL'] }), ACK, bye()],
  'CANCEL of nothing': [send(request('CANCEL', { inside: false })), recv(481)],
  'hold and resume': [up, invite({ seq: 2, body: sdp('sendonly') }), accepted({ has: ['a=recvonly'] }), ack(2), invite({ seq: 3, body: sdp('inactive') }), accepted({ has: ['a=inactive'] }), ack(3),
    invite({ seq: 4 }), accepted({ has: ['a=sendrecv'] }), ack(4), bye(5)],
  'an offer that is not acceptable leaves the session as it was': [up, invite({ seq: 2, body: sdp('sendrecv', 'a=rtpmap:0 NOTHING/1').replace(' 0\n', ' 99\n') }), trying, recv(488), ack(2, { branch: 'INVITE2' }), invite({ seq: 3 }), accepted(), ack(3), bye(4)],
  'a second INVITE before the ACK of the first': [invite(), accepted(), invite({ seq: 2 }), recv(491), ack(2, { branch: 'INVITE2' }), ACK, bye(3)],
  'late offer: ours in the 200, theirs in the ACK': [invite({ body: '' }), accepted(), send(request('ACK', { body: sdp() })), bye()],
  // As in a new call (RFC 3261 14.2): more than the one codec that is agreed. They take another one of it, and the next offer of ours knows.
  'late offer in the dialog': [up, invite({ seq: 2, body: '' }), accepted({ has: ['m=audio [1-9][0-9]* RTP/AVP 107 9 8 0', 'a=rtpmap:107 opus', 'm=video [1-9]', 'a=content:slides'] }), ack(2, { body: late }),
    invite({ seq: 3, body: '' }), accepted({ has: ['m=audio [1-9][0-9]* RTP/AVP 107 9 8 0', 'm=video [1-9]'] }), ack(3, { body: late }), ask('UPDATE', 4, 200, { body: sdp('sendonly') }, { has: ['a=recvonly'] }), bye(5)],
  'a late offer that is not answered yet stands alone': [up, invite({ seq: 2, body: '' }), accepted(), ask('UPDATE', 3, 491, { body: sdp() }), invite({ seq: 4 }), recv(491), ack(4, { branch: 'INVITE4' }), ack(2, { body: late }), bye(5)],
  'UPDATE: refresh, and with an offer': [up, ask('UPDATE', 2, 200, {}, { not: ['m=audio'] }), ask('UPDATE', 3, 200, { body: sdp('sendonly') }, { has: ['a=recvonly'] }), ask('UPDATE', 4, 200, { body: sdp() }, { has: ['a=sendrecv'] }), bye(5)],
  'PRACK of nothing': [up, ask('PRACK', 2, 481, { headers: ['RAck: 1 1 INVITE'] }), ask('PRACK', 3, 400), bye(4)],
  'session timer: too short, theirs, ours': [invite({ headers: ['Supported: timer', 'Session-Expires: 60'] }), trying, recv(422, { has: ['Min-SE: 90'] }), ack(1, { branch: 'INVITE1' }),
    invite({ seq: 2, inside: false, headers: ['Supported: timer', 'Session-Expires: 600;refresher=uac', 'Min-SE: 90'] }), accepted({ has: ['Session-Expires: 600;refresher=uac', 'Require: timer'] }), ack(2),
    invite({ seq: 3, headers: ['Supported: timer', 'Session-Expires: 600;refresher=uac'] }), accepted({ has: ['Session-Expires: 600;refresher=uac'] }), ack(3),
    ask('UPDATE', 4, 200, { headers: ['Supported: timer', 'Session-Expires: 600;refresher=uas'] }, { has: ['Session-Expires: 600;refresher=uas'] }), bye(5)],
  'CSeq out of order': [up, ask('OPTIONS', 7, 200), ask('OPTIONS', 5, 500), ask('INFO', 7, 500, { branch: 'again' }), bye(8)],
  'OPTIONS outside and inside': [ask('OPTIONS', 1, 200, { inside: false }, { has: ['Allow: .*INVITE', 'Accept: .*application/sdp', 'Supported: .*timer'] }), invite({ seq: 2, inside: false }), accepted(), ack(2), ask('OPTIONS', 3, 200, {}, { has: ['Allow: .*UPDATE', 'Accept: .*application/sdp', 'Supported: .*timer'] }), bye(4)],
  'INFO: digits, a picture, a type nobody knows': [up, ask('INFO', 2, 200, { body: 'Signal=5\nDuration=160\n', type: 'application/dtmf-relay' }), ask('INFO', 3, 200, { body: '5', type: 'application/dtmf' }),
    ask('INFO', 4, 400, { body: 'Signal=nothing\n', type: 'application/dtmf-relay' }), ask('INFO', 5, 415, { body: 'x', type: 'text/plain' }, { has: ['Accept: .*dtmf'] }), ask('INFO', 6, 200),
    ask('INFO', 7, 200, { body: '<?xml version="1.0"?><media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>', type: 'application/media_control+xml' }), bye(8)],
  'methods that are not spoken': [up, ask('MESSAGE', 2, 405, { body: 'hello', type: 'text/plain' }, { has: ['Allow: '] }), ask('DANCE', 3, 501, {}, { has: ['Allow: '] }), ask('PUBLISH', 4, 405), bye(5)],
  'Require that nobody knows': [invite({ headers: ['Require: teleport'] }), trying, recv(420, { has: ['Unsupported: teleport'] }), ack(1, { branch: 'INVITE1' }), invite({ seq: 2, inside: false }), accepted(), ack(2),
    invite({ seq: 3, headers: ['Require: teleport'] }), recv(420, { has: ['Unsupported: teleport'] }), ack(3, { branch: 'INVITE3' }), ask('OPTIONS', 4, 420, { headers: ['Require: teleport'] }), bye(5)],
  'Resource-Priority': [invite({ headers: ['Require: resource-priority', 'Resource-Priority: nobody.9'] }), trying, recv(417, { has: ['Accept-Resource-Priority: .*ets'] }), ack(1, { branch: 'INVITE1' }),
    invite({ seq: 2, inside: false, headers: ['Resource-Priority: nobody.9'] }), accepted(), ack(2), bye(3)],
  'Max-Forwards 0': [invite({ forwards: 0 }), trying, recv(483), ack(1, { branch: 'INVITE1' }), ask('OPTIONS', 2, 200, { forwards: 0, inside: false })],
  'answers and ACKs that nobody asked for': [send(request('OPTIONS', { inside: false }).replace(/^.*\n/, 'SIP/2.0 200 OK\n')), send(request('ACK', { seq: 9, inside: false })), quiet(1000), up, ack(44), send(request('OPTIONS', { seq: 2 }).replace(/^.*\n/, 'SIP/2.0 500 No\n')), quiet(500), bye(3)],
  'requests in a dialog that is none': [ask('OPTIONS', 1, 481, { aor: '<sip:open@[remote_ip]>;tag=0123456789abcdef', inside: false }), ask('BYE', 2, 481, { aor: '<sip:open@[remote_ip]>;tag=0123456789abcdef', inside: false }),
    ask('NOTIFY', 3, 481, { aor: '<sip:open@[remote_ip]>;tag=0123456789abcdef', inside: false }), ask('INVITE', 4, 481, { aor: '<sip:open@[remote_ip]>;tag=0123456789abcdef', inside: false, body: sdp() }), ack(4, { branch: 'INVITE4' })],
  'REFER by a stranger is declined': [up, ask('REFER', 2, 202, { headers: ['Refer-To: <sip:out-plain@[remote_ip]>'] }), recv('NOTIFY', { has: ['Event: refer;id=2', 'SIP/2.0 100 Trying'] }),
    recv('NOTIFY', { has: ['terminated;reason=noresource', 'SIP/2.0 603 Decline'] }), send(answer('200 OK')), ask('REFER', 3, 400, { headers: ['Refer-To: <http://x>'] }), bye(4)],
  'Replaces of nothing, by a stranger': [invite({ headers: ['Replaces: nothing;to-tag=0123456789abcdef;from-tag=b'] }), trying, recv(404), ack(1, { branch: 'INVITE1' })],
  'a body of a type that is no description': [invite({ body: 'hello', type: 'text/plain' }), trying, recv(415, { has: ['Accept: application/sdp'] }), ack(1, { branch: 'INVITE1' })],
};

// Where only one transport can do it.
const special = {
  udp: {
    // Over UDP a stranger is nobody who has shown that he is there: he stays at the question for the PIN.
    'SUBSCRIBE by who is not inside': [up, ask('SUBSCRIBE', 2, 200, { headers: ['Event: conference', 'Expires: 600'] }), recv('NOTIFY', { has: ['terminated;reason=noresource', 'Content-Length: +0'] }), send(answer('200 OK')), bye(3)],
    'an INVITE that was sent again is one call': [invite(), accepted(), invite(), quiet(200), ACK, invite(), quiet(1500), bye()],
    'a lost answer to BYE comes again': [up, bye(), bye()],
    'a lost final answer comes again until its ACK': [invite({ headers: ['Require: teleport'] }), recv(420), invite({ headers: ['Require: teleport'] }), recv(420), ack(1, { branch: 'INVITE1' })],
    'methods that are not spoken get silence from strangers': [send(request('DANCE', { inside: false })), send(request('MESSAGE', { seq: 2, inside: false })), quiet(1000), ask('OPTIONS', 3, 200, { inside: false })],
    'a message that is too large gets silence': [send(request('OPTIONS', { inside: false, headers: [`X-Large: ${'x'.repeat(9000)}`] })), quiet(1000), ask('OPTIONS', 2, 200, { inside: false })],
  },
  // Only a caller who is really where he says makes somebody's telephone ring.
  tcp: {
    'SUBSCRIBE and NOTIFY: who is in the conference': subscriber('quiet'),
    'CANCEL while it rings': [invite({ to: 'ring' }), trying, recv(180), send(request('CANCEL', { to: 'ring', branch: 'INVITE1', inside: false })), recv(200, { has: ['CSeq: 1 CANCEL'] }), recv(487, { has: ['CSeq: 1 INVITE'] }), ack(1, { branch: 'INVITE1', to: 'ring' })],
    'BYE in an early dialog': [invite({ to: 'ring' }), trying, recv(180), send(request('BYE', { seq: 2, to: 'ring' })), recv(200, { has: ['CSeq: 2 BYE'] }), recv(487, { has: ['CSeq: 1 INVITE'] }), ack(1, { branch: 'INVITE1', to: 'ring' })],
    'reliable 180: PRACK, a wrong one, a repeated 180': [invite({ to: 'ring', headers: ['Require: 100rel'] }), trying, recv(180, { has: ['RSeq: [1-9]', 'Require: 100rel', ['RSeq', 'rseq', ' *[0-9]+']] }),
      ask('PRACK', 2, 481, { to: 'ring', headers: ['RAck: 1 1 INVITE'] }), recv(180), ask('PRACK', 3, 200, { to: 'ring', headers: ['RAck:[$rseq] 1 INVITE'] }), quiet(1500),
      send(request('CANCEL', { to: 'ring', branch: 'INVITE1', inside: false })), recv(200), recv(487), ack(1, { branch: 'INVITE1', to: 'ring' })],
    'methods that are not spoken are named to strangers': [ask('DANCE', 1, 501, { inside: false }), ask('MESSAGE', 2, 405, { inside: false }), ask('INFO', 3, 481, { inside: false })],
    'too many headers': [ask('OPTIONS', 1, 400, { inside: false, headers: Array.from({ length: 140 }, (_, i) => `X-${i}: x`) })],
    'Content-Length that is too short': [invite({ length: 20 }), recv(400)],
    'events that are not known, outside of a call': [ask('SUBSCRIBE', 1, 489, { inside: false, headers: ['Event: presence'] }), ask('SUBSCRIBE', 2, 403, { inside: false, headers: ['Event: conference'] })],
    'two messages in one segment': [send(`${request('OPTIONS', { inside: false })}${request('OPTIONS', { seq: 2, inside: false, body: 'hello', type: 'text/plain', length: 5 })}`), recv(200, { has: ['CSeq: 1 OPTIONS'] }), recv(200, { has: ['CSeq: 2 OPTIONS'] })],
  },
};

// A device, over TLS.
const AOR = { aor: '<sip:phone@example.org>', from: '<sip:phone@example.org>;tag=from[pid]', uri: 'sip:example.org', inside: false, user: 'phone' };
const register = (seq, contact, headers = []) => send(request('REGISTER', { seq, ...AOR, contact, headers }));
const login = (seq, contact, headers = []) => register(seq, contact, ['[authentication]', ...headers]);
const mine = (n) => `<sip:phone@10.9.8.${n}:5060;transport=tcp>`;
const phone = (method, seq, more = {}) => send(request(method, { seq, to: 'hosts', user: 'phone', from: AOR.from, ...more }));
const devices = {
  'REGISTER: challenge, several contacts, refresh, fetch, remove one, remove all': [
    register(1, mine(1)), recv(401, { auth: true, has: ['WWW-Authenticate: Digest ', 'qop="auth"'] }), login(2, `${mine(1)};expires=600, ${mine(2)};expires=900`), recv(200, { has: ['Contact: .*10.9.8.1', 'Contact: .*10.9.8.2'] }),
    register(3, mine(1)), recv(401, { auth: true }), login(4, mine(1), ['Expires: 700']), recv(200, { has: ['10.9.8.1:5060;transport=tcp>;expires=', '10.9.8.2'] }),
    register(5, ''), recv(401, { auth: true }), login(6, ''), recv(200, { has: ['10.9.8.1', '10.9.8.2'] }),
    register(7, mine(1)), recv(401, { auth: true }), login(8, `${mine(1)};expires=0`), recv(200, { has: ['10.9.8.2'], not: ['10.9.8.1:'] }),
    register(9, '*', ['Expires: 60']), recv(400),
    register(11, '*', ['Expires: 0']), recv(401, { auth: true }), login(12, '*', ['Expires: 0']), recv(200, { not: ['Contact: '] }),
    register(13, mine(3)), recv(401, { auth: true }), login(14, mine(3), ['Expires: 1']), recv(423, { has: ['Min-Expires: '] }),
  ],
  'REGISTER with a nonce of somebody else': [
    register(4, mine(7), ['Authorization: Digest username="phone",realm="conclave",nonce="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHI",uri="sip:example.org",response="0123456789abcdef0123456789abcdef",algorithm=MD5,cnonce="a",nc=00000001,qop=auth']), recv(401, { not: ['stale=true'] })],
  'a host refers somebody into the room': [register(1, mine(5)), recv(401, { auth: true }), login(2, mine(5)), recv(200), phone('INVITE', 2, { inside: false, body: sdp() }), accepted({ has: [] }), phone('ACK', 2),
    [...'271828#'].map((digit, i) => [phone('INFO', 3 + i, { body: digit, type: 'application/dtmf' }), recv(200)]), pause(1500),
    phone('REFER', 10, { headers: ['Refer-To: <sip:out-refer@example.org>'] }), recv(202), recv('NOTIFY', { has: ['SIP/2.0 100 Trying'] }), send(answer('200 OK')),
    recv('NOTIFY', { has: ['terminated;reason=noresource', 'SIP/2.0 200 OK'] }), send(answer('200 OK')), phone('BYE', 11), recv(200)],
  'REGISTER with a wrong password': [register(1, mine(9)), recv(401, { auth: true }), login(2, mine(9)), recv(401, { not: ['stale=true'] })],
};

// Those that we call: `conclave sip dial`, then what sipp hears.
// An answer has a line for each of the offer: sound, picture, floor, presentation.
const sound = `${sdp()}m=video 0 RTP/AVP 97\nm=application 0 UDP/BFCP *\nm=video 0 RTP/AVP 97\n`;
const ok = (more = {}) => send(answer('200 OK', { tag: 'b', body: sound, ...more }));
const called = recv('INVITE', { has: ['Max-Forwards: [1-9]', 'Supported: .*timer'] });
const theirBye = (seq = 1) => send(['BYE sip:[remote_ip]:[remote_port] SIP/2.0', 'Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=z9hG4bK[pid]bye', 'Max-Forwards: 70', 'From:[$to];tag=b[pid]', 'To:[$from]', 'Call-ID: [call_id]', `CSeq: ${seq} BYE`, 'Content-Length: 0', '', ''].join('\n'));
const parties = { has: [['From', 'from'], ['To', 'to']] };
const calledBy = recv('INVITE', parties);
// The 200 of the INVITE, when something else came last.
const late200 = () => send(answer('200 OK', { body: sound }).replace('[last_Via:]', 'Via:[$via]').replace('[last_CSeq:]', 'CSeq: 1 INVITE'));
const callees = {
  'out-plain': { steps: [calledBy, send(answer('180 Ringing', { tag: 'b' })), ok(), recv('ACK'), theirBye(), recv(200)] },
  'out-ok-twice': { steps: [recv('INVITE', { has: [['From', 'from'], ['To', 'to'], ['Via', 'via']] }), ok(), recv('ACK'), late200(), recv('ACK'), theirBye(), recv(200)] },
  'out-refer': { steps: [calledBy, ok(), recv('ACK'), pause(1000), theirBye(), recv(200)] },
  'out-busy': { steps: [called, send(answer('486 Busy Here', { tag: 'b' })), recv('ACK')] },
  'out-moved': { steps: [called, send(answer('302 Moved', { tag: 'b', headers: ['Contact: <sip:elsewhere@10.77.254.9>'] })), recv('ACK'), quiet(1000)] },
  'out-silent-twice': { steps: [called, recv('INVITE'), recv('INVITE'), ok(), recv('ACK'), quiet(200)] },
  'out-challenge': { proxy: ['username=us', 'password=secret word', 'realm=cc.example'], steps: [called, send(answer('401 Unauthorized', { tag: 'a', headers: ['WWW-Authenticate: Digest realm="cc.example", nonce="abc", algorithm=SHA-256, qop="auth"'] })), recv('ACK'),
    recv('INVITE', { has: ['Authorization: Digest .*realm="cc.example"', 'CSeq: 2 INVITE', ['From', 'from'], ['To', 'to']] }), ok(), recv('ACK'), theirBye(), recv(200)] },
  'out-other-realm': { proxy: ['username=us', 'password=secret word', 'realm=cc.example'], steps: [called, send(answer('401 Unauthorized', { tag: 'a', headers: ['WWW-Authenticate: Digest realm="evil.example", nonce="abc", algorithm=SHA-256, qop="auth"'] })), recv('ACK'), quiet(1000)] },
  'out-reliable': { steps: [recv('INVITE', { has: ['Supported: .*100rel', ['From', 'from'], ['To', 'to'], ['Via', 'via']] }), send(answer('180 Ringing', { tag: 'b', headers: ['Require: 100rel', 'RSeq: 71'] })), recv('PRACK', { has: ['RAck: 71 1 INVITE'] }), send(answer('200 OK')),
    late200(), recv('ACK'), theirBye(), recv(200)] },
};

const to = `${HOME}:${CLEAR}`;
const RINGER = [recv('INVITE'), send(answer('180 Ringing', { tag: 'r' })), recv('CANCEL'), send(answer('200 OK')), send(answer('487 Request Terminated').replace('[last_CSeq:]', 'CSeq: 1 INVITE')), recv('ACK')];

async function call(name) {
  const run = sipp(town, name, callees[name].steps, { ip: callee(name), to });
  await run.listens();
  if (name !== 'out-refer') platform.cli('sip', 'dial', 'open', `to=${name}`, 'role=guest');
  await run.done;
}

// What waits longest begins first.
test('all', { timeout: 120000, concurrency: SOME }, async (t) => {
  const ringer = sipp(town, 'ringer', RINGER, { ip: callee('ring'), to, calls: 1000, seconds: 110 });
  await ringer.listens();
  const all = Object.entries(callers).flatMap(([name, steps]) => ['udp', 'tcp'].map((transport) => [name, transport, steps]));
  for (const transport of ['udp', 'tcp']) all.push(...Object.entries(special[transport]).map(([name, steps]) => [name, transport, steps]));
  const door = await bridge(town, { ip: '10.77.254.1', host: HOME, hostPort: SIPS });
  const runs = all.map(([name, transport, steps]) => [`${name}, ${transport}`, () => sipp(town, name, steps, { transport, to }).done]);
  runs.push(...Object.entries(devices).map(([name, steps]) => [name, () => sipp(town, name, steps, { transport: 'tcp', to: door.to, login: { user: 'phone', password: /wrong/.test(name) ? 'not it' : PASSWORD } }).done]));
  runs.push(...Object.keys(callees).map((name) => [name, () => call(name)]));
  runs.sort(([a], [b]) => /without any ACK/.test(b) - /without any ACK/.test(a));
  await Promise.all(runs.filter(([name]) => !only || only.test(name)).map(([name, run]) => t.test(name, run)));
  ringer.child.kill('SIGKILL');
  door.stop();
});
