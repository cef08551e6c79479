//! `hdlr` (8.4.3).

use crate::{BoxView, Error, FourCc};

/// What a track is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hdlr {
    /// `vide`, `soun`, `text`, ….
    pub handler: FourCc,
}

impl Hdlr {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        cursor.skip(8)?;
        Ok(Self {
            handler: cursor.fourcc()?,
        })
    }
}
