//! The part that makes of a delivered file what the engine reads.

use super::Failure;
use super::parts::{Made, Work};
use std::path::Path;
use transcode::Converted;

/// Converts the delivered file, and keeps what came of it.
pub(super) fn convert(work: &Work) -> Result<Vec<Made>, Failure> {
    let source = work.delivered()?;
    let scratch = work.scratch()?;
    let tools = &work.shared.tools;
    let facts = transcode::probe(tools, source.path(), &*work.control)?;
    work.control.set_total((facts.seconds * 1000.0) as u64);
    let (_, converted) = transcode::convert_until(
        tools,
        source.path(),
        &facts,
        scratch.path(),
        &*work.control,
        &is_of_use,
    )?;
    crash_point!("part.made");
    keep(work, &converted)
}

fn is_of_use(media: &Path) -> bool {
    let probed = std::fs::File::open(media)
        .ok()
        .and_then(|file| packager::probe(&file).ok());
    probed.is_some_and(|movie| !movie.has_only_unknown_codecs())
}

fn keep(work: &Work, converted: &Converted) -> Result<Vec<Made>, Failure> {
    let mut made = vec![work.keep("media.mp4", &converted.media)?];
    for (number, text) in converted.subtitles.iter().enumerate() {
        made.push(work.keep_text(&format!("text-{number}.vtt"), text)?);
    }
    Ok(made)
}
