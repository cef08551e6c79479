//! An upload that is broken off again and again, and a server that is killed meanwhile.

use crate::support::child::ServerProcess;
use crate::support::film::{Film, noise};
use crate::support::tus::{Tus, header};
use crate::support::{TestApp, text};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sizes of the short form and of `make torture`.
const SHORT: Sizes = Sizes {
    film: 40 << 20,
    chunk: 512 << 10,
    breaks: 50,
};
const LONG: Sizes = Sizes {
    film: 2 << 30,
    chunk: 8 << 20,
    breaks: 100,
};

struct Sizes {
    film: u64,
    chunk: usize,
    breaks: u64,
}

/// Ways to break an upload off.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// The connection is reset.
    Reset,
    /// The client ends its side of it.
    Cut,
    /// The client says nothing more, and the connection stays.
    HalfOpen,
    /// The server is killed while it receives.
    Kill,
    /// The server is killed when it has acknowledged.
    KillAcknowledged,
}

impl Break {
    fn number(number: u64) -> Self {
        match number % 10 {
            0 | 3 | 6 => Self::Reset,
            1 | 4 | 7 => Self::Cut,
            2 => Self::HalfOpen,
            5 | 8 => Self::Kill,
            _ => Self::KillAcknowledged,
        }
    }
}

/// One client and its server.
struct Scene {
    film: Film,
    path: String,
    app: TestApp,
    process: Option<ServerProcess>,
    /// What the server has promised.
    acknowledged: u64,
    /// Bytes that had to be sent again, at most, after one break.
    again: u64,
    /// How long a server took at most to answer after it was started again.
    back: Duration,
    /// Connections that are left open.
    open: Vec<TcpStream>,
}

impl Scene {
    fn upload(&self) -> Tus<'_> {
        self.app.upload_at(&self.path)
    }

    /// Begins to send a piece and stops after `sent` bytes of it.
    async fn begin_to_send(&self, piece: &[u8], sent: usize) -> TcpStream {
        let address = self.app.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let head = format!(
            "PATCH {} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {}\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
            self.path,
            self.acknowledged,
            piece.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&piece[..sent]).await.expect("sent");
        stream
    }

    async fn break_off(&mut self, how: Break, piece: &[u8], sent: usize) {
        let mut stream = match how {
            Break::KillAcknowledged => {
                let answer = self
                    .upload()
                    .append(self.acknowledged, piece.to_vec())
                    .await;
                assert_eq!(answer.status(), 204);
                self.acknowledged += piece.len() as u64;
                return self.kill();
            }
            _ => self.begin_to_send(piece, sent).await,
        };
        match how {
            Break::Reset => stream.set_zero_linger().expect("set"),
            Break::Cut => {
                stream.shutdown().await.expect("ended");
                let mut answer = Vec::new();
                // What it says of a body that is cut off is not what counts.
                let _ = stream.read_to_end(&mut answer).await;
            }
            Break::HalfOpen => self.open.push(stream),
            Break::Kill | Break::KillAcknowledged => self.kill(),
        }
    }

    /// Kills the server and starts another one on its folder.
    fn kill(&mut self) {
        let Some(process) = self.process.take() else {
            return;
        };
        process.kill();
        let process = ServerProcess::start(self.app.dir());
        self.app.base.clone_from(&process.base);
        self.process = Some(process);
        self.open.clear();
    }
}

fn sizes() -> Sizes {
    match std::env::var_os("REELPACK_TORTURE") {
        Some(_) => LONG,
        None => SHORT,
    }
}

async fn upload_with_breaks(scene: &mut Scene, sizes: &Sizes) {
    let breaks_every = scene.film.size / (sizes.breaks + 1);
    let mut number = 0;
    while scene.acknowledged < scene.film.size {
        let piece = scene.film.bytes(scene.acknowledged, sizes.chunk);
        if number < sizes.breaks && scene.acknowledged >= breaks_every * (number + 1) {
            let sent = (noise(number) % piece.len() as u64) as usize;
            let promised = scene.acknowledged;
            scene.break_off(Break::number(number), &piece, sent).await;
            let began = Instant::now();
            let offset = scene.upload().offset().await;
            scene.back = scene.back.max(began.elapsed());
            let how = Break::number(number);
            assert!(
                offset >= scene.acknowledged,
                "{how:?} took back what was acknowledged"
            );
            assert!(
                offset <= promised + piece.len() as u64,
                "{how:?} made bytes up"
            );
            scene.again = scene
                .again
                .max((promised + sent as u64).saturating_sub(offset));
            scene.acknowledged = offset;
            number += 1;
            continue;
        }
        let request = scene.upload().appending(scene.acknowledged, piece.clone());
        match request.send().await {
            Ok(answer) if answer.status() == 204 => scene.acknowledged += piece.len() as u64,
            // Something of the break before arrived after its answer.
            Ok(answer) if [409, 423].contains(&answer.status().as_u16()) => {
                scene.acknowledged = scene.upload().offset().await;
            }
            Ok(answer) => panic!("{}", answer.text().await.expect("a body")),
            // The same, said while the client still sends: it does not always live to read it.
            Err(error) if error.is_request() => {
                scene.acknowledged = scene.upload().offset().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(number, sizes.breaks, "the film was over too soon");
}

#[test]
fn an_upload_that_is_broken_off_fifty_times_is_exact() {
    let sizes = sizes();
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start(dir.path());
    let app = TestApp::of_process(&process.base, dir);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let film = Film::of(sizes.film);
        let path = app.begin(film.size, "film.mp4").await.path;
        let mut scene = Scene {
            film,
            path,
            app,
            process: Some(process),
            acknowledged: 0,
            again: 0,
            back: Duration::ZERO,
            open: Vec::new(),
        };
        let began = Instant::now();
        upload_with_breaks(&mut scene, &sizes).await;
        let took = began.elapsed();
        let answer = scene.upload().append(scene.film.size, Vec::new()).await;
        let asset = if answer.headers().contains_key("reelpack-asset") {
            header(&answer, "reelpack-asset")
        } else {
            let done = |found: &serde_json::Value| found["state"] == "done";
            text(&scene.app.until(&scene.path, done).await["asset_id"]).to_owned()
        };
        let asset = scene.app.get_json(&format!("/api/v1/assets/{asset}")).await;
        assert_eq!(asset["sha256"], scene.film.sha256());
        let all = scene.app.get_json("/api/v1/assets").await;
        assert_eq!(all["data"].as_array().map(Vec::len), Some(1));
        println!(
            "{} MiB with {} breaks in {took:.1?}; sent again after one break: at most {} KiB of chunks of {} KiB; \
             the offset was known again after at most {:.1?}",
            sizes.film >> 20,
            sizes.breaks,
            scene.again >> 10,
            sizes.chunk >> 10,
            scene.back
        );
        assert!(scene.again <= sizes.chunk as u64);
    });
}

#[tokio::test]
async fn what_came_of_a_long_request_is_recorded_on_the_way() {
    // One request for the whole film, and a kill in the middle: at most what one record holds is lost.
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start(dir.path());
    let app = TestApp::of_process(&process.base, dir);
    let film = Film::of(48 << 20);
    let path = app.begin(film.size, "film.mp4").await.path;
    let mut scene = Scene {
        film,
        path,
        app,
        process: Some(process),
        acknowledged: 0,
        again: 0,
        back: Duration::ZERO,
        open: Vec::new(),
    };
    let whole = scene.film.whole();
    let sent = 40 << 20;
    let stream = scene.begin_to_send(&whole, sent).await;
    // Somebody who only asks sees the record grow.
    let far = |found: &serde_json::Value| found["offset"].as_u64() >= Some(24 << 20);
    scene.app.until(&scene.path, far).await;
    scene.kill();
    drop(stream);
    let offset = scene.upload().offset().await;
    assert!(offset >= 24 << 20, "{offset}");
    let rest = scene.film.bytes(offset, whole.len());
    let asset = header(&scene.upload().append(offset, rest).await, "reelpack-asset");
    let asset = scene.app.get_json(&format!("/api/v1/assets/{asset}")).await;
    assert_eq!(asset["sha256"], scene.film.sha256());
}

#[tokio::test]
async fn a_piece_with_a_checksum_counts_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let upload = app.begin(4 << 20, "x.mp4").await;
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "PATCH {} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Upload-Checksum: crc32c AAAAAA==\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 2000000\r\n\r\n",
        upload.path
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![7; 1_900_000]).await.expect("sent");
    drop(stream);
    assert_eq!(upload.offset().await, 0);
    assert_eq!(upload.append(0, vec![7; 1000]).await.status(), 204);
}

#[tokio::test]
async fn a_server_that_stops_keeps_what_came() {
    let app = TestApp::start().await;
    let path = app.begin(1 << 20, "x.mp4").await.path;
    let address = app.base.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 1000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![7; 300_000]).await.expect("sent");
    let some = |found: &serde_json::Value| found["offset"].as_u64() >= Some(300_000);
    app.until(&path, some).await;
    let began = Instant::now();
    let app = app.restart(|_| ()).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it waited for the client"
    );
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(app.upload_at(&path).offset().await, 300_000);
}
