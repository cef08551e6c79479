#!/usr/bin/env bash
# From a clean clone to a running server: installs what is missing, builds, starts `reelpack serve`.
#
# usage: scripts/run.sh [ARGUMENT of `reelpack serve`…]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$ROOT/scripts/setup.sh" run
"$ROOT/scripts/build.sh"
say "starting reelpack serve (Ctrl-C stops it)"
exec "$ROOT/target/release/reelpack" serve "$@"
