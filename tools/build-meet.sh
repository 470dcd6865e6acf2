#!/usr/bin/env bash
# Builds the meeting page into apps/meet/dist when its sources are newer.
set -euo pipefail
cd "$(dirname "$0")/../apps/meet"
stamp=dist/.built
if [ -f "$stamp" ] && [ -z "$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer "$stamp" -print -quit)" ]; then
	exit 0
fi
echo "conclave: building the meeting page"
npm ci --ignore-scripts --engine-strict --no-audit --no-fund --loglevel=error
npm run --silent build
touch "$stamp"
