//! Objects that are read: by players in one go, by the engine here and there.

use super::{Remote, upload, whole};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{
    Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt,
};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use tokio_util::bytes::Bytes;

/// How much of an object is fetched when some of it is read.
const BLOCK: u64 = 1 << 20;
/// How much is fetched when it is opened: headers, or all of a small one.
const FIRST_BLOCK: u64 = 256 << 10;
/// A large object is fetched in pieces of this size, so many at once.
const PIECE: u64 = 8 << 20;
const PIECES_AT_ONCE: usize = 4;

/// An object that somebody wants to have.
pub(crate) struct Fetched {
    remote: Remote,
    key: String,
    meta: ObjectMeta,
    /// The answer that holds all of it, if it was asked for at once. Whoever wants all first takes it.
    all: Mutex<Option<GetResult>>,
}

impl Fetched {
    /// Bytes of the object.
    pub(crate) fn size(&self) -> u64 {
        self.meta.size
    }

    /// Some of the bytes, as they come.
    pub(crate) async fn stream(
        &self,
        range: Range<u64>,
    ) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        let all = match range == (0..self.meta.size) {
            true => self
                .all
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
            false => None,
        };
        let (remote, key) = (self.remote.clone(), self.key.clone());
        let found = match all {
            Some(all) => all,
            None => {
                let location = Key::from(key.as_str());
                let options = || ranged(range.clone());
                let get = || remote.store.get_opts(&location, options());
                remote.again(&key, get).await?
            }
        };
        let pieces = found.into_stream();
        Ok(pieces
            .map_err(move |error| remote.fault(&key, &error))
            .boxed())
    }
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetched({} of {} bytes)", self.key, self.meta.size)
    }
}

impl Remote {
    /// Asks for an object; `all` of it will be wanted, or else only its size is learnt for now.
    pub(in crate::storage) async fn fetch(
        &self,
        key: &str,
        all: bool,
    ) -> io::Result<Option<Fetched>> {
        let location = Key::from(key);
        let get = || async {
            if all {
                let found = self.store.get(&location).await?;
                return Ok((found.meta.clone(), Some(found)));
            }
            Ok((self.store.head(&location).await?, None))
        };
        let found = super::absent_is_none(self.again(key, get).await)?;
        Ok(found.map(|(meta, all)| Fetched {
            remote: self.clone(),
            key: key.to_owned(),
            meta,
            all: Mutex::new(all),
        }))
    }

    /// Opens an object to be read here and there; `None` when it is not there.
    pub(in crate::storage) async fn open(&self, key: &str) -> io::Result<Option<RemoteObject>> {
        let location = Key::from(key);
        let first = self.again(key, || async {
            let found = self.store.get_opts(&location, ranged(0..FIRST_BLOCK));
            let found = found.await?;
            let (meta, attributes) = (found.meta.clone(), found.attributes.clone());
            let bytes = found.bytes().await?;
            whole(bytes.len() as u64, meta.size.min(FIRST_BLOCK))?;
            Ok((meta.size, upload::said_hash(&attributes), bytes))
        });
        let first = super::absent_is_none(first.await)?;
        Ok(first.map(|(size, sha256, bytes)| RemoteObject {
            remote: self.clone(),
            key: key.to_owned(),
            size,
            sha256,
            block: Mutex::new((0, bytes)),
        }))
    }

    /// Copies an object of a known size into a file.
    pub(in crate::storage) async fn download(
        &self,
        key: &str,
        size: u64,
        file: &File,
    ) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let starts = (0..size).step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
        let pieces = futures_util::stream::iter(starts).map(|start| async move {
            let range = start..size.min(start + PIECE);
            Ok::<_, io::Error>((start, self.range(key, range).await?))
        });
        let mut pieces = pieces.buffer_unordered(PIECES_AT_ONCE);
        while let Some((start, bytes)) = pieces.try_next().await? {
            // The thread is one that may wait for the disk.
            file.write_all_at(&bytes, start)?;
        }
        Ok(())
    }

    async fn range(&self, key: &str, range: Range<u64>) -> io::Result<Bytes> {
        let location = Key::from(key);
        self.again(key, || async {
            let found: Result<GetResult, Error> =
                self.store.get_opts(&location, ranged(range.clone())).await;
            let bytes = found?.bytes().await?;
            whole(bytes.len() as u64, range.end - range.start)?;
            Ok(bytes)
        })
        .await
    }
}

/// An object that is read in blocks; the last one is kept.
#[derive(Debug)]
pub(crate) struct RemoteObject {
    remote: Remote,
    key: String,
    pub(in crate::storage) size: u64,
    /// What the object says of itself.
    pub(in crate::storage) sha256: Option<String>,
    block: Mutex<(u64, Bytes)>,
}

impl RemoteObject {
    pub(in crate::storage) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(buffer.len() as u64);
        let end = end.filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, bytes) = &*block;
        if offset < *start || end > start + bytes.len() as u64 {
            let range = offset..end.max(offset + BLOCK).min(self.size);
            let fetched = self.remote.wait(self.remote.range(&self.key, range))?;
            *block = (offset, fetched);
        }
        let (start, bytes) = &*block;
        let from = usize::try_from(offset - start).unwrap_or(usize::MAX);
        let found = bytes.get(from..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// Reads the whole object for its hash.
    pub(in crate::storage) fn record(&self) -> io::Result<super::Recorded> {
        let recorded = self.remote.wait(self.remote.record(&self.key))?;
        recorded.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, self.key.clone()))
    }
}

fn ranged(range: Range<u64>) -> GetOptions {
    GetOptions {
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    }
}
