use super::*;
use crate::outside::Lookup;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

fn reason(found: Result<Response, Trouble>) -> String {
    match found {
        Ok(answer) => panic!("answered with {}", answer.status()),
        Err(trouble) => {
            assert!(!trouble.passes, "{}", trouble.reason);
            trouble.reason
        }
    }
}

/// A server that gives one answer to everybody; returns its port.
async fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                // Who goes away early has seen enough.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn no_spelling_of_a_host_leads_inside() {
    let client = PullClient::new(&[]).expect("a client");
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.1",
        "0177.0.0.01",
        "127.0.0.1.",
        "１２７.0.0.1",
        "localhost",
        "169.254.169.254",
        "10.0.0.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        let reason = reason(client.get(&url(&format!("http://{host}:9/x")), None).await);
        assert!(
            reason.contains("no address of the public internet"),
            "{host}: {reason}"
        );
    }
}

#[tokio::test]
async fn only_http_without_credentials() {
    let client = PullClient::new(&["127.0.0.1".parse().expect("allowed")]).expect("a client");
    for (text, says) in [
        ("file:///etc/passwd", "no scheme"),
        ("gopher://127.0.0.1/x", "no scheme"),
        ("ftp://127.0.0.1/x", "no scheme"),
        ("http://user@127.0.0.1/", "user name"),
        ("http://1.1.1.1:secret@127.0.0.1/", "user name"),
    ] {
        let reason = reason(client.get(&url(text), None).await);
        assert!(
            reason.contains(says) && !reason.contains("secret"),
            "{text}: {reason}"
        );
    }
}

#[tokio::test]
async fn redirections_are_judged_at_every_hop() {
    let allow = ["127.0.0.1".parse().expect("allowed")];
    let client = PullClient::new(&allow).expect("a client");
    for (answer, says) in [
        (
            "HTTP/1.1 302 x\r\nlocation: http://[::1]:9/\r\ncontent-length: 0\r\n\r\n",
            "public internet",
        ),
        (
            "HTTP/1.1 307 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
            "public internet",
        ),
        (
            "HTTP/1.1 301 x\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n",
            "no scheme",
        ),
        (
            "HTTP/1.1 302 x\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n",
            "more than 5",
        ),
        ("HTTP/1.1 302 x\r\ncontent-length: 0\r\n\r\n", "nowhere"),
        (
            "HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n",
            "compressed",
        ),
        ("HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n", "404"),
    ] {
        let port = server(answer).await;
        let reason = reason(
            client
                .get(&url(&format!("http://127.0.0.1:{port}/")), None)
                .await,
        );
        assert!(reason.contains(says), "{answer}: {reason}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_each_time() {
    let port = server("HTTP/1.1 302 x\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n").await;
    let inside: IpAddr = "127.0.0.1".parse().expect("an address");
    let outside: IpAddr = "192.0.32.8".parse().expect("an address");
    // The first answer is allowed, the second leads elsewhere.
    let names = [
        (
            "rebinding.example",
            vec![vec![inside], vec!["127.0.0.2".parse().expect("an address")]],
        ),
        (
            "mixed.example",
            vec![vec![outside, "10.0.0.1".parse().expect("an address")]],
        ),
    ];
    let names: HashMap<String, Vec<Vec<IpAddr>>> = names
        .into_iter()
        .map(|(name, answers)| (name.to_owned(), answers))
        .collect();
    let lookup = Lookup::Fixed(Arc::new(Mutex::new(names)));
    let allow = ["127.0.0.1".parse().expect("allowed")];
    let client = PullClient::through(Gate::with(&allow, SETTING, lookup)).expect("a client");
    for host in ["rebinding.example", "mixed.example"] {
        let reason = reason(
            client
                .get(&url(&format!("http://{host}:{port}/")), None)
                .await,
        );
        assert!(reason.contains("public internet"), "{reason}");
    }
}
