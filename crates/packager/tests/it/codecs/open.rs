//! AV1 and VP9: their frames are protected, their headers are not, as other programs see it.

use super::{Case, check, make, units, video};
use crate::ffmpeg::assert_same;
use crate::package::{Package, options};
use crate::shaka;
use crate::tools::{Scratch, source};
use bmff::boxes::Subsample;
use packager::Scheme;

/// Pictures of several superblocks each way, so that there may be tiles.
fn small(encode: Vec<&'static str>, codec: &'static str) -> Case {
    Case {
        picture: "s=200x136:r=15",
        ..video(Box::leak(encode.into_boxed_slice()), codec)
    }
}

/// AV1 by libaom.
fn aom(parameters: &'static str, codec: &'static str) -> Case {
    let mut encode = vec!["-c:v", "libaom-av1", "-cpu-used", "8", "-b:v", "300k"];
    encode.extend(parameters.split_whitespace());
    small(encode, codec)
}

/// AV1 by SVT-AV1.
fn svt(parameters: &'static str, codec: &'static str) -> Case {
    let mut encode = vec!["-c:v", "libsvtav1", "-preset", "10", "-g", "15"];
    encode.extend(parameters.split_whitespace());
    small(encode, codec)
}

/// VP9 by libvpx.
fn vpx(parameters: &'static str, codec: &'static str) -> Case {
    let mut encode = vec![
        "-c:v",
        "libvpx-vp9",
        "-cpu-used",
        "8",
        "-deadline",
        "realtime",
    ];
    encode.extend(parameters.split_whitespace());
    small(encode, codec)
}

/// Packaged and opened again by us and by ffmpeg ([`check`]) and by Shaka Packager, whose own encryption protects the
/// same bytes.
fn check_open(case: &Case) {
    check(case);
    let scratch = Scratch::new();
    let clip = make(&scratch, case);
    let expect = units(&clip, false, false);
    let mut tiles = None;
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let name = format!("{} {scheme:?}", case.codec);
        let package = Package::make(&source(&clip), &options(Some(scheme))).unwrap();
        let sealed = scratch.file("sealed.mp4", &package.joined(0));
        let open = shaka::opened_by_shaka(&scratch, &sealed, "video");
        let found = units(&open, false, false);
        assert_same(&found, &expect, &format!("{name}, by Shaka Packager"));
        let theirs = shaka::read(&shaka::sealed_by_shaka(&scratch, &clip, scheme)).subsamples;
        let ours = shaka::read(&package.joined(0)).subsamples;
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (index, (our, their)) in ours.iter().zip(&theirs).enumerate() {
            shaka::compare(&format!("{name}: sample {index}"), our, their);
        }
        if case.codec.starts_with("av01") {
            check_tiles(&name, scheme, &ours, &theirs, &mut tiles);
        }
    }
}

/// Tiles of AV1 (AV1 Codec ISO Media File Format Binding, 4.1): under `cbcs` they are protected whole; under `cenc` their
/// last whole blocks.
fn check_tiles(
    name: &str,
    scheme: Scheme,
    ours: &[Vec<Subsample>],
    theirs: &[Vec<Subsample>],
    tiles: &mut Option<Vec<Vec<(usize, usize)>>>,
) {
    let ranges = |all: &[Vec<Subsample>]| -> Vec<_> {
        all.iter().map(|parts| shaka::protected(parts)).collect()
    };
    let ours = ranges(ours);
    if scheme == Scheme::Cbcs {
        assert_eq!(ours, ranges(theirs), "{name}");
        *tiles = Some(ours);
        return;
    }
    let last_blocks = |(start, length): &(usize, usize)| (start + length % 16, length & !15);
    let tiles = tiles.as_ref().expect("cbcs came first").iter();
    let expect: Vec<Vec<_>> = tiles
        .map(|tiles| {
            let blocks = tiles.iter().map(last_blocks);
            blocks.filter(|(_, length)| *length > 0).collect()
        })
        .collect();
    assert_eq!(ours, expect, "{name}");
}

#[test]
fn av1_of_libaom_is_packaged() {
    // Hidden frames, frames that are shown again, order hints.
    check_open(&aom("-g 15 -keyint_min 15", "av01.0.00M.08"));
    for (parameters, codec) in [
        ("-g 15 -tiles 2x2", "av01.0.00M.08"),
        (
            "-g 15 -pix_fmt yuv420p10le -denoise-noise-level 25",
            "av01.0.00M.10",
        ),
        ("-g 15 -pix_fmt yuv444p", "av01.1.00M.08.0.000.01.01.01.0"),
        ("-g 15 -pix_fmt gray", "av01.0.00M.08.1.110.01.01.01.1"),
        (
            "-g 15 -usage realtime -lag-in-frames 0 -error-resilience 1",
            "av01.0.00M.08",
        ),
        (
            "-g 15 -aom-params enable-superres=1:superres-mode=1:superres-denominator=12",
            "av01.0.00M.08",
        ),
        (
            "-g 15 -aom-params resize-mode=1:resize-denominator=11",
            "av01.0.00M.08",
        ),
        ("-g 15 -aom-params lossless=1", "av01.0.00M.08"),
        (
            "-g 15 -aom-params num-tile-groups=3:tile-columns=2:tile-rows=1",
            "av01.0.00M.08",
        ),
        ("-g 15 -aom-params aq-mode=1:deltaq-mode=1", "av01.0.00M.08"),
    ] {
        check_open(&aom(parameters, codec));
    }
}

#[test]
fn av1_of_svt_is_packaged() {
    check_open(&svt("", "av01.0.00M.08"));
    check_open(&svt(
        "-svtav1-params film-grain=20:tile-columns=1:tile-rows=1",
        "av01.0.00M.08",
    ));
    check_open(&svt(
        "-pix_fmt yuv420p10le -svtav1-params aq-mode=1:pred-struct=1",
        "av01.0.00M.10",
    ));
}

#[test]
fn vp9_is_packaged() {
    let low_delay = "-deadline realtime -g 15 -keyint_min 15 -b:v 300k";
    check_open(&vpx(low_delay, "vp09.00.10.08"));
    for (parameters, codec) in [
        // Superframes with hidden frames.
        (
            "-g 15 -auto-alt-ref 1 -lag-in-frames 16 -b:v 300k",
            "vp09.00.10.08",
        ),
        (
            "-g 15 -pix_fmt yuv420p10le -profile:v 2 -b:v 300k",
            "vp09.02.10.10",
        ),
        (
            "-g 15 -pix_fmt yuv444p -profile:v 1 -b:v 300k",
            "vp09.01.10.08",
        ),
        (
            "-g 15 -pix_fmt yuv422p10le -profile:v 3 -b:v 300k",
            "vp09.03.10.10",
        ),
        (
            "-g 15 -pix_fmt yuv420p12le -profile:v 2 -b:v 300k",
            "vp09.02.10.12",
        ),
        ("-g 15 -lossless 1", "vp09.00.10.08"),
        (
            "-g 15 -error-resilient 1 -aq-mode 3 -deadline realtime -b:v 300k",
            "vp09.00.10.08",
        ),
    ] {
        check_open(&vpx(parameters, codec));
    }
}
