#!/usr/bin/env python3
"""The supervisor with a test program in place of every role.

usage: test_supervisor.py SUPER FAKE_ROLE [unittest arguments]
"""
import os
import shutil
import signal
import socket
import sys
import unittest

sys.dont_write_bytecode = True
from fakehouse import ROLES, House, free_port, gone, is_alive


class Supervisor(unittest.TestCase):
    def house(self, **kw):
        h = House(**kw)
        self.addCleanup(h.stop)
        return h

    def test_boot__gives_each_role_its_descriptors(self):
        h = self.house(workers=2).start("--http-port", str(free_port())).up()
        want = {
            "keys/0": {("FD_TLS_KEY", "file"), ("FD_TLS_CERT", "file")},
            "core/0": {("FD_DATA_KEY", "file"), ("FD_DATA_DIR", "file"), ("FD_CLI", "listens"), ("FD_GUARD", "file")},
            "web/0": {("FD_LISTEN_HTTPS", "listens"), ("FD_LISTEN_HTTP", "listens"), ("FD_TLS_CERT", "file"),
                      ("FD_STATIC_DIR", "file")},
            "media/0": {("FD_MEDIA_UDP", "datagrams"), ("FD_MEDIA_TCP", "listens")},
            "media/1": {("FD_MEDIA_UDP", "datagrams"), ("FD_MEDIA_TCP", "listens")},
            "video/0": set(), "video/1": set(),
        }
        got = {k: set() for k in want}
        for m in h.wait(r'(\w+/\d) fake: fd name="(\w+)" kind="(\w+)"', 12):
            got[m.group(1)].add((m.group(2), m.group(3)))
        self.assertEqual(got, want)

    def test_boot__gives_options(self):
        h = self.house(workers=2).start("--advertise", "192.0.2.9:50000", "--advertise", "2001:db8::1",
                                        "--host", "meet.example.org").up()
        h.wait(r'media/1 fake: option name="advertise" value="192.0.2.9:50001"')
        h.wait(r'media/1 fake: option name="advertise" value="\[2001:db8::1\]"')
        h.wait(rf'media/1 fake: option name="media_port" value="{h.media + 1}"')
        h.wait(r'web/0 fake: option name="hosts" value="[^"]*meet.example.org')
        h.wait(rf'web/0 fake: option name="https_port" value="{h.https}"')

    def test_courier__gets_its_trust_names_and_a_link_to_core(self):
        h = self.house(more=["courier"])
        h.write("ca.pem", b"certificates", 0o644)
        h.start("--trust", f"{h.dir}/ca.pem", "--advertise", "192.0.2.9:50000", "--host", "meet.example.org").up(6)
        h.wait(r'courier/0 fake: fd name="FD_TRUST" kind="file"')
        h.wait(r'courier/0 fake: option name="advertise" value="192.0.2.9:50000"')
        h.wait(r'courier/0 fake: option name="hosts" value="[^"]*meet.example.org')
        h.wait(r'core/0 fake: link says text="courier/0"')
        order = [m.group(1) for m in h.wait(r"(core|courier)/0 fake: process pid=", 2)]
        self.assertEqual(sorted(order), ["core", "courier"])

    def test_sip__gets_its_port_and_the_clear_ones_only_when_told(self):
        h = self.house(more=["sip"])
        clear = free_port()
        h.start("--sip-clear-port", str(clear)).up(6)
        h.wait(r'sip/0 fake: fd name="FD_LISTEN_SIP_TLS" kind="listens"')
        h.wait(r'sip/0 fake: fd name="FD_TLS_CERT" kind="file"')
        h.wait(rf'sip/0 fake: option name="sip_port" value="{h.sip}"')
        h.wait(r'sip/0 fake: listen name="FD_LISTEN_SIP_TCP" kind="closed"')
        h.wait(r'sip/0 fake: listen name="FD_SIP_UDP" kind="closed"')
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", clear), 2)
        os.kill(h.pids("core")[0], signal.SIGUSR2)
        h.wait(r'sip/0 fake: listen name="FD_LISTEN_SIP_TCP" kind="listens"')
        h.wait(r'sip/0 fake: listen name="FD_SIP_UDP" kind="datagrams"')
        socket.create_connection(("127.0.0.1", clear), 2).close()
        os.kill(h.pids("core")[0], signal.SIGUSR2)
        h.wait(r'sip/0 fake: listen name="FD_SIP_UDP" kind="closed"', 2)

    def test_trust__that_is_named_must_be_there(self):
        code, line = self.house(more=["courier"]).fails("--trust", "/nonexistent/ca.pem")
        self.assertEqual(code, 1)
        self.assertIn("--trust (make run: CONCLAVE_TRUST) must name a PEM file of CAs", line)

    def test_roles_not_installed__are_left_out_and_named_in_the_log(self):
        h = self.house().start().up()
        h.wait("no kernel bans: they act in the faces why=\"conclave-ban is not installed\"")
        h.wait("conclave-courier is not installed: nothing calls out")

    def test_guard_file__is_kept_if_sound_and_made_anew_if_not(self):
        h = self.house().start().up()
        path = f"{h.data}/core/guard"
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)
        h.write("data/core/guard", b"kept", 0o600)
        h.proc.terminate()
        self.assertEqual(h.ends(), 0)
        h.start().up(10)
        with open(path, "rb") as f:
            self.assertEqual(f.read(), b"kept")
        h.proc.terminate()
        self.assertEqual(h.ends(), 0)
        os.unlink(path)
        os.link(f"{h.data}/data.key", path)
        h.start().up(15)
        self.assertEqual(os.stat(path).st_nlink, 1)
        self.assertEqual(os.stat(path).st_size, 0)

    def test_ports__are_told_in_the_run_directory(self):
        h = self.house().start().up()
        with open(f"{h.run}/ports", encoding="utf-8") as f:
            self.assertEqual(f.read(), f"https {h.https} {h.https}\nhttp 0 0\nadmin 9443 9443\n"
                                       f"media {h.media} 49999\nsip {h.sip} {h.sip}\n")

    def test_turned_off__means_no_process_and_a_closed_port(self):
        h = self.house().start().settled()
        core, web = h.pids("core")[0], h.pids("web")[0]
        os.kill(core, signal.SIGUSR2)
        h.wait('these roles cannot be turned off')
        h.wait('super: turned off role="web"')
        self.assertTrue(gone([web]))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", h.https), 20).close()
        self.assertTrue(is_alive(h.pids("keys")[0]))
        self.assertFalse([l for l in h.lines() if 'role died role="web"' in l])
        began = h.mark()
        os.kill(core, signal.SIGUSR2)
        h.wait('super: turned on role="web"')
        h.up(6)
        socket.create_connection(("127.0.0.1", h.https), 20).close()
        h.wait(r'core/0 fake: link says text="web/0"', since=began)

    def test_turned_on_again_at_once__starts_when_the_old_process_has_gone(self):
        h = self.house().start().up()
        core, web = h.pids("core")[0], h.pids("web")[0]
        os.kill(web, signal.SIGUSR1)  # hangs: it will be killed
        os.kill(core, signal.SIGUSR2)
        h.wait('super: turned off role="web"')
        os.kill(core, signal.SIGUSR2)
        h.up(6)
        self.assertFalse(is_alive(web))
        socket.create_connection(("127.0.0.1", h.https), 20).close()

    def test_stop__ends_a_house_with_a_role_turned_off(self):
        h = self.house().start().up()
        os.kill(h.pids("core")[0], signal.SIGUSR2)
        h.wait('super: turned off role="web"')
        h.proc.terminate()
        self.assertEqual(h.ends(), 0)

    def test_process__is_walled_in_before_it_starts(self):
        h = self.house().start().up()
        for m in h.wait(r"fake: process .*groups=(-?\d+) core=(\d+) sid_is_supers=(\d)", 5):
            self.assertEqual(m.group(2), "0")
            self.assertEqual(m.group(3), "1")

    def test_links__reach_both_ends(self):
        h = self.house(workers=2).start().up()
        for a, b in [("web/0", "keys/0"), ("core/0", "web/0"), ("core/0", "media/0"), ("core/0", "media/1"),
                     ("core/0", "video/0"), ("core/0", "video/1"), ("media/0", "video/0"), ("media/1", "video/1")]:
            h.wait(rf'{a} fake: link says text="{b}"')
            h.wait(rf'{b} fake: link says text="{a}"')
        said = {(m.group(1), m.group(2)) for m in h.wait(r'(\w+/\d) fake: link says text="([^"]+)"')}
        self.assertEqual(len(said), 16)

    def test_death__is_told_to_core_with_the_source_and_links_are_made_anew(self):
        h = self.house().start().settled()
        new = h.mark()
        os.kill(h.pids("web")[0], signal.SIGKILL)
        h.wait(r'core/0 fake: role died role="web" signal=9 restart_ms=0 source="192.0.2.7:1234"')
        h.wait(r'keys/0 fake: link says text="web/0"', since=new)
        h.wait(r'web/0 fake: link says text="keys/0"', since=new)
        h.wait(r'core/0 fake: link says text="web/0"', since=new)
        h.wait(r'core/0 fake: role up role="web"', since=new)

    def test_new_core__hears_of_everybody_who_serves(self):
        h = self.house().start().settled()
        os.kill(h.pids("core")[0], signal.SIGKILL)
        new = h.life("core", 2)
        for r in ("keys", "web", "media", "video"):
            h.wait(rf'core/0 fake: role up role="{r}"', since=new)
            if r != "keys":
                h.wait(rf'core/0 fake: link role="{r}"', since=new)

    def test_lost_link__is_made_anew_between_the_living(self):
        h = self.house().start().settled()
        web = h.pids("web")[0]
        for n in range(1, 5):
            os.kill(web, signal.SIGHUP)
            h.wait(r"super: link lost between living roles", n)
            h.wait(r'web/0 fake: link says', 2 + n)
        self.assertTrue(is_alive(web))
        # The fifth time within a minute it costs the less trusted end its life.
        os.kill(web, signal.SIGHUP)
        h.wait(r'core/0 fake: role died role="web" signal=9')
        h.wait(r'serves role="web"', 2)

    def test_death__makes_no_second_link(self):
        h = self.house().start().settled()
        core = 1
        while True:
            began = h.mark()
            os.kill(h.pids("web")[0], signal.SIGHUP)
            h.wait(r"web/0 fake: drops a link", since=began)
            os.kill(h.pids("core")[core - 1], signal.SIGKILL)
            h.wait(r'role died role="core"', since=began)
            core += 1
            h.wait(r'serves role="core"', core)
            events = [l for l in h.lines()[began:] if "role died" in l or "link lost between" in l]
            h.wait(r'web/0 fake: link role="core"', len(events), since=began)
            h.wait(r'video/0 fake: link says text="core/0"', since=began)
            # On a busy machine super may have made the link anew before we came to kill: once more.
            if "role died" in events[0] or core > 5:
                break
        # Video's link is looked after later than web's would have been.
        os.kill(h.pids("video")[0], signal.SIGHUP)
        h.wait('link lost between.*"video"', since=began)
        self.assertEqual([l for l in h.lines()[began:] if "link lost between" in l and '"web"' in l], [])

    def test_restarts__back_off(self):
        h = self.house().start().up()
        seen = []
        for n in range(1, 5):
            os.kill(h.pids("video")[n - 1], signal.SIGKILL)
            h.wait(r'super: role died role="video"', n)
            seen.append(int(h.wait(r'super: role died role="video".*restart_ms=(\d+)', n)[n - 1].group(1)))
            h.wait(r"video/0 fake: process pid=", n + 1)
            h.wait(r'serves role="video"', n + 1)
        self.assertEqual(seen, [0, 100, 200, 400])

    def test_crash__leaves_a_backtrace_and_its_signal(self):
        h = self.house().start().up()
        os.kill(h.pids("media")[0], signal.SIGSEGV)
        # A sanitizer reports by itself and exits.
        h.wait(r'core/0 fake: role died role="media" signal=(11|0)')
        h.wait(r"output of media/0: (signal 11|==\d+==ERROR)")
        h.wait(r"output of media/0: .*(conclave-media\(|#\d)")

    def test_hung_role__dies_with_super(self):
        h = self.house().start().up()
        pids = [h.pids(r)[0] for r in ROLES]
        os.kill(h.pids("web")[0], signal.SIGUSR1)
        h.proc.kill()
        h.proc.wait()
        self.assertTrue(gone(pids))

    def test_killed_super__takes_its_roles_along_and_leaves_no_port(self):
        h = self.house().start().up()
        pids = [h.pids(r)[0] for r in ROLES]
        h.proc.kill()
        h.proc.wait()
        self.assertTrue(gone(pids))
        for kind, port in ((socket.SOCK_STREAM, h.https), (socket.SOCK_DGRAM, h.media),
                           (socket.SOCK_STREAM, h.media)):
            with socket.socket(socket.AF_INET6, kind) as s:
                s.bind(("::", port))
        before = len(h.wait("super: serves"))
        h.proc.stderr.close()
        h.start().up(before + 5)

    def test_restart_at_once__waits_for_the_ports(self):
        h = self.house().start().up()
        os.kill(h.pids("web")[0], signal.SIGUSR1)
        h.proc.kill()
        h.proc.wait()
        h.proc.stderr.close()
        h.start().up(10)

    def test_stop__is_orderly(self):
        # A role that was told to go has 900 ms: where the machine is so busy that one did not come to say its last
        # line, that was no proof of anything.
        for _ in range(5):
            h = self.house().start().settled()
            pids = [h.pids(r)[0] for r in ROLES]
            h.proc.send_signal(signal.SIGINT)
            self.assertEqual(h.ends(), 0)
            self.assertFalse(any(map(is_alive, pids)))
            self.assertFalse(os.path.exists(f"{h.run}/cli.sock"))
            ended = [l for l in h.lines() if "fake: ends" in l]
            if len(ended) == len(ROLES):
                break
        self.assertEqual(len(ended), len(ROLES), h.lines())

    def test_stop__kills_the_one_that_hangs(self):
        h = self.house().start().up()
        pid = h.pids("video")[0]
        os.kill(pid, signal.SIGUSR1)
        h.proc.send_signal(signal.SIGTERM)
        self.assertEqual(h.ends(), 0)
        self.assertFalse(is_alive(pid))

    def test_cli_socket__is_for_its_owner_alone(self):
        h = self.house().start().up()
        self.assertEqual(os.stat(f"{h.run}/cli.sock").st_mode & 0o777, 0o600)

    def test_output_of_a_library__is_a_record(self):
        h = self.house().start().up()
        h.wait(r"warn +super/0 sink: output of web/0: a library said something")

    def refused(self, h, text, *more):
        code, line = h.fails(*more)
        self.assertNotEqual(code, 0)
        self.assertEqual(line.count("\n"), 1, line)
        self.assertIn(text, line)

    def test_refusals__are_one_clear_line(self):
        h = self.house()
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::", h.https))
            s.listen()
            self.refused(h, f"TCP port {h.https}: in use by another program: stop it or choose another with --https-port")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::", h.media))
            self.refused(h, f"UDP port {h.media}: in use")
        os.chmod(h.run, 0o777)
        self.refused(h, "chmod go-w")
        os.chmod(h.run, 0o755)
        os.rename(h.run, f"{h.run}.real")
        os.symlink(f"{h.run}.real", h.run)
        self.refused(h, "choose another --run-dir")
        os.remove(h.run)
        os.rename(f"{h.run}.real", h.run)
        self.refused(h, "unknown option", "--nonsense")
        self.refused(h, "0 to 65535", "--https-port", "70000")
        os.chmod(f"{h.data}/data.key", 0o444)
        self.refused(h, "chmod 0400")
        os.chmod(f"{h.data}/data.key", 0o600)
        h.write("data/data.key", b"short", 0o400)
        self.refused(h, "damaged")
        if os.geteuid() != 0:
            os.chmod(f"{h.data}/data.key", 0)
            self.refused(h, "cannot be read")
        os.remove(f"{h.data}/data.key")
        self.refused(h, "run conclave-setup")
        shutil.rmtree(h.data)
        self.refused(h, f"no data directory {h.data}: run conclave-setup")

    def test_role_that_refuses__ends_the_house_in_one_line(self):
        h = self.house()
        os.chmod(f"{h.data}/data.key", 0o600)
        h.write("data/data.key", b"R" * 32, 0o400)
        code, text = h.fails()
        self.assertEqual((code, text), (1, "conclave-super: core: the key says no: bring another\n"))

    def test_role_that_refuses_later__is_started_again(self):
        h = self.house().start().up()
        os.chmod(f"{h.data}/data.key", 0o600)
        h.write("data/data.key", b"R" * 32, 0o400)
        os.kill(h.pids("core")[0], signal.SIGKILL)
        h.wait(r'super: role died role="core".*exit=78', 2)
        self.assertIsNone(h.proc.poll())

    def renew(self, h, name, text):
        h.write(f"data/{name}.new", text, 0o400)
        os.rename(f"{h.data}/{name}.new", f"{h.data}/{name}")

    def test_sighup__hands_another_certificate_to_keys_and_then_to_the_faces(self):
        h = self.house().start().settled()
        pids = {r: h.pids(r) for r in ("keys", "core", "web", "media")}
        self.renew(h, "tls/server.key", b"key two")
        self.renew(h, "tls/server.crt", b"two")
        h.proc.send_signal(signal.SIGHUP)
        h.wait(r'keys/0 fake: file name="FD_TLS_KEY" text="key two"')
        h.wait(r'keys/0 fake: file name="FD_TLS_CERT" text="two"')
        h.wait(r'web/0 fake: file name="FD_TLS_CERT" text="two"')
        h.wait(r"core/0 fake: certificate ok=1")
        self.assertEqual({r: h.pids(r) for r in pids}, pids)

    def test_sighup__changes_nothing_when_the_certificate_will_not_do(self):
        h = self.house().start().settled()
        self.renew(h, "tls/server.crt", b"R")
        h.proc.send_signal(signal.SIGHUP)
        h.wait(r'core/0 fake: certificate ok=0 why="it says no"')
        h.wait(r'the certificate is not changed; the former stays reason="it says no"')
        os.unlink(f"{h.data}/tls/server.crt")
        since = len(h.lines())
        h.proc.send_signal(signal.SIGHUP)
        h.wait(r"not changed; the former stays reason=.*server.crt is missing", since=since)
        os.chmod(f"{h.data}/tls/server.key", 0o444)
        h.proc.send_signal(signal.SIGHUP)
        h.wait(r"not changed; the former stays reason=.*may be read by others", since=since)
        self.assertFalse([l for l in h.lines() if "web/0 fake: file" in l])

    def test_sighup__twice_at_once_gives_each_pair_its_own_verdict(self):
        h = self.house().start().settled()
        keys = h.pids("keys")[0]
        os.kill(keys, signal.SIGSTOP)
        self.renew(h, "tls/server.crt", b"two")
        h.proc.send_signal(signal.SIGHUP)
        h.wait("the certificate is read anew")
        self.renew(h, "tls/server.crt", b"R")
        h.proc.send_signal(signal.SIGHUP)
        h.wait("the certificate is read again after this one")
        os.kill(keys, signal.SIGCONT)
        h.wait(r"core/0 fake: certificate ok=1")
        h.wait(r'core/0 fake: certificate ok=0 why="it says no"')
        shown = [l for l in h.lines() if "web/0 fake: file" in l]
        self.assertEqual([True], ['text="two"' in l for l in shown])

    def test_second_super__is_refused(self):
        h = self.house().start().up()
        self.refused(h, "another conclave-super runs")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
