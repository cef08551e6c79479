//! ISO base media file format (ISO/IEC 14496-12): bytes in, boxes out, and back.
//!
//! Comes in: hostile bytes through [`Source::read_at`]. Goes out: typed views of boxes that never
//! copy a table, and bytes through [`Writer`]. The crate knows no codec, no key and no file.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod boxes;
mod error;
mod header;
mod read;
mod source;
mod tree;
mod write;

pub use error::Error;
pub use header::{BoxHeader, FourCc, TopLevel, read_header};
pub use read::{BoxView, Cursor, MAX_BOX_IN_MEMORY, check_in_memory, read_box};
pub use source::{MemorySource, Source};
pub use tree::{BoxNode, tree};
pub use write::Writer;
