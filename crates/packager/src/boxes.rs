//! The box tree of a file, for people.

use crate::{Error, Source};
pub use bmff::BoxNode;

/// Reads the box tree of a file; malformed boxes are shown with a field `error`.
///
/// # Errors
/// When the source cannot be read.
pub fn tree(source: &dyn Source) -> Result<Vec<BoxNode>, Error> {
    Ok(bmff::tree(source)?)
}
