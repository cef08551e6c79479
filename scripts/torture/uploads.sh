#!/usr/bin/env bash
# Uploads in full size: 2 GiB with a hundred breaks of all kinds, and the rest of their tests.
#
# usage: scripts/torture/uploads.sh
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

cd "$ROOT"
export REELPACK_TORTURE=1 CARGO_TERM_COLOR=never
# One after the other: what they measure is worth nothing on busy cores.
cargo test --locked --package server --test it -- uploads --nocapture --test-threads 1
