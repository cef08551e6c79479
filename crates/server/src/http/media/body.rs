//! Bodies of answers with files: wholes, parts, and several parts (RFC 9110, 14.6).

use super::hot::{self, HotFiles, Room};
use crate::app::Shared;
use crate::http::error::{Problem, Result};
use crate::id;
use crate::storage::Fetched;
use axum::body::{Body, Bytes};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

/// In pieces of this size a file goes out while there is memory for it: large ones cost fewer calls.
const PIECE_BYTES: usize = 1 << 20;
/// In pieces of this size it goes out when there is none: slow clients hold one each.
const SMALL_PIECE_BYTES: usize = 32 << 10;

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// From memory.
    Memory(Bytes),
    /// From the disk.
    File(Arc<File>),
    /// From an object store.
    Remote(Arc<Fetched>),
}

type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// A part of a file.
pub(super) async fn of_part(
    shared: &Arc<Shared>,
    content: Content,
    range: Range<u64>,
) -> Result<Body> {
    match content {
        Content::Memory(bytes) => Ok(Body::from(slice(&bytes, &range))),
        Content::File(file) => Box::pin(first(shared, file, range)).await,
        Content::Remote(object) => Ok(Body::from_stream(Box::pin(object.stream(range)).await?)),
    }
}

/// Several parts with their headers, and the boundary between them.
pub(super) struct Parts {
    /// How long all of it is.
    pub(super) length: u64,
    /// Stands between the parts.
    pub(super) boundary: String,
    pieces: Vec<(Bytes, Option<Range<u64>>)>,
}

impl Parts {
    /// The parts of a file of `size` bytes and a type.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub(super) fn new(ranges: Vec<Range<u64>>, size: u64, mime: &str) -> io::Result<Self> {
        let boundary = id::code()?;
        let mut pieces = Vec::new();
        for range in ranges {
            let (from, to) = (range.start, range.end - 1);
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {mime}\r\nContent-Range: bytes {from}-{to}/{size}\r\n\r\n"
            );
            pieces.push((Bytes::from(head), Some(range)));
        }
        pieces.push((Bytes::from(format!("\r\n--{boundary}--\r\n")), None));
        let length = pieces.iter().map(|(head, range)| {
            let body = range.as_ref().map_or(0, |range| range.end - range.start);
            head.len() as u64 + body
        });
        Ok(Self {
            length: length.sum(),
            boundary,
            pieces,
        })
    }

    /// The body.
    pub(super) fn body(self, shared: &Arc<Shared>, content: Content) -> Body {
        let shared = shared.clone();
        let parts = stream::iter(self.pieces).then(move |(head, range)| {
            let (shared, content) = (shared.clone(), content.clone());
            async move {
                let rest = match (content, range) {
                    (_, None) => stream::empty().boxed(),
                    (Content::Memory(bytes), Some(range)) => {
                        stream::iter([Ok(slice(&bytes, &range))]).boxed()
                    }
                    (Content::File(file), Some(range)) => pieces(shared, file, range),
                    (Content::Remote(object), Some(range)) => object.stream(range).await?,
                };
                Ok::<_, io::Error>(stream::iter([Ok(head)]).chain(rest))
            }
        });
        Body::from_stream(parts.try_flatten())
    }
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let end = usize::try_from(range.end)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(end);
    bytes.slice(start..end)
}

/// Reads the first piece before there is a body: what fails until then has a status of its own.
async fn first(shared: &Arc<Shared>, file: Arc<File>, range: Range<u64>) -> Result<Body> {
    let (bytes, rest) = next(shared.hot.clone(), file.clone(), range.clone()).await?;
    if rest.is_empty() {
        return Ok(Body::from(bytes));
    }
    let rest = pieces(shared.clone(), file, rest);
    Ok(Body::from_stream(stream::iter([Ok(bytes)]).chain(rest)))
}

fn pieces(shared: Arc<Shared>, file: Arc<File>, range: Range<u64>) -> Pieces {
    let all = stream::try_unfold(range, move |range| {
        let (hot, file) = (shared.hot.clone(), file.clone());
        async move {
            match range.is_empty() {
                true => Ok(None),
                false => next(hot, file, range).await.map(Some),
            }
        }
    });
    all.boxed()
}

/// The next piece of a file, and what is left of the range.
async fn next(
    hot: Arc<HotFiles>,
    file: Arc<File>,
    range: Range<u64>,
) -> io::Result<(Bytes, Range<u64>)> {
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let room = hot.room(length.min(PIECE_BYTES));
    let reading = tokio::task::spawn_blocking(move || {
        // Nobody else reads from this handle, and this stream reads one piece after another.
        (&*file).seek(SeekFrom::Start(range.start))?;
        let bytes = match room {
            Some(room) => Room::read(room, &*file)?,
            None => hot::read(&*file, length.min(SMALL_PIECE_BYTES))?.into(),
        };
        let rest = range.start + bytes.len() as u64..range.end;
        Ok((bytes, rest))
    });
    reading.await.map_err(io::Error::other)?
}

/// Reads a whole file into room that was set aside for it.
pub(super) async fn whole(file: Arc<File>, room: Room) -> Result<Bytes> {
    crate::http::blocking(move || room.read(&*file).map_err(Problem::from)).await
}
