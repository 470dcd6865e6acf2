// sipp (Debian's 3.6.1) in the town. A scenario is written as a list of steps,
// from which its XML is made: what is sent is whole and literal, so that every
// oddity of a message can be said, and nothing is done by sipp on its own (no
// repetition, no answer that is not in the list; whatever comes and is not
// expected is a failure).
//
// What it is known for: no TLS, digests by MD5 alone (hence bridge()).
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './platform.mjs';

const escape = (s) => s.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

// --- messages ------------------------------------------------------------------

export const sdp = (direction = 'sendrecv', codec = 'a=rtpmap:0 PCMU/8000') => [
  'v=0', 'o=sipp 1 1 IN IP4 [local_ip]', 's=-', 'c=IN IP4 [local_ip]', 't=0 0', 'm=audio 16384 RTP/AVP 0', codec, `a=${direction}`, ''].join('\n');

const tail = (body, type, length) => (body
  ? [`Content-Type: ${type}`, `Content-Length: ${length ?? '[len]'}`, '', body]
  : [`Content-Length: ${length ?? 0}`, '', '']);

// A request of the side that called. `seq` and `branch` are said where they
// matter; in: false leaves out the other side's tag.
export function request(method, { seq = 1, branch = `${method}${seq}`, to = 'open', uri = `sip:${to}@[remote_ip]:[remote_port]`, user = 'caller', headers = [], body = '', type = 'application/sdp', length, inside = seq > 1 || method === 'ACK', from = `<sip:${user}@[local_ip]>;tag=from[pid]`, as = method, contact = `<sip:${user}@[local_ip]:[local_port];transport=[transport]>`, forwards = 70, aor = `<sip:${to}@[remote_ip]>` } = {}) {
  return [
    `${method} ${uri} SIP/2.0`, `Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=z9hG4bK[pid]${branch}`, `Max-Forwards: ${forwards}`,
    `From: ${from}`, `To: ${aor}${inside ? '[peer_tag_param]' : ''}`, 'Call-ID: [call_id]', `CSeq: ${seq} ${as}`, ...(contact ? [`Contact: ${contact}`] : []), ...headers, ...tail(body, type, length),
  ].join('\n');
}

// An answer to what came last; `tag` makes the dialog.
export function answer(status, { tag = '', headers = [], body = '', type = 'application/sdp' } = {}) {
  return [
    `SIP/2.0 ${status}`, '[last_Via:]', '[last_From:]', `[last_To:]${tag ? `;tag=${tag}[pid]` : ''}`, '[last_Call-ID:]', '[last_CSeq:]',
    'Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>', ...headers, ...tail(body, type),
  ].join('\n');
}

// --- steps -----------------------------------------------------------------------

export const send = (text) => ({ send: text });
// `has`: expressions that the message must match; `not`: must not.
export const recv = (what, { optional = false, has = [], not = [], auth = false, ms } = {}) => ({ recv: what, optional, has, not, auth, ms });
export const pause = (ms) => ({ pause: ms });
// Something must not come while we wait: pause() ends with an error when it does.
export const quiet = pause;

function toXml(name, steps) {
  let n = 0;
  const names = [];
  const check = (re, inverse) => {
    names.push(`v${n}`);
    return `<ereg regexp="${escape(re)}" search_in="msg" ${inverse ? 'check_it_inverse' : 'check_it'}="true" assign_to="v${n++}"/>`;
  };
  const keep = ([header, variable, re]) => {
    names.push(variable);
    return `<ereg regexp="${escape(re ?? '.*')}" search_in="hdr" header="${header}:" check_it="true" assign_to="${variable}"/>`;
  };
  const lines = steps.flat(9).map((s) => {
    if (s.send) return `<send><![CDATA[\n\n${s.send}\n\n]]></send>`;
    if (s.pause) return `<pause milliseconds="${s.pause}"/>`;
    const kind = typeof s.recv === 'number' ? 'response' : 'request';
    const actions = [...s.has.filter((h) => typeof h === 'string').map((re) => check(re, false)), ...s.has.filter(Array.isArray).map(keep), ...s.not.map((re) => check(re, true))];
    return `<recv ${kind}="${s.recv}"${s.optional ? ' optional="true"' : ''}${s.auth ? ' auth="true"' : ''} timeout="${s.ms ?? 15000}">${actions.length ? `<action>${actions.join('')}</action>` : ''}</recv>`;
  });
  return `<?xml version="1.0" encoding="us-ascii"?>\n<scenario name="${name}">\n${lines.join('\n')}\n${names.length ? `<Reference variables="${[...new Set(names)].join(',')}"/>\n` : ''}</scenario>\n`;
}

// --- runs ---------------------------------------------------------------------------

let next = 0;
const PORT = 5060;

// From an address of its own. `to`: "address:port" of whom it talks to. An
// object with `ip`, and `done`, which fails with everything that was said.
export function sipp(town, name, steps, { transport = 'udp', to, ip = `10.77.251.${++next}`, port = PORT, login, calls = 1, seconds = 60 } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'cv-sipp-'));
  const file = join(dir, 'scenario.xml');
  writeFileSync(file, toXml(name, steps));
  const child = town.spawn(['sipp', to, '-sf', file, '-i', ip, '-p', String(port), '-t', transport === 'udp' ? 'u1' : 't1', '-m', String(calls), '-nr', '-nostdin',
    '-default_behaviors', 'abortunexp', '-timeout', `${seconds}s`, '-timeout_error', '-trace_msg', '-message_file', join(dir, 'messages'), '-trace_err', '-error_file', join(dir, 'errors'),
    ...(login ? ['-au', login.user, '-ap', login.password] : [])], { stdio: ['ignore', 'pipe', 'pipe'], cwd: dir });
  let said = '';
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => (said += d));
  const log = () => ['errors', 'messages'].filter((f) => existsSync(join(dir, f))).map((f) => readFileSync(join(dir, f), 'utf8')).join('\n');
  const done = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`${name}, ${transport}: sipp ended with ${code}\n${log() || said.slice(-2000)}\n${readdirSync(dir)}`);
    return log();
  });
  done.catch(() => {});	// whoever waits hears of it
  // It answers who asks at its port.
  const listens = () => until(`${name} listens`, () => town.run('ss', '-Hlun', `src = ${ip}`).trim());
  return { ip, done, log, child, listens };
}

// A way to the platform's TLS port for sipp's TCP, in the town: whose
// connections come from `ip`. sipp takes the first challenge that it sees and
// knows MD5 alone: stronger ones are left out on the way.
export async function bridge(town, { ip, port = 5060, host, hostPort }) {
  const child = town.spawn([process.execPath, '-e', `
    const net = require('node:net'), tls = require('node:tls');
    net.createServer((a) => {
      const b = tls.connect({ host: '${host}', port: ${hostPort}, localAddress: '${ip}', rejectUnauthorized: false });
      a.pipe(b);
      b.on('data', (d) => a.write(d.toString('latin1').replace(/^WWW-Authenticate: .*SHA-256.*\\r\\n/gm, ''), 'latin1'));
      b.on('end', () => a.end());
      for (const s of [a, b]) s.on('error', () => { a.destroy(); b.destroy(); });
    }).listen(${port}, '${ip}', () => console.log('open'));
    process.stdin.on('end', () => process.exit(0)).resume();`], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { to: `${ip}:${port}`, stop: () => child.stdin.end() };
}
