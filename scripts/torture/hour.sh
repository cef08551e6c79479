#!/usr/bin/env bash
# An hour of video becomes a ladder, by one worker process and by two.
#
# usage: scripts/torture/hour.sh [arguments of bench/hour.py]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

"$ROOT/scripts/setup.sh" media
"$ROOT/scripts/build.sh"
exec python3 "$ROOT/bench/hour.py" --reelpack "$ROOT/target/release/reelpack" --work "$ROOT/target/torture-hour" "$@"
