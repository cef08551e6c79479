#!/usr/bin/env bash
# Builds the page and, with the page inside, target/release/reelpack.
#
# usage: scripts/build.sh [page]     page: the page only
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

npm_install web
say "building the page (web/dist)"
(cd "$ROOT/web" && npm run --silent build >&2)
[[ -f $ROOT/web/dist/index.html ]] || die "the build of the page made no web/dist/index.html"
[[ ${1:-} != page ]] || exit 0

say "building target/release/reelpack"
cd "$ROOT"
cargo build --release --locked --package reelpack --bin reelpack
