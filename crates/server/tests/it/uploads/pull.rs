//! Files that the server fetches itself.

use crate::support::child::ServerProcess;
use crate::support::film::Film;
use crate::support::{TestApp, clips, json_of, problem, stored_files, text};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A server of files.
struct Store {
    film: Film,
    /// Bytes that were sent in all.
    sent: AtomicU64,
}

impl Store {
    /// Starts one; returns where it is.
    async fn start(film: Film) -> (Arc<Self>, String) {
        let store = Arc::new(Self {
            film,
            sent: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/a%20film.mp4", get(whole))
            .route("/steady", get(steady))
            .route("/changing", get(changing))
            .route(
                "/again",
                get(async || Redirect::temporary("/a%20film.mp4?token=secret")),
            )
            .route(
                "/inside",
                get(async || Redirect::temporary("http://169.254.169.254/latest")),
            )
            .route("/endless", get(endless))
            .route("/drip", get(drip))
            .route("/short", get(short))
            .route("/away", get(async || StatusCode::SERVICE_UNAVAILABLE))
            .with_state(store.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (store, base)
    }
}

async fn whole(State(store): State<Arc<Store>>) -> Vec<u8> {
    store.film.whole()
}

/// Sends the file, or the rest of it, at a few megabytes a second; it stays the same.
async fn steady(State(store): State<Arc<Store>>, headers: HeaderMap) -> Response {
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    slowly(store, from, "\"one\"")
}

/// The same, with another validator each time: it can only be taken from the beginning.
async fn changing(State(store): State<Arc<Store>>, headers: HeaderMap) -> Response {
    static TIMES: AtomicU64 = AtomicU64::new(0);
    assert!(!headers.contains_key("x-never"));
    let etag = format!("\"{}\"", TIMES.fetch_add(1, Ordering::Relaxed));
    slowly(store, None, &etag)
}

fn slowly(store: Arc<Store>, from: Option<u64>, etag: &str) -> Response {
    let size = store.film.size;
    let start = from.unwrap_or(0);
    let pieces = futures_util::stream::unfold((store, start), |(store, offset)| async move {
        if offset == store.film.size {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let bytes = store.film.bytes(offset, 128 << 10);
        store.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let next = offset + bytes.len() as u64;
        Some((Ok::<_, std::io::Error>(Bytes::from(bytes)), (store, next)))
    });
    let length = (size - start).to_string();
    let status = if from.is_some() {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let headers = [
        (header::CONTENT_LENGTH, length),
        (header::ETAG, etag.to_owned()),
        (
            header::CONTENT_RANGE,
            format!("bytes {start}-{}/{size}", size - 1),
        ),
    ];
    (status, headers, Body::from_stream(pieces)).into_response()
}

async fn endless() -> Body {
    let pieces =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 65_536])));
    Body::from_stream(pieces)
}

async fn drip() -> Body {
    let pieces = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
    });
    Body::from_stream(pieces)
}

/// Says more than it sends.
async fn short() -> Response {
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]);
    (
        [(header::CONTENT_LENGTH, "1000")],
        Body::from_stream(pieces),
    )
        .into_response()
}

async fn pulling(change: impl FnOnce(&mut server::Config)) -> TestApp {
    TestApp::start_with(|config| {
        config.uploads.pull_allow = vec!["127.0.0.0/8".parse().expect("a network")];
        change(config);
    })
    .await
}

async fn pull(app: &TestApp, url: &str) -> Value {
    let answer = app
        .post_json("/api/v1/assets", &json!({ "url": url }))
        .await;
    let location = answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let upload = json_of(answer, StatusCode::ACCEPTED).await;
    assert_eq!(
        location,
        app.url(&format!("/api/v1/uploads/{}", text(&upload["id"])))
    );
    upload
}

async fn ended(app: &TestApp, upload: &Value) -> Value {
    let path = format!("/api/v1/uploads/{}", text(&upload["id"]));
    let over = |found: &Value| !["receiving", "finishing"].contains(&text(&found["state"]));
    app.until(&path, over).await
}

#[tokio::test]
async fn a_file_is_pulled_through_a_redirection() {
    let (store, base) = Store::start(Film::of(3 << 20)).await;
    let app = pulling(|_| ()).await;
    let upload = pull(&app, &format!("{base}/again")).await;
    assert_eq!(
        (&upload["kind"], &upload["name"]),
        (&json!("pull"), &json!("again"))
    );
    let upload = ended(&app, &upload).await;
    assert_eq!(upload["state"], "done", "{upload}");
    let asset = app
        .get_json(&format!("/api/v1/assets/{}", text(&upload["asset_id"])))
        .await;
    assert_eq!(asset["sha256"], store.film.sha256());
    let upload = ended(
        &app,
        &pull(&app, &format!("{base}/a%20film.mp4?sig=secret")).await,
    )
    .await;
    assert_eq!(
        (&upload["name"], &upload["duplicate_of"]),
        (&json!("a film.mp4"), &asset["id"])
    );
    assert!(!upload.to_string().contains("secret"));
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    app.post_file("/api/v1/assets", "x.mp4", bytes).await;
}

#[tokio::test]
async fn what_cannot_be_pulled_says_why_and_leaves_nothing() {
    let (_, base) = Store::start(Film::of(3 << 20)).await;
    let app = pulling(|config| {
        config.uploads.max_size = 1 << 20;
        config.uploads.body_pause = Duration::from_secs(1);
        config.uploads.pull_time = Duration::from_secs(3);
    })
    .await;
    for (path, says) in [
        ("/nothing", "404"),
        ("/inside", "no address of the public internet"),
        ("/endless", "larger than 1048576 bytes"),
        ("/a%20film.mp4", "larger than 1048576 bytes"),
        ("/drip", "too slowly"),
        ("/short", "tried for too long"),
        ("/away", "503"),
    ] {
        let upload = ended(&app, &pull(&app, &format!("{base}{path}")).await).await;
        assert_eq!(upload["state"], "failed", "{path}: {upload}");
        assert!(text(&upload["error"]).contains(says), "{path}: {upload}");
    }
    // The bytes go just after it is said that they are of no use.
    let began = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    while !stored_files(app.dir()).is_empty() {
        tick.tick().await;
        assert!(began.elapsed() < Duration::from_secs(20), "bytes stay");
    }
}

#[tokio::test]
async fn nothing_inside_is_pulled_unless_it_is_allowed() {
    let (_, base) = Store::start(Film::of(3 << 20)).await;
    let app = TestApp::start().await;
    for url in [
        format!("{base}/steady"),
        "http://2130706433/".to_owned(),
        "http://[::ffff:10.0.0.1]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://x/".to_owned(),
        "http://u:p@1.1.1.1/".to_owned(),
        "no url".to_owned(),
    ] {
        let answer = app
            .post_json("/api/v1/assets", &json!({ "url": url }))
            .await;
        let found = problem(answer, 400, "invalid_request").await;
        assert_eq!(found["field"], "url", "{url}");
    }
    // A name is known only when it is asked for.
    let local = base.replace("127.0.0.1", "localhost");
    let upload = ended(&app, &pull(&app, &local).await).await;
    assert!(text(&upload["error"]).contains("--pull-allow"), "{upload}");
    for body in [json!({}), json!({"url": 1})] {
        let answer = app.post_json("/api/v1/assets", &body).await;
        problem(answer, 400, "invalid_request").await;
    }
    let body = json!({"url": "http://1.1.1.1/", "x": 1});
    let answer = app.post_json("/api/v1/assets", &body).await;
    problem(answer, 422, "unknown_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_goes_on_after_a_restart() {
    let film = Film::of(24 << 20);
    let sha256 = film.sha256();
    let size = film.size;
    let (store, base) = Store::start(film).await;
    for (path, again) in [("/steady", 10 << 20), ("/changing", size)] {
        store.sent.store(0, Ordering::Relaxed);
        let dir = tempfile::tempdir().expect("a folder");
        let process = ServerProcess::start(dir.path());
        let app = TestApp::of_process(&process.base, dir);
        let upload = pull(&app, &format!("{base}{path}")).await;
        let at = format!("/api/v1/uploads/{}", text(&upload["id"]));
        app.until(&at, |found| found["offset"].as_u64() >= Some(8 << 20))
            .await;
        process.kill();
        let dir = app.stop().await;
        let process = ServerProcess::start(dir.path());
        let app = TestApp::of_process(&process.base, dir);
        let upload = ended(&app, &upload).await;
        assert_eq!(upload["state"], "done", "{upload}");
        let asset = app
            .get_json(&format!("/api/v1/assets/{}", text(&upload["asset_id"])))
            .await;
        assert_eq!(asset["sha256"], sha256, "{path}");
        let sent = store.sent.load(Ordering::Relaxed);
        assert!(sent <= size + again, "{path}: {sent} bytes for {size}");
        process.kill();
    }
}

#[tokio::test]
async fn a_pull_can_be_ended() {
    let (_, base) = Store::start(Film::of(24 << 20)).await;
    let app = pulling(|_| ()).await;
    let upload = pull(&app, &format!("{base}/steady")).await;
    let path = format!("/api/v1/uploads/{}", text(&upload["id"]));
    app.until(&path, |found| found["offset"].as_u64() >= Some(1))
        .await;
    let by_hand = app.upload_at(&path).append(0, "x").await;
    problem(by_hand, 409, "conflict").await;
    assert_eq!(app.delete(&path).await.status(), 204);
    problem(app.get(&path).await, 404, "not_found").await;
    assert!(stored_files(app.dir()).is_empty());
}

#[tokio::test]
async fn what_is_noted_with_a_pull_is_noted_about_its_asset() {
    let (_store, base) = Store::start(Film::of(3 << 20)).await;
    let app = pulling(|_| ()).await;
    let url = format!("{base}/a%20film.mp4");
    let ask = async |external_id: Value, metadata: Value| {
        let body = json!({"url": url, "external_id": external_id, "metadata": metadata});
        app.post_json("/api/v1/assets", &body).await
    };
    let wrong = ask(json!(7), json!({"a": {}})).await;
    let wrong = problem(wrong, 422, "invalid_value").await;
    assert_eq!(wrong["errors"].as_array().map(Vec::len), Some(2), "{wrong}");
    let begun = ask(json!("far"), json!({"a": "b"})).await;
    let upload = ended(&app, &json_of(begun, StatusCode::ACCEPTED).await).await;
    let asset = format!("/api/v1/assets/{}", text(&upload["asset_id"]));
    let asset = app.get_json(&asset).await;
    assert_eq!(
        (&asset["external_id"], &asset["metadata"]),
        (&json!("far"), &json!({"a": "b"}))
    );
}
