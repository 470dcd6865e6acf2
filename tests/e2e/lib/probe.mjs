// What an alias is answered, and after how long: one request after the other for each alias in turn, over
// one connection or socket. Runs in the town: probe.mjs ORDERS-AS-JSON; prints {alias: [{text, ms}]}.
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';

const { how, source, host, port, method, aliases, rounds } = JSON.parse(process.argv[2]);
const id = Math.random().toString(36).slice(2, 8).padEnd(6, '0');
let waits = null, rest = '', n = 100;

function take(text) {
  if (/^SIP\/2.0 [2-6]/.test(text)) waits?.(text);
}
function feed(d) {
  rest += d.toString('latin1');
  for (let end; (end = rest.indexOf('\r\n\r\n')) >= 0;) {
    const size = end + 4 + Number(/^Content-Length:\s*(\d+)/im.exec(rest.slice(0, end))?.[1] ?? 0);
    if (rest.length < size) return;
    take(rest.slice(0, size));
    rest = rest.slice(size);
  }
}
async function opens() {
  if (how === 'udp') {
    const s = dgram.createSocket('udp4').on('message', (m) => take(m.toString('latin1')));
    await new Promise((ok) => s.bind(0, source, ok));
    return { me: s.address().port, write: (text) => s.send(text, port, host), end: () => s.close() };
  }
  const raw = net.connect({ host, port, localAddress: source });
  const s = how === 'tls' ? tls.connect({ socket: raw, rejectUnauthorized: false }) : raw;
  s.setNoDelay?.(true);
  await new Promise((ok, bad) => s.once(how === 'tls' ? 'secureConnect' : 'connect', ok).once('error', bad));
  s.on('data', feed);
  return { me: raw.localPort, write: (text) => s.write(text), end: () => s.destroy() };
}
const line = await opens();

const sdp = ['v=0', `o=- 1 1 IN IP4 ${source}`, 's=-', `c=IN IP4 ${source}`, 't=0 0', 'm=audio 30000 RTP/SAVP 0',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz', ''].join('\r\n');
// `tag`: of the other side, in a dialog.
function request(what, alias, k, tag = '', body = '', branch = `${what}${k}`) {
  const seq = what === 'BYE' ? 2 : 1;
  return [`${what} sip:${alias}@${host} SIP/2.0`, `Via: SIP/2.0/${how.toUpperCase()} ${source}:${line.me};branch=z9hG4bK${id}${branch};rport`, 'Max-Forwards: 70',
    `From: <sip:${alias}@${host}>;tag=f${id}${k}`, `To: <sip:${alias}@${host}>${tag && `;tag=${tag}`}`, `Call-ID: c${id}${k}`, `CSeq: ${seq} ${what}`, `Contact: <sip:a@${source}:${line.me};transport=${how}>`,
    ...(body && ['Content-Type: application/sdp']), `Content-Length: ${body.length}`, '', body].join('\r\n');
}
async function answered(text) {
  const late = setTimeout(() => waits?.(null), 5000);
  const since = process.hrtime.bigint();
  const got = new Promise((ok) => (waits = ok));
  line.write(text);
  const answer = await got;
  const ms = Number(process.hrtime.bigint() - since) / 1e6;
  waits = null;
  clearTimeout(late);
  return { text: answer, ms };
}
const report = Object.fromEntries(aliases.map((a) => [a, []]));
for (let i = 0; i < rounds; i++)
  for (const alias of [...aliases].sort(() => Math.random() - 0.5)) {
    const k = n++;
    const a = await answered(request(method, alias, k, '', method === 'INVITE' ? sdp : ''));
    report[alias].push(a);
    const tag = /^To:.*;tag=(\w+)/im.exec(a.text ?? '')?.[1];
    if (method !== 'INVITE' || !a.text) continue;
    const taken = /^SIP\/2.0 2/.test(a.text);
    line.write(request('ACK', alias, k, tag, '', taken ? `ACK${k}` : `INVITE${k}`));
    if (taken) await answered(request('BYE', alias, k, tag));
  }
line.end();
console.log(JSON.stringify(report));
