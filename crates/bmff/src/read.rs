//! Boxes in memory as views, and the cursor that reads their fields.

use crate::header::parse_header;
use crate::{BoxHeader, Error, FourCc, Source};
use std::collections::HashMap;
use std::ops::Range;

/// The largest box that is read into memory whole (`moov`, `moof`), in bytes. An hour of video needs
/// about 3 MiB. What is made of the box is to stay with it within 64 MiB.
pub const MAX_BOX_IN_MEMORY: u64 = 40 << 20;

/// How many boxes may follow one another in a container; more are refused.
const MAX_CHILDREN: usize = 10_000;

/// Reads a box whole, header included.
///
/// # Errors
/// When the box goes beyond the end of the source or above [`MAX_BOX_IN_MEMORY`].
pub fn read_box(source: &dyn Source, header: &BoxHeader) -> Result<Vec<u8>, Error> {
    check_in_memory(source, header)?;
    let mut bytes = vec![0; usize::try_from(header.size).unwrap_or_default()];
    source.read_at(header.offset, &mut bytes)?;
    Ok(bytes)
}

/// Checks that a box may be read whole, for who reads it into memory of its own.
///
/// # Errors
/// Those of [`read_box`].
pub fn check_in_memory(source: &dyn Source, header: &BoxHeader) -> Result<(), Error> {
    if header.end() > source.len() {
        let what = format!(
            "the box says {} bytes, the file ends at {:#x} ({} bytes are missing)",
            header.size,
            source.len(),
            header.end() - source.len()
        );
        return Err(Error::malformed(
            header.kind.to_string(),
            header.offset,
            what,
        ));
    }
    if header.size > MAX_BOX_IN_MEMORY {
        let what = format!(
            "{} bytes are more than the {MAX_BOX_IN_MEMORY} that an index may have",
            header.size
        );
        return Err(Error::malformed(
            header.kind.to_string(),
            header.offset,
            what,
        ));
    }
    Ok(())
}

/// A box whose bytes are in memory.
#[derive(Debug, Clone)]
pub struct BoxView<'a> {
    /// The type of the box.
    pub kind: FourCc,
    /// The way down from the file: `moov/trak[1]/mdia`.
    pub path: String,
    /// Where the box begins in the file.
    pub offset: u64,
    /// Bytes of the header.
    pub header_len: u64,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> BoxView<'a> {
    /// A view of `bytes`, which begin with the header of a top-level box at `offset` in the file.
    ///
    /// # Errors
    /// When the header or the body is cut short.
    pub fn new(bytes: &'a [u8], offset: u64) -> Result<Self, Error> {
        let mut children = Children {
            parent: String::new(),
            rest: bytes,
            offset,
            count: 0,
            seen: HashMap::new(),
        };
        children
            .next()
            .unwrap_or_else(|| Err(Error::malformed("file", offset, "no box")))
    }

    /// Bytes of the whole box, header included.
    pub fn size(&self) -> u64 {
        self.header_len + self.body.len() as u64
    }

    /// Where the body begins in the file.
    pub fn body_offset(&self) -> u64 {
        self.offset + self.header_len
    }

    /// Where the body lies in a buffer whose first byte is at `base` in the file.
    pub fn body_range(&self, base: u64) -> Range<usize> {
        let start = usize::try_from(self.body_offset().saturating_sub(base)).unwrap_or(usize::MAX);
        start..start.saturating_add(self.body.len())
    }

    /// The boxes in the body, from `skip` bytes on.
    pub fn children_after(&self, skip: usize) -> Children<'a> {
        Children {
            parent: self.path.clone(),
            rest: self.body.get(skip..).unwrap_or_default(),
            offset: self.body_offset() + skip as u64,
            count: 0,
            seen: HashMap::new(),
        }
    }

    /// The boxes in the body.
    pub fn children(&self) -> Children<'a> {
        self.children_after(0)
    }

    /// The first child of a type, if there is one.
    ///
    /// # Errors
    /// When a box before it is malformed.
    pub fn child(&self, kind: &[u8; 4]) -> Result<Option<BoxView<'a>>, Error> {
        let mut children = self.children();
        while let Some(child) = children.next_raw() {
            let child = child?;
            if child.kind == kind {
                return Ok(Some(children.named(child)));
            }
        }
        Ok(None)
    }

    /// The first child of a type.
    ///
    /// # Errors
    /// When it is missing.
    pub fn need(&self, kind: &[u8; 4]) -> Result<BoxView<'a>, Error> {
        self.child(kind)?
            .ok_or_else(|| self.error(format!("no '{}' box inside", FourCc(*kind))))
    }

    /// Reads the fields of the body.
    pub fn cursor(&self) -> Cursor<'a> {
        Cursor {
            bytes: self.body,
            at: 0,
            path: self.path.clone(),
            offset: self.body_offset(),
        }
    }

    /// An error at this box.
    pub fn error(&self, what: impl Into<String>) -> Error {
        Error::malformed(self.path.clone(), self.offset, what)
    }
}

/// The boxes of a container, in order.
pub struct Children<'a> {
    parent: String,
    rest: &'a [u8],
    offset: u64,
    count: usize,
    /// How many boxes of each type there were, as far as paths were asked for.
    seen: HashMap<FourCc, usize>,
}

/// A child without its path.
struct RawChild<'a> {
    kind: FourCc,
    offset: u64,
    header_len: u64,
    body: &'a [u8],
}

impl<'a> Children<'a> {
    fn path_of(&mut self, kind: FourCc) -> String {
        let count = self.seen.entry(kind).or_default();
        let before = *count;
        *count += 1;
        let parent = &self.parent;
        match (parent.is_empty(), before) {
            (true, _) => kind.to_string(),
            (false, 0) => format!("{parent}/{kind}"),
            (false, nth) => format!("{parent}/{kind}[{nth}]"),
        }
    }

    /// The child with its path.
    fn named(&mut self, child: RawChild<'a>) -> BoxView<'a> {
        BoxView {
            path: self.path_of(child.kind),
            kind: child.kind,
            offset: child.offset,
            header_len: child.header_len,
            body: child.body,
        }
    }

    /// An error of the child of this type that begins here; there is none behind it.
    fn refuse(&mut self, kind: FourCc, offset: u64, what: String) -> Error {
        self.rest = &[];
        Error::malformed(self.path_of(kind), offset, what)
    }

    fn next_raw(&mut self) -> Option<Result<RawChild<'a>, Error>> {
        // QuickTime ends some containers with a 32-bit zero; fewer than 8 bytes hold no box.
        if self.rest.len() < 8 {
            return None;
        }
        if self.count >= MAX_CHILDREN {
            self.rest = &[];
            let what = format!("more than {MAX_CHILDREN} boxes");
            return Some(Err(Error::malformed(
                self.parent.clone(),
                self.offset,
                what,
            )));
        }
        self.count += 1;
        let left = self.rest.len() as u64;
        let header = match parse_header(self.rest, self.offset, left) {
            Ok(header) => header,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        // "To the end of the file" (4.2) is for the last box of a file only.
        if !self.parent.is_empty() && self.rest.starts_with(&[0; 4]) {
            let what = "a size of 0 inside another box".to_string();
            return Some(Err(self.refuse(header.kind, header.offset, what)));
        }
        let body = usize::try_from(header.size)
            .ok()
            .and_then(|size| self.rest.get(..size))
            .and_then(|whole| whole.get(usize::try_from(header.header_len).ok()?..));
        let Some(body) = body else {
            let what = format!(
                "the box says {} bytes, {left} are left in the one around it",
                header.size
            );
            return Some(Err(self.refuse(header.kind, header.offset, what)));
        };
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        self.rest = self.rest.get(size..).unwrap_or_default();
        self.offset = header.end();
        Some(Ok(RawChild {
            kind: header.kind,
            offset: header.offset,
            header_len: header.header_len,
            body,
        }))
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<BoxView<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let child = self.next_raw()?;
        Some(child.map(|child| self.named(child)))
    }
}

/// Reads big-endian fields one after another; an error names the box and the offset.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    path: String,
    offset: u64,
}

impl<'a> Cursor<'a> {
    /// The next `count` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let bytes = self
            .at
            .checked_add(count)
            .and_then(|end| self.bytes.get(self.at..end));
        let Some(bytes) = bytes else {
            let what = format!(
                "{count} bytes needed, {} left in the box",
                self.bytes.len().saturating_sub(self.at)
            );
            return Err(self.error(what));
        };
        self.at += count;
        Ok(bytes)
    }

    /// The next `N` bytes, as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.bytes(N)?;
        bytes
            .try_into()
            .map_err(|_| self.error("bytes of another length"))
    }

    /// An unsigned byte.
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    /// 16 bits, unsigned.
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    /// 32 bits, unsigned.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    /// 64 bits, unsigned.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// Four characters.
    pub fn fourcc(&mut self) -> Result<FourCc, Error> {
        self.array().map(FourCc)
    }

    /// Version and flags of a full box (4.2.2).
    pub fn version_flags(&mut self) -> Result<(u8, u32), Error> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// A number that has 64 bits when `wide`, else 32.
    pub fn uint(&mut self, wide: bool) -> Result<u64, Error> {
        if wide {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    /// A cursor over the next `count` bytes, which this one passes over.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn part(&mut self, count: usize) -> Result<Cursor<'a>, Error> {
        let offset = self.offset + self.at as u64;
        Ok(Cursor {
            bytes: self.bytes(count)?,
            at: 0,
            path: self.path.clone(),
            offset,
        })
    }

    /// Passes over `count` bytes.
    pub fn skip(&mut self, count: usize) -> Result<(), Error> {
        self.bytes(count).map(|_| ())
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// How far the cursor is in the body, in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `count` entries of `entry_len` bytes each, checked against the box before anything is
    /// allocated.
    pub fn table(&mut self, count: u32, entry_len: usize) -> Result<&'a [u8], Error> {
        let wanted = (count as usize).checked_mul(entry_len);
        match wanted {
            Some(wanted) if wanted <= self.rest().len() => self.bytes(wanted),
            _ => Err(self.error(format!(
                "{count} entries of {entry_len} bytes exceed the box ({} bytes left)",
                self.rest().len()
            ))),
        }
    }

    /// An error at the cursor.
    pub fn error(&self, what: impl Into<String>) -> Error {
        Error::malformed(self.path.clone(), self.offset + self.at as u64, what)
    }
}
