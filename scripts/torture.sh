#!/usr/bin/env bash
# The tests of what must survive, in full sizes, and docs/kill-matrix.md, which they write.
#
# usage: scripts/torture.sh [PART…]     parts: kill, queue, replace, database, mutants, contract, and the names in scripts/torture/
#
# 200 random kills, leases of the real length, a database that is away for 30 s, thousands of jobs on each engine; then what
# scripts/torture/ holds. Everything runs even when something failed; logs are in target/torture-logs/. Where parts are named, these
# alone run, and the document is made of what they and earlier runs left.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LOGS="$ROOT/target/torture-logs"
TABLES="$LOGS/tables"
failures=()
parts=("$@")
ran=()

# run NAME COMMAND…: runs the command, keeps its output; unless other parts were asked for.
run() {
    local name=$1 started=$SECONDS code=0
    shift
    [[ ${#parts[@]} == 0 || " ${parts[*]} " == *" $name "* ]] || return 0
    ran+=("$name")
    say "$name"
    "$@" 2>&1 | tee "$LOGS/$name.log" || code=$?
    ((code == 0)) || failures+=("$name (exit code $code, $LOGS/$name.log)")
    say "$name: $((SECONDS - started)) s"
}

# The parts that the tests left, as one document.
document() {
    local part
    cat <<'TEXT'
# The kill matrix

Made by `make torture`, which ends processes by `kill -9` and starts them again; do not edit. A short form of it runs in
`make test` (`crates/cli/tests/it/kill`), and a row whose promise is broken fails it. [jobs.md](jobs.md) has the promises.

After every kill: nothing that was acknowledged is lost; nothing is half published or there twice; a package has the bytes of a
run of the same job that nobody disturbed, and no other file lies beside them; the server answers within 2 s of its start and the job is
claimed again within 15 s. Times are those of an unoptimized binary on this many cores:
TEXT
    printf '%s.\n' "$(nproc)"
    for part in "$TABLES"/*.md; do
        printf '\n'
        cat "$part"
    done
}

cd "$ROOT"
((${#parts[@]} > 0)) || rm -rf "$LOGS"
mkdir -p "$TABLES"
export REELPACK_TORTURE=1 REELPACK_TABLES="$TABLES" CARGO_TERM_COLOR=never
"$ROOT/scripts/setup.sh" test
run kill cargo test --locked --package reelpack --test it -- kill --nocapture
run queue cargo test --locked --package server --lib -- queue --nocapture --test-threads 1
run replace cargo test --locked --package server --test it -- readers_see --nocapture
run database cargo test --locked --package server --test it -- database_away --nocapture
run mutants cargo test --locked --package packager --test it -- mutants --nocapture
run contract cargo test --locked --package server --test it -- schemathesis --nocapture
for script in "$ROOT"/scripts/torture/*.sh; do
    [[ -x $script ]] || continue
    run "$(basename "$script" .sh)" "$script"
done
((${#ran[@]} >= ${#parts[@]})) || die "not all of these are parts: ${parts[*]}" "ran: ${ran[*]}"
if [[ -f $TABLES/1-matrix.md && -f $TABLES/2-random.md ]]; then
    document >"$ROOT/docs/kill-matrix.md"
    say "docs/kill-matrix.md is written"
else
    say "docs/kill-matrix.md stays as it is: the part kill left no tables"
fi
if ((${#failures[@]} > 0)); then
    die "torture found faults:" "${failures[@]}"
fi
