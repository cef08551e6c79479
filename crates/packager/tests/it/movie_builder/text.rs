//! Tracks of subtitles: cues as samples of `wvtt`, documents of TTML, texts of `tx3g`.

use super::{TestSample, TestTrack};
use bmff::Writer;

/// A cue to be put into samples, in ticks of 1/1000 s.
#[derive(Debug, Clone, Copy)]
pub struct TestCue {
    pub id: &'static str,
    pub start: u32,
    pub end: u32,
    pub settings: &'static str,
    pub payload: &'static str,
}

/// A track without samples.
fn track(id: u32, handler: [u8; 4], language: [u8; 3], entry: Writer) -> TestTrack {
    TestTrack {
        id,
        handler,
        timescale: 1000,
        language,
        enabled: true,
        size: (0, 0),
        rotated: false,
        entry: entry.into_bytes(),
        samples: Vec::new(),
        edits: Vec::new(),
        signed_offsets: false,
        chunk: 2,
    }
}

fn entry(fourcc: &[u8; 4], body: impl FnOnce(&mut Writer)) -> Writer {
    let mut w = Writer::default();
    w.boxed(fourcc, |w| {
        w.zeros(6);
        w.u16(1);
        body(w);
    });
    w
}

fn sample(data: Vec<u8>, duration: u32) -> TestSample {
    TestSample {
        data,
        duration,
        offset: 0,
        sync: true,
    }
}

/// `wvtt`: a sample for each time at which the shown cues are the same; `end` is the track's.
pub fn cues(id: u32, language: [u8; 3], head: &str, cues: &[TestCue], end: u32) -> TestTrack {
    let entry = entry(b"wvtt", |w| w.boxed(b"vttC", |w| w.put(head.as_bytes())));
    let mut track = track(id, *b"text", language, entry);
    let mut times: Vec<u32> = cues.iter().flat_map(|cue| [cue.start, cue.end]).collect();
    times.extend([0, end]);
    times.sort_unstable();
    times.dedup();
    for pair in times.windows(2) {
        let shown = cues
            .iter()
            .filter(|cue| cue.start <= pair[0] && pair[1] <= cue.end);
        let mut w = Writer::default();
        for cue in shown {
            w.boxed(b"vttc", |w| {
                for (kind, text) in [
                    (b"iden", cue.id),
                    (b"sttg", cue.settings),
                    (b"payl", cue.payload),
                ] {
                    if !text.is_empty() {
                        w.boxed(kind, |w| w.put(text.as_bytes()));
                    }
                }
            });
        }
        if w.is_empty() {
            w.boxed(b"vtte", |_| {});
        }
        w.boxed(b"vttx", |w| w.put(b"a remark"));
        track
            .samples
            .push(sample(w.into_bytes(), pair[1] - pair[0]));
    }
    track
}

/// `stpp`: documents of so many ticks each.
pub fn ttml(id: u32, language: [u8; 3], durations: &[u32]) -> TestTrack {
    let entry = entry(b"stpp", |w| {
        w.put(b"http://www.w3.org/ns/ttml\0\0\0");
        w.full(b"mime", 0, 0, |w| {
            w.put(b"application/ttml+xml;codecs=im1t\0")
        });
    });
    let mut track = track(id, *b"subt", language, entry);
    track.samples = durations
        .iter()
        .enumerate()
        .map(|(number, duration)| {
            let text = format!("<tt xmlns=\"http://www.w3.org/ns/ttml\"><!-- {number} --></tt>");
            sample(text.into_bytes(), *duration)
        })
        .collect();
    track
}

/// `tx3g`: texts with their lengths, and behind them the boxes of styles.
pub fn timed_text(id: u32, texts: &[(u32, &[u8], &[u8])]) -> TestTrack {
    let mut track = track(id, *b"sbtl", *b"eng", entry(b"tx3g", |w| w.zeros(30)));
    for (duration, text, styles) in texts {
        let mut data = (text.len() as u16).to_be_bytes().to_vec();
        data.extend_from_slice(text);
        data.extend_from_slice(styles);
        track.samples.push(sample(data, *duration));
    }
    track
}
