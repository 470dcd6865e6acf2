#!/usr/bin/env python3
"""conclave(1) against a core that has the configuration verbs."""
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

CONCLAVE, SERVER = sys.argv.pop(1), sys.argv.pop(1)


class Cli(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='conclave-cli-'))
        self.sock = str(self.dir / 'cli.sock')
        self.server = subprocess.Popen([SERVER, str(self.dir), self.sock], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.assertEqual(self.server.stdout.readline(), 'ready\n')

    def tearDown(self):
        self.server.stdin.close()
        self.assertEqual(self.server.wait(20), 0)
        self.server.stdout.close()
        shutil.rmtree(self.dir)

    def run_cli(self, *args, **kw):
        env = {**os.environ, 'CONCLAVE_SOCKET': self.sock}
        return subprocess.run([CONCLAVE, *args], capture_output=True, text=True, timeout=60, env=env, **kw)

    def ok(self, *args, **kw):
        r = self.run_cli(*args, **kw)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r

    def rows(self, *args):
        return json.loads(self.ok('--json', *args).stdout)

    def test_create_proposes_and_tells_the_pins_once(self):
        r = self.ok('create', 'room', 'name=Board', 'alias=board', 'alias=100200', 'allow_guests=true')
        self.assertRegex(r.stderr, r'host PIN, it is not shown again: \d{6}')
        self.assertRegex(r.stderr, r'guest PIN, it is not shown again: \d{6}')
        row, = self.rows('list', 'room')
        self.assertEqual((row['name'], row['aliases'], row['allow_guests'], row['participant_limit'], row['pin']),
                         ('Board', 'board,100200', True, None, '********'))
        text = self.ok('list', 'room').stdout.splitlines()
        self.assertEqual(text[0].split(), ['id', 'name', 'pin', 'allow_guests', 'guest_pin', 'participant_limit', 'aliases'])
        self.assertIn('Board', text[1])

    def test_change_and_remove(self):
        self.ok('create', 'room', 'name=A', 'alias=a')
        self.ok('change', 'room', 'A', 'description=hello there')
        self.assertEqual(self.rows('list', 'room', 'A')[0]['description'], 'hello there')
        self.assertEqual(len(self.rows('list', 'alias', 'conference=A')), 1)
        self.ok('change', 'settings', 'max_talkers=3')
        self.assertEqual(self.rows('list', 'settings')[0]['max_talkers'], 3)
        self.ok('remove', 'room', 'A')
        self.assertEqual(self.rows('list', 'alias'), [])

    def test_errors_and_exit_codes(self):
        self.ok('create', 'room', 'name=A')
        for args, code, words in (
                (['create', 'room', 'name=A'], 1, 'conference.name: already exists'),
                (['create', 'room', 'name=B', 'pin='], 1, '--open'),
                (['create', 'room', 'name=B', 'pin=12x456'], 1, 'conference.pin'),
                (['change', 'settings', 'max_talkers=99'], 1, '1 to 32'),
                (['remove', 'room', 'nobody'], 4, 'no row'),
                (['show', 'room'], 1, 'no such command'),
                (['list', 'nonsense'], 2, 'one of'),
                (['list'], 2, 'list what')):
            r = self.run_cli(*args)
            self.assertEqual(r.returncode, code, (args, r.stderr))
            self.assertIn(words, r.stderr)
            self.assertEqual(r.stdout, '')
        r = self.run_cli('--socket', str(self.dir / 'none'), 'status')
        self.assertEqual(r.returncode, 3)

    def test_a_secret_can_come_from_standard_input(self):
        self.ok('create', 'administrator', 'username=eve', 'password=-', input='a long enough password\n')
        r = self.run_cli('create', 'administrator', 'username=bob', 'password=-', input='short\n')
        self.assertEqual(r.returncode, 1)
        self.assertIn('administrator.password', r.stderr)

    def test_a_secret_is_not_echoed_on_a_terminal(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ['CONCLAVE_SOCKET'] = self.sock
            os.execv(CONCLAVE, [CONCLAVE, 'create', 'room', 'name=T', 'pin=-'])
        out = b''
        while b'pin: ' not in out:
            out += os.read(fd, 4096)
        os.write(fd, b'483920\n')
        try:
            while True:
                out += os.read(fd, 4096)
        except OSError:
            pass
        os.close(fd)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertNotIn(b'483920', out)

    def test_long_lists_are_whole(self):
        for i in range(0, 70):
            self.ok('create', 'room', f'name=room {i}')
        rows = self.rows('list', 'room')
        self.assertEqual([r['name'] for r in rows], [f'room {i}' for i in range(70)])

    def test_hostile_text_does_not_reach_the_terminal(self):
        self.ok('create', 'room', 'name=\u202eevil', 'description=x')
        for args in (['list', 'room'], ['list', 'room', '1'], ['--json', 'list', 'room']):
            self.assertNotIn('\u202e', self.ok(*args).stdout)

    def test_the_audit_chain_is_verified(self):
        self.ok('create', 'room', 'name=A')
        self.ok('verify', 'audit')
        log = self.dir / 'audit/audit-00000001.log'
        log.write_bytes(log.read_bytes().replace(b'uid test', b'uid nobody', 1))
        r = self.run_cli('verify', 'audit')
        self.assertEqual(r.returncode, 1)
        self.assertIn('audit-00000001.log line 2', r.stderr)

    def complete(self, *words):
        script = self.ok('completion', 'bash').stdout
        script += f'\nCOMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}\n'
        script += 'compopt() { :; }; _conclave; printf "%s\\n" "${COMPREPLY[@]}"\n'
        r = subprocess.run(['bash', '-c', script], capture_output=True, text=True, timeout=20)
        self.assertEqual(r.stderr, '')
        return r.stdout.split()

    def test_completion_knows_verbs_fields_and_choices(self):
        self.assertIn('disconnect', self.complete('conclave', 'dis'))
        self.assertIn('conference_alias', self.complete('conclave', 'list', ''))
        self.assertEqual(self.complete('conclave', 'change', 'global', 'opus'), ['opus_complexity='])
        self.assertEqual(self.complete('conclave', 'create', 'conference', 'call_type', '=', ''),
                         ['video', 'video-only', 'audio'])
        self.assertEqual(self.complete('conclave', 'create', 'conference', 'allow_guests', '=', 't'), ['true'])


if __name__ == '__main__':
    unittest.main(verbosity=1)
