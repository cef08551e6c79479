//! Progressive files: `stbl` tables and one `mdat` of interleaved chunks.

use super::{Layout, TestMovie, TestTrack};
use bmff::Writer;

/// Where chunks lie, counted from the first byte of the media.
struct Media {
    payload: Vec<u8>,
    /// For each track, in order: the offset of each chunk.
    chunks: Vec<Vec<u64>>,
}

pub(super) fn write(movie: &TestMovie) -> Vec<u8> {
    let media = interleave(movie);
    let mut w = Writer::default();
    movie.write_ftyp(&mut w);
    let head = if movie.layout == Layout::Wide { 16 } else { 8 };
    match movie.layout {
        Layout::MoovFirst => {
            let size = moov(movie, &media, 0).len();
            let base = (w.len() + size + head) as u64;
            w.put(&moov(movie, &media, base));
            write_mdat(&mut w, movie, &media.payload);
        }
        _ => {
            let base = (w.len() + head) as u64;
            write_mdat(&mut w, movie, &media.payload);
            w.put(&moov(movie, &media, base));
        }
    }
    w.into_bytes()
}

fn write_mdat(w: &mut Writer, movie: &TestMovie, payload: &[u8]) {
    if movie.layout == Layout::Wide {
        w.u32(1);
        w.put(b"mdat");
        w.u64(payload.len() as u64 + 16);
        w.put(payload);
    } else {
        w.boxed(b"mdat", |w| w.put(payload));
    }
}

fn interleave(movie: &TestMovie) -> Media {
    // Time in seconds, track, samples.
    let mut order: Vec<(f64, usize, std::ops::Range<usize>)> = Vec::new();
    for (index, track) in movie.tracks.iter().enumerate() {
        let times = track.decode_times();
        for start in (0..track.samples.len()).step_by(track.chunk) {
            let time = times[start] as f64 / f64::from(track.timescale);
            let end = (start + track.chunk).min(track.samples.len());
            order.push((time, index, start..end));
        }
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut media = Media {
        payload: Vec::new(),
        chunks: vec![Vec::new(); movie.tracks.len()],
    };
    for (_, index, range) in order {
        media.chunks[index].push(media.payload.len() as u64);
        for sample in &movie.tracks[index].samples[range] {
            media.payload.extend_from_slice(&sample.data);
        }
    }
    media
}

fn moov(movie: &TestMovie, media: &Media, base: u64) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(b"moov", |w| {
        movie.write_mvhd(w);
        for (track, chunks) in movie.tracks.iter().zip(&media.chunks) {
            let wide = movie.layout == Layout::Wide;
            movie.write_trak(w, track, &|w| write_tables(w, track, chunks, base, wide));
        }
    });
    w.into_bytes()
}

/// Values and how often each follows itself.
fn runs(values: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    runs
}

fn write_runs(w: &mut Writer, kind: &[u8; 4], version: u8, runs: &[(u32, u32)]) {
    w.full(kind, version, 0, |w| {
        w.u32(runs.len() as u32);
        for (count, value) in runs {
            w.u32(*count);
            w.u32(*value);
        }
    });
}

fn write_tables(w: &mut Writer, track: &TestTrack, chunks: &[u64], base: u64, wide: bool) {
    let samples = &track.samples;
    write_runs(w, b"stts", 0, &runs(samples.iter().map(|s| s.duration)));
    if samples.iter().any(|sample| sample.offset != 0) {
        let offsets = runs(samples.iter().map(|s| s.offset as u32));
        write_runs(w, b"ctts", u8::from(track.signed_offsets), &offsets);
    }
    if samples.iter().any(|sample| !sample.sync) {
        let sync: Vec<u32> = (1..)
            .zip(samples)
            .filter(|(_, sample)| sample.sync)
            .map(|(number, _)| number)
            .collect();
        w.full(b"stss", 0, 0, |w| {
            w.u32(sync.len() as u32);
            for number in sync {
                w.u32(number);
            }
        });
    }
    write_chunk_runs(w, track, chunks.len());
    let sizes = runs(samples.iter().map(|s| s.data.len() as u32));
    w.full(b"stsz", 0, 0, |w| match sizes.as_slice() {
        [(count, size)] => {
            w.u32(*size);
            w.u32(*count);
        }
        _ => {
            w.u32(0);
            w.u32(samples.len() as u32);
            for sample in samples {
                w.u32(sample.data.len() as u32);
            }
        }
    });
    w.full(if wide { b"co64" } else { b"stco" }, 0, 0, |w| {
        w.u32(chunks.len() as u32);
        for offset in chunks {
            super::uint(w, wide, base + offset);
        }
    });
}

fn write_chunk_runs(w: &mut Writer, track: &TestTrack, chunks: usize) {
    let rest = track.samples.len() % track.chunk;
    let mut entries = Vec::new();
    if track.samples.len() >= track.chunk {
        entries.push((1, track.chunk));
    }
    if rest > 0 {
        entries.push((chunks, rest));
    }
    w.full(b"stsc", 0, 0, |w| {
        w.u32(entries.len() as u32);
        for (first, count) in entries {
            w.u32(first as u32);
            w.u32(count as u32);
            w.u32(1);
        }
    });
}
