//! At which pictures decoding can start: what the index claims, held against the bitstream.
//!
//! In: the samples of a video track and its source, of which the first bytes of the pictures in question are read:
//! those that the index calls sync samples and, where it names none for long, all. Out: the same samples with the
//! bitstream's word, two bits each, and what a person should know about it.

use crate::codec::random_access::RandomAccess;
use crate::movie::VideoConfig;
use crate::sample::{Bits, Sample, SampleTable, Starts};
use crate::{Error, Source};

/// Where the index names no start for longer than this, the pictures between are looked at, in seconds: as long as
/// segments are, unless told otherwise.
const LONGEST_GAP: u64 = 4;

/// What may be spent on one track: bytes read, each read counted with [`READ_COST`] more. It is about a million
/// reads, a second's work; 150 hours of video with a key frame every second take as much.
const MAX_COST: u64 = 512 << 20;
/// See [`MAX_COST`].
const READ_COST: u64 = 512;

/// A track's samples with the bitstream's word on where decoding can start.
pub(super) struct Looked {
    /// The samples.
    pub samples: SampleTable,
    /// What was corrected, for people.
    pub corrections: Vec<String>,
}

/// Holds the sync samples of a track against its bitstream.
///
/// # Errors
/// [`Error::Io`] when the source cannot be read.
pub(super) fn look(
    samples: SampleTable,
    config: &VideoConfig,
    timescale: u32,
    source: &dyn Source,
) -> Result<Looked, Error> {
    let count = samples.count();
    let mut look = Look {
        config,
        source,
        timescale,
        spent: 0,
        starts: Starts {
            sync: Bits::new(count),
            closed: Bits::new(count),
        },
        wrong: Tally::default(),
        omitted: Tally::default(),
        unseen: 0,
        lost: None,
    };
    let gaps = look.claimed(&samples)?;
    if gaps.any() {
        for (sample, index) in samples.iter().zip(0_u64..) {
            if gaps.get(index) {
                look.unclaimed(index, &sample)?;
            }
        }
    }
    let first = samples.iter().zip(0_u64..);
    let mut first = first.skip_while(|(_, index)| !look.starts.sync.get(*index));
    look.lost = first.next().map(|(sample, index)| Tally {
        count: index,
        first: sample.dts,
    });
    let corrections = look.corrections();
    Ok(Looked {
        samples: SampleTable::Looked(Box::new(samples), look.starts),
        corrections,
    })
}

/// How many samples, and when the first one is decoded.
#[derive(Default)]
struct Tally {
    count: u64,
    first: u64,
}

impl Tally {
    fn add(&mut self, sample: &Sample) {
        if self.count == 0 {
            self.first = sample.dts;
        }
        self.count += 1;
    }
}

struct Look<'a> {
    config: &'a VideoConfig,
    source: &'a dyn Source,
    timescale: u32,
    /// Of [`MAX_COST`].
    spent: u64,
    starts: Starts,
    /// Claimed, and no start.
    wrong: Tally,
    /// Not claimed, and a start.
    omitted: Tally,
    /// Claimed, and not looked at.
    unseen: u64,
    /// The first start, and how many samples are before it.
    lost: Option<Tally>,
}

impl Look<'_> {
    /// Looks at what the index claims. Gives the samples in gaps that are too long, and those before the first start,
    /// which would be lost.
    fn claimed(&mut self, samples: &SampleTable) -> Result<Bits, Error> {
        let longest = LONGEST_GAP * u64::from(self.timescale);
        let mut gaps = Bits::new(samples.count());
        // Of the last start.
        let mut last: Option<(u64, u64)> = None;
        let mut behind = (0, 0);
        let mut mark = |last: Option<(u64, u64)>, next: (u64, u64)| {
            let (from, since) = last.map_or((0, None), |(index, dts)| (index + 1, Some(dts)));
            if since.is_none_or(|since| next.1.saturating_sub(since) > longest) {
                gaps.set_range(from..next.0);
            }
        };
        for (sample, index) in samples.iter().zip(0_u64..) {
            behind = (
                index + 1,
                sample.dts.saturating_add(u64::from(sample.duration)),
            );
            if !sample.sync {
                continue;
            }
            match self.access(&sample)? {
                Some(access) => self.note(index, &sample, access),
                None => {
                    self.unseen += 1;
                    self.starts.sync.set(index);
                }
            }
            if self.starts.sync.get(index) {
                mark(last, (index, sample.dts));
                last = Some((index, sample.dts));
            }
        }
        mark(last, behind);
        Ok(gaps)
    }

    fn note(&mut self, index: u64, sample: &Sample, access: RandomAccess) {
        match access {
            RandomAccess::Closed => {
                self.starts.sync.set(index);
                self.starts.closed.set(index);
            }
            RandomAccess::Open => self.starts.sync.set(index),
            RandomAccess::Gradual | RandomAccess::None => self.wrong.add(sample),
        }
    }

    /// Looks at a picture that the index does not claim; one that it claims was looked at before.
    fn unclaimed(&mut self, index: u64, sample: &Sample) -> Result<(), Error> {
        if sample.sync {
            return Ok(());
        }
        let access = self.access(sample)?;
        if let Some(RandomAccess::Closed | RandomAccess::Open) = access {
            self.starts.sync.set(index);
            self.omitted.add(sample);
        }
        if access == Some(RandomAccess::Closed) {
            self.starts.closed.set(index);
        }
        Ok(())
    }

    /// What the bitstream says of a sample; `None` when enough was read.
    fn access(&mut self, sample: &Sample) -> Result<Option<RandomAccess>, Error> {
        if self.spent >= MAX_COST {
            return Ok(None);
        }
        let (source, spent) = (self.source, &mut self.spent);
        let mut exhausted = false;
        let mut read = |offset: usize, len: usize| {
            *spent += READ_COST + len as u64;
            if *spent > MAX_COST {
                exhausted = true;
                return Err(Error::LimitExceeded("enough was read".into()));
            }
            let mut bytes = vec![0; len];
            source.read_at(sample.offset.saturating_add(offset as u64), &mut bytes)?;
            Ok(bytes)
        };
        match self.config.random_access(sample.size as usize, &mut read) {
            Ok(access) => Ok(Some(access)),
            Err(Error::Io(error)) => Err(Error::Io(error)),
            Err(_) if exhausted => Ok(None),
            // A picture that cannot be read is none to start at.
            Err(_) => Ok(Some(RandomAccess::None)),
        }
    }

    fn corrections(&self) -> Vec<String> {
        let seconds = |tally: &Tally| tally.first as f64 / f64::from(self.timescale);
        let mut texts = Vec::new();
        if self.wrong.count > 0 {
            texts.push(format!(
                "the index calls {} pictures key frames at which decoding cannot start (the first at {:.3} s): segments start at others",
                self.wrong.count,
                seconds(&self.wrong)
            ));
        }
        if self.omitted.count > 0 {
            texts.push(format!(
                "the index leaves out {} key frames (the first at {:.3} s): segments may start there",
                self.omitted.count,
                seconds(&self.omitted)
            ));
        }
        if self.unseen > 0 {
            texts.push(format!(
                "the index names so many key frames that {} of them were not held against the bitstream",
                self.unseen
            ));
        }
        if let Some(lost) = self.lost.as_ref().filter(|lost| lost.count > 0) {
            texts.push(format!(
                "decoding can start at {:.3} s first: the {} pictures before are left out",
                seconds(lost),
                lost.count
            ));
        }
        texts
    }
}
