// A baresip (Debian's 1.0.0) in the town, steered over its control socket.
// What it is known for: it ignores 127.0.0.1, its TLS port is the SIP port + 1,
// its sine needs two channels, its picture stands still, and what it heard can
// only be judged by its counters at the end of a call.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './platform.mjs';

const SIP = 15060, CTRL = 15160;

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });

// A CA for the devices of a test; the platform is told to trust `${dir}/ca.pem`.
export function deviceCa() {
  const dir = mkdtempSync(join(tmpdir(), 'cv-ca-'));
  openssl('req', '-x509', ...CURVE, '-days', '2', '-subj', '/CN=devices', '-keyout', join(dir, 'ca.key'), '-out', join(dir, 'ca.pem'));
  return dir;
}

export function certificate(dir, ip, ca) {
  writeFileSync(join(dir, 'ext'), `subjectAltName=IP:${ip}\n`);
  openssl('req', ...CURVE, '-subj', '/CN=baresip', '-keyout', join(dir, 'k.pem'), '-out', join(dir, 'r.pem'));
  openssl('x509', '-req', '-in', join(dir, 'r.pem'), '-CA', join(ca, 'ca.pem'), '-CAkey', join(ca, 'ca.key'), '-CAcreateserial', '-days', '2', '-extfile', join(dir, 'ext'), '-out', join(dir, 'c.pem'));
  writeFileSync(join(dir, 'b.pem'), readFileSync(join(dir, 'k.pem'), 'utf8') + readFileSync(join(dir, 'c.pem'), 'utf8'));
}

export class Baresip {
  // encryption: 'dtls_srtp', 'srtp-mand' or '' (clear); transport: tls, tcp, udp.
  static async start(town, { ca, ip, user = 'room', transport = 'tls', encryption = 'dtls_srtp', audio = 'opus/48000/2', video = '', hz = 440, login = '', server = '10.66.0.1', ice = false }) {
    const b = new Baresip();
    b.town = town;
    b.ip = ip;
    b.events = [];
    b.said = '';
    b.dir = mkdtempSync(join(tmpdir(), 'cv-baresip-'));
    mkdirSync(join(b.dir, 'home'));
    certificate(b.dir, ip, ca);
    town.run('ip', 'addr', 'replace', `${ip}/32`, 'dev', 'lo');
    const modules = ['stdio', 'opus', 'g711', 'g722', 'ausine', 'aufile', 'fakevideo', 'vp8', 'avcodec'];
    writeFileSync(join(b.dir, 'config'), [
      'poll_method epoll', 'module_path /usr/lib/baresip/modules', `sip_listen ${ip}:${SIP}`, `sip_certificate ${b.dir}/b.pem`, `sip_cafile ${b.dir}/c.pem`,
      `audio_source ausine,${hz}`, `audio_player aufile,${b.dir}/heard.wav`, 'audio_alert none,none',
      'ausrc_srate 48000', 'auplay_srate 48000', 'ausrc_channels 2', 'auplay_channels 2',
      'video_source fakevideo,', 'video_display fakevideo,', 'video_size 640x360', 'video_bitrate 500000', 'video_fps 15',
      'rtp_ports 16000-16100', 'rtp_stats yes', 'net_interface lo',
      ...modules.map((m) => `module ${m}.so`), 'module_tmp uuid.so', 'module_tmp account.so', 'module srtp.so', 'module dtls_srtp.so', ...(ice ? ['module ice.so', 'rtcp_mux yes'] : []), 'module ctrl_tcp.so',
      'module_app menu.so', 'module_app debug_cmd.so', `ctrl_tcp_listen ${ip}:${CTRL}`, '',
    ].join('\n'));
    const port = transport === 'tls' ? SIP + 1 : SIP;
    writeFileSync(join(b.dir, 'accounts'), `<sip:${user}@${login ? server : `${ip}:${port}`};transport=${transport}>;${login || 'regint=0'}${encryption ? `;mediaenc=${encryption}` : ''}${ice ? ';medianat=ice' : ''};audio_codecs=${audio};${video ? `video_codecs=${video};` : ''}answermode=auto\n`);
    b.child = town.spawn(['baresip', '-f', b.dir], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, HOME: join(b.dir, 'home') } });
    for (const out of [b.child.stdout, b.child.stderr]) out.on('data', (d) => (b.said += d));
    b.child.stdin.on('error', () => {});
    b.gone = once(b.child, 'close');
    try {
      await until('baresip listens to orders', () => b.connect(), 10000);
    } catch (e) {
      await b.stop();
      throw e;
    }
    return b;
  }

  connect() {
    return new Promise((ok, bad) => {
      const s = net.connect(CTRL, this.ip, () => {
        this.ctrl = s;
        ok(true);
      });
      let text = '';
      s.on('error', bad);
      s.on('data', (d) => {
        text += d;
        for (;;) {	// netstrings
          const m = /^(\d+):/.exec(text);
          if (!m || text.length < m[0].length + Number(m[1]) + 1) return;
          this.events.push(JSON.parse(text.slice(m[0].length, m[0].length + Number(m[1]))));
          text = text.slice(m[0].length + Number(m[1]) + 1);
        }
      });
    });
  }

  order(command, params) {
    const text = JSON.stringify({ command, params, token: command });
    this.ctrl.write(`${text.length}:${text},`);
  }

  event(type, ms = 15000) {
    return until(`baresip: ${type}`, () => this.events.find((e) => e.type === type), ms).catch((e) => {
      throw new Error(`${e.message}\n${JSON.stringify(this.events.map((x) => [x.type, x.param]))}\n${this.said.slice(-3000)}`);
    });
  }

  async dial(uri) {
    this.events = [];
    this.order('dial', uri);
  }

  // The menu takes digits while a call stands.
  async keys(digits) {
    for (const d of digits) {
      this.child.stdin.write(d);
      await new Promise((r) => setTimeout(r, 250));	// a key is held and let go
    }
  }

  hangup() {
    this.order('hangup');
  }

  // Of each stream of the calls that ended, in order.
  counters() {
    const block = /(audio|video)\s+Transmit:\s+Receive:\s+packets:\s+(\d+)\s+(\d+)\s+avg\. bitrate:\s+([\d.]+)\s+([\d.]+)/g;
    return [...this.said.matchAll(block)].map((m) => ({ kind: m[1], sent: Number(m[2]), received: Number(m[3]), kbps_out: Number(m[4]), kbps_in: Number(m[5]) }));
  }

  async stop() {
    this.ctrl?.destroy();
    this.child.kill('SIGTERM');
    await this.gone;
  }
}
