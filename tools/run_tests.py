#!/usr/bin/env python3
"""Runs everything that `make test` promises and ends with `N passed, N failed`.

usage: run_tests.py [--long] [--only STEP[,STEP]]

Steps: house planted release links sanitized meet web e2e attack. Tests of meson and of node are counted one by one, the
others as one; what does not even build counts as one failure. Logs go to out/test/. Of each test that failed, what was
judged and the last lines that it printed are shown here, too.

Half of the time of the tests in node is waiting. Each of their files says near its top how it may be run:

    // Schedule: waits, 70 s.  Little to do, wide bounds: several at once, beside the compiler
    // Schedule: alone, 60 s.  Judges milliseconds or sound: nothing else runs
    (nothing)                  Two at a time

The seconds, about what it takes, put the long ones first.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
OUT = TOP / 'out' / 'test'
LAST_LINES = 60     # of what a failed test printed
FAILURES_SHOWN = 20
FILE_S = 300        # a file may take that, and this many times what it says it takes
FILE_TIMES = 4
COMPILER_NICE = 15  # beside tests
LANES = {'waits': 3, 'pairs': 2, 'alone': 1}
MARK = 'CONCLAVE_TEST_FILE'  # in the environment of all that a file starts
SCHEDULE = re.compile(r'^// Schedule: (waits|alone), (\d+) s\.', re.M)


class Count:
    """What passed and failed, in all and of each step; used by several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.names = []
        self.steps = {}

    def add(self, step, passed, failed=0, skipped=0, names=()):
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            self.names += names
            one = self.steps.setdefault(step, [0, 0])
            one[0] += passed
            one[1] += failed

    def one(self, step, ok, name=None):
        self.add(step, int(ok), int(not ok), names=[] if ok else [name or step])


def say(text):
    print(text, flush=True)


def indent(lines):
    return '\n'.join('    ' + line for line in lines)


def tail(text, n=LAST_LINES):
    return indent(text.splitlines()[-n:])


def shown(name, what, text):
    """A failed test, and what it printed last."""
    say(f'--- {name}: {what}\n{tail(text)}')


def run(log, *cmd, cwd=TOP, env=None, timeout=3600, nice=0):
    """Runs a command into the log; returns the exit code."""
    with open(log, 'ab') as f:
        f.write(('$ ' + ' '.join(map(str, cmd)) + '\n').encode())
        f.flush()
        prefix = ['nice', '-n', str(nice)] if nice else []
        with subprocess.Popen(prefix + list(map(str, cmd)), cwd=cwd, env={**os.environ, **(env or {})}, stdout=f, stderr=f,
                              stdin=subprocess.DEVNULL, start_new_session=True) as p:
            try:
                return p.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                kill_marked(env)
                f.write(f'timed out after {timeout} s\n'.encode())
                return 124


def kill_marked(env):
    """Ends what a test started into groups of its own: it would disturb the tests after it."""
    mark = (env or {}).get(MARK)
    if not mark:
        return
    want = f'{MARK}={mark}'.encode()
    for folder in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if want in (folder / 'environ').read_bytes().split(b'\0'):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:  # gone, or not ours
            continue


def fresh(name):
    log = OUT / f'{name}.log'
    log.write_text('')
    return log


def one(count, name, *cmd):
    """A command that is one test."""
    log = fresh(name)
    ok = run(log, *cmd) == 0
    count.one(name, ok)
    if not ok:
        shown(name, 'failed', log.read_text(errors='replace'))


# --- meson -------------------------------------------------------------------

def build(count, name, folder, options=(), nice=0):
    log = fresh(f'{name}-build')
    # `make run` may have configured the folder before the tests' libraries were there: never fewer tests in silence
    if (TOP / folder / 'build.ninja').exists():
        made = run(log, 'meson', 'configure', folder, '-Dtests=enabled', nice=nice)
    else:
        made = run(log, 'meson', 'setup', folder, '-Dtests=enabled', *options, nice=nice)
    ok = made == 0 and run(log, 'ninja', '-C', folder, nice=nice) == 0
    if not ok:
        count.one(name, False, f'{name}: build')
        shown(name, 'does not build', log.read_text(errors='replace'))
    return ok


def meson(count, name, folder, suites, env=None, multiplier=1):
    log = fresh(name)
    logbase = f'testlog-{name}'
    result = TOP / folder / 'meson-logs' / f'{logbase}.json'
    result.unlink(missing_ok=True)
    args = [a for suite in suites for a in ('--suite', suite)]
    run(log, 'meson', 'test', '-C', folder, '--no-rebuild', '--logbase', logbase, '--timeout-multiplier', multiplier,
        *args, env=env)
    if not result.exists():
        count.one(name, False, f'{name}: meson test')
        shown(name, 'no result', log.read_text(errors='replace'))
        return
    failed = 0
    for line in result.read_text(errors='replace').splitlines():
        test = json.loads(line)
        ok = test['result'] in ('OK', 'EXPECTEDFAIL')
        count.one(name, ok, f"{name}: {test['name']}")
        failed += not ok
        if not ok and failed <= FAILURES_SHOWN:
            shown(f"{name}: {test['name']}", f"{test['result']}, code {test['returncode']}, {test['duration']:.1f} s",
                  f"{test.get('stdout') or ''}\n{test.get('stderr') or ''}".strip())


# --- node --------------------------------------------------------------------

class Npm:
    """`npm ci` in each folder once, and not again while its lock file stays as it is."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done = {}

    def ready(self, count, step, folder):
        with self.lock:
            if folder not in self.done:
                self.done[folder] = self.install(count, step, folder)
            return self.done[folder]

    @staticmethod
    def install(count, step, folder):
        mark = folder / 'node_modules' / '.installed'
        want = hashlib.sha256((folder / 'package-lock.json').read_bytes()).hexdigest()
        if mark.exists() and mark.read_text() == want:
            return True
        log = fresh(f'{step}-npm')
        if run(log, 'npm', 'ci', '--ignore-scripts', '--engine-strict', '--no-audit', '--no-fund', cwd=folder) != 0:
            count.one(step, False, f'{step}: npm ci')
            shown(step, 'npm ci failed', log.read_text(errors='replace'))
            return False
        mark.parent.mkdir(exist_ok=True)  # there may be nothing to install
        mark.write_text(want)
        return True


def tap(count, step, name, text, code):
    """Counts the tests of node's summary; shows those that failed."""
    found = {key: int(n) for key, n in re.findall(r'^# (pass|fail|cancelled|skipped|tests) (\d+)$', text, re.M)}
    passed = found.get('pass', 0)
    bad = re.findall(r'^( *)not ok \d+ - (.*)\n((?:\1  .*\n)*)', text, re.M)
    failed = found.get('fail', 0) + found.get('cancelled', 0)
    if code != 0 and failed == 0 or passed + failed == 0:
        failed += 1
    names = [f'{name}: {what}' for _, what, _ in bad][:failed]
    names += [f'{name}: exit code {code}'] * (failed - len(names))
    count.add(step, passed, failed, found.get('skipped', 0), names)
    for _, what, why in bad[:FAILURES_SHOWN]:
        say(f'--- {name}: {what}\n{indent(why.splitlines()[:LAST_LINES])}')
    if failed:
        shown(name, 'its last lines', text)
    return passed, failed


class File:
    """A file of tests for node."""

    def __init__(self, step, path):
        self.step, self.path = step, path
        self.name = f"{step}/{path.name.removesuffix('.test.mjs')}"
        m = SCHEDULE.search(path.read_text(encoding='utf-8')[:2000])
        self.kind, self.seconds = (m.group(1), int(m.group(2))) if m else ('pairs', 20)

    def run(self, count, npm, env):
        if not npm.ready(count, self.step, self.path.parent):
            return
        log = fresh(self.name.replace('/', '-'))
        start = time.monotonic()
        code = run(log, 'node', '--test', '--test-reporter=tap', self.path.name, cwd=self.path.parent, env={**env, MARK: self.name},
                   timeout=FILE_S + FILE_TIMES * self.seconds)
        passed, failed = tap(count, self.step, self.name, log.read_text(errors='replace'), code)
        say(f'  {self.name}: {passed} passed, {failed} failed, {time.monotonic() - start:.0f} s')


def files(step, folder, long_run):
    return [File(step, p) for p in sorted((TOP / folder).glob('*.test.mjs')) if long_run or not p.name.startswith('long-')]


def meet(count, npm):
    """The page's own tests, as its package runs them."""
    folder = TOP / 'apps/meet'
    if not npm.ready(count, 'meet', folder):
        return
    log = fresh('meet')
    code = run(log, 'npm', 'test', '--silent', cwd=folder, timeout=FILE_S)
    tap(count, 'meet', 'meet', log.read_text(errors='replace'), code)


# --- all ---------------------------------------------------------------------

class All:
    ASAN = {'ASAN_OPTIONS': 'abort_on_error=1:detect_stack_use_after_return=1', 'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'}
    ASAN_BUILD = ['-Db_sanitize=address,undefined', '-Db_lundef=false', '--buildtype=debug', '-Doptimization=1']

    def __init__(self, long_run, only):
        self.only = only
        self.count = Count()
        self.npm = Npm()
        self.env = {'CONCLAVE_LONG': '1'} if long_run else {}
        self.suites = ['unit', 'fuzz', 'root', 'system'] + (['long'] if long_run else [])
        self.files = [f for step, folder in (('web', 'tests/web'), ('e2e', 'tests/e2e'), ('attack', 'tests/attack'))
                      if self.wants(step) for f in files(step, folder, long_run)]

    def wants(self, step):
        return not self.only or step in self.only

    def part(self, title, work):
        """One after another, with the time that it took."""
        start = time.monotonic()
        say(f'{title} ...')
        out = work()
        say(f'{title}: {time.monotonic() - start:.0f} s')
        return out

    def of_kind(self, kind):
        mine = sorted((f for f in self.files if f.kind == kind), key=lambda f: -f.seconds)
        with concurrent.futures.ThreadPoolExecutor(LANES[kind]) as lanes:
            for done in [lanes.submit(f.run, self.count, self.npm, self.env) for f in mine]:
                done.result()

    def build_sanitized(self):
        return build(self.count, 'sanitized', 'build-asan', self.ASAN_BUILD, COMPILER_NICE)

    def compile_beside_tests(self):
        """The second compilation fills the time in which tests wait."""
        with concurrent.futures.ThreadPoolExecutor(1) as lane:
            built = lane.submit(self.build_sanitized) if self.wants('sanitized') else None
            self.of_kind('waits')
            return built.result() if built else False

    def run(self):
        c = self.count
        for name, *cmd in (('house', 'tools/check_house.py'), ('planted', 'tests/house/test_check.py')):
            if self.wants(name):
                self.part(name, lambda name=name, cmd=cmd: one(c, name, sys.executable, *cmd))
        released = self.wants('release') and self.part('compile', lambda: build(c, 'release', 'build'))
        if self.wants('links'):
            self.part('links', lambda: one(c, 'links', sys.executable, 'tools/check_house.py', '--build', 'build'))
        sanitized = self.part('compile for sanitizers, and tests that wait', self.compile_beside_tests)
        if released:
            self.part('release', lambda: meson(c, 'release', 'build', self.suites))
        if sanitized:
            self.part('sanitized', lambda: meson(c, 'sanitized', 'build-asan', ['unit', 'fuzz'], self.ASAN, 4))
        if self.wants('meet'):
            self.part('meet', lambda: meet(c, self.npm))
        self.part('two at a time', lambda: self.of_kind('pairs'))
        self.part('one at a time', lambda: self.of_kind('alone'))
        for step, (passed, failed) in c.steps.items():
            say(f'{step}: {passed} passed, {failed} failed')


def snapshot(path):
    path.write_bytes(subprocess.run(['tools/env-snapshot.sh'], cwd=TOP, capture_output=True, check=False).stdout)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--long', action='store_true')
    ap.add_argument('--only', default='')
    args = ap.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:  # once, before platforms start beside each other
        subprocess.run(['packaging/make-users.sh'], cwd=TOP, check=False)
    before, after = OUT / 'env-before', OUT / 'env-after'
    start = time.monotonic()
    snapshot(before)
    everything = All(args.long, set(filter(None, args.only.split(','))))
    everything.run()
    snapshot(after)
    count = everything.count
    one(count, 'environment', 'tools/env-snapshot.sh', 'compare', before, after)
    for name in count.names:
        say(f'FAILED {name}')
    skipped = f', {count.skipped} skipped' if count.skipped else ''
    say(f'{time.monotonic() - start:.0f} s')
    say(f'{count.passed} passed, {count.failed} failed{skipped}')
    return 1 if count.failed or not count.passed else 0


if __name__ == '__main__':
    sys.exit(main())
