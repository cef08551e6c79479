//! Writes H.264 parameter sets and slice headers bit by bit (ITU-T H.264, 7.3), for tests.
//!
//! Shared by the unit tests of the slice header reader and by the builder of synthetic movies.

/// Writes bits, most significant first.
#[derive(Debug, Clone, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    count: usize,
}

impl BitWriter {
    pub fn bit(&mut self, bit: bool) -> &mut Self {
        if self.count.is_multiple_of(8) {
            self.bytes.push(0);
        }
        let last = self.bytes.last_mut().unwrap();
        *last |= u8::from(bit) << (7 - self.count % 8);
        self.count += 1;
        self
    }

    pub fn bits(&mut self, value: u32, count: u32) -> &mut Self {
        for shift in (0..count).rev() {
            self.bit(value >> shift & 1 == 1);
        }
        self
    }

    pub fn ue(&mut self, value: u32) -> &mut Self {
        let code = u64::from(value) + 1;
        let length = 64 - code.leading_zeros();
        self.bits(0, length - 1);
        self.bits((code >> 32) as u32, length.saturating_sub(32));
        self.bits(code as u32, length.min(32))
    }

    pub fn se(&mut self, value: i32) -> &mut Self {
        let code = if value > 0 {
            value as u32 * 2 - 1
        } else {
            value.unsigned_abs() * 2
        };
        self.ue(code)
    }

    /// Bits written.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Fills the last byte with `bit`.
    pub fn align(&mut self, bit: bool) -> &mut Self {
        while !self.count.is_multiple_of(8) {
            self.bit(bit);
        }
        self
    }

    /// `rbsp_trailing_bits`, and the bytes.
    pub fn trailing(mut self) -> Vec<u8> {
        self.bit(true).align(false);
        self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A NAL unit: the header byte and the payload with emulation prevention (7.4.1).
pub fn nal_unit(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut nal = vec![header];
    let mut zeros = 0;
    for byte in payload {
        if zeros == 2 && *byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        nal.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    nal
}

/// A sequence parameter set.
#[derive(Debug, Clone)]
pub struct Sps {
    pub id: u32,
    pub profile: u8,
    pub level: u8,
    pub chroma_format: u32,
    pub separate_planes: bool,
    pub frame_num_bits: u32,
    pub poc_type: u32,
    pub poc_bits: u32,
    pub delta_always_zero: bool,
    pub width_in_macroblocks: u32,
    pub height_in_map_units: u32,
    pub frame_only: bool,
    /// Width and height of a pixel, written as `Extended_SAR`.
    pub pixel_aspect: Option<(u32, u32)>,
}

impl Default for Sps {
    /// High profile, 320×192.
    fn default() -> Self {
        Self {
            id: 0,
            profile: 100,
            level: 31,
            chroma_format: 1,
            separate_planes: false,
            frame_num_bits: 4,
            poc_type: 0,
            poc_bits: 6,
            delta_always_zero: false,
            width_in_macroblocks: 20,
            height_in_map_units: 12,
            frame_only: true,
            pixel_aspect: None,
        }
    }
}

impl Sps {
    pub fn nal(&self) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.bits(u32::from(self.profile), 8).bits(0, 8);
        w.bits(u32::from(self.level), 8).ue(self.id);
        if self.profile >= 100 {
            w.ue(self.chroma_format);
            if self.chroma_format == 3 {
                w.bit(self.separate_planes);
            }
            w.ue(0).ue(0).bit(false).bit(false);
        }
        w.ue(self.frame_num_bits - 4).ue(self.poc_type);
        match self.poc_type {
            0 => {
                w.ue(self.poc_bits - 4);
            }
            1 => {
                w.bit(self.delta_always_zero).se(-1).se(2);
                w.ue(2).se(2).se(-3);
            }
            _ => {}
        }
        w.ue(4).bit(false);
        w.ue(self.width_in_macroblocks - 1);
        w.ue(self.height_in_map_units - 1);
        w.bit(self.frame_only);
        if !self.frame_only {
            w.bit(false);
        }
        w.bit(true).bit(false);
        w.bit(self.pixel_aspect.is_some());
        if let Some((h, v)) = self.pixel_aspect {
            w.bit(true).bits(255, 8).bits(h, 16).bits(v, 16);
            // No overscan, signal type, chroma place, timing, HRD twice, picture structure, restriction.
            w.bits(0, 8);
        }
        nal_unit(0x67, &w.trailing())
    }
}

/// A picture parameter set.
#[derive(Debug, Clone)]
pub struct Pps {
    pub id: u32,
    pub sps_id: u32,
    pub cabac: bool,
    pub bottom_field_order: bool,
    /// `slice_group_change_rate` of two slice groups of type 3.
    pub slice_group_change_rate: Option<u32>,
    pub reference_counts: [u32; 2],
    pub weighted: bool,
    pub weighted_bi: u32,
    pub deblocking_control: bool,
    pub redundant: bool,
}

impl Default for Pps {
    fn default() -> Self {
        Self {
            id: 0,
            sps_id: 0,
            cabac: true,
            bottom_field_order: false,
            slice_group_change_rate: None,
            reference_counts: [3, 1],
            weighted: false,
            weighted_bi: 0,
            deblocking_control: true,
            redundant: false,
        }
    }
}

impl Pps {
    pub fn nal(&self) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.ue(self.id).ue(self.sps_id);
        w.bit(self.cabac).bit(self.bottom_field_order);
        match self.slice_group_change_rate {
            None => {
                w.ue(0);
            }
            Some(rate) => {
                w.ue(1).ue(3).bit(false).ue(rate - 1);
            }
        }
        w.ue(self.reference_counts[0] - 1);
        w.ue(self.reference_counts[1] - 1);
        w.bit(self.weighted).bits(self.weighted_bi, 2);
        w.se(0).se(0).se(0);
        w.bit(self.deblocking_control).bit(false);
        w.bit(self.redundant);
        nal_unit(0x68, &w.trailing())
    }
}

/// What a slice codes (Table 7-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceKind {
    P,
    B,
    I,
    Sp,
    Si,
}

/// A slice header. Lists that do not apply to the kind are not written.
#[derive(Debug, Clone)]
pub struct SliceHeader {
    pub kind: SliceKind,
    /// Adds 5 to `slice_type`: all slices of the picture are of this kind.
    pub whole_picture: bool,
    pub is_idr: bool,
    pub reference: u8,
    pub first_macroblock: u32,
    pub frame_num: u32,
    /// `Some(bottom)`: a field.
    pub field: Option<bool>,
    pub idr_id: u32,
    pub poc: u32,
    /// Replaces the counts of the picture parameter set.
    pub reference_counts: Option<[u32; 2]>,
    /// Reordering of each list: `modification_of_pic_nums_idc` and its value.
    pub modifications: [Vec<(u32, u32)>; 2],
    /// Whether each reference picture of a weight table has weights.
    pub explicit_weights: bool,
    /// Memory management operations and their values.
    pub marking: Vec<(u32, Vec<u32>)>,
    pub qp_delta: i32,
    /// `disable_deblocking_filter_idc`.
    pub deblocking: u32,
}

impl Default for SliceHeader {
    fn default() -> Self {
        Self {
            kind: SliceKind::I,
            whole_picture: true,
            is_idr: false,
            reference: 2,
            first_macroblock: 0,
            frame_num: 0,
            field: None,
            idr_id: 0,
            poc: 0,
            reference_counts: None,
            modifications: [Vec::new(), Vec::new()],
            explicit_weights: false,
            marking: Vec::new(),
            qp_delta: -2,
            deblocking: 0,
        }
    }
}

impl SliceHeader {
    /// The header of an IDR picture.
    pub fn idr(idr_id: u32) -> Self {
        Self {
            is_idr: true,
            idr_id,
            reference: 3,
            ..Self::default()
        }
    }

    fn lists(&self) -> usize {
        match self.kind {
            SliceKind::P | SliceKind::Sp => 1,
            SliceKind::B => 2,
            SliceKind::I | SliceKind::Si => 0,
        }
    }

    /// The first byte of the NAL unit.
    pub fn nal_header(&self) -> u8 {
        self.reference << 5 | if self.is_idr { 5 } else { 1 }
    }

    /// The bits of `slice_header`.
    pub fn write(&self, sps: &Sps, pps: &Pps) -> BitWriter {
        let mut w = BitWriter::default();
        let code = match self.kind {
            SliceKind::P => 0,
            SliceKind::B => 1,
            SliceKind::I => 2,
            SliceKind::Sp => 3,
            SliceKind::Si => 4,
        };
        w.ue(self.first_macroblock);
        w.ue(code + if self.whole_picture { 5 } else { 0 });
        w.ue(pps.id);
        self.write_order(&mut w, sps, pps);
        if pps.redundant {
            w.ue(0);
        }
        if self.kind == SliceKind::B {
            w.bit(true);
        }
        self.write_references(&mut w, sps, pps);
        if self.reference > 0 {
            self.write_marking(&mut w);
        }
        if pps.cabac && self.lists() > 0 {
            w.ue(1);
        }
        w.se(self.qp_delta);
        if matches!(self.kind, SliceKind::Sp | SliceKind::Si) {
            if self.kind == SliceKind::Sp {
                w.bit(false);
            }
            w.se(3);
        }
        if pps.deblocking_control {
            w.ue(self.deblocking);
            if self.deblocking != 1 {
                w.se(-1).se(2);
            }
        }
        if let Some(rate) = pps.slice_group_change_rate {
            let units = sps.width_in_macroblocks * sps.height_in_map_units;
            // Ceil(Log2(PicSizeInMapUnits ÷ SliceGroupChangeRate + 1)), division with fractions.
            let bits = (f64::from(units) / f64::from(rate) + 1.0).log2().ceil();
            w.bits(1, bits as u32);
        }
        w
    }

    fn write_order(&self, w: &mut BitWriter, sps: &Sps, pps: &Pps) {
        if sps.separate_planes {
            w.bits(1, 2);
        }
        w.bits(self.frame_num, sps.frame_num_bits);
        if !sps.frame_only {
            w.bit(self.field.is_some());
            if let Some(bottom) = self.field {
                w.bit(bottom);
            }
        }
        if self.is_idr {
            w.ue(self.idr_id);
        }
        let bottom_too = pps.bottom_field_order && self.field.is_none();
        match sps.poc_type {
            0 => {
                w.bits(self.poc, sps.poc_bits);
                if bottom_too {
                    w.se(-1);
                }
            }
            1 if !sps.delta_always_zero => {
                w.se(5);
                if bottom_too {
                    w.se(-6);
                }
            }
            _ => {}
        }
    }

    fn write_references(&self, w: &mut BitWriter, sps: &Sps, pps: &Pps) {
        let lists = self.lists();
        if lists == 0 {
            return;
        }
        w.bit(self.reference_counts.is_some());
        let counts = self.reference_counts.unwrap_or(pps.reference_counts);
        if self.reference_counts.is_some() {
            for count in &counts[..lists] {
                w.ue(count - 1);
            }
        }
        for modifications in &self.modifications[..lists] {
            w.bit(!modifications.is_empty());
            if !modifications.is_empty() {
                for (operation, value) in modifications {
                    w.ue(*operation).ue(*value);
                }
                w.ue(3);
            }
        }
        let weighted = match self.kind {
            SliceKind::B => pps.weighted_bi == 1,
            _ => pps.weighted,
        };
        if !weighted {
            return;
        }
        let has_chroma = sps.chroma_format != 0 && !sps.separate_planes;
        w.ue(5);
        if has_chroma {
            w.ue(4);
        }
        for count in &counts[..lists] {
            for index in 0..*count {
                let explicit = self.explicit_weights && index % 2 == 0;
                w.bit(explicit);
                if explicit {
                    w.se(-20).se(7);
                }
                if has_chroma {
                    w.bit(explicit);
                    if explicit {
                        w.se(1).se(-2).se(30).se(-40);
                    }
                }
            }
        }
    }

    fn write_marking(&self, w: &mut BitWriter) {
        if self.is_idr {
            w.bit(false).bit(false);
            return;
        }
        w.bit(!self.marking.is_empty());
        if self.marking.is_empty() {
            return;
        }
        for (operation, values) in &self.marking {
            w.ue(*operation);
            for value in values {
                w.ue(*value);
            }
        }
        w.ue(0);
    }

    /// The slice's NAL unit with `data` as slice data, and its bytes up to the end of the header.
    pub fn slice(&self, sps: &Sps, pps: &Pps, data: &[u8]) -> (Vec<u8>, usize) {
        let mut w = self.write(sps, pps);
        let header_bytes = w.count().div_ceil(8);
        // CABAC data begin at a byte; under CAVLC the bits follow at once.
        if pps.cabac {
            w.align(true);
        }
        for byte in data {
            w.bits(u32::from(*byte), 8);
        }
        let payload = if pps.cabac {
            w.into_bytes()
        } else {
            w.trailing()
        };
        let nal = nal_unit(self.nal_header(), &payload);
        // As many bytes of the unit as hold the header's bytes of the payload.
        let mut left = header_bytes;
        let mut zeros = 0;
        let mut length = 1;
        while left > 0 {
            let byte = nal[length];
            length += 1;
            if zeros == 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            left -= 1;
        }
        (nal, length)
    }
}

/// Numbers that look random and are always the same (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit.max(1)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 40) as u8).collect()
    }
}
