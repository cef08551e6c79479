//! HTTP: one file a resource. Wire types live here; nothing here decides about media.

mod annotations;
mod assets;
mod base_url;
mod compress;
mod contract;
mod cors;
mod credentials;
mod error;
mod etag;
mod events;
mod extract;
mod fields;
mod first_api;
mod guard;
mod health;
mod html;
mod idempotency;
mod jobs;
mod library;
mod license;
mod lines;
mod listen;
mod media;
mod needs;
mod observe;
mod origin;
mod outlet;
mod packages;
mod page;
mod paging;
mod peer;
mod playback;
mod queue;
mod range;
mod rate_limit;
mod replace;
mod request_id;
mod router;
mod seats;
mod session;
mod slow;
mod tenants;
mod time;
mod tls;
mod tokens;
mod upload;
mod uploads;
mod webhooks;

pub(crate) use listen::serve;
pub(crate) use media::HotFiles;
pub(crate) use observe::metrics_router;
pub(crate) use origin::{Addresses, Hosts};
pub(crate) use router::{main_router, media_router};
pub(crate) use time::rfc3339;
pub(crate) use tls::Tls;
pub use tls::TlsFiles;
pub use tokens::Token;

use error::{Problem, Result};

/// Runs work that waits for the disk or the processor; a panic in it fails the request alone.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    // What it logs is of this request, too.
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
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
