//! Somebody who is told what happened by webhooks, and answers as a test wants.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How a receiver answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With this status, and this `Retry-After`.
    Later(u16, &'static str),
    /// It sends elsewhere.
    Redirect,
    /// With bytes that do not end.
    Endless,
    /// Never.
    Silence,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

impl Message {
    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// As the helper of receivers reads it.
    pub fn of_helper(&self) -> Value {
        json!({
            "body": self.body,
            "headers": {
                "webhook-id": self.id,
                "webhook-timestamp": self.timestamp,
                "webhook-signature": self.signature,
            },
        })
    }
}

/// A receiver on a free port of loopback.
#[derive(Debug)]
pub struct Receiver {
    pub url: String,
    seen: watch::Receiver<Vec<Message>>,
    answer: Arc<Mutex<Answer>>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Shared {
    seen: Arc<watch::Sender<Vec<Message>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Receiver {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, seen) = watch::channel(Vec::new());
        let answer = Arc::new(Mutex::new(answer));
        let shared = Shared {
            seen: Arc::new(sender),
            answer: answer.clone(),
        };
        let router = Router::new().fallback(post(receive)).with_state(shared);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            url: format!("http://{address}/hook?secret=of-its-own"),
            seen,
            answer,
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// Answers otherwise from now on.
    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().expect("no panic") = answer;
    }

    /// Waits until so many messages came, and returns all.
    pub async fn messages(&mut self, count: usize) -> Vec<Message> {
        let came = self.seen.wait_for(|seen| seen.len() >= count);
        let came = tokio::time::timeout(Duration::from_secs(30), came).await;
        let came = came.unwrap_or_else(|_| panic!("{count} messages did not come"));
        came.expect("the receiver lives").clone()
    }

    /// What came until now.
    pub fn so_far(&self) -> usize {
        self.seen.borrow().len()
    }
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    assert_eq!(headers["content-type"], "application/json");
    let message = Message {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
        body: String::from_utf8(body.to_vec()).expect("UTF-8"),
    };
    shared.seen.send_modify(|seen| seen.push(message));
    let answer = *shared.answer.lock().expect("no panic");
    match answer {
        Answer::Status(status) => {
            (StatusCode::from_u16(status).expect("a status"), "noted").into_response()
        }
        Answer::Later(status, pause) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, [(header::RETRY_AFTER, pause)]).into_response()
        }
        Answer::Redirect => {
            let elsewhere = [(header::LOCATION, "http://127.0.0.1:1/")];
            (StatusCode::TEMPORARY_REDIRECT, elsewhere).into_response()
        }
        Answer::Endless => {
            let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1024]));
            let body = futures_util::stream::repeat_with(piece);
            Body::from_stream(body).into_response()
        }
        Answer::Silence => std::future::pending().await,
    }
}
