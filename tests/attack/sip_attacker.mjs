// Attacks on the SIP face, from a town (tests/e2e/lib/town.mjs): sip_attacker.mjs TASK ORDERS-AS-JSON; prints a report as JSON.
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';

const [task, orders] = [process.argv[2], JSON.parse(process.argv[3])];
const { host, clear, secure, source } = orders;
const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));
let n = 0;

export function request(method, { how = 'TCP', from = source, via = from, port = 5060, alias = 'board', headers = [], body = '', call = `c${process.pid}-${++n}`, tag = '', seq = 1, branch = `${method}${call}${seq}`, length = Buffer.byteLength(body) } = {}) {
  return [`${method} sip:${alias}@${host} SIP/2.0`, `Via: SIP/2.0/${how} ${via}:${port};branch=z9hG4bK${branch};rport`, 'Max-Forwards: 70', `From: <sip:x@${via}>;tag=f${call}`,
    `To: <sip:${alias}@${host}>${tag && `;tag=${tag}`}`, `Call-ID: ${call}`, `CSeq: ${seq} ${method}`, `Contact: <sip:x@${via}:${port}>`, ...headers, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${length}`, '', body].join('\r\n');
}
export const sdp = (c, port = 30000, lines = [`m=audio ${port} RTP/SAVP 0`, 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'], version = 1) =>
  ['v=0', `o=- 1 ${version} IN IP4 ${source}`, 's=-', `c=IN ${c.includes(':') ? 'IP6' : 'IP4'} ${c}`, 't=0 0', ...lines, ''].join('\r\n');

// A connection: its messages so far, and when it was ended.
function line(how, from = source) {
  const raw = net.connect({ host, port: how === 'tls' ? secure : clear, localAddress: from });
  const s = how === 'tls' ? tls.connect({ socket: raw, rejectUnauthorized: false }) : raw;
  const l = { s, raw, got: '', since: Date.now() };
  // node 18 tells the end of a connection before its handshake on the socket alone
  l.up = new Promise((ok) => {
    s.once(how === 'tls' ? 'secureConnect' : 'connect', () => ok(true));
    for (const end of [s, raw]) end.once('close', () => ok(false));
  });
  l.gone = new Promise((ok) => {
    for (const end of [s, raw]) end.once('close', () => ok(Date.now() - l.since));
  });
  s.on('data', (d) => { l.got += d.toString('latin1'); }).on('error', () => {});
  raw.on('error', () => {});
  l.says = async (pattern, ms = 5000) => {
    for (const end = Date.now() + ms; Date.now() < end; await pause(10)) if (pattern.test(l.got)) return pattern.exec(l.got)[0];
    return null;
  };
  return l;
}
const statuses = (text) => {
  const by = {};
  for (const [, status] of text.matchAll(/^SIP\/2.0 (\d{3}) /gm)) by[status] = (by[status] ?? 0) + 1;
  return by;
};
const within = (promise, ms) => Promise.race([promise, pause(ms).then(() => null)]);

const tasks = {
  // nothing; half a handshake; half a head that drips; a body that never comes
  async slow({ count, ms }) {
    const shapes = [() => net.connect({ host, port: clear, localAddress: source }), () => {
      const s = net.connect({ host, port: secure, localAddress: source });
      s.write(Buffer.from('16030102000100', 'hex'));
      return s;
    }, () => Object.assign(line('tcp').s, { text: 'INVITE sip:board@x SIP/2.0\r\nVia: ' }), () => Object.assign(line('tls').s, { text: 'INVITE sip:board@x SIP/2.0\r\nVia: ' }),
    () => Object.assign(line('tcp').s, { text: request('INVITE', { length: 60000 }) })];
    const since = Date.now(), ends = [];
    const all = Array.from({ length: count }, (_, i) => {
      const s = shapes[i % shapes.length]();
      s.on('error', () => {}).on('close', () => ends.push(Date.now() - since)).resume();
      if (s.text) s.write(s.text);
      return s;
    });
    console.error('open');
    const drip = setInterval(() => all.forEach((s) => s.writable && s.text && s.write('a')), 1000);
    while (ends.length < count && Date.now() - since < ms) await pause(100);
    clearInterval(drip);
    all.forEach((s) => s.destroy());
    return { ended: ends.length, last: Math.max(...ends) };
  },
  async pipeline({ count, waits }) {
    const l = line('tcp');
    await l.up;
    l.s.write(Array.from({ length: count }, () => request('OPTIONS')).join('') + 'OPTIONS sip:');
    for (const end = Date.now() + 10000; Date.now() < end && (statuses(l.got)[200] ?? 0) + (statuses(l.got)[401] ?? 0) < count; await pause(20));
    return { answers: statuses(l.got), gone: waits ? await within(l.gone, 20000) : null };
  },
  // Each as a connection of its own and as a datagram.
  async bombs() {
    const head = (k, text) => Array.from({ length: k }, (_, i) => text.replace('#', i));
    const texts = {
      headers: request('INVITE', { headers: head(200, 'X-#: a') }), long: request('INVITE', { headers: [`X-A: ${'a'.repeat(9000)}`] }),
      vias: request('INVITE', { headers: head(40, 'Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK#') }), huge: request('INVITE', { body: 'a'.repeat(70000) }), endless: `INVITE sip:a@b SIP/2.0\r\n${'X: a\r\n'.repeat(20000)}`,
      negative: request('INVITE', { length: -1 }), overflow: request('INVITE', { length: '99999999999999999999' }), twice: request('INVITE', { headers: ['Content-Length: 5'] }),
      short: request('INVITE', { body: 'v=0', length: 900 }).slice(0, 200), nul: request('INVITE', { headers: ['X-A: a\0b'] }), fold: request('INVITE', { headers: head(300, ' folded #') }), binary: 'INVITE \xff\xfe\0\x01 SIP/2.0\r\n\r\n',
      parameters: request('INVITE', { headers: [`Route: <sip:a@b${';a=b'.repeat(1900)}>`] }),
    };
    const report = {};
    const u = dgram.createSocket('udp4');
    let datagrams = 0;
    u.on('message', () => datagrams++).on('error', () => {});
    await new Promise((ok) => u.bind(0, source, ok));
    for (const [name, text] of Object.entries(texts)) {
      const l = line('tcp', orders.sources[Object.keys(report).length]);
      await l.up;
      l.s.write(Buffer.from(text, 'latin1'));
      await Promise.race([l.gone, l.says(/^SIP\/2.0 [2-6]/m, 1500)]);
      report[name] = Object.keys(statuses(l.got)).join() || (l.s.closed ? 'closed' : 'nothing');
      l.s.destroy();
      u.send(Buffer.from(text, 'latin1').subarray(0, 60000), clear, host);
    }
    await pause(500);
    u.close();
    return { report, datagrams };
  },
  // Who is named in Via, Contact, From and Route hears nothing; only the sender does.
  async forged({ victim, count }) {
    let hit = 0, answers = 0, reached = '';
    const deaf = [5060, 5070].map((port) => dgram.createSocket('udp4').on('message', () => hit++).bind(port, victim));
    const tcp = [5060, 5070].map((port) => net.createServer(() => hit++).listen(port, victim));
    const u = dgram.createSocket('udp4').on('message', (m) => { answers++; reached ||= m.toString('latin1').split('\r\n').slice(0, 3).join(' / '); });
    await new Promise((ok) => u.bind(0, source, ok));
    for (let i = 0; i < count; i++) {
      for (const method of ['INVITE', 'OPTIONS', 'REGISTER', 'BYE', 'SUBSCRIBE']) {
        const headers = [`Route: <sip:${victim};lr>`, `Record-Route: <sip:${victim};lr>`, `Reply-To: <sip:${victim}>`];
        u.send(request(method, { how: 'UDP', via: victim, port: i % 2 ? 5060 : 5070, headers, body: method === 'INVITE' ? sdp(source) : '' }).replace(/;rport/, `;rport;received=${victim};maddr=${victim}`), clear, host);
      }
      await pause(5);
    }
    await pause(1500);
    [...deaf, ...tcp, u].forEach((s) => s.close());
    return { hit, answers, reached };
  },
  async responses({ count }) {
    const text = (i, how) => request('INVITE', { how, branch: `r${i}` }).replace(/^INVITE .*\r\n/, 'SIP/2.0 200 OK\r\n');
    let back = 0;
    const u = dgram.createSocket('udp4').on('message', () => back++);
    await new Promise((ok) => u.bind(0, source, ok));
    for (let i = 0; i < count; i++) {
      u.send(text(i, 'UDP'), clear, host);
      if (i % 50 === 0) await pause(20);
    }
    const l = line('tls');
    await l.up;
    for (let i = 0; i < 100; i++) l.s.write(text(i, 'TLS'));
    await pause(800);
    u.close();
    l.s.destroy();
    return { back: back + l.got.length };
  },
  // INVITEs with descriptions that nobody is sent to: the status of each.
  async descriptions({ list }) {
    const report = [];
    for (const { from, c, port, lines, sections } of list) {
      const l = line('tls', from);
      if (!(await within(l.up, 3000))) {
        report.push({ c, port, status: 'no connection' });
        continue;
      }
      const extra = sections === undefined ? lines : Array.from({ length: sections }, () => `m=audio ${port ?? 30000} RTP/AVP 0`);
      l.s.write(request('INVITE', { how: 'TLS', from, port: l.raw.localPort, body: sdp(c, port, extra ?? undefined) }));
      const status = (await l.says(/^SIP\/2.0 [2-6]\d\d/m))?.slice(8) ?? null;
      report.push({ c, port, sections, status });
      l.s.destroy();
    }
    return report;
  },
  async storm({ count }) {
    const l = line('tls');
    await l.up;
    const port = l.raw.localPort;
    l.s.write(request('INVITE', { how: 'TLS', port, call: 'storm', body: sdp(source) }));
    const first = await l.says(/^SIP\/2.0 200[^]*?^To:.*tag=(\w+)/m);
    const tag = /^To:.*tag=(\w+)/m.exec(first ?? '')?.[1];
    if (!tag) return { first: l.got.slice(0, 300) };
    l.s.write(request('ACK', { how: 'TLS', port, call: 'storm', tag }));
    l.got = '';
    for (let i = 0; i < count; i++) l.s.write(request('INVITE', { how: 'TLS', port, call: 'storm', tag, seq: 2 + i, body: sdp(source, 30000, undefined, 2 + i) }));
    await pause(1500);
    const answers = statuses(l.got);
    l.got = '';
    // whoever has had no turn for a second has one again
    await pause(3000);
    l.got = '';
    l.s.write(request('BYE', { how: 'TLS', port, call: 'storm', tag, seq: 2 + count }));
    return { answers, bye: (await l.says(/^SIP\/2.0 \d\d\d[^]*?^CSeq: \d+ BYE/m))?.split('\r\n')[0] ?? l.got.slice(0, 600) };
  },
  // Connections over TLS that are opened and closed, `parallel` at once.
  async churn({ sources, each, parallel }) {
    const todo = sources.flatMap((from) => Array.from({ length: each }, () => from));
    let up = 0, refused = 0;
    await Promise.all(Array.from({ length: parallel }, async () => {
      for (let from; (from = todo.pop());) {
        const l = line('tls', from);
        const ok = await within(l.up, 10000);
        if (ok) up++;
        else refused++;
        if (ok && up % 3 === 0) l.s.write(request('OPTIONS', { how: 'TLS', from }));
        if (ok && up % 5 === 0) l.raw.destroy();
        else l.s.end();
        await within(l.gone, 3000);
        l.s.destroy();
      }
    }));
    return { up, refused };
  },
};
const report = await tasks[task](orders);
console.log(JSON.stringify(report));
process.exit(0);
