//! The 48 checks: number, level and what each one is about.

use super::Level;
use Level::{Must, Should};

/// Number of checks.
pub(super) const COUNT: u32 = 48;

/// Level and title, by number less one. The wording is ours; the numbers are those of `docs/verify.md`.
const CHECKS: [(Level, &str); COUNT as usize] = [
    (
        Must,
        "init segment: ftyp, then one moov with mvhd, one trak, mvex, pssh",
    ),
    (Must, "init segment: sample tables are empty"),
    (
        Must,
        "init segment: durations are 0 and the picture has its size",
    ),
    (Must, "init segment: media are in the file itself (dref)"),
    (
        Must,
        "init segment: at most one edit, open-ended, at normal speed",
    ),
    (Must, "start of picture and sound are those of the source"),
    (Must, "init segment: ES_ID is 0"),
    (Must, "track ids and timescales agree, in media and MPD"),
    (
        Must,
        "codec strings are those of the decoder configurations",
    ),
    (
        Should,
        "pixel aspect and colour are there; aspect, size and channels agree with the manifests",
    ),
    (Must, "order of boxes in fragments"),
    (Must, "data offsets and sizes of fragments"),
    (Must, "decode times follow one another; no sample is lost"),
    (Must, "sequence numbers rise"),
    (
        Must,
        "segments start with pictures to start at, as signalled",
    ),
    (
        Must,
        "renditions are cut at the same times, sound within a frame of the picture",
    ),
    (Must, "no empty and no needlessly short segment"),
    (
        Must,
        "composition offsets; presentation times are unique and the source's",
    ),
    (Must, "sidx describes the file and is where the MPD says"),
    (Should, "brands of CMAF"),
    (Must, "sample entries of encrypted tracks"),
    (Must, "tenc: protected, and of the right version"),
    (
        Must,
        "cbcs: pattern 1:9 on video, whole samples of sound, constant IV of 16 bytes",
    ),
    (Must, "cenc and cens: IVs of 8 bytes, no constant IV"),
    (Must, "no IV is used twice with one key"),
    (Must, "senc, saiz and saio agree"),
    (
        Must,
        "NAL units: headers stay clear, whole blocks are encrypted",
    ),
    (Must, "decrypted samples are those of the source"),
    (Must, "what is called encrypted is encrypted"),
    (Must, "one key id in tenc, pssh, MPD and playlists"),
    (Must, "protection as the MPD describes it"),
    (Must, "pssh boxes are well formed"),
    (
        Must,
        "renditions with keys of their own are signalled apart",
    ),
    (Must, "fragments are wholly clear or wholly encrypted"),
    (Must, "ClearKey licences; no content key in any manifest"),
    (Must, "the MPD keeps to its schema"),
    (
        Must,
        "the MPD's timeline is that of the media, all files are there",
    ),
    (Must, "length of the presentation"),
    (Must, "bandwidth of representations suffices"),
    (
        Should,
        "attributes of sets and representations that players use",
    ),
    (Must, "media playlists: head, version, target duration, end"),
    (
        Must,
        "playlists: lengths of segments are those of the media",
    ),
    (
        Must,
        "multivariant playlist: attributes of variants and sounds",
    ),
    (Must, "EXT-X-KEY: method, URI and format"),
    (Must, "I-frame playlists"),
    (Must, "WebVTT segments: no cue lost, doubled or moved"),
    (Must, "delivery over HTTP"),
    (Must, "same bytes each time, all or nothing"),
];

/// Level and title of a check.
pub(super) fn check(number: u32) -> (Level, &'static str) {
    let index = number.saturating_sub(1) as usize;
    CHECKS.get(index).copied().unwrap_or((Must, ""))
}

/// Why a check was not made, unless something better is known.
pub(super) fn default_reason(number: u32) -> &'static str {
    match number {
        6 => "needs the source",
        28 => "needs the source, keys of what is encrypted, and a depth at which samples are read",
        19 => "no file has a sidx",
        15 | 27 => "needs media bytes of pictures (not at this depth, or no such picture)",
        16 => "there is one rendition only",
        23 => "no rendition is encrypted with cbcs",
        24 => "no rendition is encrypted in counter mode or with cbc1",
        21 | 22 | 25 | 26 | 29..=32 | 34 => "nothing is encrypted",
        33 => "no two renditions have different keys",
        35 => "needs a licence server; the manifests hold no content key that was given",
        8 | 36..=40 => "there is no MPD",
        41..=44 => "there is no playlist",
        45 => "there is no I-frame playlist",
        46 => "there is no WebVTT",
        47 => "needs a server (--url)",
        48 => "needs several packagings",
        _ => "there are no media to look at",
    }
}
