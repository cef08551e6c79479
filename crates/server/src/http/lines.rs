//! Refuses lines of HTTP/1.1 heads that end in LF alone.
//!
//! RFC 9112 (2.2) lets a reader take such a line, and hyper does; a proxy in front that does not would see other requests than this
//! server (request smuggling). In: what a connection reads. Out: the same, but the byte by which a lone LF was written is NUL, which is
//! nothing that a head may hold: hyper answers 400 and ends the connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of a line is remembered: enough for the two headers that say where a body ends.
const REMEMBERED: usize = 64;

/// A connection whose heads are looked at.
pub(super) struct Lines<S> {
    stream: S,
    watch: Watch,
}

impl<S> Lines<S> {
    /// Looks at a connection from its first byte on.
    pub(super) fn of(stream: S) -> Self {
        Self {
            stream,
            watch: Watch::default(),
        }
    }
}

/// Where in the requests of a connection the next byte is.
#[derive(Debug, Default)]
struct Watch {
    place: Place,
    /// The beginning of the line that is read.
    line: Vec<u8>,
    /// Bytes of the line until now.
    length: usize,
    /// The last byte of a head.
    last: u8,
    /// Whether the head has said what is asked for: empty lines before that are passed over.
    begun: bool,
    /// Bytes of the body that the head announces.
    body: u64,
    /// Whether nothing behind this head is a further request.
    last_head: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// So many bytes of a body are to come.
    Body(u64),
    /// What comes is no head of ours: HTTP/2, a body without a length (the last of its connection), or something that is refused.
    Elsewhere,
}

impl Watch {
    /// Looks at what was read, and marks a lone LF in a head.
    fn look(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            match self.place {
                Place::Elsewhere => return,
                Place::Body(left) => {
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - skipped as u64;
                    self.place = match left {
                        0 => Place::Head,
                        left => Place::Body(left),
                    };
                    bytes = &mut bytes[skipped..];
                }
                Place::Head => {
                    let (byte, rest) = match bytes.split_first_mut() {
                        Some(split) => split,
                        None => return,
                    };
                    self.byte_of_head(byte);
                    bytes = rest;
                }
            }
        }
    }

    fn byte_of_head(&mut self, byte: &mut u8) {
        let before = std::mem::replace(&mut self.last, *byte);
        if *byte != b'\n' {
            if self.line.len() < REMEMBERED {
                self.line.push(*byte);
            }
            self.length += 1;
            return;
        }
        if before != b'\r' {
            *byte = 0;
            self.place = Place::Elsewhere;
            return;
        }
        // The CR of its end is not of the line.
        match self.length - 1 {
            0 if self.begun => self.end_of_head(),
            0 => {}
            _ => self.line_of_head(),
        }
        self.line.clear();
        self.length = 0;
    }

    fn line_of_head(&mut self) {
        let is_first = !std::mem::replace(&mut self.begun, true);
        if is_first {
            self.last_head = self.line.starts_with(b"PRI * HTTP/2.0");
            return;
        }
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = self.line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.last_head = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(&value[1..]).map(str::trim);
            match digits.ok().and_then(|digits| digits.parse().ok()) {
                Some(length) => self.body = length,
                // It is refused, and so is all that follows.
                None => self.last_head = true,
            }
        }
    }

    fn end_of_head(&mut self) {
        self.place = match (self.last_head, self.body) {
            (true, _) => Place::Elsewhere,
            (false, 0) => Place::Head,
            (false, body) => Place::Body(body),
        };
        (self.begun, self.body) = (false, 0);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.watch.look(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lines<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of requests, whole and byte by byte: the same.
    fn check(read: &str, expect: &str) {
        let mut whole = read.as_bytes().to_vec();
        Watch::default().look(&mut whole);
        let mut slow = read.as_bytes().to_vec();
        let mut watch = Watch::default();
        slow.chunks_mut(1).for_each(|byte| watch.look(byte));
        assert_eq!(String::from_utf8_lossy(&whole), expect);
        assert_eq!(whole, slow);
    }

    #[test]
    fn lone_line_feeds_of_heads_are_marked_and_those_of_bodies_are_not() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nCONTENT-length:  3 \r\n\r\na\n\n";
        let chunked =
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\n\n\r\n0\r\n\r\n";
        for right in [get, post, chunked, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n"] {
            check(right, right);
        }
        for right in [
            post.to_owned() + get,
            "\r\n".to_owned() + get + post + get + chunked,
        ] {
            check(&right, &right);
        }
        check(
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\0Host: a\r\n\r\n",
        );
        check("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n");
        let late = post.to_owned() + "GET / HTTP/1.1\r\nHost: a\n\r\n";
        check(&late, &late.replace("a\n\r", "a\0\r"));
        check(
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\0",
        );
    }
}
