//! A protected file seen in the clear: what is packaged again needs no clear copy on disk.
//!
//! In: a [`Source`] and content keys. Out: a [`Source`] of the same length with the same boxes at the same
//! offsets, in which boxes of the encryption are `free` and samples are decrypted when they are read.
//! Memory: 32 bytes a fragment, and the samples of a few fragments; 32 bytes a sample of an unfragmented file.

use super::samples::{self, ProtectedSample};
use super::tracks::{self, Tracks};
use super::{Patch, find_key};
use crate::movie::{fragments, layout};
use crate::{ContentKey, Error, KeyId, Source};
use bmff::{BoxHeader, BoxView, FourCc, TopLevel};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// How many fragments a file may have.
const MAX_FRAGMENTS: usize = 1_000_000;

/// Fragments whose samples are kept: as many as threads that read different places, and a few more.
const KEPT_FRAGMENTS: usize = 8;

/// Kept fragments may have this many samples together.
const KEPT_SAMPLES: usize = 500_000;

/// What a block cipher needs behind the last byte that is wanted.
const BLOCK_LEN: u64 = 16;

/// A file with its protected samples in the clear. See [`decrypted`].
pub struct DecryptedSource<'a> {
    source: &'a dyn Source,
    keys: &'a [ContentKey],
    tracks: Option<Tracks>,
    /// Boxes outside of fragments that get another type, by place.
    patches: Vec<(u64, Patch)>,
    /// Samples of an unfragmented file, by place.
    samples: Vec<ProtectedSample>,
    /// In file order.
    fragments: Vec<FragmentPlace>,
    /// Numbers of fragments with protected samples, by the place of these.
    by_data: Vec<u32>,
    kept: Mutex<VecDeque<Arc<Fragment>>>,
}

/// Where a fragment lies.
#[derive(Debug, Clone, Copy)]
struct FragmentPlace {
    /// Offset of the `moof`.
    moof: u64,
    /// Its bytes.
    size: u64,
    /// Where its protected samples begin and end.
    data: (u64, u64),
}

/// A fragment, read.
struct Fragment {
    moof: u64,
    patches: Vec<Patch>,
    /// By place.
    samples: Vec<ProtectedSample>,
}

/// Shows a protected file in the clear: the same length and boxes, samples decrypted as they are read.
///
/// A file that is not protected, or that is no MP4, is shown as it is. A file that is cut short is shown as far
/// as it goes.
///
/// # Errors
/// [`Error::InvalidOptions`] when keys are missing; it names their KIDs. [`Error::InvalidInput`] when boxes are
/// broken or samples overlap, [`Error::Unsupported`] when the scheme is not known.
pub fn decrypted<'a>(
    source: &'a dyn Source,
    keys: &'a [ContentKey],
) -> Result<DecryptedSource<'a>, Error> {
    let mut clear = DecryptedSource {
        source,
        keys,
        tracks: None,
        patches: Vec::new(),
        samples: Vec::new(),
        fragments: Vec::new(),
        by_data: Vec::new(),
        kept: Mutex::default(),
    };
    // The index may lie behind the fragments, so it comes first.
    let mut moov = None;
    for header in whole_boxes(source) {
        if header.kind == b"moov" {
            moov = Some(header);
            break;
        }
    }
    let Some(moov) = moov else {
        return Ok(clear);
    };
    let tracks = Tracks::parse(layout::read_moov(source, &moov)?, moov.offset, 0)?;
    if !tracks.any_protected() {
        return Ok(clear);
    }
    let mut wanted = Wanted::default();
    clear.read_movie(&tracks, &mut wanted)?;
    for header in whole_boxes(source) {
        match &header.kind.0 {
            b"moov" if header.offset != moov.offset => return Err(layout::second_moov(&header)),
            b"moof" => clear.add_fragment(&header, &tracks, &mut wanted)?,
            b"pssh" => clear
                .patches
                .push((header.offset.saturating_add(4), Patch::FREE)),
            _ => {}
        }
    }
    clear.sort()?;
    wanted.check(keys)?;
    clear.tracks = Some(tracks);
    Ok(clear)
}

/// The top-level boxes, up to the first one that is broken or cut short: what to say of that is for others.
fn whole_boxes(source: &dyn Source) -> impl Iterator<Item = BoxHeader> {
    TopLevel::new(source)
        .map_while(Result::ok)
        .take_while(|header| header.end() <= source.len())
}

/// Schemes and key ids that samples name.
#[derive(Default)]
struct Wanted {
    kids: BTreeSet<KeyId>,
    schemes: BTreeSet<FourCc>,
    /// Of the sample before: most samples have the same.
    last: Option<Arc<tracks::Protected>>,
}

/// How many keys a file may want.
const MAX_KIDS: usize = 10_000;

impl Wanted {
    fn add(&mut self, samples: &[ProtectedSample]) -> Result<(), Error> {
        for sample in samples {
            let parameters = &sample.parameters;
            if self
                .last
                .as_ref()
                .is_some_and(|last| Arc::ptr_eq(last, parameters))
            {
                continue;
            }
            self.kids.insert(KeyId(parameters.tenc.kid));
            self.schemes.insert(parameters.scheme);
            self.last = Some(Arc::clone(parameters));
            if self.kids.len() > MAX_KIDS {
                let what = format!("the samples name more than {MAX_KIDS} KIDs");
                return Err(Error::LimitExceeded(what));
            }
        }
        Ok(())
    }

    fn check(&self, keys: &[ContentKey]) -> Result<(), Error> {
        for scheme in &self.schemes {
            if !matches!(&scheme.0, b"cenc" | b"cens" | b"cbc1" | b"cbcs") {
                return Err(samples::unknown_scheme(*scheme));
            }
        }
        let missing: Vec<String> = self
            .kids
            .iter()
            .filter(|kid| !keys.iter().any(|key| key.kid == **kid))
            .map(KeyId::hex)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::InvalidOptions(format!(
            "no key for KID {} was given",
            missing.join(" and KID ")
        )))
    }
}

impl DecryptedSource<'_> {
    fn read_movie(&mut self, tracks: &Tracks, wanted: &mut Wanted) -> Result<(), Error> {
        let moov = BoxView::new(&tracks.moov, tracks.moov_offset)?;
        for patch in tracks::patches(&moov)? {
            self.patches
                .push((tracks.moov_offset.saturating_add(patch.at as u64), patch));
        }
        self.samples = tracks.progressive_samples(0)?;
        let length = self.source.len();
        // What lies behind the end is for `probe` to say.
        self.samples.retain(|sample| sample.end() <= length);
        self.samples.sort();
        refuse_overlaps(&self.samples)?;
        wanted.add(&self.samples)
    }

    fn add_fragment(
        &mut self,
        header: &BoxHeader,
        tracks: &Tracks,
        wanted: &mut Wanted,
    ) -> Result<(), Error> {
        if self.fragments.len() >= MAX_FRAGMENTS {
            let what = format!("the file has more than {MAX_FRAGMENTS} fragments");
            return Err(Error::LimitExceeded(what));
        }
        let fragment = Fragment::read(self.source, header, tracks)?;
        wanted.add(&fragment.samples)?;
        let first = fragment.samples.first().map_or(0, |first| first.offset);
        let last = fragment.samples.last().map_or(0, ProtectedSample::end);
        self.fragments.push(FragmentPlace {
            moof: header.offset,
            size: header.size,
            data: (first, last),
        });
        Ok(())
    }

    fn sort(&mut self) -> Result<(), Error> {
        self.patches.sort_by_key(|(at, _)| *at);
        let fragments = &self.fragments;
        let data = |number: &u32| fragments.get(*number as usize).map_or((0, 0), |f| f.data);
        self.by_data = (0..)
            .take(fragments.len())
            .filter(|number| data(number).1 > 0)
            .collect();
        self.by_data.sort_by_key(data);
        for pair in self.by_data.windows(2) {
            if let [first, second] = pair
                && data(first).1 > data(second).0
            {
                return Err(Error::Unsupported(format!(
                    "encrypted samples of two fragments lie among each other ({:#x} to {:#x}, and from {:#x} on): `reelpack decrypt` may read the file",
                    data(first).0,
                    data(first).1,
                    data(second).0
                )));
            }
        }
        Ok(())
    }

    /// The samples and patches of a fragment, read anew unless it was read lately.
    fn fragment(&self, place: &FragmentPlace, tracks: &Tracks) -> Result<Arc<Fragment>, Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fragment) = kept.iter().find(|fragment| fragment.moof == place.moof) {
            return Ok(Arc::clone(fragment));
        }
        let header = BoxHeader {
            kind: FourCc(*b"moof"),
            offset: place.moof,
            size: place.size,
            header_len: 8,
        };
        let fragment = Arc::new(Fragment::read(self.source, &header, tracks)?);
        kept.push_back(Arc::clone(&fragment));
        let many = |kept: &VecDeque<Arc<Fragment>>| {
            let samples: usize = kept.iter().map(|fragment| fragment.samples.len()).sum();
            kept.len() > KEPT_FRAGMENTS || samples > KEPT_SAMPLES
        };
        while kept.len() > 1 && many(&kept) {
            kept.pop_front();
        }
        Ok(fragment)
    }

    /// Lays the clear form over the bytes that were read at `offset`.
    fn overlay(&self, offset: u64, buffer: &mut [u8], tracks: &Tracks) -> Result<(), Error> {
        let end = offset.saturating_add(buffer.len() as u64);
        let first = self
            .patches
            .partition_point(|(at, _)| at.saturating_add(4) <= offset);
        for (at, patch) in self.patches.iter().skip(first) {
            if *at >= end {
                break;
            }
            lay(buffer, offset, *at, &patch.kind);
        }
        self.decrypt_overlapping(&self.samples, offset, buffer)?;
        let first = self
            .fragments
            .partition_point(|place| place.moof.saturating_add(place.size) <= offset);
        for place in self.fragments.iter().skip(first) {
            if place.moof >= end {
                break;
            }
            for patch in &self.fragment(place, tracks)?.patches {
                lay(
                    buffer,
                    offset,
                    place.moof.saturating_add(patch.at as u64),
                    &patch.kind,
                );
            }
        }
        let place = |number: &u32| self.fragments.get(*number as usize);
        let first = self
            .by_data
            .partition_point(|number| place(number).is_none_or(|place| place.data.1 <= offset));
        for place in self.by_data.iter().skip(first).filter_map(place) {
            if place.data.0 >= end {
                break;
            }
            let fragment = self.fragment(place, tracks)?;
            self.decrypt_overlapping(&fragment.samples, offset, buffer)?;
        }
        Ok(())
    }

    /// Decrypts in `buffer`, which begins at `offset`, what it holds of samples.
    fn decrypt_overlapping(
        &self,
        samples: &[ProtectedSample],
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), Error> {
        let end = offset.saturating_add(buffer.len() as u64);
        let first = samples.partition_point(|sample| sample.end() <= offset);
        for sample in samples.iter().skip(first) {
            if sample.offset >= end {
                break;
            }
            let key = find_key(self.keys, sample)?;
            let whole = sample.offset >= offset && sample.end() <= end;
            if let (true, Some(bytes)) = (whole, window(buffer, offset, sample.offset, sample.size))
            {
                sample.decrypt(self.source, key, bytes)?;
                continue;
            }
            // Decryption begins at the first byte, and a block that is wanted in part is needed whole.
            let needed = sample.end().min(end.saturating_add(BLOCK_LEN)) - sample.offset;
            let mut bytes = vec![0; usize::try_from(needed).unwrap_or(usize::MAX)];
            self.source.read_at(sample.offset, &mut bytes)?;
            sample.decrypt(self.source, key, &mut bytes)?;
            lay(buffer, offset, sample.offset, &bytes);
        }
        Ok(())
    }
}

impl Fragment {
    fn read(source: &dyn Source, header: &BoxHeader, tracks: &Tracks) -> Result<Self, Error> {
        let bytes = fragments::read_moof(source, header)?;
        let moof = BoxView::new(&bytes, header.offset)?;
        let mut samples = samples::of_fragment(&moof, tracks)?;
        // What lies behind the end is for `probe` to say.
        samples.retain(|sample| sample.end() <= source.len());
        samples.sort();
        refuse_overlaps(&samples)?;
        Ok(Self {
            moof: header.offset,
            patches: samples::patches(&moof)?,
            samples,
        })
    }
}

impl Source for DecryptedSource<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.source.read_at(offset, buffer)?;
        match &self.tracks {
            None => Ok(()),
            Some(tracks) => self
                .overlay(offset, buffer, tracks)
                .map_err(|error| match error {
                    Error::Io(error) => error,
                    other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
                }),
        }
    }
}

/// Samples by place must follow one another.
fn refuse_overlaps(samples: &[ProtectedSample]) -> Result<(), Error> {
    for pair in samples.windows(2) {
        if let [first, second] = pair
            && first.end() > second.offset
        {
            return Err(Error::InvalidInput(format!(
                "encrypted samples at {:#x} to {:#x} and from {:#x} on overlap",
                first.offset,
                first.end(),
                second.offset
            )));
        }
    }
    Ok(())
}

/// The part of `buffer`, which begins at `offset`, from `at` on; `None` when it is not all there.
fn window(buffer: &mut [u8], offset: u64, at: u64, size: u32) -> Option<&mut [u8]> {
    let start = usize::try_from(at.checked_sub(offset)?).ok()?;
    buffer.get_mut(start..start.checked_add(size as usize)?)
}

/// Writes into `buffer`, which begins at `offset`, what it holds of `bytes` that lie at `at`.
fn lay(buffer: &mut [u8], offset: u64, at: u64, bytes: &[u8]) {
    let skipped = usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
    let start = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
    let bytes = bytes.get(skipped..).unwrap_or_default();
    let places = buffer.get_mut(start..).unwrap_or_default();
    for (place, byte) in places.iter_mut().zip(bytes) {
        *place = *byte;
    }
}
