//! HTTP: one file a resource. Wire types live here; nothing here decides about media.

mod assets;
mod base_url;
mod cors;
mod error;
mod fields;
mod first_api;
mod health;
mod html;
mod jobs;
mod library;
mod license;
mod media;
mod packages;
mod page;
mod paging;
mod queue;
mod range;
mod router;
mod time;
mod upload;

pub(crate) use router::{main_router, media_router};

use crate::app::Shared;
use axum::serve::ListenerExt;
use error::{Problem, Result};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Answers requests until the server stops; those under way are finished first.
pub(crate) fn serve(
    listener: TcpListener,
    router: axum::Router,
    shared: &Arc<Shared>,
) -> impl Future<Output = std::io::Result<()>> + Send + 'static {
    let mut closing = shared.closing();
    let stopped = async move {
        // An error says that the server is gone, which is a reason to stop, too.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    // A head and a body that are written apart must not wait for each other's acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stopped)
            .await
    }
}

/// Runs work that waits for the disk or the processor; a panic in it fails the request alone.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        // The text of a panic stays in the log of the panic itself.
        let what = if error.is_panic() {
            "panicked"
        } else {
            "was dropped"
        };
        Problem::internal(format_args!("the work of a request {what}"))
    })?
}
