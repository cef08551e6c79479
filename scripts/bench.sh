#!/usr/bin/env bash
# Reelpack beside cp, ffmpeg and Shaka Packager, or beside nginx; bench/README.md says how to read it.
#
# usage: scripts/bench.sh [arguments of bench/run.py]
#        scripts/bench.sh serving [arguments of bench/serving.py]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$ROOT/scripts/setup.sh" bench
"$ROOT/scripts/build.sh"
if [[ ${1:-} == serving ]]; then
    shift
    exec python3 "$ROOT/bench/serving.py" \
        --reelpack "$ROOT/target/release/reelpack" --work "$ROOT/target/bench-serving" "$@"
fi
exec python3 "$ROOT/bench/run.py" \
    --reelpack "$ROOT/target/release/reelpack" --shaka "$TOOLS/bin/shaka-packager" --work "$ROOT/target/bench" "$@"
