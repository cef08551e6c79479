#!/usr/bin/env bash
# Builds the page and, with the page inside, target/release/reelpack.
#
# usage: scripts/build.sh [page]     page: the page only
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A page that is written anew makes the server be compiled anew: minutes, for the same bytes.
build_page() {
    local stamp_file="$ROOT/web/node_modules/.reelpack-page" stamp
    stamp=$(cd "$ROOT/web" && find . -name node_modules -prune -o -path ./dist -prune -o -type f -print0 |
        LC_ALL=C sort --zero-terminated | xargs --null sha256sum | sha256sum)
    if [[ -f $ROOT/web/dist/index.html && -f $stamp_file && $(<"$stamp_file") == "$stamp" ]]; then
        return
    fi
    say "building the page (web/dist)"
    (cd "$ROOT/web" && npm run --silent build >&2)
    [[ -f $ROOT/web/dist/index.html ]] || die "the build of the page made no web/dist/index.html"
    printf '%s\n' "$stamp" >"$stamp_file"
}

npm_install web
build_page
[[ ${1:-} != page ]] || exit 0

say "building target/release/reelpack"
cd "$ROOT"
cargo build --release --locked --package reelpack --bin reelpack
