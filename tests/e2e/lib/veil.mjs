// A veil in front of a scanner that speaks SIP over UDP only and says who it is: what it sends to
// 127.0.0.1:port goes on to the platform from `source`, over udp, tcp or tls, under another User-Agent
// if one is given; answers come back as datagrams, asking for MD5 in place of SHA-256 if `md5` says so,
// because these programs know nothing else. Runs in the town: veil.mjs ORDERS-AS-JSON; prints "open".
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';
import { appendFileSync } from 'node:fs';

const { how, source, host, port, listen, agent, md5, trace } = JSON.parse(process.argv[2]);
const inner = dgram.createSocket('udp4');
const seen = (what, text) => trace && appendFileSync(trace, `${JSON.stringify({ at: process.hrtime.bigint().toString(), what, text })}\n`);
const there = (text) => (agent ? text.replace(/^User-Agent:.*$/im, `User-Agent: ${agent}`) : text);
const back = (text) => (md5 ? text.replace(/algorithm=SHA-256/g, 'algorithm=MD5') : text);
const lines = new Map(); // the scanner's port -> how to send for it

function answer(from, text) {
  seen('answer', text);
  inner.send(back(text), from.port, from.address);
}

function datagrams(from) {
  const s = dgram.createSocket('udp4');
  s.bind(0, source);
  s.on('message', (m) => answer(from, m.toString('latin1')));
  s.on('error', () => {});
  return (text) => s.send(Buffer.from(text, 'latin1'), port, host);
}

// Whole messages by their Content-Length.
function stream(from, again) {
  const raw = net.connect({ host, port, localAddress: source });
  const s = how === 'tls' ? tls.connect({ socket: raw, rejectUnauthorized: false }) : raw;
  let text = '';
  s.on('data', (d) => {
    text += d.toString('latin1');
    for (let end; (end = text.indexOf('\r\n\r\n')) >= 0;) {
      const n = end + 4 + Number(/^(?:Content-Length|l):\s*(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
      if (text.length < n) break;
      answer(from, text.slice(0, n));
      text = text.slice(n);
    }
  });
  raw.on('error', () => {});
  s.on('error', () => {}).on('close', again);
  return (what) => s.writable && s.write(Buffer.from(what, 'latin1'));
}

inner.on('message', (m, from) => {
  const text = there(m.toString('latin1'));
  seen('ask', text);
  if (!lines.has(from.port)) lines.set(from.port, how === 'udp' ? datagrams(from) : stream(from, () => lines.delete(from.port)));
  lines.get(from.port)(text);
});
inner.on('error', () => {});
inner.bind(listen, '127.0.0.1', () => console.log('open'));
process.stdin.on('end', () => process.exit(0)).resume();
