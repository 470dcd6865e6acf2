#!/usr/bin/env python3
"""Runs everything that `make test` promises and ends with `N passed, N failed`.

usage: run_tests.py [--long] [--only STEP[,STEP]]

Each step is a command; meson steps count their tests one by one, node steps by node's TAP summary, others as one.
A step that does not even build counts as one failure. Logs go to out/test/<step>.log.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
OUT = TOP / 'out' / 'test'


class Count:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.names = []

    def add(self, name, ok):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            self.names.append(name)


def run(log, *cmd, cwd=TOP, env=None, timeout=3600):
    """Runs a command into the log; returns the exit code."""
    with open(log, 'ab') as f:
        f.write(('$ ' + ' '.join(map(str, cmd)) + '\n').encode())
        f.flush()
        try:
            return subprocess.run(list(map(str, cmd)), cwd=cwd, env={**os.environ, **(env or {})}, stdout=f, stderr=f,
                                  stdin=subprocess.DEVNULL, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            f.write(f'timed out after {timeout} s\n'.encode())
            return 124


def tail(log, n=40):
    lines = log.read_text(errors='replace').splitlines()
    print('\n'.join('    ' + line for line in lines[-n:]))


def build(log, folder, *options):
    # `make run` may have configured the folder before the tests' libraries were there: never fewer tests in silence
    if (TOP / folder / 'build.ninja').exists():
        made = run(log, 'meson', 'configure', folder, '-Dtests=enabled')
    else:
        made = run(log, 'meson', 'setup', folder, '-Dtests=enabled', *options)
    return made == 0 and run(log, 'ninja', '-C', folder) == 0


def meson(count, name, folder, suites, options=(), env=None, multiplier=1):
    log = OUT / f'{name}.log'
    log.write_text('')
    if not build(log, folder, *options):
        count.add(f'{name}: build', False)
        tail(log)
        return
    args = []
    for suite in suites:
        args += ['--suite', suite]
    logbase = f'testlog-{name}'
    result = TOP / folder / 'meson-logs' / f'{logbase}.json'
    if result.exists():
        result.unlink()
    run(log, 'meson', 'test', '-C', folder, '--no-rebuild', '--print-errorlogs', '--logbase', logbase,
        '--timeout-multiplier', multiplier, *args, env=env)
    if not result.exists():
        count.add(f'{name}: meson test', False)
        tail(log)
        return
    bad = False
    for line in result.read_text().splitlines():
        test = json.loads(line)
        ok = test['result'] in ('OK', 'EXPECTEDFAIL')
        count.add(f"{name}: {test['name']}", ok)
        bad = bad or not ok
    if bad:
        tail(log, 120)


def one(count, name, *cmd, cwd=TOP, env=None, timeout=3600):
    log = OUT / f'{name}.log'
    log.write_text('')
    ok = run(log, *cmd, cwd=cwd, env=env, timeout=timeout) == 0
    count.add(name, ok)
    if not ok:
        tail(log)


def node(count, name, cwd, env=None, timeout=1500):
    """npm ci, then node's own test runner; every test counts."""
    log = OUT / f'{name}.log'
    log.write_text('')
    if run(log, 'npm', 'ci', '--ignore-scripts', '--engine-strict', '--no-audit', '--no-fund', cwd=cwd) != 0:
        count.add(f'{name}: npm ci', False)
        tail(log)
        return
    code = run(log, 'npm', 'test', '--silent', cwd=cwd, env=env, timeout=timeout)
    text = log.read_text(errors='replace')
    found = {key: int(n) for key, n in re.findall(r'^# (pass|fail|cancelled|skipped|tests) (\d+)$', text, re.M)}
    ran = found.get('pass', 0)
    failed = found.get('fail', 0) + found.get('cancelled', 0)
    if code != 0 and failed == 0 or ran + failed == 0:
        failed += 1
    count.passed += ran
    count.failed += failed
    count.skipped += found.get('skipped', 0)
    if failed:
        count.names.append(f'{name}: {failed} of {ran + failed}')
        tail(log, 120)


def steps(long_run):
    asan = {'ASAN_OPTIONS': 'abort_on_error=1:detect_stack_use_after_return=1', 'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'}
    suites = ['unit', 'fuzz', 'root', 'system'] + (['long'] if long_run else [])
    yield 'house', lambda c: one(c, 'house', sys.executable, 'tools/check_house.py')
    yield 'planted', lambda c: one(c, 'planted', sys.executable, 'tests/house/test_check.py')
    yield 'release', lambda c: meson(c, 'release', 'build', suites)
    yield 'links', lambda c: one(c, 'links', sys.executable, 'tools/check_house.py', '--build', 'build')
    yield 'sanitized', lambda c: meson(c, 'sanitized', 'build-asan', ['unit', 'fuzz'],
                                       ['-Db_sanitize=address,undefined', '-Db_lundef=false', '--buildtype=debug',
                                        '-Doptimization=1'], asan, 4)
    if (TOP / 'apps/meet/package.json').exists():
        yield 'meet', lambda c: node(c, 'meet', TOP / 'apps/meet')
    yield 'web', lambda c: node(c, 'web', TOP / 'tests/web')
    if (TOP / 'tests/e2e/package.json').exists():
        yield 'e2e', lambda c: node(c, 'e2e', TOP / 'tests/e2e')
        yield 'attack', lambda c: node(c, 'attack', TOP / 'tests/attack')


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--long', action='store_true')
    ap.add_argument('--only', default='')
    args = ap.parse_args()
    only = set(filter(None, args.only.split(',')))
    OUT.mkdir(parents=True, exist_ok=True)
    count = Count()
    before, after = OUT / 'env-before', OUT / 'env-after'
    before.write_bytes(subprocess.run(['tools/env-snapshot.sh'], cwd=TOP, capture_output=True).stdout)
    for name, step in steps(args.long):
        if only and name not in only:
            continue
        start = time.monotonic()
        was = (count.passed, count.failed)
        print(f'{name} ...', flush=True)
        step(count)
        print(f'{name}: {count.passed - was[0]} passed, {count.failed - was[1]} failed, '
              f'{time.monotonic() - start:.0f} s', flush=True)
    after.write_bytes(subprocess.run(['tools/env-snapshot.sh'], cwd=TOP, capture_output=True).stdout)
    one(count, 'environment', 'tools/env-snapshot.sh', 'compare', before, after)
    for name in count.names:
        print(f'FAILED {name}')
    skipped = f', {count.skipped} skipped' if count.skipped else ''
    print(f'{count.passed} passed, {count.failed} failed{skipped}')
    return 1 if count.failed or not count.passed else 0


if __name__ == '__main__':
    sys.exit(main())
