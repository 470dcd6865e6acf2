#!/usr/bin/env bash
# Makes the users of packaging/sysusers.conf that are missing. Root only; a
# second run changes nothing.
set -euo pipefail
conf=$(cd "$(dirname "$0")" && pwd)/sysusers.conf

missing=()
while read -r kind name _; do
	[ "$kind" = u ] || continue
	getent passwd "$name" >/dev/null || missing+=("$name")
done <"$conf"
[ ${#missing[@]} -gt 0 ] || exit 0

if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers "$conf" && exit 0
fi
for name in "${missing[@]}"; do
	useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$name"
done
