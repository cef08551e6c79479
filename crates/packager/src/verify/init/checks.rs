//! The checks on init segments.

use super::{Entry, Init};
use crate::verify::Level;
use crate::verify::book::Book;
use crate::{Error, TrackKind};
use bmff::boxes::{Ftyp, Tenc};
use bmff::{BoxView, FourCc};

/// The common system of W3C "cenc" init data.
const COMMON_SYSTEM: u128 = 0x1077efec_c0b2_4d02_ace3_3c1e52e2fb4b;

/// Makes all of them.
///
/// # Errors
/// Never on a segment that was read; what is malformed becomes a finding.
pub(in crate::verify) fn check(book: &mut Book, init: &Init) -> Result<(), Error> {
    let moov = init.view()?;
    let place = init.at.to_string();
    structure(book, init, &moov, &place)?;
    tables(book, &moov, &place)?;
    durations(book, init, &moov, &place)?;
    edits(book, init, &place);
    brands(book, init, &place);
    descriptors(book, &moov, &place)?;
    for entry in init.entries.iter().filter(|entry| is_encrypted(entry)) {
        protection(book, entry, &place);
        if let Some(tenc) = entry
            .scheme
            .as_ref()
            .and_then(|scheme| scheme.tenc.as_ref())
        {
            track_encryption(book, init, entry, tenc, &place);
        }
    }
    init_data(book, init, &place);
    if init.is_video()
        && let Some(entry) = init.entries.first()
    {
        let has = |kind: &[u8; 4]| entry.boxes.iter().any(|found| found == kind);
        book.advise(10, has(b"pasp"), &place, || {
            "no 'pasp' in the sample entry".into()
        });
        book.advise(10, has(b"colr"), &place, || {
            "no 'colr' in the sample entry".into()
        });
    }
    Ok(())
}

fn is_encrypted(entry: &Entry) -> bool {
    entry.scheme.is_some() || entry.kind.0.starts_with(b"enc")
}

fn kinds(parent: &BoxView<'_>) -> Result<Vec<FourCc>, Error> {
    Ok(parent
        .children()
        .map(|child| child.map(|child| child.kind))
        .collect::<Result<_, _>>()?)
}

fn names(kinds: &[FourCc]) -> String {
    let names: Vec<String> = kinds.iter().map(FourCc::to_string).collect();
    names.join(" ")
}

/// Check 1.
fn structure(book: &mut Book, init: &Init, moov: &BoxView<'_>, place: &str) -> Result<(), Error> {
    let top: Vec<FourCc> = init.boxes.iter().map(|(kind, ..)| *kind).collect();
    book.ensure(
        1,
        top.first().is_some_and(|kind| kind == b"ftyp"),
        &place,
        || format!("'ftyp' is not first: {}", names(&top)),
    );
    let count = |kind: &[u8; 4]| top.iter().filter(|found| *found == kind).count();
    book.ensure(1, count(b"moov") == 1, &place, || {
        format!("one 'moov' is due: {}", names(&top))
    });
    // A file with media behind its index is no init segment, unless a range says where it ends.
    book.ensure(1, count(b"mdat") + count(b"moof") == 0, &place, || {
        format!("media in an init segment: {}", names(&top))
    });
    let inside = kinds(moov)?;
    let first = inside.first().is_some_and(|kind| kind == b"mvhd");
    book.ensure(1, first, &place, || {
        format!("'mvhd' is not first in 'moov': {}", names(&inside))
    });
    let tracks = inside.iter().filter(|kind| *kind == b"trak").count();
    book.ensure(1, tracks == 1, &place, || {
        format!("{tracks} tracks, one is due")
    });
    let at = |kind: &[u8; 4]| inside.iter().position(|found| found == kind);
    let ordered = match (at(b"mvex"), at(b"pssh")) {
        (Some(mvex), Some(pssh)) => mvex < pssh,
        _ => true,
    };
    book.ensure(1, ordered, &place, || {
        format!("'pssh' is before 'mvex': {}", names(&inside))
    });
    let defaults = match moov.child(b"mvex")? {
        Some(mvex) => kinds(&mvex)?.iter().filter(|kind| *kind == b"trex").count(),
        None => 0,
    };
    book.ensure(1, defaults == 1, &place, || {
        format!("{defaults} 'trex', one is due")
    });
    let track_id = init.trex.map(|trex| trex.track_id);
    book.ensure(8, track_id == Some(init.track_id), &place, || {
        format!(
            "'trex' names track {}, 'tkhd' {}",
            crate::verify::words::value(track_id),
            init.track_id
        )
    });
    Ok(())
}

/// Checks 2 and 4.
fn tables(book: &mut Book, moov: &BoxView<'_>, place: &str) -> Result<(), Error> {
    let minf = moov.need(b"trak")?.need(b"mdia")?.need(b"minf")?;
    let stbl = minf.need(b"stbl")?;
    for (kind, count_at) in [(b"stts", 4), (b"stsc", 4), (b"stco", 4), (b"stsz", 8)] {
        let name = FourCc(*kind);
        let empty = match stbl.child(kind)? {
            Some(table) => table.body.get(count_at..count_at + 4) == Some(&[0; 4]),
            None => false,
        };
        book.ensure(2, empty, &place, || {
            format!("'{name}' is missing or not empty")
        });
    }
    let entries = stbl.need(b"stsd")?.children_after(8).count();
    // A clear lead has a second one (ISO/IEC 23000-19, 8.2.2).
    book.ensure(2, matches!(entries, 1 | 2), &place, || {
        format!("{entries} sample entries")
    });
    let own: &[u8] = b"\0\0\0\0\0\0\0\x01\0\0\0\x0curl \0\0\0\x01";
    let dref = match minf.child(b"dinf")? {
        Some(dinf) => dinf.child(b"dref")?,
        None => None,
    };
    let is_own = dref.is_some_and(|dref| dref.body == own);
    book.ensure(4, is_own, &place, || {
        "'dref' is not one 'url ' with flag 1".into()
    });
    Ok(())
}

/// Check 3.
fn durations(book: &mut Book, init: &Init, moov: &BoxView<'_>, place: &str) -> Result<(), Error> {
    let trak = moov.need(b"trak")?;
    let mdia = trak.need(b"mdia")?;
    for (view, before) in [
        (moov.need(b"mvhd")?, 4),
        (mdia.need(b"mdhd")?, 4),
        (trak.need(b"tkhd")?, 8),
    ] {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let wide = version == 1;
        cursor.skip(if wide { 16 } else { 8 } + before)?;
        let duration = cursor.uint(wide)?;
        let unknown = duration == if wide { u64::MAX } else { u64::from(u32::MAX) };
        book.ensure(3, duration == 0 || unknown, &place, || {
            format!("'{}' has a duration of {duration}", view.kind)
        });
    }
    let (width, height) = init.presented_size;
    match init.kind {
        TrackKind::Video => {
            book.ensure(3, width > 0 && height > 0, &place, || {
                "'tkhd' gives the picture no size".into()
            });
            if let Ok(decoder) = init.decoder()
                && let (Some((wide, high)), Some(crate::movie::SampleEntry::Video(entry))) =
                    (decoder.size, &decoder.entry)
            {
                let (h, v) = entry.pixel_aspect;
                let shown = |pixels: u32, times: u32, by: u32| {
                    f64::from(pixels) * f64::from(times) / f64::from(by.max(1))
                };
                let (x, y) = (f64::from(width) / 65_536.0, f64::from(height) / 65_536.0);
                // The pixel aspect may stretch the width or shrink the height; a rotation swaps the two.
                let fits = [
                    (shown(wide, h, v), f64::from(high)),
                    (f64::from(wide), shown(high, v, h)),
                    (f64::from(wide), f64::from(high)),
                ]
                .iter()
                .any(|(a, b)| {
                    ((x - a).abs() < 1.5 && (y - b).abs() < 1.5)
                        || ((x - b).abs() < 1.5 && (y - a).abs() < 1.5)
                });
                book.ensure(3, fits, &place, || {
                    format!("'tkhd' shows {x}x{y}, the picture is {wide}x{high} of pixels {h}:{v}")
                });
            }
        }
        TrackKind::Audio => {
            book.ensure(3, width == 0 && height == 0, &place, || {
                "sound has a size in 'tkhd'".into()
            });
        }
        TrackKind::Text | TrackKind::Other(_) => {}
    }
    Ok(())
}

/// Check 5.
fn edits(book: &mut Book, init: &Init, place: &str) {
    book.performed(5);
    let brand = |name: &[u8; 4]| init.ftyp.chunks_exact(4).skip(2).any(|brand| brand == name);
    match init.edits.as_slice() {
        [] => {}
        [edit] => {
            let open = edit.segment_duration == 0
                && edit.media_rate == 0x0001_0000
                && edit.media_time >= 0;
            book.ensure(5, open, &place, || {
                format!(
                    "the edit lasts {}, begins at {}, at {}/65536 speed",
                    edit.segment_duration, edit.media_time, edit.media_rate
                )
            });
            book.ensure(5, !brand(b"cmf2"), &place, || {
                "'cmf2' has no edit list".into()
            });
        }
        more => book.must(
            5,
            &place,
            format!("{} edits, one is due at most", more.len()),
        ),
    }
}

/// Check 20.
fn brands(book: &mut Book, init: &Init, place: &str) {
    let ftyp = BoxView::new(&init.ftyp, 0).and_then(|view| Ftyp::parse(&view));
    let Ok(ftyp) = ftyp else {
        return book.must(20, &place, "'ftyp' cannot be read");
    };
    let mut all = ftyp.compatible_brands.iter().chain([&ftyp.major_brand]);
    let is_cmaf = all.any(|brand| brand == b"cmfc" || brand == b"cmf2");
    book.ensure(20, is_cmaf, &place, || {
        "neither 'cmfc' nor 'cmf2' among the brands".into()
    });
    let is_major = ftyp.major_brand == b"cmfc" || ftyp.major_brand == b"cmf2";
    let minor = init.ftyp.get(12..16);
    book.ensure(20, !is_major || minor == Some(&[0; 4]), &place, || {
        "the minor version is not 0".into()
    });
}

/// Check 7: `ES_ID` is behind the tag and the length of the first descriptor.
fn descriptors(book: &mut Book, moov: &BoxView<'_>, place: &str) -> Result<(), Error> {
    let minf = moov.need(b"trak")?.need(b"mdia")?.need(b"minf")?;
    for entry in minf.need(b"stbl")?.need(b"stsd")?.children_after(8) {
        let entry = entry?;
        if entry.kind != b"mp4a" && entry.kind != b"enca" {
            continue;
        }
        for child in entry.children_after(28) {
            let child = child?;
            if child.kind != b"esds" {
                continue;
            }
            let descriptor = child.body.get(5..).unwrap_or_default();
            let length = descriptor
                .iter()
                .take_while(|byte| **byte & 0x80 != 0)
                .count()
                + 1;
            let id = descriptor.get(length..length + 2);
            book.ensure(7, id == Some(&[0, 0]), &place, || {
                format!("ES_ID is {}, 0 is due", crate::verify::words::hex(id))
            });
        }
    }
    Ok(())
}

/// Checks 21 and 22.
fn protection(book: &mut Book, entry: &Entry, place: &str) {
    let wrapped = entry.kind.0.starts_with(b"enc");
    book.ensure(21, wrapped, &place, || {
        format!("'sinf' in the entry '{}'", entry.kind)
    });
    let Some(scheme) = &entry.scheme else {
        return book.must(
            21,
            &place,
            format!("no 'sinf' in the entry '{}'", entry.kind),
        );
    };
    let order = entry.sinf == [FourCc(*b"frma"), FourCc(*b"schm"), FourCc(*b"schi")];
    book.ensure(21, order, &place, || {
        format!("'sinf' holds {}", names(&entry.sinf))
    });
    let known = matches!(&scheme.scheme_type.0, b"cenc" | b"cens" | b"cbc1" | b"cbcs");
    book.ensure(21, known, &place, || {
        format!("the scheme '{}'", scheme.scheme_type)
    });
    let version = entry.schm.as_deref().and_then(|schm| schm.get(8..12));
    book.ensure(21, version == Some(&[0, 1, 0, 0]), &place, || {
        format!("scheme_version is {}", crate::verify::words::hex(version))
    });
    let clear = !scheme.original_format.0.starts_with(b"enc");
    book.ensure(21, clear, &place, || {
        format!("'frma' says '{}'", scheme.original_format)
    });
    let (Some(tenc), Some(body)) = (&scheme.tenc, entry.tenc.as_deref()) else {
        return book.must(22, &place, "no 'tenc'");
    };
    book.ensure(22, tenc.is_protected, &place, || {
        "default_isProtected is 0".into()
    });
    let version = body.first().copied().unwrap_or(0);
    let pattern = body.get(5).copied().unwrap_or(0);
    let right = match version {
        0 => pattern == 0,
        1 => true,
        _ => false,
    };
    book.ensure(22, right, &place, || {
        format!("'tenc' of version {version} with the pattern {pattern:#04x}")
    });
    let needless = version == 1 && pattern == 0;
    book.advise(22, !needless, &place, || {
        "'tenc' of version 1 without a pattern".into()
    });
}

/// Checks 23 and 24.
fn track_encryption(book: &mut Book, init: &Init, entry: &Entry, tenc: &Tenc, place: &str) {
    let Some(scheme) = &entry.scheme else {
        return;
    };
    let pattern = (tenc.crypt_blocks, tenc.skip_blocks);
    let constant = tenc.constant_iv.as_ref().map(Vec::len);
    match &scheme.scheme_type.0 {
        b"cbcs" => {
            let right = match init.kind {
                TrackKind::Video => pattern == (1, 9),
                _ => matches!(pattern, (0, 0) | (10, 0) | (1, 0)),
            };
            book.ensure(23, right, &place, || {
                format!("the pattern is {}:{}", pattern.0, pattern.1)
            });
            book.ensure(23, tenc.iv_size == 0, &place, || {
                "samples have IVs of their own".into()
            });
            book.ensure(23, constant == Some(16), &place, || {
                format!(
                    "the constant IV has {} bytes, 16 are due",
                    constant.unwrap_or(0)
                )
            });
        }
        b"cenc" | b"cens" => {
            book.ensure(24, tenc.iv_size == 8, &place, || {
                format!("IVs of {} bytes, 8 are due", tenc.iv_size)
            });
            book.ensure(24, constant.is_none(), &place, || {
                "a constant IV in counter mode".into()
            });
            let right = scheme.scheme_type == b"cens" || pattern == (0, 0);
            book.ensure(24, right, &place, || {
                format!("'cenc' with the pattern {}:{}", pattern.0, pattern.1)
            });
        }
        b"cbc1" => {
            book.ensure(24, tenc.iv_size == 16, &place, || {
                format!("IVs of {} bytes, 16 are due", tenc.iv_size)
            });
        }
        _ => {}
    }
}

/// Checks 30 and 32.
fn init_data(book: &mut Book, init: &Init, place: &str) {
    let kid = init.kid();
    for (bytes, parsed) in &init.pssh {
        let pssh = match parsed {
            Ok(pssh) => pssh,
            Err(what) => {
                book.must(32, &place, what.as_str());
                continue;
            }
        };
        let version = bytes.get(8).copied().unwrap_or(0);
        let kids = match version {
            0 => 0,
            _ => 4 + 16 * pssh.kids.len(),
        };
        let due = 8 + 4 + 16 + kids + 4 + pssh.data.len();
        book.ensure(32, bytes.len() == due, &place, || {
            format!("a 'pssh' of {} bytes whose fields need {due}", bytes.len())
        });
        let is_common = pssh.system_id == COMMON_SYSTEM.to_be_bytes();
        if is_common {
            book.ensure(32, version == 1, &place, || {
                format!("the common 'pssh' has version {version}")
            });
            book.ensure(32, pssh.data.is_empty(), &place, || {
                "the common 'pssh' has data".into()
            });
        }
        if let (true, Some(kid)) = (version > 0, kid) {
            let named = pssh.kids.contains(&kid);
            book.ensure(30, named, &place, || {
                "a 'pssh' does not name the key id of 'tenc'".into()
            });
        }
    }
    if kid.is_some() && init.pssh.is_empty() {
        let what = "no 'pssh' in the init segment";
        book.add(32, Level::Should, &place, what);
    }
}
