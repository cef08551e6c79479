//! Inputs of a packaging as the engine sees them: files, in the clear where their keys are given, and probed.

use super::hints;
use crate::failure::Failure;
use crate::keys;
use clap::Args;
use packager::{ContentKey, Movie, ProbeOptions, Source};
use std::fs::File;
use std::path::PathBuf;

/// How inputs are read.
#[derive(Args)]
pub struct SourceArgs {
    /// A key of an INPUT that is encrypted already; may be given several times.
    #[arg(long, value_name = "KID:KEY", allow_hyphen_values = true)]
    input_key: Vec<String>,
    /// Keys of INPUTs that are encrypted already, one KID:KEY a line; - reads stdin.
    #[arg(long, value_name = "FILE")]
    pub input_key_file: Option<PathBuf>,
    /// Package an INPUT that is cut short up to its last whole segment, with a warning.
    #[arg(long)]
    salvage: bool,
}

/// A source that may be used from several threads.
pub type Opened<'a> = Box<dyn Source + 'a>;

impl SourceArgs {
    /// Whether inputs are said to be encrypted.
    pub fn has_keys(&self) -> bool {
        !self.input_key.is_empty() || self.input_key_file.is_some()
    }

    /// The keys of encrypted inputs.
    ///
    /// # Errors
    /// [`Failure::Usage`] when one is no key, [`Failure::Io`] when the file of keys cannot be read.
    pub fn keys(&self) -> Result<Vec<ContentKey>, Failure> {
        let given = self.input_key.iter();
        let given = given.map(|text| keys::parse("--input-key", text));
        let mut all = given.collect::<Result<Vec<_>, _>>()?;
        if let Some(path) = &self.input_key_file {
            all.extend(keys::read_file_of("--input-key-file", path)?);
        }
        Ok(all)
    }

    /// The index of each input, with what its name tells.
    ///
    /// # Errors
    /// [`Failure::Input`] when one is not usable.
    pub fn probe(&self, paths: &[PathBuf], sources: &[Opened<'_>]) -> Result<Vec<Movie>, Failure> {
        let options = ProbeOptions {
            salvage: self.salvage,
        };
        let movies = paths.iter().zip(sources).map(|(path, source)| {
            let probed = packager::probe_with(source.as_ref(), &options).and_then(|mut movie| {
                hints::parse(path).apply(&mut movie)?;
                Ok(movie)
            });
            probed.map_err(|error| Failure::engine(&path.display(), &error))
        });
        movies.collect()
    }
}

/// The files as sources, those that are encrypted in the clear when there are keys.
///
/// # Errors
/// [`Failure::Usage`] when a file needs another key, [`Failure::Input`] when it is broken.
pub fn open<'a>(
    paths: &[PathBuf],
    files: &'a [File],
    keys: &'a [ContentKey],
) -> Result<Vec<Opened<'a>>, Failure> {
    let open = |(path, file): (&PathBuf, &'a File)| -> Result<Opened<'a>, Failure> {
        if keys.is_empty() {
            return Ok(Box::new(FileSource(file)));
        }
        let clear = packager::decrypted(file, keys);
        let clear = clear.map_err(|error| Failure::engine(&path.display(), &error))?;
        Ok(Box::new(clear))
    };
    paths.iter().zip(files).map(open).collect()
}

/// A file that somebody else holds.
struct FileSource<'a>(&'a File);

impl Source for FileSource<'_> {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        Source::read_at(self.0, offset, buffer)
    }
}
