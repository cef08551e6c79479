//! Writes WebVTT: the whole file, or one segment of HLS (RFC 8216, 3.5).

use super::lines::Scanner;
use super::{Cue, Subtitles, webvtt};
use std::fmt::Write as _;

/// Ticks of an MPEG-2 clock in a millisecond.
const TICKS_PER_MS: u64 = 90;

/// Where MPEG-2 clocks start anew, in ticks.
const ROLLOVER: u64 = 1 << 33;

impl Subtitles {
    /// The whole list as a file, every time less `shift_ms`: for players that count from the start of the
    /// presentation. What is over before is left out, and what appears at `end_ms` or later.
    pub fn write_whole(&self, shift_ms: u64, end_ms: u64) -> String {
        let mut output = String::from("WEBVTT\n\n");
        output.push_str(&self.blocks);
        let shift = i64::try_from(shift_ms).unwrap_or(i64::MAX);
        for cue in self.shown_between(shift_ms, end_ms) {
            if shift == 0 {
                write_cue(&mut output, &cue);
                continue;
            }
            let moved = Cue {
                start_ms: cue.start_ms.saturating_sub(shift_ms),
                end_ms: cue.end_ms.saturating_sub(shift_ms),
                payload: &shift_timestamps(cue.payload, -shift),
                ..cue
            };
            write_cue(&mut output, &moved);
        }
        output
    }

    /// The segment from `start_ms` to before `end_ms`, in which every cue stands that is shown in it, with its
    /// whole time. Times are those of the movie's timeline.
    ///
    /// The media's clock starts at 0 with the movie's timeline, so both are the same, but that it starts anew
    /// after 26 hours.
    pub fn write_segment(&self, start_ms: u64, end_ms: u64) -> String {
        let turns = start_ms.saturating_mul(TICKS_PER_MS) / ROLLOVER;
        let local_ms = (turns * ROLLOVER).div_ceil(TICKS_PER_MS);
        let mpegts = (local_ms * TICKS_PER_MS) % ROLLOVER;
        let mut output = format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{mpegts},LOCAL:");
        write_time(&mut output, local_ms);
        output.push_str("\n\n");
        output.push_str(&self.blocks);
        for cue in self.shown_between(start_ms, end_ms) {
            write_cue(&mut output, &cue);
        }
        output
    }
}

fn write_cue(output: &mut String, cue: &Cue<'_>) {
    if !cue.id.is_empty() {
        output.push_str(cue.id);
        output.push('\n');
    }
    write_time(output, cue.start_ms);
    output.push_str(" --> ");
    write_time(output, cue.end_ms);
    if !cue.settings.is_empty() {
        output.push(' ');
        output.push_str(cue.settings);
    }
    output.push('\n');
    output.push_str(cue.payload);
    output.push_str(if cue.payload.is_empty() { "\n" } else { "\n\n" });
}

fn write_time(output: &mut String, ms: u64) {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    // Writing to a String cannot fail.
    let _ = write!(output, "{hours:02}:{minutes:02}:{seconds:02}.{ms:03}");
}

/// Moves the times inside a cue's text (`<00:01:02.000>`) by milliseconds.
pub(super) fn shift_timestamps(payload: &str, shift_ms: i64) -> String {
    let mut output = String::with_capacity(payload.len());
    let mut rest = payload;
    while let Some((before, found)) = rest.split_once('<') {
        output.push_str(before);
        output.push('<');
        let mut scanner = Scanner(found);
        let time = webvtt::timestamp(&mut scanner).filter(|_| scanner.0.starts_with('>'));
        match time {
            Some(ms) => {
                write_time(&mut output, ms.saturating_add_signed(shift_ms));
                rest = scanner.0;
            }
            None => rest = found,
        }
    }
    output.push_str(rest);
    output
}
