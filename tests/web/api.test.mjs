// Every request of the client API that we serve: status, body, and the
// unmodified client's own validators over each answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as vCall from '@pexip/infinity-api/dist/call/validation.js';
import * as vConf from '@pexip/infinity-api/dist/conference/validation.js';
import * as vPart from '@pexip/infinity-api/dist/participant/validation.js';
import * as vToken from '@pexip/infinity-api/dist/token/validation.js';
import { C, CALL, House, P, offer } from './house.mjs';

let house;
let token;
let guest;
before(async () => {
  house = await House.start();
  token = (await house.join()).token;
  guest = (await house.join('none')).token;
});
after(() => house.stop());

function accepted(validate, answer) {
  assert.ok(validate(structuredClone(answer.json)), JSON.stringify(validate.errors));
}

const failed = (text) => ({ status: 'failed', result: text });
const success = (result) => ({ status: 'success', result });

test('request_token: joins with a PIN', async () => {
  const r = await house.post(`${C}/request_token`, { body: { display_name: 'Älice', call_tag: 'x' }, headers: { pin: '1234' } });
  assert.equal(r.status, 200);
  assert.equal(r.headers['content-type'], 'application/json');
  assert.equal(r.headers['cache-control'], 'no-store');
  accepted(vToken.validateRequestToken200, r);
  assert.equal(r.json.result.display_name, 'Älice');
  assert.equal(r.json.result.role, 'HOST');
  assert.equal(r.json.result.expires, '120');
  assert.equal(r.json.result.call_tag, 'x');
  assert.equal(r.json.result.reconnect, 'back');
  assert.match(r.json.result.token, /^[A-Za-z0-9._-]+$/);
});

test('request_token: comes back with the reconnect credential, no PIN', async () => {
  const r = await house.post(`${C}/request_token`, { body: { display_name: 'Alice', reconnect: 'back' } });
  assert.equal(r.status, 200);
  assert.equal(r.json.result.role, 'HOST');
});

test('request_token: guest waits', async () => {
  const r = await house.post(`${C}/request_token`, { body: { display_name: 'Bob' }, headers: { pin: 'none' } });
  accepted(vToken.validateRequestToken200, r);
  assert.equal(r.json.result.current_service_type, 'waiting_room');
  assert.equal(r.json.result.service_type, 'conference');
});

test('request_token: prompts for a PIN', async () => {
  const r = await house.post(`${C}/request_token`, { body: { display_name: 'Alice' } });
  assert.equal(r.status, 403);
  accepted(vToken.validateRequestToken403, r);
  assert.equal(r.json.status, 'success');
  assert.deepEqual([r.json.result.pin, r.json.result.guest_pin], ['required', 'none']);
});

const refusals = [
  ['room1', { pin: '9' }, 403, 'Invalid PIN', vToken.validateRequestToken403],
  ['exceeded', {}, 403, 'Participant exceeded PIN entry retries', vToken.validateRequestToken403],
  ['full', {}, 403, 'Participant limit reached', vToken.validateRequestToken403],
  ['busy', {}, 503, '503 Service Unavailable', vToken.validateRequestToken503],
  ['nowhere', {}, 404, 'Neither conference nor gateway found', vToken.validateRequestToken404],
];
for (const [alias, headers, status, text, validate] of refusals) {
  test(`request_token: ${text}`, async () => {
    const r = await house.post(`/api/client/v2/conferences/${alias}/request_token`, { body: { display_name: 'A' }, headers });
    assert.equal(r.status, status);
    assert.deepEqual(r.json, failed(text));
    accepted(validate, r);
  });
}

test('request_token: takes the alias encoded and raw, and an empty body', async () => {
  for (const alias of ['a%40b.example', 'a@b.example']) {
    const r = await house.post(`/api/client/v2/conferences/${alias}/request_token`, { headers: { pin: '1234' } });
    assert.equal(r.status, 200);
    assert.equal(r.json.result.service_name, 'a@b.example');
  }
});

test('request_token: refuses what is not an object', async () => {
  for (const body of ['[]', '{', '{"display_name":5}', '{"a":1,"a":1}']) {
    const r = await house.post(`${C}/request_token`, { body, headers: { pin: '1234' } });
    assert.equal(r.status, 400);
    assert.deepEqual(r.json, failed('Illegal value'));
  }
});

test('refresh_token', async () => {
  const r = await house.post(`${C}/refresh_token`, { token });
  assert.equal(r.status, 200);
  accepted(vToken.validateRefreshToken200, r);
  assert.notEqual(r.json.result.token, token);
  assert.equal(r.json.result.client_stats_update_interval, 5000);
});

test('refresh_token: a refusal takes a second', async () => {
  const from = Date.now();
  const r = await house.post(`${C}/refresh_token`, { token: 'stale' });
  assert.equal(r.status, 403);
  accepted(vToken.validateRefreshToken403, r);
  assert.deepEqual(r.json, failed('Invalid token'));
  assert.ok(Date.now() - from >= 990);
});

test('release_token: header or query, any body', async () => {
  for (const body of [undefined, {}, { reason: 'User initiated disconnect' }, 'garbage']) {
    const r = await house.post(`${C}/release_token`, { token, body });
    assert.equal(r.status, 200);
    assert.deepEqual(r.json, success(true));
    accepted(vToken.validateReleaseToken200, r);
  }
  assert.equal((await house.post(`${C}/release_token?token=${token}`, { body: { reason: 'Browser closed' } })).status, 200);
  accepted(vToken.validateReleaseToken403, await house.post(`${C}/release_token`, { token: 'stale' }));
});

test('theme: no content, with and without the slash', async () => {
  for (const target of ['theme/', 'theme']) {
    const r = await house.get(`${C}/${target}`, { token });
    assert.equal(r.status, 204);
    assert.equal(r.text, '');
  }
});

test('conference_status and participants', async () => {
  const status = await house.get(`${C}/conference_status`, { token });
  accepted(vConf.validateConferenceStatus200, status);
  const rows = await house.get(`${C}/participants`, { token });
  accepted(vConf.validateParticipants200, rows);
  assert.equal(rows.json.result[0].is_muted, 'NO');
  assert.equal(rows.json.result[0].start_time, 1790000000.25);
});

const conference = [
  ['lock', vConf.validateLock200], ['unlock', vConf.validateUnlock200],
  ['start_conference', vConf.validateStartConference200], ['muteguests', vConf.validateMuteguests200],
  ['unmuteguests', vConf.validateUnmuteguests200], ['disconnect', vConf.validateDisconnect200],
  ['message', vConf.validateMessageConference200, { type: 'text/plain', payload: 'hello' }],
  ['set_guests_can_unmute', vConf.validateSetGuestsCanUnmute200, { setting: true }],
  ['transform_layout', vConf.validateTransformLayout200, { transforms: { layout: '1:7' } }],
];
for (const [name, validate, body] of conference) {
  test(name, async () => {
    const r = await house.post(`${C}/${name}`, { token, body });
    assert.equal(r.status, 200);
    assert.deepEqual(r.json, success(true));
    accepted(validate, r);
  });
}

test('available_layouts', async () => {
  const plain = await house.get(`${C}/available_layouts`, { token });
  accepted(vConf.validateAvailableLayouts200, plain);
  assert.ok(plain.json.result.includes('1:7'));
  const noted = await house.get(`${C}/available_layouts?annotate=true`, { token });
  accepted(vConf.validateAvailableLayouts200, noted);
  assert.equal(noted.json.result[0].name, '1:0');
});

const participant = [
  ['mute', vPart.validateMuteParticipant200], ['unmute', vPart.validateUnmuteParticipant200],
  ['client_mute', vPart.validateClientMuteParticipant200], ['client_unmute', vPart.validateClientUnmuteParticipant200],
  ['video_muted', vPart.validateVideoMuteParticipant200], ['video_unmuted', vPart.validateVideoUnmuteParticipant200],
  ['disconnect', vPart.validateDisconnectParticipant200], ['unlock', vPart.validateUnlockParticipant200],
  ['buzz', vPart.validateBuzzParticipant200], ['clearbuzz', vPart.validateClearbuzzParticipant200],
  ['role', vPart.validateRoleParticipant200, { role: 'chair' }],
  ['message', vPart.validateMessageParticipant200, { type: 'text/plain', payload: 'hello' }],
  ['overlaytext', vPart.validateOverlaytextParticipant200, { text: 'Ally' }],
  ['preferred_aspect_ratio', vPart.validatePreferredAspectRatio200, { aspect_ratio: 1.7778 }],
];
for (const [name, validate, body] of participant) {
  test(`participant ${name}`, async () => {
    const r = await house.post(`${P}/${name}`, { token, body });
    assert.equal(r.status, 200);
    assert.deepEqual(r.json, success(true));
    accepted(validate, r);
  });
}

test('take_floor is refused, release_floor is not', async () => {
  const take = await house.post(`${P}/take_floor`, { token });
  assert.equal(take.status, 403);
  accepted(vPart.validateTakeFloor403, take);
  assert.deepEqual(take.json, failed('Disabled'));
  const release = await house.post(`${P}/release_floor`, { token });
  assert.deepEqual(release.json, success(null));
  accepted(vPart.validateReleaseFloor200, release);
});

test('calls: an answer to a real offer', async () => {
  const r = await house.post(`${P}/calls`, { token, body: { call_type: 'WEBRTC', sdp: offer, media_type: 'video', fecc_supported: false } });
  assert.equal(r.status, 200);
  accepted(vPart.validateCallsWebrtcParticipant200, r);
  assert.ok(!('turn' in r.json.result) && !('offer_ignored' in r.json.result));
  const media = r.json.result.sdp.split(/\r\n(?=m=)/).slice(1);
  assert.deepEqual(media.map((m) => m.split(' ')[0]), ['m=audio', 'm=video', 'm=video']);
  assert.match(media[2], /a=content:slides\r\n/);
  assert.match(media[2], /a=inactive\r\n/);
});

test('calls: refusals are plain text where the client reads text', async () => {
  const bad = await house.post(`${P}/calls`, { token, body: { call_type: 'WEBRTC', sdp: 'nonsense' } });
  assert.equal(bad.status, 400);
  assert.match(bad.headers['content-type'], /^text\/plain/);
  const big = await house.post(`${P}/calls`, { token, body: { call_type: 'WEBRTC', sdp: `v=0\r\n${'a=x\r\n'.repeat(11000)}` } });
  assert.equal(big.status, 400);
  const many = offer + 'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n'.repeat(62);
  assert.equal((await house.post(`${P}/calls`, { token, body: { sdp: many } })).status, 400);
  assert.equal((await house.post(`${P}/calls`, { token, body: { call_type: 'RTMP' } })).status, 400);
  const away = await house.post(P.replace('room1', 'a%40b.example') + '/calls', { token, body: { sdp: offer } });
  assert.equal(away.status, 504);
  assert.match(away.headers['content-type'], /^text\/plain/);
  const denied = await house.post(`${P}/calls`, { token: 'stale', body: { sdp: offer } });
  assert.equal(denied.status, 403);
  accepted(vPart.validateCallsWebrtcParticipant403, denied);
});

test('update, ack, new_candidate, statistics, disconnect', async () => {
  const update = await house.post(`${CALL}/update`, { token, body: { sdp: offer } });
  accepted(vCall.validateUpdate200, update);
  for (const body of [undefined, {}]) {
    const ack = await house.post(`${CALL}/ack`, { token, body });
    assert.deepEqual(ack.json, success(true));
    accepted(vCall.validateAck200, ack);
  }
  const candidate = await house.post(`${CALL}/new_candidate`, { token, body: { candidate: '', mid: '0' } });
  assert.deepEqual(candidate.json, success(null));
  accepted(vCall.validateNewCandidate200, candidate);
  const stats = await house.post(`${CALL}/statistics`, { token, body: { audio: {} } });
  accepted(vCall.validateStatistics200, stats);
  const end = await house.post(`${CALL}/disconnect`, { token });
  accepted(vCall.validateDisconnectCall200, end);
  assert.deepEqual(end.json, success(null));
});

test('a guest may not lock', async () => {
  const r = await house.post(`${C}/lock`, { token: guest });
  assert.equal(r.status, 403);
  assert.deepEqual(r.json, failed('Invalid role'));
});

test('no token, an empty one, or one in the query where it does not belong', async () => {
  for (const [target, options] of [[`${C}/lock`, {}], [`${C}/lock`, { headers: { token: '' } }], [`${C}/lock?token=${token}`, {}],
    [`${C}/lock`, { token: 'x'.repeat(300) }]]) {
    const r = await house.post(target, options);
    assert.equal(r.status, 403);
    assert.deepEqual(r.json, failed('Invalid token'));
  }
});

test('values that mean nothing are illegal', async () => {
  const bad = [
    [`${C}/message`, {}], [`${C}/message`, { payload: 5 }], [`${C}/message`, { payload: 'x'.repeat(16385) }],
    [`${C}/transform_layout`, {}], [`${C}/transform_layout`, { transforms: 'x' }], [`${P}/role`, { role: 'king' }],
    [`${P}/preferred_aspect_ratio`, { aspect_ratio: 3 }], [`${C}/set_guests_can_unmute`, { setting: 'yes' }],
  ];
  for (const [target, body] of bad) {
    const r = await house.post(target, { token, body });
    assert.equal(r.status, 400, target);
    assert.deepEqual(r.json, failed('Illegal value'));
  }
});

test('codes of core that have no route of their own', async () => {
  const missing = await house.post(`${P}/spotlighton`, { token });
  assert.equal(missing.status, 404);
  assert.deepEqual(missing.json, failed('404 Not Found'));
  assert.equal((await house.post(`${P}/spotlightoff`, { token })).status, 503);
});

test('unknown requests and wrong methods', async () => {
  const unknown = await house.post(`${C}/transfer`, { token, body: {} });
  assert.equal(unknown.status, 404);
  assert.deepEqual(unknown.json, failed('404 Not Found'));
  const other = await house.get('/api/client/v3/status');
  assert.equal(other.status, 404);
  assert.match(other.headers['content-type'], /^text\/plain/);
  const wrong = await house.get(`${C}/lock`, { token });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.allow, 'POST');
});

test('node status', async () => {
  const r = await house.get('/api/client/v2/status');
  assert.equal(r.status, 200);
  assert.deepEqual(r.json, success('OK'));
});

test('the log holds no token and no PIN', () => {
  assert.doesNotMatch(house.log, /host-\d|guest-\d|1234/);
});
