//! How hard a video is to code: a few seconds of it are encoded at two sizes, the larger one at two qualities, and their bytes
//! counted.

use crate::encode::before_scaling;
use crate::encoding::PictureInput;
use crate::ladder::{Complexity, Measured};
use crate::probe::input;
use crate::run::{Control, Limits, Progress, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seconds of a sample.
const SECONDS: f64 = 2.0;
/// Short side of the larger of the two sizes, at most: larger ones take long and say little more.
const LARGE: u32 = 720;

/// The usual quality, and how much worse the second one is.
const CRF: u8 = 23;
const WORSE: u8 = 8;

/// Measures a video that lasts `seconds` and is shown in `size`. `can_seek` tells whether any time of it is found at once.
///
/// # Errors
/// Those of [`Tools::run`].
pub(crate) fn measure(
    tools: &Tools,
    path: &Path,
    pictures: &PictureInput,
    size: (u32, u32),
    seconds: Option<f64>,
    folder: &Path,
    control: &dyn Control,
) -> Result<Complexity> {
    let short = size.0.min(size.1);
    let large = sized(size, short.min(LARGE));
    let small = sized(size, short.min(LARGE) / 2);
    let (mut pictures_seen, mut bytes) = (0_u64, [0_u64; 3]);
    for start in starts(seconds) {
        let counted = Counted {
            control,
            pictures: AtomicU64::new(0),
        };
        let names = ["large.h264", "small.h264", "worse.h264"];
        let task = Task {
            program: Program::Ffmpeg,
            arguments: arguments(path, pictures, start, [large, small], names),
            reads: &[path.to_owned()],
            writes: Some(folder),
            limits: Limits::MAKE,
        };
        tools.run(&task, &counted)?;
        pictures_seen += counted.pictures.into_inner();
        for (bytes, name) in bytes.iter_mut().zip(names) {
            let file = folder.join(name);
            *bytes += std::fs::metadata(&file).map_or(0, |found| found.len());
            // The last sample may be behind the end, and nothing is written then.
            if file.exists() {
                std::fs::remove_file(&file).map_err(Error::io("delete a sample"))?;
            }
        }
    }
    let of = |bytes: u64, size: (u32, u32)| {
        let pixels = f64::from(size.0) * f64::from(size.1);
        Measured {
            pixels,
            bits_per_pixel: bytes as f64 * 8.0 / (pixels * pictures_seen as f64),
        }
    };
    let measured = Complexity {
        large: of(bytes[0], large),
        small: of(bytes[1], small),
        halves: f64::from(WORSE) / (bytes[0] as f64 / bytes[2] as f64).log2(),
    };
    Ok(
        match pictures_seen > 0 && bytes.iter().all(|bytes| *bytes > 0) {
            true => measured,
            false => Complexity::TYPICAL,
        },
    )
}

/// Where samples begin, in seconds.
fn starts(seconds: Option<f64>) -> Vec<f64> {
    let count = match seconds {
        Some(seconds) if seconds >= 600.0 => 5,
        Some(seconds) if seconds >= 12.0 => 3,
        _ => 1,
    };
    let place = |number: i32| (f64::from(number) + 0.5) / f64::from(count);
    match seconds {
        Some(seconds) if count > 1 => (0..count).map(|number| seconds * place(number)).collect(),
        _ => vec![0.0],
    }
}

fn sized(whole: (u32, u32), short: u32) -> (u32, u32) {
    let scale = f64::from(short.max(16)) / f64::from(whole.0.min(whole.1).max(1));
    let side = |pixels: u32| (((f64::from(pixels) * scale) as u32) & !1).max(16);
    (side(whole.0), side(whole.1))
}

fn arguments(
    path: &Path,
    pictures: &PictureInput,
    start: f64,
    sizes: [(u32, u32); 2],
    names: [&str; 3],
) -> Vec<OsString> {
    let seek = format!("-threads {} -ss {start:.3} -t {SECONDS}", pictures.threads);
    let mut words: Vec<OsString> = seek.split(' ').map(OsString::from).collect();
    words.extend(input(pictures.container, path));
    let [large, small] = sizes;
    let graph = format!(
        "[0:{}]{}split=2[a][b];[a]scale={}:{},format=yuv420p,split=2[large][worse];[b]scale={}:{},format=yuv420p[small]",
        pictures.track,
        before_scaling(pictures),
        large.0,
        large.1,
        small.0,
        small.1
    );
    words.extend(["-filter_complex".into(), OsString::from(graph)]);
    let outputs = [("large", CRF), ("small", CRF), ("worse", CRF + WORSE)];
    for ((label, crf), name) in outputs.into_iter().zip(names) {
        let options = format!(
            "-map [{label}] -c:v libx264 -preset veryfast -crf {crf} -g 9999 -fps_mode passthrough -f h264 {name}"
        );
        words.extend(options.split(' ').map(OsString::from));
    }
    words
}

/// Counts the pictures of a run.
struct Counted<'a> {
    control: &'a dyn Control,
    pictures: AtomicU64,
}

impl Control for Counted<'_> {
    fn cancelled(&self) -> bool {
        self.control.cancelled()
    }

    fn progress(&self, progress: Progress) {
        self.pictures.store(progress.frames, Ordering::Relaxed);
    }
}
