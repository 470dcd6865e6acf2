"""A data directory, a run directory and a super with fake roles on them.

argv: SUPER FAKE_ROLE ...
"""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SUPER, FAKE = sys.argv[1:3]
ROLES = ["keys", "core", "web", "media", "video"]


def free_port():
    """A port that is free for TCP and UDP, and the one after it; below the
    range from which the kernel hands out its own."""
    while True:
        port = random.randrange(12000, 30000)
        try:
            for p in (port, port + 1):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET6, kind) as s:
                        s.bind(("::", p))
            return port
        except OSError:
            continue


class House:
    """One run directory, data directory, and a super on them."""

    def __init__(self, workers=1, parent=None, users=False):
        self.dir = tempfile.mkdtemp(prefix="super-", dir=parent)
        if users:
            os.chmod(self.dir, 0o755)
        self.users = users
        self.data = f"{self.dir}/data"
        self.run = f"{self.dir}/run"
        self.libexec = f"{self.dir}/libexec"
        self.log = f"{self.dir}/log"
        self.workers = workers
        self.https, self.media = free_port(), free_port()
        for d in ("data/tls", "data/core", "static", "libexec"):
            os.makedirs(f"{self.dir}/{d}")
        self.write("data/data.key", b"k" * 32, 0o400)
        self.write("data/tls/server.key", b"key", 0o400)
        self.write("data/tls/server.crt", b"certificate", 0o444)
        for r in ROLES:
            shutil.copy(FAKE, f"{self.libexec}/conclave-{r}")
        self.proc = None

    def write(self, name, data, mode):
        path = f"{self.dir}/{name}"
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)

    def argv(self, *more):
        return [SUPER, "--data-dir", self.data, "--run-dir", self.run, "--libexec-dir", self.libexec,
                "--static-dir", f"{self.dir}/static", "--https-port", str(self.https),
                "--media-port-first", str(self.media), "--media-workers", str(self.workers),
                "--log", self.log, *([] if self.users else ["--unsafe-same-user"]), *more]

    def start(self, *more):
        self.proc = subprocess.Popen(self.argv(*more), stderr=subprocess.PIPE, start_new_session=True)
        return self

    def fails(self, *more):
        """Runs a super that must refuse: its one line and its exit code."""
        p = subprocess.run(self.argv(*more), stderr=subprocess.PIPE, timeout=20, check=False)
        return p.returncode, p.stderr.decode()

    def lines(self):
        try:
            with open(self.log, encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def wait(self, pattern, count=1, timeout=15):
        """Until `count` log lines match; returns the matches."""
        end = time.monotonic() + timeout
        while True:
            found = [m for m in (re.search(pattern, l) for l in self.lines()) if m]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                tail = "\n".join(self.lines()[-40:])
                if self.proc.poll() is not None:
                    tail += f"\nsuper ended with {self.proc.returncode}: {self.proc.stderr.read()}"
                raise AssertionError(f"no {count} x {pattern!r} in the log:\n{tail}")
            time.sleep(0.02)

    def up(self, instances=None):
        n = instances or 3 + 2 * self.workers
        self.wait(r"super/0 super: serves ", n)
        return self

    def pids(self, role, instance=0):
        return [int(m.group(1)) for m in self.wait(rf"{role}/{instance} fake: process pid=(\d+)")]

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        if self.proc and self.proc.stderr:
            self.proc.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids, seconds):
    end = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
