"""A data directory, a run directory and a super with fake roles on them.

argv: SUPER FAKE_ROLE ...
"""
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIBC = ctypes.CDLL(None)
IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100

SUPER, FAKE = sys.argv[1:3]
ROLES = ["keys", "core", "web", "media", "video"]
LINKS = [("keys", "web"), ("core", "web"), ("core", "media"), ("core", "video"), ("media", "video")]
# How long something that must happen may take on a machine that is busy with other things. Nothing waits longer
# than it has to; what never happens is told apart from what comes late.
PATIENCE_S = 60


PORTS = 40
FIRST_PORT = 12000 + os.getpid() % 450 * PORTS
used = 0


def free_port():
    """A port that is free for TCP and UDP, and the one after it; no two alike in one house. Below the range from which
    the kernel hands out its own, and each process has some to itself: other tests run beside this one."""
    global used  # pylint: disable=global-statement
    for _ in range(PORTS):
        port = FIRST_PORT + used % PORTS
        used += 2
        try:
            for p in (port, port + 1):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET6, kind) as s:
                        s.bind(("::", p))
            return port
        except OSError:
            continue
    raise AssertionError(f"no free port from {FIRST_PORT} on")


class House:
    """One run directory, data directory, and a super on them."""

    def __init__(self, workers=1, parent=None, users=False, more=()):
        self.dir = tempfile.mkdtemp(prefix="super-", dir=parent)
        if users:
            os.chmod(self.dir, 0o755)
        self.users = users
        self.data = f"{self.dir}/data"
        self.run = f"{self.dir}/run"
        self.libexec = f"{self.dir}/libexec"
        self.log = f"{self.dir}/log"
        self.watch = None
        self.workers = workers
        self.https, self.media, self.sip = free_port(), free_port(), free_port()
        for d in ("data/tls", "data/core", "static", "libexec"):
            os.makedirs(f"{self.dir}/{d}")
        self.write("data/data.key", b"k" * 32, 0o400)
        self.write("data/tls/server.key", b"key", 0o400)
        self.write("data/tls/server.crt", b"certificate", 0o444)
        for r in [*ROLES, *more]:
            shutil.copy(FAKE, f"{self.libexec}/conclave-{r}")
        self.proc = None

    def write(self, name, data, mode):
        path = f"{self.dir}/{name}"
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)

    def argv(self, *more):
        return [SUPER, "--data-dir", self.data, "--run-dir", self.run, "--libexec-dir", self.libexec,
                "--static-dir", f"{self.dir}/static", "--https-port", str(self.https), "--sip-port", str(self.sip),
                "--media-port-first", str(self.media), "--media-workers", str(self.workers),
                "--log", self.log, *([] if self.users else ["--unsafe-same-user"]), *more]

    def start(self, *more):
        self.proc = subprocess.Popen(self.argv(*more), stderr=subprocess.PIPE, start_new_session=True)
        return self

    def fails(self, *more):
        """Runs a super that must refuse: its one line and its exit code."""
        p = subprocess.run(self.argv(*more), stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        return p.returncode, p.stderr.decode()

    def lines(self):
        try:
            with open(self.log, encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def log_grows(self, end):
        """Until somebody writes into the log's folder, or `end`, or super is gone."""
        if self.watch is None:
            self.watch = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
            assert self.watch >= 0
            assert LIBC.inotify_add_watch(self.watch, os.path.dirname(self.log).encode(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) >= 0
            return  # what came before the watch is read once more
        if select.select([self.watch], [], [], max(0, min(1, end - time.monotonic())))[0]:
            os.read(self.watch, 65536)

    def wait(self, pattern, count=1, since=0, timeout=PATIENCE_S):
        """Until `count` log lines from number `since` on match; returns the matches."""
        end = time.monotonic() + timeout
        while True:
            found = [m for m in (re.search(pattern, l) for l in self.lines()[since:]) if m]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                tail = "\n".join(self.lines()[-40:])
                if self.proc.poll() is not None:
                    tail += f"\nsuper ended with {self.proc.returncode}: {self.proc.stderr.read()}"
                raise AssertionError(f"no {count} x {pattern!r} in the log:\n{tail}")
            self.log_grows(end)

    def up(self, instances=None):
        n = instances or 3 + 2 * self.workers
        self.wait(r"super/0 super: serves ", n)
        return self

    def settled(self):
        """Up, and everything that a start sets going has arrived: what is killed from here on had said it all."""
        self.up()
        for a, b in LINKS:
            for i in range(self.workers if b in ("media", "video") else 1):
                a_name = f"{a}/{i if a == 'media' else 0}"
                self.wait(rf'{a_name} fake: link says text="{b}/{i}"')
                self.wait(rf'{b}/{i} fake: link says text="{a_name}"')
        for r in ROLES:
            if r != "core":
                self.wait(rf'core/0 fake: role up role="{r}"')
        return self

    def pids(self, role, instance=0):
        return [int(m.group(1)) for m in self.wait(rf"{role}/{instance} fake: process pid=(\d+)")]

    def mark(self):
        """The number of the next line: before a test makes something happen. Each role has a pipe of its own, so what
        different ones write at the same time comes in any order."""
        return len(self.lines())

    def life(self, role, n):
        """The number of the line with which the n-th process of a role begins; what it writes comes behind it."""
        pattern = rf"{role}/0 fake: process pid="
        self.wait(pattern, n)
        return [i for i, l in enumerate(self.lines()) if re.search(pattern, l)][n - 1]

    def ends(self):
        """The exit code of a super that was told to go."""
        return self.proc.wait(PATIENCE_S)

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.ends()
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        if self.proc and self.proc.stderr:
            self.proc.stderr.close()
        if self.watch is not None:
            os.close(self.watch)
            self.watch = None
        shutil.rmtree(self.dir, ignore_errors=True)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    for pid in filter(is_alive, pids):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                return False
        finally:
            os.close(fd)
    return True
