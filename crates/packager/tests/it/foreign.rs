//! Every golden package, read by a reader of others.

use crate::golden::cases;
use crate::package::Package;
use mp4_atom::{Any, DecodeMaybe};

/// The types of the boxes that mp4-atom reads in a file, to its end.
fn read(name: &str, bytes: &[u8]) -> Vec<Any> {
    let mut rest = bytes;
    let mut atoms = Vec::new();
    while !rest.is_empty() {
        let atom = Any::decode_maybe(&mut rest);
        let atom = atom.unwrap_or_else(|error| panic!("{name}: {error}"));
        atoms.push(atom.unwrap_or_else(|| panic!("{name} is cut short")));
    }
    atoms
}

#[test]
fn golden_packages_are_read_by_mp4_atom() {
    for (behaviour, movie, options) in cases() {
        let package = Package::make(&movie.source(), &options).unwrap();
        for (object, bytes) in &package.objects {
            let name = format!("{behaviour}/{}", package.plan.path(*object));
            if name.ends_with(".vtt") {
                continue;
            }
            let mut atoms = read(&name, bytes);
            atoms.retain(|atom| !matches!(atom, Any::Styp(_) | Any::Sidx(_)));
            if object.segment == 0 {
                let [Any::Ftyp(ftyp), Any::Moov(moov)] = atoms.as_slice() else {
                    panic!("{name}: {atoms:?}");
                };
                assert_eq!(ftyp.major_brand, b"cmfc".into());
                assert_eq!(moov.trak.len(), 1);
                assert_eq!(moov.trak[0].tkhd.track_id, 1);
                let mvex = moov.mvex.as_ref().expect("mvex");
                assert_eq!(mvex.trex[0].track_id, 1);
                continue;
            }
            assert!(atoms.len() >= 2, "{name}: {} boxes", atoms.len());
            for pair in atoms.chunks(2) {
                let [Any::Moof(moof), Any::Mdat(mdat)] = pair else {
                    panic!("{name}: no pairs of moof and mdat");
                };
                let traf = &moof.traf[0];
                let count: usize = traf.trun.iter().map(|run| run.samples.len()).sum();
                assert!(count > 0, "{name}: no samples");
                let size = traf.tfhd.default_sample_size;
                let sizes = traf.trun.iter().flat_map(|run| &run.samples);
                let sizes = sizes.map(|entry| entry.size.or(size).expect("a size") as usize);
                assert_eq!(sizes.sum::<usize>(), mdat.data.len(), "{name}");
            }
        }
    }
}
