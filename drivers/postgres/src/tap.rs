//! A stream that reads along: it notes the few messages of the server that tokio-postgres does not pass on.
//!
//! PostgreSQL ends every reply with the state of the transaction, and answers the COMMIT of a failed one with the tag
//! `ROLLBACK`. tokio-postgres 0.7 drops both (rust-postgres #1334), so that a caller could only guess from the text of
//! statements. Reading the frames' headers as they pass costs a few nanoseconds for each message.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Wire, keeps};

/// A stream to the server that reads along.
#[derive(Debug)]
pub(crate) struct Tap<S> {
    stream: S,
    frames: Frames,
    wire: Arc<Wire>,
}

impl<S> Tap<S> {
    /// Listens on a stream whose next byte from the server begins a message.
    pub(crate) fn new(stream: S, wire: Arc<Wire>) -> Self {
        Self { stream, frames: Frames::default(), wire }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.frames.read(&buf.filled()[before..], &this.wire);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A message's header: its kind, and its length without the kind.
const HEADER: usize = 5;

/// No kept message needs more: a tag is shorter, and a parameter's value that is longer is none that is looked at.
const MOST_KEPT: usize = 256;

/// Where in the stream of messages the reading stands.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; HEADER],
    /// How much of the header has come.
    have: usize,
    /// How much of the body is still to come.
    left: usize,
    body: Vec<u8>,
}

impl Frames {
    fn read(&mut self, mut bytes: &[u8], wire: &Wire) {
        while !bytes.is_empty() {
            // Nearly all messages are rows that are here as a whole.
            if self.have == 0
                && let Some(([kind, length @ ..], rest)) = bytes.split_first_chunk::<HEADER>()
                && !keeps(*kind)
                && let Some(rest) = rest.get(body_length(*length)..)
            {
                bytes = rest;
                continue;
            }
            if self.have < HEADER {
                let taken = bytes.len().min(HEADER - self.have);
                self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                self.have += taken;
                bytes = &bytes[taken..];
                if self.have < HEADER {
                    return;
                }
                let [_, length @ ..] = self.header;
                self.left = body_length(length);
                self.body.clear();
            }
            let (here, rest) = bytes.split_at(self.left.min(bytes.len()));
            if keeps(self.header[0]) {
                self.body.extend_from_slice(&here[..here.len().min(MOST_KEPT - self.body.len())]);
            }
            self.left -= here.len();
            bytes = rest;
            if self.left == 0 {
                wire.take(self.header[0], &self.body);
                self.have = 0;
            }
        }
        // A message without a body is complete with its header, but none of those is looked at.
    }
}

/// Gives the length of a message's body, which is told with its own four bytes.
fn body_length(length: [u8; 4]) -> usize {
    usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_sub(4)
}

#[cfg(test)]
mod tests {
    use oarlock_core::TxState;

    use super::*;
    use crate::wire::Tag;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap_or_default();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let stream = [
            message(b'2', b""),
            message(b'D', &[b'Z'; 700]),
            message(b'S', &[b'x'; 600]),
            message(b'C', b"INSERT 0 3\0"),
            message(b'3', b""),
            message(b'Z', b"T"),
        ]
        .concat();
        for size in [1, 2, 3, 5, 7, 64, 255, stream.len()] {
            let wire = Wire::default();
            let mut frames = Frames::default();
            for chunk in stream.chunks(size) {
                frames.read(chunk, &wire);
            }
            assert_eq!((wire.tx_state(), wire.tag()), (TxState::Open, Tag::Counted), "chunks of {size}");
        }
    }
}
