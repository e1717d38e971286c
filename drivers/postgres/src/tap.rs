//! A stream that reads along: it notes the few messages of the server that tokio-postgres does not pass on.
//!
//! PostgreSQL ends every reply with the state of the transaction, and answers the COMMIT of a failed one with the tag
//! `ROLLBACK`. tokio-postgres 0.7 drops both (rust-postgres #1334), so that a caller could only guess from the text of
//! statements. The rows of our own statements leave the stream here, too: see [`rows`](crate::rows).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::login::Gate;
use crate::unnamed::{BIND_COMPLETE, Unnamed, Verdict};
use crate::wire::{Wire, keeps};

/// A stream to the server that reads along.
#[derive(Debug)]
pub(crate) struct Tap<S> {
    stream: S,
    inbox: Inbox,
    wire: Arc<Wire>,
    gate: Gate,
    /// Takes the names of statements out, where they must have none.
    unnamed: Option<Box<Unnamed>>,
}

impl<S> Tap<S> {
    /// Listens on a stream whose next byte from the server begins a message. A login that the gate refuses is an
    /// [`io::Error`] around the gate's, and tokio-postgres never hears of what the server asked for.
    pub(crate) fn new(stream: S, wire: Arc<Wire>, gate: Gate) -> Self {
        Self { stream, inbox: Inbox::default(), wire, gate, unnamed: None }
    }

    /// Has statements pass without their names, from the session's first message on.
    pub(crate) fn unnamed(mut self, unnamed: Unnamed) -> Self {
        self.unnamed = Some(Box::new(unnamed));
        self
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            this.inbox.hand_on(buf, &this.wire, &mut this.gate, this.unnamed.as_deref_mut())?;
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            // What is left is a row that is not whole yet, or nothing.
            if this.wire.rows.is_full(cx) {
                return Poll::Pending;
            }
            let mut room = ReadBuf::new(this.inbox.room());
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut room))?;
            let read = room.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            this.inbox.end += read;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, unnamed, .. } = self.get_mut();
        match unnamed {
            None => Pin::new(stream).poll_write(cx, buf),
            Some(unnamed) => unnamed.poll_write(stream, cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, unnamed, .. } = self.get_mut();
        match unnamed {
            None => Pin::new(stream).poll_flush(cx),
            Some(unnamed) => unnamed.poll_flush(stream, cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, unnamed, .. } = self.get_mut();
        if let Some(unnamed) = unnamed {
            ready!(unnamed.poll_flush(stream, cx))?;
        }
        Pin::new(stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, unnamed, .. } = self.get_mut();
        match unnamed {
            None => Pin::new(stream).poll_write_vectored(cx, bufs),
            Some(unnamed) => unnamed.poll_write(stream, cx, bufs.first().map_or(&[], |buf| buf)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.unnamed.is_none() && self.stream.is_write_vectored()
    }
}

/// A message's header: its kind, and its length without the kind.
const HEADER: usize = 5;

/// What is read at once, and kept for the next time.
const ROOM: usize = 32 << 10;

/// Bytes from the server that were not handed on yet.
#[derive(Debug, Default)]
struct Inbox {
    data: Vec<u8>,
    start: usize,
    end: usize,
    /// How much of a message that is handed on is still to go.
    passing: usize,
    /// How much must be there at once to go on: a header, or a message that is looked at as a whole.
    wanted: usize,
    /// What is still to be handed on in the place of a message.
    instead: &'static [u8],
}

impl Inbox {
    /// Gives room to read into, behind what is there.
    ///
    /// The room for a large message grows with what has come of it: a length alone, which is all that a server has to send to
    /// ask for four gibibytes, is not believed.
    fn room(&mut self) -> &mut [u8] {
        let wanted = self.wanted.min(2 * (self.end - self.start)).max(ROOM);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            // A large row is rare: its room is not kept.
            if self.data.len() > wanted {
                self.data = Vec::new();
            }
        }
        if self.data.len() - self.start < wanted {
            self.data.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.data.len() < wanted {
                self.data.resize(wanted, 0);
            }
        }
        &mut self.data[self.end..]
    }

    /// Hands messages on as far as they have come and there is room, and takes the rows out that are ours.
    fn hand_on(
        &mut self,
        buf: &mut ReadBuf<'_>,
        wire: &Wire,
        gate: &mut Gate,
        mut unnamed: Option<&mut Unnamed>,
    ) -> io::Result<()> {
        loop {
            if !self.instead.is_empty() {
                let (now, rest) = self.instead.split_at(self.instead.len().min(buf.remaining()));
                buf.put_slice(now);
                self.instead = rest;
                if !rest.is_empty() {
                    return Ok(());
                }
            }
            let here = &self.data[self.start..self.end];
            if self.passing > 0 {
                let length = self.passing.min(here.len()).min(buf.remaining());
                if length == 0 {
                    return Ok(());
                }
                buf.put_slice(&here[..length]);
                self.passing -= length;
                self.start += length;
                continue;
            }
            self.wanted = HEADER;
            let Some(([kind, length @ ..], body)) = here.split_first_chunk::<HEADER>() else {
                return Ok(());
            };
            let length = body_length(*length);
            if *kind == b'D' && wire.rows.takes() {
                let rows = whole_rows(here);
                if rows == 0 {
                    self.wanted = HEADER + length;
                    return Ok(());
                }
                wire.rows.push(&here[..rows]);
                self.start += rows;
                continue;
            }
            if *kind == b'R' {
                let Some(beginning) = body.get(..length.min(Gate::WANTED)) else {
                    self.wanted = HEADER + Gate::WANTED;
                    return Ok(());
                };
                gate.check(beginning).map_err(io::Error::other)?;
            }
            if keeps(*kind) {
                let Some(body) = body.get(..length) else {
                    self.wanted = HEADER + length;
                    return Ok(());
                };
                wire.take(*kind, body);
            }
            if let Some(unnamed) = &mut unnamed
                && unnamed.heeds(*kind)
            {
                let Some(body) = body.get(..length) else {
                    self.wanted = HEADER + length;
                    return Ok(());
                };
                let verdict = unnamed.read(*kind, body, wire);
                if verdict != Verdict::Pass {
                    self.start += HEADER + length;
                    if verdict == Verdict::Bound {
                        wire.rows.note(b'2');
                        self.instead = BIND_COMPLETE;
                    }
                    continue;
                }
            }
            wire.rows.note(*kind);
            self.passing = HEADER + length;
        }
    }
}

/// Gives the length of the rows that are here as a whole.
fn whole_rows(here: &[u8]) -> usize {
    let mut rest = here;
    while let Some(([b'D', length @ ..], body)) = rest.split_first_chunk::<HEADER>()
        && let Some(after) = body.get(body_length(*length)..)
    {
        rest = after;
    }
    here.len() - rest.len()
}

/// Gives the length of a message's body, which is told with its own four bytes.
fn body_length(length: [u8; 4]) -> usize {
    usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_sub(4)
}

#[cfg(test)]
mod tests {
    use oarlock_core::TxState;

    use super::*;
    use crate::login::AuthMethods;
    use crate::wire::Tag;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap_or_default();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    /// Sends bytes through in pieces of a size, and gives what was handed on.
    fn send(stream: &[u8], size: usize, wire: &Wire) -> Vec<u8> {
        let mut inbox = Inbox::default();
        let mut gate = Gate::new(AuthMethods::default(), true);
        let mut passed = Vec::new();
        let mut out = vec![0; 7];
        for piece in stream.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                let room = inbox.room();
                let length = rest.len().min(room.len());
                room[..length].copy_from_slice(&rest[..length]);
                rest = &rest[length..];
                inbox.end += length;
                loop {
                    let mut buf = ReadBuf::new(&mut out);
                    inbox.hand_on(&mut buf, wire, &mut gate, None).expect("no login is refused");
                    if buf.filled().is_empty() {
                        break;
                    }
                    passed.extend_from_slice(buf.filled());
                }
            }
        }
        passed
    }

    #[test]
    fn messages_pass_however_they_are_cut_and_are_noted() {
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
            assert!(send(&stream, size, &wire) == stream, "pieces of {size}");
            assert_eq!((wire.tx_state(), wire.tag()), (TxState::Open, Tag::Counted), "pieces of {size}");
            assert_eq!(wire.rows.take(), None);
        }
    }

    #[test]
    fn the_rows_of_an_expected_statement_are_taken_out() {
        let rows = [message(b'D', b"one"), message(b'D', &vec![1; 50_000]), message(b'D', b"")].concat();
        let ends = [message(b'2', b""), message(b'C', b"SELECT 3\0"), message(b'Z', b"I")];
        let later = [message(b'2', b""), message(b'D', b"not ours"), message(b'C', b"SELECT 1\0")].concat();
        let stream = [&ends[0][..], &rows, &ends[1], &ends[2], &later].concat();
        for size in [1, 3, 64, 40_000, stream.len()] {
            let wire = Wire::default();
            wire.rows.expect();
            assert!(send(&stream, size, &wire) == [&ends[..].concat()[..], &later].concat(), "pieces of {size}");
            let taken: Vec<u8> = std::iter::from_fn(|| wire.rows.take()).flatten().collect();
            assert!(taken == rows, "pieces of {size}");
        }
    }

    #[test]
    fn a_length_alone_takes_no_memory() {
        for header in [[b'D', 255, 255, 255, 255], [b'S', 127, 255, 255, 255]] {
            let wire = Wire::default();
            wire.rows.expect();
            let mut inbox = Inbox::default();
            let mut gate = Gate::new(AuthMethods::default(), true);
            for byte in [b'2', 0, 0, 0, 4].into_iter().chain(header).chain(std::iter::repeat_n(7, 100_000)) {
                inbox.room()[0] = byte;
                inbox.end += 1;
                inbox.hand_on(&mut ReadBuf::new(&mut [0; 7]), &wire, &mut gate, None).expect("no login is refused");
            }
            assert!(inbox.data.len() <= 4 * 100_000, "{} bytes for 100000", inbox.data.len());
        }
    }

    #[test]
    fn forgotten_rows_are_dropped() {
        let rows = [message(b'2', b""), message(b'D', b"one"), message(b'C', b"SELECT 1\0")].concat();
        let wire = Wire::default();
        wire.rows.expect();
        wire.rows.forget();
        assert!(send(&rows, 4, &wire) == [message(b'2', b""), message(b'C', b"SELECT 1\0")].concat());
        assert_eq!(wire.rows.take(), None);
        // The next statement's rows are nobody's but those who asked.
        assert!(send(&rows, 4, &wire) == rows);
    }
}
