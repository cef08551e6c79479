//! Large files that are videos, made piece by piece: a clip, and behind it a box that holds noise.

use super::clips;

/// A video of any size.
pub struct Film {
    clip: Vec<u8>,
    pub size: u64,
}

impl Film {
    /// A film of `size` bytes.
    pub fn of(size: u64) -> Self {
        let mut clip = std::fs::read(clips::numbered(0)).expect("the clip");
        let noise = size - clip.len() as u64;
        // A box with a 64-bit length (ISO/IEC 14496-12, 4.2), to be passed over.
        clip.extend(1_u32.to_be_bytes());
        clip.extend(b"free");
        clip.extend(noise.to_be_bytes());
        Self { clip, size }
    }

    /// Some of its bytes.
    pub fn bytes(&self, offset: u64, count: usize) -> Vec<u8> {
        let end = (offset + count as u64).min(self.size);
        let mut bytes = Vec::with_capacity(count);
        let mut word = (u64::MAX, [0; 8]);
        for at in offset..end {
            if let Some(byte) = self.clip.get(at as usize) {
                bytes.push(*byte);
                continue;
            }
            if word.0 != at / 8 {
                word = (at / 8, noise(at / 8).to_le_bytes());
            }
            bytes.push(word.1[(at % 8) as usize]);
        }
        bytes
    }

    /// All its bytes.
    pub fn whole(&self) -> Vec<u8> {
        self.bytes(0, self.size as usize)
    }

    /// Hex digits of its SHA-256.
    pub fn sha256(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        let mut offset = 0;
        while offset < self.size {
            let bytes = self.bytes(offset, 1 << 20);
            offset += bytes.len() as u64;
            hash.update(&bytes);
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A word of noise, the same for the same number (splitmix64).
pub fn noise(number: u64) -> u64 {
    let mut word = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
