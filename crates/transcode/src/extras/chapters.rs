//! Chapters as WebVTT (W3C WebVTT, 1.5): one cue a chapter, its name as text.

use super::super::probe::{Chapter, Facts};
use crate::{Error, Result};
use std::fmt::Write as _;
use std::path::Path;

pub(super) const FILE: &str = "chapters.vtt";

/// Writes the file; tells whether there is any chapter.
pub(super) fn write(facts: &Facts, folder: &Path) -> Result<bool> {
    let text = text(&facts.chapters, facts.seconds);
    let Some(text) = text else {
        return Ok(false);
    };
    std::fs::write(folder.join(FILE), text).map_err(Error::io("write the chapters"))?;
    Ok(true)
}

fn text(chapters: &[Chapter], seconds: f64) -> Option<String> {
    let mut text = String::from("WEBVTT\n");
    let mut number = 0;
    for (index, chapter) in chapters.iter().enumerate() {
        // Some containers tell where chapters begin alone.
        let next = chapters.get(index + 1).map_or(seconds, |next| next.start);
        let end = match chapter.end > chapter.start {
            true => chapter.end,
            false => next,
        };
        if end <= chapter.start {
            continue;
        }
        number += 1;
        let title = match plain(&chapter.title) {
            title if title.is_empty() => format!("Chapter {number}"),
            title => title,
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n{number}\n{} --> {}\n{title}\n",
            time(chapter.start),
            time(end)
        );
    }
    (number > 0).then_some(text)
}

/// One line of cue text (4.2.2): characters that would be markup are written as references.
fn plain(title: &str) -> String {
    let words: Vec<&str> = title.split_whitespace().collect();
    let text = words.join(" ");
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `HH:MM:SS.mmm`.
pub(super) fn time(seconds: f64) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:03}",
        ms / 1000 % 60,
        ms % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chapter(start: f64, end: f64, title: &str) -> Chapter {
        Chapter {
            start,
            end,
            title: title.into(),
        }
    }

    #[test]
    fn chapters_become_cues() {
        let chapters = [
            chapter(0.0, 0.0, "Start"),
            chapter(61.5, 3700.25, "Q&A --> <b>\nend"),
            chapter(3700.25, 3800.0, " "),
        ];
        let expect = "WEBVTT\n\n1\n00:00:00.000 --> 00:01:01.500\nStart\n\n2\n00:01:01.500 --> 01:01:40.250\n\
                      Q&amp;A --&gt; &lt;b&gt; end\n\n3\n01:01:40.250 --> 01:03:20.000\nChapter 3\n";
        assert_eq!(text(&chapters, 3800.0).as_deref(), Some(expect));
        assert_eq!(text(&[], 10.0), None);
        assert_eq!(text(&[chapter(10.0, 0.0, "behind the end")], 10.0), None);
    }
}
