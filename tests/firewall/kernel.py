"""Two network namespaces, the real ban role in one, an attacker in the other.

The module re-executes the program that imports it in a namespace of its own: as root, or in a user namespace. argv: the
paths that the program names in need_rights(). Nothing of the machine's own network is touched.
"""
import ctypes
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
HTTPS, ADMIN, OTHER, MEDIA = 8443, 9443, 7777, 40000
STAGE = "TEST_FIREWALL_STAGE"


def need_rights():
    """Re-executes; returns whether this is real root."""
    stage = os.environ.get(STAGE)
    if stage:
        return stage == "root"
    me = [sys.executable, *sys.argv]
    real = os.geteuid() == 0
    os.environ[STAGE] = "root" if real else "user"
    # A mount namespace too: tests bind their own /etc/passwd.
    cmd = ["unshare", "-nm" if real and subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL,
                                                       check=False).returncode == 0 else "-n" if real else "-Urnm", *me]
    os.execvp(cmd[0], cmd)


def run(*cmd, check=True):
    p = subprocess.run(cmd, capture_output=True, text=True, check=False)
    if check and p.returncode:
        raise AssertionError(f"{' '.join(cmd)}: {p.returncode}: {p.stderr}")
    return p


class Net:
    """We are 10.77.0.1 and fd77::1; the peer has all of 10.77.0.0/24 and fd77::/64, 10.78.0.0/16 and fd78::/32."""
    US4, US6 = "10.77.0.1", "fd77::1"

    def __init__(self):
        self.proc = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
        self.proc.stdout.readline()
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.far = os.open(f"/proc/{self.proc.pid}/ns/net", os.O_RDONLY)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", str(self.proc.pid))
        run("ip", "addr", "add", "10.77.0.1/24", "dev", "va")
        run("ip", "-6", "addr", "add", "fd77::1/64", "dev", "va", "nodad")
        run("ip", "link", "set", "va", "up")
        self.peer("ip", "link", "set", "lo", "up")
        self.peer("ip", "addr", "add", "10.77.0.2/24", "dev", "vb")
        self.peer("ip", "-6", "addr", "add", "fd77::2/64", "dev", "vb", "nodad")
        self.peer("ip", "link", "set", "vb", "up")
        # Any of these addresses may be used as a source and is answered for.
        for net in ("10.77.0.8/29", "10.78.0.0/16"):
            self.peer("ip", "route", "add", "local", net, "dev", "lo")
        self.peer("ip", "-6", "route", "add", "local", "fd78::/32", "dev", "lo")
        for n in range(8, 16):
            self.peer("ip", "addr", "add", f"10.77.0.{n}/32", "dev", "vb")
        run("ip", "route", "add", "10.78.0.0/16", "via", "10.77.0.2")
        run("ip", "-6", "route", "add", "fd78::/32", "via", "fd77::2")
        self.peer("sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")

    def peer(self, *cmd, check=True):
        return run("nsenter", f"--net=/proc/{self.proc.pid}/ns/net", *cmd, check=check)

    def socket(self, family, kind):
        """A socket of the peer's namespace."""
        self.enter(self.far)
        try:
            return socket.socket(family, kind)
        finally:
            self.enter(self.own)

    @staticmethod
    def enter(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def connect(self, source, port=HTTPS, timeout=0.4):
        """A connection of the peer from that source, or None: no answer. ConnectionRefusedError is an answer."""
        v6 = ":" in source
        s = self.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(timeout)
        try:
            s.bind((source, 0))
            s.connect((self.US6 if v6 else self.US4, port))
            return s
        except TimeoutError:
            s.close()
            return None
        except ConnectionRefusedError:
            s.close()
            raise

    def reaches(self, source, port=HTTPS, timeout=0.4):
        s = self.connect(source, port, timeout)
        if s:
            s.close()
        return s is not None

    def gets_in(self, source, port=HTTPS):
        """The same where an answer is expected: a slow machine may take its time."""
        return self.reaches(source, port, 5)

    def close(self):
        run("ip", "link", "del", "va", check=False)
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()
        os.close(self.own)
        os.close(self.far)


class Echo:
    """Answers lines on the ports that the tests use."""

    def __init__(self, ports=(HTTPS, ADMIN, OTHER)):
        self.socks = []
        for p in ports:
            s = socket.socket(socket.AF_INET6)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("::", p))
            s.listen(1024)
            self.socks.append(s)
        self.over = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        conns = []
        while not self.over:
            ready, _, _ = select.select(self.socks + conns, [], [], 0.1)
            for s in ready:
                if s in self.socks:
                    conns.append(s.accept()[0])
                    continue
                try:
                    data = s.recv(100)
                except OSError:
                    data = b""
                if data:
                    s.sendall(data)
                else:
                    conns.remove(s)
                    s.close()
        for s in conns + self.socks:
            s.close()

    def close(self):
        self.over = True
        self.thread.join()


def echoes(s, text=b"hello\n"):
    s.settimeout(2)
    s.sendall(text)
    return s.recv(100) == text


class Ban:
    """The real role behind tests/firewall/driver.c."""

    def __init__(self, driver, role):
        self.proc = subprocess.Popen([driver, role], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
        self.buf = b""
        self.epoch = 0
        self.wait(r"^state ")

    def say(self, line):
        """Returns the monotonic time at which it was sent."""
        now = time.monotonic()
        self.proc.stdin.write(line.encode() + b"\n")
        self.proc.stdin.flush()
        return now

    def wait(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.buf:
                line, self.buf = self.buf.split(b"\n", 1)
                m = re.search(pattern, line.decode())
                if m:
                    return m
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                raise AssertionError(f"no {pattern!r} within {seconds} s")
            self.buf += os.read(self.proc.stdout.fileno(), 65536)

    def in_force(self, line, seconds=30):
        """Sends a list and waits until the role says it is in force: how long that took, and the state's fields."""
        began = self.say(line)
        self.epoch += 1
        m = self.wait(rf"^state 1 {self.epoch} (\d+) (\d+) (\d+)", seconds)
        return int(m.group(3)) / 1e6 - began, int(m.group(1)), int(m.group(2))

    def state(self, state, seconds=40):
        return self.wait(rf"^state {state} ", seconds)

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(30)
        self.proc.stdout.close()
        self.proc.stderr.close()


def elements(name):
    """The addresses in a set."""
    text = run("nft", "list", "set", "inet", "conclave", name).stdout
    m = re.search(r"elements = \{(.*?)\}", text, re.S)
    return {e.split()[0] for e in m.group(1).split(",")} if m else set()


def dropped(chain):
    """Packets that the chain's counters saw, by the rule's text before it."""
    text = run("nft", "list", "chain", "inet", "conclave", chain).stdout
    return {m.group(1).strip(): int(m.group(2)) for m in re.finditer(r"^(.*?)counter packets (\d+)", text, re.M)}
