#!/usr/bin/env python3
"""Enforces the rules of docs/architecture.md on include lines, calls and links.

usage: check_house.py [--root DIR] [--build DIR]   (--build also checks what executables link)
Exits 1 and prints one line a violation: file:line: rule.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROLES = ['super', 'ban', 'keys', 'core', 'web', 'admin', 'sip', 'h323', 'stream', 'media', 'video', 'courier', 'cluster',
         'snmp', 'cli']
# folder -> first path components its files may include
ALLOWED = {
    'base': {'base'},
    'wire': {'base', 'wire'},
    'ipc': {'base', 'ipc'},
    'schema': {'base', 'ipc', 'schema'},
    'http': {'base', 'wire', 'ipc', 'http'},
}
for role in ROLES:
    ALLOWED[role] = {'base', 'wire', 'ipc', 'http', 'schema', role}
# the pure rooms of core: facts in, verdict or actions out
PURE = {'guard', 'regex', 'routing', 'policy', 'rooms', 'identity'}
PURE_MAY_NOT = re.compile(r'^(ipc|http|wire)/|^core/(store|audit|main|wiring)|^sys/socket|^netinet/|^arpa/|^event2/|^sqlite3|^poll\.h|^unistd\.h')
WIRE_MAY_NOT = re.compile(r'^(base/(log|clock|alloc|timer)\.h|sys/socket\.h|time\.h|unistd\.h|stdlib\.h|malloc\.h|poll\.h|fcntl\.h)$')

# third-party header -> folders (below src) that wrap it
WRAPPED = [
    (r'^openssl/', ['base/crypto', 'http', 'sip', 'media/transport', 'keys', 'core/setup', 'courier/http', 'courier/revoke']),
    (r'^curl/', ['courier/http']),
    (r'^ares', ['courier/names']),
    (r'^sqlite3', ['core/store']),
    (r'^opus/|^opus\.h', ['media/audio/codec']),
    (r'^speex/', ['media/audio/codec', 'media/audio/resample']),
    (r'^vpx/', ['video/codec']),
    (r'^wels/', ['video/codec']),
    (r'^libyuv', ['video/compose']),
    (r'^(ft2build\.h|hb(-ot)?\.h|fribidi)', ['video/text']),
    (r'^(cairo|pango|fontconfig)', []),
    (r'^jansson', ['web/json', 'web', 'core/audit', 'cli', 'courier/json']),
    (r'^argon2', ['core/store', 'core/identity', 'core/setup']),
    (r'^seccomp\.h|^sys/capability\.h|^linux/landlock', ['base', 'super']),
    (r'^event2/', ['ipc', 'http', 'super', 'keys', 'ban', 'core', 'web', 'cli', 'media', 'video', 'admin', 'courier', 'sip']),
    (r'^pcre2', ['core/regex']),
    (r'^srtp2/', []),
    (r'^libmnl/|^linux/netfilter', ['ban']),
]
BANNED = re.compile(r'(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|strtok|strtok_r|atoi|atol|alloca|system|popen|strncpy|strncat)\s*\(')
HEAP = re.compile(r'(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup)\s*\(')
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
STRINGS = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')

# executable -> shared libraries it may need beyond the C library
COMMON = {'libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2', 'libseccomp.so.2', 'libcap.so.2', 'libprotobuf-c.so.1',
          'libcrypto.so.3'}
EVENT = {'libevent_core-2.1.so.7', 'libevent-2.1.so.7'}
LINKS = {
    'conclave-super': COMMON | EVENT,
    'conclave-keys': COMMON | EVENT,
    'conclave-ban': COMMON | EVENT | {'libmnl.so.0'},
    'conclave-core': COMMON | EVENT | {'libsqlite3.so.0', 'libargon2.so.1', 'libjansson.so.4', 'libpcre2-8.so.0'},
    'conclave-web': COMMON | EVENT | {'libssl.so.3', 'libevent_extra-2.1.so.7', 'libevent_openssl-2.1.so.7', 'libjansson.so.4'},
    'conclave-sip': COMMON | EVENT | {'libssl.so.3'},
    'conclave-media': COMMON | EVENT | {'libssl.so.3', 'libopus.so.0', 'libspeexdsp.so.1'},
    'conclave-video': COMMON | EVENT | {'libvpx.so.7', 'libopenh264.so.7', 'libyuv.so.0', 'libfreetype.so.6',
                              'libharfbuzz.so.0', 'libfribidi.so.0'},
    'conclave-courier': COMMON | EVENT | {'libssl.so.3', 'libcurl.so.4', 'libcares.so.2', 'libjansson.so.4'},
    'conclave-setup': COMMON | {'libsqlite3.so.0', 'libargon2.so.1', 'libjansson.so.4', 'libevent_core-2.1.so.7'},
    'conclave': COMMON | {'libjansson.so.4', 'libevent_core-2.1.so.7'},
}


def is_under(rel, folder):
    return rel == folder or rel.startswith(folder + '/')


def check_include(rel, inc, out):
    """rel: path below src; inc: what stands between the quotes."""
    top = rel.split('/')[0]
    first = inc.split('/')[0]
    in_test = '/t/' in rel or '/bench/' in rel
    known = set(ALLOWED)
    if '/' in inc and first in known and first not in ALLOWED.get(top, known):
        out(f'{top} may not include {inc}')
    if in_test:
        return
    if top == 'wire' and WIRE_MAY_NOT.search(inc):
        out(f'wire is pure: no {inc}')
    parts = rel.split('/')
    if top == 'core' and len(parts) > 2 and parts[1] in PURE and PURE_MAY_NOT.search(inc):
        out(f'core/{parts[1]} is pure: no {inc}')
    if inc == 'seccomp.h' and len(parts) == 2 and parts[1] == 'sandbox.c':
        return  # a role's own profile names its calls
    for pattern, folders in WRAPPED:
        if re.search(pattern, inc) and not any(is_under(rel, f) for f in folders):
            out(f'{inc} is used behind {", ".join(folders) or "tests"} only')


def check_file(root, path, bad):
    rel = path.relative_to(root / 'src').as_posix()
    comment = False
    for no, line in enumerate(path.read_text(errors='replace').splitlines(), 1):
        m = INCLUDE.match(line)
        if m:
            check_include(rel, m.group(1), lambda text: bad.append(f'src/{rel}:{no}: {text}'))
            continue
        code = STRINGS.sub('""', line)
        if comment:
            if '*/' not in code:
                continue
            code = code.split('*/', 1)[1]
            comment = False
        code = re.sub(r'/\*.*?\*/', '', code)
        if '/*' in code:
            code = code.split('/*', 1)[0]
            comment = True
        code = code.split('//', 1)[0]
        m = BANNED.search(code)
        if m:
            bad.append(f'src/{rel}:{no}: {m.group(1)} is banned')
        m = HEAP.search(code)
        if m and not rel.startswith('base/alloc.c') and '/t/' not in rel and '/bench/' not in rel:
            bad.append(f'src/{rel}:{no}: {m.group(1)}: use base/alloc.h')


def check_sources(root):
    bad = []
    for path in sorted((root / 'src').rglob('*.[ch]')):
        if '/corpus/' in path.as_posix():
            continue
        check_file(root, path, bad)
    for folder in sorted((root / 'src').iterdir()):
        if folder.is_dir() and folder.name in ROLES and (folder / 'main.c').exists():
            for need in ('sandbox.c', 'README.md'):
                if not (folder / need).exists() and folder.name != 'cli':
                    bad.append(f'src/{folder.name}: a role folder holds {need}')
    return bad


def needed(path):
    text = subprocess.run(['readelf', '-d', str(path)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r'NEEDED.*\[([^\]]+)\]', text))


def hardening(path):
    bad = []
    text = subprocess.run(['readelf', '-hldW', str(path)], capture_output=True, text=True, check=True).stdout
    if 'DYN (' not in text:
        bad.append('not position independent')
    if 'GNU_RELRO' not in text or not re.search(r'BIND_NOW|FLAGS_1.*NOW', text):
        bad.append('no full RELRO')
    if re.search(r'GNU_STACK.*RWE', text):
        bad.append('executable stack')
    return bad


def check_links(build):
    bad = []
    found = 0
    for path in sorted(build.rglob('conclave*')):
        if path.name not in LINKS or not path.is_file() or path.suffix:
            continue
        found += 1
        extra = needed(path) - LINKS[path.name]
        if extra:
            bad.append(f'{path.name} links {", ".join(sorted(extra))}')
        bad += [f'{path.name}: {text}' for text in hardening(path)]
    if not found:
        bad.append(f'{build}: no executable found to check')
    return bad


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--root', type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    ap.add_argument('--build', type=pathlib.Path)
    args = ap.parse_args()
    bad = check_sources(args.root)
    if args.build:
        bad += check_links(args.build)
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
