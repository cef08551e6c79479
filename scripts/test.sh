#!/usr/bin/env bash
# All tests and checks, or one part of them. Sets up what they need; skips nothing in silence.
#
# usage: scripts/test.sh [ingest|fragment|encrypt|dash|database|app]
#
# Every step runs even when an earlier one failed, so that one run shows all that is wrong. Logs: target/test-logs/.
# The last line is `N passed, N failed`; a step that fails without naming a test counts as one failure.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PARTS="ingest fragment encrypt dash database app"
only=${1:-}
LOGS="$ROOT/target/test-logs"
passed=0
failed=0
skipped=0
failures=()
last=0 # exit code of the last step

# What the parts are made of: `crate: filters` as `cargo test` takes them (a test runs when its path contains one of
# the filters). A line that matches no test is a failure, so this table cannot rot unseen.
filters_of() {
    case $1 in
    ingest)
        echo 'bmff:'
        echo 'packager: movie sample codec probe tree boxes hostile'
        echo 'server: assets upload wrong_inputs'
        ;;
    fragment) echo 'packager: plan fragment init golden' ;;
    encrypt)
        echo 'packager: cenc decrypt content_key'
        echo 'server: keys licenses secrets'
        echo 'reelpack: decrypt keys'
        ;;
    dash)
        echo 'packager: manifest presentation dash hls'
        echo 'server: media links'
        ;;
    database) echo 'server: db jobs storage restart parallel catalogue' ;;
    app)
        echo 'server: http first_api packages page config'
        echo 'reelpack:'
        ;;
    esac
}

# step NAME COMMAND…: runs the command, keeps its output, counts what it says about tests.
step() {
    local name=$1 log code=0 started=$SECONDS before=$((passed + failed)) failed_before=$failed
    shift
    log="$LOGS/${name//[^a-z0-9-]/_}.log"
    printf '\n=== %s\n' "$name"
    "$@" 2>&1 | tee "$log" || code=$?
    count "$log"
    if ((code != 0)); then
        failure "$name (exit code $code, $log)" $((failed == failed_before))
    fi
    if grep -qE '^test result: .* [1-9][0-9]* ignored' "$log"; then
        failure "$name (has ignored tests, $log)" 1
    fi
    last=$code
    printf -- '--- %s: %s in %d s, %d tests\n' "$name" "$( ((code == 0)) && echo ok || echo FAILED)" \
        $((SECONDS - started)) $((passed + failed - before))
    return 0
}

# tests NAME COMMAND…: a step that must run at least one test.
tests() {
    local before=$((passed + failed))
    step "$@"
    if ((passed + failed == before)); then
        failure "$1 (ran no test)" 1
    fi
}

# failure TEXT COUNT: something to name at the end, and how many failures it adds to those that a runner counted.
failure() {
    failures+=("$1")
    failed=$((failed + $2))
}

# Adds up the closing lines of cargo test, Node's test runner (and what imitates it) and Vitest.
count() {
    local p f s
    read -r p f s < <(sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        /^test result: / {
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^passed/) p += $(i - 1)
                if ($i ~ /^failed/) f += $(i - 1)
                if ($i ~ /^ignored/) s += $(i - 1)
            }
        }
        /^(ℹ|#) pass [0-9]+$/ { p += $3 }
        /^(ℹ|#) (fail|cancelled) [0-9]+$/ { f += $3 }
        /^(ℹ|#) (skipped|todo) [0-9]+$/ { s += $3 }
        /^ +Tests +[0-9]/ {
            for (i = 2; i <= NF; i++) {
                if ($i == "passed") p += $(i - 1)
                if ($i == "failed") f += $(i - 1)
                if ($i == "skipped" || $i == "todo") s += $(i - 1)
            }
        }
        END { print p + 0, f + 0, s + 0 }')
    passed=$((passed + p))
    failed=$((failed + f))
    skipped=$((skipped + s))
}

# The tests of one part; the lines of the table one after another, since filters differ from crate to crate.
run_part() {
    local part=$1 line crate filters
    while IFS= read -r line; do
        crate=${line%%:*}
        read -ra filters <<<"${line#*:}"
        tests "$part-$crate" cargo test --locked --package "$crate" --no-fail-fast -- "${filters[@]}"
    done < <(filters_of "$part")
}

# The page by itself.
page() {
    step page-check npm run --silent --prefix "$ROOT/web" check
    tests page-unit npm test --silent --prefix "$ROOT/web"
}

# The release binary, through other people's players.
product() {
    step build "$ROOT/scripts/build.sh"
    if ((last != 0)); then
        failure "vlc, browser (not run: there is no binary)" 1
        return
    fi
    tests vlc "$ROOT/scripts/test-vlc.sh" "$ROOT/target/release/reelpack" "$ROOT/testdata/generated/clip-short.mp4"
    npm_install e2e
    tests browser npm test --silent --prefix "$ROOT/e2e"
}

everything() {
    step format cargo fmt --all --check
    step scripts shellcheck -x "$ROOT/.ci/run" "$ROOT"/scripts/*.sh "$ROOT"/scripts/torture/*.sh
    step documents python3 "$ROOT/scripts/lint_documents.py"
    step container "$ROOT/scripts/lint-container.sh"
    step licences cargo deny --log-level warn check bans licenses sources
    npm_install web
    page
    step page-build "$ROOT/scripts/build.sh" page
    step clippy cargo clippy --workspace --all-targets --locked -- -D warnings
    tests rust cargo test --workspace --locked --no-fail-fast
    product
}

if [[ -n $only && " $PARTS " != *" $only "* ]]; then
    die "ONLY=$only is no part of the tests" "one of: $PARTS"
fi

cd "$ROOT"
mkdir -p "$LOGS"
export NO_COLOR=1 CARGO_TERM_COLOR=never
export PATH="$TOOLS/bin:$PATH"
"$ROOT/scripts/setup.sh" test
"$ROOT/scripts/make-media.sh"
if [[ ! -d $ROOT/../shared/media ]]; then
    say "../shared/media is not there: the tests on real videos are left out; those on generated media run"
fi

case $only in
'') everything ;;
app)
    run_part app
    product
    ;;
*) run_part "$only" ;;
esac

if [[ ${#failures[@]} -gt 0 ]]; then
    printf '\nfailed:\n'
    printf '  %s\n' "${failures[@]}"
fi
printf '\n'
if ((skipped > 0)); then
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else
    printf '%d passed, %d failed\n' "$passed" "$failed"
fi
((failed == 0))
