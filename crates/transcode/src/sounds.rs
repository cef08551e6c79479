//! Encodes the sounds of a ladder, each whole: no frame of silence between chunks, no priming but at the beginning.

use crate::convert::beside;
use crate::encoding::{Encoding, SoundOutput};
use crate::loudness;
use crate::probe::{Facts, input};
use crate::profile::AudioCodec;
use crate::repeats;
use crate::run::{Control, Limits, Task};
use crate::sniff::Container;
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Encodes all sounds of a delivered file into an empty folder; returns a file each, in their order.
///
/// # Errors
/// Those of [`Tools::run`].
pub fn encode_sounds(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    encoding: &Encoding,
    folder: &Path,
    control: &dyn Control,
) -> Result<Vec<PathBuf>> {
    let path = path.canonicalize().map_err(Error::io("find the file"))?;
    let folder = folder
        .canonicalize()
        .map_err(Error::io("find the folder"))?;
    let plain = repeats::without(&path, facts.container, beside(&folder))?;
    let path = plain.as_ref().map_or(path, |plain| plain.path().to_owned());
    let mut arguments = vec![OsString::from("-copyts")];
    if facts.container != Container::Mp4 {
        arguments.push("-start_at_zero".into());
    }
    arguments.extend(input(facts.container, &path));
    let mut filters: HashMap<u32, Option<String>> = HashMap::new();
    for (number, sound) in encoding.sounds.iter().enumerate() {
        let track = facts.tracks.iter().find(|track| track.index == sound.track);
        if let (Some(track), Some(target)) = (track, sound.loudness)
            && !filters.contains_key(&sound.track)
        {
            let found = loudness::filter(tools, &path, facts, track, target, control)?;
            filters.insert(sound.track, found);
        }
        let filter = filters.get(&sound.track).and_then(Option::as_deref);
        let words = output(sound, filter);
        arguments.extend(words.split_whitespace().map(OsString::from));
        arguments.push(encoding.sound_name(number).into());
    }
    let task = Task {
        program: Program::Ffmpeg,
        arguments,
        reads: &[path],
        writes: Some(&folder),
        limits: Limits::MAKE,
    };
    tools.run(&task, control)?;
    let files = (0..encoding.sounds.len()).map(|number| folder.join(encoding.sound_name(number)));
    Ok(files.collect())
}

fn output(sound: &SoundOutput, filter: Option<&str>) -> String {
    let loudness = filter.map_or(String::new(), |filter| format!(",{filter}"));
    let coded = match sound.codec {
        None => "-c:a copy".to_owned(),
        // Where times of the source jump, silence or less of it keeps the sound with its picture.
        Some(codec) => format!(
            "-filter:a aresample=async=1{loudness} -ac {} -ar 48000 -b:a {} {}",
            sound.channels,
            sound.bitrate,
            match codec {
                AudioCodec::Aac => "-c:a aac",
                AudioCodec::Opus => "-c:a libopus",
            }
        ),
    };
    format!(
        "-map 0:{} {coded} -map_metadata -1 -map_chapters -1 -metadata:s:a:0 language={} -fflags +bitexact -f mp4",
        sound.track, sound.language
    )
}
