//! Pieces of one rendition that were encoded apart, as one file.
//!
//! In: fragmented MP4 files, each the continuation of the one before it. Out: a [`Source`] that is the first file whole
//! and the movie fragments of the others behind it. No byte is copied.

use crate::{Error, Source};
use bmff::{BoxHeader, TopLevel, read_box};
use std::io;

/// How many boxes of a piece are passed over until its first fragment.
const MAX_HEAD_BOXES: usize = 64;

/// Pieces of one rendition, one behind the other.
#[derive(Debug)]
pub struct Joined<S> {
    pieces: Vec<Piece<S>>,
    len: u64,
}

#[derive(Debug)]
struct Piece<S> {
    source: S,
    /// Where it begins in the whole.
    start: u64,
    /// How many of its first bytes are left out.
    skip: u64,
}

impl<S: Source> Joined<S> {
    /// Joins pieces in their order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when there is none, one has no movie fragment, or one is coded in another way than the first:
    /// its `moov` has other bytes, and decoders would need other parameters within the rendition.
    pub fn new(sources: Vec<S>) -> Result<Self, Error> {
        let mut pieces: Vec<Piece<S>> = Vec::with_capacity(sources.len());
        let mut first: Option<Vec<u8>> = None;
        let mut len = 0_u64;
        for (source, number) in sources.into_iter().zip(1_usize..) {
            let head = Head::of(&source, number)?;
            let skip = match &first {
                None => 0,
                Some(moov) if *moov == head.moov => head.fragments,
                Some(_) => {
                    return Err(Error::InvalidInput(format!(
                        "moov: piece {number} is coded in another way than the first one; encode all pieces with the same options"
                    )));
                }
            };
            first.get_or_insert(head.moov);
            let start = len;
            len = len.saturating_add(source.len().saturating_sub(skip));
            pieces.push(Piece {
                source,
                start,
                skip,
            });
        }
        match pieces.is_empty() {
            true => Err(Error::InvalidInput("there is no piece to join".into())),
            false => Ok(Self { pieces, len }),
        }
    }
}

impl<S: Source> Source for Joined<S> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        let behind = self.pieces.partition_point(|piece| piece.start <= offset);
        let mut pieces = self
            .pieces
            .get(behind.saturating_sub(1)..)
            .unwrap_or_default()
            .iter();
        while !buffer.is_empty() {
            let piece = pieces.next().ok_or(io::ErrorKind::UnexpectedEof)?;
            let within = piece.skip + (offset - piece.start);
            let left = piece.source.len().saturating_sub(within);
            let taken = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let (now, later) = buffer.split_at_mut(taken);
            piece.source.read_at(within, now)?;
            offset += taken as u64;
            buffer = later;
        }
        Ok(())
    }
}

/// What is before the fragments of a piece.
struct Head {
    moov: Vec<u8>,
    /// Offset of the first `moof`.
    fragments: u64,
}

impl Head {
    fn of(source: &dyn Source, number: usize) -> Result<Self, Error> {
        let mut moov = None;
        for header in TopLevel::new(source).take(MAX_HEAD_BOXES) {
            let header: BoxHeader = header?;
            if header.kind == b"moov" {
                moov = Some(read_box(source, &header)?);
            }
            if header.kind == b"moof" {
                return moov
                    .map(|moov| Self {
                        moov,
                        fragments: header.offset,
                    })
                    .ok_or_else(|| Error::InvalidInput(format!("piece {number} has no moov")));
            }
        }
        Err(Error::InvalidInput(format!(
            "piece {number} has no movie fragment"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemorySource;

    fn piece(moov: &[u8], fragments: &[&[u8]]) -> MemorySource {
        let mut bytes = boxed(b"ftyp", b"isom\0\0\0\0");
        bytes.extend(boxed(b"moov", moov));
        for fragment in fragments {
            bytes.extend(boxed(b"moof", fragment));
            bytes.extend(boxed(b"mdat", fragment));
        }
        MemorySource(bytes)
    }

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = (body.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend(kind);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn pieces_read_as_one_file() {
        let pieces = vec![
            piece(b"same", &[b"one", b"two"]),
            piece(b"same", &[b"three"]),
            piece(b"same", &[b"four"]),
        ];
        let whole = piece(b"same", &[b"one", b"two", b"three", b"four"]).0;
        let joined = Joined::new(pieces).expect("pieces of one rendition");
        assert_eq!(joined.len(), whole.len() as u64);
        for start in 0..whole.len() {
            for end in start..=whole.len() {
                let mut read = vec![0; end - start];
                joined.read_at(start as u64, &mut read).expect("bytes");
                assert_eq!(read, whole[start..end], "{start}..{end}");
            }
        }
        let beyond = joined.read_at(whole.len() as u64 - 1, &mut [0; 2]);
        assert_eq!(
            beyond.expect_err("the end").kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn pieces_that_do_not_belong_together_are_refused() {
        let other = vec![piece(b"same", &[b"1"]), piece(b"else", &[b"2"])];
        let text = Joined::new(other).expect_err("another moov").to_string();
        assert!(text.contains("piece 2"), "{text}");
        let empty = vec![piece(b"same", &[b"1"]), piece(b"same", &[])];
        let text = Joined::new(empty).expect_err("no fragment").to_string();
        assert!(text.contains("piece 2 has no movie fragment"), "{text}");
        assert!(Joined::<MemorySource>::new(Vec::new()).is_err());
    }
}
