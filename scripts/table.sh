#!/usr/bin/env bash
# Every codec under every scheme in both layouts, packaged, checked and played: writes docs/support-table.md.
#
# usage: scripts/table.sh [arguments of scripts/table/run.py]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$ROOT/scripts/setup.sh" test
"$ROOT/scripts/build.sh"
npm_install e2e
exec python3 "$ROOT/scripts/table/run.py" \
    --reelpack "$ROOT/target/release/reelpack" --shaka "$TOOLS/bin/shaka-packager" --player "$ROOT/e2e/table.js" \
    --work "$ROOT/target/table" --output "$ROOT/docs/support-table.md" "$@"
