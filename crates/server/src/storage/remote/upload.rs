//! Objects on their way to the store: small ones in one request behind the scenes, large ones in parts.

use super::{IN_FLIGHT_KIB, Remote};
use crate::storage::hashes::Recorded;
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload,
};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

/// Objects up to this size go in one request, larger ones in parts of at least this size.
const PART: usize = 8 << 20;
/// Services take 10,000 parts of an object at most; some room is left where the size was a guess.
const MAX_PARTS: u64 = 9_000;
/// Metadata under which an object says its hash.
const SHA256: &str = "sha256";

/// Writes of a package that were begun and not yet acknowledged.
///
/// The threads that render need not wait for each other's round trips: [`Pending::settle`] waits for all.
#[derive(Debug, Default)]
pub(in crate::storage) struct Pending {
    tasks: Mutex<JoinSet<io::Result<()>>>,
}

impl Pending {
    /// Adds a write; fails when an earlier one has failed.
    fn add(
        &self,
        remote: &Remote,
        write: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> io::Result<()> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            ended.map_err(io::Error::other)??;
        }
        tasks.spawn_on(write, &remote.runtime);
        Ok(())
    }

    /// Waits until everything is acknowledged. Fails with the first failure, and gives up the others.
    pub(in crate::storage) fn settle(&self, remote: &Remote) -> io::Result<()> {
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        remote.wait(join(&mut tasks))
    }
}

/// The hash that an object says of itself.
pub(super) fn said_hash(attributes: &Attributes) -> Option<String> {
    let value = attributes.get(&Attribute::Metadata(SHA256.into()))?;
    Some(value.as_ref().to_owned())
}

/// An object that is written. Dropped before [`RemoteWriter::finish`], it leaves no object behind.
#[derive(Debug)]
pub(in crate::storage) struct RemoteWriter {
    remote: Remote,
    key: String,
    buffer: Vec<u8>,
    part: usize,
    large: Option<Parts>,
    pending: Arc<Pending>,
}

impl Remote {
    /// A new object of about `expected` bytes.
    pub(in crate::storage) fn create(
        &self,
        key: &str,
        expected: u64,
        pending: &Arc<Pending>,
    ) -> io::Result<RemoteWriter> {
        Ok(RemoteWriter {
            remote: self.clone(),
            key: key.to_owned(),
            buffer: Vec::new(),
            part: part_size(expected),
            large: None,
            pending: pending.clone(),
        })
    }
}

impl RemoteWriter {
    /// Takes all of the bytes.
    pub(in crate::storage) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.part - self.buffer.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == self.part {
            self.send_part()?;
        }
        Ok(taken.len())
    }

    /// The object is complete. A large one is in the store when this returns, a small one when
    /// [`Pending::settle`] does.
    pub(in crate::storage) fn finish(mut self, recorded: &Recorded) -> io::Result<()> {
        if self.large.is_some() {
            if !self.buffer.is_empty() {
                self.send_part()?;
            }
            return match self.large.take() {
                Some(parts) => parts.complete(),
                None => Ok(()),
            };
        }
        let permit = self.remote.memory(self.buffer.len())?;
        let (remote, key) = (self.remote.clone(), std::mem::take(&mut self.key));
        let payload = PutPayload::from(std::mem::take(&mut self.buffer));
        let mut attributes = Attributes::new();
        let hash = recorded.sha256.clone();
        attributes.insert(Attribute::Metadata(SHA256.into()), hash.into());
        let write = async move {
            let _held = permit;
            let location = Key::from(key.as_str());
            let options = PutOptions::from(attributes);
            let put = || {
                remote
                    .store
                    .put_opts(&location, payload.clone(), options.clone())
            };
            remote.again(&key, put).await.map(|_| ())
        };
        self.pending.add(&self.remote, write)
    }

    fn send_part(&mut self) -> io::Result<()> {
        let permit = self.remote.memory(self.buffer.len())?;
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(self.part));
        if self.large.is_none() {
            self.large = Some(Parts::begin(&self.remote, &self.key)?);
        }
        match &mut self.large {
            Some(parts) => parts.send(full, permit),
            None => Ok(()),
        }
    }
}

impl Remote {
    /// Waits until there is room for so many bytes on their way.
    fn memory(&self, bytes: usize) -> io::Result<OwnedSemaphorePermit> {
        let kib = bytes.div_ceil(1024).clamp(1, IN_FLIGHT_KIB);
        // A quarter MiB at least, so that not too many requests are under way.
        let kib = u32::try_from(kib.max(256)).unwrap_or(u32::MAX);
        let permit = self.memory.clone().acquire_many_owned(kib);
        self.wait(permit).map_err(io::Error::other)
    }
}

/// An upload in parts. Dropped before it is complete, it is aborted, so that its parts cost nothing.
#[derive(Debug)]
struct Parts {
    remote: Remote,
    key: String,
    upload: Option<Box<dyn MultipartUpload>>,
    /// Bytes.
    sent: u64,
    tasks: JoinSet<io::Result<()>>,
}

impl Parts {
    fn begin(remote: &Remote, key: &str) -> io::Result<Self> {
        let location = Key::from(key);
        let begin = || {
            let options = PutMultipartOptions::default();
            remote.store.put_multipart_opts(&location, options)
        };
        let upload = remote.wait(remote.again(key, begin))?;
        Ok(Self {
            remote: remote.clone(),
            key: key.to_owned(),
            upload: Some(upload),
            sent: 0,
            tasks: JoinSet::new(),
        })
    }

    fn send(&mut self, bytes: Vec<u8>, permit: OwnedSemaphorePermit) -> io::Result<()> {
        while let Some(ended) = self.tasks.try_join_next() {
            ended.map_err(io::Error::other)??;
        }
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        self.sent += bytes.len() as u64;
        let sent = upload.put_part(PutPayload::from(bytes));
        let (remote, key) = (self.remote.clone(), self.key.clone());
        let sent = async move {
            let _held = permit;
            sent.await.map_err(|error| remote.fault(&key, &error))
        };
        self.tasks.spawn_on(sent, &self.remote.runtime);
        Ok(())
    }

    fn complete(mut self) -> io::Result<()> {
        let remote = self.remote.clone();
        remote.wait(join(&mut self.tasks))?;
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        let completed: Result<_, Error> = remote.wait(upload.complete());
        if let Err(error) = completed {
            // The answer may have been lost after the work was done, and then the upload is not known any more.
            let found = remote.wait(remote.size(&self.key))?;
            if found != Some(self.sent) {
                let error = remote.fault(&self.key, &error);
                return Err(match error.kind() {
                    io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::TimedOut, error),
                    _ => error,
                });
            }
        }
        self.upload = None;
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else {
            return;
        };
        let (remote, key) = (self.remote.clone(), self.key.clone());
        let mut tasks = std::mem::take(&mut self.tasks);
        self.remote.spawn(async move {
            tasks.shutdown().await;
            if let Err(error) = upload.abort().await {
                let error = remote.fault(&key, &error);
                tracing::warn!(%error, "parts of an upload stay in the bucket");
            }
        });
    }
}

/// Parts are of one size, for some services want it so.
fn part_size(expected: u64) -> usize {
    let least = expected.div_ceil(MAX_PARTS);
    let mebibytes = usize::try_from(least.div_ceil(1 << 20)).unwrap_or(0);
    (mebibytes << 20).max(PART)
}

async fn join(tasks: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::part_size;

    #[test]
    fn parts_are_few_and_not_too_large() {
        assert_eq!(part_size(0), 8 << 20);
        assert_eq!(part_size(70 << 30), 8 << 20);
        for gib in [80_u64, 256, 1024] {
            let size = part_size(gib << 30) as u64;
            assert!(
                (gib << 30).div_ceil(size) <= 9_000 && size <= 128 << 20,
                "{gib}"
            );
        }
    }
}
