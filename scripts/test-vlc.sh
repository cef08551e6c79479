#!/usr/bin/env bash
# What VLC makes of packages without a key: it never shows the picture, and the sound of a picture-only package is the
# sound of the clear one, sample for sample. The clear package comes first: it shows that this test can see pictures.
#
# usage: scripts/test-vlc.sh BINARY CLIP
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $# == 2 ]] || die "usage: scripts/test-vlc.sh BINARY CLIP"
reelpack=$1
clip=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass=0
fail=0

# VLC does not run as root: then it runs as nobody, who must be able to write here.
as=(env)
if [[ $(id -u) == 0 ]]; then
    as=(runuser -u nobody -- env)
    chown nobody "$work"
fi
chmod 0755 "$work"

vlc() {
    "${as[@]}" HOME="$work" timeout 120 cvlc --no-media-library "$@" vlc://quit >"$work/vlc.log" 2>&1 ||
        die "cvlc failed (exit code $?): $(tail -n 3 "$work/vlc.log")"
}

# pictures PACKAGE MANIFEST: how many of the pictures VLC shows (one in fifteen is kept).
pictures() {
    local folder="$work/pictures"
    rm -rf "$folder"
    "${as[@]}" mkdir "$folder"
    vlc --no-audio --vout=dummy --video-filter=scene --scene-format=png --scene-ratio=15 --scene-path="$folder" \
        "file://$work/$1/$2"
    find "$folder" -name '*.png' | wc -l
}

# sound PACKAGE: SHA-256 of what VLC decodes.
sound() {
    local file="$work/sound.wav"
    rm -f "$file"
    vlc --no-video --sout "#transcode{acodec=s16l}:std{access=file,mux=wav,dst=$file}" "file://$work/$1/stream.mpd"
    [[ $(stat -c %s "$file") -gt 100000 ]] || die "VLC decoded no sound of the package $1"
    digest "$file"
}

# check WHAT TEST…
check() {
    local what=$1
    shift
    if "$@"; then
        pass=$((pass + 1))
        echo "ok   $what"
    else
        fail=$((fail + 1))
        echo "FAIL $what ($*)"
    fi
}

"$reelpack" package "$clip" -o "$work/clear" --scheme none --quiet >/dev/null
for scheme in cbcs cenc; do
    "$reelpack" package "$clip" -o "$work/$scheme" --scheme "$scheme" --quiet >/dev/null
done
"$reelpack" package "$clip" -o "$work/picture" --encrypt video --quiet >/dev/null

for manifest in stream.mpd master.m3u8; do
    check "clear, $manifest: the picture is shown" test "$(pictures clear $manifest)" -ge 3
    for package in cbcs cenc picture; do
        check "$package, $manifest: no picture without a key" test "$(pictures $package $manifest)" -eq 0
    done
done
check "picture only: the sound is that of the clear package" test "$(sound picture)" = "$(sound clear)"

printf '# pass %d\n# fail %d\n' $pass $fail
((fail == 0))
