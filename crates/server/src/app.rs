//! A running server: what its parts share, how it starts and how it stops.

use crate::access::Access;
use crate::config::{self, Config};
use crate::db::{Database, DatabaseUrl};
use crate::health::Health;
use crate::jobs::Incarnation;
use crate::keys::{KEY_FILE, Keys};
use crate::metrics::Metrics;
use crate::published::Published;
use crate::serving::ServingConfig;
use crate::storage::{Storage, StorageConfig};
use crate::uploads::{self, Uploads};
use crate::webhooks::{self, Webhooks};
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
/// How often those who wait for a job look themselves: it may end in another process.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

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
    /// Addresses that are told what happened.
    pub(crate) webhooks: Webhooks,
    /// Opens content keys.
    pub(crate) keys: Keys,
    /// What converts files that the engine does not read.
    pub(crate) tools: transcode::Tools,
    /// Which renditions packages have whose order does not say so.
    pub(crate) ladder: Option<String>,
    /// How many jobs it does at once.
    pub(crate) workers: usize,
    /// This process, among all that work on the queue.
    pub(crate) incarnation: Incarnation,
    /// How long a job waits after its first attempt failed, in milliseconds.
    pub(crate) first_pause_ms: i64,
    /// Who may come in.
    pub(crate) access: Access,
    /// Whether it can do its work.
    pub(crate) health: Health,
    /// How files of packages are served.
    pub(crate) serving: ServingConfig,
    /// Packages that are known to be published.
    pub(crate) published: Published,
    /// Files of packages in memory.
    pub(crate) hot: Arc<http::HotFiles>,
    /// What Prometheus is told.
    pub(crate) metrics: Metrics,
    /// What links begin with, when the configuration says so.
    pub(crate) public_url: Option<String>,
    /// Wakes workers: there is work.
    work: Notify,
    /// Wakes heartbeats: there is a wish to cancel.
    cancel: Notify,
    /// Counts jobs that ended.
    ended: watch::Sender<u64>,
    /// Whether the process is about to stop: it is not ready, and begins no jobs.
    stopping: watch::Sender<bool>,
    /// Whether it answers no more requests.
    closing: watch::Sender<bool>,
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

    /// Tells those who wait that a job ended, or went with its package.
    pub(crate) fn announce(&self) {
        self.published.changed();
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

    /// Waits until a job may have ended, in this process or another one.
    pub(crate) async fn may_have_ended(&self, ended: &mut watch::Receiver<u64>) {
        // It cannot fail: the sender is here.
        let _ = tokio::time::timeout(LOOK_AGAIN, ended.changed()).await;
    }

    /// Waits until the process answers no more requests.
    pub(crate) async fn closed(&self) {
        // An error says that the process is gone, which is a reason to stop, too.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Becomes true when the process is about to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

/// A server that runs, or workers alone. [`App::shutdown`] stops it; dropped, it stops without care, as when killed.
#[derive(Debug)]
pub struct App {
    addr: Option<SocketAddr>,
    media_addr: Option<SocketAddr>,
    metrics_addr: Option<SocketAddr>,
    shared: Arc<Shared>,
    workers: JoinSet<()>,
    listeners: JoinSet<std::io::Result<()>>,
    scheme: &'static str,
    /// Of a server.
    _sweeper: Option<AbortOnDropHandle<()>>,
    /// Of a server that speaks TLS.
    _certificate: Option<AbortOnDropHandle<()>>,
}

impl App {
    /// Starts a server on the current runtime: opens the data folder, takes up what was interrupted,
    /// listens. Without an address to listen on, it is workers alone.
    ///
    /// # Errors
    /// When the configuration, the data folder or an address cannot be used; the text says what to do.
    pub async fn start(config: Config) -> Result<Self, ServeError> {
        let public_url = config.public_url.as_deref().map(config::public_url);
        let public_url = public_url.transpose().map_err(ServeError)?;
        let tls = config.serving.tls.as_ref().map(http::Tls::load);
        let tls = tls.transpose()?.map(Arc::new);
        let main = listen(config.listen).await?;
        let media = listen(config.media_listen).await?;
        let metrics = listen(config.telemetry.metrics).await?;
        let (addr, media_addr) = (address(&main)?, address(&media)?);
        let metrics_addr = address(&metrics)?;
        let shared = Arc::new(open(&config, public_url).await?);
        resume(&shared, main.is_some()).await?;

        let mut workers = jobs::start(&shared, config.workers);
        let mut sweeper = None;
        let mut listeners = JoinSet::new();
        let acceptor = tls.as_ref().map(|tls| tls.acceptor()).transpose()?;
        if let Some(listener) = main {
            workers.spawn(uploads::start(shared.clone()));
            workers.spawn(webhooks::deliver(shared.clone()));
            sweeper = Some(tokio::spawn(sweep::repeat(shared.clone())));
            let unwritten = |error| {
                ServeError(format!(
                    "the document of the API cannot be written: {error}"
                ))
            };
            let router = http::main_router(&shared).map_err(unwritten)?;
            listeners.spawn(http::serve(
                listener,
                router,
                shared.clone(),
                acceptor.clone(),
            ));
        }
        if let Some(listener) = media {
            let router = http::media_router(&shared);
            listeners.spawn(http::serve(listener, router, shared.clone(), acceptor));
        }
        if let Some(listener) = metrics {
            let router = http::metrics_router(&shared);
            listeners.spawn(http::serve(listener, router, shared.clone(), None));
        }
        Ok(Self {
            addr,
            media_addr,
            metrics_addr,
            shared,
            workers,
            listeners,
            scheme: tls.as_ref().map_or("http", |_| "https"),
            _sweeper: sweeper.map(AbortOnDropHandle::new),
            _certificate: tls.map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.watch()))),
        })
    }

    /// Where the page, the API and the media are served; `None` of workers alone.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Where Prometheus is told.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// `http` or `https`, as the listeners speak.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The id of this process among all that work on the queue.
    pub fn incarnation(&self) -> &str {
        self.shared.incarnation.id()
    }

    /// Where the media alone are served besides.
    pub fn media_addr(&self) -> Option<SocketAddr> {
        self.media_addr
    }

    /// What makes the first administrator, while there is none and one is needed. It is for the console alone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_up_token(&self) -> Result<Option<&str>, ServeError> {
        let access = &self.shared.access;
        if self.addr.is_none() || access.is_open() {
            return Ok(None);
        }
        let done = access.is_set_up(&self.shared.db).await.map_err(database)?;
        Ok((!done).then(|| access.set_up_token()))
    }

    /// Stops: `/readyz` says so, running jobs are handed back, then requests under way are answered (for at most 10 s).
    pub async fn shutdown(self) {
        let Self {
            shared,
            mut workers,
            mut listeners,
            ..
        } = self;
        shared.stopping.send_replace(true);
        while workers.join_next().await.is_some() {}
        crash_point!("drain.workers-gone");
        shared.closing.send_replace(true);
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
        // A child that is being started has all that is open here until it runs, and the lock with it.
        if let Err(error) = shared.storage.unlock() {
            tracing::error!(%error, "the lock of the data folder is kept until this process ends");
        }
    }
}

async fn listen(wanted: Option<SocketAddr>) -> Result<Option<TcpListener>, ServeError> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        ServeError(format!(
            "cannot listen on {wanted}: {error}; choose another address with --listen"
        ))
    })?;
    Ok(Some(listener))
}

fn address(listener: &Option<TcpListener>) -> Result<Option<SocketAddr>, ServeError> {
    let addr = listener.as_ref().map(TcpListener::local_addr).transpose();
    addr.map_err(|error| ServeError(format!("the address to listen on is not known: {error}")))
}

async fn open(config: &Config, public_url: Option<String>) -> Result<Shared, ServeError> {
    let serves = config.listen.is_some();
    let place = open_place(
        &config.data_dir,
        &config.storage,
        config.database.as_ref(),
        config.key_file.as_deref(),
        serves,
    );
    let (storage, db, keys) = place.await?;
    let incarnation = Incarnation::begin(storage.root());
    let incarnation = incarnation.map_err(|error| {
        let root = storage.root().display();
        ServeError(format!("this process cannot be entered in {root}: {error}"))
    })?;
    let access = Access::new(config, public_url.as_deref())
        .map_err(|error| ServeError(format!("no randomness: {error}")))?;
    let uploads = Uploads::open(storage.root(), config.uploads.clone())
        .map_err(|error| ServeError(format!("uploads cannot be taken: {error}")))?;
    let webhooks = Webhooks::new(config.webhooks.clone())
        .map_err(|error| ServeError(format!("webhooks cannot be told anything: {error}")))?;
    Ok(Shared {
        db,
        storage,
        uploads,
        webhooks,
        keys,
        tools: config.tools.clone(),
        ladder: config.ladder.clone(),
        workers: config.workers,
        incarnation,
        first_pause_ms: i64::try_from(config.first_pause.as_millis()).unwrap_or(i64::MAX / 1024),
        access,
        health: Health::default(),
        published: Published::default(),
        metrics: Metrics::default(),
        hot: Arc::new(http::HotFiles::new(config.serving.media_memory)),
        serving: config.serving.clone(),
        public_url,
        work: Notify::new(),
        cancel: Notify::new(),
        ended: watch::Sender::new(0),
        stopping: watch::Sender::new(false),
        closing: watch::Sender::new(false),
    })
}

/// Opens a data folder with what is in it; who `serves` has it alone.
pub(crate) async fn open_place(
    data_dir: &Path,
    storage: &StorageConfig,
    database_url: Option<&DatabaseUrl>,
    key_file: Option<&Path>,
    serves: bool,
) -> Result<(Storage, Database, Keys), ServeError> {
    make_durable_folder(data_dir).map_err(|error| {
        let path = data_dir.display();
        ServeError(format!("the data folder {path} cannot be made: {error}"))
    })?;
    let storage = match serves {
        true => Storage::open(data_dir, storage),
        false => Storage::attach(data_dir, storage),
    };
    let storage = storage.map_err(|error| ServeError(error.to_string()))?;
    tracing::info!(storage = storage.place(), "sources and packages are kept");
    let db = Database::open(storage.root(), database_url).await;
    let db = db.map_err(ServeError)?;
    let default = storage.root().join(KEY_FILE);
    let keys = crate::key_file::open(&db, key_file.unwrap_or(&default), serves).await?;
    Ok((storage, db, keys))
}

/// Makes a folder, and those above it, so that a power cut does not take them with all that is in them.
pub(crate) fn make_durable_folder(path: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    // Only its owner may look into it: it holds the clear videos.
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)?;
    for made in missing {
        let parent = made.parent().filter(|parent| *parent != Path::new(""));
        std::fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Takes back the jobs of processes that died; a server deletes the files that nothing names.
async fn resume(shared: &Arc<Shared>, serves: bool) -> Result<(), ServeError> {
    crash_point!("start.opened");
    if shared.db.is_embedded()
        && let Some(boot) = clock::boot_id()
    {
        shared.db.begin_boot(&boot).await.map_err(database)?;
    }
    let rescued = jobs::rescue(shared).await.map_err(database)?;
    crash_point!("start.recovered");
    let swept = match serves {
        true => sweep::at_start(shared).await? + uploads::resume(shared).await?,
        false => 0,
    };
    crash_point!("start.swept");
    let old = clock::now_ms() - EVENTS_ARE_KEPT_MS;
    shared.db.forget_events(old).await.map_err(database)?;
    shared.db.forget_once().await.map_err(database)?;
    let (waiting, ended) = (rescued.waiting, rescued.ended.len());
    if waiting + swept as u64 > 0 || ended > 0 {
        tracing::info!(waiting, ended, swept, "took up what a predecessor left");
    }
    Ok(())
}

fn database(error: crate::db::Error) -> ServeError {
    ServeError(format!("the database cannot be used: {error}"))
}
