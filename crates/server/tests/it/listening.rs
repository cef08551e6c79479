//! Listeners: TLS and HTTP/2, proxies that are trusted or not, and clients that are slow, broken or many.

use crate::support::{TestApp, clips};
use h2::client;
use reqwest::StatusCode;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate for localhost, in the files of a server; returned for its clients.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a key");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a certificate");
    made.cert.der().clone()
}

async fn secure_app(folder: &Path) -> TestApp {
    let files = server::TlsFiles {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    TestApp::start_with(|config| config.serving.tls = Some(files)).await
}

async fn connect(
    app: &TestApp,
    root: &CertificateDer<'static>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(app.base.trim_start_matches("http://")).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

#[tokio::test]
async fn tls_speaks_both_versions_of_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = certify(folder.path());
    let app = secure_app(folder.path()).await;

    let mut stream = connect(&app, &root, "http/1.1").await.expect("TLS");
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let stream = connect(&app, &root, "h2").await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = client::handshake(stream).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let request = request_for("https://localhost/livez");
    let (answer, _) = sender.send_request(request, true).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), 200);
    drop(sender);
    connection.await.expect("a task").expect("a clean end");
    // Whoever does not speak TLS here gets no answer in the clear.
    let plain = TcpStream::connect(app.base.trim_start_matches("http://")).await;
    let mut plain = plain.expect("a connection");
    plain.write_all(request_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // It ends by a reset or after an alert.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

fn request_for(uri: &str) -> axum::http::Request<()> {
    axum::http::Request::builder()
        .uri(uri)
        .body(())
        .expect("a request")
}

fn request_bytes() -> &'static [u8] {
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = certify(folder.path());
    let app = secure_app(folder.path()).await;
    connect(&app, &old, "h2").await.expect("the old one");
    let new = certify(folder.path());
    let taken = tokio::time::timeout(PATIENCE, async {
        let mut interval = tokio::time::interval(Duration::from_millis(50));
        while connect(&app, &new, "h2").await.is_err() {
            interval.tick().await;
        }
    });
    taken.await.expect("the new certificate");
    assert!(connect(&app, &old, "h2").await.is_err());

    std::fs::write(folder.path().join("cert.pem"), "no certificate").expect("written");
    // It is looked at again once a second; two looks later the good one must still be there.
    let end = tokio::time::Instant::now() + Duration::from_millis(2_500);
    let mut interval = tokio::time::interval(Duration::from_millis(100));
    while tokio::time::Instant::now() < end {
        connect(&app, &new, "h2").await.expect("the last good one");
        interval.tick().await;
    }
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path());
    let certificate = std::fs::read(folder.path().join("cert.pem")).expect("read");
    certify(folder.path());
    std::fs::write(folder.path().join("cert.pem"), certificate).expect("written");
    let mut config = crate::support::config(folder.path());
    config.serving.tls = Some(server::TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    });
    let error = server::App::start(config).await.expect_err("an error");
    let error = error.to_string();
    assert!(error.contains("cannot be used together"), "{error}");
    assert!(
        error.contains("cert.pem") && error.contains("key.pem"),
        "{error}"
    );
}

/// SEC-37.
#[tokio::test]
async fn links_are_of_the_proxy_when_it_is_trusted() {
    for (trusted, begin) in [
        (vec!["127.0.0.0/8"], "https://site.example/license"),
        (vec!["192.0.2.0/24"], "http://127.0.0.1:"),
        (vec![], "http://127.0.0.1:"),
    ] {
        let app = TestApp::start_with(|config| {
            let trusted = trusted.iter().map(|net| net.parse().expect("a network"));
            config.serving.trusted_proxies = trusted.collect();
        })
        .await;
        let package = app.ready(&clips::plain(), &json!({})).await;
        let request = app.client.get(app.url(&app.path_of(&package["dash_url"])));
        let request = request
            .header("X-Forwarded-Host", "site.example")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-For", "9.9.9.9");
        let mpd = request.send().await.expect("an answer");
        let mpd = mpd.text().await.expect("text");
        assert!(mpd.contains(begin), "{begin}: {mpd}");
    }
}

/// What may be read in two ways is not answered as one of them on a connection that goes on.
#[tokio::test]
async fn sec_36_requests_that_two_readers_would_cut_differently_end_their_connection() {
    let app = TestApp::start().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (head, status) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "400"),
        ("Content-Length: 5, 6\r\n", "400"),
        ("Content-Length: +5\r\n", "400"),
        ("Transfer-Encoding: gzip\r\n", "400"),
        ("Transfer-Encoding: chunked, identity\r\n", "400"),
        ("X-Folded: a\r\n b\r\n", "400"),
        ("X-Space : a\r\n", "400"),
        ("X-Line: a\n", "400"),
        ("X-Line: a\nContent-Length: 5\r\n", "400"),
        ("\n", "400"),
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "40"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "40"),
    ] {
        let request =
            format!("POST /livez HTTP/1.1\r\nHost: localhost\r\n{head}\r\n0\r\n\r\n{smuggled}");
        let answer = app.raw(&request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{head}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
    }
}

/// The end of a body in chunks is where readers disagree first: whatever stands behind it is read by nobody.
#[tokio::test]
async fn sec_36_nothing_behind_a_body_in_chunks_is_answered() {
    let app = TestApp::start().await;
    let smuggled = [
        "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /smuggled HTTP/1.1\nHost: localhost\n\n",
        "\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /smuggled HTTP/1.1\r\nHost: localhost\r\nX: a\n\r\n",
    ];
    let bodies = [
        "2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\r\n{}\r\n0\n\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: a\n\r\n",
        "2;x=\n\r\n{}\r\n0\r\n\r\n",
    ];
    // One does not read its body, the other does.
    for path in ["/livez", "/license/clearkey"] {
        for body in bodies {
            for smuggled in smuggled {
                let request = format!(
                    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                     Transfer-Encoding: chunked\r\n\r\n{body}{smuggled}"
                );
                let answer = app.raw(&request).await;
                let count = answer.matches("HTTP/1.1 ").count();
                assert!(count <= 1, "{path} {body:?} {smuggled:?}: {answer}");
                assert!(
                    !answer.contains("HTTP/1.1 2"),
                    "{path} {body:?} {smuggled:?}: {answer}"
                );
            }
        }
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let app = TestApp::start().await;
    let long = "a".repeat(150_000);
    let host = "Host: localhost\r\n";
    for head in [
        format!("GET /{long} HTTP/1.1\r\n{host}\r\n"),
        format!(
            "GET /livez HTTP/1.1\r\n{host}{}\r\n",
            "X: a\r\n".repeat(200)
        ),
        format!("GET /livez HTTP/1.1\r\n{host}X: {}\r\n\r\n", long.repeat(3)),
    ] {
        let stream = TcpStream::connect(app.base.trim_start_matches("http://")).await;
        let mut stream = stream.expect("a connection");
        // It may be answered, and closed, before all of it is sent; the answer may be lost by that.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = [0; 12];
        match stream.read_exact(&mut answer).await {
            Ok(_) => assert_eq!(&answer, b"HTTP/1.1 431"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

/// A client that has begun to read the answers of forty requests, and takes no more.
pub async fn slow_reader(app: &TestApp, path: &str) -> TcpStream {
    let address = app.base.trim_start_matches("http://");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let slow = socket.connect(address.parse().expect("an address")).await;
    let mut slow = slow.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    slow.write_all(request.repeat(40).as_bytes())
        .await
        .expect("sent");
    let mut first = [0; 12];
    slow.read_exact(&mut first)
        .await
        .expect("the begin of an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    slow
}

/// SEC-47: of a client that takes nothing of its answer, and of one that says nothing, others get the place.
#[tokio::test]
async fn idle_clients_give_their_places_to_others() {
    let app = TestApp::start_with(|config| {
        config.serving.max_connections = 1;
        config.serving.send_pause = Duration::from_millis(500);
        config.uploads.head_time = Duration::from_millis(500);
    })
    .await;
    let options = json!({"scheme": "none", "segment_duration": 60});
    let package = app.ready(&clips::long(), &options).await;
    let path = app
        .path_of(&package["dash_url"])
        .replace("stream.mpd", "video/1.m4s");
    let address = app.base.trim_start_matches("http://");
    let _slow = slow_reader(&app, &path).await;

    let mut silent = TcpStream::connect(address).await.expect("a connection");
    silent
        .write_all(b"GET /livez HTTP/1.1\r\n")
        .await
        .expect("sent");
    let next = tokio::time::timeout(PATIENCE, app.get("/livez"));
    let next = next.await.expect("a place became free");
    assert_eq!(next.status(), StatusCode::OK);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.expect("the end");
    assert!(
        !rest.starts_with(b"HTTP/1.1 200"),
        "it had not said what it wants"
    );
}

/// SEC-47: one address takes its share, and others have theirs.
#[tokio::test]
async fn an_address_has_its_share_of_connections_and_no_more() {
    let app = TestApp::start_with(|config| {
        config.serving.max_connections_per_address = 2;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(ask_from("127.0.0.1", &app).await.expect("an answer"));
    }
    assert!(ask_from("127.0.0.1", &app).await.is_none());
    assert!(ask_from("127.0.0.2", &app).await.is_some());
    // With the end of one there is a place again.
    held.pop();
    let again = tokio::time::timeout(PATIENCE, async {
        while ask_from("127.0.0.1", &app).await.is_none() {
            tokio::task::yield_now().await;
        }
    });
    again.await.expect("a place became free");
    // A proxy brings the connections of many.
    let app = TestApp::start_with(|config| {
        config.serving.max_connections_per_address = 1;
        config.serving.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(ask_from("127.0.0.1", &app).await.expect("an answer"));
    }
}

/// Connects from an address and asks something; returns the connection that goes on, if it was answered.
async fn ask_from(address: &str, app: &TestApp) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = format!("{address}:0").parse().expect("an address");
    socket.bind(from).expect("an address of this machine");
    let to = app.base.trim_start_matches("http://");
    let mut stream = socket.connect(to.parse().expect("an address")).await.ok()?;
    stream.write_all(request_bytes()).await.ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.ok()?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Some(stream)
}

/// SEC-47: HTTP/2 requests that are taken back at once.
#[tokio::test]
async fn a_flood_of_resets_ends_its_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = certify(folder.path());
    let app = secure_app(folder.path()).await;
    let stream = connect(&app, &root, "h2").await.expect("TLS");
    let (sender, connection) = client::handshake(stream).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let flood = async {
        for _ in 0..100_000 {
            let mut ready = match sender.clone().ready().await {
                Ok(ready) => ready,
                Err(_) => return true,
            };
            let request = request_for("https://localhost/livez");
            let Ok((_, mut body)) = ready.send_request(request, false) else {
                return true;
            };
            body.send_reset(h2::Reason::CANCEL);
            tokio::task::yield_now().await;
        }
        false
    };
    let ended = tokio::time::timeout(PATIENCE, flood).await.expect("an end");
    assert!(ended, "100,000 resets were taken");
    // It closes when the last word of the server may not be read yet.
    assert!(connection.await.expect("a task").is_err());
    // The others do not notice.
    let stream = connect(&app, &root, "h2").await.expect("TLS");
    let (mut sender, connection) = client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = request_for("https://localhost/livez");
    let (answer, _) = sender.send_request(request, true).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), 200);
}

/// What an HTTP/2 client says first: the preface, and settings that change nothing.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of the first stream.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, 1]);
    bytes.extend(payload);
    bytes
}

/// SEC-47: a head in HTTP/2 that has no end, in small pieces and in large ones.
#[tokio::test]
async fn sec_47_a_flood_of_continuations_ends_its_connection() {
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    let folder = tempfile::tempdir().expect("a folder");
    let root = certify(folder.path());
    let app = secure_app(folder.path()).await;
    // GET / of https://localhost, by HPACK; then headers of nothing but their names.
    let begin = b"\x82\x84\x87\x41\x09localhost";
    let header = b"\x00\x01a\x01b";
    for piece in [Vec::new(), header.to_vec(), header.repeat(3_000)] {
        let stream = connect(&app, &root, "h2").await.expect("TLS");
        let (mut answers, mut stream) = tokio::io::split(stream);
        // Whether the connection ended, and how many bytes were taken before.
        let flood = async {
            stream.write_all(HELLO).await.expect("sent");
            let head = frame(HEADERS, 0, begin);
            stream.write_all(&head).await.expect("sent");
            let next = frame(CONTINUATION, 0, &piece);
            for sent in 0..100_000 {
                if stream.write_all(&next).await.is_err() {
                    return Some(sent * next.len());
                }
                tokio::task::yield_now().await;
            }
            None
        };
        let drain = async {
            let mut all = Vec::new();
            // It ends by an end or by a reset.
            let _ = answers.read_to_end(&mut all).await;
            all
        };
        let both = async { tokio::join!(flood, drain) };
        let (taken, _) = tokio::time::timeout(PATIENCE, both).await.expect("an end");
        let taken = taken.unwrap_or_else(|| panic!("pieces of {} have no end", piece.len()));
        // What lies in the buffers of the connection was not looked at.
        assert!(
            taken < 32 << 20,
            "{taken} bytes in pieces of {}",
            piece.len()
        );
    }
    // The others do not notice.
    let stream = connect(&app, &root, "h2").await.expect("TLS");
    let (mut sender, connection) = client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let (answer, _) = sender
        .send_request(request_for("https://localhost/livez"), true)
        .expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), 200);
    assert_eq!(sender.current_max_send_streams(), 100);
}

/// SEC-47: who says nothing on HTTP/2 is asked whether it is there, and then leaves its place.
#[tokio::test]
async fn a_silent_http_2_connection_is_asked_and_ended() {
    const PING: u8 = 6;
    let folder = tempfile::tempdir().expect("a folder");
    let root = certify(folder.path());
    let app = secure_app(folder.path()).await;
    let mut stream = connect(&app, &root, "h2").await.expect("TLS");
    stream.write_all(HELLO).await.expect("sent");
    let mut first = [0; 9];
    stream.read_exact(&mut first).await.expect("its settings");
    let mut rest = vec![0; usize::from(first[2])];
    stream.read_exact(&mut rest).await.expect("its settings");
    // From here on, time passes as soon as nobody has anything to do.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut said = Vec::new();
    // It ends without a word to who did not answer.
    let _ = stream.read_to_end(&mut said).await;
    let took = began.elapsed().as_secs();
    assert!((59..=62).contains(&took), "{took} s");
    let mut kinds = Vec::new();
    let mut at = 0;
    while let Some(head) = said.get(at..at + 9) {
        kinds.push(head[3]);
        at += 9 + usize::from(head[2]);
    }
    assert!(kinds.contains(&PING), "{kinds:?}");
}
