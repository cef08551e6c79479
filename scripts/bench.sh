#!/usr/bin/env bash
# Reelpack beside cp, ffmpeg and Shaka Packager, beside nginx, or its ladders beside others; bench/README.md says how to read it.
#
# usage: scripts/bench.sh [arguments of bench/run.py]
#        scripts/bench.sh serving [arguments of bench/serving.py]
#        scripts/bench.sh ladder [arguments of bench/ladder.py]
#        scripts/bench.sh ladder-time [arguments of bench/ladder_time.py]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# An ffmpeg with VMAF, and what compares and draws, in a folder of their own.
install_measures() {
    local venv="$ROOT/target/measures" wanted="$ROOT/bench/requirements.txt" stamp
    stamp=$(digest "$wanted")
    if [[ ! -f $venv/.stamp || $(<"$venv/.stamp") != "$stamp" ]]; then
        say "installing what measures ladders in ${venv#"$ROOT"/}"
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: -r "$wanted"
        printf '%s\n' "$stamp" >"$venv/.stamp"
    fi
    PYTHON="$venv/bin/python"
}

PYTHON=python3
"$ROOT/scripts/setup.sh" bench
"$ROOT/scripts/build.sh"
REELPACK="$ROOT/target/release/reelpack"
case ${1:-} in
serving)
    shift
    exec "$PYTHON" "$ROOT/bench/serving.py" --reelpack "$REELPACK" --work "$ROOT/target/bench-serving" "$@"
    ;;
ladder)
    shift
    install_measures
    exec "$PYTHON" "$ROOT/bench/ladder.py" --reelpack "$REELPACK" --work "$ROOT/target/bench-ladder" "$@"
    ;;
ladder-time)
    shift
    exec "$PYTHON" "$ROOT/bench/ladder_time.py" --reelpack "$REELPACK" --work "$ROOT/target/bench-ladder" "$@"
    ;;
esac
exec "$PYTHON" "$ROOT/bench/run.py" \
    --reelpack "$REELPACK" --shaka "$TOOLS/bin/shaka-packager" --work "$ROOT/target/bench" "$@"
