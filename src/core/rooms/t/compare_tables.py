#!/usr/bin/env python3
"""usage: compare_tables.py PRINTER DOCUMENT - fails when the document is not what the printer prints."""
import subprocess
import sys

printed = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout
written = open(sys.argv[2], encoding='utf-8').read()
if printed != written:
    sys.exit(f'{sys.argv[2]} is not what {sys.argv[1]} prints: run it again, or mean the change')
