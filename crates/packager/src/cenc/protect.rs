//! Encrypts samples in place: which bytes, under which IV, and what `senc` says about them.
//!
//! In: the clear samples of a fragment, one behind the other. Out: the same bytes encrypted, and one
//! [`SampleAuxiliary`] a sample. Sizes do not change.

use super::cipher::{BLOCK, Cipher, CounterMode, Pattern};
use crate::movie::{SampleEntry, VideoConfig};
use crate::{ContentKey, Error, KeyId, Scheme};
use bmff::Writer;
use bmff::boxes::{SampleAuxiliary, Subsample};

/// How one rendition is encrypted during one crypto period; decided by the plan.
#[derive(Debug, Clone)]
pub(crate) struct Protection {
    /// The scheme.
    pub scheme: Scheme,
    /// The key.
    pub content_key: ContentKey,
    /// `cbcs`: the IV of every sample. `cbc1`: what the samples' IVs are made of. In counter mode: the first sample's
    /// IV in its first 8 bytes.
    pub iv: [u8; BLOCK],
    /// Whether the pattern of video applies.
    pub is_video: bool,
}

/// How the bytes of samples are split. It follows the samples of a segment, all its fragments in order: what the
/// first ones say may be needed to read the next.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Whole samples are protected.
    Full,
    /// Slice data are protected, all else is clear.
    SliceData(VideoConfig),
}

impl Layout {
    /// For the start of a segment.
    pub fn of(entry: &SampleEntry) -> Self {
        match entry {
            SampleEntry::Video(entry) => Self::SliceData(entry.config.clone()),
            SampleEntry::Audio(_) | SampleEntry::Text(_) => Self::Full,
        }
    }
}

/// `saiz` counts a sample's auxiliary bytes in 8 bits (ISO/IEC 14496-12, 8.7.8).
const MAX_AUXILIARY_LEN: usize = 255;

impl Protection {
    /// The key id.
    pub fn kid(&self) -> KeyId {
        self.content_key.kid
    }

    /// Bytes of IV in each sample's auxiliary information.
    pub fn iv_size(&self) -> usize {
        match self.scheme {
            Scheme::Cbcs => 0,
            Scheme::Cenc | Scheme::Cens => 8,
            Scheme::Cbc1 => 16,
        }
    }

    /// The pattern of this rendition.
    pub fn pattern(&self) -> Pattern {
        match (self.scheme, self.is_video) {
            (Scheme::Cbcs | Scheme::Cens, true) => Pattern::ONE_IN_TEN,
            _ => Pattern::FULL,
        }
    }

    /// Writes the fields that `tenc` and an entry of a `seig` group share (ISO/IEC 23001-7, 6 and 8.2).
    pub fn write_parameters(&self, w: &mut Writer) {
        let pattern = self.pattern();
        w.u8(0);
        w.u8(pattern.crypt << 4 | pattern.skip);
        w.u8(1);
        w.u8(self.iv_size() as u8);
        w.put(&self.kid().0);
        if self.scheme == Scheme::Cbcs {
            w.u8(BLOCK as u8);
            w.put(&self.iv);
        }
    }

    /// Bytes of [`Protection::write_parameters`].
    pub fn parameters_len(&self) -> u32 {
        match self.scheme {
            Scheme::Cbcs => 20 + 1 + BLOCK as u32,
            _ => 20,
        }
    }

    /// Encrypts consecutive samples; `first_index` is the first one's number in the rendition. `layout` is the
    /// segment's: the fragments of a segment are encrypted in order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when a sample's slice data cannot be found; it names the sample.
    pub fn encrypt(
        &self,
        payload: &mut [u8],
        sizes: &[u32],
        layout: &mut Layout,
        first_index: u64,
    ) -> Result<Vec<SampleAuxiliary>, Error> {
        let cipher = Cipher::new(&self.content_key.value);
        let mut rest = payload;
        let mut auxiliaries = Vec::with_capacity(sizes.len());
        for (index, size) in (first_index..).zip(sizes) {
            let Some((sample, behind)) = rest.split_at_mut_checked(*size as usize) else {
                return Err(Error::InvalidInput(format!("sample {index} is cut short")));
            };
            rest = behind;
            let subsamples = match layout {
                Layout::Full => Vec::new(),
                Layout::SliceData(config) => self
                    .split(sample, config)
                    .map_err(|what| Error::InvalidInput(format!("sample {index}: {what}")))?,
            };
            auxiliaries.push(SampleAuxiliary {
                iv: self.encrypt_sample(&cipher, sample, &subsamples, index),
                subsamples,
            });
        }
        // A constant IV and whole samples need no word on each sample (ISO/IEC 23001-7, 8.2.2.1).
        if auxiliaries
            .iter()
            .all(|auxiliary| *auxiliary == SampleAuxiliary::default())
        {
            auxiliaries.clear();
        }
        Ok(auxiliaries)
    }

    /// Gives the IV that the sample brings with it.
    fn encrypt_sample(
        &self,
        cipher: &Cipher,
        sample: &mut [u8],
        subsamples: &[Subsample],
        index: u64,
    ) -> Vec<u8> {
        match self.scheme {
            Scheme::Cbcs => {
                for_each_protected(sample, subsamples, |range| {
                    cipher.cbc_encrypt(range, self.iv, self.pattern());
                });
                Vec::new()
            }
            Scheme::Cenc | Scheme::Cens => {
                let start = self.iv.first_chunk().copied().unwrap_or_default();
                let iv = u64::from_be_bytes(start).wrapping_add(index).to_be_bytes();
                let mut block = [0; BLOCK];
                if let Some(place) = block.first_chunk_mut() {
                    *place = iv;
                }
                let mut mode: CounterMode = cipher.counter_mode(block);
                for_each_protected(sample, subsamples, |range| {
                    // `cens` takes whole blocks only, of sound too (9.7).
                    let whole = match self.scheme {
                        Scheme::Cens => range.len() - range.len() % BLOCK,
                        _ => range.len(),
                    };
                    let (range, _) = range.split_at_mut(whole);
                    mode.apply(range, self.pattern());
                });
                iv.to_vec()
            }
            Scheme::Cbc1 => {
                // An IV of CBC must not be foreseen: the rendition's secret start makes one of the number.
                let iv = Cipher::new(&self.iv).encrypt_block(u128::from(index).to_be_bytes());
                let mut chain = iv;
                for_each_protected(sample, subsamples, |range| {
                    chain = cipher.cbc_encrypt(range, chain, Pattern::FULL);
                });
                iv.to_vec()
            }
        }
    }

    /// Splits a sample: its slice data are protected. Unless the scheme is `cbcs` these are whole blocks; what is left
    /// over stays clear before them (10.1, 10.4; ISO/IEC 23000-19, 8.2.3).
    fn split(&self, sample: &[u8], config: &mut VideoConfig) -> Result<Vec<Subsample>, String> {
        let ranges = config
            .slice_data(sample)
            .map_err(|error| error.to_string())?;
        let whole_blocks = self.scheme != Scheme::Cbcs || config.wants_whole_blocks();
        let least = if config.wants_every_subsample() {
            1
        } else {
            BLOCK
        };
        let mut split = Splitter::new((MAX_AUXILIARY_LEN - self.iv_size() - 2) / 6, least);
        let mut at = 0;
        for range in ranges {
            let mut protected = range.len();
            if whole_blocks {
                protected -= protected % BLOCK;
            }
            split.clear(range.end - protected - at);
            split.protected(protected);
            at = range.end;
        }
        split.clear(sample.len() - at);
        let most = split.most;
        let subsamples = split.finish();
        match subsamples.len() > most {
            true => Err(format!("more than {most} subsamples would be needed")),
            false => Ok(subsamples),
        }
    }
}

/// Calls `work` for the protected ranges of a sample; without subsamples it is one range.
pub(crate) fn for_each_protected(
    sample: &mut [u8],
    subsamples: &[Subsample],
    mut work: impl FnMut(&mut [u8]),
) {
    if subsamples.is_empty() {
        return work(sample);
    }
    let mut rest = sample;
    for subsample in subsamples {
        let clear = usize::from(subsample.clear).min(rest.len());
        let (_, behind) = rest.split_at_mut(clear);
        let (range, behind) = behind.split_at_mut((subsample.protected as usize).min(behind.len()));
        work(range);
        rest = behind;
    }
}

/// Gathers clear and protected runs into subsamples.
struct Splitter {
    subsamples: Vec<Subsample>,
    clear: usize,
    most: usize,
    /// Protected ranges with fewer bytes stay clear.
    least: usize,
}

impl Splitter {
    fn new(most: usize, least: usize) -> Self {
        Self {
            subsamples: Vec::with_capacity(2),
            clear: 0,
            most,
            least,
        }
    }

    fn clear(&mut self, count: usize) {
        self.clear += count;
    }

    fn protected(&mut self, count: usize) {
        // Entries for the clear bytes before, one for these, and room for the clear bytes at the end of
        // a large sample: what would not fit stays clear.
        let entries = self.clear / usize::from(u16::MAX) + 1;
        if count < self.least || self.subsamples.len() + entries + 2 > self.most {
            return self.clear(count);
        }
        self.flush_clear();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match self.subsamples.last_mut() {
            Some(last) if last.protected == 0 && self.clear == 0 => last.protected = count,
            _ => {
                let clear = std::mem::take(&mut self.clear) as u16;
                self.subsamples.push(Subsample {
                    clear,
                    protected: count,
                });
            }
        }
    }

    /// Leaves at most what one entry can hold.
    fn flush_clear(&mut self) {
        while self.clear > usize::from(u16::MAX) {
            self.subsamples.push(Subsample {
                clear: u16::MAX,
                protected: 0,
            });
            self.clear -= usize::from(u16::MAX);
        }
    }

    fn finish(mut self) -> Vec<Subsample> {
        self.flush_clear();
        // A sample without a protected byte needs an entry all the same: none would mean "all of it".
        if self.clear > 0 || self.subsamples.is_empty() {
            let clear = self.clear as u16;
            self.subsamples.push(Subsample {
                clear,
                protected: 0,
            });
        }
        self.subsamples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runs: &[(usize, usize)], most: usize, expect: &[(u16, u32)]) {
        let mut split = Splitter::new(most, BLOCK);
        for (clear, protected) in runs {
            split.clear(*clear);
            split.protected(*protected);
        }
        let subsamples: Vec<_> = split
            .finish()
            .iter()
            .map(|subsample| (subsample.clear, subsample.protected))
            .collect();
        assert_eq!(subsamples, expect, "{runs:?}");
        let total = |(clear, protected): &(usize, usize)| clear + protected;
        let sum: usize = subsamples
            .iter()
            .map(|s| usize::from(s.0) + s.1 as usize)
            .sum();
        assert_eq!(sum, runs.iter().map(total).sum::<usize>());
        assert!(subsamples.len() <= most);
    }

    #[test]
    fn runs_become_subsamples_that_fit() {
        check(&[(10, 160)], 42, &[(10, 160)]);
        check(&[(10, 160), (5, 0)], 42, &[(10, 160), (5, 0)]);
        check(&[(70_000, 160)], 42, &[(65_535, 0), (4465, 160)]);
        check(&[(0, 0)], 42, &[(0, 0)]);
        check(&[(10, 15), (10, 160)], 42, &[(35, 160)]);
        check(&[(1, 32); 6], 5, &[(1, 32), (1, 32), (1, 32), (99, 0)]);
    }
}
