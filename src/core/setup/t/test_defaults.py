#!/usr/bin/env python3
"""A fresh installation is what docs/handbook/defaults.md says, value by value.

usage: test_defaults.py CONCLAVE_SETUP PRINT_FRESH DEFAULTS_MD"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SETUP, PRINT, PAGE = sys.argv[1:4]
del sys.argv[1:4]


def page():
    """The rows of the page's tables whose first cell is `resource.field`."""
    rows = {}
    for line in pathlib.Path(PAGE).read_text().splitlines():
        cells = [c.strip() for c in re.split(r'(?<!\\)\|', line)[1:-1]]
        if not cells or not re.fullmatch(r'`[a-z_]+\.[a-z_0-9]+`', cells[0]):
            continue
        name, *rest = (c.replace('`', '') for c in cells)
        assert name not in rows, f'{name} stands twice'
        rows[name] = rest
    return rows


class Defaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix='conclave-defaults-'))
        data = cls.top / 'data'
        subprocess.run([SETUP, '--data-dir', str(data)], check=True, capture_output=True, timeout=60)
        out = subprocess.run([PRINT, str(data)], check=True, capture_output=True, text=True, timeout=60).stdout
        lines = [line.split('\t') for line in out.splitlines()]
        cls.alarms = [line[1] for line in lines if line[0] == '!']
        cls.fresh = {line[0]: line[1:] for line in lines if line[0] != '!'}
        cls.page = page()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.top)

    def test_every_setting_is_on_the_page(self):
        self.assertEqual(sorted(set(self.fresh) - set(self.page)), [])

    def test_the_page_names_nothing_else(self):
        self.assertEqual(sorted(set(self.page) - set(self.fresh)), [])

    def test_values_profile_and_alarms_are_as_the_page_says(self):
        for name, want in self.fresh.items():
            with self.subTest(setting=name):
                self.assertEqual(self.page[name][:len(want)], want)

    def test_a_fresh_installation_raises_no_alarm(self):
        self.assertEqual(self.alarms, [])


if __name__ == '__main__':
    unittest.main(verbosity=1)
