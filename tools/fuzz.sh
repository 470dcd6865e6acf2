#!/usr/bin/env bash
# Runs every libFuzzer target for N seconds from its corpus: fuzz.sh 30 [name...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
shift || true
[ -f build-fuzz/build.ninja ] || CC=clang-14 meson setup build-fuzz -Dfuzz=true >/dev/null
targets=$(ninja -C build-fuzz -t targets all | sed -n 's/^\([^:]*\/fuzz_[a-z0-9_]*\): .*LINKER.*/\1/p' | sort -u)
# shellcheck disable=SC2086
ninja -C build-fuzz --quiet $targets
fail=0
for t in $targets; do
	name=$(basename "$t")
	[ $# -eq 0 ] || [[ " $* " == *" ${name#fuzz_} "* ]] || continue
	# below its own folder: two folders may have a corpus of the same name,
	# and a name may begin with the folder's (video_vp8: corpus/vp8)
	short=${name#fuzz_}
	corpus=$(find "$(dirname "$t")" -type d \( -path "*/corpus/$short" -o -path "*/corpus/${short#*_}" \) | head -n 1)
	[ -n "$corpus" ] || echo "$name: no corpus below $(dirname "$t")"
	dict=$(find src -name "$short.dict" -path "*/t/*" | head -n 1)
	mkdir -p "out/fuzz/$name"
	if timeout $((seconds + 120)) "build-fuzz/$t" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=10 \
		-artifact_prefix="out/fuzz/$name-" ${dict:+-dict="$dict"} "out/fuzz/$name" ${corpus:+"$corpus"} >"out/fuzz/$name.log" 2>&1; then
		echo "$name: $(grep -o 'Done [0-9]* runs.*' "out/fuzz/$name.log")"
	else
		echo "$name: FAILED, see out/fuzz/$name.log"
		fail=1
	fi
done
exit $fail
