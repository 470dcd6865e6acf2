// A Kamailio (Debian's 5.6) in the town as call control: datagrams for the
// devices behind it, mutual TLS towards the platform. Its configuration is made
// for each start; nothing of /etc is read.
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './platform.mjs';

const MODULES = '/usr/lib/x86_64-linux-gnu/kamailio/modules/';

export class Kamailio {
  // ip: its own. cert: { crt, key } for both directions. ca: who signed the
  // platform's certificate. home: sip host:port of the platform; server_name: SNI.
  // device: where calls from the platform go (user@ip:port).
  static async start(town, { ip, cert, ca, home, serverName, device }) {
    const k = new Kamailio();
    k.said = '';
    const dir = mkdtempSync(join(tmpdir(), 'cv-kam-'));
    const one = `method = TLSv1.2+\nverify_certificate = yes\nprivate_key = ${cert.key}\ncertificate = ${cert.crt}\nca_list = ${ca}\n`;
    writeFileSync(join(dir, 'tls.cfg'), `[server:default]\n${one}require_certificate = yes\n[client:default]\n${one}require_certificate = yes\n`);
    writeFileSync(join(dir, 'kamailio.cfg'), `#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
socket_workers=1
auto_aliases=no
dns=no
rev_dns=no
use_dns_cache=off
dst_blocklist_init=off
enable_tls=yes
tcp_connect_timeout=5
tcp_connection_lifetime=60
listen=udp:${ip}:5060
listen=tls:${ip}:5061
mpath="${MODULES}"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("tls", "config", "${dir}/tls.cfg")
modparam("tls", "xavp_cfg", "tls")
modparam("tm", "fr_timer", 2000)
request_route {
  if (!mf_process_maxfwd_header("10")) exit;
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK") && t_check_trans()) t_relay();
    exit;
  }
  record_route();
  if ($proto == "tls") {
    $ru = "sip:${device};transport=udp";
  } else {
    $xavp(tls=>server_name) = "${serverName}";
    $ru = "sip:" + $rU + "@${home};transport=tls";
  }
  t_relay();
}
`);
    k.child = town.spawn(['kamailio', '-f', join(dir, 'kamailio.cfg'), '-DD', '-E', '-m', '32', '-M', '4', '-Y', dir, '-P', join(dir, 'pid')], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const out of [k.child.stdout, k.child.stderr]) out.on('data', (d) => (k.said += d));
    k.gone = once(k.child, 'close');
    await until('Kamailio listens', () => {
      if (k.child.exitCode !== null) throw new Error(k.said.slice(-3000));
      return town.run('ss', '-Hltn', 'src', `${ip}:5061`).includes('5061') && town.run('ss', '-Hlun', 'src', `${ip}:5060`).includes('5060');
    }, 15000).catch((e) => {
      throw new Error(`${e.message}\n${k.said.slice(-3000)}`);
    });
    return k;
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.gone;
  }
}
