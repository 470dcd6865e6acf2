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

    def refused(self, words, *args, code=1):
        r = self.run_cli(*args)
        self.assertEqual(r.returncode, code, (args, r.stderr))
        self.assertIn(words, r.stderr)

    def one(self, *args):
        row, = self.rows('list', *args)
        return row

    def test_every_resource_is_made_listed_changed_and_removed(self):
        self.ok('create', 'sip_proxy', 'name=Out there', 'address=sip.example.org')
        self.ok('create', 'stun_server', 'name=Stun', 'address=192.0.2.1')
        self.ok('create', 'turn_server', 'name=Turn one', 'address=turn.example.org', 'server_type=coturn_shared', 'secret_key=-',
                input='a shared secret\n')
        self.ok('create', 'turn_server', 'name=Turn two', 'address=2001:db8::1', 'username=u', 'password=p')
        self.ok('create', 'policy', 'name=Rules of the house', 'url=https://policy.example.org/x', 'enable_service_lookup=true')
        self.ok('create', 'location', 'name=Head Office', 'policy_server=Rules of the house', 'client_turn_servers=Turn two, Turn one',
                'client_stun_servers=Stun', 'sip_proxy=Out there', 'source_networks=10.0.0.0/8,2001:db8::/32')
        self.ok('create', 'rule', 'name=Out', 'priority=10', 'match_string=9(.*)', r'replace_string=\1',
                'match_incoming_only_if_registered=true', 'match_source_location=Head Office', 'sip_proxy=Out there')
        self.ok('create', 'allow', 'name=Branch', 'address=192.0.2.0', 'prefix=24', 'ignore_incorrect_pins=true')
        self.ok('create', 'device', 'alias=desk@example.org', 'username=desk', 'password=-', input='correct horse\n')
        row = self.one('location', 'Head Office')
        self.assertEqual((row['policy_server'], row['sip_proxy'], row['client_turn_servers'], row['mtu'], row['bdpm_pin_checks_enabled']),
                         (1, 1, '2,1', 1500, 'GLOBAL'))
        self.assertEqual(self.one('turn_server', 'Turn one')['secret_key'], '********')
        self.assertEqual(self.one('turn_server', 'Turn one')['password'], '')
        self.assertEqual(len(self.rows('list', 'rule', 'match_source_location=Head Office')), 1)
        self.assertIn('Head Office', self.ok('list', 'locations').stdout)
        self.ok('change', 'rule', 'Out', '--max-calls-per-hour', '5', '--description=a b')
        self.assertEqual((self.one('rule', 'Out')['max_calls_per_hour'], self.one('rule', 'Out')['description']), (5, 'a b'))
        self.ok('change', 'rule', 'Out', 'match_source_location=')
        self.assertIsNone(self.one('rule', 'Out')['match_source_location'])
        for what, name in (('rule', 'Out'), ('device', 'DESK@example.org'), ('allow', 'Branch'), ('location', 'Head Office'),
                           ('policy', 'Rules of the house'), ('sip_proxy', 'Out there'), ('turn_server', 'Turn one')):
            self.ok('remove', what, name)
            self.refused('no row', 'list', what, name, code=4)

    def test_who_sets_what_has_no_effect_is_warned(self):
        r = self.ok('create', 'location', 'name=Here', 'mtu=1400')
        self.assertNotIn('no effect', r.stderr)
        r = self.ok('change', 'location', 'Here', 'transcoding_location=Here')
        self.assertIn('warning: transcoding_location has no effect yet', r.stderr)
        r = self.ok('change', 'settings', 'enable_legacy_dialout_api=true')
        self.assertIn('warning: enable_legacy_dialout_api has no effect yet', r.stderr)
        r = self.ok('change', 'settings', 'enable_legacy_dialout_api=false')
        self.assertNotIn('no effect', r.stderr)

    def test_what_is_in_use_stays(self):
        self.ok('create', 'policy', 'name=P')
        self.ok('create', 'turn_server', 'name=T', 'address=t.example.org', 'username=u', 'password=p')
        self.ok('create', 'location', 'name=L', 'policy_server=P', 'client_turn_servers=T')
        self.ok('change', 'settings', 'default_location=L')
        self.refused('in use by system_location 1 (L), field policy_server', 'remove', 'policy', 'P')
        self.refused('in use by system_location 1 (L), field client_turn_servers', 'remove', 'turn_server', 'T')
        self.refused('in use by global.default_location', 'remove', 'location', 'L')
        self.assertEqual(self.one('location', 'L')['client_turn_servers'], '1')
        self.ok('change', 'settings', 'default_location=')
        self.ok('remove', 'location', 'L')
        self.ok('remove', 'policy', 'P')

    def test_templates_come_from_files(self):
        text = self.dir / 'policy.j2'
        script = '{# \u00e4 #}\n\t{"action": "reject"}\n'
        text.write_text(script)
        self.ok('create', 'policy', 'name=P', '--internal-service-policy-template', f'@{text}', 'internal_participant_policy_template=@-',
                input='{}\n')
        row = self.one('policy', 'P')
        self.assertEqual((row['internal_service_policy_template'], row['internal_participant_policy_template']), (script, '{}\n'))
        self.assertIn('\n' + ' ' * 40, self.ok('list', 'policy', 'P').stdout)
        text.write_text('\u00e4' * 49152)
        for name in 'service', 'participant', 'media_location':
            self.ok('change', 'policy', 'P', f'internal_{name}_policy_template=@{text}')
        self.assertEqual(len(self.one('policy', 'P')['internal_media_location_policy_template']), 49152)
        for i in range(6):
            self.ok('create', 'policy', f'name=P{i}', *(f'internal_{n}_policy_template=@{text}' for n in
                                                        ('service', 'participant', 'media_location')))
        self.assertEqual(len(self.rows('list', 'policy')), 7)
        text.write_text('\u00e4' * 49153)
        self.refused('0 to 49152 characters', 'change', 'policy', 'P', f'internal_service_policy_template=@{text}')
        text.write_bytes(b'a' * 200000)
        self.refused('too long', 'change', 'policy', 'P', f'internal_service_policy_template=@{text}', code=2)
        text.write_bytes(b'a\0b')
        self.refused('not text', 'change', 'policy', 'P', f'internal_service_policy_template=@{text}', code=2)
        self.refused('cannot be read', 'change', 'policy', 'P', 'internal_service_policy_template=@/nonexistent', code=2)

    def test_patterns_templates_and_prefixes_that_cannot_be_used_are_refused(self):
        self.refused('gateway_routing_rule.match_string', 'create', 'rule', 'name=R', 'priority=1', 'match_string=(', 'enable=false')
        self.refused('gateway_routing_rule.replace_string', 'create', 'rule', 'name=R', 'priority=1', 'match_string=a',
                     r'replace_string=\1', 'enable=false')
        text = self.dir / 'policy.j2'
        text.write_text('{# fine #}\n  {% nonsense %}')
        self.refused('policy_server.internal_participant_policy_template: line 2, column ', 'create', 'policy', 'name=P',
                     f'--internal-participant-policy-template=@{text}')
        self.assertEqual(self.rows('list', 'policies'), [])
        self.refused('global.dialout_denied_prefixes', 'change', 'settings', 'dialout_denied_prefixes=+49,x')

    def test_a_rule_open_to_strangers_needs_its_confirmation(self):
        args = ['create', 'rule', 'name=R', 'priority=1', 'match_string=.*']
        self.refused('gateway_routing_rule.allow_unregistered_external: must be true', *args)
        self.ok(*args, 'allow_unregistered_external=true')
        self.refused('must be true', 'change', 'rule', 'R', 'allow_unregistered_external=false')
        self.ok('change', 'rule', 'R', 'enable=false', 'allow_unregistered_external=false')
        self.refused('must be true', 'change', 'rule', 'R', 'enable=true')

    def test_weak_numbers_are_refused_unless_the_minimum_is_lowered(self):
        self.refused('conference_alias.alias: a number must have at least 6 digits', 'create', 'room', 'name=A', 'alias=1234')
        self.refused('conference.pin: must not be a run', 'create', 'room', 'name=A', 'pin=123456')
        self.refused('conference_alias.alias: must differ from every PIN', 'create', 'room', 'name=A', 'pin=271828', 'alias=271828')
        self.ok('create', 'room', 'name=A', 'pin=271828', 'alias=314159@example.org')
        self.refused('conference.pin: must differ from every alias', 'change', 'room', 'A', 'pin=314159#')
        self.ok('change', 'settings', 'min_pin_length=4', 'min_alias_digits=4')
        self.ok('change', 'room', 'A', 'pin=314159')
        self.ok('create', 'room', 'name=B', 'pin=1111', 'alias=1234')
        self.ok('change', 'settings', 'min_pin_length=6', 'min_alias_digits=6')
        # What is there stays, and all else of it can be changed.
        self.ok('change', 'room', 'B', 'description=old')
        self.ok('change', 'alias', '1234', 'description=old')
        self.refused('at least 6', 'change', 'room', 'B', 'pin=2222')

    def test_the_profile_writes_what_it_relaxes(self):
        names = ('crypto_mode', 'enable_h323', 'min_pin_length', 'conceal_rooms', 'sip_tls_cert_verify_mode')
        strict = self.one('settings')
        self.ok('change', 'settings', 'security_profile=insecure_interoperability', 'enable_h323=false')
        row = self.one('settings')
        self.assertEqual([row[n] for n in names], ['besteffort', False, 4, False, 'OFF'])
        self.ok('change', 'settings', 'security_profile=secure')
        self.assertEqual(self.one('settings'), strict)

    def test_invitations_are_made_elsewhere(self):
        self.ok('create', 'room', 'name=A')
        self.assertEqual(self.rows('list', 'invitations'), [])
        self.refused('one of', 'create', 'conference_invitation', 'conference=A', code=2)

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
        self.assertEqual(self.complete('conclave', 'change', 'system_location', 'overflow_location1'), ['overflow_location1='])
        self.assertEqual(self.complete('conclave', 'change', 'gateway_routing_rule', 'called_device_type', '=', ''),
                         ['external', 'registration'])
        self.assertEqual(self.complete('conclave', 'invite', 'cr'), ['create'])
        path = str(self.dir / 'audi')
        self.assertEqual(self.complete('conclave', 'change', 'policy_server', 'internal_service_policy_template', '=', '@' + path),
                         ['@' + path + 't'])


if __name__ == '__main__':
    unittest.main(verbosity=1)
