#!/usr/bin/env bash
# Makes the test media in testdata/generated (not committed), once: a second run costs nothing, and runs
# at the same time wait for each other. Needs ffmpeg and python3.
#
# Every picture tells its own number: 16 vertical bars, bar k (from the left) bright when bit k of the frame number is
# set. Left sound 440 Hz, right sound 660 Hz. testdata/README.md says what each file is for.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OUT=${1:-"$ROOT/testdata/generated"}
mkdir -p "$OUT"

exec 9>"$OUT/.lock"
flock 9

stamp=$(digest "${BASH_SOURCE[0]}" "$ROOT/scripts/sixty_four_bit.py")
if [[ -f "$OUT/.stamp" && $(<"$OUT/.stamp") == "$stamp" ]]; then
    exit 0
fi

have ffmpeg || die "ffmpeg is not installed" "apt-get install ffmpeg"
have python3 || die "python3 is not installed" "apt-get install python3"

work=$(mktemp -d "$OUT/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

ff() { ffmpeg -nostdin -hide_banner -loglevel error -y "$@"; }

# bars SECONDS RATE GOP [encoder arguments…]: the numbered picture, as H.264 in an MP4 without sound. The bars are
# drawn 16 pixels wide and scaled up without smoothing; noise gives every slice enough bytes for encryption to show.
bars() {
    local seconds=$1 rate=$2 gop=$3 output=$4
    shift 4
    ff -f lavfi -i "color=black:s=16x16:r=$rate:d=$seconds,format=yuv420p,geq=lum='if(mod(floor(N/pow(2\,X))\,2)\,200\,48)':cb=128:cr=128,scale=640:360:flags=neighbor,setsar=1,noise=alls=10:allf=t:all_seed=1" \
        -c:v libx264 -profile:v high -preset veryfast -crf 23 -bf 2 -g "$gop" -keyint_min "$gop" -sc_threshold 0 \
        -flags +cgop+bitexact -fflags +bitexact -threads 1 -map_metadata -1 "$@" "$output"
}

# tone SECONDS SAMPLE_RATE LAYOUT OUTPUT
tone() {
    local expression='0.2*sin(880*PI*t)|0.2*sin(1320*PI*t)'
    [[ $3 == stereo ]] || expression='0.2*sin(880*PI*t)'
    ff -f lavfi -i "aevalsrc=$expression:s=$2:c=$3:d=$1" \
        -c:a aac -b:a 128k -flags +bitexact -fflags +bitexact -map_metadata -1 "$4"
}

# copy ARGUMENTS… OUTPUT: remultiplexes without touching a sample. The MP4 muxer gets the flags that keep its output the
# same from run to run.
copy() { ff "${@:1:$#-1}" -c copy -fflags +bitexact -map_metadata -1 "${@: -1}"; }

say "making the test media in ${OUT#"$ROOT"/}"

bars 12 30 60 "$work/v.mp4"
bars 12 30000/1001 60 "$work/v-ntsc.mp4" -video_track_timescale 90000
# An open GOP starts with a picture that others before it (in display order) depend on.
bars 12 30 60 "$work/v-open.mp4" -x264-params open-gop=1 -flags -cgop+bitexact
tone 12 48000 stereo "$work/a.m4a"
tone 12 48000 mono "$work/a-mono48.m4a"
tone 12 44100 mono "$work/a-mono44.m4a"
av=(-i "$work/v.mp4" -i "$work/a.m4a" -map 0:v -map 1:a)

copy "${av[@]}" "$work/clip.mp4"
copy -i "$work/clip.mp4" -map 0 -movflags +faststart "$work/clip-faststart.mp4"
copy -i "$work/clip.mp4" -map 0 -movflags frag_keyframe+empty_moov "$work/clip-fragmented.mp4"
copy -i "$work/clip.mp4" -map 0 -f mov "$work/clip.mov"
copy -i "$work/clip.mp4" -map 0 -movflags negative_cts_offsets "$work/clip-negative-cts.mp4"
copy -i "$work/clip.mp4" -map 0 -t 2 "$work/clip-short.mp4"
copy -i "$work/clip.mp4" -map 0:v "$work/clip-no-audio.mp4"
copy -i "$work/v-ntsc.mp4" -i "$work/a.m4a" -map 0:v -map 1:a -video_track_timescale 90000 "$work/clip-ntsc.mp4"
copy -i "$work/v-open.mp4" -i "$work/a.m4a" -map 0:v -map 1:a "$work/clip-open-gop.mp4"
copy -i "$work/v.mp4" -i "$work/a-mono44.m4a" -map 0:v -map 1:a "$work/clip-mono-44100.mp4"
copy -i "$work/v.mp4" -i "$work/a.m4a" -i "$work/a-mono48.m4a" -map 0:v -map 1:a -map 2:a \
    -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra "$work/clip-two-audio.mp4"
copy -i "$work/v.mp4" -itsoffset 0.5 -i "$work/a.m4a" -map 0:v -map 1:a "$work/clip-audio-late.mp4"
copy -itsoffset 0.5 -i "$work/v.mp4" -i "$work/a.m4a" -map 0:v -map 1:a "$work/clip-video-late.mp4"
copy -i "$work/a.m4a" -map 0:a "$work/audio-only.m4a"

# AC-3 sound and timed text beside H.264 and AAC.
printf '1\n00:00:01,000 --> 00:00:03,000\nWords under the picture.\n\n2\n00:00:05,500 --> 00:00:07,000\nOther words.\n' >"$work/words.srt"
ff -i "$work/clip.mp4" -i "$work/words.srt" -i "$work/a.m4a" -map 0 -map 1:s -map 2:a -c:v copy -c:a copy -c:a:1 ac3 -c:s mov_text \
    -fflags +bitexact -flags:a +bitexact -map_metadata -1 "$work/clip-other-tracks.mp4"

# 64-bit chunk offsets and a 64-bit mdat size, which ffmpeg writes only past 4 GiB.
python3 "$ROOT/scripts/sixty_four_bit.py" "$work/clip.mp4" "$work/clip-64-bit.mp4"

# Files that must be refused.
: >"$work/bad-empty.mp4"
printf 'This is a text file that somebody named .mp4.\n' >"$work/bad-text.mp4"
ff -f lavfi -i color=red:s=64x64 -frames:v 1 -f image2 -c:v png "$work/bad-picture.png"
cp "$work/bad-picture.png" "$work/bad-picture.mp4"
head -c 100000 "$work/clip-faststart.mp4" >"$work/bad-truncated.mp4"
head -c 100000 "$work/clip.mp4" >"$work/bad-truncated-before-moov.mp4"

rm "$work"/v.mp4 "$work"/v-*.mp4 "$work"/a.m4a "$work"/a-*.m4a "$work/words.srt"
for file in "$work"/*; do
    mv -f "$file" "$OUT/"
done
printf '%s\n' "$stamp" >"$OUT/.stamp"
