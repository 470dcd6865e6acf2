#!/usr/bin/env python3
"""How soon a ban is in force: from the message of core to a connection that nobody answers.

usage: bench_ban.py CONCLAVE CONCLAVE_BAN BAN_DRIVER

Prints `name value unit target pass|fail`. In namespaces of its own: as root, or in a user namespace; with neither, or
without nft, it says so and measures nothing.
"""
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from kernel import Ban, Echo, HTTPS, Net, need_rights, run  # noqa: E402

ROUNDS, KNOWN, TARGET_MS = 25, 50000, 1000


def say(name, value, target=None):
    print(f"{name} {value:.2f} ms", f"{target} {'pass' if value <= target else 'fail'}" if target else "- info")
    return not target or value <= target


def main():
    if not any(os.path.exists(f"{d}/nft") for d in ("/usr/sbin", "/sbin")):
        print("# nft is not installed: not seen")
        return 0
    if os.geteuid() and subprocess.run(["unshare", "-Urn", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("# needs root or user namespaces: not seen")
        return 0
    need_rights()
    cli, role, driver = sys.argv[1:4]
    net, echo = Net(), Echo()
    run(cli, "firewall", "apply", "--bans-only", f"https={HTTPS}", "http=0")
    ban = Ban(driver, role)
    try:
        ban.say(f"many {KNOWN} 600")
        ban.epoch = (KNOWN + 511) // 512
        ban.wait(rf"^state 1 {ban.epoch} ", 30)
        acked, refused = [], []
        for i in range(ROUNDS):
            source = f"10.78.0.{i + 1}"
            assert net.reaches(source, timeout=2)
            began = time.monotonic()
            acked.append(1000 * ban.in_force(f"ban {source} 32 1 60")[0])
            while net.reaches(source, timeout=0.25):
                tried = time.monotonic()
                assert tried - began < 5
            refused.append(1000 * (time.monotonic() - 0.25 - began))
    finally:
        ban.close()
        echo.close()
        net.close()
    print(f"# {ROUNDS} bans, {KNOWN} others in the set")
    say("ban_told_median", statistics.median(acked))
    say("ban_told_worst", max(acked))
    ok = say("ban_in_force_worst", max(refused), TARGET_MS)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
