// CAs, certificates, an OCSP responder and a name server in the town: openssl
// makes and answers, nothing of ours.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './platform.mjs';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

export class Ca {
  constructor(name) {
    this.dir = mkdtempSync(join(tmpdir(), 'cv-pki-'));
    this.serial = 2;
    this.rows = [];
    openssl('req', '-x509', ...CURVE, '-days', '2', '-subj', `/CN=${name}`, '-keyout', this.path('ca.key'), '-out', this.path('ca.pem'));
    this.pem = readFileSync(this.path('ca.pem'), 'utf8');
  }

  path(name) {
    return join(this.dir, name);
  }

  // { san: 'DNS:a.test', ocsp: 'http://...' }: { crt, key } as files.
  issue(name, { san, ocsp = '', days = 2, revoked = false }) {
    const serial = this.serial++;
    const [crt, key, csr, ext] = ['crt', 'key', 'csr', 'ext'].map((e) => this.path(`${name}.${e}`));
    writeFileSync(ext, `subjectAltName=${san}\n${ocsp ? `authorityInfoAccess=OCSP;URI:${ocsp}\n` : ''}`);
    openssl('req', ...CURVE, '-subj', `/CN=${name}`, '-keyout', key, '-out', csr);
    openssl('x509', '-req', '-in', csr, '-CA', this.path('ca.pem'), '-CAkey', this.path('ca.key'), '-set_serial', String(serial), '-days', String(days), '-extfile', ext, '-out', crt);
    const stamp = '301231000000Z';
    this.rows.push([revoked ? 'R' : 'V', stamp, revoked ? '250101000000Z,keyCompromise' : '', serial.toString(16).padStart(2, '0').toUpperCase(), 'unknown', `/CN=${name}`].join('\t'));
    writeFileSync(this.path('index.txt'), `${this.rows.join('\n')}\n`);
    return { crt, key };
  }

  // Debian's responder takes a port alone and listens everywhere: in the town
  // that is nobody's business. It reads the index once.
  async respond(town, port) {
    const child = town.spawn(['openssl', 'ocsp', '-port', String(port), '-index', this.path('index.txt'), '-CA', this.path('ca.pem'),
      '-rkey', this.path('ca.key'), '-rsigner', this.path('ca.pem'), '-nmin', '5'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const r = { said: '' };
    for (const out of [child.stdout, child.stderr]) out.on('data', (d) => (r.said += d));
    const gone = once(child, 'close');
    await until('the responder listens', () => /waiting for OCSP client connections/i.test(r.said), 10000);
    r.stop = async () => {
      child.kill('SIGTERM');
      await gone;
    };
    return r;
  }
}

// Answers A queries for these names, { 'a.test': '10.77.0.1' }, and nothing else.
export async function nameServer(town, address, names) {
  const child = town.spawn([process.execPath, '-e', `
    const names = JSON.parse(process.argv[2]);
    const s = require('node:dgram').createSocket('udp4');
    s.on('message', (q, from) => {
      const labels = [];
      let at = 12;
      while (q[at]) { labels.push(q.subarray(at + 1, at + 1 + q[at]).toString('latin1')); at += 1 + q[at]; }
      const kind = q.readUInt16BE(at + 1), ip = names[labels.join('.').toLowerCase()];
      const head = Buffer.from(q.subarray(0, at + 5));
      const has = ip && kind === 1;
      head.writeUInt16BE(0x8180 | (ip ? 0 : 3), 2);
      head.writeUInt16BE(1, 4); head.writeUInt16BE(has ? 1 : 0, 6); head.writeUInt32BE(0, 8);
      s.send(Buffer.concat([head, has ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)]) : Buffer.alloc(0)]), from.port, from.address);
    });
    s.bind(53, process.argv[1], () => console.log('up'));
    process.stdin.on('end', () => process.exit(0)).resume();`, address, JSON.stringify(names)], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { stop: () => child.stdin.end() };
}
