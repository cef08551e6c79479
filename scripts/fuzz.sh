#!/usr/bin/env bash
# The fuzzers of fuzz/, one after another or one alone; fuzz/README.md says more.
#
# usage: scripts/fuzz.sh [--seconds N] [TARGET…]
#
# cargo-fuzz is installed in target/cargo-fuzz when it is not there. A finding ends the script; its input lies in
# fuzz/artifacts/TARGET/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Sizes and versions that the tools of this script have.
CARGO_FUZZ_VERSION=0.13.2
seconds=60
targets=()
while (($# > 0)); do
    case $1 in
    --seconds)
        (($# > 1)) || die "--seconds wants a number"
        seconds=$2
        shift 2
        ;;
    -*) die "unknown option: $1" "usage: scripts/fuzz.sh [--seconds N] [TARGET…]" ;;
    *)
        targets+=("$1")
        shift
        ;;
    esac
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "--seconds $seconds: a whole number above 0 is wanted"
if ((${#targets[@]} == 0)); then
    targets=(boxes movie codec samples decrypt subtitles manifests)
fi

have c++ || die "c++ is not installed: libFuzzer is compiled from source" "apt-get install g++"
"$ROOT/scripts/setup.sh" bench
fuzz="$ROOT/target/cargo-fuzz"
if [[ ! -x $fuzz/bin/cargo-fuzz ]]; then
    say "installing cargo-fuzz $CARGO_FUZZ_VERSION in target/cargo-fuzz"
    cargo install --quiet --locked --root "$fuzz" --version "$CARGO_FUZZ_VERSION" cargo-fuzz
fi
export PATH="$fuzz/bin:$PATH"

say "making seeds in fuzz/corpus"
FUZZ_SEEDS="$ROOT/fuzz/corpus" cargo test --quiet --locked --package packager --test it seeds >/dev/null

cd "$ROOT/fuzz"
# Coverage of the code is counted by flags of the compiler that its stable release knows, too; sanitizers are not
# needed, since there is no unsafe code.
export RUSTC_BOOTSTRAP=1
for target in "${targets[@]}"; do
    say "fuzzing $target for $seconds s"
    cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 \
        -max_len=32768 -print_final_stats=1
done
