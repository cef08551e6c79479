//! Tracks: H.264 pictures, AAC frames, and kinds that are not packaged.

use super::{TestEdit, TestSample, TestTrack};
use crate::avc_writer::{Pps, Random, SliceHeader, SliceKind, Sps};
use bmff::Writer;

/// A picture track to be made.
#[derive(Debug, Clone)]
pub struct Video {
    pub frames: usize,
    /// Frames from key frame to key frame, again and again.
    pub gops: Vec<usize>,
    /// Every second frame is a B-frame.
    pub b_frames: bool,
    /// Groups but the first start with a picture that is no IDR picture, and one that is shown before it
    /// follows.
    pub open_gops: bool,
    /// Composition offsets may be negative; no edit list then.
    pub negative_offsets: bool,
    pub timescale: u32,
    /// Ticks of the frames, again and again.
    pub durations: Vec<u32>,
    pub sps: Sps,
    pub pps: Pps,
    /// Slices of a frame.
    pub slices: usize,
    pub delimiters: bool,
    pub sei: bool,
    /// Parameter sets before every key frame, too.
    pub sets_in_band: bool,
    pub nal_length_size: usize,
    /// Least and most bytes of a slice's data.
    pub bytes: (u64, u64),
    pub protected: Option<Protected>,
    pub seed: u64,
}

/// A sample entry that says it is encrypted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected(pub [u8; 4]);

impl Default for Video {
    /// 10 s of 30 frames a second, a key frame every 2 s.
    fn default() -> Self {
        Self {
            frames: 300,
            gops: vec![60],
            b_frames: true,
            open_gops: false,
            negative_offsets: false,
            timescale: 15_360,
            durations: vec![512],
            sps: Sps::default(),
            pps: Pps::default(),
            slices: 1,
            delimiters: false,
            sei: false,
            sets_in_band: false,
            nal_length_size: 4,
            bytes: (60, 400),
            protected: None,
            seed: 0x00c0_ffee,
        }
    }
}

/// A sound track to be made.
#[derive(Debug, Clone)]
pub struct Audio {
    pub frames: usize,
    pub rate: u32,
    pub channels: u8,
    pub language: [u8; 3],
    /// Samples before the presentation starts; 0 writes no edit list.
    pub priming: i64,
    /// Least and most bytes of a frame.
    pub bytes: (u64, u64),
    pub protected: Option<Protected>,
    pub seed: u64,
}

impl Default for Audio {
    /// 10 s at 48 kHz, stereo.
    fn default() -> Self {
        Self {
            frames: 470,
            rate: 48_000,
            channels: 2,
            language: *b"und",
            priming: 1024,
            bytes: (20, 90),
            protected: None,
            seed: 0xfeed,
        }
    }
}

/// Makes a picture track with an edit list that takes the delay of B-frames away again.
pub fn video(id: u32, spec: &Video) -> TestTrack {
    let durations: Vec<u32> = spec
        .durations
        .iter()
        .copied()
        .cycle()
        .take(spec.frames)
        .collect();
    let mut starts = vec![0_i64];
    for duration in &durations {
        starts.push(starts[starts.len() - 1] + i64::from(*duration));
    }
    let longest = durations.iter().copied().max().unwrap_or(0);
    let delay = if spec.b_frames { i64::from(longest) } else { 0 };
    let applied = if spec.negative_offsets { 0 } else { delay };
    let mut random = Random(spec.seed);
    let mut samples = Vec::new();
    for (decoded, frame) in decode_order(spec).into_iter().enumerate() {
        let shown = starts[frame.display] + applied;
        samples.push(TestSample {
            data: access_unit(spec, &frame, &mut random),
            duration: durations[decoded],
            offset: (shown - starts[decoded]) as i32,
            sync: frame.kind == SliceKind::I,
        });
    }
    let mut track = TestTrack {
        id,
        handler: *b"vide",
        timescale: spec.timescale,
        language: *b"und",
        enabled: true,
        size: (320, 192),
        rotated: false,
        entry: video_entry(spec),
        samples,
        edits: Vec::new(),
        signed_offsets: spec.negative_offsets,
        chunk: 4,
    };
    if applied > 0 {
        track.edits = vec![TestEdit::piece(track.movie_ticks(1000), applied)];
    }
    track
}

struct Frame {
    /// Its number in the order of display.
    display: usize,
    /// The same, from its key frame on.
    in_gop: usize,
    gop: usize,
    kind: SliceKind,
    frame_num: usize,
}

fn decode_order(spec: &Video) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut gops = spec.gops.iter().copied().cycle();
    let (mut first, mut gop) = (0, 0);
    while first < spec.frames {
        let length = gops.next().unwrap().min(spec.frames - first);
        let mut push = |in_gop: usize, kind, frame_num| {
            frames.push(Frame {
                display: first + in_gop,
                in_gop,
                gop,
                kind,
                frame_num,
            });
        };
        let (mut next, mut frame_num) = (1, 1);
        if spec.open_gops && gop > 0 && length > 1 {
            push(1, SliceKind::I, 0);
            push(0, SliceKind::B, 1);
            next = 2;
        } else {
            push(0, SliceKind::I, 0);
        }
        while next < length {
            if spec.b_frames && next + 1 < length {
                push(next + 1, SliceKind::P, frame_num);
                push(next, SliceKind::B, frame_num + 1);
                next += 2;
            } else {
                push(next, SliceKind::P, frame_num);
                next += 1;
            }
            frame_num += 1;
        }
        first += length;
        gop += 1;
    }
    frames
}

fn access_unit(spec: &Video, frame: &Frame, random: &mut Random) -> Vec<u8> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    if spec.delimiters {
        units.push(vec![9, 0xf0]);
    }
    if spec.sets_in_band && frame.kind == SliceKind::I {
        units.push(spec.sps.nal());
        units.push(spec.pps.nal());
    }
    if spec.sei {
        let mut sei = vec![6, 5, 20];
        sei.extend(random.bytes(20));
        sei.push(0x80);
        units.push(sei);
    }
    if frame.kind == SliceKind::I && frame.in_gop > 0 {
        // A recovery point that takes effect at once.
        units.push(vec![6, 6, 1, 0xc4, 0x80]);
    }
    for slice in 0..spec.slices {
        let header = SliceHeader {
            kind: frame.kind,
            is_idr: frame.kind == SliceKind::I && frame.in_gop == 0,
            reference: if frame.kind == SliceKind::B { 0 } else { 2 },
            first_macroblock: (slice * 17) as u32,
            frame_num: frame.frame_num as u32 % (1 << spec.sps.frame_num_bits),
            idr_id: frame.gop as u32 % 4,
            poc: frame.in_gop as u32 * 2 % (1 << spec.sps.poc_bits),
            ..SliceHeader::default()
        };
        let (least, most) = spec.bytes;
        let length = least + random.below(most - least + 1);
        let data = random.bytes(length as usize);
        units.push(header.slice(&spec.sps, &spec.pps, &data).0);
    }
    let mut sample = Vec::new();
    for unit in units {
        let length = (unit.len() as u32).to_be_bytes();
        assert!(spec.nal_length_size == 4 || unit.len() < 1 << (8 * spec.nal_length_size));
        sample.extend_from_slice(&length[4 - spec.nal_length_size..]);
        sample.extend_from_slice(&unit);
    }
    sample
}

fn video_entry(spec: &Video) -> Vec<u8> {
    let mut w = Writer::default();
    let kind = if spec.protected.is_some() {
        b"encv"
    } else {
        b"avc1"
    };
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(16);
        w.u16(320);
        w.u16(192);
        w.zeros(50);
        w.boxed(b"avcC", |w| {
            let (sps, pps) = (spec.sps.nal(), spec.pps.nal());
            w.put(&[1, sps[1], sps[2], sps[3]]);
            w.u8(0xfc | (spec.nal_length_size as u8 - 1));
            w.u8(0xe1);
            w.u16(sps.len() as u16);
            w.put(&sps);
            w.u8(1);
            w.u16(pps.len() as u16);
            w.put(&pps);
        });
        write_protection(w, spec.protected, b"avc1");
    });
    w.into_bytes()
}

fn write_protection(w: &mut Writer, protected: Option<Protected>, original: &[u8; 4]) {
    let Some(Protected(scheme)) = protected else {
        return;
    };
    w.boxed(b"sinf", |w| {
        w.boxed(b"frma", |w| w.put(original));
        w.full(b"schm", 0, 0, |w| {
            w.put(&scheme);
            w.u32(0x0001_0000);
        });
        w.boxed(b"schi", |w| {
            w.full(b"tenc", 0, 0, |w| {
                w.put(&[0, 0, 1, 8]);
                w.put(&[0x77; 16]);
            });
        });
    });
}

/// Makes a sound track.
pub fn audio(id: u32, spec: &Audio) -> TestTrack {
    let mut random = Random(spec.seed);
    let samples = (0..spec.frames)
        .map(|_| TestSample {
            data: {
                let (least, most) = spec.bytes;
                let length = least + random.below(most - least + 1);
                random.bytes(length as usize)
            },
            duration: 1024,
            offset: 0,
            sync: true,
        })
        .collect();
    let mut track = TestTrack {
        id,
        handler: *b"soun",
        timescale: spec.rate,
        language: spec.language,
        enabled: true,
        size: (0, 0),
        rotated: false,
        entry: audio_entry(spec),
        samples,
        edits: Vec::new(),
        signed_offsets: false,
        chunk: 9,
    };
    if spec.priming > 0 {
        let shown = track.ticks() - spec.priming as u64;
        let duration = (shown * 1000).div_ceil(u64::from(spec.rate));
        track.edits = vec![TestEdit::piece(duration, spec.priming)];
    }
    track
}

fn audio_entry(spec: &Audio) -> Vec<u8> {
    let mut w = Writer::default();
    let kind = if spec.protected.is_some() {
        b"enca"
    } else {
        b"mp4a"
    };
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(8);
        w.u16(u16::from(spec.channels));
        w.u16(16);
        w.zeros(4);
        w.u16(spec.rate as u16);
        w.u16(0);
        w.full(b"esds", 0, 0, |w| w.put(&descriptors(spec)));
        write_protection(w, spec.protected, b"mp4a");
    });
    w.into_bytes()
}

/// The descriptors of `esds`, with an ES_ID and with lengths of four bytes, as some encoders write them.
fn descriptors(spec: &Audio) -> Vec<u8> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8000, 7350,
    ];
    let index = RATES.iter().position(|rate| *rate == spec.rate).unwrap() as u8;
    let descriptor =
        |tag: u8, body: &[u8]| [&[tag, 0x80, 0x80, 0x80, body.len() as u8][..], body].concat();
    let specific = [2 << 3 | index >> 1, index << 7 | spec.channels << 3];
    let mut config = vec![0x40, 0x15, 0, 0x18, 0];
    config.extend_from_slice(&128_000_u32.to_be_bytes());
    config.extend_from_slice(&127_000_u32.to_be_bytes());
    config.extend(descriptor(5, &specific));
    let mut es = vec![0, 2, 0];
    es.extend(descriptor(4, &config));
    es.extend(descriptor(6, &[2]));
    descriptor(3, &es)
}

/// Makes a track of another kind: `tmcd`, `mebx`, `tx3g`, ….
pub fn other(id: u32, handler: [u8; 4], fourcc: &[u8; 4]) -> TestTrack {
    let mut w = Writer::default();
    w.boxed(fourcc, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(20);
    });
    let samples = (0..3)
        .map(|number| TestSample {
            data: vec![number; 8],
            duration: 1000,
            offset: 0,
            sync: true,
        })
        .collect();
    TestTrack {
        id,
        handler,
        timescale: 1000,
        language: *b"und",
        enabled: true,
        size: (0, 0),
        rotated: false,
        entry: w.into_bytes(),
        samples,
        edits: Vec::new(),
        signed_offsets: false,
        chunk: 1,
    }
}
