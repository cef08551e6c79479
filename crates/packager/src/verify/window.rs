//! A source that reads ahead: boxes are many small reads in one place.

use crate::Source;
use std::io;
use std::sync::{Mutex, PoisonError};

/// How much is read at once.
const WINDOW: usize = 16 << 10;

/// Small reads come from the piece that was read last.
pub(super) struct Window<'a> {
    inner: &'a dyn Source,
    /// Bytes of the source.
    pub len: u64,
    piece: Mutex<(u64, Vec<u8>)>,
}

impl<'a> Window<'a> {
    /// Over a source.
    pub fn new(inner: &'a dyn Source) -> Self {
        Self {
            inner,
            len: inner.len(),
            piece: Mutex::default(),
        }
    }
}

impl Source for Window<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if buffer.len() >= WINDOW {
            return self.inner.read_at(offset, buffer);
        }
        let mut piece = self.piece.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |piece: &(u64, Vec<u8>)| {
            let start = usize::try_from(offset.checked_sub(piece.0)?).ok()?;
            Some(start..start.checked_add(buffer.len())?).filter(|range| range.end <= piece.1.len())
        };
        if found(&piece).is_none() {
            let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; WINDOW.min(left)];
            self.inner.read_at(offset, &mut bytes)?;
            *piece = (offset, bytes);
        }
        let bytes = found(&piece).and_then(|range| piece.1.get(range));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
