//! What was written: size and SHA-256 of every object of a package, noted beside them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// The object inside of a package that lists its hashes. It lies beside [`super::DASH`], so it is not served.
pub(crate) const HASHES: &str = "hashes.json";
/// How much of a file is read at once.
const PIECE: usize = 256 << 10;

/// Size and hash of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// Bytes.
    pub(crate) size: u64,
    /// Hex digits.
    pub(crate) sha256: String,
}

/// All objects of a package by their paths below its prefix; as JSON it is [`HASHES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hashes {
    /// Of this form: 1.
    version: u32,
    /// The objects.
    pub(crate) objects: BTreeMap<String, Recorded>,
}

impl Hashes {
    pub(crate) fn new(objects: BTreeMap<String, Recorded>) -> Self {
        Self {
            version: 1,
            objects,
        }
    }

    /// Bytes of all objects.
    pub(crate) fn bytes(&self) -> u64 {
        self.objects.values().map(|object| object.size).sum()
    }

    /// The object's bytes.
    pub(crate) fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Reads what [`Hashes::to_json`] wrote.
    pub(crate) fn parse(json: &[u8]) -> io::Result<Self> {
        let hashes: Self = serde_json::from_slice(json)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if hashes.version != 1 {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!(
                    "{HASHES} has version {}: a newer Reelpack wrote it",
                    hashes.version
                ),
            ));
        }
        Ok(hashes)
    }
}

impl Recorded {
    /// Of bytes in memory.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        }
    }

    /// Reads a whole file, from its start.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::FileExt;
        let mut tally = Tally::default();
        let mut piece = vec![0; PIECE];
        loop {
            match file.read_at(&mut piece, tally.size) {
                Ok(0) => return Ok(tally.recorded()),
                Ok(read) => tally.add(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Counts and hashes what goes by.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hash: Sha256,
    size: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(super) fn recorded(self) -> Recorded {
        Recorded {
            size: self.size,
            sha256: hex(&self.hash.finalize()),
        }
    }
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
