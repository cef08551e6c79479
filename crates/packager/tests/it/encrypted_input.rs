//! Input that is encrypted already: seen in the clear with its key, it is packaged as any other.

use crate::avc_writer::Random;
use crate::conformance;
use crate::ffmpeg::assert_same;
use crate::movie_builder::TestMovie;
use crate::package::{Package, content_key, options};
use crate::shaka::{packets, seal};
use crate::tools::{FFMPEG_8, Scratch, media, media_source, shared, source, succeed, tool};
use packager::{
    ContentKey, Error, KeyId, LabelledKey, MemorySource, Scheme, Source, decrypted, probe,
};

/// The key that input is encrypted with; it is packaged again with the key of all tests.
fn other_key() -> ContentKey {
    ContentKey {
        kid: KeyId(*b"another key id !"),
        value: *b"another key, too",
    }
}

/// The file shown in the clear is what `decrypt` writes, however it is read.
fn check_view(sealed: &MemorySource, keys: &[ContentKey]) {
    let clear = decrypted(sealed, keys).expect("opens");
    let mut expect = Vec::new();
    packager::decrypt(&[sealed], keys, &mut expect).expect("decrypts");
    assert_eq!(clear.len(), expect.len() as u64);
    let mut whole = vec![0; expect.len()];
    clear.read_at(0, &mut whole).expect("reads all");
    assert!(whole == expect, "the whole differs");
    let mut random = Random(7);
    for round in 0..400 {
        let at = random.below(expect.len() as u64);
        let most = if round % 2 == 0 { 40 } else { 30_000 };
        let length = random.below(most).min(expect.len() as u64 - at);
        let mut part = vec![0; length as usize];
        clear.read_at(at, &mut part).expect("reads a part");
        let (at, length) = (at as usize, length as usize);
        assert!(part == expect[at..at + length], "{length} bytes at {at}");
    }
    let mut byte = [0];
    let behind = clear.read_at(clear.len(), &mut byte).unwrap_err();
    assert_eq!(behind.kind(), std::io::ErrorKind::UnexpectedEof);
}

/// Packages `sealed` with the key of all tests; gives the clear form of the new package's rendition.
fn package_again(sealed: &MemorySource, keys: &[ContentKey]) -> Vec<u8> {
    check_view(sealed, keys);
    let clear = decrypted(sealed, keys).expect("opens");
    let package = Package::make(&clear, &options(Some(Scheme::Cbcs))).expect("packages again");
    conformance::check(&package);
    package.decrypted(0)
}

#[test]
fn encrypted_packages_are_packaged_again() {
    let movie = TestMovie::ordinary();
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let mut options = options(Some(scheme));
        options.content_keys = vec![LabelledKey::for_all(other_key())];
        let package = Package::make(&movie.source(), &options).unwrap();
        for (index, track) in [(0, 0), (1, 1)] {
            let sealed = MemorySource(package.joined(index));
            let open = package_again(&sealed, &[other_key()]);
            let read = crate::reader::ReadRendition::read_joined(&open);
            let found: Vec<_> = read.samples().map(|sample| &sample.data).collect();
            let expect = movie.tracks[track].samples.iter();
            let expect: Vec<_> = expect.map(|sample| &sample.data).collect();
            assert!(found == expect, "{scheme:?}, rendition {index}");
        }
    }
}

#[test]
fn encrypted_files_of_shaka_packager_are_packaged_again() {
    let scratch = Scratch::new();
    let clip = media("clip.mp4");
    for scheme in ["cbcs", "cenc", "cens", "cbc1"] {
        for (stream, of_clip) in [("video", "0:v"), ("audio", "0:a")] {
            let sealed = MemorySource(seal(&scratch, &clip, stream, scheme, &other_key()));
            let open = package_again(&sealed, &[other_key()]);
            let open = scratch.file("open.mp4", &open);
            let what = format!("{scheme} {stream}");
            assert_same(&packets(&open, "0:0"), &packets(&clip, of_clip), &what);
        }
    }
}

#[test]
fn encrypted_unfragmented_files_are_packaged_again() {
    let scratch = Scratch::new();
    let clip = media("clip.mp4");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let (key, kid) = (hex(&content_key().value), content_key().kid.hex());
    let sealed = scratch.path("sealed.mp4");
    let (from, to) = (clip.to_str().unwrap(), sealed.to_str().unwrap());
    let arguments = [
        ["-nostdin", "-loglevel", "error", "-y"].as_slice(),
        &["-i", from, "-map", "0", "-c", "copy"],
        &["-encryption_scheme", "cenc-aes-ctr"],
        &["-encryption_key", &key, "-encryption_kid", &kid, to],
    ];
    succeed(&tool(FFMPEG_8), &arguments.concat(), None);
    let sealed = source(&sealed);
    check_view(&sealed, &[content_key()]);
    let keys = [content_key()];
    let clear = decrypted(&sealed, &keys).unwrap();
    let package = Package::make(&clear, &options(None)).expect("packages");
    conformance::check(&package);
    for (index, stream) in [(0, "0:v"), (1, "0:a")] {
        let open = scratch.file("open.mp4", &package.joined(index));
        assert_same(&packets(&open, "0:0"), &packets(&clip, stream), stream);
    }
}

#[test]
fn encrypted_files_of_others_with_a_clear_lead_are_packaged_again() {
    let Some(folder) = shared("media", "packaging real encrypted files is") else {
        return;
    };
    let key = "31323334353637383930313233343536:32333435363738393021323334353637";
    let key = ContentKey::parse(key).expect("a key");
    let scratch = Scratch::new();
    let clear = folder.join("shaka-packager-inputs-bear-640x360.mp4");
    for name in ["encryption", "encryption-cbcs"] {
        let sealed = folder.join(format!("shaka-packager-{name}-bear-640x360-video.mp4"));
        let open = package_again(&source(&sealed), std::slice::from_ref(&key));
        let open = scratch.file("open.mp4", &open);
        assert_same(&packets(&open, "0:0"), &packets(&clear, "0:v"), name);
    }
}

#[test]
fn encrypted_input_without_its_key_is_named() {
    let package = Package::make(&media_source("clip.mp4"), &options(Some(Scheme::Cenc))).unwrap();
    let sealed = MemorySource(package.joined(0));
    let kid = content_key().kid.hex();
    let Err(Error::Unsupported(text)) = Package::make(&sealed, &options(None)) else {
        panic!("no refusal");
    };
    for part in ["'cenc'", kid.as_str(), "--input-key", "reelpack decrypt"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let keys = [other_key()];
    let Err(Error::InvalidOptions(text)) = decrypted(&sealed, &keys) else {
        panic!("no refusal");
    };
    assert!(text.contains(&kid), "{text}");
    let value = content_key()
        .value
        .map(|byte| format!("{byte:02x}"))
        .concat();
    assert!(!text.contains(&value), "{text}");
}

#[test]
fn clear_files_and_other_files_are_shown_as_they_are() {
    let clip = TestMovie::ordinary().source();
    for file in [
        clip,
        MemorySource(b"no movie at all".to_vec()),
        MemorySource::default(),
    ] {
        let keys = [content_key()];
        let shown = decrypted(&file, &keys).expect("opens");
        let mut bytes = vec![0; file.0.len()];
        shown.read_at(0, &mut bytes).expect("reads");
        assert_eq!(bytes, file.0);
    }
}

#[test]
fn encrypted_samples_that_overlap_are_refused() {
    let movie = TestMovie::ordinary();
    let package = Package::make(&movie.source(), &options(Some(Scheme::Cenc))).unwrap();
    let mut bytes = package.joined(1);
    // The size of the first sample of the first run: it reaches into the second.
    let trun = bytes.windows(4).position(|four| four == b"trun").unwrap();
    let size = trun + 4 + 4 + 4 + 4;
    let entry = u32::from_be_bytes(bytes[size..size + 4].try_into().unwrap());
    assert!(entry < 100, "the first entry is a size: {entry}");
    bytes[size..size + 4].copy_from_slice(&(entry + 1).to_be_bytes());
    let sealed = MemorySource(bytes);
    let keys = [content_key()];
    let read = |what: Result<(), Error>| what.map_err(|error| error.to_string());
    // Every sample behind moves, too, so that the last one leaves its `mdat`.
    let mut open = Vec::new();
    let refused = read(packager::decrypt(&[&sealed], &keys, &mut open)).unwrap_err();
    assert!(refused.contains("mdat"), "{refused}");
    assert!(probe(&sealed).is_ok(), "the index is sound");
}
