#!/usr/bin/env python3
"""What super does only as root: a user for each role, few capabilities.

usage: test_root.py SUPER FAKE_ROLE [unittest arguments]

Root, or sudo: the role users exist in a mount namespace of the test only (a passwd file bound over the real one). With
neither, a user namespace has just one user: then only what needs no second user is tried.
"""
import atexit
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from fakehouse import ROLES as CORE_ROLES, House, gone

ROLES = [*CORE_ROLES, "ban", "courier"]
NET_ADMIN = 1 << 12

CAPS = sum(1 << n for n in (5, 6, 7, 8, 10))  # KILL SETGID SETUID SETPCAP NET_BIND_SERVICE
FIRST_UID = 64100


def sudo_works():
    try:
        return subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def own_mounts_work():
    """Not in a chroot, whose / is no mount point: then the role users of `make run` are used."""
    return subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def become_root():
    """Re-executes this program with the rights it needs."""
    me = [sys.executable, *sys.argv]
    stage = os.environ.get("TEST_ROOT_STAGE", "")
    if stage == "":
        if os.geteuid() == 0 and not own_mounts_work():
            cmd, stage = me, "real users"
        elif os.geteuid() == 0:
            cmd, stage = ["unshare", "-m", *me], "users"
        elif sudo_works():
            cmd, stage = ["sudo", "-n", "--preserve-env=TEST_ROOT_STAGE", "unshare", "-m", *me], "users"
        else:
            cmd, stage = ["unshare", "-Urn", *me], "one user"
        os.environ["TEST_ROOT_STAGE"] = stage
        os.execvp(cmd[0], cmd)
    return stage if "users" in stage else ""


def bind_users():
    for name, line in (("passwd", "conclave-{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                       ("group", "conclave-{0}:x:{1}:\n")):
        with open(f"/etc/{name}", encoding="utf-8") as f:
            lines = [l for l in f if not l.startswith("conclave-")]
        lines += [line.format(r, FIRST_UID + i) for i, r in enumerate(ROLES)]
        with tempfile.NamedTemporaryFile("w", prefix=f"{name}-", delete=False) as f:
            f.writelines(lines)
        os.chmod(f.name, 0o644)
        subprocess.run(["mount", "--bind", f.name, f"/etc/{name}"], check=True)
        atexit.register(os.unlink, f.name)


def uid_of(role):
    return pwd.getpwnam(f"conclave-{role}").pw_uid


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)


HAS_USERS = become_root()


class Root(unittest.TestCase):
    def house(self):
        h = House(parent="/run" if HAS_USERS else None, users=HAS_USERS, more=["ban", "courier"])
        if HAS_USERS:
            shutil.chown(f"{h.data}/core", uid_of("core"))
        self.addCleanup(h.stop)
        return h

    def test_super__keeps_five_capabilities_and_one_to_hand_on(self):
        h = self.house().start().up(7)
        s = status(h.proc.pid)
        self.assertEqual(int(s["CapEff"], 16), CAPS)
        for field in ("CapPrm", "CapBnd"):
            self.assertEqual(int(s[field], 16), CAPS | NET_ADMIN, field)
        self.assertEqual(int(s["CapInh"], 16), 0)
        self.assertEqual(int(s["CapAmb"], 16), 0)
        self.assertEqual(s["NoNewPrivs"], "1")
        self.assertEqual(s["Seccomp"], "2")

    @unittest.skipUnless(HAS_USERS, "needs root or sudo: a user namespace has one user only")
    def test_roles__have_users_of_their_own_and_no_capability(self):
        h = self.house().start().up(7)
        for r in ROLES:
            s = status(h.pids(r)[0])
            uid = str(uid_of(r))
            gid = str(pwd.getpwnam(f"conclave-{r}").pw_gid)
            self.assertEqual(s["Uid"].split(), [uid] * 4)
            self.assertEqual(s["Gid"].split(), [gid] * 4)
            self.assertEqual(s["Groups"].split(), [])
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(s[field], 16), NET_ADMIN if r == "ban" else 0, (r, field))
            self.assertEqual(s["Seccomp"], "2")
            self.assertEqual(s["NoNewPrivs"], "1")

    def test_ban__gets_its_netlink_socket_and_a_link_to_core(self):
        h = self.house().start().up(7)
        h.wait(r'ban/0 fake: fd name="FD_NETLINK" kind="stream"')
        h.wait(r'core/0 fake: link says text="ban/0"')

    @unittest.skipUnless(HAS_USERS, "needs root or sudo: a user namespace has one user only")
    def test_guard_file__belongs_to_core(self):
        h = self.house().start().up(7)
        st = os.stat(f"{h.data}/core/guard")
        self.assertEqual((st.st_uid, st.st_mode & 0o7777), (uid_of("core"), 0o600))

    @unittest.skipUnless(HAS_USERS, "needs root or sudo: a user namespace has one user only")
    def test_roles_of_other_users__are_stopped_and_started_anew(self):
        h = self.house().start().up(7)
        os.kill(h.pids("web")[0], signal.SIGKILL)
        h.up(8)
        hung = h.pids("video")[0]
        os.kill(hung, signal.SIGUSR1)
        h.proc.send_signal(signal.SIGTERM)
        self.assertEqual(h.ends(), 0)
        self.assertTrue(gone([hung]))

    @unittest.skipUnless(HAS_USERS, "needs root or sudo: a user namespace has one user only")
    def test_killed_super__takes_roles_of_other_users_along(self):
        h = self.house().start().up(7)
        pids = [h.pids(r)[0] for r in ROLES]
        os.kill(pids[0], signal.SIGUSR1)
        h.proc.kill()
        h.proc.wait()
        self.assertTrue(gone(pids))

    @unittest.skipUnless(HAS_USERS, "needs root or sudo: a user namespace has one user only")
    def test_untrusted_programs__are_refused(self):
        h = self.house()
        os.chmod(f"{h.libexec}/conclave-web", 0o775)
        code, line = h.fails()
        self.assertEqual(code, 1)
        self.assertIn("refusing to run it as root", line)
        os.chmod(f"{h.libexec}/conclave-web", 0o755)
        os.chown(h.libexec, uid_of(ROLES[0]), 0)
        code, line = h.fails()
        self.assertEqual(code, 1)
        self.assertIn("refusing to run it as root", line)

    @unittest.skipUnless(HAS_USERS, "needs root or sudo: a user namespace has one user only")
    def test_missing_user__is_named(self):
        h = self.house()
        with open("/etc/passwd", encoding="utf-8") as f:
            h.write("passwd", f.read().replace("conclave-video:", "was-video:").encode(), 0o644)
        subprocess.run(["mount", "--bind", f"{h.dir}/passwd", "/etc/passwd"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/passwd"], check=True)
        code, line = h.fails()
        self.assertEqual(code, 1)
        self.assertIn("user conclave-video is missing: make the role users with packaging/make-users.sh", line)


if __name__ == "__main__":
    if HAS_USERS == "users":
        bind_users()
    elif HAS_USERS:
        subprocess.run([os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../packaging/make-users.sh")], check=True)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
