//! AES-128 in the modes of Common Encryption (ISO/IEC 23001-7, 9 and 10). The one place that touches AES.

use aes::Aes128;
use aes::cipher::{
    Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, BlockModeDecrypt as _,
    BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _,
};

/// Bytes of an AES block.
pub(crate) const BLOCK: usize = 16;

/// A content key, expanded.
pub(crate) struct Cipher {
    aes: Aes128,
}

/// How many blocks of a protected range are encrypted and how many stay clear, in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Encrypted blocks; 0 with `skip` 0 means all.
    pub crypt: u8,
    /// Clear blocks.
    pub skip: u8,
}

impl Pattern {
    /// Every block.
    pub const FULL: Self = Self { crypt: 0, skip: 0 };
    /// One block in ten: video under `cbcs`.
    pub const ONE_IN_TEN: Self = Self { crypt: 1, skip: 9 };

    fn is_full(self) -> bool {
        self.skip == 0
    }
}

impl Cipher {
    /// Expands a key.
    pub fn new(key: &[u8; BLOCK]) -> Self {
        Self {
            aes: Aes128::new(&Array::from(*key)),
        }
    }

    /// One block, encrypted: a pseudo-random function of `block` under this key.
    pub fn encrypt_block(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Array::from(block);
        self.aes.encrypt_block(&mut block);
        block.into()
    }

    /// Counter mode for one sample (9.6): call [`CounterMode::apply`] for its protected ranges in order.
    pub fn counter_mode(&self, iv: [u8; BLOCK]) -> CounterMode {
        let core = ctr::CtrCore::inner_iv_init(self.aes.clone(), &Array::from(iv));
        CounterMode {
            stream: ctr::Ctr64BE::from_core(core),
        }
    }

    /// Encrypts the whole blocks of a protected range under CBC (10.4); gives the last cipher block.
    pub fn cbc_encrypt(&self, range: &mut [u8], iv: [u8; BLOCK], pattern: Pattern) -> [u8; BLOCK] {
        if pattern.is_full() {
            let mut mode = cbc::Encryptor::inner_iv_init(&self.aes, &Array::from(iv));
            let (blocks, _) = Array::slice_as_chunks_mut(range);
            mode.encrypt_blocks(blocks);
            return blocks.last().map_or(iv, |block| (*block).into());
        }
        let mut chain = u128::from_ne_bytes(iv);
        for_each_pattern_block(range, pattern, |block| {
            let mut mixed = Array::from((u128::from_ne_bytes(*block) ^ chain).to_ne_bytes());
            self.aes.encrypt_block(&mut mixed);
            *block = mixed.into();
            chain = u128::from_ne_bytes(*block);
        });
        chain.to_ne_bytes()
    }

    /// Undoes [`Cipher::cbc_encrypt`]; gives the last cipher block.
    pub fn cbc_decrypt(&self, range: &mut [u8], iv: [u8; BLOCK], pattern: Pattern) -> [u8; BLOCK] {
        if pattern.is_full() {
            let (blocks, _) = Array::slice_as_chunks_mut(range);
            let last = blocks.last().map_or(iv, |block| (*block).into());
            cbc::Decryptor::inner_iv_init(&self.aes, &Array::from(iv)).decrypt_blocks(blocks);
            return last;
        }
        let mut chain = u128::from_ne_bytes(iv);
        for_each_pattern_block(range, pattern, |block| {
            let next = u128::from_ne_bytes(*block);
            let mut mixed = Array::from(*block);
            self.aes.decrypt_block(&mut mixed);
            *block = (u128::from_ne_bytes(mixed.into()) ^ chain).to_ne_bytes();
            chain = next;
        });
        chain.to_ne_bytes()
    }
}

/// The key stream of one sample. The counter is the last 8 bytes of the block and does not carry over
/// into the IV (9.4.2).
pub(crate) struct CounterMode {
    stream: ctr::Ctr64BE<Aes128>,
}

impl CounterMode {
    /// Encrypts or decrypts a protected range: every byte, or the blocks of a pattern (`cens`).
    pub fn apply(&mut self, range: &mut [u8], pattern: Pattern) {
        if pattern.is_full() {
            self.stream.apply_keystream(range);
        } else {
            for_each_pattern_block(range, pattern, |block| self.stream.apply_keystream(block));
        }
    }
}

/// Calls `work` for the encrypted blocks of a patterned range; a part of a block stays clear.
fn for_each_pattern_block(
    range: &mut [u8],
    pattern: Pattern,
    mut work: impl FnMut(&mut [u8; BLOCK]),
) {
    let stride = (usize::from(pattern.crypt) + usize::from(pattern.skip)) * BLOCK;
    for period in range.chunks_mut(stride.max(BLOCK)) {
        let (blocks, _) = period.as_chunks_mut::<BLOCK>();
        for block in blocks.iter_mut().take(usize::from(pattern.crypt)) {
            work(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = *b"a key of 16 byte";
    const IV: [u8; 16] = *b"an iv of 16 byte";

    #[test]
    fn counter_mode_agrees_with_the_vector_of_sp_800_38a() {
        // NIST SP 800-38A, F.5.1, first two blocks; the counter's low half does not overflow there.
        let key = 0x2b7e1516_28aed2a6_abf71588_09cf4f3c_u128.to_be_bytes();
        let counter = 0xf0f1f2f3_f4f5f6f7_f8f9fafb_fcfdfeff_u128.to_be_bytes();
        let mut text = [
            0x6bc1bee2_2e409f96_e93d7e11_7393172a_u128.to_be_bytes(),
            0xae2d8a57_1e03ac9c_9eb76fac_45af8e51_u128.to_be_bytes(),
        ]
        .concat();
        Cipher::new(&key)
            .counter_mode(counter)
            .apply(&mut text, Pattern::FULL);
        assert_eq!(
            text[..16],
            0x874d6191_b620e326_1bef6864_990db6ce_u128.to_be_bytes()
        );
        assert_eq!(
            text[16..],
            0x9806f66b_7970fdff_8617187b_b9fffdff_u128.to_be_bytes()
        );
    }

    #[test]
    fn the_counter_does_not_carry_into_the_iv() {
        let cipher = Cipher::new(&KEY);
        let mut iv = [0xff; 16];
        iv[0] = 1;
        let mut text = [0; 32];
        cipher.counter_mode(iv).apply(&mut text, Pattern::FULL);
        let mut wrapped = iv;
        wrapped[8..].fill(0);
        assert_eq!(text[16..], cipher.encrypt_block(wrapped));
    }

    #[test]
    fn cbc_round_trips_in_every_pattern_and_length() {
        let cipher = Cipher::new(&KEY);
        for pattern in [
            Pattern::FULL,
            Pattern::ONE_IN_TEN,
            Pattern { crypt: 5, skip: 5 },
        ] {
            for length in [0, 1, 15, 16, 17, 159, 160, 161, 176, 1000] {
                let clear: Vec<u8> = (0..length).map(|n| n as u8).collect();
                let mut bytes = clear.clone();
                let sealed = cipher.cbc_encrypt(&mut bytes, IV, pattern);
                assert_eq!(bytes == clear, length < 16, "{pattern:?} {length}");
                let opened = cipher.cbc_decrypt(&mut bytes, IV, pattern);
                assert_eq!((&bytes, sealed), (&clear, opened), "{pattern:?} {length}");
            }
        }
    }

    #[test]
    fn one_block_in_ten_is_encrypted_and_chained() {
        let cipher = Cipher::new(&KEY);
        let mut bytes = [7; 16 * 12];
        cipher.cbc_encrypt(&mut bytes, IV, Pattern::ONE_IN_TEN);
        let mut chained = [0; 32];
        chained[..16].fill(7);
        chained[16..].fill(7);
        cipher.cbc_encrypt(&mut chained, IV, Pattern::FULL);
        assert_eq!(bytes[..16], chained[..16]);
        assert!(bytes[16..160].iter().all(|byte| *byte == 7));
        assert_eq!(bytes[160..176], chained[16..]);
        assert!(bytes[176..].iter().all(|byte| *byte == 7));
    }
}
