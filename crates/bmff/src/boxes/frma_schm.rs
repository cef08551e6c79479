//! `sinf`: `frma` and `schm`, with `schi` around `tenc` (8.12).

use super::Tenc;
use crate::{BoxView, Error, FourCc};

/// How a sample entry is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// The sample entry before encryption (`frma`).
    pub original_format: FourCc,
    /// `cenc`, `cbcs`, … (`schm`).
    pub scheme_type: FourCc,
    /// Track encryption defaults, if the scheme is of Common Encryption.
    pub tenc: Option<Tenc>,
}

/// Reads a `sinf` box.
pub fn parse_protection(sinf: &BoxView<'_>) -> Result<Scheme, Error> {
    let original_format = sinf.need(b"frma")?.cursor().fourcc()?;
    let scheme_type = match sinf.child(b"schm")? {
        Some(schm) => {
            let mut cursor = schm.cursor();
            cursor.version_flags()?;
            cursor.fourcc()?
        }
        None => FourCc(*b"\0\0\0\0"),
    };
    let tenc = match sinf.child(b"schi")? {
        Some(schi) => schi.child(b"tenc")?,
        None => None,
    };
    Ok(Scheme {
        original_format,
        scheme_type,
        tenc: tenc.map(|view| Tenc::parse(&view)).transpose()?,
    })
}
