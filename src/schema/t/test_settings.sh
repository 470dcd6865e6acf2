#!/bin/sh
# docs/settings.md is what the program prints.
"$1" | diff -u "$2" - || {
	echo "run: $1 > docs/settings.md" >&2
	exit 1
}
