#!/usr/bin/env bash
# `make test` needs root, sudo, or user namespaces for its privileged tests.
# Says which one it found, or what is missing.
set -u
if [ "$(id -u)" -eq 0 ]; then
	echo "privileged tests: as root"
elif sudo -n true 2>/dev/null; then
	echo "privileged tests: through sudo"
elif unshare -Urn true 2>/dev/null; then
	echo "privileged tests: in a user namespace (unshare -Urn)"
else
	echo "conclave: the tests need root, sudo without a password, or unprivileged user namespaces" >&2
	echo "conclave: (kernel.unprivileged_userns_clone=1); none of them works here" >&2
	exit 1
fi
