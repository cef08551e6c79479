//! An S3 server in this process, with a layer before it that breaks things as the networks and services of others do.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use server::StorageConfig;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const BUCKET: &str = "films";
const ACCESS_KEY: &str = "AKIAREELPACKTEST";
const SECRET: &str = "the-secret-of-the-bucket";

/// What goes wrong, in percent of the requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Answered with 500 or with 503 SlowDown, half of them after the work was done.
    pub errors: u64,
    /// Answered only after [`Faults::stall`].
    pub stalls: u64,
    pub stall: Duration,
    /// GETs whose body ends too early, half of them without any length having been said.
    pub truncated: u64,
    /// Answered with another ETag than the object has.
    pub wrong_etags: u64,
    /// Completions of uploads in parts that say 200 and then an error.
    pub late_errors: u64,
    /// Answered with 403, as when credentials ran out.
    pub refused: u64,
}

/// The server; it ends with the runtime.
pub struct S3 {
    state: Arc<Inner>,
    address: String,
    dir: TempDir,
}

struct Inner {
    service: S3Service,
    faults: Mutex<Faults>,
    numbers: AtomicU64,
    /// Requests, and those of them that were broken.
    requests: AtomicU64,
    broken: AtomicU64,
}

impl S3 {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join(BUCKET)).expect("a bucket");
        let files = s3s_fs::FileSystem::new(dir.path()).expect("a file system");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET));
        let state = Arc::new(Inner {
            service: builder.build(),
            faults: Mutex::default(),
            numbers: AtomicU64::new(1),
            requests: AtomicU64::new(0),
            broken: AtomicU64::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            state,
            address,
            dir,
        }
    }

    /// How a server uses it. The secret is in a file below `dir`.
    pub fn config(&self, dir: &Path) -> StorageConfig {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join("credentials");
        let text = format!("AWS_ACCESS_KEY_ID={ACCESS_KEY}\nAWS_SECRET_ACCESS_KEY={SECRET}\n");
        std::fs::write(&path, text).expect("written");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("chmod");
        StorageConfig {
            url: Some(format!("s3://{BUCKET}/reel")),
            endpoint: Some(self.address.clone()),
            region: None,
            credentials_file: Some(path),
            timeout: Duration::from_secs(1),
            retries: 6,
            ..StorageConfig::default()
        }
    }

    pub fn break_things(&self, faults: Faults) {
        *self.state.faults.lock().expect("the faults") = faults;
    }

    /// Requests so far, and those of them that were broken.
    pub fn requests(&self) -> (u64, u64) {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (read(&self.state.requests), read(&self.state.broken))
    }

    /// The files of the objects below a folder of the storage.
    pub fn objects(&self, folder: &str) -> Vec<PathBuf> {
        let home = self.dir.path().join(BUCKET).join("reel").join(folder);
        if !home.exists() {
            return Vec::new();
        }
        super::files(&home)
    }

    pub fn secret() -> &'static str {
        SECRET
    }
}

impl Inner {
    /// Whether something of a probability happens now. The sequence is the same in every run.
    fn happens(&self, percent: u64) -> bool {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        // The finalizer of SplitMix64.
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 100 < percent
    }

    fn breaks(&self, percent: u64) -> bool {
        let happens = percent > 0 && self.happens(percent);
        self.broken.fetch_add(u64::from(happens), Ordering::Relaxed);
        happens
    }
}

async fn answer(State(state): State<Arc<Inner>>, request: Request) -> Response {
    state.requests.fetch_add(1, Ordering::Relaxed);
    let faults = *state.faults.lock().expect("the faults");
    if state.breaks(faults.stalls) {
        tokio::time::sleep(faults.stall).await;
    }
    if state.breaks(faults.refused) {
        return failure(StatusCode::FORBIDDEN, "ExpiredToken");
    }
    let fails = state.breaks(faults.errors);
    if fails && state.happens(50) {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    let method = request.method().clone();
    let completes = method == Method::POST && query(&request).contains("uploadId");
    let response = forward(&state, request).await;
    if fails {
        return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
    }
    if completes && state.breaks(faults.late_errors) {
        return failure(StatusCode::OK, "InternalError");
    }
    spoil(&state, &faults, &method, response).await
}

/// Alters an answer that was right.
async fn spoil(state: &Inner, faults: &Faults, method: &Method, response: Response) -> Response {
    let mut response = response;
    let tagged = response.headers().contains_key(header::ETAG);
    if tagged && state.breaks(faults.wrong_etags) {
        let wrong = HeaderValue::from_static("\"0123456789abcdef0123456789abcdef\"");
        response.headers_mut().insert(header::ETAG, wrong);
    }
    let is_media = method == Method::GET && tagged && response.status().is_success();
    if !(is_media && state.breaks(faults.truncated)) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    let half = bytes.slice(..bytes.len() / 2);
    if state.happens(50) {
        head.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(head, Body::from_stream(one(half)));
    }
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let broken = futures_util::stream::iter([Err(broken)]);
    Response::from_parts(head, Body::from_stream(one(half).chain(broken)))
}

fn one(bytes: Bytes) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::iter([Ok(bytes)])
}

async fn forward(state: &Inner, request: Request) -> Response {
    let request = request.map(s3s::Body::http_body_unsync);
    match state.service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            let text = format!("{error:?}");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

fn query(request: &Request) -> String {
    request.uri().query().unwrap_or_default().to_owned()
}

fn failure(status: StatusCode, code: &str) -> Response {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>a test wants it so</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], xml).into_response()
}
