//! Several requests want the same upload at once.

use crate::support::film::Film;
use crate::support::tus::header;
use crate::support::{TestApp, problem};
use std::fs::File;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_requests_one_wins() {
    let app = TestApp::start().await;
    let film = Film::of(4 << 20);
    let upload = app.begin(film.size, "x.mp4").await;
    let mut offset = 0;
    let mut last = None;
    while offset < film.size {
        let piece = film.bytes(offset, 1 << 19);
        let requests: Vec<_> = (0..8)
            .map(|_| tokio::spawn(upload.appending(offset, piece.clone()).send()))
            .collect();
        let mut won = 0;
        for request in requests {
            let answer = request.await.expect("no panic").expect("an answer");
            match answer.status().as_u16() {
                204 => {
                    won += 1;
                    last = Some(answer);
                }
                409 | 423 => {}
                other => panic!("{other}: {}", answer.text().await.expect("a body")),
            }
        }
        assert_eq!(won, 1, "at {offset}");
        offset += piece.len() as u64;
        assert_eq!(upload.offset().await, offset);
    }
    let asset = header(&last.expect("an answer"), "reelpack-asset");
    let asset = app.get_json(&format!("/api/v1/assets/{asset}")).await;
    assert_eq!(asset["sha256"], film.sha256());
}

#[tokio::test]
async fn another_process_that_holds_the_file_is_left_alone() {
    let app = TestApp::start().await;
    let upload = app.begin(10, "x.mp4").await;
    let id = upload.path.rsplit('/').next().expect("an id");
    let file = File::open(app.dir().join("uploads").join(id)).expect("the file");
    file.lock().expect("locked");
    problem(upload.append(0, "abc").await, 423, "locked").await;
    // A lock goes with its process, whatever happens to that.
    drop(file);
    assert_eq!(upload.append(0, "abc").await.status(), 204);
}

#[tokio::test]
async fn who_asks_for_the_offset_frees_it_from_a_connection_that_is_dead() {
    let app = TestApp::start().await;
    let upload = app.begin(1000, "x.mp4").await;
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "PATCH {} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\nabc",
        upload.path
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let began = Instant::now();
    // A question may come before the bytes, and one that comes with them finds a connection at work.
    while upload.offset().await != 3 {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
    }
    assert_eq!(upload.append(3, vec![0; 100]).await.status(), 204);
    // Ending an upload waits for nobody.
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream
        .write_all(head.replace("Offset: 0", "Offset: 103").as_bytes())
        .await
        .expect("sent");
    assert_eq!(upload.end().await.status(), 204);
    assert_eq!(upload.head().await.status(), 404);
}
