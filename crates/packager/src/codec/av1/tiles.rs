//! How a frame is cut into tiles, and where the tiles of a tile group lie (AV1, 5.9.15, 5.11.1).

use crate::codec::CodecError;
use crate::codec::bits::BitReader;
use std::ops::Range;

/// The tiles of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TileLayout {
    count: u32,
    /// Bits of a tile's number in a tile group.
    number_bits: u32,
    /// Bytes of the field before each tile but the last one.
    size_bytes: u32,
}

/// Columns of tiles, and rows (Annex A; `MAX_TILE_COLS`, `MAX_TILE_ROWS`).
const MAX_TILES_ONE_WAY: u32 = 64;

impl TileLayout {
    /// Reads `tile_info`.
    pub fn read(
        reader: &mut BitReader<'_>,
        (width, height): (u32, u32),
        large_superblocks: bool,
    ) -> Result<Self, CodecError> {
        const MAX_WIDTH: u32 = 4096;
        const MAX_AREA: u32 = 4096 * 2304;
        let size_bits = if large_superblocks { 7 } else { 6 };
        // Frames are made up to a multiple of 8 pixels, and then to whole superblocks.
        let blocks = |length: u32| length.next_multiple_of(8).div_ceil(1 << size_bits);
        let (columns, rows) = (blocks(width), blocks(height));
        let most_columns = MAX_WIDTH >> size_bits;
        let least_columns_log2 = log2(most_columns, columns);
        let least_log2 = least_columns_log2.max(log2(MAX_AREA >> (2 * size_bits), columns * rows));
        let (tile_columns, tile_rows);
        let (columns_log2, rows_log2);
        if reader.flag()? {
            let mut uniform = |least: u32, length: u32| -> Result<(u32, u32), CodecError> {
                let most = log2(1, length.min(MAX_TILES_ONE_WAY));
                let mut bits = least;
                while bits < most && reader.flag()? {
                    bits += 1;
                }
                let each = length.div_ceil(1 << bits).max(1);
                Ok((length.div_ceil(each), bits))
            };
            (tile_columns, columns_log2) = uniform(least_columns_log2, columns)?;
            (tile_rows, rows_log2) = uniform(least_log2.saturating_sub(columns_log2), rows)?;
        } else {
            let widest;
            (tile_columns, widest) = read_lengths(reader, columns, most_columns)?;
            columns_log2 = log2(1, tile_columns);
            let most_area = match least_log2 {
                0 => columns * rows,
                bits => (columns * rows) >> (bits + 1),
            };
            let tallest = (most_area / widest.max(1)).max(1);
            (tile_rows, _) = read_lengths(reader, rows, tallest)?;
            rows_log2 = log2(1, tile_rows);
        }
        if tile_columns > MAX_TILES_ONE_WAY || tile_rows > MAX_TILES_ONE_WAY {
            return Err(CodecError::new("a frame has too many tiles"));
        }
        let number_bits = columns_log2 + rows_log2;
        let mut size_bytes = 0;
        if number_bits > 0 {
            reader.skip(number_bits)?;
            size_bytes = reader.bits(2)? + 1;
        }
        Ok(Self {
            count: tile_columns * tile_rows,
            number_bits,
            size_bytes,
        })
    }

    /// Appends where the tiles of a tile group lie in its bytes, moved by `offset`. Says whether the frame's last
    /// tile is among them.
    pub fn split(
        &self,
        group: &[u8],
        offset: usize,
        tiles: &mut Vec<Range<usize>>,
    ) -> Result<bool, CodecError> {
        let cut_short = || CodecError::new("a tile group is cut short");
        let mut reader = BitReader::new(group);
        let (mut first, mut last) = (0, self.count.saturating_sub(1));
        if self.count > 1 && reader.flag()? {
            first = reader.bits(self.number_bits)?;
            last = reader.bits(self.number_bits)?;
        }
        if first > last || last >= self.count {
            let what = format!(
                "a tile group from {first} to {last} of {} tiles",
                self.count
            );
            return Err(CodecError(what));
        }
        let mut at = reader.bytes_used();
        for _ in first..last {
            let size = group.get(at..at + self.size_bytes as usize);
            let size = size.ok_or_else(cut_short)?;
            let size = size
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let start = at + self.size_bytes as usize;
            at = start + size + 1;
            if at >= group.len() {
                return Err(cut_short());
            }
            tiles.push(offset + start..offset + at);
        }
        if at >= group.len() {
            return Err(cut_short());
        }
        tiles.push(offset + at..offset + group.len());
        Ok(last + 1 == self.count)
    }
}

/// `tile_log2`: how often `length` must be doubled to reach `target`.
fn log2(length: u32, target: u32) -> u32 {
    let mut bits = 0;
    while u64::from(length) << bits < u64::from(target) {
        bits += 1;
    }
    bits
}

/// Lengths in superblocks that are told one by one: how many they are, and the longest.
fn read_lengths(
    reader: &mut BitReader<'_>,
    total: u32,
    most: u32,
) -> Result<(u32, u32), CodecError> {
    let (mut at, mut count, mut longest) = (0, 0, 0);
    while at < total {
        let length = read_non_symmetric(reader, (total - at).min(most))? + 1;
        longest = length.max(longest);
        at += length;
        count += 1;
    }
    Ok((count, longest))
}

/// `ns(count)` (4.10.7): one of `count` values.
pub(super) fn read_non_symmetric(
    reader: &mut BitReader<'_>,
    count: u32,
) -> Result<u32, CodecError> {
    let bits = u32::BITS - count.leading_zeros();
    let short = (1 << bits) - count;
    let value = reader.bits(bits.saturating_sub(1))?;
    if value < short {
        return Ok(value);
    }
    Ok((value << 1 | reader.bits(1)?) - short)
}
