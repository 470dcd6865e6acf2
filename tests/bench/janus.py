#!/usr/bin/env python3
"""What Janus' AudioBridge pays for the meeting that bench_media measures.

100 people in one room, each sending 20 ms Opus of a speech-like signal at
48 kHz, each receiving the mix. Janus takes them as plain RTP participants, so
it is spared ICE, DTLS and SRTP, which our own figure contains: the comparison
favours Janus. Prints CPU milliseconds per participant-second of sound that
was delivered, and, when out/bench-media.txt holds ours, the ratio.

usage: janus.py [people] [seconds]
"""
import ctypes
import json
import math
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PEOPLE = int(sys.argv[1]) if len(sys.argv) > 1 else 100
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 20
RATE, FRAME, TICK = 48000, 960, 0.02
LOOP = 500  # frames of one person's recording
LIB = '/usr/lib/x86_64-linux-gnu/janus'


def speech(seed):
    """Bursts of a buzzing voice with pauses: a pitch, its harmonics, breath."""
    rnd = random.Random(seed)
    pitch, out = rnd.uniform(90, 220), []
    for frame in range(LOOP):
        talks = math.sin(2 * math.pi * (frame / 90 + seed / 7)) > -0.6
        level = 5000 * (0.5 + 0.5 * math.sin(frame / 5)) if talks else 20
        for n in range(FRAME):
            t = 2 * math.pi * pitch * (frame * FRAME + n) / RATE
            out.append(int(level * (math.sin(t) + 0.5 * math.sin(3 * t) + 0.2 * rnd.uniform(-1, 1)) / 1.7))
    return out


def encode(samples):
    opus = ctypes.CDLL('libopus.so.0')
    opus.opus_encoder_create.restype = ctypes.c_void_p
    error = ctypes.c_int()
    enc = ctypes.c_void_p(opus.opus_encoder_create(RATE, 1, 2048, ctypes.byref(error)))
    if error.value:
        raise SystemExit(f'opus: {error.value}')
    packets, buf = [], ctypes.create_string_buffer(1500)
    for i in range(0, len(samples), FRAME):
        pcm = (ctypes.c_int16 * FRAME)(*samples[i:i + FRAME])
        n = opus.opus_encode(enc, pcm, FRAME, buf, len(buf))
        packets.append(buf.raw[:n])
    return packets


class Api:
    """Janus' API on its local socket: one JSON text a datagram."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.s.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                select.select([], [], [], 0.05)
        self.s.settimeout(10)
        self.n, self.session = 0, None
        self.session = self.ask({'janus': 'create'})['data']['id']

    def ask(self, msg, event=False):
        self.n += 1
        tx = f't{self.n}'
        msg['transaction'] = tx
        if self.session:
            msg['session_id'] = self.session
        self.s.send(json.dumps(msg).encode())
        while True:
            r = json.loads(self.s.recv(65536))
            if r.get('transaction') == tx and not (event and r['janus'] == 'ack'):
                return r


def configure(folder):
    (folder / 'janus.jcfg').write_text(f'''general: {{
  configs_folder = "{folder}"
  plugins_folder = "{LIB}/plugins"
  transports_folder = "{LIB}/transports"
  events_folder = "{folder}"
  loggers_folder = "{folder}"
  debug_level = 2
}}
nat: {{ ice_lite = true }}
plugins: {{ disable = "{','.join(p.name for p in pathlib.Path(LIB, 'plugins').glob('*.so') if 'audiobridge' not in p.name)}" }}
transports: {{ disable = "{','.join(p.name for p in pathlib.Path(LIB, 'transports').glob('*.so') if 'pfunix' not in p.name)}" }}
''')
    (folder / 'janus.transport.pfunix.jcfg').write_text(
        f'general: {{ enabled = true\n json = "compact"\n path = "{folder}/api"\n type = "SOCK_SEQPACKET" }}\n')
    (folder / 'janus.plugin.audiobridge.jcfg').write_text(
        'general: { local_ip = "127.0.0.1"\n rtp_port_range = "50000-56000" }\n'
        'room-1: { secret = "s"\n sampling_rate = "48000"\n audiolevel_event = false\n record = false\n'
        ' allow_rtp_participants = true }\n')


def cpu(pid):
    f = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')


def run(janus, api):
    voices = [encode(speech(i)) for i in range(4)]
    # Janus takes a participant's packets from the address it sends to.
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sink.bind(('127.0.0.1', 0))
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    sink.setblocking(False)
    to, heads = [], []
    for i in range(PEOPLE):
        h = api.ask({'janus': 'attach', 'plugin': 'janus.plugin.audiobridge'})['data']['id']
        r = api.ask({'janus': 'message', 'handle_id': h, 'body': {
            'request': 'join', 'room': 1, 'display': f'p{i}', 'muted': False,
            'rtp': {'ip': '127.0.0.1', 'port': sink.getsockname()[1], 'payload_type': 111}}}, event=True)
        rtp = r['plugindata']['data']['rtp']
        to.append((rtp['ip'], rtp['port']))
        heads.append(0x1000 + i)
    start, got, mark, warm = time.monotonic(), 0, None, 3
    for tick in range(int((SECONDS + warm) / TICK)):
        if tick == int(warm / TICK):
            mark, got = (cpu(janus.pid), time.monotonic()), 0
        for i in range(PEOPLE):
            voice = voices[i % 4]
            head = (0x806F0000 | (tick & 0xFFFF)).to_bytes(4, 'big') + ((tick * FRAME) & 0xFFFFFFFF).to_bytes(4, 'big')
            sink.sendto(head + heads[i].to_bytes(4, 'big') + voice[(tick + 31 * i) % LOOP], to[i])
        due = start + (tick + 1) * TICK
        while True:
            left = due - time.monotonic()
            if not select.select([sink], [], [], max(0, left))[0]:
                break
            try:
                while True:
                    sink.recv(2048)
                    got += 1
            except BlockingIOError:
                pass
    spent = cpu(janus.pid) - mark[0]
    return 1000 * spent / (got * TICK), got / (PEOPLE * (time.monotonic() - mark[1]) / TICK)


def ours(name):
    try:
        for line in (TOP / 'out/bench-media.txt').read_text().splitlines():
            if line.startswith(name + ' '):
                return float(line.split()[1])
    except OSError:
        pass
    return None


def main():
    if not shutil.which('janus'):
        raise SystemExit('no janus: tools/deps.sh bench')
    with tempfile.TemporaryDirectory(prefix='cv-janus-') as d:
        folder = pathlib.Path(d)
        configure(folder)
        log = open(folder / 'log', 'w')
        janus = subprocess.Popen(['janus', '-F', str(folder), '-C', str(folder / 'janus.jcfg')], stdout=log, stderr=log)
        try:
            ms, share = run(janus, Api(str(folder / 'api')))
        except Exception:
            print((folder / 'log').read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            janus.send_signal(signal.SIGTERM)
            janus.wait(10)
    if share < 0.95:
        print(f'# janus delivered {share:.2f} of the sound: the machine is too busy')
        raise SystemExit(1)
    print(f'janus_{PEOPLE}_speaking {ms:.2f} ms/participant-second - info')
    for name in ('media_100_speaking_k5', 'media_100_speaking_k100'):
        if ours(name):
            print(f'janus_to_{name} {ms / ours(name):.2f} times - info')


main()
