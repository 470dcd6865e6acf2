#!/usr/bin/env bash
# Prints what a test run must not change on a user's machine: listening ports,
# enabled units, installed packages. `env-snapshot.sh compare BEFORE AFTER`
# exits 1 and says what differs; more packages are allowed, fewer are not.
set -euo pipefail
snapshot() {
	# sockets in LISTEN (0A), and UDP sockets, without the inode columns
	awk 'FNR > 1 && $4 == "0A" {print "tcp", $2}' /proc/net/tcp /proc/net/tcp6 2>/dev/null | sort -u
	find /etc/systemd/system /etc/rc?.d -type l 2>/dev/null | sort | sed 's/^/unit /'
	dpkg-query -W -f='package ${Package} ${db:Status-Status}\n' 2>/dev/null | sort -u
}
compare() {
	local bad=0 gone extra
	gone=$(comm -23 <(grep '^package .* installed$' "$1" | sort) <(grep '^package .* installed$' "$2" | sort))
	[ -z "$gone" ] || { echo "packages removed: $gone"; bad=1; }
	extra=$(comm -13 <(grep '^unit' "$1" | sort) <(grep '^unit' "$2" | sort))
	[ -z "$extra" ] || { echo "units enabled: $extra"; bad=1; }
	extra=$(comm -13 <(grep '^tcp' "$1" | sort) <(grep '^tcp' "$2" | sort))
	[ -z "$extra" ] || { echo "ports left listening: $extra"; bad=1; }
	return $bad
}
case ${1:-} in
compare) compare "$2" "$3" ;;
*) snapshot ;;
esac
