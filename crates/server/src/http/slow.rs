//! Ends request bodies that come too slowly: each one holds a connection, and some hold files.

use crate::app::Shared;
use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A body came more slowly than it may.
#[derive(Debug, thiserror::Error)]
#[error("it came too slowly: {0}")]
struct TooSlow(&'static str);

/// Watches over the body of every request.
pub(super) async fn watch(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let limits = &shared.uploads.limits;
    let (pause, rate) = (limits.body_pause, limits.body_rate);
    let request =
        request.map(|body| Body::from_stream(watched(body.into_data_stream(), pause, rate)));
    next.run(request).await
}

/// Whether this is, or comes of, a body that was too slow.
pub(super) fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(found) = cause {
        if found.is::<TooSlow>() {
            return true;
        }
        cause = found.source();
    }
    false
}

/// A body and the time that was spent waiting for it; the server's own pauses do not count.
struct Watched {
    body: BodyDataStream,
    waited: Duration,
    count: u64,
}

fn watched(
    body: BodyDataStream,
    pause: Duration,
    rate: u64,
) -> impl Stream<Item = Result<Bytes, Box<dyn Error + Send + Sync>>> {
    let watched = Watched {
        body,
        waited: Duration::ZERO,
        count: 0,
    };
    stream::unfold(Some(watched), move |state| async move {
        let mut state = state?;
        let began = Instant::now();
        let Ok(chunk) = timeout(pause, state.body.next()).await else {
            let error = TooSlow("it paused for too long");
            return Some((Err(error.into()), None));
        };
        state.waited += began.elapsed();
        match chunk? {
            Err(error) => Some((Err(error.into()), None)),
            Ok(bytes) => {
                state.count += bytes.len() as u64;
                if state.waited >= pause {
                    let least = rate as f64 * state.waited.as_secs_f64();
                    if (state.count as f64) < least {
                        return Some((Err(TooSlow("too few bytes a second").into()), None));
                    }
                    (state.waited, state.count) = (Duration::ZERO, 0);
                }
                Some((Ok(bytes), Some(state)))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn end_of(pieces: Vec<(u64, usize)>) -> (usize, bool) {
        let source = stream::iter(pieces).then(|(pause, length)| async move {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![0; length]))
        });
        let body = Body::from_stream(source).into_data_stream();
        let mut body = Box::pin(watched(body, Duration::from_secs(10), 100));
        let mut count = 0;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(bytes) => count += bytes.len(),
                Err(error) => return (count, is_too_slow(&*error)),
            }
        }
        (count, false)
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_and_trickles_end_a_body_and_steady_ones_do_not() {
        assert_eq!(end_of(vec![(1, 200); 60]).await, (12_000, false));
        assert_eq!(end_of(vec![(0, 5), (11, 5)]).await, (5, true));
        let (count, slow) = end_of(vec![(1, 1); 60]).await;
        assert!(slow && count < 15, "{count}");
    }
}
