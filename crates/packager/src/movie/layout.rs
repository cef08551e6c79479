//! The layout of a file: its top-level boxes, and whether the boxes of its index fit into one another.

use super::ProbeOptions;
use crate::{Error, Source};
use bmff::boxes::Ftyp;
use bmff::{BoxHeader, BoxView, FourCc, TopLevel, read_box};
use std::sync::Arc;

/// How many boxes a `moov` may have down to the tables of its tracks. A track has about twenty.
const MAX_BOXES: u32 = 50_000;

/// [`check_nesting`] of a `moov`.
///
/// # Errors
/// [`Error::InvalidInput`] names the box, [`Error::LimitExceeded`] the first one of too many.
pub(crate) fn check_moov(moov: &BoxView<'_>) -> Result<(), Error> {
    let mut left = MAX_BOXES;
    check_nesting(moov, &mut left)
}

/// Reads the `moov` whole.
///
/// # Errors
/// When it is larger than an index may be.
pub(crate) fn read_moov(source: &dyn Source, header: &BoxHeader) -> Result<Arc<[u8]>, Error> {
    bmff::check_in_memory(source, header)?;
    // Made in its place: copied, the largest index would be in memory twice.
    let length = usize::try_from(header.size).unwrap_or_default();
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    if let Some(bytes) = Arc::get_mut(&mut bytes) {
        source.read_at(header.offset, bytes)?;
    }
    Ok(bytes)
}

/// Checks that the boxes of an index fill the ones around them, since one wrong size hides all that follow, and that
/// those of which there is one are there once: readers would differ in which of two they take. `left` is how many
/// boxes there may be, and becomes less.
///
/// # Errors
/// [`Error::InvalidInput`] names the box.
pub(crate) fn check_nesting(parent: &BoxView<'_>, left: &mut u32) -> Result<(), Error> {
    let mut seen: Vec<FourCc> = Vec::new();
    for child in parent.children() {
        let child = child?;
        *left = left.checked_sub(1).ok_or_else(|| {
            let what = format!(
                "{} at {:#x}: the index has too many boxes",
                child.path, child.offset
            );
            Error::LimitExceeded(what)
        })?;
        if let Some(alike) = single(&parent.kind, &child.kind) {
            if let Some(first) = seen.iter().find(|first| alike.contains(&&first.0)) {
                let what = match *first == child.kind {
                    true => format!("a second '{first}'"),
                    false => format!("a '{}' beside a '{first}'", child.kind),
                };
                return Err(child.error(what).into());
            }
            seen.push(child.kind);
        }
        // Each of these holds others of the list only, so that the depth is bounded.
        if matches!(
            (&parent.kind.0, &child.kind.0),
            (b"moov", b"trak" | b"mvex")
                | (b"trak", b"mdia" | b"edts")
                | (b"mdia", b"minf")
                | (b"minf", b"stbl")
        ) {
            check_nesting(&child, left)?;
        }
    }
    Ok(())
}

/// The boxes of which one alone may be in a box, if this is one of them (ISO/IEC 14496-12, table 1).
fn single(parent: &FourCc, child: &FourCc) -> Option<&'static [&'static [u8; 4]]> {
    Some(match (&parent.0, &child.0) {
        (b"moov", b"mvhd") => &[b"mvhd"],
        (b"moov", b"mvex") => &[b"mvex"],
        (b"trak", b"tkhd") => &[b"tkhd"],
        (b"trak", b"edts") => &[b"edts"],
        (b"trak", b"mdia") => &[b"mdia"],
        (b"edts", b"elst") => &[b"elst"],
        (b"mdia", b"mdhd") => &[b"mdhd"],
        (b"mdia", b"hdlr") => &[b"hdlr"],
        (b"mdia", b"minf") => &[b"minf"],
        (b"minf", b"stbl") => &[b"stbl"],
        (b"stbl", b"stsd") => &[b"stsd"],
        (b"stbl", b"stts") => &[b"stts"],
        (b"stbl", b"ctts") => &[b"ctts"],
        (b"stbl", b"stss") => &[b"stss"],
        (b"stbl", b"stsc") => &[b"stsc"],
        (b"stbl", b"stsz" | b"stz2") => &[b"stsz", b"stz2"],
        (b"stbl", b"stco" | b"co64") => &[b"stco", b"co64"],
        (b"traf", b"tfhd") => &[b"tfhd"],
        (b"traf", b"tfdt") => &[b"tfdt"],
        _ => return None,
    })
}

/// Where the top-level boxes lie.
pub(super) struct Layout {
    /// Major brand of `ftyp`.
    pub brand: String,
    /// The index.
    pub moov: BoxHeader,
    /// Whether there are movie fragments.
    pub has_fragments: bool,
    /// Whether the last box is not whole; only when that is no error.
    pub is_cut: bool,
}

impl Layout {
    /// Walks over the boxes of a file.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names another container; [`Error::InvalidInput`] says where the file is cut short.
    pub fn read(source: &dyn Source, options: &ProbeOptions) -> Result<Self, Error> {
        refuse_other_containers(source)?;
        let mut brand = String::new();
        let mut moov = None;
        let mut has_fragments = false;
        let mut is_cut = false;
        for header in TopLevel::new(source) {
            let header = match header {
                Ok(header) => header,
                // Some writers leave a few bytes behind the last box.
                Err(_) if moov.is_some() && !has_fragments => break,
                Err(_) if moov.is_some() && options.salvage => {
                    is_cut = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            if header.end() > source.len() && moov.is_some() && options.salvage {
                is_cut = true;
                break;
            }
            if header.end() > source.len() {
                if header.offset == 0 && !is_known(&header.kind) {
                    return Err(Error::InvalidInput(NO_BOX.into()));
                }
                return Err(cut_short(source, &header, moov.is_some()));
            }
            match &header.kind.0 {
                b"ftyp" => {
                    let bytes = read_box(source, &header)?;
                    let ftyp = Ftyp::parse(&BoxView::new(&bytes, header.offset)?)?;
                    brand = ftyp.major_brand.to_string();
                }
                b"moov" if moov.is_none() => moov = Some(header),
                b"moov" => return Err(second_moov(&header)),
                b"moof" => has_fragments = true,
                _ => {}
            }
        }
        let Some(moov) = moov else {
            return Err(Error::InvalidInput(format!(
                "the file has no 'moov' box: it is cut short or was never finished (it ends at {:#x})",
                source.len()
            )));
        };
        Ok(Self {
            brand,
            moov,
            has_fragments,
            is_cut,
        })
    }
}

const NO_BOX: &str = "the file does not begin with a box: it is no MP4 or MOV file (at 0x0)";

/// Whether files begin with boxes of this type. Four letters of a text are a type, too.
fn is_known(kind: &FourCc) -> bool {
    matches!(
        &kind.0,
        b"ftyp"
            | b"styp"
            | b"moov"
            | b"moof"
            | b"mdat"
            | b"free"
            | b"skip"
            | b"wide"
            | b"pnot"
            | b"uuid"
            | b"sidx"
            | b"meta"
            | b"pdin"
    )
}

fn cut_short(source: &dyn Source, header: &BoxHeader, index_known: bool) -> Error {
    let hint = match index_known {
        true => "; `--salvage` packages what is whole",
        false => "; the index ('moov') was not reached, and nothing can be salvaged without it",
    };
    Error::InvalidInput(format!(
        "the file is cut short: '{}' at {:#x} says that it ends at {:#x}, the file ends at {:#x} ({} bytes are missing{hint})",
        header.kind,
        header.offset,
        header.end(),
        source.len(),
        header.end() - source.len(),
    ))
}

/// Names what a file is when it is plainly no MP4.
fn refuse_other_containers(source: &dyn Source) -> Result<(), Error> {
    if source.is_empty() {
        return Err(Error::InvalidInput("the file is empty".into()));
    }
    let mut start = [0; 12];
    let known = start
        .len()
        .min(usize::try_from(source.len()).unwrap_or(usize::MAX));
    if let Some(start) = start.get_mut(..known) {
        source.read_at(0, start)?;
    }
    let name = match &start {
        // Packets of 192 bytes, as cameras write them, begin with a time stamp.
        [_, _, _, _, 0x47, ..] if has_transport_packets(source)? => "MPEG transport stream",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "Matroska or WebM",
        [0x47, ..] if known == 12 && !start.starts_with(b"GIF") => "MPEG transport stream",
        [0x89, b'P', b'N', b'G', ..] => "PNG picture",
        [0xff, 0xd8, 0xff, ..] => "JPEG picture",
        [b'G', b'I', b'F', ..] => "GIF picture",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => "AVI",
        [b'F', b'L', b'V', ..] => "FLV",
        [b'O', b'g', b'g', b'S', ..] => "Ogg",
        [b'I', b'D', b'3', ..] => "MP3",
        _ => {
            let kind: FourCc = FourCc([start[4], start[5], start[6], start[7]]);
            let plausible = kind.0.iter().all(|byte| matches!(byte, 0x20..=0x7e | 0xa9));
            if known < 8 || !plausible {
                return Err(Error::InvalidInput(NO_BOX.into()));
            }
            return Ok(());
        }
    };
    let hint = match name.ends_with("picture") {
        true => "it is no video",
        false => "`reelpack package` and the server convert it first",
    };
    Err(Error::Unsupported(format!(
        "the file is {name}, not MP4 or MOV: {hint}"
    )))
}

/// Whether packets of 192 bytes follow one another.
fn has_transport_packets(source: &dyn Source) -> Result<bool, Error> {
    let mut byte = [0];
    for packet in 0..3 {
        let at = 4 + 192 * packet;
        if at >= source.len() {
            return Ok(false);
        }
        source.read_at(at, &mut byte)?;
        if byte != [0x47] {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Of two indexes nobody knows which one is meant.
pub(crate) fn second_moov(header: &BoxHeader) -> Error {
    Error::InvalidInput(format!("a second 'moov' at {:#x}", header.offset))
}
