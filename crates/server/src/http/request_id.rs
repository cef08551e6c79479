//! Every request has an id: in the header `Request-Id` of its answer, in problems, and in each line of the log about it.

use super::error::Problem;
use crate::id;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

/// The header that names it.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// Gives a request its id.
pub(super) async fn give(request: Request, next: Next) -> Response {
    let id = match id::tagged("req") {
        Ok(id) => id,
        Err(error) => return Problem::internal(error).into_response(),
    };
    // An error's span is there at every level of the log.
    let span = tracing::error_span!("request", request_id = id);
    let header = HeaderValue::from_str(&id);
    let mut response = CURRENT.scope(id, next.run(request)).instrument(span).await;
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    response
}

/// The id of the request that is being answered; `None` outside of one.
pub(super) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("the log").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Logs where handlers log and where their work on other threads does.
    async fn speak() -> Result<&'static str, Problem> {
        tracing::error!("here");
        super::super::blocking(|| Ok(())).await?;
        Ok("said")
    }

    #[tokio::test]
    async fn the_log_names_the_request() {
        let log = Log::default();
        let written = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::ERROR)
            .with_writer(move || written.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let router = Router::new().route("/", get(speak)).layer(from_fn(give));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("an address");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let answer = reqwest::get(url).await.expect("an answer");
        let id = answer.headers()[REQUEST_ID].to_str().expect("plain text");
        let text = log.0.lock().expect("the log").clone();
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains(id) && text.contains("here"), "{text}");
        server.abort();
    }
}
