//! ISO base media file format (ISO/IEC 14496-12): bytes in, boxes out, and back.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod source;

pub use source::{MemorySource, Source};
