//! Uncompressed headers (VP9, 6.2), to find where they end.

use crate::codec::CodecError;
use crate::codec::bits::BitReader;

/// How many frames are kept to refer to.
pub(super) const REFERENCES: usize = 8;
/// How many of them a frame may name.
const REFERENCES_OF_A_FRAME: usize = 3;

/// Width and height in pixels.
pub(super) type FrameSize = (u32, u32);

/// How a frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// An earlier frame is shown: there is nothing else.
    Existing,
    Key,
    Other {
        is_shown: bool,
    },
}

struct Head {
    profile: u32,
    start: Start,
    error_resilient: bool,
}

/// Whether the frame with these first bytes is a key frame.
pub(in crate::codec) fn is_key(frame: &[u8]) -> Result<bool, CodecError> {
    Ok(read_head(&mut BitReader::new(frame))?.start == Start::Key)
}

fn read_head(reader: &mut BitReader<'_>) -> Result<Head, CodecError> {
    if reader.bits(2)? != 2 {
        return Err(CodecError::new("a frame does not begin with its marker"));
    }
    let profile = reader.bits(1)? | reader.bits(1)? << 1;
    if profile == 3 && reader.flag()? {
        return Err(CodecError::new("a profile above 3"));
    }
    let head = |start: Start, error_resilient: bool| Head {
        profile,
        start,
        error_resilient,
    };
    if reader.flag()? {
        reader.skip(3)?;
        return Ok(head(Start::Existing, false));
    }
    let (is_inter, is_shown) = (reader.flag()?, reader.flag()?);
    let start = match is_inter {
        false => Start::Key,
        true => Start::Other { is_shown },
    };
    Ok(head(start, reader.flag()?))
}

/// Bytes of a frame's uncompressed header; the references are brought up to date.
///
/// # Errors
/// When the header is cut short, or depends on a frame that is not known.
pub(super) fn header_len(
    frame: &[u8],
    references: &mut [Option<FrameSize>; REFERENCES],
) -> Result<usize, CodecError> {
    let mut reader = BitReader::new(frame);
    let reader = &mut reader;
    let head = read_head(reader)?;
    let (refreshed, size) = match head.start {
        Start::Existing => return Ok(reader.bytes_used()),
        Start::Key => {
            read_sync_code(reader)?;
            skip_colour(reader, head.profile)?;
            (0xff, read_sizes(reader)?)
        }
        Start::Other { is_shown } => {
            let is_intra = !is_shown && reader.flag()?;
            if !head.error_resilient {
                reader.skip(2)?;
            }
            if is_intra {
                read_sync_code(reader)?;
                if head.profile > 0 {
                    skip_colour(reader, head.profile)?;
                }
                (reader.bits(8)?, read_sizes(reader)?)
            } else {
                read_prediction(reader, references)?
            }
        }
    };
    reader.skip(if head.error_resilient { 0 } else { 2 })?;
    reader.skip(2)?;
    skip_loop_filter(reader)?;
    skip_quantisers(reader)?;
    skip_segmentation(reader)?;
    skip_tiles(reader, size)?;
    // The size of the compressed header, which a frame cannot do without.
    if reader.bits(16)? == 0 {
        return Err(CodecError::new("a frame without a compressed header"));
    }
    for (index, reference) in references.iter_mut().enumerate() {
        if refreshed >> index & 1 == 1 {
            *reference = Some(size);
        }
    }
    Ok(reader.bytes_used())
}

fn read_sync_code(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    match reader.bits(24)? {
        0x49_83_42 => Ok(()),
        _ => Err(CodecError::new("a frame without its synchronisation code")),
    }
}

/// `color_config` (6.2.2).
fn skip_colour(reader: &mut BitReader<'_>, profile: u32) -> Result<(), CodecError> {
    const RGB: u32 = 7;
    if profile >= 2 {
        reader.skip(1)?;
    }
    let has_subsampling = profile == 1 || profile == 3;
    match reader.bits(3)? {
        RGB if has_subsampling => reader.skip(1),
        RGB => Err(CodecError::new("RGB in a profile of 4:2:0")),
        // Range; subsampling and a reserved bit.
        _ => reader.skip(if has_subsampling { 1 + 3 } else { 1 }),
    }
}

/// `frame_size` and `render_size` (6.2.3, 6.2.4).
fn read_sizes(reader: &mut BitReader<'_>) -> Result<FrameSize, CodecError> {
    let size = read_size(reader)?;
    skip_render_size(reader)?;
    Ok(size)
}

fn read_size(reader: &mut BitReader<'_>) -> Result<FrameSize, CodecError> {
    Ok((reader.bits(16)? + 1, reader.bits(16)? + 1))
}

fn skip_render_size(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    match reader.flag()? {
        true => reader.skip(16 + 16),
        false => Ok(()),
    }
}

/// What a predicted frame refers to: which references it replaces, and its size.
fn read_prediction(
    reader: &mut BitReader<'_>,
    references: &[Option<FrameSize>; REFERENCES],
) -> Result<(u32, FrameSize), CodecError> {
    let refreshed = reader.bits(8)?;
    let mut own = [0; REFERENCES_OF_A_FRAME];
    for index in &mut own {
        *index = reader.bits(3)? as usize;
        reader.skip(1)?;
    }
    let mut size = None;
    for index in own {
        if reader.flag()? {
            let reference = references.get(index).copied().flatten();
            let what =
                "a reference frame is not known: the segment does not start with a key frame";
            size = Some(reference.ok_or_else(|| CodecError::new(what))?);
            break;
        }
    }
    let size = match size {
        Some(size) => size,
        None => read_size(reader)?,
    };
    skip_render_size(reader)?;
    reader.skip(1)?;
    if !reader.flag()? {
        reader.skip(2)?;
    }
    Ok((refreshed, size))
}

fn skip_loop_filter(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    reader.skip(6 + 3)?;
    if reader.flag()? && reader.flag()? {
        // Four references and two modes.
        for _ in 0..4 + 2 {
            if reader.flag()? {
                reader.skip(6 + 1)?;
            }
        }
    }
    Ok(())
}

fn skip_quantisers(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    reader.skip(8)?;
    for _ in 0..3 {
        if reader.flag()? {
            reader.skip(4 + 1)?;
        }
    }
    Ok(())
}

fn skip_segmentation(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    /// Bits of the features' values, signs included.
    const FEATURES: [u32; 4] = [8 + 1, 6 + 1, 2, 0];
    const SEGMENTS: usize = 8;
    fn skip_probabilities(reader: &mut BitReader<'_>, count: usize) -> Result<(), CodecError> {
        for _ in 0..count {
            if reader.flag()? {
                reader.skip(8)?;
            }
        }
        Ok(())
    }
    if !reader.flag()? {
        return Ok(());
    }
    if reader.flag()? {
        skip_probabilities(reader, SEGMENTS - 1)?;
        if reader.flag()? {
            skip_probabilities(reader, 3)?;
        }
    }
    if reader.flag()? {
        reader.skip(1)?;
        for _ in 0..SEGMENTS {
            for bits in FEATURES {
                if reader.flag()? {
                    reader.skip(bits)?;
                }
            }
        }
    }
    Ok(())
}

/// `tile_info` (6.2.13): how many bits it has depends on the width.
fn skip_tiles(reader: &mut BitReader<'_>, (width, _): FrameSize) -> Result<(), CodecError> {
    /// Superblocks of 64 pixels that a tile may be wide.
    const WIDTHS: std::ops::RangeInclusive<u32> = 4..=64;
    // Frames are made up to a multiple of 8 pixels, and then to whole superblocks.
    let superblocks = width.next_multiple_of(8).div_ceil(64);
    let mut bits = 0;
    while WIDTHS.end() << bits < superblocks {
        bits += 1;
    }
    while superblocks >> (bits + 1) >= *WIDTHS.start() && reader.flag()? {
        bits += 1;
    }
    if reader.flag()? {
        reader.skip(1)?;
    }
    Ok(())
}
