//! Finds the protected samples of a fragment or a track, and decrypts one.

use super::Patch;
use super::tracks::{Protected, Tracks, encryption_groups};
use crate::cenc::cipher::{BLOCK, Cipher, Pattern};
use crate::cenc::protect::for_each_protected;
use crate::movie::fragments;
use crate::sample::{FragmentedTable, SampleTable};
use crate::{ContentKey, Error, Source};
use bmff::boxes::{Saio, Saiz, SampleAuxiliary, Sbgp, Senc, Tenc, Tfhd};
use bmff::{BoxView, FourCc, MemorySource};

/// One encrypted sample.
pub(super) struct ProtectedSample {
    /// First byte in the source.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// Key id, pattern and the like.
    pub parameters: Tenc,
    scheme: FourCc,
    auxiliary: SampleAuxiliary,
}

/// How many samples one fragment may have.
const MAX_FRAGMENT_SAMPLES: u64 = 1_000_000;

/// PIFF's name for `senc` (Portable encoding of audio-video objects, 5.3.2).
const PIFF_SENC: [u8; 16] = 0xa2394f52_5a9b_4f14_a244_6c427c648df4_u128.to_be_bytes();

/// The protected samples of a `moof`.
pub(super) fn of_fragment(
    moof: &BoxView<'_>,
    tracks: &Tracks,
    source: &dyn Source,
) -> Result<Vec<ProtectedSample>, Error> {
    let mut found = Vec::new();
    let mut implicit_base = moof.offset;
    for child in moof.children() {
        let traf = child?;
        if traf.kind != b"traf" {
            continue;
        }
        let tfhd = Tfhd::parse(&traf.need(b"tfhd")?)?;
        let Some(track) = tracks.get(tfhd.track_id) else {
            let what = format!("track {} is not in the 'moov'", tfhd.track_id);
            return Err(traf.error(what).into());
        };
        let trex = tracks
            .defaults
            .get(&tfhd.track_id)
            .copied()
            .unwrap_or_default();
        let base = fragments::data_base(&tfhd, moof.offset, implicit_base);
        let mut table = FragmentedTable::default();
        let start = (0, base);
        let most = MAX_FRAGMENT_SAMPLES;
        (_, implicit_base) = fragments::push_runs(&traf, &tfhd, &trex, start, most, &mut table)?;
        let description = tfhd
            .sample_description
            .unwrap_or(trex.sample_description)
            .max(1);
        let entry = track.entries.get(description as usize - 1);
        let Some(Some(entry)) = entry else {
            continue;
        };
        let groups = Groups::parse(&traf, &track.groups)?;
        let parameters = |index: usize| groups.parameters(index, entry);
        let table = SampleTable::Fragmented(table);
        found.extend(protected(&traf, &table, &parameters, base, source)?);
    }
    Ok(found)
}

/// The protected samples of a `traf` or `stbl`; `parameters` tells a sample's, `base` is what `saio`
/// counts from.
pub(super) fn protected(
    parent: &BoxView<'_>,
    table: &SampleTable,
    parameters: &dyn Fn(usize) -> Option<Protected>,
    base: u64,
    source: &dyn Source,
) -> Result<Vec<ProtectedSample>, Error> {
    let count = usize::try_from(table.count()).unwrap_or(usize::MAX);
    let iv_size = |index: usize| parameters(index).map(|protected| protected.tenc.iv_size);
    let mut auxiliaries = read_auxiliaries(parent, count, &iv_size, base, source)?.into_iter();
    let mut found = Vec::new();
    for (index, sample) in table.iter().enumerate() {
        let auxiliary = auxiliaries.next().unwrap_or_default();
        let Some(Protected { scheme, tenc }) = parameters(index) else {
            continue;
        };
        // A sample without bytes has no place in the file either.
        if !tenc.is_protected || sample.size == 0 {
            continue;
        }
        if auxiliary.iv.is_empty() && tenc.constant_iv.is_none() {
            return Err(parent.error(format!("sample {index} has no IV")).into());
        }
        found.push(ProtectedSample {
            offset: sample.offset,
            size: sample.size,
            parameters: tenc,
            scheme,
            auxiliary,
        });
    }
    Ok(found)
}

/// IVs and subsamples, from `senc` or from where `saio` points; none when samples bring nothing.
fn read_auxiliaries(
    parent: &BoxView<'_>,
    count: usize,
    iv_size: &dyn Fn(usize) -> Option<u8>,
    base: u64,
    source: &dyn Source,
) -> Result<Vec<SampleAuxiliary>, Error> {
    let default_iv_size = (0..count).find_map(iv_size).unwrap_or(0);
    for child in parent.children() {
        let child = child?;
        if child.kind == b"senc" {
            return Ok(Senc::parse(&child, default_iv_size)?.samples);
        }
        if child.kind == b"uuid" && child.body.starts_with(&PIFF_SENC) {
            let mut inner = child.clone();
            inner.body = child.body.get(PIFF_SENC.len()..).unwrap_or_default();
            return Ok(Senc::parse(&inner, default_iv_size)?.samples);
        }
    }
    let (Some(saiz), Some(saio)) = (parent.child(b"saiz")?, parent.child(b"saio")?) else {
        return Ok(Vec::new());
    };
    let (saiz, offsets) = (Saiz::parse(&saiz)?, Saio::parse(&saio)?.offsets);
    let [offset] = offsets.as_slice() else {
        let what = format!("'saio' names {} places, one is understood", offsets.len());
        return Err(Error::Unsupported(format!("{}: {what}", parent.path)));
    };
    let size = |index: usize| match saiz.default_size {
        0 => saiz.sizes.get(index).copied().unwrap_or(0),
        size => size,
    };
    let mut at = base.saturating_add(*offset);
    let mut auxiliaries = Vec::new();
    for index in 0..count.min(saiz.count as usize) {
        let mut bytes = vec![0; usize::from(size(index))];
        source.read_at(at, &mut bytes)?;
        at = at.saturating_add(bytes.len() as u64);
        auxiliaries.push(parse_auxiliary(bytes, iv_size(index).unwrap_or(0))?);
    }
    Ok(auxiliaries)
}

fn parse_auxiliary(bytes: Vec<u8>, iv_size: u8) -> Result<SampleAuxiliary, Error> {
    // A box around the bytes gives errors a name.
    let mut boxed = bmff::Writer::default();
    boxed.boxed(b"auxi", |w| w.put(&bytes));
    let boxed = MemorySource(boxed.into_bytes());
    let view = BoxView::new(&boxed.0, 0)?;
    let has_subsamples = bytes.len() > usize::from(iv_size);
    let mut cursor = view.cursor();
    Ok(SampleAuxiliary::parse(
        &mut cursor,
        iv_size,
        has_subsamples,
    )?)
}

/// Sample groups that change the encryption of some samples.
struct Groups<'a> {
    runs: Vec<(u32, u32)>,
    own: Vec<Tenc>,
    of_track: &'a [Tenc],
}

impl<'a> Groups<'a> {
    fn parse(traf: &BoxView<'_>, of_track: &'a [Tenc]) -> Result<Self, Error> {
        let mut runs = Vec::new();
        for child in traf.children() {
            let child = child?;
            if child.kind == b"sbgp" {
                let sbgp = Sbgp::parse(&child)?;
                if sbgp.grouping_type == b"seig" {
                    runs = sbgp.runs;
                }
            }
        }
        Ok(Self {
            runs,
            own: encryption_groups(traf)?,
            of_track,
        })
    }

    /// What applies to a sample: its group's parameters, else the sample entry's.
    fn parameters(&self, index: usize, entry: &Protected) -> Option<Protected> {
        /// Descriptions of the fragment itself are numbered from here (8.9.4).
        const OWN: u32 = 0x1_0000;
        let mut behind = 0_usize;
        for (count, group) in &self.runs {
            behind = behind.saturating_add(*count as usize);
            if index >= behind || *group == 0 {
                continue;
            }
            let (list, number) = match group.checked_sub(OWN) {
                Some(number) => (self.own.as_slice(), number),
                None => (self.of_track, *group),
            };
            let tenc = list.get((number as usize).checked_sub(1)?)?;
            return Some(Protected {
                scheme: entry.scheme,
                tenc: tenc.clone(),
            });
        }
        Some(entry.clone())
    }
}

impl ProtectedSample {
    /// Decrypts the sample's bytes in place.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the scheme is not known.
    pub fn decrypt(&self, key: &ContentKey, bytes: &mut [u8]) -> Result<(), Error> {
        let cipher = Cipher::new(&key.value);
        let pattern = Pattern {
            crypt: self.parameters.crypt_blocks,
            skip: self.parameters.skip_blocks,
        };
        let iv = self.iv();
        let subsamples = &self.auxiliary.subsamples;
        match &self.scheme.0 {
            b"cenc" => {
                let mut mode = cipher.counter_mode(iv);
                for_each_protected(bytes, subsamples, |range| mode.apply(range, Pattern::FULL));
            }
            b"cens" => {
                let mut mode = cipher.counter_mode(iv);
                for_each_protected(bytes, subsamples, |range| {
                    // Whole blocks only, without a pattern too (9.7).
                    let whole = range.len() - range.len() % BLOCK;
                    let (blocks, _) = range.split_at_mut(whole);
                    mode.apply(blocks, pattern);
                });
            }
            b"cbc1" => {
                let mut chain = iv;
                for_each_protected(bytes, subsamples, |range| {
                    chain = cipher.cbc_decrypt(range, chain, Pattern::FULL);
                });
            }
            b"cbcs" => for_each_protected(bytes, subsamples, |range| {
                cipher.cbc_decrypt(range, iv, pattern);
            }),
            _ => {
                let what = format!("the scheme '{}' is not known", self.scheme);
                return Err(Error::Unsupported(what));
            }
        }
        Ok(())
    }

    /// The IV, extended with zeros to a block (9.1).
    fn iv(&self) -> [u8; BLOCK] {
        let constant = self.parameters.constant_iv.as_deref().unwrap_or_default();
        let iv = match self.auxiliary.iv.as_slice() {
            [] => constant,
            iv => iv,
        };
        let mut block = [0; BLOCK];
        for (place, byte) in block.iter_mut().zip(iv) {
            *place = *byte;
        }
        block
    }
}

/// What changes in a `moof`: boxes of the encryption become `free`.
pub(super) fn patches(moof: &BoxView<'_>) -> Result<Vec<Patch>, Error> {
    let mut patches = Vec::new();
    for child in moof.children() {
        let child = child?;
        match &child.kind.0 {
            b"traf" => patches.extend(auxiliary_patches(&child, moof.offset)?),
            b"pssh" => patches.push(Patch::rename(&child, moof.offset, *b"free")),
            _ => {}
        }
    }
    Ok(patches)
}

/// The boxes of the encryption in a `traf` or `stbl`.
pub(super) fn auxiliary_patches(parent: &BoxView<'_>, base: u64) -> Result<Vec<Patch>, Error> {
    let mut patches = Vec::new();
    for child in parent.children() {
        let child = child?;
        let is_encryption = match &child.kind.0 {
            b"senc" | b"saiz" | b"saio" => true,
            b"uuid" => child.body.starts_with(&PIFF_SENC),
            b"sgpd" | b"sbgp" => child.body.get(4..8) == Some(b"seig"),
            _ => false,
        };
        if is_encryption {
            patches.push(Patch::rename(&child, base, *b"free"));
        }
    }
    Ok(patches)
}
