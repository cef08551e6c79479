//! The picture that stands for a video: of some key pictures, the one with the most to see.
//!
//! What is in a picture is told by ffmpeg's `signalstats`: how bright it is, and how far dark and light lie apart.

use super::{Look, words};
use crate::{Error, Result};

pub(super) const FILE: &str = "poster.jpg";
/// Long side of a poster.
const LONG_SIDE: u32 = 1920;
/// How many pictures are looked at.
const CANDIDATES: u32 = 9;
/// Long side of the pictures that are looked at.
const SMALL: u32 = 320;
/// Darker or lighter on average, a picture counts as black or white (8 bits, limited range).
const BRIGHTNESS: (f64, f64) = (32.0, 220.0);

/// Makes the poster.
pub(super) fn make(look: &Look<'_>) -> Result<()> {
    let times: Vec<f64> = (0..CANDIDATES)
        .map(|number| look.facts.seconds * (f64::from(number) + 0.5) / f64::from(CANDIDATES))
        .collect();
    // The beginning last: titles are there, and black.
    let mut best: Option<(f64, f64)> = None;
    for (number, time) in times.into_iter().chain([0.0]).enumerate() {
        let worth = measure(look, number, time)?;
        if worth.is_some_and(|worth| best.is_none_or(|(most, _)| worth > most)) {
            best = worth.map(|worth| (worth, time));
        }
        // A file without a length has one candidate.
        if look.facts.seconds <= 0.0 {
            break;
        }
    }
    let (_, time) = best.unwrap_or_default();
    let mut arguments = look.input(true, time);
    // The key picture lies before the time, and ffmpeg drops what lies before 0.
    let filters = look.shown(look.size(LONG_SIDE), "yuvj420p");
    let options = format!(
        "-map 0:{} -frames:v 1 -vf setpts=PTS-STARTPTS,{filters} -c:v mjpeg -q:v 3 -f mjpeg",
        look.track.index
    );
    arguments.extend(words(&options));
    arguments.push(look.folder.join(FILE).into());
    look.run(arguments)?;
    look.made(FILE).map(|_| ())
}

/// What a picture is worth as a poster; `None` when there is none at that time.
fn measure(look: &Look<'_>, number: usize, time: f64) -> Result<Option<f64>> {
    // A plain name, since the program works in the folder.
    let name = format!("look-{number}.txt");
    let mut arguments = look.input(true, time);
    let filters = look.shown(look.size(SMALL), "yuv420p");
    let options = format!(
        "-map 0:{} -frames:v 1 -vf {filters},signalstats,metadata=mode=print:file={name} -f null -",
        look.track.index
    );
    arguments.extend(words(&options));
    look.run(arguments)?;
    let path = look.folder.join(name);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read what was measured")(error)),
    };
    std::fs::remove_file(&path).map_err(Error::io("remove what was measured"))?;
    Ok(worth(&text))
}

fn worth(text: &str) -> Option<f64> {
    let value = |name: &str| {
        let begin = format!("lavfi.signalstats.{name}=");
        let line = text.lines().find_map(|line| line.strip_prefix(&begin))?;
        line.trim().parse::<f64>().ok()
    };
    let (average, low, high) = (value("YAVG")?, value("YLOW")?, value("YHIGH")?);
    let colour = value("SATAVG").unwrap_or(0.0);
    let contrast = high - low;
    let is_seen = (BRIGHTNESS.0..=BRIGHTNESS.1).contains(&average);
    // Black and white are better than nothing at all.
    Some(contrast + colour.min(60.0) / 2.0 - if is_seen { 0.0 } else { 1000.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_most_is_worth_most() {
        let of = |average: u32, low: u32, high: u32, colour: u32| {
            let text = format!(
                "frame:0    pts:0       pts_time:0\nlavfi.signalstats.YLOW={low}\nlavfi.signalstats.YAVG={average}\n\
                 lavfi.signalstats.YHIGH={high}\nlavfi.signalstats.SATAVG={colour}\n"
            );
            worth(&text).expect("measured")
        };
        let (black, white, flat) = (of(16, 16, 17, 0), of(235, 230, 235, 0), of(90, 88, 92, 3));
        let scene = of(110, 40, 190, 20);
        assert!(scene > flat && flat > white && flat > black);
        assert_eq!(worth("nothing"), None);
    }
}
