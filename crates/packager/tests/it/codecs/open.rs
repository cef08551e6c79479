//! AV1 and VP9: their frames are protected, their headers are not, as other programs see it.

use super::{Case, check, make, units, verified, video};
use crate::conformance;
use crate::ffmpeg::assert_same;
use crate::package::{Package, options};
use crate::shaka;
use crate::tools::{Scratch, source};
use bmff::boxes::Subsample;
use packager::Scheme;
use std::path::Path;

/// A picture of several superblocks each way, so that there may be tiles.
fn case(encode: &str, codec: &'static str) -> Case {
    let encode: Vec<&'static str> = encode
        .split_whitespace()
        .map(|part| &*Box::leak(part.to_string().into_boxed_str()))
        .collect();
    Case {
        picture: "s=200x136:r=15:d=1.2",
        ..video(Box::leak(encode.into_boxed_slice()), codec)
    }
}

fn aom(parameters: &str, codec: &'static str) -> Case {
    case(
        &format!("-c:v libaom-av1 -cpu-used 8 -b:v 200k {parameters}"),
        codec,
    )
}

fn svt(parameters: &str, codec: &'static str) -> Case {
    case(
        &format!("-c:v libsvtav1 -preset 10 -g 15 {parameters}"),
        codec,
    )
}

fn vpx(parameters: &str, codec: &'static str) -> Case {
    case(
        &format!("-c:v libvpx-vp9 -cpu-used 8 -b:v 200k {parameters}"),
        codec,
    )
}

/// Opened again by us and ffmpeg ([`check`]) and by Shaka Packager.
fn check_opening(case: Case) {
    let case = Case {
        picture: "s=200x136:r=15:d=4",
        ..case
    };
    check(&case);
    let scratch = Scratch::new();
    let clip = make(&scratch, &case);
    let expect = units(&clip, false, false);
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let package = Package::make(&source(&clip), &options(Some(scheme))).unwrap();
        let sealed = scratch.file("sealed.mp4", &package.joined(0));
        let open = shaka::opened_by_shaka(&scratch, &sealed, "video");
        let found = units(&open, false, false);
        let name = format!("{} {scheme:?}, by Shaka Packager", case.codec);
        assert_same(&found, &expect, &name);
    }
    check_map(&case, &clip);
}

/// Shaka Packager's own encryption protects the same bytes.
fn check_map(case: &Case, clip: &Path) {
    let scratch = Scratch::new();
    let mut tiles = None;
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let name = format!("{:?} {scheme:?}", case.encode);
        let package = Package::make(&source(clip), &options(Some(scheme))).unwrap();
        conformance::check(&package);
        verified(&package, clip);
        let codec = &package.plan.renditions()[0].codec;
        assert!(codec.starts_with(case.codec), "{name}: {codec}");
        if case.codec.starts_with("av01") {
            assert_eq!(package.rendition(0)[0][16..32], *b"cmfciso6dashav01");
        }
        let theirs = shaka::read(&shaka::sealed_by_shaka(&scratch, clip, scheme)).subsamples;
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

fn check_maps(cases: Vec<Case>) {
    for case in cases {
        let scratch = Scratch::new();
        check_map(&case, &make(&scratch, &case));
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
fn av1_is_packaged() {
    // Hidden frames, frames that are shown again.
    check_opening(aom("-g 15 -keyint_min 15", "av01.0.00M.08"));
    check_opening(svt("", "av01.0.00M.08"));
}

#[test]
fn tiles_of_libaom_are_found() {
    check_maps(vec![
        aom("-g 15 -tiles 2x2", "av01.0.00M.08"),
        aom(
            "-aom-params num-tile-groups=3:tile-columns=2:tile-rows=1",
            "av01.0.00M.08",
        ),
        aom(
            "-aom-params tile-width=2,1:tile-height=2:sb-size=64",
            "av01.0.00M.08",
        ),
        aom("-aom-params sb-size=128:timing-info=model", "av01.0.00M.08"),
        aom(
            "-pix_fmt yuv420p10le -aom-params film-grain-test=12",
            "av01.0.00M.10",
        ),
        aom(
            "-pix_fmt yuv444p -aom-params film-grain-test=5",
            "av01.1.00M.08.0.000.01.01.01.0",
        ),
        aom("-pix_fmt yuv422p12le", "av01.2.00M.12.0.100.01.01.01.0"),
        aom(
            "-pix_fmt gray -aom-params enable-qm=1",
            "av01.0.00M.08.1.110.01.01.01.1",
        ),
        aom("-pix_fmt gbrp", "av01.1.00M.08.0.000.01.13.00.1"),
        aom(
            "-usage realtime -aq-mode 3 -error-resilience 1",
            "av01.0.00M.08",
        ),
        aom("-aom-params lossless=1", "av01.0.00M.08"),
        aom("-aom-params enable-order-hint=0", "av01.0.00M.08"),
        aom(
            "-aom-params tune-content=screen:enable-intrabc=1",
            "av01.0.00M.08",
        ),
    ]);
}

/// `saiz` has 8 bits for the bytes that a sample's subsamples take: of more tiles than that, the last ones stay clear.
#[test]
fn more_tiles_than_fit_stay_clear() {
    let case = aom(
        "-aom-params tile-width=1:tile-height=1:sb-size=64",
        "av01.0.00M.08",
    );
    let scratch = Scratch::new();
    let clip = make(&scratch, &case);
    let package = Package::make(&source(&clip), &options(Some(Scheme::Cbcs))).unwrap();
    conformance::check(&package);
    let theirs = shaka::read(&shaka::sealed_by_shaka(&scratch, &clip, Scheme::Cbcs)).subsamples;
    let ours = shaka::read(&package.joined(0)).subsamples;
    let mut most = 0;
    for (our, their) in ours.iter().zip(&theirs) {
        let (our, their) = (shaka::protected(our), shaka::protected(their));
        assert!(
            our.len() >= their.len().min(38),
            "{} of {}",
            our.len(),
            their.len()
        );
        assert_eq!(our, their[..our.len()]);
        most = their.len().max(most);
    }
    assert!(most > 42, "only {most} tiles in a sample");
}

#[test]
fn tiles_of_svt_are_found() {
    check_maps(vec![
        svt(
            "-svtav1-params film-grain=20:tile-columns=1:tile-rows=1",
            "av01.0.00M.08",
        ),
        svt("-svtav1-params superres-mode=2", "av01.0.00M.08"),
        svt("-svtav1-params irefresh-type=1", "av01.0.00M.08"),
        svt(
            "-pix_fmt yuv420p10le -svtav1-params aq-mode=1:pred-struct=1 -color_primaries bt2020 \
             -color_trc smpte2084 -colorspace bt2020nc",
            "av01.0.00M.10.0.110.09.16.09.0",
        ),
    ]);
}

#[test]
fn vp9_is_packaged() {
    // Superframes with hidden frames.
    let hidden = "-g 15 -keyint_min 15 -auto-alt-ref 1 -lag-in-frames 16";
    check_opening(vpx(hidden, "vp09.00.10.08.01.02.02.02.00"));
    check_maps(vec![
        vpx("-deadline realtime", "vp09.00.10.08"),
        vpx("-pix_fmt yuv444p -profile:v 1", "vp09.01.10.08.03"),
        vpx("-pix_fmt yuv420p10le -profile:v 2", "vp09.02.10.10.01"),
        vpx("-pix_fmt yuv422p12le -profile:v 3", "vp09.03.10.12.02"),
        vpx("-deadline realtime -lossless 1", "vp09.00.10.08"),
        vpx(
            "-deadline realtime -error-resilient 1 -aq-mode 3",
            "vp09.00.10.08",
        ),
    ]);
}
