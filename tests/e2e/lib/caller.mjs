// Asks for a token, from one address or from very many. Runs in the town
// (lib/town.mjs); orders come as JSON in the first argument, the report goes to
// standard output. Ends when the work is done or standard input closes.
//
//	{host, port, alias, pins: [..] | "random", sources: [..] | {net, bits, count},
//	 tries, parallel, seconds, pause (ms, of each of the parallel), headers, body}
import https from 'node:https';

const o = JSON.parse(process.argv[2]);
const report = { tried: 0, status: {}, errors: {}, ms: [], answers: [] };
let over = false;
process.stdin.on('end', tell).resume();

function sources() {
  if (Array.isArray(o.sources)) return o.sources;
  const { net, count, v6 } = o.sources;
  return Array.from({ length: count }, (_, i) => (v6 ? `${net}:${(i * 7919 % 65536).toString(16)}::${(i + 1).toString(16)}` : `${net}.${i >> 8}.${i & 255}`));
}

const all = sources();
const pin = (n) => (o.pins === 'random' ? String(100000 + Math.floor(Math.random() * 900000)) : o.pins[n % o.pins.length]);

function ask(n) {
  const body = JSON.stringify({ display_name: `Caller ${n}`, ...(o.body ?? {}) });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), host: `localhost:${o.port}`, ...(o.headers ?? {}) };
  if (o.pins) headers.pin = pin(n);
  const since = process.hrtime.bigint();
  return new Promise((ok) => {
    const done = (what, text, res) => {
      const ms = Number(process.hrtime.bigint() - since) / 1e6;
      report.tried++;
      const box = typeof what === 'number' ? report.status : report.errors;
      box[what] = (box[what] ?? 0) + 1;
      report.ms.push(Math.round(ms));
      if (o.keep) report.answers.push({ what, text, ms: Math.round(ms), cookie: res?.headers['set-cookie'] });
      ok();
    };
    const req = https.request({
      host: o.host, port: o.port, path: `/api/client/v2/conferences/${encodeURIComponent(o.alias)}/request_token`, method: 'POST', headers,
      localAddress: all[n % all.length], rejectUnauthorized: false, agent: false, timeout: o.timeout ?? 60000,
    }, (res) => {
      let text = '';
      res.on('data', (d) => (text += d));
      res.on('end', () => done(res.statusCode, text, res));
      res.on('error', (e) => done(e.code ?? e.message));
    });
    req.on('timeout', () => req.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })));
    req.on('error', (e) => done(e.code ?? e.message));
    req.end(body);
  });
}

const end = Date.now() + (o.seconds ?? 3600) * 1000;
let next = 0;
async function worker() {
  while (!over && Date.now() < end && next < (o.tries ?? Infinity)) {
    await ask(next++);
    if (o.pause) await new Promise((ok) => setTimeout(ok, o.pause));
  }
}
await Promise.all(Array.from({ length: Math.min(o.parallel ?? 1, o.tries ?? Infinity) }, worker));
tell();

function tell() {
  if (over) return;
  over = true;
  report.ms.sort((a, b) => a - b);
  if (report.ms.length > 1000) report.ms = report.ms.filter((_, i) => i % Math.ceil(report.ms.length / 1000) === 0);
  process.stdout.write(JSON.stringify(report), () => process.exit(0));
}
