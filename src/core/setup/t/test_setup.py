#!/usr/bin/env python3
"""conclave-setup from outside: what it makes, that it makes it once, that an
interruption at any moment is repaired by the next run."""
import hashlib
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

SETUP = sys.argv.pop(1)
AS_ROOT = os.geteuid() == 0


def run(data, *args, **kw):
    return subprocess.run([SETUP, '--data-dir', str(data), *args], capture_output=True, text=True, timeout=60, **kw)


def picture(root):
    """Everything below root: modes, owners, times, contents."""
    out = {}
    for path in sorted(root.rglob('*')):
        st = path.lstat()
        body = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''
        out[str(path.relative_to(root))] = (st.st_mode, st.st_uid, st.st_mtime_ns, body)
    return out


def openssl(*args):
    return subprocess.run(['openssl', *args], capture_output=True, text=True, check=True, timeout=30).stdout


class Setup(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='conclave-setup-'))
        self.data = self.top / 'data'

    def tearDown(self):
        shutil.rmtree(self.top)

    def mode(self, name):
        return stat.S_IMODE((self.data / name).lstat().st_mode)

    def check_whole(self):
        self.assertFalse((self.data / '.new').exists())
        self.assertEqual(self.mode('data.key'), 0o400)
        self.assertEqual((self.data / 'data.key').stat().st_size, 32)
        self.assertEqual(self.mode('tls'), 0o700)
        for key in ('tls/ca.key', 'tls/server.key'):
            self.assertEqual(self.mode(key), 0o400)
        self.assertEqual(self.mode('core'), 0o700)
        self.assertEqual(self.mode('core/conclave.db'), 0o600)
        copy = self.top / 'copy.db'
        shutil.copy(self.data / 'core/conclave.db', copy)
        with sqlite3.connect(copy) as db:
            count = lambda table: db.execute(f'SELECT count(*) FROM {table}').fetchone()[0]
            self.assertEqual([count(t) for t in ('administrator', 'conference', 'conference_alias')], [1, 1, 1])
        db.close()
        copy.unlink()

    def test_first_run_makes_everything(self):
        r = run(self.data, '--host', 'meet.example.org', '--host', '192.0.2.7')
        self.assertEqual((r.returncode, r.stderr), (0, ''))
        self.check_whole()
        self.assertEqual(self.mode('.'), 0o711 if AS_ROOT else 0o700)

    def test_secrets_go_to_a_file_when_there_is_no_terminal(self):
        r = run(self.data)
        self.assertIn('first-start.txt', r.stdout)
        self.assertEqual(self.mode('first-start.txt'), 0o600)
        text = (self.data / 'first-start.txt').read_text()
        told = dict(line.strip().rsplit('  ', 1) for line in text.splitlines())
        told = {k.strip(): v.strip() for k, v in told.items()}
        self.assertRegex(told['host PIN'], r'^\d{6}$')
        self.assertRegex(told['guest PIN'], r'^\d{6}$')
        self.assertNotEqual(told['host PIN'], told['guest PIN'])
        self.assertRegex(told['demo room'], r'^demo-[a-z0-9]{8}$')
        self.assertRegex(told['password'], r'^([a-z0-9]{5}-){3}[a-z0-9]{5}$')
        for secret in told.values():
            if secret != 'admin':
                self.assertNotIn(secret, r.stdout + r.stderr)
        everything = b''.join(p.read_bytes() for p in (self.data / 'core').iterdir())
        for name in ('password', 'host PIN', 'guest PIN'):
            self.assertNotIn(told[name].encode(), everything)

    def test_secrets_go_to_a_terminal(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(SETUP, [SETUP, '--data-dir', str(self.data)])
        out = b''
        while True:
            try:
                got = os.read(fd, 4096)
            except OSError:
                break
            if not got:
                break
            out += got
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(status, 0)
        self.assertTrue(re.search(rb'host PIN\s+\d{6}', out))
        self.assertFalse((self.data / 'first-start.txt').exists())
        self.check_whole()

    def test_second_run_changes_nothing(self):
        run(self.data)
        before = picture(self.data)
        r = run(self.data)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, '', ''))
        self.assertEqual(picture(self.data), before)

    def test_two_installations_share_no_secret(self):
        other = self.top / 'other'
        run(self.data)
        run(other)
        for name in ('data.key', 'tls/ca.key', 'tls/server.key', 'first-start.txt'):
            self.assertNotEqual((self.data / name).read_bytes(), (other / name).read_bytes())

    def test_certificate_is_valid_for_every_name(self):
        run(self.data, '--host', 'meet.example.org', '--host', '192.0.2.7', '--host', '2001:db8::7')
        ca, server = self.data / 'tls/ca.crt', self.data / 'tls/server.crt'
        for check in (['-verify_hostname', 'meet.example.org'], ['-verify_hostname', 'localhost'],
                      ['-verify_ip', '192.0.2.7'], ['-verify_ip', '2001:db8::7'], ['-verify_ip', '127.0.0.1'],
                      ['-verify_ip', '::1']):
            out = openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', str(ca), *check, str(server))
            self.assertIn('OK', out)
        text = openssl('x509', '-in', str(server), '-noout', '-text')
        self.assertIn('prime256v1', text)
        self.assertIn('CA:FALSE', text)
        text = openssl('x509', '-in', str(ca), '-noout', '-text')
        self.assertIn('CA:TRUE, pathlen:0', text)
        public = openssl('x509', '-in', str(server), '-noout', '-pubkey')
        self.assertEqual(public, openssl('pkey', '-in', str(self.data / 'tls/server.key'), '-pubout'))

    def test_an_existing_empty_directory_is_used(self):
        self.data.mkdir(mode=0o755)
        self.assertEqual(run(self.data).returncode, 0)
        self.check_whole()

    def test_half_a_data_directory_is_refused(self):
        run(self.data)
        for name in ('data.key', 'tls/server.key', 'core/conclave.db'):
            kept = (self.data / name).read_bytes()
            (self.data / name).unlink()
            before = picture(self.data)
            r = run(self.data)
            self.assertEqual(r.returncode, 1)
            self.assertIn(name, r.stderr)
            self.assertIn('backup', r.stderr)
            self.assertEqual(len(r.stderr.splitlines()), 1)
            self.assertEqual(picture(self.data), before)
            (self.data / name).write_bytes(kept)

    def test_a_directory_that_others_may_write_is_refused(self):
        self.data.mkdir()
        self.data.chmod(0o777)
        r = run(self.data)
        self.assertEqual(r.returncode, 1)
        self.assertIn('chmod', r.stderr)
        self.assertEqual(list(self.data.iterdir()), [])

    def test_bad_arguments(self):
        self.assertEqual(subprocess.run([SETUP], capture_output=True, timeout=10).returncode, 2)
        for host in ('a b', '-x', '', 'a..b', 'x' * 64 + '.org', '../..'):
            r = run(self.data, '--host', host)
            self.assertEqual(r.returncode, 2, host)
        self.assertFalse(self.data.exists())

    def test_a_full_disk_is_one_clear_line(self):
        # A file size limit stands for the full disk.
        for limit in (20, 5000, 60000):
            r = subprocess.run(['prlimit', f'--fsize={limit}', SETUP, '--data-dir', str(self.data)],
                               capture_output=True, text=True, timeout=60,
                               preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
            self.assertEqual(r.returncode, 1, limit)
            self.assertEqual(len(r.stderr.splitlines()), 1)
            self.assertFalse((self.data / 'data.key').exists())
        self.assertEqual(run(self.data).returncode, 0)
        self.check_whole()

    def test_killed_at_any_moment_the_next_run_repairs(self):
        seed = random.randrange(1 << 30)
        rnd = random.Random(seed)
        began = time.monotonic()
        run(self.data)
        whole = time.monotonic() - began
        shutil.rmtree(self.data)
        for i in range(40):
            p = subprocess.Popen([SETUP, '--data-dir', str(self.data)], stdout=subprocess.DEVNULL)
            time.sleep(rnd.random() * whole)
            p.kill()
            p.wait(10)
            had_key = (self.data / 'data.key').exists()
            r = run(self.data)
            self.assertEqual(r.returncode, 0, f'seed {seed} round {i}: {r.stderr}')
            self.check_whole()
            # Whoever interrupts loses no password: it is told by then.
            self.assertTrue((self.data / 'first-start.txt').exists(), f'seed {seed} round {i}')
            if had_key:
                self.assertEqual(r.stdout, '')
            shutil.rmtree(self.data)

    @unittest.skipUnless(AS_ROOT, 'the owner can only be given as root')
    def test_core_owns_its_directory_and_nothing_else(self):
        r = run(self.data, '--core-user', 'nobody')
        self.assertEqual(r.returncode, 0, r.stderr)
        import pwd
        nobody = pwd.getpwnam('nobody').pw_uid
        for path in self.data.rglob('*'):
            rel = path.relative_to(self.data).parts
            self.assertEqual(path.lstat().st_uid, nobody if rel[0] == 'core' else 0, path)
        r = run(self.top / 'x', '--core-user', 'no-such-user')
        self.assertEqual(r.returncode, 1)


if __name__ == '__main__':
    unittest.main(verbosity=1)
