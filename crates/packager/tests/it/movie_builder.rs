//! Builds synthetic MP4 and MOV files: real boxes, real parameter sets and slice headers, pseudo-random
//! slice data and audio frames. The same description gives the same bytes.

mod fragments;
mod tables;
mod text;
mod tracks;

use bmff::Writer;
pub use fragments::{Base, Fragments};
pub use text::{TestCue, cues, timed_text, ttml};
pub use tracks::{Audio, Protected, Video, audio, other, video};

/// A file to be written.
#[derive(Debug, Clone)]
pub struct TestMovie {
    pub brand: [u8; 4],
    pub timescale: u32,
    pub tracks: Vec<TestTrack>,
    pub layout: Layout,
}

/// How boxes and media lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `moov`, then `mdat`.
    MoovFirst,
    /// `mdat`, then `moov`.
    MoovLast,
    /// A 64-bit `mdat` size, `co64`, version 1 headers; `moov` last.
    Wide,
    /// Movie fragments.
    Fragmented(Fragments),
}

/// One track.
#[derive(Debug, Clone)]
pub struct TestTrack {
    pub id: u32,
    pub handler: [u8; 4],
    pub timescale: u32,
    pub language: [u8; 3],
    pub enabled: bool,
    /// Pixels; 0 for sound.
    pub size: (u32, u32),
    /// Whether the matrix turns the picture by 90 degrees.
    pub rotated: bool,
    /// The sample entry, a whole box.
    pub entry: Vec<u8>,
    pub samples: Vec<TestSample>,
    pub edits: Vec<TestEdit>,
    /// `ctts` (or `trun`) of version 1.
    pub signed_offsets: bool,
    /// Samples in a chunk.
    pub chunk: usize,
}

/// One access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSample {
    pub data: Vec<u8>,
    pub duration: u32,
    pub offset: i32,
    pub sync: bool,
}

/// One entry of an edit list.
#[derive(Debug, Clone, Copy)]
pub struct TestEdit {
    /// In ticks of the movie.
    pub duration: u64,
    pub media_time: i64,
    /// 16.16.
    pub rate: u32,
}

pub const NORMAL_RATE: u32 = 0x0001_0000;

impl TestEdit {
    pub fn piece(duration: u64, media_time: i64) -> Self {
        Self {
            duration,
            media_time,
            rate: NORMAL_RATE,
        }
    }

    pub fn gap(duration: u64) -> Self {
        Self::piece(duration, -1)
    }
}

impl TestMovie {
    pub fn new(tracks: Vec<TestTrack>) -> Self {
        Self {
            brand: *b"isom",
            timescale: 1000,
            tracks,
            layout: Layout::MoovFirst,
        }
    }

    /// Picture with B-frames and sound with priming, some seconds long.
    pub fn ordinary() -> Self {
        Self::new(vec![
            video(1, &Video::default()),
            audio(2, &Audio::default()),
        ])
    }

    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        match self.layout {
            Layout::Fragmented(fragments) => fragments::write(self, &fragments),
            _ => tables::write(self),
        }
    }

    /// As a source of the engine.
    pub fn source(&self) -> packager::MemorySource {
        packager::MemorySource(self.bytes())
    }

    fn write_ftyp(&self, w: &mut Writer) {
        w.boxed(b"ftyp", |w| {
            w.put(&self.brand);
            w.u32(0x200);
            w.put(&self.brand);
            w.put(b"mp42");
        });
    }

    fn write_mvhd(&self, w: &mut Writer) {
        let wide = self.layout == Layout::Wide;
        w.full(b"mvhd", u8::from(wide), 0, |w| {
            w.zeros(if wide { 16 } else { 8 });
            w.u32(self.timescale);
            uint(w, wide, 0);
            w.u32(NORMAL_RATE);
            w.u16(0x0100);
            w.zeros(10);
            matrix(w, false);
            w.zeros(24);
            w.u32(100);
        });
    }

    /// `trak`; `tables` writes the boxes behind `stsd`.
    fn write_trak(&self, w: &mut Writer, track: &TestTrack, tables: &dyn Fn(&mut Writer)) {
        let wide = self.layout == Layout::Wide;
        let version = u8::from(wide);
        w.boxed(b"trak", |w| {
            w.full(b"tkhd", version, if track.enabled { 3 } else { 2 }, |w| {
                w.zeros(if wide { 16 } else { 8 });
                w.u32(track.id);
                w.zeros(4);
                uint(w, wide, 0);
                w.zeros(16);
                matrix(w, track.rotated);
                w.u32(track.size.0 << 16);
                w.u32(track.size.1 << 16);
            });
            if !track.edits.is_empty() {
                w.boxed(b"edts", |w| write_edits(w, wide, &track.edits));
            }
            w.boxed(b"mdia", |w| {
                w.full(b"mdhd", version, 0, |w| {
                    w.zeros(if wide { 16 } else { 8 });
                    w.u32(track.timescale);
                    uint(w, wide, track.ticks());
                    let [a, b, c] = track.language.map(|letter| u16::from(letter - 0x60));
                    w.u16(a << 10 | b << 5 | c);
                    w.u16(0);
                });
                w.full(b"hdlr", 0, 0, |w| {
                    w.u32(0);
                    w.put(&track.handler);
                    w.zeros(13);
                });
                w.boxed(b"minf", |w| {
                    w.boxed(b"dinf", |w| {
                        w.full(b"dref", 0, 0, |w| {
                            w.u32(1);
                            w.full(b"url ", 0, 1, |_| {});
                        });
                    });
                    w.boxed(b"stbl", |w| {
                        w.full(b"stsd", 0, 0, |w| {
                            w.u32(1);
                            w.put(&track.entry);
                        });
                        tables(w);
                    });
                });
            });
        });
    }
}

impl TestTrack {
    /// Durations of all samples added up.
    pub fn ticks(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }

    /// Decode times of all samples.
    pub fn decode_times(&self) -> Vec<u64> {
        let mut time = 0;
        let mut times = Vec::new();
        for sample in &self.samples {
            times.push(time);
            time += u64::from(sample.duration);
        }
        times
    }

    /// The length in ticks of the movie, rounded up.
    pub fn movie_ticks(&self, timescale: u32) -> u64 {
        (self.ticks() * u64::from(timescale)).div_ceil(u64::from(self.timescale))
    }

    pub fn is_video(&self) -> bool {
        &self.handler == b"vide"
    }
}

fn uint(w: &mut Writer, wide: bool, value: u64) {
    match wide {
        true => w.u64(value),
        false => w.u32(value as u32),
    }
}

fn write_edits(w: &mut Writer, wide: bool, edits: &[TestEdit]) {
    w.full(b"elst", u8::from(wide), 0, |w| {
        w.u32(edits.len() as u32);
        for edit in edits {
            uint(w, wide, edit.duration);
            match wide {
                true => w.u64(edit.media_time as u64),
                false => w.i32(edit.media_time as i32),
            }
            w.u32(edit.rate);
        }
    });
}

fn matrix(w: &mut Writer, rotated: bool) {
    let values: [i32; 9] = match rotated {
        false => [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000],
        true => [0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000],
    };
    for value in values {
        w.i32(value);
    }
}
