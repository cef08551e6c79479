//! Check 26: what samples need to be decrypted stands in `senc`, and `saiz` and `saio` find it there.

use super::Fragment;
use crate::Error;
use crate::verify::book::Book;
use crate::verify::location::Location;
use bmff::BoxView;
use bmff::boxes::{Saio, Saiz, SampleAuxiliary, Senc};

/// Checks a fragment of an encrypted track.
///
/// # Errors
/// Never; what is malformed becomes a finding.
pub(super) fn check(
    book: &mut Book,
    at: &Location,
    moof: &BoxView<'_>,
    fragment: &Fragment,
) -> Result<(), Error> {
    if let Err(error) = read(book, at, moof, fragment) {
        book.must(26, at, error.to_string());
    }
    subsamples(book, at, fragment);
    Ok(())
}

fn read(
    book: &mut Book,
    at: &Location,
    moof: &BoxView<'_>,
    fragment: &Fragment,
) -> Result<(), Error> {
    let traf = moof.need(b"traf")?;
    let boxes = (
        traf.child(b"senc")?,
        traf.child(b"saiz")?,
        traf.child(b"saio")?,
    );
    let Some(first) = fragment.protected.first() else {
        // A clear fragment has nothing to say, or an empty word for each sample.
        return Ok(());
    };
    let iv_size = first.parameters.iv_size;
    match boxes {
        (None, None, None) => {
            book.ensure(26, iv_size == 0, at, || {
                "samples have IVs, and there is no 'senc'".into()
            });
        }
        (Some(senc), Some(saiz), Some(saio)) => {
            let place = (at, moof.offset, fragment.samples.len());
            agree(book, place, (&senc, &saiz, &saio), iv_size)?;
        }
        (senc, saiz, saio) => {
            let there = [
                ("senc", senc.is_some()),
                ("saiz", saiz.is_some()),
                ("saio", saio.is_some()),
            ];
            let names: Vec<&str> = there
                .iter()
                .filter(|(_, there)| *there)
                .map(|(name, _)| *name)
                .collect();
            book.must(
                26,
                at,
                format!("{} alone of senc, saiz and saio", names.join(" and ")),
            );
        }
    }
    Ok(())
}

/// The three boxes of a fragment with so many samples, whose `moof` begins at `base`.
fn agree(
    book: &mut Book,
    (at, base, count): (&Location, u64, usize),
    (senc, saiz, saio): (&BoxView<'_>, &BoxView<'_>, &BoxView<'_>),
    iv_size: u8,
) -> Result<(), Error> {
    let mut head = senc.cursor();
    let (_, flags) = head.version_flags()?;
    let announced = head.u32()? as usize;
    book.ensure(26, announced == count, at, || {
        format!("'senc' of {announced} samples, {count} are there")
    });
    let (sizes, offsets) = (Saiz::parse(saiz)?, Saio::parse(saio)?.offsets);
    let listed = sizes.count as usize;
    book.ensure(26, listed == count, at, || {
        format!("'saiz' of {listed} samples, {count} are there")
    });
    let due = senc.body_offset().saturating_add(8).checked_sub(base);
    let pointed = matches!(offsets.as_slice(), [offset] if Some(*offset) == due);
    book.ensure(26, pointed, at, || {
        format!("'saio' says {offsets:?}, {due:?} is due")
    });
    let samples = Senc::parse(senc, iv_size)?.samples;
    let has_subsamples = flags & 2 != 0;
    let size = |auxiliary: &SampleAuxiliary| {
        let table = if has_subsamples {
            2 + 6 * auxiliary.subsamples.len()
        } else {
            0
        };
        auxiliary.iv.len() + table
    };
    let total: usize = samples.iter().map(size).sum();
    for (index, auxiliary) in samples.iter().enumerate() {
        let named = match sizes.default_size {
            0 => sizes.sizes.get(index).copied().unwrap_or(0),
            size => size,
        };
        if usize::from(named) != size(auxiliary) {
            let what = format!(
                "'saiz' says {named} bytes for sample {index}, 'senc' has {}",
                size(auxiliary)
            );
            book.must(26, at, what);
            break;
        }
    }
    let body = senc.body.len();
    book.ensure(26, total + 8 == body, at, || {
        format!("'senc' has {body} bytes, its samples need {}", total + 8)
    });
    book.ensure(26, total > 0, at, || {
        "'senc' says nothing: it could be left out".into()
    });
    Ok(())
}

/// Subsamples fill their samples; counter mode encrypts whole blocks.
fn subsamples(book: &mut Book, at: &Location, fragment: &Fragment) {
    for sample in &fragment.protected {
        let parts = sample.auxiliary.subsamples.iter();
        let sum = parts.fold(0_u64, |sum, part| {
            sum + u64::from(part.clear) + u64::from(part.protected)
        });
        if !sample.auxiliary.subsamples.is_empty() && sum != u64::from(sample.size) {
            let what = format!("subsamples of {sum} bytes in a sample of {}", sample.size);
            return book.must(26, at, what);
        }
    }
    if !fragment.protected.is_empty() {
        book.performed(26);
    }
}
