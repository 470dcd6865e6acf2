#!/usr/bin/env bash
# Runs every bench; each prints `name value unit target pass|fail`. A missed
# target exits 1 unless docs/bench-known.md names it with its reason.
set -uo pipefail
cd "$(dirname "$0")/.."
fail=0
mkdir -p out
for b in $(ninja -C build -t targets all | sed -n 's/^\([^:]*\/bench_[a-z0-9_]*\): .*LINKER.*/\1/p' | sort -u); do
	echo "== $(basename "$b")"
	"build/$b" | tee out/bench.txt
	while read -r name _ _ _ verdict; do
		[ "$verdict" = fail ] || continue
		if grep -q "^- \`$name\`" docs/bench-known.md 2>/dev/null; then
			echo "   $name is listed in docs/bench-known.md"
		else
			fail=1
		fi
	done <out/bench.txt
done
exit $fail
