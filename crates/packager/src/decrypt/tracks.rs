//! What a `moov` says about the encryption of its tracks.

use super::Patch;
use super::samples::{self, Groups, ProtectedSample};
use crate::Error;
use crate::movie::{fragments, layout};
use crate::sample::{ProgressiveTable, SampleTable};
use bmff::boxes::{Scheme, Sgpd, Tenc, Tkhd, Trex, parse_protection};
use bmff::{BoxView, FourCc};
use std::collections::HashMap;
use std::sync::Arc;

/// The tracks of a movie.
pub(crate) struct Tracks {
    tracks: HashMap<u32, ProtectedTrack>,
    /// Defaults of fragments.
    pub defaults: HashMap<u32, Trex>,
    /// The input that holds the `moov`.
    pub input: usize,
    /// The `moov`, whole.
    pub moov: Arc<[u8]>,
    /// Where it begins in its input.
    pub moov_offset: u64,
}

/// One track.
pub(crate) struct ProtectedTrack {
    /// By sample entry; `None` is a clear one.
    pub entries: Vec<Option<Arc<Protected>>>,
    /// Groups of the whole track.
    pub groups: Descriptions,
}

/// How the samples of one entry are protected.
#[derive(Debug, Clone)]
pub(crate) struct Protected {
    /// `cenc`, `cens`, `cbc1` or `cbcs`.
    pub scheme: FourCc,
    /// Defaults.
    pub tenc: Tenc,
}

impl Tracks {
    /// Reads a `moov`; `input` is the number of the file that holds it.
    pub fn parse(bytes: Arc<[u8]>, offset: u64, input: usize) -> Result<Self, Error> {
        let moov = BoxView::new(&bytes, offset)?;
        layout::check_moov(&moov)?;
        let mut tracks = HashMap::new();
        for child in moov.children() {
            let trak = child?;
            if trak.kind == b"trak" {
                let id = Tkhd::parse(&trak.need(b"tkhd")?)?.track_id;
                tracks.insert(id, ProtectedTrack::parse(&trak)?);
            }
        }
        Ok(Self {
            tracks,
            defaults: fragments::track_defaults(&moov)?,
            input,
            moov_offset: offset,
            moov: bytes,
        })
    }

    pub fn any_protected(&self) -> bool {
        self.tracks
            .values()
            .any(|track| track.entries.iter().any(Option::is_some))
    }

    pub fn get(&self, id: u32) -> Option<&ProtectedTrack> {
        self.tracks.get(&id)
    }

    /// Protected samples that `stbl` places; none in a fragmented file.
    pub fn progressive_samples(&self, input: usize) -> Result<Vec<ProtectedSample>, Error> {
        let mut found = Vec::new();
        if input != self.input {
            return Ok(found);
        }
        let moov = BoxView::new(&self.moov, self.moov_offset)?;
        for child in moov.children() {
            let trak = child?;
            if trak.kind != b"trak" {
                continue;
            }
            let id = Tkhd::parse(&trak.need(b"tkhd")?)?.track_id;
            let Some(track) = self.get(id) else {
                continue;
            };
            let Some(first) = track.entries.iter().flatten().next() else {
                continue;
            };
            let stbl = trak.need(b"mdia")?.need(b"minf")?.need(b"stbl")?;
            let table = ProgressiveTable::parse(&stbl, &self.moov, self.moov_offset)?;
            let groups = Groups::parse(&stbl, &track.groups, first.scheme)?;
            let entry = |description: u32| {
                let index = (description as usize).checked_sub(1)?;
                track.entries.get(index).cloned().flatten()
            };
            let table = SampleTable::Progressive(table);
            // `saio` of a whole track counts from the start of the file.
            samples::protected(&stbl, &table, &groups, &entry, 0, &mut found)?;
        }
        Ok(found)
    }
}

impl ProtectedTrack {
    fn parse(trak: &BoxView<'_>) -> Result<Self, Error> {
        let stbl = trak.need(b"mdia")?.need(b"minf")?.need(b"stbl")?;
        let mut entries = Vec::new();
        for entry in stbl.need(b"stsd")?.children_after(8) {
            let entry = entry?;
            let scheme = find_protection(&entry)?.map(|(_, scheme)| scheme);
            entries.push(match scheme {
                Some(Scheme {
                    scheme_type,
                    tenc: Some(tenc),
                    ..
                }) => Some(Arc::new(Protected {
                    scheme: scheme_type,
                    tenc,
                })),
                Some(_) => {
                    let what = format!("{}: the protection is not Common Encryption", entry.path);
                    return Err(Error::Unsupported(what));
                }
                None => None,
            });
        }
        Ok(Self {
            entries,
            groups: Descriptions::parse(&stbl)?,
        })
    }
}

/// The descriptions of encryption groups in a `stbl` or `traf`.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    pub tencs: Vec<Tenc>,
    /// Number of the one for samples that no `sbgp` mentions; 0 is none.
    pub default_index: u32,
}

impl Descriptions {
    pub fn parse(parent: &BoxView<'_>) -> Result<Self, Error> {
        for child in parent.children() {
            let child = child?;
            if child.kind == b"sgpd" {
                let sgpd = Sgpd::parse(&child)?;
                if sgpd.grouping_type == b"seig" {
                    return Ok(Self {
                        tencs: sgpd.encryption,
                        default_index: sgpd.default_index,
                    });
                }
            }
        }
        Ok(Self::default())
    }
}

/// `sinf` of a protected sample entry.
fn find_protection<'a>(entry: &BoxView<'a>) -> Result<Option<(BoxView<'a>, Scheme)>, Error> {
    let skip = match &entry.kind.0 {
        b"encv" => 78,
        b"enca" => match entry.body.get(8..10) {
            Some([0, 1]) => 44,
            Some([0, 2]) => 64,
            _ => 28,
        },
        b"enct" | b"encs" | b"encm" => 8,
        _ => return Ok(None),
    };
    for child in entry.children_after(skip) {
        let child = child?;
        if child.kind == b"sinf" {
            let scheme = parse_protection(&child)?;
            return Ok(Some((child, scheme)));
        }
    }
    Err(entry.error("no 'sinf' box inside").into())
}

/// What changes in a `moov`: sample entries get their type back, boxes of the encryption become `free`.
pub(crate) fn patches(moov: &BoxView<'_>) -> Result<Vec<Patch>, Error> {
    let base = moov.offset;
    let mut patches = Vec::new();
    for child in moov.children() {
        let child = child?;
        if child.kind == b"pssh" {
            patches.push(Patch::rename(&child, base, *b"free"));
        }
        if child.kind != b"trak" {
            continue;
        }
        let stbl = child.need(b"mdia")?.need(b"minf")?.need(b"stbl")?;
        for entry in stbl.need(b"stsd")?.children_after(8) {
            let entry = entry?;
            if let Some((sinf, scheme)) = find_protection(&entry)? {
                patches.push(Patch::rename(&entry, base, scheme.original_format.0));
                patches.push(Patch::rename(&sinf, base, *b"free"));
            }
        }
        patches.extend(samples::auxiliary_patches(&stbl, base)?);
    }
    Ok(patches)
}
