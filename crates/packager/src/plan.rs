//! The plan of a package: every boundary, name, key and IV, decided before a media byte is read.

use crate::{Error, Movie, Options, Source, Warning};

/// A package, decided. Any object of it can be rendered alone, in any order, on any thread.
#[derive(Debug)]
pub struct Plan {
    renditions: Vec<Rendition>,
    warnings: Vec<Warning>,
}

/// One output track.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// Name of its folder (`video`, `audio`, `audio-fra`): unique in the package.
    pub name: String,
    /// The track of the input that it holds.
    pub track_id: u32,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Number of media segments (the init segment is not counted).
    pub segments: u32,
    /// Whether its samples are encrypted.
    pub encrypted: bool,
}

/// One media object of a package: `segment` 0 is the init segment, 1 and up are `1.m4s`, ….
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Index into [`Plan::renditions`].
    pub rendition: u32,
    /// 0 is the init segment.
    pub segment: u32,
}

/// A manifest or playlist, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Path in the package: `stream.mpd`, `master.m3u8`, `video/playlist.m3u8`.
    pub path: String,
    /// The text of the file.
    pub text: String,
}

/// The bytes of one rendered object. Keep one a thread and give it to every render: its memory is
/// used again.
#[derive(Debug, Default)]
pub struct SegmentBuffer {
    /// Boxes before the samples (all of an init segment).
    pub head: Vec<u8>,
    /// The samples: payload of `mdat`.
    pub payload: Vec<u8>,
}

/// Decides a package from probed inputs. One movie, for now.
///
/// # Errors
/// [`Error::Unsupported`] when no track can be packaged; [`Error::InvalidOptions`] when options
/// contradict each other; [`Error::InvalidInput`] when the sample tables do.
pub fn plan(_movies: &[Movie], _options: &Options) -> Result<Plan, Error> {
    Err(Error::Unsupported("not built yet".into()))
}

impl Plan {
    /// The output tracks, picture first.
    pub fn renditions(&self) -> &[Rendition] {
        &self.renditions
    }

    /// What people should know: tracks left out, cuts that could not be kept.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Every media object, in the order of time: init segments first.
    pub fn objects(&self) -> Vec<ObjectId> {
        Vec::new()
    }

    /// Path of an object in the package: `video/init.mp4`, `video/1.m4s`.
    pub fn path(&self, object: ObjectId) -> String {
        let name = self
            .renditions
            .get(object.rendition as usize)
            .map_or("", |rendition| &rendition.name);
        match object.segment {
            0 => format!("{name}/init.mp4"),
            number => format!("{name}/{number}.m4s"),
        }
    }

    /// Bytes of media that an object takes from its source: for progress.
    pub fn weight(&self, _object: ObjectId) -> u64 {
        0
    }

    /// Makes one object in `buffer`; the file is `head` followed by `payload`.
    ///
    /// # Errors
    /// [`Error::Io`] when a source cannot be read, [`Error::InvalidInput`] when its samples are broken.
    pub fn render(
        &self,
        _object: ObjectId,
        _sources: &[&dyn Source],
        _buffer: &mut SegmentBuffer,
    ) -> Result<(), Error> {
        Err(Error::Unsupported("not built yet".into()))
    }

    /// The manifests: MPD first, then the multivariant playlist, then one playlist a rendition.
    ///
    /// `sizes` gives each object's length in bytes as written; bit rates come from it.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a size is missing.
    pub fn manifests(&self, _sizes: &dyn Fn(ObjectId) -> u64) -> Result<Vec<Manifest>, Error> {
        Err(Error::Unsupported("not built yet".into()))
    }
}
