"""The internet of test_process.c: name server and hostile web servers.

usage: servers.py DIR make            certificates into DIR
       servers.py DIR far             all of it; says its pid, waits for "go", brings up its side of the wire
       servers.py DIR near ADDRESS    one good server on an address
Says on stdout: "ready", "conn <our address>", "req <path>", "name <name> <type>". Ends when stdin does.
"""
import os
import pathlib
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings

PUBLIC, ALLOWED, PRIVATE, META, OWN = '93.184.216.34', '10.66.0.2', '10.77.0.2', '169.254.169.254', '10.66.0.1'
HERE = pathlib.Path(sys.argv[1])
SAY = threading.Lock()


def say(*words):
    with SAY:
        print(*words, flush=True)


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- certificates ------------------------------------------------------------

def make_ca(name):
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
        '-subj', f'/CN={name}', '-keyout', HERE / f'{name}.key', '-out', HERE / f'{name}.pem')


def make_cert(name, ca, names, days='30'):
    ext = HERE / f'{name}.ext'
    ext.write_text('subjectAltName=' + ','.join(names) + '\n')
    run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', f'/CN={name}',
        '-keyout', HERE / f'{name}.key', '-out', HERE / f'{name}.csr')
    run('openssl', 'x509', '-req', '-in', HERE / f'{name}.csr', '-CA', HERE / f'{ca}.pem', '-CAkey', HERE / f'{ca}.key',
        '-CAcreateserial', '-days', days, '-extfile', ext, '-out', HERE / f'{name}.crt')


def make():
    make_ca('ca')
    make_ca('stranger')
    good = ['DNS:*.good.test', 'DNS:public.test', 'DNS:private.test', 'DNS:mixed.test', 'DNS:v6.test', 'DNS:rebind.test',
            'DNS:expired.test', 'DNS:wrongca.test'] + [f'IP:{ip}' for ip in (PUBLIC, ALLOWED, PRIVATE, META, OWN, '10.66.0.99', 'fd66::2')]
    make_cert('good', 'ca', good)
    make_cert('wrongca.test', 'stranger', good)
    make_cert('wrongname.test', 'ca', ['DNS:somebody.example'])
    make_cert('expired.test', 'ca', good, days='-1')


# --- names ----------------------------------------------------------------------

def answers(name, kind, count):
    v4 = {'public.test': [PUBLIC], 'private.test': [PRIVATE], 'meta.test': [META], 'loop.test': ['127.0.0.1'],
          'own.test': [OWN], 'mixed.test': [PRIVATE, PUBLIC], 'v6.test': [], 'mapped.test': [],
          'zero.test': ['0.0.0.0'], 'rebind.test': [PUBLIC if count == 1 else PRIVATE], 'many.test': [PRIVATE] * 20}
    v6 = {'v6.test': ['fd66::2'], 'mapped.test': ['::ffff:169.254.169.254']}
    if kind == 28:
        return v6.get(name, [])
    if name.endswith('.good.test') or name in ('wrongca.test', 'wrongname.test', 'expired.test'):
        return [ALLOWED]
    return v4.get(name)


def wire_name(name):
    return b''.join(bytes([len(x)]) + x.encode() for x in name.strip('.').split('.') if x) + b'\0'


def srv(priority, weight, port, host):
    return struct.pack('>HHH', priority, weight, port) + wire_name(host)


def naptr(order, preference, service, replacement):
    texts = b''.join(bytes([len(x)]) + x.encode() for x in ('s', service, ''))
    return struct.pack('>HH', order, preference) + texts + wire_name(replacement)


# What SIP asks for: type -> name -> records.
SIP = {
    35: {'full.test': [naptr(20, 0, 'SIP+D2T', '_sip._tcp.full.test'), naptr(10, 0, 'SIPS+D2T', '_secure.full.test')]},
    33: {'_secure.full.test': [srv(10, 0, 5099, 'public.test'), srv(20, 0, 5061, 'a.good.test')],
         '_sip._tcp.full.test': [srv(0, 0, 5060, 'a.good.test')],
         '_sips._tcp.bysrv.test': [srv(0, 0, 5061, 'a.good.test')],
         '_sip._udp.bysrv.test': [srv(0, 0, 5060, 'a.good.test')],
         '_sips._tcp.denied.test': [srv(0, 0, 0, '')],
         '_sips._tcp.inside.test': [srv(0, 0, 5061, 'loop.test'), srv(1, 0, 5061, 'meta.test')]},
}


def dns():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((ALLOWED, 53))
    counts = {}
    while True:
        q, peer = s.recvfrom(2048)
        labels, at = [], 12
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]].decode('ascii', 'replace'))
            at += 1 + q[at]
        name, kind = '.'.join(labels).lower(), struct.unpack('>H', q[at + 1:at + 3])[0]
        counts[name, kind] = counts.get((name, kind), 0) + 1
        say('name', name, {28: 'AAAA', 33: 'SRV', 35: 'NAPTR'}.get(kind, 'A'))
        if name == 'silent.test':
            continue
        found = SIP[kind].get(name) if kind in SIP else answers(name, kind, counts[name, kind])
        rr = b''
        for ip in found or []:
            packed = ip if kind in SIP else socket.inet_pton(socket.AF_INET6 if kind == 28 else socket.AF_INET, ip)
            rr += b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 0, len(packed)) + packed
        code = 3 if found is None else 0
        s.sendto(q[:2] + struct.pack('>HHHHH', 0x8180 | code, 1, len(found or []), 0, 0) + q[12:at + 5] + rr, peer)


# --- the web ---------------------------------------------------------------------

def reply(body, kind='application/json', status='200 OK', more=''):
    return (f'HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n').encode() + body


def jpeg(components):
    """A head of 100 x 80 pixels; nothing that could be shown."""
    frame = struct.pack('>BHHB', 8, 80, 100, components) + bytes(3 * components)
    return b'\xff\xd8\xff\xe0\0\4\0\0\xff\xc0' + struct.pack('>H', len(frame) + 2) + frame


FIXED = {
    '/ok': reply(b'{"status":"success","result":{"name":"a","n":-7,"r":1.5,"t":true,"f":false,"z":null,"l":["x"]}}'),
    '/charset': reply(b'{}', 'Application/JSON; charset=utf-8'),
    '/html': reply(b'{}', 'text/html'),
    '/notype': b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    '/garbage': reply(b'{"a":'),
    '/scalar': reply(b'7'),
    '/latin': reply(b'{"a":"\xe9"}'),
    '/nul': reply(b'{"a":"\\u0000"}'),
    '/deep': reply(b'[' * 33 + b']' * 33),
    '/deepest': reply(b'[' * 100000),
    '/twice': reply(b'{"a":1,"b":2,"a":3}'),
    '/nodes': reply(b'[' + b'0,' * 5000 + b'0]'),
    '/bignum': reply(b'[99999999999999999999]'),
    '/text': reply(b'["' + b'x' * 262000 + b'"]'),
    '/toolong': reply(b'["' + b'x' * 262144 + b'"]'),
    '/redirect': reply(b'', status='302 Found', more=f'Location: https://{PRIVATE}/ok\r\n'),
    '/missing': reply(b'{"action":"reject"}', status='404 Not Found'),
    '/hugemissing': b'HTTP/1.1 404 Not Found\r\nContent-Length: 104857600\r\n\r\nx',
    '/jpeg': reply(jpeg(3), 'image/jpeg'),
    '/cmyk': reply(jpeg(4), 'image/jpeg'),
    '/nojpeg': reply(b'\xff\xd8\xff', 'image/jpeg'),
    '/bigjpeg': reply(jpeg(3) + b'x' * 65536, 'image/jpeg'),
    '/nothttp': b'SSH-2.0-OpenSSH\r\n',
    '/cookie': reply(b'{}', more='Set-Cookie: a=b\r\nStrict-Transport-Security: max-age=9\r\n'),
    '/half': b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    '/gzip': reply(b'\x1f\x8b\x08\x00', more='Content-Encoding: gzip\r\n'),
}


class Web(socketserver.BaseRequestHandler):
    def setup(self):
        ip = self.request.getsockname()[0].removeprefix('::ffff:')
        say('conn', ip)

    def handle(self):
        try:
            tls = self.server.tls.wrap_socket(self.request, server_side=True)
        except (OSError, ssl.SSLError):
            return
        try:
            self.serve(tls)
            tls.unwrap()
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            tls.close()

    def serve(self, tls):
        head = b''
        while b'\r\n\r\n' not in head:
            got = tls.recv(65536)
            if not got:
                return
            head += got
        path = head.split(b' ')[1].decode()
        say('req', path)
        if path == '/auth':
            lines = [x.split(b': ', 1)[1] for x in head.split(b'\r\n') if x.lower().startswith(b'authorization:')]
            tls.sendall(reply(b'{"auth":"' + b'|'.join(lines) + b'"}'))
        elif path.startswith('/echo'):
            tls.sendall(reply(b'["' + head.split(b'\r\n')[0] + b'"]'))
        elif path == '/big':
            tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
            for _ in range(1600):
                tls.sendall(b'10000\r\n' + b' ' * 65536 + b'\r\n')
        elif path == '/drip':
            tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n')
            for _ in range(1000):
                tls.sendall(b' ')
                time.sleep(0.05)
        elif path == '/mute':
            tls.recv(1)
        elif path == '/longhead':
            tls.sendall(b'HTTP/1.1 200 OK\r\n')
            for i in range(100000):
                tls.sendall(b'X-%d: %s\r\n' % (i, b'y' * 900))
        elif path == '/informed':
            for i in range(100000):
                tls.sendall(b'HTTP/1.1 103 Early Hints\r\nLink: %s\r\n\r\n' % (b'y' * 900))
        else:
            tls.sendall(FIXED[path])


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512


def context(name='good'):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(HERE / f'{name}.crt', HERE / f'{name}.key')
    return c


def web(address, port, tls):
    s = Server((address, port), Web)
    s.tls = tls
    threading.Thread(target=s.serve_forever, daemon=True).start()


def by_name():
    others = {n: context(n) for n in ('wrongca.test', 'wrongname.test', 'expired.test')}
    c = context()

    def choose(sock, name, _):
        if name in others:
            sock.context = others[name]
    c.sni_callback = choose
    return c


def old():
    warnings.simplefilter('ignore', DeprecationWarning)
    c = context()
    c.set_ciphers('DEFAULT:@SECLEVEL=0')
    c.minimum_version = ssl.TLSVersion.TLSv1
    c.maximum_version = ssl.TLSVersion.TLSv1_1
    return c


def plain():
    s = socket.create_server((ALLOWED, 80))
    while True:
        c, _ = s.accept()
        c.recv(1)
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        c.close()


def listen_only(port):
    s = socket.create_server(('', port))
    while True:
        c, _ = s.accept()
        say('sip', port, c.getsockname()[0])
        c.sendall(b'hello')
        c.close()


def far():
    say('pid', os.getpid())
    sys.stdin.readline()
    for ip in (f'{ALLOWED}/24', f'{PRIVATE}/24', f'{META}/32', f'{PUBLIC}/32'):
        run('ip', 'addr', 'add', ip, 'dev', 'far')
    run('ip', 'addr', 'add', 'fd66::2/64', 'dev', 'far', 'nodad')
    run('ip', 'link', 'set', 'lo', 'up')
    run('ip', 'link', 'set', 'far', 'up')
    web('::', 443, by_name())
    web('::', 444, old())
    threading.Thread(target=dns, daemon=True).start()
    threading.Thread(target=plain, daemon=True).start()
    for port in (5060, 5061):
        threading.Thread(target=listen_only, args=(port,), daemon=True).start()


def main():
    if sys.argv[2] == 'make':
        make()
        return
    if sys.argv[2] == 'far':
        far()
    else:
        web('::ffff:' + sys.argv[3], 443, context())
    say('ready')
    sys.stdin.read()


main()
