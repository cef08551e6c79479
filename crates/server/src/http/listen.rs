//! Accepts connections.
//!
//! axum's own loop gives a client for ever to say what it wants; this one ends connections whose handshake or request head
//! does not come, and those that take nothing of what they asked for.

use super::lines::Lines;
use super::media::Hot;
use super::outlet::{Answered, Outlet};
use super::peer;
use super::seats::{Seat, Seats};
use crate::app::Shared;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Version, header};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::Service;

/// Pause when the operating system has no connection to give, for want of files say.
const PAUSE: Duration = Duration::from_millis(200);
/// Requests of one HTTP/2 connection at once.
const MOST_STREAMS: u32 = 100;
/// Bytes that one HTTP/2 stream has in memory for a slow client, beside a piece of its file.
const STREAM_BUFFER: usize = 128 << 10;
/// Bytes of the head of one HTTP/1.1 request, about: what has come in one read is looked at. Also how much of a body is
/// read at once.
const MOST_HEAD_BYTES: usize = 64 << 10;
/// Bytes of the headers of one HTTP/2 request.
const MOST_HEADER_BYTES: u32 = 32 << 10;
/// How often a silent HTTP/2 connection is asked whether it is there, and how long it has for the answer.
const PING: Duration = Duration::from_secs(30);

/// What all connections of a listener share.
struct Door {
    builder: Builder<TokioExecutor>,
    router: Router,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
}

/// Answers requests until the server stops; those under way are finished first.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(shared.serving.max_connections));
    let door = Arc::new(Door {
        builder: builder(&shared, tls.is_some()),
        router,
        shared: shared.clone(),
        tls,
    });
    let seats = Seats::new(shared.serving.max_connections_per_address);
    let graceful = GracefulShutdown::new();
    loop {
        // Who finds no room waits in the queue of the operating system.
        let accepted = async { (room.clone().acquire_owned().await, accept(&listener).await) };
        let (place, (stream, peer)) = tokio::select! {
            (place, stream) = accepted => (place.map_err(io::Error::other)?, stream),
            () = shared.closed() => break,
        };
        // A trusted proxy brings the connections of many.
        let seat = match peer::is_trusted(peer.ip(), &shared.serving.trusted_proxies) {
            true => None,
            false => match seats.take(peer.ip()) {
                Some(seat) => Some(seat),
                None => {
                    tracing::debug!(%peer, "an address has as many connections as it may");
                    continue;
                }
            },
        };
        tokio::spawn(
            door.clone()
                .take(stream, peer, (place, seat), graceful.watcher()),
        );
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

/// How connections are spoken with. HTTP/2 is for TLS, where both sides have agreed on it.
fn builder(shared: &Shared, tls: bool) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(MOST_HEAD_BYTES)
        .header_read_timeout(shared.uploads.limits.head_time);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_send_buf_size(STREAM_BUFFER)
        .max_header_list_size(MOST_HEADER_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    match tls {
        true => builder,
        false => builder.http1_only(),
    }
}

impl Door {
    /// Serves one connection to its end.
    async fn take(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        _place: (OwnedSemaphorePermit, Option<Seat>),
        watcher: Watcher,
    ) {
        let answered = Answered::default();
        let mut stream = TimeoutStream::new(Outlet::of(stream, answered.clone()));
        // Each time that the client takes something, it begins anew.
        stream.set_write_timeout(Some(self.shared.serving.send_pause));
        let stream = Box::pin(stream);
        let Some(tls) = &self.tls else {
            return self.speak(stream, peer, watcher, Some(answered)).await;
        };
        let handshake = tls.accept(stream);
        match tokio::time::timeout(self.shared.uploads.limits.head_time, handshake).await {
            // What is encrypted lies in no file.
            Ok(Ok(stream)) => self.speak(stream, peer, watcher, None).await,
            Ok(Err(error)) => tracing::debug!(%error, %peer, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn speak<S>(
        &self,
        stream: S,
        peer: SocketAddr,
        watcher: Watcher,
        answered: Option<Answered>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, shared, tls) = (self.router.clone(), self.shared.clone(), self.tls.is_some());
        let service = tower::service_fn(move |mut request: Request<_>| {
            peer::settle(&mut request, peer, tls, &shared.serving.trusted_proxies);
            answer(router.clone(), request.map(Body::new), answered.clone())
        });
        let service = TowerToHyperService::new(service);
        let connection = (self.builder).serve_connection(TokioIo::new(Lines::of(stream)), service);
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(%error, %peer, "a connection broke");
        }
    }
}

/// Answers one request.
///
/// A body without a stated length is the last of its HTTP/1.1 connection: where a proxy and this server disagree about
/// its end, what one of them takes for a further request is read by nobody (RFC 9112, 6.1 and 11.2).
async fn answer(
    mut router: Router,
    request: Request<Body>,
    answered: Option<Answered>,
) -> Result<Response, Infallible> {
    let last = request.version() <= Version::HTTP_11
        && request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = router.call(request).await?;
    if let (Some(answered), Some(hot)) = (answered, response.extensions_mut().remove::<Arc<Hot>>())
    {
        answered.with(&hot);
    }
    if last {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A head and a body that are written apart must not wait for each other's acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps its delay");
                }
                return (stream, peer);
            }
            // The client went away before it was served.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "no connection could be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
