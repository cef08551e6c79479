//! Box headers (ISO/IEC 14496-12, 4.2) and the walk over the boxes of a file.

use crate::{Error, Source};
use std::fmt;

/// Four characters that name a box, a brand, a handler or a codec.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FourCc(pub [u8; 4]);

/// The header of one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxHeader {
    /// The type of the box.
    pub kind: FourCc,
    /// Where the box begins in the file.
    pub offset: u64,
    /// Bytes of the whole box, header included.
    pub size: u64,
    /// Bytes of the header: 8, or 16 with a 64-bit size.
    pub header_len: u64,
}

impl BoxHeader {
    /// Offset of the first byte after the box.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Offset of the first byte after the header.
    pub fn body_offset(&self) -> u64 {
        self.offset.saturating_add(self.header_len)
    }
}

/// Reads the header at `offset` in a space that ends at `end`.
///
/// A size of 0 means "to the end". The size is *not* checked against `end`: what a box that is too
/// long means is for the caller to say.
///
/// # Errors
/// When fewer bytes than a header remain, or the size is smaller than the header.
pub fn read_header(source: &dyn Source, offset: u64, end: u64) -> Result<BoxHeader, Error> {
    let left = end.saturating_sub(offset);
    if left < 8 {
        let what = format!("{left} bytes where a box header of 8 bytes should be");
        return Err(Error::malformed("file", offset, what));
    }
    let mut bytes = [0; 16];
    let (short, _) = bytes.split_at_mut(8);
    match left >= 16 {
        true => source.read_at(offset, &mut bytes)?,
        false => source.read_at(offset, short)?,
    }
    parse_header(&bytes, offset, left)
}

/// Reads a header from the first bytes of a box; `left` bytes remain in the space around it.
pub(crate) fn parse_header(bytes: &[u8], offset: u64, left: u64) -> Result<BoxHeader, Error> {
    let short = |at: usize| -> [u8; 4] {
        bytes
            .get(at..at + 4)
            .and_then(|slice| slice.try_into().ok())
            .unwrap_or_default()
    };
    let kind = FourCc(short(4));
    let (size, header_len) = match u32::from_be_bytes(short(0)) {
        0 => (left, 8),
        1 if left >= 16 => {
            let high = u64::from(u32::from_be_bytes(short(8)));
            (high << 32 | u64::from(u32::from_be_bytes(short(12))), 16)
        }
        size => (u64::from(size), 8),
    };
    if size < header_len {
        let what = format!("a size of {size} bytes is smaller than the box header");
        return Err(Error::malformed(kind.to_string(), offset, what));
    }
    Ok(BoxHeader {
        kind,
        offset,
        size,
        header_len,
    })
}

/// How many boxes may follow one another in a file; more are refused. Ten hours of fragments of one picture each have
/// as many.
const MAX_TOP_LEVEL: u32 = 3_000_000;

/// Walks over the top-level boxes of a file, reading their headers only.
pub struct TopLevel<'a> {
    source: &'a dyn Source,
    offset: u64,
    end: u64,
    count: u32,
}

impl<'a> TopLevel<'a> {
    /// Starts at the beginning of the source.
    pub fn new(source: &'a dyn Source) -> Self {
        Self {
            source,
            offset: 0,
            end: source.len(),
            count: 0,
        }
    }
}

impl Iterator for TopLevel<'_> {
    type Item = Result<BoxHeader, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.end {
            return None;
        }
        self.count += 1;
        if self.count > MAX_TOP_LEVEL {
            let what = format!("more than {MAX_TOP_LEVEL} boxes follow one another");
            let error = Error::malformed("file", self.offset, what);
            self.offset = self.end;
            return Some(Err(error));
        }
        let header = read_header(self.source, self.offset, self.end);
        self.offset = match &header {
            Ok(header) => header.end(),
            Err(_) => self.end,
        };
        Some(header)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                0x20..=0x7e => write!(f, "{}", char::from(byte))?,
                // QuickTime's names begin with a © of Mac OS Roman.
                0xa9 => write!(f, "©")?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

impl PartialEq<[u8; 4]> for FourCc {
    fn eq(&self, other: &[u8; 4]) -> bool {
        self.0 == *other
    }
}

impl PartialEq<&[u8; 4]> for FourCc {
    fn eq(&self, other: &&[u8; 4]) -> bool {
        self.0 == **other
    }
}
