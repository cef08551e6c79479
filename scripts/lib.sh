# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Third-party programs that only tests and benchmarks use live here, never in the system.
# shellcheck disable=SC2034  # used by the scripts that source this file
TOOLS="$ROOT/target/tools"

# What is being done, on stderr: stdout belongs to results.
say() { printf '==> %s\n' "$*" >&2; }

# Ends the script with a reason and, when given, what to do about it.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# SHA-256 of the files named, as one hex string.
digest() { cat -- "$@" | sha256sum | cut -d ' ' -f 1; }
