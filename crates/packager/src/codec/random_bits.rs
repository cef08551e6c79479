//! Strings of random bits with some that are given, for tests of header readers.

/// A generator (xorshift) and the string that is being made.
pub(super) struct RandomBits {
    state: u32,
    bytes: Vec<u8>,
    count: usize,
}

impl RandomBits {
    pub fn new(seed: u32) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9) | 1,
            bytes: Vec::new(),
            count: 0,
        }
    }

    pub fn next(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state
    }

    /// True once in `of` times.
    pub fn chance(&mut self, of: u32) -> bool {
        self.next().is_multiple_of(of)
    }

    /// Begins a string.
    pub fn start(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Appends the low bits of a value.
    pub fn put(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= (value >> shift & 1) as u8 * (0x80 >> (self.count % 8));
            self.count += 1;
        }
    }

    /// Appends random bits.
    pub fn bits(&mut self, count: u32) {
        for _ in 0..count {
            let bit = self.next() >> 9;
            self.put(bit, 1);
        }
    }

    /// Appends a bit that is set once in `of` times, and gives it.
    pub fn put_chance(&mut self, of: u32) -> bool {
        let bit = self.chance(of);
        self.put(u32::from(bit), 1);
        bit
    }

    /// The bytes so far, the last one filled with zeros.
    pub fn whole(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// Appends random bits up to a number of bytes, and gives them; the last byte is 0.
    pub fn finish(&mut self, len: usize) -> Vec<u8> {
        while self.count < (len - 1) * 8 {
            self.bits(1);
        }
        self.put(0, 8);
        self.bytes.clone()
    }
}
