#!/usr/bin/env bash
# `make run`: stages what was built, makes the data directory once, and runs
# conclave-super in the foreground; Ctrl-C ends it. If super itself is killed
# it is started anew, as systemd does in production.
#
# As an ordinary user everything stays in ./out. As root the programs are
# staged in /opt/conclave (owned by root, outside of home directories), the
# role users are made, data is kept in /var/lib/conclave.
#
# Settings, from the environment:
#   CONCLAVE_HTTPS_PORT   8443 (443 as root)     CONCLAVE_HTTP_PORT         0 = off
#   CONCLAVE_ADMIN_PORT   9443 (reserved)        CONCLAVE_MEDIA_PORT_FIRST  40000
#   CONCLAVE_SIP_PORT     5061, TLS; 0 = off     CONCLAVE_SIP_CLEAR_PORT    5060, closed until a switch opens it
#   CONCLAVE_MEDIA_PORT_LAST  49999              CONCLAVE_MEDIA_WORKERS     0 = one for each core
#   CONCLAVE_ADVERTISE    addresses for clients behind NAT, separated by spaces
#   CONCLAVE_HOSTS        further names of this host, separated by spaces
#   CONCLAVE_LOG          a file; default: standard error
#   CONCLAVE_TRUST        PEM file of the CAs of servers we call; default: the system's
#   CONCLAVE_FIREWALL     as root: bans = load the sets and drops for bans, and take them away at the end (default);
#                         full = the whole rule set, with CONCLAVE_FIREWALL_SETTINGS="management=NETS also=tcp/22 ...", which
#                         stays until `conclave firewall remove`; off = touch nothing
#   CONCLAVE_STAGE, CONCLAVE_DATA, CONCLAVE_RUN, CONCLAVE_BUILD, CONCLAVE_PAGE: other directories; an empty
#   CONCLAVE_BUILD starts what is staged already
set -euo pipefail
umask 022
top=$(cd "$(dirname "$0")/.." && pwd)
build=${CONCLAVE_BUILD-$top/build}
page_src=${CONCLAVE_PAGE:-$top/apps/meet/dist}

die() {
	echo "conclave: $*" >&2
	exit 1
}

if [ "$(id -u)" -eq 0 ]; then
	stage=${CONCLAVE_STAGE:-/opt/conclave}
	data=${CONCLAVE_DATA:-/var/lib/conclave}
	run=${CONCLAVE_RUN:-/run/conclave}
	https=${CONCLAVE_HTTPS_PORT:-443}
	[ -n "${CONCLAVE_UNSAFE_SAME_USER:-}" ] || "$top/packaging/make-users.sh"
else
	stage=${CONCLAVE_STAGE:-$top/out/stage}
	data=${CONCLAVE_DATA:-$top/out/data}
	run=${CONCLAVE_RUN:-$top/out/run}
	https=${CONCLAVE_HTTPS_PORT:-8443}
	# A socket's path has at most 107 bytes.
	if [ ${#run} -gt 90 ]; then
		run=/tmp/conclave-$(id -u)
		mkdir -m 0700 "$run" 2>/dev/null || true
		[ -O "$run" ] || die "$run belongs to somebody else: set CONCLAVE_RUN"
	fi
fi

mkdir -p "$stage" "$(dirname "$data")" "$(dirname "$run")"
if [ -n "$build" ]; then
	DESTDIR=$stage meson install -C "$build" --no-rebuild --quiet >/dev/null ||
		die "what was built in $build cannot be staged in $stage"
fi
super=$(find "$stage" -type f -name conclave-super -print -quit)
[ -n "$super" ] || die "no conclave-super in $stage: build it first (make)"
libexec=$(dirname "$super")

# The page goes beside the programs in one step, so that nobody sees half.
page=$stage/meet
[ -f "$page_src/index.html" ] || die "no meeting page in $page_src: build it first (make meet)"
rm -rf "$page.new"
cp -R --no-preserve=ownership "$page_src" "$page.new"
chmod -R u=rwX,go=rX "$page.new"
rm -rf "$page"
mv "$page.new" "$page"

cli=$(find "$stage" -type f -name conclave -perm -u=x -print -quit)
setup=$(find "$stage" -type f -name conclave-setup -print -quit)
[ -n "$setup" ] || die "no conclave-setup in $stage: build it first (make)"
hosts=()
for name in ${CONCLAVE_HOSTS:-}; do hosts+=(--host "$name"); done
advertise=()
for addr in ${CONCLAVE_ADVERTISE:-}; do advertise+=(--advertise "$addr"); done
# The certificate names everything under which clients come.
names=(${hosts[@]+"${hosts[@]}"})
for addr in ${CONCLAVE_ADVERTISE:-}; do
	case $addr in
	\[*) addr=${addr#\[} addr=${addr%%\]*} ;;
	*:*:*) ;;
	*) addr=${addr%:*} ;;
	esac
	names+=(--host "$addr")
done
[ -z "${CONCLAVE_UNSAFE_SAME_USER:-}" ] || [ "$(id -u)" -ne 0 ] || names+=(--core-user root)
"$setup" --data-dir "$data" ${names[@]+"${names[@]}"} || exit 1

args=(--data-dir "$data" --run-dir "$run" --libexec-dir "$libexec" --static-dir "$page"
	--https-port "$https" --http-port "${CONCLAVE_HTTP_PORT:-0}" --admin-port "${CONCLAVE_ADMIN_PORT:-9443}"
	--sip-port "${CONCLAVE_SIP_PORT:-5061}" --sip-clear-port "${CONCLAVE_SIP_CLEAR_PORT:-5060}"
	--media-port-first "${CONCLAVE_MEDIA_PORT_FIRST:-40000}" --media-port-last "${CONCLAVE_MEDIA_PORT_LAST:-49999}"
	--media-workers "${CONCLAVE_MEDIA_WORKERS:-0}"
	${hosts[@]+"${hosts[@]}"} ${advertise[@]+"${advertise[@]}"})
# For tests: the walls between users are missing then.
[ -z "${CONCLAVE_UNSAFE_SAME_USER:-}" ] || args+=(--unsafe-same-user)
[ -z "${CONCLAVE_LOG:-}" ] || args+=(--log "$CONCLAVE_LOG")
[ -z "${CONCLAVE_TRUST:-}" ] || args+=(--trust "$CONCLAVE_TRUST")

print_addresses() {
	local port=":$https" name seen=" "
	[ "$https" != 443 ] || port=
	echo "conclave: serving; Ctrl-C ends it. Open in a browser:"
	for name in ${CONCLAVE_HOSTS:-} localhost "$HOSTNAME" $(hostname -I 2>/dev/null || true); do
		case $name in *:*) name="[$name]" ;; esac
		case $seen in *" $name "*) continue ;; esac
		seen+="$name "
		echo "  https://$name$port/"
	done
}

# The port is open from the first moment on, and core may be there long before a
# face that refuses its certificate: our own core says that the face is up.
serves() {
	(exec 3<>"/dev/tcp/127.0.0.1/$https") 2>/dev/null || return 1
	[ -n "$cli" ] || return 0
	case $("$cli" --socket "$run/cli.sock" --json status 2>/dev/null) in
	*'"web_serves": "true"'*) ;;
	*) return 1 ;;
	esac
}

# Waits until the house serves or super has ended.
announce() {
	local i
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || return 0
		if serves; then
			print_addresses
			return 0
		fi
		sleep 0.1
	done
}

# Without nft, or where the kernel does not let us, bans act in the faces.
firewall() {
	local what=${CONCLAVE_FIREWALL:-bans} form=(--bans-only)
	[ "$(id -u)" -eq 0 ] && [ -n "$cli" ] && [ "$what" != off ] || return 0
	# Bans hold on the clear port, too; opening it is said in CONCLAVE_FIREWALL_SETTINGS.
	local clear="sip_clear=${CONCLAVE_SIP_CLEAR_PORT:-5060}"
	[ "$what" != full ] || form=(--socket "$run/cli.sock") clear=
	# shellcheck disable=SC2086
	"$cli" firewall "$1" "${form[@]}" "https=$https" "http=${CONCLAVE_HTTP_PORT:-0}" "admin=${CONCLAVE_ADMIN_PORT:-9443}" \
		"sip=${CONCLAVE_SIP_PORT:-5061}" ${clear:+"$clear"} \
		"media=${CONCLAVE_MEDIA_PORT_FIRST:-40000}-${CONCLAVE_MEDIA_PORT_LAST:-49999}" \
		${CONCLAVE_FIREWALL_SETTINGS:-} ||
		echo "conclave: no kernel rules: bans act in the faces" >&2
}
firewall apply
[ "${CONCLAVE_FIREWALL:-bans}" = full ] || trap 'firewall remove' EXIT

stopping=
pid=
stop() {
	stopping=1
	[ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
}
trap stop INT TERM HUP

first=1
pause=0
while [ -z "$stopping" ]; do
	began=$SECONDS
	"$super" "${args[@]}" &
	pid=$!
	if [ -n "$first" ]; then
		announce "$pid"
		first=
	fi
	code=0
	wait "$pid" || code=$?
	while kill -0 "$pid" 2>/dev/null; do # a trap ended the wait
		code=0
		wait "$pid" || code=$?
	done
	# An orderly end, or a refusal that said what to do.
	[ "$code" -gt 128 ] || exit "$code"
	[ -z "$stopping" ] || exit 0
	if [ $((SECONDS - began)) -ge 60 ]; then pause=0; fi
	echo "conclave: super was killed by signal $((code - 128)); starting it anew" >&2
	sleep "$pause"
	pause=$((pause < 5 ? pause + 1 : 5))
done
