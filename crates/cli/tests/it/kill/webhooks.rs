//! A webhook whose server is killed while it is told something.

use super::matrix::Seen;
use super::process::Process;
use super::scene::{folder, only, request, scenes};
use super::until;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Reads one request; returns its `webhook-id`.
fn take(stream: TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "webhook-id" => id = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer)?;
    Ok(id)
}

/// Takes messages until the test ends; their ids are in the list.
fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ids = seen.clone();
    std::thread::spawn(move || {
        // Who is killed while it sends has sent nothing.
        for id in listener.incoming().flatten().flat_map(take) {
            ids.lock().unwrap().push(id);
        }
    });
    (url, seen)
}

fn serve(data: &Path, points: &str) -> Process {
    let words = ["--workers", "0", "--webhook-allow", "127.0.0.0/8"];
    Process::serve_as(data, &[("FAILPOINTS", points)], &words).unwrap()
}

/// Something happens, and the process dies while a webhook is told: it is told after the start, by the same id.
pub fn deliver(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().asset);
    let (url, seen) = receiver();
    let server = serve(&data, armed);
    let hook = json!({"url": url, "events": ["package.ordered"]});
    let (status, hook) = server.post("/api/v1/webhooks", &hook).unwrap();
    assert_eq!(status, 201, "{point}: {hook}");
    let asset = only(&server, "assets").expect("the asset");
    let path = format!("/api/v1/assets/{}/packages", asset["id"].as_str().unwrap());
    // It may die before it has answered; the order is there, or there is nothing to tell.
    let _ = server.post(&path, &request());
    server.died(point);
    let before = seen.lock().unwrap().len();

    let server = serve(&data, "");
    let served = server.up_in;
    until(point, || {
        (seen.lock().unwrap().len() > before).then_some(())
    });
    let path = format!(
        "/api/v1/webhooks/{}/deliveries",
        hook["id"].as_str().unwrap()
    );
    let list = server.until(&path, |list| list["data"][0]["state"] == "delivered");
    assert_eq!(
        list["data"].as_array().map(Vec::len),
        Some(1),
        "{point}: {list}"
    );
    server.stop();
    let seen = seen.lock().unwrap();
    let id = list["data"][0]["event_id"].as_str().unwrap();
    assert!(seen.iter().all(|seen| seen == id), "{point}: {seen:?}");
    Seen {
        served: Some(served),
        end: match before {
            0 => "message came",
            _ => "message came again, with the same id",
        },
        ..Seen::default()
    }
}
