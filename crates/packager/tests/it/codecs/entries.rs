//! Sample entries that ffmpeg's encoders do not make: they are changed in the files that it makes.

use super::{Case, check_clip, make, verified, video};
use crate::conformance;
use crate::package::{Package, options};
use crate::reader::{descend, top_level};
use crate::tools::{Scratch, source};
use packager::{MemorySource, Scheme};
use std::path::Path;

const STBL: [&[u8; 4]; 4] = [b"trak", b"mdia", b"minf", b"stbl"];

/// A file of one track whose `moov` comes last: its sample entry gets another name, and a box more at its end.
fn with_entry(path: &Path, fourcc: &[u8; 4], extra: &[u8]) -> Vec<u8> {
    let mut bytes = std::fs::read(path).expect("a clip");
    let boxes = top_level(&bytes);
    let moov = boxes.last().expect("boxes");
    assert!(moov.kind == b"moov", "moov comes last");
    let mut ancestors = vec![moov.offset];
    for depth in 1..=STBL.len() {
        ancestors.push(descend(moov, &STBL[..depth]).offset);
    }
    let stbl = descend(moov, &STBL);
    let stsd = stbl.need(b"stsd").unwrap();
    let entry = stsd.children_after(8).next().unwrap().unwrap();
    ancestors.extend([stsd.offset, entry.offset]);
    let name_at = entry.offset as usize + 4;
    let end = (entry.offset + entry.size()) as usize;
    for offset in ancestors.into_iter().map(|offset| offset as usize) {
        let size = u32::from_be_bytes(bytes[offset..offset + 4].try_into().unwrap());
        let size = size + extra.len() as u32;
        bytes[offset..offset + 4].copy_from_slice(&size.to_be_bytes());
    }
    bytes[name_at..name_at + 4].copy_from_slice(fourcc);
    bytes.splice(end..end, extra.iter().copied());
    bytes
}

/// `dvcC` or `dvvC`: profile, level, compatibility.
fn dolby_vision(kind: &[u8; 4], profile: u8, level: u8, compatibility: u8) -> Vec<u8> {
    let mut made = vec![0, 0, 0, 32];
    made.extend_from_slice(kind);
    made.extend([1, 0, profile << 1 | level >> 5, level << 3 | 0b101]);
    made.push(compatibility << 4);
    made.resize(32, 0);
    made
}

fn hevc() -> Case {
    let encode = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params \
                  log-level=error:keyint=15:min-keyint=15:scenecut=0:open-gop=0";
    let encode: Vec<&'static str> = encode.split_whitespace().collect();
    Case {
        picture: "s=320x180:r=15:d=2",
        ..video(Box::leak(encode.into_boxed_slice()), "hvc1.2.4.L")
    }
}

fn package(scratch: &Scratch, bytes: &[u8], scheme: Option<Scheme>) -> Package {
    let package = Package::make(&MemorySource(bytes.to_vec()), &options(scheme)).unwrap();
    conformance::check(&package);
    verified(&package, &scratch.file("changed.mp4", bytes));
    package
}

#[test]
fn dolby_vision_over_hdr10_is_named_beside_its_base_layer() {
    let scratch = Scratch::new();
    let extra = dolby_vision(b"dvvC", 8, 7, 1);
    let clip = with_entry(&make(&scratch, &hevc()), b"hvc1", &extra);
    for scheme in [None, Some(Scheme::Cbcs)] {
        let package = package(&scratch, &clip, scheme);
        let codec = &package.plan.renditions()[0].codec;
        assert!(codec.starts_with("hvc1.2.4.L"), "{codec}");
        let init = package.rendition(0)[0];
        let is_there = init.windows(32).any(|window| window == extra);
        assert!(is_there, "dvvC is left out");
        assert_eq!(init[16..36], *b"cmfciso6dashdby1db1p");
        let playlist = &package.manifests["master.m3u8"];
        let expect = format!(",CODECS=\"{codec}\",SUPPLEMENTAL-CODECS=\"dvh1.08.07/db1p\",");
        assert!(playlist.contains(&expect), "{playlist}");
        let mpd = &package.manifests["stream.mpd"];
        for expect in [
            "xmlns:scte214=\"urn:scte:dash:scte214-extensions\"",
            "scte214:supplementalCodecs=\"dvh1.08.07\"",
            "scte214:supplementalProfiles=\"db1p\"",
        ] {
            assert!(mpd.contains(expect), "{mpd}");
        }
    }
}

#[test]
fn dolby_vision_of_its_own_keeps_its_sample_entry() {
    let scratch = Scratch::new();
    let extra = dolby_vision(b"dvcC", 5, 3, 0);
    let clip = make(&scratch, &hevc());
    for (fourcc, name) in [(b"dvh1", "dvh1.05.03"), (b"dvhe", "dvhe.05.03")] {
        let package = package(
            &scratch,
            &with_entry(&clip, fourcc, &extra),
            Some(Scheme::Cenc),
        );
        assert_eq!(package.plan.renditions()[0].codec, name);
        assert_eq!(package.rendition(0)[0][16..32], *b"cmfciso6dashdby1");
        let playlist = &package.manifests["master.m3u8"];
        assert!(playlist.contains(",VIDEO-RANGE=PQ"), "{playlist}");
        assert!(!playlist.contains("SUPPLEMENTAL"), "{playlist}");
    }
    // Two layers, and a sample entry that lacks its record.
    let mut two_layers = dolby_vision(b"dvcC", 7, 3, 6);
    two_layers[11] |= 0b10;
    for (extra, expect) in [
        (
            two_layers.as_slice(),
            "Dolby Vision profile 7 with an enhancement layer",
        ),
        (&[], "no 'dvcC' or 'dvvC' box inside"),
    ] {
        let clip = MemorySource(with_entry(&clip, b"dvhe", extra));
        let error = Package::make(&clip, &options(None))
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }
}

/// Parameter sets come with the samples alone: `avcC` has none.
#[test]
fn avc3_learns_from_its_samples() {
    let encode = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -x264-params \
                  repeat-headers=1:keyint=15:min-keyint=15:scenecut=0";
    let encode: Vec<&'static str> = encode.split_whitespace().collect();
    let case = Case {
        picture: "s=320x180:r=15:d=4",
        ..video(Box::leak(encode.into_boxed_slice()), "avc3.42c0")
    };
    let scratch = Scratch::new();
    let mut bytes = with_entry(&make(&scratch, &case), b"avc3", &[]);
    let at = bytes.windows(4).position(|name| name == b"avcC").unwrap();
    let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap());
    // Version, profile, compatibility, level, lengths; no sets; the rest becomes a free box.
    bytes[at - 1] = 15;
    bytes[at + 9] = 0xe0;
    bytes[at + 10] = 0;
    let rest = &mut bytes[at + 11..at - 4 + size as usize];
    rest.fill(0);
    rest[..4].copy_from_slice(&(size - 15).to_be_bytes());
    rest[4..8].copy_from_slice(b"free");
    assert!(size < 256 && source(&scratch.file("bare.mp4", &bytes)).0.len() == bytes.len());
    check_clip(&case, &scratch.path("bare.mp4"));
    // The size is that of the sample entry; `avc1` may not do without the sets.
    let package = package(&scratch, &bytes, None);
    let mpd = &package.manifests["stream.mpd"];
    assert!(mpd.contains("width=\"320\" height=\"180\""), "{mpd}");
    let at = bytes.windows(4).position(|name| name == b"avc3").unwrap();
    bytes[at + 3] = b'1';
    let error = Package::make(&MemorySource(bytes), &options(None));
    let error = error.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("no sequence parameter set"), "{error}");
}
