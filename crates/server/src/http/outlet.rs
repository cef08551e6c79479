//! Sends hot files from the page cache of the operating system: `sendfile` spares the copy from memory into the socket.
//!
//! In: what hyper writes to a connection. Out: the same bytes. hyper knows nothing of files; where bytes lie in the memory of a
//! hot file, their place there is their place in the file.

use super::media::Hot;
use rustix::io::ReadWriteFlags;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// So much of a file goes with the head of an answer, by one write: a head alone would wake its reader for nothing.
const WITH_HEAD: usize = 32 << 10;
/// So much is sent at once, when it is known to be in the page cache.
const MOST: usize = 1 << 20;

/// A connection in the clear.
pub(super) struct Outlet {
    stream: TcpStream,
    answered: Answered,
}

/// The hot file that the last answer of a connection is of. It does not keep the file in memory: who writes its bytes does.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered(Arc<Mutex<Weak<Hot>>>);

impl Answered {
    /// Notes whose bytes are about to be written.
    pub(super) fn with(&self, hot: &Arc<Hot>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(hot);
    }

    fn hot(&self) -> Option<Arc<Hot>> {
        let hot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hot.upgrade()
    }
}

impl Outlet {
    /// Writes to a connection.
    pub(super) fn of(stream: TcpStream, answered: Answered) -> Self {
        Self { stream, answered }
    }

    /// Sends a part of a file that is in the page cache; 0 when it is not, or cannot be sent.
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        file: &File,
        offset: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let length = length.min(MOST);
        let ends = [offset, offset + length as u64 - 1];
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            if !ends
                .into_iter()
                .all(|offset| is_in_page_cache(file, offset))
            {
                return Poll::Ready(Ok(0));
            }
            let sent = self.stream.try_io(Interest::WRITABLE, || {
                let mut offset = offset;
                Ok(rustix::fs::sendfile(
                    &self.stream,
                    file,
                    Some(&mut offset),
                    length,
                )?)
            });
            match sent {
                Err(error)
                    if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
                // If it is the connection that failed, writing to it says so, too.
                sent => return Poll::Ready(Ok(sent.unwrap_or(0))),
            }
        }
    }
}

/// Whether a byte can be read without waiting for a disk, which would keep back all connections of this thread.
fn is_in_page_cache(file: &File, offset: u64) -> bool {
    let mut byte = [0];
    let into = &mut [IoSliceMut::new(&mut byte)];
    rustix::io::preadv2(file, into, offset, ReadWriteFlags::NOWAIT) == Ok(1)
}

impl AsyncWrite for Outlet {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(hot) = this.answered.hot() else {
            return Pin::new(&mut this.stream).poll_write_vectored(context, pieces);
        };
        let found = pieces.iter().enumerate().find_map(|(number, piece)| {
            let (file, offset) = hot.place_of(piece)?;
            Some((number, file, offset))
        });
        let Some((number, file, offset)) = found else {
            return Pin::new(&mut this.stream).poll_write_vectored(context, pieces);
        };
        let (before, piece) = (&pieces[..number], &pieces[number]);
        if before.iter().all(|piece| piece.is_empty()) {
            match ready!(this.poll_send(context, file, offset, piece.len()))? {
                0 => {
                    return Pin::new(&mut this.stream)
                        .poll_write_vectored(context, &pieces[number..]);
                }
                sent => return Poll::Ready(Ok(sent)),
            }
        }
        let mut some = before.to_vec();
        some.push(IoSlice::new(&piece[..piece.len().min(WITH_HEAD)]));
        Pin::new(&mut this.stream).poll_write_vectored(context, &some)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for Outlet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
