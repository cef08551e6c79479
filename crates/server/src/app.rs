//! A running server: what its parts share, how it starts and how it stops.

use crate::config::{self, Config};
use crate::db::{Database, DatabaseUrl};
use crate::keys::{KEY_FILE, Keys};
use crate::storage::{Storage, StorageConfig};
use crate::uploads::{self, Uploads};
use crate::{ServeError, clock, http, jobs, sweep};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// How long requests under way may take when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// How long it is remembered what happened: 90 days.
const EVENTS_ARE_KEPT_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// What all parts of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The catalogue and its queue.
    pub(crate) db: Database,
    /// The local folder.
    pub(crate) storage: Storage,
    /// Uploads that may be interrupted.
    pub(crate) uploads: Uploads,
    /// Opens content keys.
    pub(crate) keys: Keys,
    /// What links begin with, when the configuration says so.
    pub(crate) public_url: Option<String>,
    /// Wakes workers: there is work.
    work: Notify,
    /// Wakes heartbeats: there is a wish to cancel.
    cancel: Notify,
    /// Counts jobs that ended.
    ended: watch::Sender<u64>,
    /// Whether the server stops.
    stopping: watch::Sender<bool>,
}

impl Shared {
    /// Tells the workers that a job was queued.
    pub(crate) fn wake_workers(&self) {
        // One worker is woken, now or when it next looks; when it finds work, it wakes the next.
        self.work.notify_one();
    }

    /// Waits until a job may have been queued.
    pub(crate) async fn work_came(&self) {
        self.work.notified().await;
    }

    /// Tells the running jobs that one of them may have been cancelled.
    pub(crate) fn wake_heartbeats(&self) {
        self.cancel.notify_waiters();
    }

    /// Waits until a running job may have been cancelled.
    pub(crate) async fn cancel_came(&self) {
        self.cancel.notified().await;
    }

    /// Tells those who wait that a job ended.
    pub(crate) fn announce(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    /// Changes whenever a job ended.
    pub(crate) fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// Waits until the server stops.
    pub(crate) async fn stopped(&self) {
        // An error says that the server is gone, which is a stop, too.
        let _ = self.stopping().wait_for(|stop| *stop).await;
    }

    /// Becomes true when the server stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

/// A server that runs. [`App::shutdown`] stops it; dropped, it stops without care, as when killed.
#[derive(Debug)]
pub struct App {
    addr: SocketAddr,
    media_addr: Option<SocketAddr>,
    shared: Arc<Shared>,
    workers: JoinSet<()>,
    listeners: JoinSet<std::io::Result<()>>,
    _sweeper: AbortOnDropHandle<()>,
}

impl App {
    /// Starts a server on the current runtime: opens the data folder, takes up what was interrupted,
    /// listens.
    ///
    /// # Errors
    /// When the configuration, the data folder or an address cannot be used; the text says what to do.
    pub async fn start(config: Config) -> Result<Self, ServeError> {
        let public_url = config.public_url.as_deref().map(config::public_url);
        let public_url = public_url.transpose().map_err(ServeError)?;
        let (listener, addr) = listen(config.listen).await?;
        let media = match config.media_listen {
            Some(wanted) => Some(listen(wanted).await?),
            None => None,
        };
        let media_addr = media.as_ref().map(|(_, addr)| *addr);
        let shared = Arc::new(open(&config, public_url).await?);
        resume(&shared).await?;

        let mut workers = jobs::start(&shared, config.workers)
            .map_err(|error| ServeError(format!("the workers cannot start: {error}")))?;
        workers.spawn(uploads::start(shared.clone()));
        let sweeper = tokio::spawn(sweep::repeat(shared.clone()));
        let mut listeners = JoinSet::new();
        let router = http::main_router(&shared);
        listeners.spawn(http::serve(listener, router, shared.clone()));
        if let Some((listener, _)) = media {
            let router = http::media_router(&shared);
            listeners.spawn(http::serve(listener, router, shared.clone()));
        }
        Ok(Self {
            addr,
            media_addr,
            shared,
            workers,
            listeners,
            _sweeper: AbortOnDropHandle::new(sweeper),
        })
    }

    /// Where the page, the API and the media are served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the media alone are served besides.
    pub fn media_addr(&self) -> Option<SocketAddr> {
        self.media_addr
    }

    /// Stops: requests under way are answered (for at most 10 s), running jobs are put back.
    pub async fn shutdown(self) {
        let Self {
            shared,
            mut workers,
            mut listeners,
            ..
        } = self;
        shared.stopping.send_replace(true);
        while workers.join_next().await.is_some() {}
        let drained = tokio::time::timeout(DRAIN, async {
            while let Some(listener) = listeners.join_next().await {
                if let Ok(Err(error)) = listener {
                    tracing::error!(%error, "a listener failed");
                }
            }
        });
        if drained.await.is_err() {
            tracing::warn!("requests were still under way after 10 s and are cut off");
            listeners.shutdown().await;
        }
        shared.db.close().await;
    }
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let problem = |error| {
        ServeError(format!(
            "cannot listen on {wanted}: {error}; choose another address with --listen"
        ))
    };
    let listener = TcpListener::bind(wanted).await.map_err(problem)?;
    let addr = listener.local_addr().map_err(problem)?;
    Ok((listener, addr))
}

async fn open(config: &Config, public_url: Option<String>) -> Result<Shared, ServeError> {
    let place = open_place(&config.data_dir, &config.storage, config.database.as_ref());
    let (storage, db, keys) = place.await?;
    let uploads = Uploads::open(storage.root(), config.uploads.clone())
        .map_err(|error| ServeError(format!("uploads cannot be taken: {error}")))?;
    Ok(Shared {
        db,
        storage,
        uploads,
        keys,
        public_url,
        work: Notify::new(),
        cancel: Notify::new(),
        ended: watch::Sender::new(0),
        stopping: watch::Sender::new(false),
    })
}

/// Opens the data folder, alone, with what is in it.
pub(crate) async fn open_place(
    data_dir: &Path,
    storage: &StorageConfig,
    database_url: Option<&DatabaseUrl>,
) -> Result<(Storage, Database, Keys), ServeError> {
    // Only its owner may look into it: it holds the clear videos.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(|error| {
            let path = data_dir.display();
            ServeError(format!("the data folder {path} cannot be made: {error}"))
        })?;
    let storage = Storage::open(data_dir, storage);
    let storage = storage.map_err(|error| ServeError(error.to_string()))?;
    tracing::info!(storage = storage.place(), "sources and packages are kept");
    let db = Database::open(storage.root(), database_url).await;
    let db = db.map_err(ServeError)?;
    let has_file = storage.root().join(KEY_FILE).exists();
    if !has_file && db.holds_keys().await.map_err(database)? {
        return Err(ServeError(format!(
            "{KEY_FILE} is missing from {}, and the content keys in its database open with nothing \
             else: bring the file back",
            storage.root().display()
        )));
    }
    let keys = Keys::open(storage.root()).map_err(|error| ServeError(error.to_string()))?;
    Ok((storage, db, keys))
}

/// Takes back the jobs of a predecessor and deletes the files that nothing names.
async fn resume(shared: &Arc<Shared>) -> Result<(), ServeError> {
    crash_point!("start.opened");
    let interrupted = shared.db.recover_jobs().await.map_err(database)?;
    crash_point!("start.recovered");
    let swept = sweep::at_start(shared).await? + uploads::resume(shared).await?;
    crash_point!("start.swept");
    let old = clock::now_ms() - EVENTS_ARE_KEPT_MS;
    shared.db.forget_events(old).await.map_err(database)?;
    if interrupted > 0 || swept > 0 {
        tracing::info!(interrupted, swept, "took up what a predecessor left");
    }
    Ok(())
}

fn database(error: crate::db::Error) -> ServeError {
    ServeError(format!("the database cannot be used: {error}"))
}
