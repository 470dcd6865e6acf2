#!/usr/bin/env python3
"""packaging/run.sh with fake roles: first start, Ctrl-C, a killed super, refusals.

usage: test_run.py RUN_SH FAKEHOUSE_DIR SUPER FAKE_ROLE [unittest arguments]
"""
import os
import re
import select
import signal
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

RUN, LIB = sys.argv[1:3]
del sys.argv[1:3]
sys.path.insert(0, LIB)
sys.dont_write_bytecode = True
from fakehouse import PATIENCE_S, SUPER, House, free_port, gone, is_alive  # noqa: E402


class Run(unittest.TestCase):
    def setUp(self):
        self.h = House()
        self.addCleanup(self.h.stop)
        shutil.copy(SUPER, f"{self.h.libexec}/conclave-super")
        self.setup_says("exit 0")
        os.makedirs(f"{self.h.dir}/page")
        self.h.write("page/index.html", b"<!doctype html>", 0o644)
        self.proc = None

    def tearDown(self):
        if self.proc and self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGTERM)
            self.proc.wait(PATIENCE_S)
        if self.proc:
            self.proc.stdout.close()

    def setup_says(self, line):
        self.h.write("libexec/conclave-setup", f"#!/bin/sh\n{line}\n".encode(), 0o755)

    def start(self):
        h = self.h
        env = {**os.environ, "CONCLAVE_BUILD": "", "CONCLAVE_STAGE": h.dir, "CONCLAVE_DATA": h.data,
               "CONCLAVE_RUN": h.run, "CONCLAVE_PAGE": f"{h.dir}/page", "CONCLAVE_HTTPS_PORT": str(h.https),
               "CONCLAVE_MEDIA_PORT_FIRST": str(h.media), "CONCLAVE_SIP_PORT": str(h.sip), "CONCLAVE_MEDIA_WORKERS": "1", "CONCLAVE_LOG": h.log,
               "CONCLAVE_HOSTS": "meet.example.org", "CONCLAVE_UNSAFE_SAME_USER": "1"}
        self.proc = subprocess.Popen(["bash", RUN], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     start_new_session=True)
        self.text = ""
        h.proc = self.proc
        return h

    def read_until(self, pattern, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                self.fail(f"no {pattern!r} in: {self.text}")
            data = os.read(self.proc.stdout.fileno(), 4096).decode()
            if not data and not re.search(pattern, self.text):
                self.fail(f"ended without {pattern!r}: {self.text}")
            self.text += data

    def supers(self):
        return [int(p) for p in os.listdir("/proc") if p.isdigit() and self.exe(p).startswith(self.h.libexec + "/conclave-super")]

    @staticmethod
    def exe(pid):
        try:
            return os.readlink(f"/proc/{pid}/exe")
        except OSError:
            return ""

    def test_ctrl_c__ends_everything_cleanly(self):
        h = self.start().up()
        self.read_until(rf"https://meet.example.org:{h.https}/\n.*https://localhost:{h.https}/")
        os.killpg(self.proc.pid, signal.SIGINT)
        self.assertEqual(self.proc.wait(PATIENCE_S), 0)
        self.assertEqual(self.supers(), [])

    def test_sigterm_to_the_script__ends_everything(self):
        h = self.start().up()
        self.read_until("localhost")
        pid = self.supers()[0]
        self.proc.send_signal(signal.SIGTERM)
        self.assertEqual(self.proc.wait(PATIENCE_S), 0)
        self.assertFalse(is_alive(pid))

    def test_killed_super__is_started_anew(self):
        h = self.start().up()
        self.read_until("localhost")
        old = self.supers()[0]
        os.kill(old, signal.SIGKILL)
        self.read_until("killed by signal 9; starting it anew")
        h.up(10)
        self.assertNotEqual(self.supers()[0], old)

    def test_busy_port__is_one_line_and_a_failure(self):
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::", self.h.https))
            s.listen()
            self.start()
            self.read_until("in use by another program")
            self.assertEqual(self.proc.wait(PATIENCE_S), 1)

    def test_failed_setup__starts_nothing(self):
        self.setup_says("echo conclave-setup: no space left >&2; exit 1")
        self.start()
        self.read_until("no space left")
        self.assertEqual(self.proc.wait(PATIENCE_S), 1)


class Unit(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_systemd__finds_nothing_to_say_about_the_unit(self):
        with open(os.path.join(os.path.dirname(RUN), "systemd/conclave.service"), encoding="utf-8") as f:
            text = re.sub(r"/opt/conclave/usr/local/\S*/(conclave\S*)(?= )", "/bin/true", f.read())
        with tempfile.TemporaryDirectory() as d:
            with open(f"{d}/conclave.service", "w", encoding="utf-8") as f:
                f.write(text)
            p = subprocess.run(["systemd-analyze", "verify", f"{d}/conclave.service"], capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual((p.returncode, p.stderr.strip()), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
