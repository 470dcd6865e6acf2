#!/usr/bin/env python3
"""Holds our SIP reader against libre's and sofia's: where ours and one of them take a message, they must agree on what it says.

usage: test_sip_parse.py OURS RE SOFIA DATA_DIR

Messages: those of RFC 4475 and 5118, hand-written ones, and mutations of all from a fixed seed. Differences that are known and wanted stand in
KNOWN with their reason; any other fails the test. What one refuses and another takes is counted and printed, and bounded: of the
hand-written messages ours must take what both others take.
"""
import glob
import os
import random
import struct
import subprocess
import sys
import urllib.parse

FIELDS = ['method', 'user', 'host', 'from tag', 'to tag', 'call-id', 'cseq', 'branch']
MUTATIONS = 5000

BASE = [
    'INVITE sip:room@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\r\nMax-Forwards: 70\r\n'
    'From: "A" <sip:a@example.com>;tag=ft\r\nTo: <sip:room@example.net>\r\nCall-ID: id-1@192.0.2.1\r\nCSeq: 7 INVITE\r\n'
    'Contact: <sip:a@192.0.2.1>\r\nContent-Type: application/sdp\r\nContent-Length: 0\r\n\r\n',
    'SIP/2.0 200 OK\r\nv: SIP/2.0/TLS a.example;branch=z9hG4bK1 , SIP/2.0/UDP b.example\r\nf: sip:a@b;tag=1\r\nt: "B \\"x\\"" <sip:b@c>;tag=2\r\n'
    'i: x\r\nCSeq: 1 INVITE\r\nm: <sip:b@c:5061;transport=tls>\r\nl: 0\r\n\r\n',
    'REGISTER sips:example.org SIP/2.0\r\nVia: SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKq\r\nMax-Forwards: 70\r\nFrom: <sips:u@example.org>;tag=9\r\n'
    'To: <sips:u@example.org>\r\nCall-ID: reg\r\nCSeq: 2147483647 REGISTER\r\nContact: *\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n',
    'BYE sip:+15551234@gw.example;user=phone SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKb;received=192.0.2.9\r\nFrom: A B <sip:x@y>;tag=f\r\n'
    'To: <tel:+15551234>;tag=t\r\nCall-ID: b@c\r\nCSeq: 9 BYE\r\nMax-Forwards: 1\r\nRoute: <sip:p;lr>, <sip:q;lr>\r\nContent-Length: 0\r\n\r\n',
]

# (which oracle, field, does our value and theirs show the known difference?) and why
KNOWN = [
    (None, 'user', lambda a, b: urllib.parse.unquote(a) == urllib.parse.unquote(b), 'escapes are undone or left, the user is the same'),
    (None, 'host', lambda a, b: a == '', 'a URI of a scheme that we do not know has no parts for us'),
    (None, 'user', lambda a, b: a == '', 'likewise'),
    ('re', 'host', lambda a, b: b == '[2001' and ':' in a, 'libre reads no IPv6 address with an IPv4 tail'),
    (None, 'host', lambda a, b: a.strip('[]').lower() == b.strip('[]').lower(), 'brackets and case of a host'),
]


def run(program, messages):
    data = b''.join(struct.pack('>I', len(m)) + m for m in messages)
    out = subprocess.run([program], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300, check=True).stdout.decode().splitlines()
    assert len(out) == len(messages), f'{program}: {len(out)} lines for {len(messages)} messages'
    return [None if line in ('-', '!') else [bytes.fromhex(w).decode('latin-1') for w in line.split(' ')] for line in out], out.count('!')


def mutate(rng, text):
    lines = text.split('\r\n')
    how = rng.randrange(10)
    i = rng.randrange(1, max(2, lines.index('') if '' in lines else len(lines)))
    if how == 0:  # fold at a blank
        at = lines[i].find(' ', lines[i].find(':') + 1)
        if at > 0:
            lines[i] = lines[i][:at] + '\r\n' + lines[i][at:]
    elif how == 1:
        lines[i] = lines[i].replace(':', ' \t: ', 1)
    elif how == 2:
        lines[i] = lines[i].swapcase() if lines[i].lower().startswith(('x-', 'user-agent')) else lines[i].replace(';', ' ; ')
    elif how == 3:
        lines.insert(i, 'X-Odd: ' + ''.join(rng.choice('abc;,"<>=\\ ') for _ in range(20)))
    elif how == 4:
        a, b = rng.randrange(1, len(lines)), i
        if lines[a] and lines[b] and lines.index('') > max(a, b):
            lines[a], lines[b] = lines[b], lines[a]
    elif how == 5:
        lines[i] += ';p' + str(rng.randrange(9)) + '="' + rng.choice(['', 'x', 'a;b,c', '\\"']) + '"'
    elif how == 6:
        k = rng.randrange(len(lines[i]) + 1)
        lines[i] = lines[i][:k] + rng.choice(';,<>"@:= []%') + lines[i][k:]
    elif how == 7 and lines[i]:
        k = rng.randrange(len(lines[i]))
        lines[i] = lines[i][:k] + lines[i][k + 1:]
    elif how == 8:
        lines[0] = lines[0].replace('sip:', rng.choice(['SIP:', 'sip:a%20b@', 'sip:x;y@', 'tel:', 'sips:']), 1)
    else:
        lines.insert(i, lines[i])
    return '\r\n'.join(lines)


def corpus(data):
    hand = [m.encode('latin-1') for m in BASE]
    files = sorted(glob.glob(os.path.join(data, 'rfc*', '*.sip')))
    texts = [open(f, 'rb').read() for f in files]
    rng = random.Random(4475)
    seeds = BASE + [t.decode('latin-1') for t in texts if b'\r\n\r\n' in t]
    many = []
    for _ in range(MUTATIONS):
        text = rng.choice(seeds)
        for _ in range(rng.randrange(1, 4)):
            text = mutate(rng, text)
        many.append(text.encode('latin-1')[:65000])
    names = [f'hand {i}' for i in range(len(hand))] + [os.path.basename(f) for f in files] + [f'mutation {i}' for i in range(len(many))]
    return names, hand + texts + many, len(hand)


def known(which, field, a, b):
    return any(w in (None, which) and f == field and same(a, b) for w, f, same, _ in KNOWN)


def main():
    ours, re_program, sofia_program, data = sys.argv[1:5]
    names, messages, hand = corpus(data)
    mine, died = run(ours, messages)
    assert died == 0, 'our reader died'
    others = {'re': run(re_program, messages), 'sofia': run(sofia_program, messages)}
    bad = 0
    for which, (theirs, crashed) in others.items():
        both = sum(1 for a, b in zip(mine, theirs) if a and b)
        print(f'{which}: {both} of {len(messages)} taken by both, {sum(1 for a, b in zip(mine, theirs) if a and not b)} by us alone, '
              f'{sum(1 for a, b in zip(mine, theirs) if b and not a)} by it alone; it died of {crashed}')
        for name, message, a, b in zip(names, messages, mine, theirs):
            if not a or not b:
                continue
            for field, x, y in zip(FIELDS, a, b):
                if x != y and not known(which, field, x, y):
                    bad += 1
                    print(f'{name}: {field}: ours {x!r}, {which} {y!r}')
                    if bad <= 5:
                        print('   ' + message.decode('latin-1').replace('\r\n', '\n   ')[:900])
    for i in range(hand):
        if not mine[i] and all(others[w][0][i] for w in others):
            bad += 1
            print(f'{names[i]}: refused by us alone')
    print(f'{bad} differences')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
