//! Encodes the sounds of a ladder, each whole: no frame of silence between chunks, no priming but at the beginning.

use crate::encoding::{Encoding, SoundOutput};
use crate::probe::{Facts, input};
use crate::profile::AudioCodec;
use crate::run::{Control, Limits, Task};
use crate::sniff::Container;
use crate::tools::{Program, Tools};
use crate::{Error, Result};
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
    let mut arguments = vec![OsString::from("-copyts")];
    if facts.container != Container::Mp4 {
        arguments.push("-start_at_zero".into());
    }
    arguments.extend(input(facts.container, &path));
    for (number, sound) in encoding.sounds.iter().enumerate() {
        let words = output(sound);
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

fn output(sound: &SoundOutput) -> String {
    let coded = match sound.codec {
        None => "-c:a copy".to_owned(),
        // Where times of the source jump, silence or less of it keeps the sound with its picture.
        Some(codec) => format!(
            "-filter:a aresample=async=1 -ac {} -ar 48000 -b:a {} {}",
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
