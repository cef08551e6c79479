//! Files of packages in memory: whole ones that are often asked for, and pieces of others on their way.
//!
//! All of it together stays below a bound, what slow clients still hold included.

use axum::body::Bytes;
use axum::http::HeaderValue;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Parts of the cache with a lock each. A file must fit into one of them.
const SHARDS: u64 = 4;
/// What a file of typical size takes; only to size the tables.
const TYPICAL: u64 = 64 << 10;
/// What is counted for a file beside its bytes.
const OVERHEAD: u64 = 512;

/// A whole file, with the headers that are always the same.
#[derive(Debug)]
pub(super) struct Hot {
    /// All bytes.
    pub(super) bytes: Bytes,
    /// Its entity tag.
    pub(super) tag: HeaderValue,
}

/// The cache, and the memory that it shares with files on their way.
#[derive(Debug)]
pub(crate) struct HotFiles {
    files: Cache<Box<str>, Arc<Hot>, Weight>,
    /// In KiB.
    memory: Arc<Semaphore>,
    largest: u64,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Box<str>, Arc<Hot>> for Weight {
    fn weight(&self, key: &Box<str>, hot: &Arc<Hot>) -> u64 {
        (key.len() + hot.bytes.len()) as u64 + OVERHEAD
    }
}

/// Bytes that give their memory back with the last who holds them.
struct Counted {
    bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Memory that was set aside for so many bytes.
pub(super) struct Room(OwnedSemaphorePermit, usize);

impl HotFiles {
    /// Room for `bytes`: half of it for files that are kept.
    pub(crate) fn new(bytes: u64) -> Self {
        let kept = bytes / 2;
        let options = OptionsBuilder::new()
            .shards(usize::try_from(SHARDS).unwrap_or(1))
            .estimated_items_capacity(usize::try_from(kept / TYPICAL).unwrap_or(0).max(256))
            .weight_capacity(kept)
            .build();
        let cache = |options| {
            let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
            Cache::with_options(options, Weight, hasher, lifecycle)
        };
        let kib = usize::try_from(bytes >> 10).unwrap_or(usize::MAX);
        Self {
            files: options.map_or_else(|_| Cache::with_weighter(256, kept, Weight), cache),
            memory: Arc::new(Semaphore::new(kib.min(Semaphore::MAX_PERMITS))),
            // Twice as many fit into a shard, so that one does not push out all else.
            largest: kept / SHARDS / 2,
        }
    }

    /// A file that is in memory.
    pub(super) fn get(&self, key: &str) -> Option<Arc<Hot>> {
        self.files.get(key)
    }

    /// Keeps a file.
    pub(super) fn keep(&self, key: Box<str>, hot: &Arc<Hot>) {
        self.files.insert(key, hot.clone());
    }

    /// Room for a whole file, if it is small enough to be kept and there is so much.
    pub(super) fn room_to_keep(&self, size: u64) -> Option<Room> {
        match size <= self.largest {
            true => self.room(usize::try_from(size).ok()?),
            false => None,
        }
    }

    /// Room for so many bytes, if there is so much at this moment.
    pub(super) fn room(&self, bytes: usize) -> Option<Room> {
        let kib = u32::try_from(bytes.div_ceil(1024)).ok()?;
        let permit = self.memory.clone().try_acquire_many_owned(kib).ok()?;
        Some(Room(permit, bytes))
    }
}

impl Room {
    /// Reads as many bytes as there is room for.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are fewer.
    pub(super) fn read(self, from: impl Read) -> io::Result<Bytes> {
        let Self(memory, length) = self;
        let bytes = read(from, length)?;
        let counted = Counted {
            bytes,
            _memory: memory,
        };
        Ok(Bytes::from_owner(counted))
    }
}

/// Reads so many bytes, without clearing the memory for them first.
///
/// # Errors
/// `UnexpectedEof` when there are fewer.
pub(super) fn read(from: impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    from.take(length as u64).read_to_end(&mut bytes)?;
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hot(files: &HotFiles, size: usize) -> Option<Arc<Hot>> {
        let room = files.room_to_keep(size as u64)?;
        let bytes = room.read(io::repeat(7)).expect("bytes");
        let tag = HeaderValue::from_static("\"tag\"");
        Some(Arc::new(Hot { bytes, tag }))
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let files = HotFiles::new(1 << 20);
        let largest = usize::try_from(files.largest).expect("a size");
        assert!(hot(&files, largest + 1).is_none());
        let mut held = Vec::new();
        while let Some(hot) = hot(&files, largest) {
            files.keep(format!("{}", held.len()).into(), &hot);
            held.push(hot);
        }
        assert_eq!(held.len(), (1 << 20) / largest);
        assert!(files.files.weight() <= 1 << 19);
        assert!(files.room(1 << 10).is_none());
        drop(held);
        // What is kept still counts, all else is free again.
        assert!(files.room(1 << 19).is_some());
        assert!(files.room(1 << 20).is_none());
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let files = HotFiles::new(1 << 20);
        let room = files.room(10).expect("room");
        let error = room.read(&b"short"[..]).expect_err("an error");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(files.room(1 << 20).is_some());
    }
}
