//! The box tree of a file, for people.

use crate::{Error, Source};

/// One box of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxNode {
    /// The type, printable.
    pub fourcc: String,
    /// Where the box begins in the file.
    pub offset: u64,
    /// Bytes of the whole box.
    pub size: u64,
    /// Names and values of its fields.
    pub fields: Vec<(String, String)>,
    /// The boxes inside.
    pub children: Vec<BoxNode>,
}

/// Reads the box tree of a file; malformed boxes are shown with a field `error`.
///
/// # Errors
/// When the source cannot be read.
pub fn tree(_source: &dyn Source) -> Result<Vec<BoxNode>, Error> {
    Err(Error::Unsupported("not built yet".into()))
}
