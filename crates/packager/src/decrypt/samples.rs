//! Finds the protected samples of a fragment or a track, and decrypts one.

use super::Patch;
use super::tracks::{Descriptions, Protected, Tracks};
use crate::cenc::cipher::{BLOCK, Cipher, Pattern};
use crate::cenc::protect::for_each_protected;
use crate::movie::fragments;
use crate::sample::{FragmentedTable, SampleTable};
use crate::{ContentKey, Error, Source};
use bmff::boxes::{Saio, Saiz, SampleAuxiliary, Sbgp, Senc, Tfhd};
use bmff::{BoxView, FourCc};
use std::cmp::Ordering;
use std::sync::Arc;

/// One encrypted sample. What it brings with it stays in the source until it is decrypted, so that many
/// samples take little memory.
#[derive(Debug, Clone)]
pub(crate) struct ProtectedSample {
    /// First byte in the source.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// Bytes of its IV and subsamples; 0 when it brings none.
    auxiliary_len: u32,
    /// Where these lie in the source.
    auxiliary_at: u64,
    /// Scheme, key id, pattern and the like.
    pub parameters: Arc<Protected>,
}

/// How many samples one fragment may have.
const MAX_FRAGMENT_SAMPLES: u64 = 1_000_000;

/// How many protected samples an unfragmented file may have, and how many may wait for their `mdat`.
pub(super) const MAX_PROTECTED_SAMPLES: usize = 1_500_000;

/// PIFF's name for `senc` (Portable encoding of audio-video objects, 5.3.2).
const PIFF_SENC: [u8; 16] = 0xa2394f52_5a9b_4f14_a244_6c427c648df4_u128.to_be_bytes();

/// The protected samples of a `moof`.
pub(crate) fn of_fragment(
    moof: &BoxView<'_>,
    tracks: &Tracks,
) -> Result<Vec<ProtectedSample>, Error> {
    let mut found = Vec::new();
    let mut implicit_base = moof.offset;
    let mut left = MAX_FRAGMENT_SAMPLES;
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
        (_, implicit_base) =
            fragments::push_runs(&traf, &tfhd, &trex, (0, base), left, &mut table)?;
        left = left.saturating_sub(table.count());
        let description = tfhd
            .sample_description
            .unwrap_or(trex.sample_description)
            .max(1);
        let entry = track.entries.get(description as usize - 1);
        let Some(Some(entry)) = entry else {
            continue;
        };
        let groups = Groups::parse(&traf, &track.groups, entry.scheme)?;
        let entry = |_: u32| Some(Arc::clone(entry));
        let table = SampleTable::Fragmented(table);
        protected(&traf, &table, &groups, &entry, base, &mut found)?;
    }
    Ok(found)
}

/// The protected samples of a `traf` or `stbl`; `entry` gives what a sample entry says by its number, `base`
/// is what `saio` counts from.
pub(super) fn protected(
    parent: &BoxView<'_>,
    table: &SampleTable,
    groups: &Groups,
    entry: &dyn Fn(u32) -> Option<Arc<Protected>>,
    base: u64,
    found: &mut Vec<ProtectedSample>,
) -> Result<(), Error> {
    let mut auxiliaries = Auxiliaries::find(parent, base)?;
    let mut groups = groups.numbers();
    let mut samples = table.iter();
    for index in 0_u64.. {
        let starts_chunk = samples.cursor.starts_chunk();
        let Some(sample) = samples.next() else {
            break;
        };
        let parameters = match groups.next() {
            Some(group) => Some(group.ok_or_else(|| {
                parent.error(format!(
                    "sample {index} names an encryption group that is not there"
                ))
            })?),
            None => entry(table.description(&samples.cursor)),
        };
        let iv_size = parameters.as_ref().map_or(0, |found| found.tenc.iv_size);
        let (auxiliary_at, auxiliary_len) = auxiliaries.next(iv_size, starts_chunk)?;
        let Some(parameters) = parameters.filter(|found| found.tenc.is_protected) else {
            continue;
        };
        // A sample without bytes has no place in the file either.
        if sample.size == 0 {
            continue;
        }
        if auxiliary_len < u32::from(iv_size)
            || (iv_size == 0 && parameters.tenc.constant_iv.is_none())
        {
            return Err(parent.error(format!("sample {index} has no IV")).into());
        }
        if found.len() >= MAX_PROTECTED_SAMPLES {
            let what = format!("more than {MAX_PROTECTED_SAMPLES} encrypted samples in one index");
            return Err(Error::LimitExceeded(what));
        }
        if sample.size > 0 {
            found.push(ProtectedSample {
                offset: sample.offset,
                size: sample.size,
                auxiliary_len,
                auxiliary_at,
                parameters,
            });
        }
    }
    Ok(())
}

/// Where the samples of a `traf` or `stbl` have their IVs and subsamples.
enum Auxiliaries<'a> {
    /// They bring nothing.
    None,
    /// In a `senc`: what is left of its entries, where they lie in the source, how many they are.
    Senc {
        cursor: bmff::Cursor<'a>,
        start: u64,
        left: u32,
        has_subsamples: bool,
    },
    /// Where `saio` points; one place for all, or one a chunk or run.
    Places {
        saiz: Saiz,
        offsets: Vec<u64>,
        base: u64,
        next_place: usize,
        at: u64,
        index: usize,
    },
}

impl<'a> Auxiliaries<'a> {
    fn find(parent: &BoxView<'a>, base: u64) -> Result<Self, Error> {
        for child in parent.children() {
            let child = child?;
            if child.kind == b"senc" {
                return Self::of_senc(&child);
            }
            if child.kind == b"uuid" && child.body.starts_with(&PIFF_SENC) {
                let mut inner = child.clone();
                inner.body = child.body.get(PIFF_SENC.len()..).unwrap_or_default();
                inner.header_len += PIFF_SENC.len() as u64;
                return Self::of_senc(&inner);
            }
        }
        let (Some(saiz), Some(saio)) = (parent.child(b"saiz")?, parent.child(b"saio")?) else {
            return Ok(Self::None);
        };
        Ok(Self::Places {
            saiz: Saiz::parse(&saiz)?,
            offsets: Saio::parse(&saio)?.offsets,
            base,
            next_place: 0,
            at: 0,
            index: 0,
        })
    }

    fn of_senc(senc: &BoxView<'a>) -> Result<Self, Error> {
        let mut cursor = senc.cursor();
        let (_, flags) = cursor.version_flags()?;
        let left = cursor.u32()?;
        Ok(Self::Senc {
            cursor,
            start: senc.body_offset(),
            left,
            has_subsamples: flags & Senc::SUBSAMPLES != 0,
        })
    }

    /// Place and length of the next sample's; a length of 0 when there is none.
    fn next(&mut self, iv_size: u8, starts_chunk: bool) -> Result<(u64, u32), Error> {
        match self {
            Self::None => Ok((0, 0)),
            Self::Senc { left: 0, .. } => Ok((0, 0)),
            Self::Senc {
                cursor,
                start,
                left,
                has_subsamples,
            } => {
                *left -= 1;
                let from = cursor.position();
                SampleAuxiliary::pass(cursor, iv_size, *has_subsamples)?;
                let length = cursor.position() - from;
                Ok((
                    *start + from as u64,
                    u32::try_from(length).unwrap_or(u32::MAX),
                ))
            }
            Self::Places {
                saiz,
                offsets,
                base,
                next_place,
                at,
                index,
            } => {
                let each_chunk = offsets.len() > 1 && starts_chunk;
                if *index == 0 || each_chunk {
                    let place = offsets.get(*next_place).copied().unwrap_or_default();
                    *at = base.saturating_add(place);
                    *next_place += 1;
                }
                let size = match saiz.default_size {
                    _ if *index >= saiz.count as usize => 0,
                    0 => saiz.sizes.get(*index).copied().unwrap_or(0),
                    size => size,
                };
                *index += 1;
                let place = *at;
                *at = at.saturating_add(u64::from(size));
                Ok((place, u32::from(size)))
            }
        }
    }
}

/// Sample groups that change the encryption of some samples (ISO/IEC 23001-7, 6).
pub(super) struct Groups {
    runs: Vec<(u32, u32)>,
    /// Descriptions of the fragment itself, numbered from [`Groups::OWN`] on.
    own: Vec<Arc<Protected>>,
    of_track: Vec<Arc<Protected>>,
    /// The group of samples that no run mentions; 0 is none.
    default_group: u32,
}

impl Groups {
    /// Descriptions of a fragment are numbered from here (ISO/IEC 14496-12, 8.9.4).
    const OWN: u32 = 0x1_0000;

    /// Reads the groups of a `traf` or `stbl`.
    pub fn parse(
        parent: &BoxView<'_>,
        of_track: &Descriptions,
        scheme: FourCc,
    ) -> Result<Self, Error> {
        let mut runs = Vec::new();
        for child in parent.children() {
            let child = child?;
            if child.kind == b"sbgp" && child.body.get(4..8) == Some(b"seig") {
                runs = Sbgp::parse(&child)?.runs;
            }
        }
        let own = match &parent.kind.0 {
            b"traf" => Descriptions::parse(parent)?,
            _ => Descriptions::default(),
        };
        let default_group = match own.default_index {
            0 => of_track.default_index,
            index => index.saturating_add(Self::OWN),
        };
        let with_scheme = |descriptions: &Descriptions| -> Vec<Arc<Protected>> {
            if runs.is_empty() && default_group == 0 {
                return Vec::new();
            }
            let tencs = descriptions.tencs.iter().cloned();
            tencs
                .map(|tenc| Arc::new(Protected { scheme, tenc }))
                .collect()
        };
        Ok(Self {
            own: with_scheme(&own),
            of_track: with_scheme(of_track),
            default_group,
            runs,
        })
    }

    /// What applies to one sample after another.
    fn numbers(&self) -> GroupCursor<'_> {
        GroupCursor {
            groups: self,
            run: 0,
            used: 0,
        }
    }

    fn description(&self, group: u32) -> Option<Arc<Protected>> {
        let (list, number) = match group.checked_sub(Self::OWN) {
            Some(number) => (&self.own, number),
            None => (&self.of_track, group),
        };
        list.get((number as usize).checked_sub(1)?).cloned()
    }
}

/// Walks over the runs of [`Groups`].
struct GroupCursor<'a> {
    groups: &'a Groups,
    run: usize,
    used: u32,
}

impl GroupCursor<'_> {
    /// The group of the next sample: `None` when it is in none, the inner `None` when that is not described.
    fn next(&mut self) -> Option<Option<Arc<Protected>>> {
        let describe = |group: u32| (group != 0).then(|| self.groups.description(group));
        while let Some((count, group)) = self.groups.runs.get(self.run) {
            if self.used < *count {
                self.used += 1;
                return describe(*group);
            }
            (self.run, self.used) = (self.run + 1, 0);
        }
        describe(self.groups.default_group)
    }
}

impl ProtectedSample {
    /// Offset of the first byte behind the sample.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.size))
    }

    /// Decrypts the sample's bytes in place: all of them, or the first ones. Of these the last 15 may stay as they
    /// are, since they may be part of a block.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the scheme is not known, [`Error::InvalidInput`] when what the sample brings
    /// is broken.
    pub fn decrypt(
        &self,
        source: &dyn Source,
        key: &ContentKey,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        let tenc = &self.parameters.tenc;
        let auxiliary = self.read_auxiliary(source)?;
        let cipher = Cipher::new(&key.value);
        let pattern = Pattern {
            crypt: tenc.crypt_blocks,
            skip: tenc.skip_blocks,
        };
        let constant = tenc.constant_iv.as_deref().unwrap_or_default();
        let iv = match auxiliary.iv.as_slice() {
            [] => extended(constant),
            iv => extended(iv),
        };
        let subsamples = &auxiliary.subsamples;
        match &self.parameters.scheme.0 {
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
            _ => return Err(unknown_scheme(self.parameters.scheme)),
        }
        Ok(())
    }

    /// IV and subsamples that the sample brings.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when they are broken, [`Error::Io`] when they cannot be read.
    pub fn read_auxiliary(&self, source: &dyn Source) -> Result<SampleAuxiliary, Error> {
        let end = self
            .auxiliary_at
            .saturating_add(u64::from(self.auxiliary_len));
        if self.auxiliary_len > 0 && end > source.len() {
            return Err(Error::InvalidInput(format!(
                "the IV of the sample at {:#x} is said to lie at {:#x}, behind the end of the file",
                self.offset, self.auxiliary_at
            )));
        }
        let mut bytes = vec![0; self.auxiliary_len as usize];
        if !bytes.is_empty() {
            source.read_at(self.auxiliary_at, &mut bytes)?;
        }
        let iv_size = self.parameters.tenc.iv_size;
        // A view around the bytes gives errors a place.
        let view = BoxView {
            kind: FourCc(*b"auxi"),
            path: "auxiliary information of a sample".into(),
            offset: self.auxiliary_at,
            header_len: 0,
            body: &bytes,
        };
        let has_subsamples = bytes.len() > usize::from(iv_size);
        let mut cursor = view.cursor();
        Ok(SampleAuxiliary::parse(
            &mut cursor,
            iv_size,
            has_subsamples,
        )?)
    }
}

/// An IV, extended with zeros to a block (9.1).
fn extended(iv: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (place, byte) in block.iter_mut().zip(iv) {
        *place = *byte;
    }
    block
}

/// What to say of a scheme that is none of Common Encryption.
pub(super) fn unknown_scheme(scheme: FourCc) -> Error {
    Error::Unsupported(format!(
        "the scheme '{scheme}' is not known; cenc, cens, cbc1 and cbcs are"
    ))
}

// Samples are sorted by place.
impl Ord for ProtectedSample {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.offset, self.size).cmp(&(other.offset, other.size))
    }
}

impl PartialOrd for ProtectedSample {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ProtectedSample {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ProtectedSample {}

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
