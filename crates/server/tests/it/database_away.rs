//! A database on the network that goes away while a package is made, and comes back.

use crate::support::engines::Engine;
use crate::support::{TestApp, clips};
use reqwest::StatusCode;
use serde_json::json;
use server::DatabaseUrl;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long it is away.
fn away() -> Duration {
    match std::env::var_os("REELPACK_TORTURE") {
        Some(_) => Duration::from_secs(30),
        None => Duration::from_secs(3),
    }
}

/// How soon after its return everything must work again.
const RECOVERY: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_is_away_loses_nothing() {
    loses_nothing(Engine::Postgres, "away_postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_that_is_away_loses_nothing() {
    loses_nothing(Engine::MySql, "away_mysql").await;
}

async fn loses_nothing(engine: Engine, name: &str) {
    let url = engine.database(&format!("{name}_{}", std::process::id()));
    let url = url.expect("a URL");
    let line = Line::to(&url).await;
    let database = DatabaseUrl::parse(&line.url(&url)).expect("a URL");
    let app = TestApp::start_with(|config| config.database = Some(database)).await;
    let asset = app.upload(&clips::very_long()).await;
    // Some thousand files, so that it takes its time.
    let options = json!({ "segment_duration": 0.5 });
    let package = app.order(&asset, &options).await;
    app.until_written().await;

    line.cut();
    let since = Instant::now();
    while since.elapsed() < away() {
        assert_eq!(app.get("/livez").await.status(), StatusCode::OK);
        let refused = app.get("/api/v1/assets").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        let ready = app.get("/readyz").await.status();
        assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    }
    line.mend();

    let back = Instant::now();
    while app.get("/api/v1/assets").await.status() != StatusCode::OK {
        assert!(back.elapsed() < RECOVERY, "it does not come back");
    }
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    // What came before is there, and what comes now goes on.
    let assets = app.get_json("/api/v1/assets").await;
    assert_eq!(assets["data"].as_array().expect("a list").len(), 1);
    let packages = app.get_json("/api/v1/packages").await;
    assert_eq!(packages["data"].as_array().expect("a list").len(), 1);
    app.ready(&clips::numbered(0), &json!({})).await;
}

/// The way to a server, which can be cut.
struct Line {
    here: SocketAddr,
    there: SocketAddr,
    whole: Arc<watch::Sender<bool>>,
}

impl Line {
    async fn to(url: &str) -> Self {
        let there = address(url);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let here = listener.local_addr().expect("its address");
        let whole = Arc::new(watch::Sender::new(true));
        let state = whole.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut whole = state.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = carry(client, there) => {}
                        _ = whole.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Self { here, there, whole }
    }

    fn url(&self, url: &str) -> String {
        url.replace(&self.there.to_string(), &self.here.to_string())
    }

    fn cut(&self) {
        self.whole.send_replace(false);
    }

    fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, there: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(there).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The host and port of a URL.
fn address(url: &str) -> SocketAddr {
    let host = url
        .split(['@', '/'])
        .find(|part| part.contains(':') && !part.ends_with(':'));
    host.and_then(|host| host.parse().ok())
        .expect("a host and a port")
}
