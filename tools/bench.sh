#!/usr/bin/env bash
# Runs every bench; each prints `name value unit target pass|fail` (no target:
# `-` and `info`) and notes that begin with #. A missed target exits 1 unless
# docs/bench-known.md names it with its reason; so does a bench that ends
# without success and named no figure for it. Words: only these benches, as in
# `tools/bench.sh media idle`.
set -uo pipefail
cd "$(dirname "$0")/.."
fail=0
mkdir -p out

wanted() {
	[ "${#only[@]}" -eq 0 ] || [[ " ${only[*]} " == *" $1 "* ]]
}

run() { # name command...
	local name=$1 status figure verdict missed=0
	shift
	wanted "$name" || return 0
	echo "== $name"
	"$@" 2>out/bench-"$name".log | tee out/bench-"$name".txt
	status=${PIPESTATUS[0]}
	while read -r figure _ _ _ verdict; do
		[ "$verdict" = fail ] || continue
		missed=1
		if grep -q "^- \`$figure\`" docs/bench-known.md 2>/dev/null; then
			echo "   $figure is listed in docs/bench-known.md"
		else
			fail=1
		fi
	done <out/bench-"$name".txt
	if [ "$status" -ne 0 ] && [ "$missed" -eq 0 ]; then
		echo "   $name ended with $status:"
		tail -n 20 out/bench-"$name".log
		fail=1
	fi
}

only=("$@")
ninja -C build --quiet >/dev/null || exit 1	# the platform of the idle bench, too
mapfile -t benches < <(ninja -C build -t targets all | sed -n 's/^\([^:]*\/bench_[a-z0-9_]*\): .*LINKER.*/\1/p' | sort -u)
[ "${#benches[@]}" -gt 0 ] || {
	echo "no bench in build" >&2
	exit 1
}
ninja -C build --quiet "${benches[@]}" tests/firewall/ban_driver tests/bench/sip_load || exit 1
for b in "${benches[@]}"; do
	name=$(basename "$b")
	run "${name#bench_}" "build/$b"
done
run idle node tests/bench/idle.mjs
run sip_calls node tests/bench/sip.mjs	# root, kamailio and sipp; says so otherwise
run flood node tests/bench/flood.mjs	# root only; says so otherwise
# As root, or in a user namespace of its own; with neither it says so.
run ban python3 tests/firewall/bench_ban.py build/src/cli/conclave build/src/ban/conclave-ban build/tests/firewall/ban_driver
exit $fail
