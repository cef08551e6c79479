//! Decrypting what other packagers made, in every scheme and form of IV.

use crate::ffmpeg::assert_same;
use crate::package::{content_key, decrypt};
use crate::shaka::packets;
use crate::tools::{FFMPEG_8, SHAKA_PACKAGER, Scratch, media, succeed, tool};

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A track of the clip, fragmented and encrypted by Shaka Packager: the first seconds stay clear, by a sample entry
/// of their own.
fn sealed(scratch: &Scratch, kind: &str, scheme: &str, iv: &str) -> Vec<u8> {
    let output = scratch.path("sealed.mp4");
    let stream = format!(
        "in={},stream={kind},output={}",
        media("clip.mp4").display(),
        output.display()
    );
    let key = content_key();
    let keys = format!("label=:key_id={}:key={}", key.kid.hex(), hex(&key.value));
    let arguments = [
        stream.as_str(),
        "--quiet",
        "--enable_raw_key_encryption",
        "--protection_scheme",
        scheme,
        "--segment_duration",
        "2",
        "--clear_lead",
        "3",
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

#[test]
fn every_scheme_and_length_of_iv_is_opened() {
    let scratch = Scratch::new();
    for kind in ["video", "audio"] {
        let expect = packets(&media("clip.mp4"), &format!("0:{}", &kind[..1]));
        for scheme in ["cenc", "cens", "cbc1", "cbcs"] {
            // IVs of 8 bytes are extended with zeros, in CBC too.
            for iv in ["1122334455667788", "11223344556677881122334455667788"] {
                let sealed = sealed(&scratch, kind, scheme, iv);
                let open = decrypt(&[&sealed]);
                assert_ne!(open, sealed);
                assert_eq!(open.len(), sealed.len(), "boxes keep their places");
                let open = scratch.file("open.mp4", &open);
                let name = format!("{kind} {scheme}, IVs of {} bytes", iv.len() / 2);
                assert_same(&packets(&open, "0:0"), &expect, &name);
            }
        }
    }
}

/// ffmpeg encrypts both tracks of a file without fragments; IVs and subsamples lie in `stbl`.
#[test]
fn a_progressive_file_is_opened() {
    let scratch = Scratch::new();
    let sealed = scratch.path("sealed.mp4");
    let key = content_key();
    let (clip, value, kid) = (media("clip.mp4"), hex(&key.value), key.kid.hex());
    let arguments = [
        "-loglevel",
        "error",
        "-i",
        clip.to_str().unwrap(),
        "-c",
        "copy",
        "-encryption_scheme",
        "cenc-aes-ctr",
        "-encryption_key",
        &value,
        "-encryption_kid",
        &kid,
        sealed.to_str().unwrap(),
    ];
    succeed(&tool(FFMPEG_8), &arguments, None);
    let sealed = std::fs::read(sealed).expect("its output");
    let open = scratch.file("open.mp4", &decrypt(&[&sealed]));
    for stream in ["0:v", "0:a"] {
        let expect = packets(&clip, stream);
        assert_same(&packets(&open, stream), &expect, stream);
    }
}
