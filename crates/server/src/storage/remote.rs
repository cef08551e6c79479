//! Object stores: S3 and what speaks like it, Google Cloud Storage, Azure. Requests run on the server's Tokio
//! runtime; who calls from a thread of its own waits for them there.

mod fetch;
mod upload;

pub(crate) use fetch::Fetched;
pub(crate) use fetch::RemoteObject;
pub(super) use upload::{Pending, RemoteWriter};

use super::hashes::{Recorded, Tally};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// How much of objects that are on their way to the store is in memory at once, in KiB.
const IN_FLIGHT_KIB: usize = 64 << 10;
/// How often an operation is tried whose answer was broken after the client's own retries.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How many objects are deleted, or looked at, at once.
const AT_ONCE: usize = 16;

/// A client of an object store; keys are below its prefix.
#[derive(Clone)]
pub(super) struct Remote {
    store: Arc<PrefixStore<Arc<dyn ObjectStore>>>,
    name: Arc<str>,
    runtime: Handle,
    /// In KiB.
    memory: Arc<Semaphore>,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Below the storage's prefix.
    pub(super) key: String,
    /// Milliseconds of the Unix epoch, as the store says.
    pub(super) modified_ms: i64,
}

impl Remote {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        name: &str,
        runtime: Handle,
    ) -> Self {
        Self {
            store: Arc::new(PrefixStore::new(store, prefix)),
            name: name.into(),
            runtime,
            memory: Arc::new(Semaphore::new(IN_FLIGHT_KIB)),
        }
    }

    /// Waits for a future on a thread that is not the runtime's.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs something to its end, whoever waits for it.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(future);
    }

    /// A whole small object; `None` when it is not there.
    pub(super) async fn read(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        let location = Key::from(key);
        let read = self.again(key, || async {
            let found = self.store.get(&location).await?;
            let size = found.meta.size;
            let bytes = found.bytes().await?;
            whole(bytes.len() as u64, size)?;
            Ok(bytes.to_vec())
        });
        absent_is_none(read.await)
    }

    /// Size and hash of an object, which is read for it; `None` when it is not there.
    pub(super) async fn record(&self, key: &str) -> io::Result<Option<Recorded>> {
        let location = Key::from(key);
        let recorded = self.again(key, || async {
            let found = self.store.get(&location).await?;
            let size = found.meta.size;
            let mut tally = Tally::default();
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.try_next().await? {
                tally.add(&piece);
            }
            let recorded = tally.recorded();
            whole(recorded.size, size)?;
            Ok(recorded)
        });
        absent_is_none(recorded.await)
    }

    /// Size of an object; `None` when it is not there.
    async fn size(&self, key: &str) -> io::Result<Option<u64>> {
        let location = Key::from(key);
        let found = self.again(key, || self.store.head(&location)).await;
        Ok(absent_is_none(found)?.map(|found| found.size))
    }

    pub(super) fn remove(&self, key: &str) -> io::Result<()> {
        self.wait(self.remove_now(key))
    }

    /// Deletes an object; one that is not there is no error.
    pub(super) async fn remove_now(&self, key: &str) -> io::Result<()> {
        let location = Key::from(key);
        let removed = self.again(key, || self.store.delete(&location)).await;
        super::absent_is_fine(removed)
    }

    pub(super) fn remove_prefix(&self, prefix: &str) -> io::Result<()> {
        self.wait(async {
            let listed = self.list(prefix).await?;
            futures_util::stream::iter(listed.into_keys())
                .map(|path| async move { self.remove_now(&format!("{prefix}/{path}")).await })
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await
        })
    }

    pub(super) fn rename_prefix(&self, from: &str, to: &str) -> io::Result<()> {
        self.wait(async {
            for path in self.list(from).await?.into_keys() {
                let old = Key::from(format!("{from}/{path}"));
                let new = Key::from(format!("{to}/{path}"));
                self.again(&path, || self.store.rename(&old, &new)).await?;
            }
            Ok(())
        })
    }

    /// The objects below a prefix with their sizes, by their paths below it.
    pub(super) async fn list(&self, prefix: &str) -> io::Result<BTreeMap<String, u64>> {
        let location = Key::from(prefix);
        self.again(prefix, || async {
            let mut listed = BTreeMap::new();
            let mut objects = self.store.list(Some(&location));
            while let Some(object) = objects.try_next().await? {
                let path = object.location.as_ref().strip_prefix(prefix);
                let path = path.map(|path| path.trim_start_matches('/'));
                if let Some(path) = path.filter(|path| !path.is_empty()) {
                    listed.insert(path.to_owned(), object.size);
                }
            }
            Ok(listed)
        })
        .await
    }

    /// All objects below a folder with the times when they were written.
    pub(super) async fn list_times(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let location = Key::from(folder);
        self.again(folder, || async {
            let objects = self.store.list(Some(&location));
            let listed = objects.map_ok(|object| Listed {
                key: object.location.as_ref().to_owned(),
                modified_ms: object.last_modified.timestamp_millis(),
            });
            listed.try_collect().await
        })
        .await
    }

    /// Tries an operation that failed for a reason which may pass a few times more.
    ///
    /// The client tries requests again by itself; this is for answers that were cut short or altered.
    async fn again<T, F: Future<Output = Result<T, Error>>>(
        &self,
        key: &str,
        operation: impl Fn() -> F,
    ) -> io::Result<T> {
        let mut attempt = 1;
        loop {
            let error = match operation().await {
                Ok(done) => return Ok(done),
                Err(error) => self.fault(key, &error),
            };
            let final_word = super::is_permanent(&error) || error.kind() == io::ErrorKind::NotFound;
            if final_word || attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(key, attempt, %error, "the storage is asked again");
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    /// The failure in words of the operating system, so that both back ends are sorted alike.
    fn fault(&self, key: &str, error: &Error) -> io::Error {
        use io::ErrorKind as Kind;
        let (kind, hint) = match error {
            Error::NotFound { .. } => (Kind::NotFound, ""),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => (
                Kind::PermissionDenied,
                "; look at the credentials and the policy of the bucket",
            ),
            Error::InvalidPath { .. } => (Kind::InvalidInput, ""),
            Error::NotSupported { .. } | Error::NotImplemented { .. } => (Kind::Unsupported, ""),
            // The client has waited and tried again by itself.
            _ => (Kind::TimedOut, ""),
        };
        io::Error::new(kind, format!("{self}: {key}: {error}{hint}"))
    }
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The client inside holds credentials.
impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.name)
    }
}

/// Some services close a connection early without saying so.
fn whole(found: u64, size: u64) -> Result<(), Error> {
    if found == size {
        return Ok(());
    }
    let text = format!("{found} bytes came where the object has {size}");
    Err(Error::Generic {
        store: "object store",
        source: text.into(),
    })
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
