//! Writes what comes in of an upload, and records how much of it is safe.
//!
//! An offset is recorded only after its bytes are on the disk (`fdatasync`), and only a recorded offset is ever told
//! to a client. So it never goes back, whatever dies.

use super::sum::Sum;
use super::{Halt, Uploads};
use crate::app::Shared;
use crate::db::uploads::Upload;
use crate::storage::resumable::Partial;
use crate::uploads::slots::Holding;
use sha2::{Digest, Sha256};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How much is collected before it goes to the disk.
const BATCH_BYTES: usize = 1 << 20;
/// After so many bytes the offset is recorded: what a killed server has to be sent again.
const RECORD_BYTES: u64 = 8 << 20;
/// A client that is slow, but not too slow to be worth the disk's time, has its offset recorded this often.
const RECORD_EVERY: Duration = Duration::from_secs(2);
const RECORD_LEAST: u64 = 256 << 10;

/// An upload that is being written.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    holding: Holding,
    id: String,
    /// Length of the whole, when it is known.
    length: Option<u64>,
    /// How many bytes may come when it is not.
    most: u64,
    recorded: u64,
    recorded_at: Instant,
    /// What came in and is not written yet.
    batch: Vec<u8>,
    disk: Option<Disk>,
}

/// What moves to the threads that wait for the disk.
struct Disk {
    partial: Partial,
    /// The hash of everything up to the end; `None` when the beginning was not seen by this process.
    whole: Option<Sha256>,
    /// The checksum of what one request brings.
    sum: Option<Sum>,
}

impl Disk {
    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.partial.append(bytes)?;
            let (written, rest) = bytes.split_at(count);
            if let Some(hash) = &mut self.whole {
                hash.update(written);
            }
            if let Some(sum) = &mut self.sum {
                sum.update(written);
            }
            bytes = rest;
        }
        Ok(())
    }
}

impl Writer {
    /// Goes on with an upload where its record ends, to `most` bytes, where nobody said how many come. With a `sum`, nothing counts until all
    /// came and the sum is right.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        row: &Upload,
        mut holding: Holding,
        (partial, most): (Partial, u64),
        sum: Option<Sum>,
    ) -> Self {
        let end = partial.end();
        let known = holding.memory().hash.clone();
        let whole = match known {
            _ if end == 0 => Some(Sha256::new()),
            Some((at, hash)) if at == end => Some(hash),
            _ => None,
        };
        Self {
            shared: shared.clone(),
            holding,
            id: row.id.clone(),
            length: row.length(),
            most,
            recorded: end,
            recorded_at: Instant::now(),
            batch: Vec::new(),
            disk: Some(Disk {
                partial,
                whole,
                sum,
            }),
        }
    }

    /// The upload's holder.
    pub(crate) fn holding(&mut self) -> &mut Holding {
        &mut self.holding
    }

    /// How many bytes are safe.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Whether all bytes are safe.
    pub(crate) fn is_whole(&self) -> bool {
        self.length == Some(self.recorded)
    }

    /// Says how long the whole is, once that is known.
    pub(crate) fn set_length(&mut self, length: u64) {
        self.length = Some(length);
    }

    /// How many bytes came in so far.
    fn end(&self) -> u64 {
        let written = self
            .disk
            .as_ref()
            .map_or(self.recorded, |disk| disk.partial.end());
        written + self.batch.len() as u64
    }

    /// When to call [`Writer::record`] although nothing comes in.
    pub(crate) fn record_at(&self) -> Option<Instant> {
        let end = self.end();
        // What ends an upload is recorded when the request has ended well, not before.
        let due = end - self.recorded >= RECORD_LEAST && self.length != Some(end);
        (due && !self.is_summed()).then(|| self.recorded_at + RECORD_EVERY)
    }

    /// Takes what came in.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        self.holding.alive();
        let limit = self.limit();
        if self.end() + bytes.len() as u64 > limit {
            return Err(Halt::TooLarge(limit));
        }
        self.batch.extend_from_slice(bytes);
        if self.batch.len() >= BATCH_BYTES {
            self.flush().await?;
            let due = self.end() - self.recorded >= RECORD_BYTES && !self.is_summed();
            if due && self.length != Some(self.end()) {
                self.record().await?;
            }
        }
        Ok(())
    }

    fn limit(&self) -> u64 {
        self.length.unwrap_or(self.most)
    }

    fn is_summed(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.sum.is_some())
    }

    fn uploads(&self) -> &Uploads {
        &self.shared.uploads
    }

    /// Records all that came in. A whole upload must then be finished.
    pub(crate) async fn record(&mut self) -> Result<(), Halt> {
        let wrote = self.flush().await;
        // On a full disk, what still found room counts.
        let synced = self.sync().await;
        let recorded = match synced {
            Ok(end) => self.put_down(end).await,
            Err(error) => Err(error),
        };
        self.holding.alive();
        wrote.and(recorded)
    }

    /// Checks the sum of the request, when it has one.
    pub(crate) async fn check(&mut self) -> Result<(), Halt> {
        self.flush().await?;
        let sum = self.disk.as_mut().and_then(|disk| disk.sum.take());
        if sum.is_none_or(Sum::agrees) {
            Ok(())
        } else {
            Err(Halt::WrongSum)
        }
    }

    /// Gives up what is not recorded of a request with a sum; keeps what came in of any other.
    pub(crate) async fn keep(&mut self) -> Result<(), Halt> {
        if self.is_summed() {
            return Ok(());
        }
        self.record().await
    }

    /// Ends writing; the file is let go, the upload is still held.
    pub(crate) fn into_holding(self) -> Holding {
        self.holding
    }

    async fn flush(&mut self) -> Result<(), Halt> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        let (batch, wrote) = self
            .on_disk(move |disk| {
                let room = shared.uploads.room_for(batch.len() as u64);
                let wrote = room.and_then(|()| disk.append(&batch));
                (batch, wrote)
            })
            .await?;
        self.batch = batch;
        self.batch.clear();
        Ok(wrote?)
    }

    async fn sync(&mut self) -> Result<u64, Halt> {
        let end = self
            .on_disk(|disk| disk.partial.sync().map(|()| disk.partial.end()))
            .await?;
        Ok(end?)
    }

    async fn put_down(&mut self, end: u64) -> Result<(), Halt> {
        self.recorded_at = Instant::now();
        if end == self.recorded && self.length != Some(end) {
            return Ok(());
        }
        crash_point!("tus.synced");
        let expires_at_ms = self.uploads().expires_at_ms();
        let db = &self.shared.db;
        if !db.record_upload(&self.id, end, expires_at_ms).await? {
            return Err(Halt::Gone);
        }
        crash_point!("tus.recorded");
        self.recorded = end;
        let whole = self.disk.as_ref().and_then(|disk| disk.whole.clone());
        self.holding.memory().hash = whole.map(|hash| (end, hash));
        Ok(())
    }

    async fn on_disk<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Disk) -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let gone = || Halt::Io(io::Error::other("the work on the disk was broken off"));
        let mut disk = self.disk.take().ok_or_else(gone)?;
        let done = tokio::task::spawn_blocking(move || {
            let answer = work(&mut disk);
            (disk, answer)
        });
        let (disk, answer) = done.await.map_err(|_| gone())?;
        self.disk = Some(disk);
        Ok(answer)
    }
}
