//! What must be mended of a file before it can be packaged and played, as the engine's index of it tells: for the server and the
//! command line alike.
//!
//! In: a file that was delivered, or one that ffmpeg made of it. Out: complaints, which [`transcode`] answers.

use packager::{Cure, Movie};
use std::fs::File;
use std::io;
use std::path::Path;
use transcode::{Complaints, Pictures};

/// What is to be mended of a delivered file by converting it; `None` where the engine packages it as it is, or says best what is
/// wrong.
///
/// # Errors
/// When the file cannot be read.
pub fn complaints(file: &File) -> io::Result<Option<Complaints>> {
    match packager::probe(file) {
        Ok(movie) if movie.has_only_unknown_codecs() => Ok(Some(Complaints::default())),
        // The sound alone is encoded then: who converts judges each track by its codec.
        Ok(movie) if movie.would_be_silent() => Ok(Some(flaws(&movie))),
        Ok(movie) => Ok(Some(flaws(&movie)).filter(|found| !found.is_empty())),
        Err(packager::Error::Unsupported(_) | packager::Error::InvalidInput(_)) => {
            let foreign = transcode::is_foreign(file)?;
            Ok(foreign.then(Complaints::default))
        }
        Err(_) => Ok(None),
    }
}

/// What is still to be mended of a file that ffmpeg made.
pub fn complaints_about_copy(media: &Path) -> Complaints {
    let probed = File::open(media)
        .ok()
        .and_then(|file| packager::probe(&file).ok());
    match probed {
        Some(movie) if !movie.has_only_unknown_codecs() => flaws(&movie),
        _ => Complaints::everything(),
    }
}

/// What the engine says of the pictures of an MP4, for those who encode others beside them; `None` when it cannot package them.
pub fn pictures(media: &Path) -> Option<Pictures> {
    let file = File::open(media).ok()?;
    let grid = packager::probe(&file).ok()?.picture_grid()?;
    Some(Pictures {
        timescale: grid.timescale,
        keys: grid.keys,
        closed: grid.closed,
        count: grid.pictures,
        end: grid.end,
    })
}

/// Whether a conversion that would be better than none did not come about for want of ffmpeg, and the engine packages the file
/// as it is.
pub fn can_do_without(error: &transcode::Error, file: &File) -> bool {
    use transcode::Error::{ConfinementMissing, ToolMissing};
    let wants = matches!(error, ToolMissing(_) | ConfinementMissing(_));
    wants && packager::probe(file).is_ok_and(|movie| !movie.has_only_unknown_codecs())
}

fn flaws(movie: &Movie) -> Complaints {
    let mut complaints = Complaints::default();
    for flaw in movie.flaws() {
        let place = match flaw.cure {
            Cure::Encode => &mut complaints.pictures,
            Cure::EncodeAtEvenTimes => &mut complaints.times,
            Cure::Level => &mut complaints.level,
        };
        place.get_or_insert(flaw.text);
    }
    complaints
}
