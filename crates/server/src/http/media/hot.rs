//! Files of packages in memory: whole ones that are often asked for, and pieces of others on their way.
//!
//! All of it together stays below a bound, what slow clients still hold included.

use axum::body::Bytes;
use axum::http::HeaderValue;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Parts of the cache with a lock each. A file must fit into one of them.
const SHARDS: u64 = 4;
/// What a file of typical size takes; only to size the tables.
const TYPICAL: u64 = 64 << 10;
/// What is counted for a file beside its bytes.
const OVERHEAD: u64 = 512;

/// Of files of this size and more the larger part is sent from the page cache; below that, two more system calls cost more than the copy.
const SENT_FROM: usize = 256 << 10;
/// How many files are held open for that.
const MOST_OPEN: usize = 1024;

/// A whole file, with the headers that are always the same.
#[derive(Debug)]
pub(in crate::http) struct Hot {
    /// All bytes.
    pub(super) bytes: Bytes,
    /// Its entity tag.
    pub(super) tag: HeaderValue,
    open: Option<(Arc<File>, OwnedSemaphorePermit)>,
}

impl Hot {
    /// Whether the file is open, too.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Where in its file a piece of memory lies, if it is a piece of these very bytes and the file is open.
    pub(in crate::http) fn place_of(&self, piece: &[u8]) -> Option<(&File, u64)> {
        let (file, _) = self.open.as_ref()?;
        let (whole, piece) = (self.bytes.as_ptr_range(), piece.as_ptr_range());
        let within = !piece.is_empty() && whole.start <= piece.start && piece.end <= whole.end;
        // Both are alive, and no two things that are lie in the same place.
        within.then(|| (&**file, (piece.start.addr() - whole.start.addr()) as u64))
    }
}

/// The cache, and the memory that it shares with files on their way.
#[derive(Debug)]
pub(crate) struct HotFiles {
    files: Cache<Box<str>, Arc<Hot>, Weight>,
    /// In KiB.
    memory: Arc<Semaphore>,
    largest: u64,
    /// Files that may be held open.
    open: Arc<Semaphore>,
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
            open: Arc::new(Semaphore::new(MOST_OPEN)),
        }
    }

    /// A file that is in memory.
    pub(super) fn get(&self, key: &str) -> Option<Arc<Hot>> {
        self.files.get(key)
    }

    /// Keeps the bytes of a file.
    pub(super) fn keep(
        &self,
        key: Box<str>,
        bytes: Bytes,
        tag: HeaderValue,
        file: Arc<File>,
    ) -> Arc<Hot> {
        let place = match bytes.len() >= SENT_FROM {
            true => self.open.clone().try_acquire_owned().ok(),
            false => None,
        };
        let open = place.map(|place| (file, place));
        let hot = Arc::new(Hot { bytes, tag, open });
        self.files.insert(key, hot.clone());
        hot
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

    /// Keeps a file of so many bytes under a name, if there is room.
    fn keep(files: &HotFiles, name: usize, size: usize) -> Option<Arc<Hot>> {
        let room = files.room_to_keep(size as u64)?;
        let bytes = room.read(io::repeat(7)).expect("bytes");
        let tag = HeaderValue::from_static("\"tag\"");
        let file = Arc::new(tempfile::tempfile().expect("a file"));
        Some(files.keep(format!("{name}").into(), bytes, tag, file))
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let files = HotFiles::new(1 << 20);
        let largest = usize::try_from(files.largest).expect("a size");
        assert!(keep(&files, 0, largest + 1).is_none());
        let mut held = Vec::new();
        while let Some(hot) = keep(&files, held.len(), largest) {
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
    fn large_files_stay_open_while_they_are_kept_and_so_many_at_once() {
        let files = HotFiles::new(1 << 30);
        assert!(!keep(&files, 0, SENT_FROM - 1).expect("room").is_open());
        let hot = keep(&files, 0, SENT_FROM).expect("room");
        assert!(hot.is_open());
        let others = files
            .open
            .clone()
            .try_acquire_many_owned(MOST_OPEN as u32 - 1);
        assert!(others.is_ok() && !keep(&files, 1, SENT_FROM).expect("room").is_open());
        drop(others);
        assert!(keep(&files, 2, SENT_FROM).expect("room").is_open());
    }

    #[test]
    fn pieces_are_known_by_where_they_lie() {
        let files = HotFiles::new(64 << 20);
        let hot = keep(&files, 0, SENT_FROM).expect("room");
        let place = |piece: &[u8]| hot.place_of(piece).map(|(_, offset)| offset);
        assert_eq!(place(&hot.bytes), Some(0));
        assert_eq!(place(&hot.bytes.slice(5..9)), Some(5));
        assert_eq!(
            place(&hot.bytes[SENT_FROM - 1..]),
            Some(SENT_FROM as u64 - 1)
        );
        // Equal bytes elsewhere, and none at all.
        let copy = hot.bytes.to_vec();
        assert_eq!(place(&copy), None);
        assert_eq!(place(&hot.bytes[9..9]), None);
        let small = keep(&files, 1, 100).expect("room");
        assert!(small.place_of(&small.bytes).is_none(), "it is not open");
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
