//! Slice headers as another reader (cros-codecs) sees them.

use cros_codecs::codec::h264::parser::{Nalu, Parser};
use std::io::Cursor;

/// Knows the parameter sets of a track.
pub struct SliceReader {
    parser: Parser,
    length_size: usize,
}

impl SliceReader {
    /// Reads the sets of an `avcC` body.
    pub fn new(record: &[u8]) -> Self {
        let mut reader = Self {
            parser: Parser::default(),
            length_size: usize::from(record[4] & 3) + 1,
        };
        let mut rest = &record[6..];
        for list in 0..2 {
            let count = match list {
                0 => record[5] & 31,
                _ => {
                    let (count, behind) = rest.split_first().unwrap();
                    rest = behind;
                    *count
                }
            };
            for _ in 0..count {
                let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                reader.learn(&rest[2..2 + length]);
                rest = &rest[2 + length..];
            }
        }
        reader
    }

    /// Bytes of the field before each NAL unit.
    pub fn length_size(&self) -> usize {
        self.length_size
    }

    /// Takes a parameter set; other units change nothing.
    pub fn learn(&mut self, nal: &[u8]) {
        let kind = nal.first().map(|header| header & 31);
        if !matches!(kind, Some(7 | 8)) {
            return;
        }
        let bytes = annex_b(nal);
        let nalu = Nalu::next(&mut Cursor::new(bytes.as_slice())).expect("a NAL unit");
        let learnt = match kind {
            Some(7) => self.parser.parse_sps(&nalu).map(|_| ()),
            _ => self.parser.parse_pps(&nalu).map(|_| ()),
        };
        learnt.expect("a parameter set");
    }

    /// Bytes up to the end of the slice header, NAL header and emulation prevention included.
    pub fn header_len(&self, nal: &[u8]) -> Result<usize, String> {
        // The longest headers, with weights for 32 pictures in two lists, stay below this.
        let bytes = annex_b(&nal[..nal.len().min(2000)]);
        let nalu = Nalu::next(&mut Cursor::new(bytes.as_slice()))?;
        let header = self.parser.parse_slice_header(nalu)?.header;
        Ok(header.header_bit_size.div_ceil(8) + header.n_emulation_prevention_bytes)
    }
}

fn annex_b(nal: &[u8]) -> Vec<u8> {
    [&[0, 0, 1][..], nal].concat()
}
