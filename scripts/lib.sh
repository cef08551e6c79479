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

# npm_install FOLDER: installs what its package-lock.json names, unless that very lock is installed already.
npm_install() {
    local folder="$ROOT/$1" stamp
    stamp=$(digest "$folder/package.json" "$folder/package-lock.json")
    if [[ -f $folder/node_modules/.reelpack-stamp && $(<"$folder/node_modules/.reelpack-stamp") == "$stamp" ]]; then
        return
    fi
    say "installing the npm packages of $1/"
    (cd "$folder" && npm ci --silent >&2)
    printf '%s\n' "$stamp" >"$folder/node_modules/.reelpack-stamp"
}
