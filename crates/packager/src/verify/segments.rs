//! Media segments: their fragments and samples, and checks 8, 11, 12, 18, 26 and 34 on the boxes.

mod auxiliary;
mod sealed;

use super::book::Book;
use super::init::Init;
use super::location::Location;
use crate::decrypt::{Tracks, of_fragment};
use crate::movie::fragments::{data_base, push_runs};
use crate::sample::{FragmentedTable, Sample, SampleTable};
use crate::{Error, Source};
use bmff::boxes::{Tfdt, Tfhd, Trun};
use bmff::{BoxHeader, BoxView, read_box, read_header};
use sealed::Overlay;
pub(super) use sealed::Sealed;

/// How many samples one fragment may have.
const MAX_FRAGMENT_SAMPLES: u64 = 500_000;
/// How many boxes a segment may have.
const MAX_BOXES: usize = 100_000;
/// How many boxes may lie before a `moof`.
const MAX_LEADING: usize = 20;

/// A `moof` and its `mdat`.
pub(super) struct Fragment {
    /// First byte of what belongs to it: of `moof`, or of `styp`, `prft` and `emsg` before it.
    pub start: u64,
    /// Behind its `mdat`.
    pub end: u64,
    /// `mfhd.sequence_number`.
    pub sequence_number: u32,
    /// `tfdt`, when there is one.
    pub decode_time: Option<u64>,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// Those that are encrypted.
    pub protected: Vec<Sealed>,
}

/// What all segments of a rendition share.
pub(super) struct Reader<'a> {
    /// The init segment.
    pub init: &'a Init,
    /// What it says about encryption.
    pub tracks: &'a Tracks,
    /// How many samples may still be read.
    pub left: u64,
}

impl Reader<'_> {
    /// Reads a segment; `due` is the decode time of a fragment without `tfdt`.
    ///
    /// # Errors
    /// When the file cannot be read. What is malformed becomes a finding.
    pub fn segment(
        &mut self,
        book: &mut Book,
        source: &dyn Source,
        at: &Location,
        due: u64,
    ) -> Result<Vec<Fragment>, Error> {
        let Some((start, end)) = at.within(source.len()) else {
            book.must(37, at, format!("the file has {} bytes only", source.len()));
            return Ok(Vec::new());
        };
        let mut walk = Walk {
            due,
            ..Walk::default()
        };
        let mut offset = start;
        let mut count = 0;
        while offset < end && count < MAX_BOXES {
            count += 1;
            let header = match read_header(source, offset, end) {
                Ok(header) if header.end() <= end => header,
                Ok(header) => {
                    let what = format!("'{}' at {offset:#x} ends behind the end", header.kind);
                    book.must(11, at, what);
                    break;
                }
                Err(bmff::Error::Io(error)) => return Err(Error::Io(error)),
                Err(error) => {
                    book.must(11, at, error.to_string());
                    break;
                }
            };
            self.top_level(book, source, at, &header, &mut walk)?;
            offset = header.end();
        }
        let complete = walk.moof.is_none();
        book.ensure(11, complete, at, || {
            "a 'moof' without 'mdat' behind it".into()
        });
        Ok(walk.fragments)
    }

    /// The fragment whose boxes begin at `start`; what is wrong with it is no finding here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fragment_at(
        &mut self,
        source: &dyn Source,
        start: u64,
    ) -> Result<Option<Fragment>, Error> {
        let mut offset = start;
        let mut moof = None;
        for _ in 0..MAX_LEADING {
            let header = match read_header(source, offset, source.len()) {
                Ok(header) if header.end() <= source.len() => header,
                Err(bmff::Error::Io(error)) => return Err(Error::Io(error)),
                _ => return Ok(None),
            };
            match (&header.kind.0, moof) {
                (b"mdat", Some(moof)) => {
                    let at = Location::file("");
                    let mut walk = Walk::default();
                    self.fragment(
                        &mut Book::default(),
                        source,
                        &at,
                        (&moof, &header, start),
                        &mut walk,
                    )?;
                    return Ok(walk.fragments.pop());
                }
                (b"moof", None) => moof = Some(header),
                (b"styp" | b"prft" | b"emsg", None) => {}
                _ => return Ok(None),
            }
            offset = header.end();
        }
        Ok(None)
    }

    fn top_level(
        &mut self,
        book: &mut Book,
        source: &dyn Source,
        at: &Location,
        header: &BoxHeader,
        walk: &mut Walk,
    ) -> Result<(), Error> {
        if let Some(moof) = walk.moof.take() {
            let follows = header.kind == b"mdat";
            book.ensure(11, follows, at, || {
                format!("'{}' is behind 'moof', where 'mdat' is due", header.kind)
            });
            if follows {
                let begin = walk.begin.take().unwrap_or(moof.offset);
                self.fragment(book, source, at, (&moof, header, begin), walk)?;
                return Ok(());
            }
        }
        match &header.kind.0 {
            b"moof" => {
                walk.begin.get_or_insert(header.offset);
                walk.moof = Some(*header);
            }
            b"styp" => {
                let first = walk.begin.is_none();
                book.ensure(11, first, at, || "'styp' is not first".into());
                walk.begin.get_or_insert(header.offset);
            }
            b"prft" | b"emsg" => {
                walk.begin.get_or_insert(header.offset);
            }
            b"sidx" => {
                let before = walk.fragments.is_empty();
                book.ensure(11, before, at, || "'sidx' is behind a fragment".into());
            }
            b"free" | b"skip" | b"mfra" | b"uuid" => {}
            // A whole file begins with its init segment.
            b"ftyp" | b"moov" if walk.fragments.is_empty() => {}
            _ => book.must(
                11,
                at,
                format!("'{}' has no place in a segment", header.kind),
            ),
        }
        Ok(())
    }

    fn fragment(
        &mut self,
        book: &mut Book,
        source: &dyn Source,
        at: &Location,
        (header, mdat, begin): (&BoxHeader, &BoxHeader, u64),
        walk: &mut Walk,
    ) -> Result<(), Error> {
        let bytes = match read_box(source, header) {
            Ok(bytes) => bytes,
            Err(bmff::Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => {
                book.must(11, at, error.to_string());
                return Ok(());
            }
        };
        let read = BoxView::new(&bytes, header.offset)
            .map_err(Error::from)
            .and_then(|moof| self.read_moof(book, at, &moof, mdat, walk.due));
        let (mut fragment, moof) = match read {
            Ok(fragment) => (fragment, BoxView::new(&bytes, header.offset)?),
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => {
                book.must(11, at, error.to_string());
                return Ok(());
            }
        };
        fragment.start = begin;
        let near = Overlay {
            inner: source,
            offset: header.offset,
            bytes: &bytes,
        };
        let protected = of_fragment(&moof, self.tracks).and_then(|samples| {
            let sealed = samples
                .into_iter()
                .map(|sample| Sealed::read(sample, &near));
            sealed.collect::<Result<Vec<_>, _>>()
        });
        match protected {
            Ok(protected) => fragment.protected = protected,
            Err(Error::Io(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                return Err(Error::Io(error));
            }
            Err(error) => book.must(26, at, error.to_string()),
        }
        if self.init.scheme().is_some() {
            // A sample without bytes is neither.
            let with_bytes = fragment.samples.iter().filter(|sample| sample.size > 0);
            let (protected, all) = (fragment.protected.len(), with_bytes.count());
            book.ensure(34, protected == 0 || protected == all, at, || {
                format!("{protected} of {all} samples of a fragment are encrypted")
            });
            auxiliary::check(book, at, &moof, &fragment)?;
        }
        let ticks = |sum: u64, sample: &Sample| sum.saturating_add(u64::from(sample.duration));
        walk.due = fragment
            .samples
            .iter()
            .fold(fragment.decode_time.unwrap_or(walk.due), ticks);
        walk.fragments.push(fragment);
        Ok(())
    }

    fn read_moof(
        &mut self,
        book: &mut Book,
        at: &Location,
        moof: &BoxView<'_>,
        mdat: &BoxHeader,
        due: u64,
    ) -> Result<Fragment, Error> {
        let children: Vec<BoxView<'_>> = moof.children().collect::<Result<_, _>>()?;
        let kinds: Vec<String> = children
            .iter()
            .map(|child| child.kind.to_string())
            .collect();
        let trafs = children
            .iter()
            .filter(|child| child.kind == b"traf")
            .count();
        book.ensure(11, trafs == 1, at, || {
            format!("{trafs} 'traf' in a 'moof', one is due")
        });
        let first = children.first().is_some_and(|child| child.kind == b"mfhd");
        book.ensure(11, first, at, || {
            format!("'moof' holds {}", kinds.join(" "))
        });
        let mut cursor = moof.need(b"mfhd")?.cursor();
        cursor.skip(4)?;
        let sequence_number = cursor.u32()?;
        let traf = moof.need(b"traf")?;
        boxes_of_traf(book, at, &traf)?;
        let head = traf.need(b"tfhd")?;
        let tfhd = Tfhd::parse(&head)?;
        let same = tfhd.track_id == self.init.track_id;
        book.ensure(8, same, at, || {
            format!(
                "'tfhd' names track {}, the init segment {}",
                tfhd.track_id, self.init.track_id
            )
        });
        book.ensure(12, tfhd.default_base_is_moof, at, || {
            "default-base-is-moof is not set".into()
        });
        book.ensure(12, tfhd.base_data_offset.is_none(), at, || {
            "base-data-offset is there".into()
        });
        let decode_time = traf
            .child(b"tfdt")?
            .map(|view| Tfdt::parse(&view))
            .transpose()?;
        let decode_time = decode_time.map(|tfdt| tfdt.base_media_decode_time);
        book.ensure(13, decode_time.is_some(), at, || "no 'tfdt'".into());
        let trex = self.init.trex.unwrap_or_default();
        let base = data_base(&tfhd, moof.offset, moof.offset);
        let mut table = FragmentedTable::default();
        let most = self.left.min(MAX_FRAGMENT_SAMPLES);
        let start = (decode_time.unwrap_or(due), base);
        push_runs(&traf, &tfhd, &trex, start, most, &mut table)?;
        self.left = self.left.saturating_sub(table.count());
        let samples: Vec<Sample> = SampleTable::Fragmented(table).iter().collect();
        runs(book, at, &traf, &samples)?;
        payload(book, at, &samples, mdat);
        Ok(Fragment {
            start: moof.offset,
            end: mdat.end(),
            sequence_number,
            decode_time,
            samples,
            protected: Vec::new(),
        })
    }
}

/// What is known while a segment is walked over.
#[derive(Default)]
struct Walk {
    fragments: Vec<Fragment>,
    /// Where boxes of the next fragment begin.
    begin: Option<u64>,
    moof: Option<BoxHeader>,
    due: u64,
}

/// Check 11: `tfhd`, `tfdt`, then `trun`.
fn boxes_of_traf(book: &mut Book, at: &Location, traf: &BoxView<'_>) -> Result<(), Error> {
    let mut kinds = Vec::new();
    for child in traf.children() {
        kinds.push(child?.kind);
    }
    let position = |kind: &[u8; 4]| kinds.iter().position(|found| found == kind);
    let places = [position(b"tfhd"), position(b"tfdt"), position(b"trun")];
    let places: Vec<usize> = places.into_iter().flatten().collect();
    let right = places.is_sorted() && places.first() == Some(&0) && position(b"trun").is_some();
    book.ensure(11, right, at, || {
        let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        format!("'traf' holds {}", names.join(" "))
    });
    Ok(())
}

/// Checks 12 and 18 on each `trun`.
fn runs(
    book: &mut Book,
    at: &Location,
    traf: &BoxView<'_>,
    samples: &[Sample],
) -> Result<(), Error> {
    let mut first = 0_usize;
    for child in traf.children() {
        let child = child?;
        if child.kind != b"trun" {
            continue;
        }
        let trun = Trun::parse(&child)?;
        book.ensure(12, trun.data_offset.is_some(), at, || {
            "'trun' has no data offset".into()
        });
        let count = trun.count as usize;
        let here = samples
            .get(first..first.saturating_add(count))
            .unwrap_or_default();
        let negative = here.iter().any(|sample| sample.composition_offset < 0);
        book.ensure(18, !negative || trun.version == 1, at, || {
            "composition offsets of version 0 above 2^31 (negative ones need version 1)".into()
        });
        first = first.saturating_add(count);
    }
    Ok(())
}

/// Check 12: samples fill the `mdat`, one behind the other.
fn payload(book: &mut Book, at: &Location, samples: &[Sample], mdat: &BoxHeader) {
    let mut due = mdat.body_offset();
    for sample in samples {
        if sample.offset != due {
            let what = format!("a sample is at {:#x}, {due:#x} is due", sample.offset);
            book.must(12, at, what);
            return;
        }
        due = due.saturating_add(u64::from(sample.size));
    }
    book.ensure(12, due == mdat.end(), at, || {
        format!("samples end at {due:#x}, 'mdat' at {:#x}", mdat.end())
    });
}
