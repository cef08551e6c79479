//! The part that makes of a delivered file what the engine reads.

use super::Failure;
use super::parts::{Made, Work};
use crate::db::probe::Conversion;
use crate::foreign;
use std::fs::File;
use transcode::Converted;

/// Converts the delivered file, and keeps what came of it. What was said of the file before is what was to be done; what is
/// returned besides is what was done.
pub(super) fn convert(work: &Work) -> Result<(Vec<Made>, Conversion), Failure> {
    let source = work.delivered()?;
    let scratch = work.scratch()?;
    let tools = &work.shared.tools;
    let facts = transcode::probe(tools, source.path(), &*work.control)?;
    work.control.set_total((facts.seconds * 1000.0) as u64);
    let mut complaints = foreign::complaints(&File::open(source.path())?)?.unwrap_or_default();
    complaints.loudness = work.package.loudness_lufs;
    let (conversion, converted) = transcode::convert_until(
        tools,
        source.path(),
        &facts,
        complaints,
        scratch.path(),
        &*work.control,
        &foreign::complaints_about_copy,
    )?;
    crash_point!("part.made");
    let done = Conversion::of(&facts, &conversion);
    Ok((keep(work, &converted)?, done))
}

fn keep(work: &Work, converted: &Converted) -> Result<Vec<Made>, Failure> {
    let mut made = vec![work.keep("media.mp4", &converted.media)?];
    for (number, text) in converted.subtitles.iter().enumerate() {
        made.push(work.keep_text(&format!("text-{number}.vtt"), text)?);
    }
    Ok(made)
}
