//! Frame headers, to find where they end and how tiles are laid out (AV1, 5.9).

use super::references::{self, REFERENCES, REFERENCES_OF_A_FRAME, Reference, References};
use super::sequence::Sequence;
use super::tiles::TileLayout;
use crate::codec::CodecError;
use crate::codec::bits::BitReader;

/// What a frame header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// An earlier frame is shown: no tiles follow.
    Existing,
    /// Tiles follow.
    Frame(TileLayout),
}

/// `frame_type` (6.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Key,
    Inter,
    IntraOnly,
    Switch,
}

/// Segments of a frame that may differ in their quantiser.
pub(super) const SEGMENTS: usize = 8;

/// Reads `uncompressed_header` and brings the references up to date. Gives what follows and the bytes of the header,
/// rounded up to whole ones.
///
/// # Errors
/// When the header is cut short, or depends on a frame that is not known.
pub(super) fn read(
    payload: &[u8],
    sequence: &Sequence,
    references: &mut References,
    layer: (u32, u32),
) -> Result<(Header, usize), CodecError> {
    let mut reader = BitReader::new(payload);
    let start = Start::read(&mut reader, sequence)?;
    let start = match start {
        Start::Existing(index) => {
            references::show(references, index)?;
            return Ok((Header::Existing, reader.bytes_used()));
        }
        Start::Frame(start) => start,
    };
    let mut parser = Parser {
        reader,
        sequence,
        references,
        frame: Frame::of(start),
    };
    parser.read_general(layer)?;
    if parser.frame.is_intra() {
        parser.read_size()?;
        parser.read_render_size()?;
        let frame = &parser.frame;
        if frame.screen_content_tools && frame.upscaled_width == frame.width {
            parser.frame.intra_block_copy = parser.reader.flag()?;
        }
    } else {
        parser.read_references()?;
    }
    if !sequence.reduced_still_picture && !parser.frame.cdf_update_disabled {
        parser.reader.skip(1)?;
    }
    let frame = &parser.frame;
    let tiles = TileLayout::read(
        &mut parser.reader,
        (frame.width, frame.height),
        sequence.large_superblocks,
    )?;
    parser.read_quantisers()?;
    parser.read_filters()?;
    parser.read_prediction()?;
    parser.read_film_grain()?;
    let used = parser.reader.bytes_used();
    parser.finish();
    Ok((Header::Frame(tiles), used))
}

/// How a header begins.
enum Start {
    /// `show_existing_frame`, and which one.
    Existing(usize),
    Frame(Beginning),
}

/// The first fields of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub kind: FrameKind,
    pub is_shown: bool,
    pub is_showable: bool,
    pub error_resilient: bool,
}

impl Start {
    fn read(reader: &mut BitReader<'_>, sequence: &Sequence) -> Result<Self, CodecError> {
        if sequence.reduced_still_picture {
            return Ok(Self::Frame(Beginning {
                kind: FrameKind::Key,
                is_shown: true,
                is_showable: false,
                error_resilient: true,
            }));
        }
        let model = sequence.decoder_model.as_ref();
        let time_bits = model.and_then(|model| model.presentation_time_bits);
        if reader.flag()? {
            let index = reader.bits(3)? as usize;
            reader.skip(time_bits.unwrap_or(0))?;
            reader.skip(sequence.frame_ids.map_or(0, |ids| ids.bits))?;
            return Ok(Self::Existing(index));
        }
        let kind = match reader.bits(2)? {
            0 => FrameKind::Key,
            1 => FrameKind::Inter,
            2 => FrameKind::IntraOnly,
            _ => FrameKind::Switch,
        };
        let is_shown = reader.flag()?;
        let is_showable = if is_shown {
            reader.skip(time_bits.unwrap_or(0))?;
            kind != FrameKind::Key
        } else {
            reader.flag()?
        };
        let refreshes_all = kind == FrameKind::Switch || (kind == FrameKind::Key && is_shown);
        Ok(Self::Frame(Beginning {
            kind,
            is_shown,
            is_showable,
            error_resilient: refreshes_all || reader.flag()?,
        }))
    }
}

/// What of a frame later fields and later frames depend on.
struct Frame {
    start: Beginning,
    cdf_update_disabled: bool,
    screen_content_tools: bool,
    integer_motion_vectors: bool,
    has_own_size: bool,
    order_hint: u32,
    /// Which of the frame's references it continues from.
    primary_reference: Option<usize>,
    refreshed: u32,
    references: [usize; REFERENCES_OF_A_FRAME],
    width: u32,
    upscaled_width: u32,
    height: u32,
    intra_block_copy: bool,
    precise_motion_vectors: bool,
    /// By how much a segment's quantiser differs.
    quantiser_changes: [Option<i32>; SEGMENTS],
    is_lossless: bool,
}

impl Frame {
    fn of(start: Beginning) -> Self {
        Self {
            start,
            cdf_update_disabled: false,
            screen_content_tools: false,
            integer_motion_vectors: false,
            has_own_size: false,
            order_hint: 0,
            primary_reference: None,
            refreshed: 0,
            references: [0; REFERENCES_OF_A_FRAME],
            width: 0,
            upscaled_width: 0,
            height: 0,
            intra_block_copy: false,
            precise_motion_vectors: false,
            quantiser_changes: [None; SEGMENTS],
            is_lossless: false,
        }
    }

    fn is_intra(&self) -> bool {
        matches!(self.start.kind, FrameKind::Key | FrameKind::IntraOnly)
    }

    /// Whether all references are replaced, without a word on it.
    fn refreshes_all(&self) -> bool {
        let Beginning { kind, is_shown, .. } = self.start;
        kind == FrameKind::Switch || (kind == FrameKind::Key && is_shown)
    }
}

struct Parser<'a> {
    reader: BitReader<'a>,
    sequence: &'a Sequence,
    references: &'a mut References,
    frame: Frame,
}

impl Parser<'_> {
    /// From `disable_cdf_update` to `ref_order_hint`.
    fn read_general(&mut self, layer: (u32, u32)) -> Result<(), CodecError> {
        let Self {
            reader,
            sequence,
            frame,
            ..
        } = self;
        frame.cdf_update_disabled = reader.flag()?;
        frame.screen_content_tools = match sequence.screen_content_tools {
            Some(forced) => forced,
            None => reader.flag()?,
        };
        if frame.screen_content_tools {
            frame.integer_motion_vectors = match sequence.integer_motion_vectors {
                Some(forced) => forced,
                None => reader.flag()?,
            };
        }
        reader.skip(sequence.frame_ids.map_or(0, |ids| ids.bits))?;
        frame.has_own_size = match frame.start.kind {
            FrameKind::Switch => true,
            _ => !sequence.reduced_still_picture && reader.flag()?,
        };
        frame.order_hint = reader.bits(sequence.order_hint_bits)?;
        if !frame.is_intra() && !frame.start.error_resilient {
            /// `primary_ref_frame` of a frame that continues from none.
            const NONE: usize = 7;
            frame.primary_reference = Some(reader.bits(3)? as usize).filter(|index| *index != NONE);
        }
        self.skip_buffer_removal_times(layer)?;
        self.frame.refreshed = match self.frame.refreshes_all() {
            true => 0xff,
            false => self.reader.bits(8)?,
        };
        if (!self.frame.is_intra() || self.frame.refreshed != 0xff)
            && self.frame.start.error_resilient
        {
            self.read_order_hints()?;
        }
        Ok(())
    }

    fn skip_buffer_removal_times(
        &mut self,
        (temporal, spatial): (u32, u32),
    ) -> Result<(), CodecError> {
        let Some(model) = &self.sequence.decoder_model else {
            return Ok(());
        };
        if !self.reader.flag()? {
            return Ok(());
        }
        for point in &self.sequence.operating_points {
            let layers = point.layers;
            let contains = layers >> temporal & 1 == 1 && layers >> (spatial + 8) & 1 == 1;
            if point.has_decoder_model && (layers == 0 || contains) {
                self.reader.skip(model.buffer_removal_bits)?;
            }
        }
        Ok(())
    }

    /// `ref_order_hint`: what stands in for a reference that is not known has the expected place in the order and the
    /// full size.
    fn read_order_hints(&mut self) -> Result<(), CodecError> {
        if self.sequence.order_hint_bits == 0 {
            return Ok(());
        }
        for reference in self.references.iter_mut() {
            let order_hint = self.reader.bits(self.sequence.order_hint_bits)?;
            if reference.is_none() {
                *reference = Some(Reference {
                    upscaled_width: self.sequence.width,
                    height: self.sequence.height,
                    order_hint,
                    is_key: false,
                    quantiser_changes: [None; SEGMENTS],
                });
            }
        }
        Ok(())
    }

    /// The references of a predicted frame, its size, and how motion is told.
    fn read_references(&mut self) -> Result<(), CodecError> {
        let hint_bits = self.sequence.order_hint_bits;
        let is_short = hint_bits > 0 && self.reader.flag()?;
        if is_short {
            let last = self.reader.bits(3)? as usize;
            let golden = self.reader.bits(3)? as usize;
            let hint = self.frame.order_hint;
            self.frame.references =
                references::derive(self.references, (last, golden), hint, hint_bits)?;
        }
        for index in 0..REFERENCES_OF_A_FRAME {
            if !is_short {
                let reference = self.reader.bits(3)? as usize;
                if let Some(place) = self.frame.references.get_mut(index) {
                    *place = reference;
                }
            }
            let ids = self.sequence.frame_ids;
            self.reader.skip(ids.map_or(0, |ids| ids.delta_bits))?;
        }
        if self.frame.has_own_size && !self.frame.start.error_resilient {
            self.read_size_of_references()?;
        } else {
            self.read_size()?;
            self.read_render_size()?;
        }
        if !self.frame.integer_motion_vectors {
            self.frame.precise_motion_vectors = self.reader.flag()?;
        }
        if !self.reader.flag()? {
            self.reader.skip(2)?;
        }
        self.reader.skip(1)?;
        if !self.frame.start.error_resilient && self.sequence.reference_motion_vectors {
            self.reader.skip(1)?;
        }
        Ok(())
    }

    /// `frame_size` (5.9.5).
    fn read_size(&mut self) -> Result<(), CodecError> {
        let (mut width, mut height) = (self.sequence.width, self.sequence.height);
        if self.frame.has_own_size {
            width = self.reader.bits(self.sequence.width_bits)? + 1;
            height = self.reader.bits(self.sequence.height_bits)? + 1;
        }
        self.read_super_resolution(width, height)
    }

    /// `superres_params` (5.9.8): the frame may be coded narrower than it is.
    fn read_super_resolution(&mut self, width: u32, height: u32) -> Result<(), CodecError> {
        const NUMERATOR: u32 = 8;
        let mut denominator = NUMERATOR;
        if self.sequence.super_resolution && self.reader.flag()? {
            denominator = self.reader.bits(3)? + 9;
        }
        self.frame.upscaled_width = width;
        self.frame.width = (width * NUMERATOR + denominator / 2) / denominator;
        self.frame.height = height;
        Ok(())
    }

    fn read_render_size(&mut self) -> Result<(), CodecError> {
        if self.reader.flag()? {
            self.reader.skip(16 + 16)?;
        }
        Ok(())
    }

    /// `frame_size_with_refs` (5.9.7).
    fn read_size_of_references(&mut self) -> Result<(), CodecError> {
        for index in self.frame.references {
            if self.reader.flag()? {
                let reference = references::known(self.references, index)?;
                return self.read_super_resolution(reference.upscaled_width, reference.height);
            }
        }
        self.read_size()?;
        self.read_render_size()
    }

    /// Quantisers, segmentation, and whether the frame is coded without loss.
    fn read_quantisers(&mut self) -> Result<(), CodecError> {
        let reader = &mut self.reader;
        let base = reader.bits(8)? as i32;
        let mut lossless_but_for_index = read_delta(reader)? == 0;
        let colour = &self.sequence.colour;
        if !colour.monochrome {
            let differ = colour.separate_chroma_quantisers && reader.flag()?;
            for _ in 0..if differ { 4 } else { 2 } {
                lossless_but_for_index &= read_delta(reader)? == 0;
            }
        }
        // Quantiser matrices.
        if reader.flag()? {
            reader.skip(if colour.separate_chroma_quantisers {
                12
            } else {
                8
            })?;
        }
        self.read_segmentation()?;
        let mut has_changes = false;
        if base > 0 && self.reader.flag()? {
            has_changes = true;
            self.reader.skip(2)?;
        }
        if has_changes && !self.frame.intra_block_copy && self.reader.flag()? {
            self.reader.skip(2 + 1)?;
        }
        let changes = self.frame.quantiser_changes;
        let all_zero = changes
            .iter()
            .all(|change| (base + change.unwrap_or(0)).clamp(0, 255) == 0);
        self.frame.is_lossless = lossless_but_for_index && all_zero;
        Ok(())
    }

    /// `segmentation_params` (5.9.14); of the features, only the quantiser matters to what follows.
    fn read_segmentation(&mut self) -> Result<(), CodecError> {
        /// Bits of the features' values; the first five have a sign besides.
        const BITS: [u32; 8] = [8, 6, 6, 6, 6, 3, 0, 0];
        const SIGNED: usize = 5;
        const QUANTISER: usize = 0;
        if !self.reader.flag()? {
            return Ok(());
        }
        if let Some(primary) = self.frame.primary_reference {
            let index = self.frame.references.get(primary).copied();
            let reference = references::known(self.references, index.unwrap_or_default())?;
            self.frame.quantiser_changes = reference.quantiser_changes;
            if self.reader.flag()? {
                self.reader.skip(1)?;
            }
            if !self.reader.flag()? {
                return Ok(());
            }
        }
        for change in &mut self.frame.quantiser_changes {
            *change = None;
            for (feature, bits) in BITS.into_iter().enumerate() {
                if !self.reader.flag()? {
                    continue;
                }
                if feature < SIGNED {
                    let value = read_signed(&mut self.reader, 1 + bits)?;
                    if feature == QUANTISER {
                        *change = Some(value);
                    }
                } else {
                    self.reader.skip(bits)?;
                }
            }
        }
        Ok(())
    }

    /// Deblocking, directional enhancement, restoration.
    fn read_filters(&mut self) -> Result<(), CodecError> {
        let has_chroma = !self.sequence.colour.monochrome;
        let is_plain = self.frame.is_lossless || self.frame.intra_block_copy;
        let reader = &mut self.reader;
        if !is_plain {
            let levels = [reader.bits(6)?, reader.bits(6)?];
            if has_chroma && levels != [0, 0] {
                reader.skip(6 + 6)?;
            }
            reader.skip(3)?;
            if reader.flag()? && reader.flag()? {
                for _ in 0..REFERENCES + 2 {
                    if reader.flag()? {
                        reader.skip(1 + 6)?;
                    }
                }
            }
        }
        if !is_plain && self.sequence.directional_enhancement {
            reader.skip(2)?;
            let strengths = 1 << reader.bits(2)?;
            for _ in 0..strengths {
                reader.skip(if has_chroma { 12 } else { 6 })?;
            }
        }
        let is_full_width = self.frame.width == self.frame.upscaled_width;
        let all_lossless = self.frame.is_lossless && is_full_width;
        if !all_lossless && !self.frame.intra_block_copy && self.sequence.restoration {
            let luma = reader.bits(2)? > 0;
            let mut chroma = false;
            for _ in 0..if has_chroma { 2 } else { 0 } {
                chroma |= reader.bits(2)? > 0;
            }
            if luma || chroma {
                let shift = reader.flag()?;
                if shift && !self.sequence.large_superblocks {
                    reader.skip(1)?;
                }
                if self.sequence.colour.half_columns_and_rows && chroma {
                    reader.skip(1)?;
                }
            }
        }
        Ok(())
    }

    /// From `read_tx_mode` to `global_motion_params`.
    fn read_prediction(&mut self) -> Result<(), CodecError> {
        if !self.frame.is_lossless {
            self.reader.skip(1)?;
        }
        let is_intra = self.frame.is_intra();
        let selects = !is_intra && self.reader.flag()?;
        let hint_bits = self.sequence.order_hint_bits;
        if selects && hint_bits > 0 {
            let Frame {
                references,
                order_hint,
                ..
            } = self.frame;
            if references::can_skip(self.references, references, order_hint, hint_bits)? {
                self.reader.skip(1)?;
            }
        }
        if !is_intra && !self.frame.start.error_resilient && self.sequence.warped_motion {
            self.reader.skip(1)?;
        }
        self.reader.skip(1)?;
        if !is_intra {
            for _ in 0..REFERENCES_OF_A_FRAME {
                self.skip_global_motion()?;
            }
        }
        Ok(())
    }

    /// Global motion of one reference (5.9.24, 5.9.25).
    fn skip_global_motion(&mut self) -> Result<(), CodecError> {
        const ALPHA_BITS: u32 = 12;
        const TRANSLATION_BITS: u32 = 12;
        const TRANSLATION_ONLY_BITS: u32 = 9;
        let reader = &mut self.reader;
        if !reader.flag()? {
            return Ok(());
        }
        let rotates_and_zooms = reader.flag()?;
        let only_translates = !rotates_and_zooms && reader.flag()?;
        let alphas = match (rotates_and_zooms, only_translates) {
            (true, _) => 2,
            (_, true) => 0,
            _ => 4,
        };
        for _ in 0..alphas {
            skip_subexponential(reader, ALPHA_BITS)?;
        }
        let bits = match only_translates {
            true => TRANSLATION_ONLY_BITS - u32::from(!self.frame.precise_motion_vectors),
            false => TRANSLATION_BITS,
        };
        for _ in 0..2 {
            skip_subexponential(reader, bits)?;
        }
        Ok(())
    }

    /// `film_grain_params` (5.9.30).
    fn read_film_grain(&mut self) -> Result<(), CodecError> {
        let Beginning {
            kind,
            is_shown,
            is_showable,
            ..
        } = self.frame.start;
        let reader = &mut self.reader;
        if !self.sequence.film_grain || !(is_shown || is_showable) || !reader.flag()? {
            return Ok(());
        }
        reader.skip(16)?;
        if kind == FrameKind::Inter && !reader.flag()? {
            return reader.skip(3);
        }
        let colour = &self.sequence.colour;
        let points = |reader: &mut BitReader<'_>| -> Result<u32, CodecError> {
            let count = reader.bits(4)?;
            reader.skip(count * 16)?;
            Ok(count)
        };
        let luma = points(reader)?;
        let from_luma = !colour.monochrome && reader.flag()?;
        let has_none =
            colour.monochrome || from_luma || (colour.half_columns_and_rows && luma == 0);
        let (mut blue, mut red) = (0, 0);
        if !has_none {
            (blue, red) = (points(reader)?, points(reader)?);
        }
        reader.skip(2)?;
        let lag = reader.bits(2)?;
        let luma_coefficients = 2 * lag * (lag + 1);
        let mut chroma_coefficients = luma_coefficients;
        if luma > 0 {
            chroma_coefficients += 1;
            reader.skip(luma_coefficients * 8)?;
        }
        for count in [blue, red] {
            if from_luma || count > 0 {
                reader.skip(chroma_coefficients * 8)?;
            }
        }
        reader.skip(2 + 2)?;
        for count in [blue, red] {
            if count > 0 {
                reader.skip(8 + 8 + 9)?;
            }
        }
        reader.skip(2)
    }

    /// Replaces the references that the frame refreshes (7.20).
    fn finish(self) {
        let Frame {
            start,
            refreshed,
            upscaled_width,
            height,
            order_hint,
            quantiser_changes,
            ..
        } = self.frame;
        for (index, reference) in self.references.iter_mut().enumerate() {
            if refreshed >> index & 1 == 1 {
                *reference = Some(Reference {
                    upscaled_width,
                    height,
                    order_hint,
                    is_key: start.kind == FrameKind::Key,
                    quantiser_changes,
                });
            }
        }
    }
}

/// `su(bits)` (4.10.6).
fn read_signed(reader: &mut BitReader<'_>, bits: u32) -> Result<i32, CodecError> {
    let value = reader.bits(bits)? as i32;
    let sign = 1 << (bits - 1);
    Ok(if value & sign != 0 {
        value - 2 * sign
    } else {
        value
    })
}

/// `read_delta_q` (5.9.13).
fn read_delta(reader: &mut BitReader<'_>) -> Result<i32, CodecError> {
    match reader.flag()? {
        true => read_signed(reader, 1 + 6),
        false => Ok(0),
    }
}

/// A value between -2^bits and 2^bits; how long its code is depends on the code alone (5.9.26 to 5.9.28).
fn skip_subexponential(reader: &mut BitReader<'_>, bits: u32) -> Result<(), CodecError> {
    const FIRST_BITS: u32 = 3;
    let symbols = 2 * (1_u32 << bits) + 1;
    let mut passed = 0;
    let mut step = FIRST_BITS;
    let mut is_first = true;
    loop {
        let span = 1 << step;
        if symbols <= passed + 3 * span {
            return super::tiles::read_non_symmetric(reader, symbols - passed).map(|_| ());
        }
        if !reader.flag()? {
            return reader.skip(step);
        }
        passed += span;
        // The second span is as long as the first.
        step += u32::from(!is_first);
        is_first = false;
    }
}
