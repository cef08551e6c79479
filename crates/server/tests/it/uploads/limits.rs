//! What uploads may take, and what becomes of those that take too much, too slowly, or nothing for too long.

use crate::support::film::Film;
use crate::support::tus::header;
use crate::support::{TestApp, clips, json_of, problem, stored_files};
use reqwest::StatusCode;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn sizes_numbers_and_quotas_are_kept() {
    let app = TestApp::start_with(|config| {
        config.uploads.max_size = 1000;
        config.uploads.max_unfinished = 3;
        config.uploads.max_unfinished_bytes = 1500;
    })
    .await;
    problem(app.ask_to_begin(1001).await, 413, "too_large").await;
    app.begin(900, "a.mp4").await;
    problem(app.ask_to_begin(601).await, 507, "upload_quota").await;
    let second = app.begin(600, "b.mp4").await;
    let deferred = app
        .tus("POST", "/api/v1/uploads")
        .header("upload-defer-length", 1);
    let deferred = deferred.send().await.expect("an answer");
    let third = app.upload_at(&header(&deferred, "location"));
    let refused = app.ask_to_begin(0).await;
    assert_eq!(header(&refused, "retry-after"), "60");
    problem(refused, 429, "too_many_uploads").await;
    // Whoever does not say how much may not send more than anybody.
    assert_eq!(third.append(0, vec![0; 800]).await.status(), 204);
    problem(third.append(800, vec![0; 201]).await, 413, "too_large").await;
    assert_eq!(third.offset().await, 800);
    assert_eq!(second.end().await.status(), 204);
    assert_eq!(third.end().await.status(), 204);
    app.begin(600, "d.mp4").await;
}

/// SEC-43: a hundred clients that begin at once are promised no byte more than there is.
#[tokio::test]
async fn the_quota_is_exact_when_all_begin_at_once() {
    let app = TestApp::start_with(|config| config.uploads.max_unfinished_bytes = 3_700).await;
    let begins = (0..100).map(|_| app.ask_to_begin(100));
    let answers = futures_util::future::join_all(begins).await;
    let begun = answers.iter().filter(|answer| answer.status() == 201);
    assert_eq!(begun.count(), 37);
    let refused = answers.iter().filter(|answer| answer.status() == 507);
    assert_eq!(refused.count(), 63);
}

#[tokio::test]
async fn who_lies_about_the_length_is_stopped_at_it() {
    let app = TestApp::start().await;
    let upload = app.begin(1024, "x.mp4").await;
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "PATCH {} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        upload.path
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let chunk = [b"10000\r\n".to_vec(), vec![1; 0x10000], b"\r\n".to_vec()].concat();
    let mut sent = 0;
    // A gigabyte, if it were let.
    while sent < 1 << 30 && stream.write_all(&chunk).await.is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    assert_eq!(upload.offset().await, 0);
    let disk: u64 = stored_files(app.dir())
        .iter()
        .map(|path| path.metadata().expect("a file").len())
        .sum();
    assert!(disk <= 1024, "{disk}");
}

#[tokio::test]
async fn a_reserve_of_the_disk_is_left_alone() {
    let app = TestApp::start_with(|config| config.uploads.reserve = u64::MAX / 2).await;
    problem(app.ask_to_begin(1000).await, 507, "storage_full").await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let answer = app.post_file("/api/v1/assets", "x.mp4", bytes).await;
    problem(answer, 507, "storage_full").await;
    assert!(stored_files(app.dir()).is_empty());
    // What is promised to one is not there for another.
    let app = TestApp::start_with(|config| config.uploads.max_size = u64::MAX / 2).await;
    let free = free(app.dir());
    let most = free / 3 * 2;
    app.begin(most, "a.mp4").await;
    problem(app.ask_to_begin(most).await, 507, "storage_full").await;
}

fn free(folder: &Path) -> u64 {
    let disk = rustix::fs::statvfs(folder).expect("a disk");
    disk.f_bavail * disk.f_frsize
}

#[tokio::test]
async fn abandoned_uploads_expire_and_leave_nothing() {
    let app = TestApp::start_with(|config| config.uploads.expiry = Duration::from_secs(1)).await;
    let upload = app.begin(1000, "x.mp4").await;
    assert_eq!(upload.append(0, vec![0; 500]).await.status(), 204);
    assert!(!stored_files(app.dir()).is_empty());
    let began = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    while upload.head().await.status() == 200 {
        tick.tick().await;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it never expires"
        );
    }
    problem(upload.append(500, vec![0; 500]).await, 410, "gone").await;
    while !stored_files(app.dir()).is_empty() {
        tick.tick().await;
        assert!(began.elapsed() < Duration::from_secs(20), "its bytes stay");
    }
    // After as long again nobody knows of it.
    while upload.head().await.status() != 404 {
        tick.tick().await;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it is never forgotten"
        );
    }
}

/// A small disk, mounted for one test.
struct SmallDisk {
    dir: Option<tempfile::TempDir>,
}

impl SmallDisk {
    /// Mounts one; says why when that is not possible.
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "reelpack-test"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { dir: Some(dir) }),
            other => {
                println!(
                    "no small disk can be mounted here, the failpoint upload.write stands in: {other:?}"
                );
                None
            }
        }
    }
}

/// Unmounts what is in the folder of a test; lazily, for the server may still close its files.
fn unmount(folder: &Path) {
    let done = Command::new("umount").arg("--lazy").arg(folder).status();
    assert!(done.expect("umount runs").success());
}

#[tokio::test]
async fn a_full_disk_interrupts_an_upload_and_loses_nothing() {
    let Some(mut disk) = SmallDisk::mount("32m") else {
        return;
    };
    let dir = disk.dir.take().expect("a folder");
    let root = dir.path().to_owned();
    let app = TestApp::start_in(dir, |config| config.uploads.reserve = 4 << 20).await;
    let film = Film::of(12 << 20);
    problem(app.ask_to_begin(64 << 20).await, 507, "storage_full").await;
    let upload = app.begin(film.size, "film.mp4").await;
    assert_eq!(upload.append(0, film.bytes(0, 2 << 20)).await.status(), 204);
    let ballast = root.join("ballast");
    let left = free(&root) - (7 << 20);
    std::fs::write(&ballast, vec![1; left as usize]).expect("written");
    let rest = film.bytes(2 << 20, film.size as usize);
    problem(upload.append(2 << 20, rest).await, 507, "storage_full").await;
    let offset = upload.offset().await;
    assert!((2 << 20..6 << 20).contains(&offset), "{offset}");
    // The server goes on with everything else.
    app.get_json("/api/v1/assets").await;
    problem(
        upload.append(offset, film.bytes(offset, 4 << 20)).await,
        507,
        "storage_full",
    )
    .await;
    std::fs::remove_file(&ballast).expect("removed");
    let offset = upload.offset().await;
    let answer = upload
        .append(offset, film.bytes(offset, film.size as usize))
        .await;
    assert_eq!(answer.status(), 204);
    let asset = header(&answer, "reelpack-asset");
    let asset = app.get_json(&format!("/api/v1/assets/{asset}")).await;
    assert_eq!(asset["sha256"], film.sha256());

    // Without a reserve the database finds no room either: nothing is acknowledged, nothing is lost.
    let app = app.restart(|config| config.uploads.reserve = 0).await;
    let upload = app.begin(film.size, "film.mp4").await;
    assert_eq!(upload.append(0, film.bytes(0, 1 << 20)).await.status(), 204);
    std::fs::write(&ballast, vec![1; (free(&root) - (3 << 20)) as usize]).expect("written");
    let rest = film.bytes(1 << 20, film.size as usize);
    problem(upload.append(1 << 20, rest).await, 507, "storage_full").await;
    std::fs::remove_file(&ballast).expect("removed");
    let offset = upload.offset().await;
    assert!(offset >= 1 << 20, "{offset}");
    let answer = upload
        .append(offset, film.bytes(offset, film.size as usize))
        .await;
    let asset = header(&answer, "reelpack-asset");
    let asset = app.get_json(&format!("/api/v1/assets/{asset}")).await;
    assert_eq!(asset["sha256"], film.sha256());
    drop(app.stop().await);
    unmount(&root);
}

/// What a slow client saw.
async fn trickle(address: String, head: String) -> (Duration, String) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let reading = reader.read_to_end(&mut answer);
    tokio::pin!(reading);
    loop {
        tokio::select! {
            // Whether it is reset or ended: it is over.
            _ = &mut reading => break,
            _ = tick.tick() => {
                let _ = writer.write_all(b"x").await;
            }
        }
    }
    (
        began.elapsed(),
        String::from_utf8_lossy(&answer).into_owned(),
    )
}

/// The slowest of a hundred questions but one.
async fn nearly_slowest(app: &TestApp) -> Duration {
    let mut times = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        let answer = app.get("/api/v1/assets").await;
        json_of(answer, StatusCode::OK).await;
        times.push(began.elapsed());
    }
    times.sort();
    times[98]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_slow_clients_do_not_slow_the_others() {
    let app = TestApp::start_with(|config| {
        config.uploads.body_pause = Duration::from_secs(3);
        config.uploads.head_time = Duration::from_secs(3);
    })
    .await;
    let address = app.base.trim_start_matches("http://").to_owned();
    let idle = nearly_slowest(&app).await;
    let mut clients = Vec::new();
    for number in 0..200 {
        let head = if number < 150 {
            let path = app.begin(1_000_000, "x.mp4").await.path;
            format!(
                "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
                 Content-Type: application/offset+octet-stream\r\nContent-Length: 1000000\r\n\r\n"
            )
        } else if number < 180 {
            format!(
                "POST /api/v1/assets HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\
                 Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n"
            )
        } else {
            // The head never ends.
            format!("GET / HTTP/1.1\r\nHost: {address}\r\nX: ")
        };
        clients.push(tokio::spawn(trickle(address.clone(), head)));
    }
    let busy = nearly_slowest(&app).await;
    let film = Film::of(8 << 20);
    let upload = app.begin(film.size, "film.mp4").await;
    let began = Instant::now();
    assert_eq!(upload.append(0, film.whole()).await.status(), 204);
    let transfer = began.elapsed();
    let mut slowest = Duration::ZERO;
    for (number, client) in clients.into_iter().enumerate() {
        let (time, answer) = client.await.expect("no panic");
        assert!(
            time < Duration::from_secs(15),
            "client {number} was borne for {time:?}"
        );
        if number < 180 && !answer.is_empty() {
            assert!(
                answer.starts_with("HTTP/1.1 408 "),
                "client {number}: {answer}"
            );
        }
        slowest = slowest.max(time);
    }
    println!(
        "p99 of a question: {idle:.1?} idle, {busy:.1?} beside 200 slow clients; 8 MiB in {transfer:.1?}; \
         the last slow one was gone after {slowest:.1?}"
    );
    assert!(
        busy < idle * 2 + Duration::from_millis(100),
        "{idle:?} became {busy:?}"
    );
}
