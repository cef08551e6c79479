//! Reads bits, most significant first, with the Exp-Golomb codes of H.264 (ITU-T H.264, 9.1).

use super::CodecError;

/// A place in a string of bits.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Byte that the next bit is in.
    at: usize,
    /// Bits of it that are used up.
    used: u32,
    /// Zero bytes in a row before `at`; only counted when emulation prevention applies.
    zeros: u32,
    skip_emulation_prevention: bool,
}

impl<'a> BitReader<'a> {
    /// Reads all bits of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            used: 0,
            zeros: 0,
            skip_emulation_prevention: false,
        }
    }

    /// Reads the payload of a NAL unit: bytes of emulation prevention are passed over (7.4.1).
    pub fn of_nal_unit(bytes: &'a [u8]) -> Self {
        Self {
            skip_emulation_prevention: true,
            ..Self::new(bytes)
        }
    }

    /// Bytes that are begun or used up, emulation prevention included.
    pub fn bytes_used(&self) -> usize {
        self.at + usize::from(self.used > 0)
    }

    /// One bit.
    pub fn flag(&mut self) -> Result<bool, CodecError> {
        Ok(self.bit()? == 1)
    }

    /// Up to 32 bits, unsigned.
    pub fn bits(&mut self, count: u32) -> Result<u32, CodecError> {
        let mut value: u32 = 0;
        for _ in 0..count.min(32) {
            value = value << 1 | self.bit()?;
        }
        Ok(value)
    }

    /// Passes over bits.
    pub fn skip(&mut self, count: u32) -> Result<(), CodecError> {
        for _ in 0..count {
            self.bit()?;
        }
        Ok(())
    }

    /// `ue(v)`.
    pub fn ue(&mut self) -> Result<u32, CodecError> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return Err(CodecError::new("an Exp-Golomb code has more than 32 bits"));
            }
        }
        Ok((1_u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// `se(v)`.
    pub fn se(&mut self) -> Result<i32, CodecError> {
        let code = i64::from(self.ue()?);
        let magnitude = (code + 1) / 2;
        let value = if code % 2 == 0 { -magnitude } else { magnitude };
        i32::try_from(value).map_err(|_| CodecError::new("an Exp-Golomb code is out of range"))
    }

    fn bit(&mut self) -> Result<u32, CodecError> {
        if self.used == 0 && self.skip_emulation_prevention {
            self.pass_emulation_prevention();
        }
        let Some(byte) = self.bytes.get(self.at).copied() else {
            return Err(CodecError::new("the data end too early"));
        };
        let bit = u32::from(byte >> (7 - self.used)) & 1;
        self.used += 1;
        if self.used == 8 {
            self.used = 0;
            self.at += 1;
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        }
        Ok(bit)
    }

    fn pass_emulation_prevention(&mut self) {
        if self.zeros >= 2 && self.bytes.get(self.at) == Some(&3) {
            self.at += 1;
            self.zeros = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_those_of_table_9_2() {
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000]);
        let codes: Vec<u32> = (0..5).map(|_| reader.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000]);
        let codes: Vec<i32> = (0..5).map(|_| reader.se().unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn emulation_prevention_is_passed_over_and_counted() {
        let mut reader = BitReader::of_nal_unit(&[0, 0, 3, 1, 0xff]);
        assert_eq!(reader.bits(24), Ok(1));
        assert_eq!(reader.bytes_used(), 4);
        let mut reader = BitReader::new(&[0, 0, 3, 1]);
        assert_eq!(reader.bits(24), Ok(3));
        assert!(reader.bits(16).is_err());
    }
}
