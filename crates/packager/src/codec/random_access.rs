//! Whether decoding can start at a sample, as its bitstream says.
//!
//! In: a video's configuration and a way to read parts of a sample. Out: a [`RandomAccess`]. Slice data
//! are not read: a caller whose samples lie on file reads some bytes of each.

use super::av1::{ObuHead, ObuKind};
use super::bits::BitReader;
use super::video::VideoConfig;
use super::{CodecError, av1, avc, hevc, vp9};
use crate::Error;

/// What a decoder that starts at a sample makes of it and of what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RandomAccess {
    /// Everything from here on is decoded: IDR pictures, BLA pictures without RASL pictures, key frames.
    Closed,
    /// This picture and all that are shown behind it are decoded; those shown before it may need earlier ones:
    /// CRA and BLA pictures, recovery points that take effect at once.
    Open,
    /// Pictures are right some pictures later: recovery points further on, key frames that are shown later. No segment
    /// can start here.
    Gradual,
    /// Decoding cannot start here.
    None,
}

/// Reads `len` bytes of a sample from `offset` on: all of them, or an error.
pub(crate) type ReadPart<'r> = dyn FnMut(usize, usize) -> Result<Vec<u8>, Error> + 'r;

/// Bytes that are asked for at once: the heads of small NAL units and the first slice are often in them.
const WINDOW: usize = 64;
/// How much of a NAL unit of supplemental information is looked at.
const MAX_SUPPLEMENT: usize = 64 << 10;
/// How many units may come before the first slice or frame.
const MAX_UNITS: usize = 1024;

/// `payloadType` of a recovery point (ITU-T H.264, D.1.1; ITU-T H.265, D.2.1).
const RECOVERY_POINT: u32 = 6;

impl VideoConfig {
    /// What starting at a sample of `size` bytes would give. `read` is asked for some bytes of it, in order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the sample's parts do not fit it, [`Error::LimitExceeded`] when the first
    /// slice comes behind too many other units, and what `read` fails with.
    pub fn random_access(
        &self,
        size: usize,
        read: &mut ReadPart<'_>,
    ) -> Result<RandomAccess, Error> {
        let mut sample = Window::new(size, read);
        match self {
            Self::Avc(config) => of_nal_units(&mut sample, config.nal_length_size(), avc_unit),
            Self::Hevc(config) => of_nal_units(&mut sample, config.nal_length_size(), hevc_unit),
            Self::Av1(config) => of_obus(&mut sample, config.is_reduced_still_picture()),
            Self::Vp9(_) => of_vp9(&mut sample),
        }
    }
}

fn of_nal_units(
    sample: &mut Window<'_, '_>,
    length_size: usize,
    unit: fn(&[u8]) -> Unit,
) -> Result<RandomAccess, Error> {
    let mut recovery = None;
    for _ in 0..MAX_UNITS {
        if sample.left() == 0 {
            return Ok(RandomAccess::None);
        }
        let length = sample.take(length_size)?;
        let length = length
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        if length > sample.left() {
            return Err(beyond_the_end(sample.left()));
        }
        let behind = sample.at + length;
        // The start of a slice header: kind and first fields.
        let unit = unit(sample.peek(length.min(16))?);
        if let Unit::Supplement { header_len } = unit {
            let body = sample.peek(length.min(MAX_SUPPLEMENT))?;
            let payload = body.get(header_len..).unwrap_or_default();
            recovery = recovery.or(recovery_count(payload));
        }
        if let Some(access) = unit.access(recovery) {
            return Ok(access);
        }
        sample.at = behind;
    }
    Err(too_many_units())
}

/// AV1: the first frame decides (AV1 Codec ISO Media File Format Binding, 2.5). A key frame that is shown later (a
/// delayed random access point) gives no start: frames before it is shown refer to what was before it, and players
/// do not begin there.
fn of_obus(
    sample: &mut Window<'_, '_>,
    mut is_reduced_still_picture: bool,
) -> Result<RandomAccess, Error> {
    for _ in 0..MAX_UNITS {
        if sample.left() == 0 {
            return Ok(RandomAccess::None);
        }
        let head = sample.peek(av1::MAX_OBU_HEAD.min(sample.left()))?;
        let head = ObuHead::parse(head).map_err(|error| Error::InvalidInput(error.0))?;
        sample.at += head.len;
        let length = head.payload_len.unwrap_or(sample.left());
        if length > sample.left() {
            return Err(beyond_the_end(sample.left()));
        }
        let first = sample.peek(length.min(1))?.first().copied().unwrap_or(0);
        match head.kind {
            // Three bits of profile, `still_picture`, and then this.
            ObuKind::SequenceHeader => is_reduced_still_picture = first >> 3 & 1 == 1,
            ObuKind::FrameHeader | ObuKind::Frame if is_reduced_still_picture => {
                return Ok(RandomAccess::Closed);
            }
            // `show_existing_frame`, two bits of `frame_type` (0 is a key frame), `show_frame`.
            ObuKind::FrameHeader | ObuKind::Frame => {
                return Ok(match first >> 4 {
                    0b0001 => RandomAccess::Closed,
                    0b0000 => RandomAccess::Gradual,
                    _ => RandomAccess::None,
                });
            }
            _ => {}
        }
        sample.at += length;
    }
    Err(too_many_units())
}

/// VP9: the first frame of a superframe decides. A key frame takes the place of all references, so that it need not be
/// shown itself.
fn of_vp9(sample: &mut Window<'_, '_>) -> Result<RandomAccess, Error> {
    let head = sample.peek(sample.left().min(2))?;
    match vp9::is_key(head) {
        Ok(true) => Ok(RandomAccess::Closed),
        Ok(false) => Ok(RandomAccess::None),
        Err(error) => Err(Error::InvalidInput(error.0)),
    }
}

fn too_many_units() -> Error {
    let what = format!("more than {MAX_UNITS} units before the first slice or frame");
    Error::LimitExceeded(what)
}

/// What a NAL unit is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A slice of a picture where decoding starts without further words, or cannot.
    Slice(RandomAccess),
    /// An intra slice, where decoding starts when supplemental information says so: at once, if the codec allows it.
    Intra,
    /// A predicted slice.
    Predicted,
    /// Supplemental information behind a header of this many bytes.
    Supplement { header_len: usize },
    /// Anything else.
    Other,
}

impl Unit {
    fn access(self, recovery: Option<i32>) -> Option<RandomAccess> {
        Some(match (self, recovery) {
            (Self::Slice(access), _) => access,
            (Self::Intra, Some(0)) => RandomAccess::Open,
            (Self::Predicted | Self::Intra, Some(1..)) => RandomAccess::Gradual,
            (Self::Predicted | Self::Intra, _) => RandomAccess::None,
            (Self::Supplement { .. } | Self::Other, _) => return None,
        })
    }
}

fn avc_unit(nal: &[u8]) -> Unit {
    let Some((header, payload)) = nal.split_first() else {
        return Unit::Other;
    };
    match header & 0x1f {
        avc::IDR_SLICE => Unit::Slice(RandomAccess::Closed),
        1 | 2 if is_intra(payload) => Unit::Intra,
        1..=4 => Unit::Predicted,
        6 => Unit::Supplement { header_len: 1 },
        _ => Unit::Other,
    }
}

/// Whether a slice header of H.264 says that the slice, if possible that all of the picture, is not predicted (7.3.3).
fn is_intra(header: &[u8]) -> bool {
    let mut reader = BitReader::of_nal_unit(header);
    let kind = reader.ue().and_then(|_| reader.ue());
    kind.is_ok_and(|kind| matches!(kind, 2 | 4 | 7 | 9))
}

fn hevc_unit(nal: &[u8]) -> Unit {
    let Some(&[first, second]) = nal.first_chunk::<{ hevc::NAL_HEADER_LEN }>() else {
        return Unit::Other;
    };
    if hevc::layer_id(first, second) > 0 {
        return Unit::Other;
    }
    match hevc::nal_unit_type(first) {
        // BLA_W_RADL, BLA_N_LP, IDR_W_RADL, IDR_N_LP.
        17..=20 => Unit::Slice(RandomAccess::Closed),
        // BLA_W_LP, CRA.
        16 | 21 => Unit::Slice(RandomAccess::Open),
        // Leading pictures and other pictures; decoders start at the kinds above alone (8.1.3), so that a recovery
        // point among these takes effect later.
        0..=31 => Unit::Predicted,
        39 => Unit::Supplement {
            header_len: hevc::NAL_HEADER_LEN,
        },
        _ => Unit::Other,
    }
}

/// `recovery_frame_cnt` or `recovery_poc_cnt` of the first recovery point in a NAL unit of supplemental
/// information. What cannot be read says nothing: decoders pass over it.
fn recovery_count(payload: &[u8]) -> Option<i32> {
    let mut reader = BitReader::of_nal_unit(payload);
    let field = |reader: &mut BitReader<'_>| -> Result<u32, CodecError> {
        let mut value = 0;
        loop {
            let byte = reader.bits(8)?;
            value += byte;
            if byte != 0xff {
                return Ok(value);
            }
        }
    };
    loop {
        let kind = field(&mut reader).ok()?;
        let size = field(&mut reader).ok()?;
        if kind == RECOVERY_POINT {
            return i32::try_from(reader.ue().ok()?).ok();
        }
        reader.skip(size.checked_mul(8)?).ok()?;
    }
}

fn beyond_the_end(left: usize) -> Error {
    let what = format!("a part of a sample goes beyond its end ({left} bytes left)");
    Error::InvalidInput(what)
}

/// A sample, of which some bytes are in memory.
struct Window<'a, 'r> {
    read: &'a mut ReadPart<'r>,
    size: usize,
    /// The next byte.
    at: usize,
    /// Where `bytes` lie in the sample.
    start: usize,
    bytes: Vec<u8>,
}

impl<'a, 'r> Window<'a, 'r> {
    fn new(size: usize, read: &'a mut ReadPart<'r>) -> Self {
        Self {
            read,
            size,
            at: 0,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// Bytes from the next one to the end of the sample.
    fn left(&self) -> usize {
        self.size - self.at
    }

    /// The next bytes; they are the next ones again afterwards.
    fn peek(&mut self, len: usize) -> Result<&[u8], Error> {
        if len > self.left() {
            return Err(beyond_the_end(self.left()));
        }
        let held = self.at >= self.start && self.at + len <= self.start + self.bytes.len();
        if !held {
            let wanted = len.max(WINDOW).min(self.left());
            self.bytes = (self.read)(self.at, wanted)?;
            self.start = self.at;
        }
        let from = self.at - self.start;
        let part = self.bytes.get(from..from + len);
        part.ok_or_else(|| Error::InvalidInput("a part of a sample came short".into()))
    }

    /// The next bytes, which are passed over.
    fn take(&mut self, len: usize) -> Result<Vec<u8>, Error> {
        let part = self.peek(len)?.to_vec();
        self.at += len;
        Ok(part)
    }
}

#[cfg(test)]
mod tests;
