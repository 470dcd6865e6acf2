#!/usr/bin/env python3
"""The kernel's half of bans and floods, with the real ban role and nft, in namespaces of the test's own.

usage: test_firewall.py CONCLAVE CONCLAVE_BAN BAN_DRIVER RAW_SENDER SUPER FAKE_ROLE [unittest arguments]
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
from kernel import ADMIN, HTTPS, MEDIA, OTHER, Ban, Echo, Net, dropped, echoes, elements, need_rights, run  # noqa: E402

IS_ROOT = need_rights()
CLI, ROLE, DRIVER, RAW, SUPER, FAKE = sys.argv[1:7]
PORTS = [f"https={HTTPS}", "http=0", f"admin={ADMIN}"]
BOARD, ATTACKER = "10.77.0.9", "10.77.0.10"


def firewall(what, *settings, check=True):
    return run(CLI, "firewall", what, *PORTS, *settings, check=check)


def has_table():
    return run("nft", "list", "table", "inet", "conclave", check=False).returncode == 0


class Kernel(unittest.TestCase):
    def setUp(self):
        run("nft", "flush", "ruleset")
        self.net = Net()
        self.addCleanup(self.net.close)
        self.echo = Echo()
        self.addCleanup(self.echo.close)

    def role(self):
        b = Ban(DRIVER, ROLE)
        self.addCleanup(b.close)
        return b

    def bans_only(self):
        firewall("apply", "--bans-only")
        return self.role()

    def ban_and_watch(self, ban, source):
        """Bans, and connects until nobody answers: seconds until the first attempt in vain."""
        began = ban.say(f"ban {source} {128 if ':' in source else 32} 1 60")
        while True:
            tried = time.monotonic()
            if not self.net.reaches(source, timeout=0.3):
                return tried - began
            self.assertLess(time.monotonic() - began, 1)

    def test_ban__is_in_force_within_a_second_and_hits_new_flows_of_the_group_only(self):
        ban = self.bans_only()
        for source, other in ((ATTACKER, "10.77.0.11"), ("fd77::2", "fd78::1")):
            held = self.net.connect(source)
            self.assertTrue(echoes(held))
            took = self.ban_and_watch(ban, source)
            print(f"# {source}: refused {took * 1000:.1f} ms after the ban was sent")
            self.assertLess(took, 1)
            self.assertTrue(echoes(held), "what was established lives on")
            held.close()
            self.assertTrue(self.net.gets_in(other), "others are not touched")
            self.assertTrue(self.net.gets_in(source, ADMIN), "nor is management")
            self.assertTrue(self.net.gets_in(source, OTHER), "nor what is not ours")

    def test_release__lets_in_at_once(self):
        ban = self.bans_only()
        ban.in_force(f"ban {ATTACKER} 32 1 600")
        self.assertFalse(self.net.reaches(ATTACKER))
        ban.in_force(f"ban {ATTACKER} 32 1 0")
        self.assertTrue(self.net.gets_in(ATTACKER))
        self.assertEqual(elements("ban4_web"), set())

    def test_ban__ends_by_itself_and_a_second_one_prolongs_it(self):
        ban = self.bans_only()
        ban.in_force(f"ban {ATTACKER} 32 1 1")
        began = time.monotonic()
        ban.in_force(f"ban {BOARD} 32 1 1")
        ban.in_force(f"ban {ATTACKER} 32 1 600")
        while not self.net.reaches(BOARD, timeout=0.1):
            self.assertLess(time.monotonic() - began, 10)
        self.assertGreater(time.monotonic() - began, 0.7)
        self.assertFalse(self.net.reaches(ATTACKER))

    def test_ports__of_another_group_are_not_banned(self):
        ban = self.bans_only()
        ban.in_force(f"ban {ATTACKER} 32 2 600")
        self.assertEqual(elements("ban4_sip"), {ATTACKER})
        self.assertTrue(self.net.gets_in(ATTACKER))

    def test_prefixes__hold_all_who_are_in_them_and_nobody_else(self):
        ban = self.bans_only()
        ban.in_force("ban 10.78.1.0 24 1 600")
        ban.in_force("ban fd78:0:0:1:: 64 1 600")
        for source, inside in (("10.78.1.0", True), ("10.78.1.255", True), ("10.78.2.0", False), ("10.78.0.255", False),
                               ("fd78:0:0:1::1", True), ("fd78:0:0:1:ffff:ffff:ffff:ffff", True),
                               ("fd78:0:0:2::", False), ("fd78::ffff", False)):
            if inside:
                self.assertFalse(self.net.reaches(source), source)
            else:
                self.assertTrue(self.net.gets_in(source), source)
        # A wider one swallows it; when that is released, the inner one is back.
        ban.in_force("ban 10.78.0.0 16 1 600")
        self.assertFalse(self.net.reaches("10.78.2.0"))
        _, _, failed = ban.in_force("ban 10.78.0.0 16 1 0")
        self.assertEqual(failed, 0)
        self.assertTrue(self.net.gets_in("10.78.2.0"))
        self.assertFalse(self.net.reaches("10.78.1.7"))

    def test_ourselves__are_never_banned(self):
        ban = self.bans_only()
        for what in ("127.0.0.1 32", "127.0.0.0 8", "::1 128", "0.0.0.0 7"):
            _, _, failed = ban.in_force(f"ban {what} 1 60")
        self.assertEqual(failed, 4)
        self.assertEqual(elements("ban4_web") | elements("net4_web") | elements("ban6_web"), set())

    def test_missing_table__is_told_and_filled_when_it_comes(self):
        ban = self.role()
        ban.say(f"ban {ATTACKER} 32 1 600")
        ban.state(2)
        self.assertTrue(self.net.gets_in(ATTACKER))
        firewall("apply", "--bans-only")
        began = time.monotonic()
        ban.state(1)
        print(f"# filled {time.monotonic() - began:.1f} s after the table came")
        self.assertFalse(self.net.reaches(ATTACKER))
        firewall("remove")
        ban.state(2)
        self.assertTrue(self.net.gets_in(ATTACKER))

    def test_table_loaded_anew__is_filled_again(self):
        ban = self.bans_only()
        ban.in_force(f"ban {ATTACKER} 32 1 600")
        firewall("apply", "--bans-only")
        self.assertEqual(elements("ban4_web"), set())
        end = time.monotonic() + 40
        while elements("ban4_web") != {ATTACKER}:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.2)

    def test_dead_role__leaves_its_bans_and_the_next_makes_the_sets_equal(self):
        ban = self.bans_only()
        ban.in_force(f"list {ATTACKER}/32/1/600 {BOARD}/32/1/600 10.78.0.0/16/1/600")
        ban.say("kill")
        ban.wait("^ready")
        self.assertFalse(self.net.reaches(ATTACKER))
        ban.in_force(f"list {ATTACKER}/32/1/600")
        self.assertEqual(elements("ban4_web"), {ATTACKER})
        self.assertEqual(elements("net4_web"), set())
        self.assertTrue(self.net.gets_in(BOARD))

    def test_many_bans__are_in_force_soon(self):
        ban = self.bans_only()
        began = ban.say("many 50000 600")
        ban.epoch = (50000 + 511) // 512
        ban.wait(rf"^state 1 {ban.epoch} 50000 0", 60)
        print(f"# 50,000 bans in force after {(time.monotonic() - began) * 1000:.0f} ms")
        took, _, failed = ban.in_force(f"ban {ATTACKER} 32 1 600")
        print(f"# one more among them after {took * 1000:.1f} ms")
        self.assertEqual(failed, 0)
        self.assertLess(took, 1)

    def spoof(self, kind, count, *rate):
        return int(self.net.peer(RAW, kind, BOARD, Net.US4, str(MEDIA if kind == "udp" else HTTPS), str(count),
                                 *rate).stdout)

    def spoofed_million(self):
        """Nothing that a packet says puts anybody into a ban set."""
        began = time.monotonic()
        sent = sum(self.spoof(kind, n) for kind, n in (("syn", 400000), ("udp", 400000), ("ack", 150000), ("icmp", 50000)))
        print(f"# {sent} spoofed packets in {time.monotonic() - began:.1f} s")
        self.assertGreaterEqual(sent, 990000)
        for group in ("web", "sip", "h323", "stream"):
            for name in ("ban4", "net4", "ban6", "net6"):
                self.assertEqual(elements(f"{name}_{group}"), set())

    def test_a_million_spoofed_packets__ban_nobody_and_the_board_gets_in(self):
        self.bans_only()
        self.spoofed_million()
        began = time.monotonic()
        s = self.net.connect(BOARD, timeout=5)
        self.assertTrue(echoes(s))
        s.close()
        print(f"# the board was in after {(time.monotonic() - began) * 1000:.0f} ms")

    # --- the full rule set ---

    def full(self, *more):
        firewall("apply", "management=10.77.0.8/30,fd77::/64", f"also=tcp/{OTHER}", *more)

    def test_full__a_million_spoofed_packets_do_not_keep_an_exempt_board_out(self):
        self.full(f"exempt={BOARD}")
        self.role()
        self.spoofed_million()
        s = self.net.connect(BOARD, timeout=5)
        self.assertTrue(echoes(s))
        s.close()

    def test_full__opens_what_was_named_to_whom_it_was_named(self):
        with socket.socket() as more:
            more.bind(("0.0.0.0", 6666))
            more.listen()
            p = firewall("apply", "management=10.77.0.8/30", f"also=tcp/{OTHER}", check=False)
            self.assertEqual(p.returncode, 1)
            self.assertIn("others listen on tcp/6666 here", p.stderr)
            self.assertFalse(has_table())
            self.full("--closing")
            for source, port, reached in ((BOARD, HTTPS, True), (BOARD, ADMIN, True), (BOARD, OTHER, True),
                                          ("10.77.0.2", HTTPS, True), ("10.77.0.2", ADMIN, False),
                                          ("10.77.0.2", OTHER, False), (BOARD, 6666, False), ("fd77::2", ADMIN, True),
                                          ("fd78::1", ADMIN, False), ("fd78::1", HTTPS, True)):
                self.assertEqual(self.net.reaches(source, port), reached, (source, port))
            with socket.create_connection(("127.0.0.1", 6666), 1):
                pass
        self.assertEqual(firewall("check", "management=10.77.0.8/30,fd77::/64", f"also=tcp/{OTHER}").returncode, 0)
        run("nft", "add", "rule", "inet", "conclave", "ports", "accept")
        self.assertEqual(firewall("check", "management=10.77.0.8/30,fd77::/64", f"also=tcp/{OTHER}",
                                  check=False).returncode, 1)

    def test_full__the_operator_does_not_lock_himself_out(self):
        os.environ["SSH_CONNECTION"] = f"192.0.2.7 50000 10.77.0.1 {OTHER}"
        self.addCleanup(os.environ.pop, "SSH_CONNECTION")
        p = firewall("apply", "management=10.77.0.8/30", f"also=tcp/{OTHER}", check=False)
        self.assertEqual(p.returncode, 1)
        self.assertIn("your own session from 192.0.2.7", p.stderr)
        self.assertFalse(has_table())

    def test_full__keeps_bans_and_established_flows(self):
        held = self.net.connect(ATTACKER)
        self.assertTrue(echoes(held))
        self.full()
        ban = self.role()
        ban.in_force("ban 10.77.0.2 32 1 600")
        self.assertTrue(echoes(held))
        self.assertFalse(self.net.reaches("10.77.0.2"))
        held.close()

    def flood(self, *args):
        """hping3 where it is installed, else our own sender: 5,000 packets at 5,000 a second."""
        kind, source, port = args
        if shutil.which("hping3"):
            self.net.peer("hping3", "-q", "-S" if kind == "syn" else "--udp", "-p", str(port), "-i", "u200", "-c", "5000",
                          "-a", source, Net.US4, check=False)
        else:
            self.net.peer(RAW, kind, source, Net.US4, str(port), "5000", "5000")

    def test_full__drops_syns_over_the_rate_of_their_source_only(self):
        self.full("syn_rate=50")
        self.flood("syn", "10.77.0.2", HTTPS)
        drops = sum(n for rule, n in dropped("rates").items() if "@syn4" in rule)
        print(f"# of 5,000 SYNs at 5,000/s {drops} dropped at 50/s")
        self.assertGreater(drops, 4500)
        self.assertLess(drops, 4990)
        self.assertTrue(self.net.gets_in("10.78.0.1"), "another source")
        self.assertTrue(self.net.gets_in(BOARD), "a named one")

    def test_full__drops_media_over_the_rate_of_its_source_only(self):
        self.full("udp_rate=200")
        self.flood("udp", "10.77.0.2", MEDIA)
        drops = sum(n for rule, n in dropped("rates").items() if "@udp4" in rule)
        print(f"# of 5,000 datagrams at 5,000/s {drops} dropped at 200/s")
        self.assertGreater(drops, 3500)
        self.assertLess(drops, 4700)
        if os.access("/proc/net/nf_conntrack", os.R_OK):
            with open("/proc/net/nf_conntrack", encoding="utf-8") as f:
                tracked = [l for l in f if " udp " in l and f"dport={MEDIA} " in l]
            self.assertEqual(tracked, [], "media is not tracked")

    def test_full__counts_the_connections_of_a_source(self):
        self.full("connections=20")
        held, refused = [], 0
        for _ in range(40):
            try:
                held.append(self.net.connect("10.77.0.2"))
            except ConnectionRefusedError:
                refused += 1
        self.assertEqual((len(held), refused), (20, 20))
        self.assertTrue(self.net.gets_in("10.78.0.1"))
        for s in held:
            s.close()

    # --- start and stop ---

    def test_start_and_stop__keep_a_full_rule_set(self):
        self.full()
        p = firewall("apply", "--bans-only")
        self.assertIn("the full rule set is loaded and stays", p.stderr)
        firewall("remove", "--bans-only")
        self.assertTrue(has_table())
        firewall("remove")
        self.assertFalse(has_table())
        self.assertEqual(firewall("remove").returncode, 0)

    def test_without_nft__it_says_so(self):
        run("mount", "--bind", "/dev/null", "/usr/sbin/nft")
        self.addCleanup(run, "umount", "/usr/sbin/nft")
        p = firewall("apply", "--bans-only", check=False)
        self.assertEqual(p.returncode, 3)
        self.assertIn("nft is not installed (Debian: nftables): bans act in the faces only", p.stderr)

    def test_other_tables__are_left_alone(self):
        run("nft", "add", "table", "inet", "mine")
        firewall("apply", "--bans-only")
        firewall("remove")
        self.assertEqual(run("nft", "list", "tables").stdout, "table inet mine\n")


class Start(unittest.TestCase):
    """The role as super starts it, and run.sh around both."""

    def setUp(self):
        run("nft", "flush", "ruleset")
        run("ip", "link", "set", "lo", "up")
        sys.argv[1:] = [SUPER, FAKE]
        top = os.path.join(HERE, "../..")
        sys.path.insert(0, os.path.join(top, "src/super/t"))
        import fakehouse  # pylint: disable=import-outside-toplevel
        self.fake = fakehouse
        self.top = top

    def house(self, users=False):
        h = self.fake.House(parent="/run" if users else None, users=users)
        self.addCleanup(h.stop)
        shutil.copy(ROLE, f"{h.libexec}/conclave-ban")
        return h

    def test_super__gives_the_real_role_what_it_needs(self):
        firewall("apply", "--bans-only")
        h = self.house().start()
        h.wait("ban/0 ban: the table is there: bans act in the kernel")
        h.wait(r"super/0 super: serves role=\"ban\"")

    @unittest.skipUnless(IS_ROOT, "needs root: a user namespace has one user only")
    def test_super__hands_the_right_to_a_user_of_its_own(self):
        roles = [*self.fake.ROLES, "ban"]
        for name, line in (("passwd", "conclave-{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", "conclave-{0}:x:{1}:\n")):
            with open(f"/etc/{name}", encoding="utf-8") as f:
                text = "".join(l for l in f if not l.startswith("conclave-"))
            text += "".join(line.format(r, 64300 + i) for i, r in enumerate(roles))
            path = f"/run/test-firewall-{os.getpid()}-{name}"
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            self.addCleanup(os.unlink, path)
            run("mount", "--bind", path, f"/etc/{name}")
            self.addCleanup(run, "umount", f"/etc/{name}")
        firewall("apply", "--bans-only")
        h = self.house(users=True)
        os.chown(f"{h.data}/core", 64301, 64301)
        h.start().wait("ban/0 ban: the table is there: bans act in the kernel")
        pid = int(run("pgrep", "-u", "64305").stdout.split()[0])
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            status = dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
        self.assertEqual(int(status["CapEff"], 16), 1 << 12)
        self.assertEqual(int(status["CapPrm"], 16), 1 << 12)
        self.assertEqual(int(status["CapAmb"], 16), 0, "cleared at its own walls")

    def test_run_sh__loads_the_table_and_takes_it_away(self):
        h = self.house()
        shutil.copy(SUPER, f"{h.libexec}/conclave-super")
        shutil.copy(CLI, f"{h.dir}/conclave")
        h.write("libexec/conclave-setup", b"#!/bin/sh\n", 0o755)
        os.makedirs(f"{h.dir}/page")
        h.write("page/index.html", b"<!doctype html>", 0o644)
        env = {**os.environ, "CONCLAVE_BUILD": "", "CONCLAVE_STAGE": h.dir, "CONCLAVE_DATA": h.data,
               "CONCLAVE_RUN": h.run, "CONCLAVE_PAGE": f"{h.dir}/page", "CONCLAVE_HTTPS_PORT": str(h.https),
               "CONCLAVE_MEDIA_PORT_FIRST": str(h.media), "CONCLAVE_MEDIA_WORKERS": "1", "CONCLAVE_LOG": h.log,
               "CONCLAVE_UNSAFE_SAME_USER": "1"}
        p = subprocess.Popen(["bash", f"{self.top}/packaging/run.sh"], env=env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
        h.proc = p
        try:
            h.wait("ban/0 ban: the table is there: bans act in the kernel")
            self.assertIn(f"tcp dport {h.https}", run("nft", "list", "chain", "inet", "conclave", "bans").stdout)
        finally:
            os.killpg(p.pid, signal.SIGTERM)
            p.wait(self.fake.PATIENCE_S)
        self.assertFalse(has_table())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[7:]], verbosity=1)
