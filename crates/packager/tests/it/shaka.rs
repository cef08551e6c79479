//! Shaka Packager as an independent decrypter and encrypter.

use crate::ffmpeg::{Input, Reading, Unit, assert_same};
use crate::package::{Package, content_key, decrypt, options};
use crate::reader::{Init, top_level};
use crate::tools::{FFMPEG_8, SHAKA_PACKAGER, Scratch, media, media_source, succeed, tool};
use bmff::boxes::{Senc, Subsample};
use packager::{ContentKey, Scheme};
use std::path::{Path, PathBuf};

const SCHEMES: [Scheme; 4] = [Scheme::Cbcs, Scheme::Cenc, Scheme::Cens, Scheme::Cbc1];

fn keys(key: &ContentKey) -> String {
    let value: String = key.value.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("label=:key_id={}:key={value}", key.kid.hex())
}

/// What ffmpeg reads of a stream, not decoded.
pub fn packets(path: &Path, stream: &str) -> Vec<Unit> {
    Reading {
        ffmpeg: FFMPEG_8,
        input: Input::File(path),
        stream,
        decode: false,
        key: false,
    }
    .units()
}

/// Decrypts the picture or the sound of a file with Shaka Packager.
pub fn opened_by_shaka(scratch: &Scratch, sealed: &Path, kind: &str) -> PathBuf {
    let keys = keys(&content_key());
    let raw_keys = ["--enable_raw_key_decryption", "--keys", &keys];
    packaged_by_shaka(scratch, sealed, kind, &raw_keys)
}

/// What Shaka Packager makes of the picture or the sound of a file.
fn packaged_by_shaka(scratch: &Scratch, input: &Path, kind: &str, more: &[&str]) -> PathBuf {
    let made = scratch.path("open.mp4");
    let stream = format!(
        "in={},stream={kind},output={}",
        input.display(),
        made.display()
    );
    let arguments = [&[stream.as_str(), "--quiet"], more].concat();
    succeed(&tool(SHAKA_PACKAGER), &arguments, None);
    made
}

#[test]
fn shaka_packager_packages_clear_media_again() {
    let source = media_source("clip.mp4");
    let scratch = Scratch::new();
    let package = Package::make(&source, &options(None)).unwrap();
    for (index, kind) in [(0, "video"), (1, "audio")] {
        let clear = scratch.file("clear.mp4", &package.joined(index));
        let again = packaged_by_shaka(&scratch, &clear, kind, &[]);
        let expect = packets(&media("clip.mp4"), &format!("0:{}", &kind[..1]));
        assert_same(&packets(&again, "0:0"), &expect, kind);
    }
}

#[test]
fn decrypt_by_shaka_packager_gives_the_samples_of_the_source() {
    let source = media_source("clip.mp4");
    let scratch = Scratch::new();
    for scheme in SCHEMES {
        let package = Package::make(&source, &options(Some(scheme))).unwrap();
        for (index, kind) in [(0, "video"), (1, "audio")] {
            let sealed = scratch.file("sealed.mp4", &package.joined(index));
            let open = opened_by_shaka(&scratch, &sealed, kind);
            let found = packets(&open, "0:0");
            let expect = packets(&media("clip.mp4"), &format!("0:{}", &kind[..1]));
            assert_same(&found, &expect, &format!("{scheme:?} {kind}"));
        }
    }
}

/// What an encrypter made of a track.
pub struct Sealed {
    init: Init,
    pssh: Vec<Vec<u8>>,
    /// Of each sample.
    pub subsamples: Vec<Vec<Subsample>>,
}

/// Reads what an encrypter made.
pub fn read(bytes: &[u8]) -> Sealed {
    let init = Init::read(bytes);
    let iv_size = init.tenc().expect("it is encrypted").iv_size;
    let mut sealed = Sealed {
        init,
        pssh: Vec::new(),
        subsamples: Vec::new(),
    };
    for view in top_level(bytes) {
        if view.kind == b"moov" {
            let found = view.children().map(Result::unwrap);
            let found = found.filter(|child| child.kind == b"pssh");
            sealed.pssh.extend(found.map(|pssh| pssh.body.to_vec()));
        }
        if view.kind == b"moof" {
            let traf = view.need(b"traf").unwrap();
            let senc = traf.need(b"senc").unwrap();
            let samples = Senc::parse(&senc, iv_size).unwrap().samples;
            let parts = samples.into_iter().map(|sample| sample.subsamples);
            sealed.subsamples.extend(parts);
        }
    }
    sealed
}

/// Shaka Packager's own encryption of a stream (`video`, `audio`) of a file.
pub fn seal(
    scratch: &Scratch,
    input: &Path,
    stream: &str,
    scheme: &str,
    key: &ContentKey,
) -> Vec<u8> {
    let output = scratch.path("shaka.mp4");
    let stream = format!(
        "in={},stream={stream},output={}",
        input.display(),
        output.display()
    );
    let iv = match scheme {
        "cbcs" | "cbc1" => "11223344556677881122334455667788",
        _ => "1122334455667788",
    };
    let keys = keys(key);
    let arguments = [
        stream.as_str(),
        "--quiet",
        "--enable_raw_key_encryption",
        "--protection_scheme",
        scheme,
        "--clear_lead",
        "0",
        "--protection_systems",
        "CommonSystem",
        "--keys",
        &keys,
        "--iv",
        iv,
    ];
    succeed(&tool(SHAKA_PACKAGER), &arguments, None);
    std::fs::read(&output).expect("its output")
}

/// Shaka Packager's own encryption of the picture.
pub fn sealed_by_shaka(scratch: &Scratch, input: &Path, scheme: Scheme) -> Vec<u8> {
    seal(scratch, input, "video", scheme.fourcc(), &content_key())
}

/// Where protected ranges lie in a sample: start and length.
pub fn protected(parts: &[Subsample]) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut ranges = Vec::new();
    for part in parts {
        at += usize::from(part.clear);
        let length = part.protected as usize;
        if length > 0 {
            ranges.push((at, length));
        }
        at += length;
    }
    ranges
}

/// The same bytes are protected. Under `cenc`, whose ranges are whole blocks, Shaka Packager leaves the
/// rest of a slice clear behind the range, we before it; the standard allows both.
pub fn compare(name: &str, our: &[Subsample], their: &[Subsample]) {
    let (our, their) = (protected(our), protected(their));
    assert_eq!(our.len(), their.len(), "{name}");
    for ((our, our_length), (their, their_length)) in our.into_iter().zip(their) {
        assert_eq!(our_length, their_length, "{name}");
        assert!((their..their + 16).contains(&our), "{name}: {our}, {their}");
    }
}

#[test]
fn cenc_subsamples_and_init_data_are_those_of_shaka_packager() {
    let scratch = Scratch::new();
    for name in ["clip.mp4", "clip-open-gop.mp4"] {
        for scheme in SCHEMES {
            let theirs = read(&sealed_by_shaka(&scratch, &media(name), scheme));
            let package = Package::make(&media_source(name), &options(Some(scheme))).unwrap();
            let ours = read(&package.joined(0));
            assert_eq!(
                ours.init.scheme.as_ref().map(|s| s.scheme_type),
                theirs.init.scheme.as_ref().map(|s| s.scheme_type)
            );
            let (our, their) = (ours.init.tenc().unwrap(), theirs.init.tenc().unwrap());
            assert_eq!(our.kid, their.kid);
            assert_eq!(our.iv_size, their.iv_size);
            assert_eq!(
                (our.crypt_blocks, our.skip_blocks),
                (their.crypt_blocks, their.skip_blocks)
            );
            assert_eq!(ours.pssh, theirs.pssh, "the common pssh");
            assert_eq!(ours.subsamples.len(), theirs.subsamples.len());
            for (index, (our, their)) in ours.subsamples.iter().zip(&theirs.subsamples).enumerate()
            {
                let name = format!("{name} {scheme:?}: sample {index}");
                compare(&name, our, their);
            }
        }
    }
}

#[test]
fn decrypt_opens_what_shaka_packager_sealed() {
    let scratch = Scratch::new();
    for scheme in SCHEMES {
        for kind in ["video", "audio"] {
            let sealed = seal(
                &scratch,
                &media("clip.mp4"),
                kind,
                scheme.fourcc(),
                &content_key(),
            );
            let open = decrypt(&[&sealed]);
            assert_eq!(open.len(), sealed.len(), "boxes keep their places");
            let open = scratch.file("open.mp4", &open);
            let expect = packets(&media("clip.mp4"), &format!("0:{}", &kind[..1]));
            assert_same(
                &packets(&open, "0:0"),
                &expect,
                &format!("{scheme:?} {kind}"),
            );
        }
    }
}
