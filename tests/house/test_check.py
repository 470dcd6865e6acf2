#!/usr/bin/env python3
"""Plants one violation at a time into a copy of the tree and expects the checker to see each."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
CHECK = TOP / 'tools' / 'check_house.py'


def run(root, build=None):
    cmd = [sys.executable, str(CHECK), '--root', str(root)] + (['--build', str(build)] if build else [])
    return subprocess.run(cmd, capture_output=True, text=True)


class Planted(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.dir.name)
        shutil.copytree(TOP / 'src', self.root / 'src', ignore=shutil.ignore_patterns('corpus'))

    def tearDown(self):
        self.dir.cleanup()

    def plant(self, rel, line, expect):
        path = self.root / 'src' / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + '\n')
        got = run(self.root)
        self.assertEqual(got.returncode, 1, got.stdout)
        self.assertIn(f'src/{rel}:1: {expect}', got.stdout)

    def test_clean_tree_passes(self):
        got = run(self.root)
        self.assertEqual(got.stdout, '')
        self.assertEqual(got.returncode, 0)

    def test_role_includes_another_role(self):
        self.plant('web/planted.c', '#include "core/store/store.h"', 'web may not include')

    def test_wire_reads_a_clock(self):
        self.plant('wire/planted.c', '#include "base/clock.h"', 'wire is pure')

    def test_base_knows_of_messages(self):
        self.plant('base/planted.c', '#include "ipc/ipc.h"', 'base may not include')

    def test_pure_room_opens_a_socket(self):
        self.plant('core/rooms/planted.c', '#include <sys/socket.h>', 'core/rooms is pure')

    def test_pure_guard_sees_the_store(self):
        self.plant('core/guard/planted.c', '#include "core/store/store.h"', 'core/guard is pure')

    def test_library_outside_its_wrapper(self):
        self.plant('media/planted.c', '#include <sqlite3.h>', 'sqlite3.h is used behind core/store only')

    def test_banned_call(self):
        self.plant('core/planted.c', 'void f(char *a, char *b) { strcpy(a, b); }', 'strcpy is banned')

    def test_heap_beside_the_allocator(self):
        self.plant('core/planted.c', 'void *f(void) { return malloc(1); }', 'malloc: use base/alloc.h')

    def test_comment_and_string_are_no_calls(self):
        (self.root / 'src/core/fine.c').write_text('/* strcpy(a, b) */\nconst char *x = "malloc(1)";\n')
        self.assertEqual(run(self.root).returncode, 0)

    def test_executable_links_too_much(self):
        build = self.root / 'build'
        build.mkdir()
        src = build / 'x.c'
        src.write_text('#include <sqlite3.h>\nint main(void) { return sqlite3_libversion_number() == 0; }\n')
        subprocess.run([os.environ.get('CC', 'cc'), '-fPIE', '-pie', '-Wl,-z,relro,-z,now', '-o', str(build / 'conclave-media'),
                        str(src), '-lsqlite3'], check=True)
        got = run(self.root, build)
        self.assertEqual(got.returncode, 1)
        self.assertIn('conclave-media links libsqlite3.so.0', got.stdout)

    def test_executable_without_relro(self):
        build = self.root / 'build'
        build.mkdir()
        src = build / 'x.c'
        src.write_text('int main(void) { return 0; }\n')
        subprocess.run([os.environ.get('CC', 'cc'), '-no-pie', '-Wl,-z,norelro', '-o', str(build / 'conclave-keys'), str(src)],
                       check=True)
        got = run(self.root, build)
        self.assertIn('conclave-keys: no full RELRO', got.stdout)
        self.assertIn('conclave-keys: not position independent', got.stdout)


if __name__ == '__main__':
    unittest.main()
