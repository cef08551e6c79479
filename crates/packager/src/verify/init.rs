//! Init segments: what they say, and checks 1–5, 7, 9, 10, 20–24, 32.

mod checks;

use super::location::Location;
use crate::decrypt::patches;
use crate::movie::{self, Parsed};
use crate::{Error, Source, TrackKind};
use bmff::boxes::{
    Edit, Hdlr, Mdhd, Mvhd, Pssh, Scheme, Tkhd, Trex, parse_edits, parse_protection,
};
use bmff::{BoxView, FourCc, read_box, read_header};
pub(super) use checks::check;

/// An init segment, read.
pub(super) struct Init {
    /// Where it is.
    pub at: Location,
    /// The top-level boxes in its range: type, first byte, and the one behind.
    pub boxes: Vec<(FourCc, u64, u64)>,
    /// `moov`, header included.
    pub moov: Vec<u8>,
    /// Where `moov` begins in the file.
    pub moov_offset: u64,
    /// `ftyp`, header included.
    pub ftyp: Vec<u8>,
    /// Picture, sound or other.
    pub kind: TrackKind,
    /// `tkhd.track_ID`.
    pub track_id: u32,
    /// Ticks a second of the media.
    pub timescale: u32,
    /// ISO 639-2.
    pub language: String,
    /// `tkhd`'s width and height, 16.16.
    pub presented_size: (u32, u32),
    /// The edit list.
    pub edits: Vec<Edit>,
    /// Ticks a second of the movie.
    pub movie_timescale: u32,
    /// The sample entries.
    pub entries: Vec<Entry>,
    /// Defaults of fragments.
    pub trex: Option<Trex>,
    /// Whole `pssh` boxes, and what they say.
    pub pssh: Vec<WholePssh>,
}

/// A sample entry.
pub(super) struct Entry {
    /// Its type: `encv` when encrypted.
    pub kind: FourCc,
    /// `sinf`, when there is one.
    pub scheme: Option<Scheme>,
    /// The whole box of `schm` and of `tenc`.
    pub schm: Option<Vec<u8>>,
    /// See `schm`.
    pub tenc: Option<Vec<u8>>,
    /// Types of the boxes in `sinf`.
    pub sinf: Vec<FourCc>,
    /// Types of the boxes in the entry.
    pub boxes: Vec<FourCc>,
}

impl Init {
    /// Reads an init segment; `Ok(Err)` says why it cannot be.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(source: &dyn Source, at: &Location) -> Result<Result<Self, String>, Error> {
        match Self::parse(source, at) {
            Ok(init) => Ok(Ok(init)),
            Err(Error::Io(error)) => Err(Error::Io(error)),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    fn parse(source: &dyn Source, at: &Location) -> Result<Self, Error> {
        let outside = || Error::InvalidInput(format!("the file has {} bytes only", source.len()));
        let (start, end) = at.within(source.len()).ok_or_else(outside)?;
        let mut boxes = Vec::new();
        let (mut moov, mut ftyp) = (None, Vec::new());
        let mut offset = start;
        while offset < end && boxes.len() < 1000 {
            let header = read_header(source, offset, end)?;
            boxes.push((header.kind, header.offset, header.end()));
            match &header.kind.0 {
                b"moov" if moov.is_none() => moov = Some((read_box(source, &header)?, offset)),
                b"ftyp" if ftyp.is_empty() => ftyp = read_box(source, &header)?,
                _ => {}
            }
            offset = header.end();
        }
        let Some((moov, moov_offset)) = moov else {
            return Err(Error::InvalidInput("it has no 'moov'".into()));
        };
        let view = BoxView::new(&moov, moov_offset)?;
        let trak = view.need(b"trak")?;
        let tkhd = Tkhd::parse(&trak.need(b"tkhd")?)?;
        let mdia = trak.need(b"mdia")?;
        let mdhd = Mdhd::parse(&mdia.need(b"mdhd")?)?;
        if mdhd.timescale == 0 {
            return Err(mdia.error("'mdhd' has a timescale of 0").into());
        }
        let kind = match Hdlr::parse(&mdia.need(b"hdlr")?)?.handler.0 {
            [b'v', b'i', b'd', b'e'] => TrackKind::Video,
            [b's', b'o', b'u', b'n'] => TrackKind::Audio,
            other => TrackKind::Other(other),
        };
        let stsd = mdia.need(b"minf")?.need(b"stbl")?.need(b"stsd")?;
        let entries = stsd
            .children_after(8)
            .map(|entry| Entry::parse(&entry?))
            .collect::<Result<_, Error>>()?;
        let edits = match trak.child(b"edts")? {
            Some(edts) => edts
                .child(b"elst")?
                .map(|elst| parse_edits(&elst))
                .transpose()?,
            None => None,
        };
        Ok(Self {
            at: at.clone(),
            ftyp,
            moov_offset,
            kind,
            track_id: tkhd.track_id,
            timescale: mdhd.timescale,
            language: mdhd.language,
            presented_size: (tkhd.width, tkhd.height),
            edits: edits.unwrap_or_default(),
            movie_timescale: Mvhd::parse(&view.need(b"mvhd")?)?.timescale,
            entries,
            trex: trex(&view)?,
            pssh: pssh(&view)?,
            boxes,
            moov,
        })
    }

    /// The `moov` as a box.
    ///
    /// # Errors
    /// Never, since it was read once.
    pub fn view(&self) -> Result<BoxView<'_>, Error> {
        Ok(BoxView::new(&self.moov, self.moov_offset)?)
    }

    /// Whether it is a picture.
    pub fn is_video(&self) -> bool {
        self.kind == TrackKind::Video
    }

    /// What is added to a composition time to give the presentation time, in ticks: from the edit list.
    pub fn shift(&self) -> i64 {
        let gap: u64 = self
            .edits
            .iter()
            .take_while(|edit| edit.media_time < 0)
            .fold(0, |sum, edit| sum.saturating_add(edit.segment_duration));
        let ticks =
            u128::from(gap) * u128::from(self.timescale) / u128::from(self.movie_timescale.max(1));
        let piece = self.edits.iter().find(|edit| edit.media_time >= 0);
        let media_time = piece.map_or(0, |edit| edit.media_time);
        i64::try_from(ticks)
            .unwrap_or(i64::MAX / 4)
            .saturating_sub(media_time)
    }

    /// The first sample entry that is encrypted, else the first one.
    pub fn entry(&self) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries
            .find(|entry| entry.scheme.is_some())
            .or(self.entries.first())
    }

    /// How it is encrypted.
    pub fn scheme(&self) -> Option<&Scheme> {
        self.entry()?.scheme.as_ref()
    }

    /// Whether it has a clear sample entry, as a clear lead takes.
    pub fn has_clear_entry(&self) -> bool {
        self.entries.iter().any(|entry| entry.scheme.is_none())
    }

    /// `tenc.default_KID`.
    pub fn kid(&self) -> Option<[u8; 16]> {
        Some(self.scheme()?.tenc.as_ref()?.kid)
    }

    /// What the sample entry says to a decoder, as if it were clear.
    pub fn decoder(&self) -> Result<Parsed, Error> {
        let mut clear = self.moov.clone();
        for patch in patches(&self.view()?)? {
            patch.apply(&mut clear);
        }
        let moov = BoxView::new(&clear, self.moov_offset)?;
        let mdia = moov.need(b"trak")?.need(b"mdia")?;
        let stsd = mdia.need(b"minf")?.need(b"stbl")?.need(b"stsd")?;
        movie::parse_entries(&stsd, self.kind)
    }
}

fn trex(moov: &BoxView<'_>) -> Result<Option<Trex>, Error> {
    let Some(mvex) = moov.child(b"mvex")? else {
        return Ok(None);
    };
    Ok(mvex
        .child(b"trex")?
        .map(|trex| Trex::parse(&trex))
        .transpose()?)
}

/// The bytes of a `pssh`, and what it says or why it cannot be read.
pub(super) type WholePssh = (Vec<u8>, Result<Pssh, String>);

fn pssh(moov: &BoxView<'_>) -> Result<Vec<WholePssh>, Error> {
    let mut found = Vec::new();
    for child in moov.children() {
        let child = child?;
        if child.kind == b"pssh" {
            let parsed = Pssh::parse(&child).map_err(|error| error.to_string());
            found.push((whole(&child), parsed));
        }
    }
    Ok(found)
}

/// A box with its header, as it would be written in 32 bits.
fn whole(view: &BoxView<'_>) -> Vec<u8> {
    let mut writer = bmff::Writer::default();
    writer.boxed(&view.kind.0, |w| w.put(view.body));
    writer.into_bytes()
}

impl Entry {
    fn parse(entry: &BoxView<'_>) -> Result<Self, Error> {
        let mut found = Self {
            kind: entry.kind,
            scheme: None,
            schm: None,
            tenc: None,
            sinf: Vec::new(),
            boxes: Vec::new(),
        };
        let skip = match &entry.kind.0 {
            b"enca" => match entry.body.get(8..10) {
                Some([0, 1]) => 44,
                Some([0, 2]) => 64,
                _ => 28,
            },
            b"encv" | b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01" | b"vp09" => 78,
            b"enct" | b"encs" | b"encm" => 8,
            _ => return Ok(found),
        };
        for child in entry.children_after(skip) {
            let child = child?;
            found.boxes.push(child.kind);
            if child.kind != b"sinf" {
                continue;
            }
            found.scheme = Some(parse_protection(&child)?);
            for inner in child.children() {
                found.sinf.push(inner?.kind);
            }
            found.schm = child.child(b"schm")?.map(|schm| schm.body.to_vec());
            if let Some(schi) = child.child(b"schi")? {
                found.tenc = schi.child(b"tenc")?.map(|tenc| tenc.body.to_vec());
            }
        }
        Ok(found)
    }
}
