//! The bitstream's word on the samples of a track, in two bits each.

use super::Sample;
use std::ops::Range;

/// Where decoding can start.
#[derive(Debug)]
pub(crate) struct Starts {
    /// At these samples.
    pub sync: Bits,
    /// At these nothing that follows needs what is before.
    pub closed: Bits,
}

impl Starts {
    /// The sample at an index, with the bitstream's word.
    pub fn of(&self, index: u64, sample: Sample) -> Sample {
        Sample {
            sync: self.sync.get(index),
            closed: self.closed.get(index),
            ..sample
        }
    }
}

/// A bit for each sample.
#[derive(Debug)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// None of `count` is set.
    pub fn new(count: u64) -> Self {
        let words = usize::try_from(count.div_ceil(64)).unwrap_or(0);
        Self(vec![0; words])
    }

    /// Whether any is set.
    pub fn any(&self) -> bool {
        self.0.iter().any(|word| *word != 0)
    }

    /// Whether one is set; one that is not there is not.
    pub fn get(&self, index: u64) -> bool {
        let word = usize::try_from(index / 64).ok();
        let word = word.and_then(|word| self.0.get(word));
        word.is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Sets one.
    pub fn set(&mut self, index: u64) {
        let word = usize::try_from(index / 64).ok();
        if let Some(word) = word.and_then(|word| self.0.get_mut(word)) {
            *word |= 1 << (index % 64);
        }
    }

    /// Sets all of a range.
    pub fn set_range(&mut self, range: Range<u64>) {
        for index in range {
            self.set(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_samples_are_set_alone() {
        let mut bits = Bits::new(130);
        assert!(!bits.any());
        bits.set_range(63..66);
        bits.set(129);
        bits.set(1000);
        let set: Vec<u64> = (0..200).filter(|index| bits.get(*index)).collect();
        assert_eq!(set, [63, 64, 65, 129]);
    }
}
