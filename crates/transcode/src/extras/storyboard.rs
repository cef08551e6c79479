//! Small pictures at even distances in one picture, and an index of them in WebVTT: what players show over the time bar.
//!
//! As many as elsewhere: 50 for videos under a quarter of an hour, else 100. A cue names its tile by a media fragment
//! (W3C Media Fragments URI 1.0, 4.2.2).

use super::chapters::time;
use super::{Look, words};
use crate::{Error, Result};
use std::fmt::Write as _;

pub(super) const PICTURE: &str = "storyboard.jpg";
pub(super) const INDEX: &str = "storyboard.vtt";
/// Long side of a tile.
const LONG_SIDE: u32 = 256;
/// Tiles in a row.
const COLUMNS: u32 = 10;
/// From so many seconds on there are more of them.
const LONG_VIDEO: f64 = 15.0 * 60.0;
/// From so many seconds on only key pictures are decoded: which one it is is not seen in a tile.
const KEY_PICTURES_FROM: f64 = 180.0;
/// Tiles are not closer than this, in seconds.
const LEAST: f64 = 0.1;

/// Makes picture and index.
pub(super) fn make(look: &Look<'_>) -> Result<()> {
    let seconds = look.facts.seconds;
    let tiles = tiles(seconds);
    let size = look.size(LONG_SIDE);
    let step = match seconds > 0.0 {
        true => seconds / f64::from(tiles),
        false => 1.0,
    };
    let mut arguments = look.input(seconds > KEY_PICTURES_FROM, 0.0);
    let rows = tiles.div_ceil(COLUMNS);
    let columns = tiles.min(COLUMNS);
    // A tile shows the middle of its time. What is missing at the end of a broken file is black.
    let options = format!(
        "-map 0:{} -an -sn -dn -vf fps=fps={:.9}:round=near:start_time=0,{},tile={columns}x{rows} -frames:v 1 -c:v mjpeg -q:v 5 -f mjpeg",
        look.track.index,
        1.0 / step,
        look.shown(size, "yuvj420p")
    );
    arguments.extend(words(&options));
    arguments.push(look.folder.join(PICTURE).into());
    look.run(arguments)?;
    look.made(PICTURE)?;
    let index = index(tiles, step, size);
    std::fs::write(look.folder.join(INDEX), index).map_err(Error::io("write the storyboard"))
}

fn tiles(seconds: f64) -> u32 {
    let most = if seconds < LONG_VIDEO { 50 } else { 100 };
    most.min((seconds / LEAST).floor().max(1.0) as u32)
}

fn index(tiles: u32, step: f64, (width, height): (u32, u32)) -> String {
    let mut text = String::from("WEBVTT\n");
    for tile in 0..tiles {
        let (x, y) = (tile % COLUMNS * width, tile / COLUMNS * height);
        let (from, to) = (f64::from(tile) * step, f64::from(tile + 1) * step);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n{} --> {}\n{PICTURE}#xywh={x},{y},{width},{height}\n",
            time(from),
            time(to)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_time() {
        let counts = [0.05, 1.0, 60.0, 899.0, 900.0, 7200.0].map(tiles);
        assert_eq!(counts, [1, 10, 50, 50, 100, 100]);
        let text = index(12, 0.5, (256, 144));
        let cues: Vec<&str> = text.split("\n\n").skip(1).collect();
        assert_eq!(cues.len(), 12);
        assert_eq!(
            cues[0],
            "00:00:00.000 --> 00:00:00.500\nstoryboard.jpg#xywh=0,0,256,144"
        );
        assert_eq!(
            cues[11].trim_end(),
            "00:00:05.500 --> 00:00:06.000\nstoryboard.jpg#xywh=256,144,256,144"
        );
    }
}
