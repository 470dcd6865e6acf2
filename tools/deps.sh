#!/usr/bin/env bash
# Installs what the named package lists (packaging/debian/*.txt) ask for and
# the machine lacks: deps.sh build run test. Does nothing when all is there.
# Services never start: a policy-rc.d answers 101 while packages are unpacked,
# and units that an installation enabled are disabled again.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

missing=()
want() { # a line of a list
	local first=$1
	shift
	case $first in
	command:*)
		command -v "${first#command:}" >/dev/null && return
		missing+=("$@")
		;;
	*)
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$first" 2>/dev/null)" = installed ] || missing+=("$first")
		;;
	esac
}
for list in "$@"; do
	while read -r line; do
		# shellcheck disable=SC2086
		case $line in '' | '#'*) ;; *) want $line ;; esac
	done <"$top/packaging/debian/$list.txt"
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
		sudo=(sudo)
	else
		echo "conclave: these packages are missing: ${missing[*]}" >&2
		echo "conclave: run this as root, or install sudo, or ask an administrator for: apt-get install ${missing[*]}" >&2
		exit 1
	fi
fi
echo "conclave: installing ${missing[*]}"
units() { find /etc/systemd/system -type l -path '*.wants/*' 2>/dev/null | sort; }
before=$(units)
policy=/usr/sbin/policy-rc.d made=
restore() { [ -z "$made" ] || "${sudo[@]}" rm -f "$policy"; }
trap restore EXIT
if [ ! -e "$policy" ]; then
	made=1
	printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
	"${sudo[@]}" chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q >/dev/null || {
	echo "conclave: apt-get update failed: is a Debian mirror reachable?" >&2
	exit 1
}
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null || {
	echo "conclave: apt-get install failed for: ${missing[*]}" >&2
	exit 1
}
comm -13 <(echo "$before") <(units) | while read -r link; do
	[ -z "$link" ] || "${sudo[@]}" rm -f "$link"
done
