//! An object that is written: counted and hashed on its way to either back end.

use super::Back;
use super::folder::FileWriter;
use super::hashes::{Recorded, Tally};
use super::remote::{Pending, RemoteWriter};
use std::io::{self, Write};
use std::sync::Arc;

/// Takes an object's bytes. Dropped before [`ObjectWriter::finish`], it leaves no object behind.
#[derive(Debug)]
pub(super) struct ObjectWriter {
    sink: Sink,
    tally: Tally,
}

#[derive(Debug)]
enum Sink {
    File(FileWriter),
    Remote(RemoteWriter),
}

impl ObjectWriter {
    /// Begins an object of about `expected` bytes; what goes on behind the scenes is `pending`'s.
    pub(super) fn begin(
        back: &Back,
        key: &str,
        expected: u64,
        pending: &Arc<Pending>,
    ) -> io::Result<Self> {
        let sink = match back {
            Back::Folder(folder) => Sink::File(folder.create(key)?),
            Back::Remote(remote) => Sink::Remote(remote.create(key, expected, pending)?),
        };
        Ok(Self {
            sink,
            tally: Tally::default(),
        })
    }

    /// The object is complete: it gets its name now, or soon (see [`Pending`]).
    pub(super) fn finish(self) -> io::Result<Recorded> {
        let recorded = self.tally.recorded();
        match self.sink {
            Sink::File(file) => file.finish(&recorded)?,
            Sink::Remote(remote) => remote.finish(&recorded)?,
        }
        Ok(recorded)
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.sink {
            Sink::File(file) => file.write(bytes)?,
            Sink::Remote(remote) => remote.write(bytes)?,
        };
        self.tally.add(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::File(file) => file.flush(),
            Sink::Remote(_) => Ok(()),
        }
    }
}
