//! Statements without names, for a line whose far end may be another session after every transaction.
//!
//! tokio-postgres gives every statement that it prepares a name, and a name is known to one session alone. Here names are taken
//! out as the bytes pass. A statement is still prepared once, which tells its parameters and columns; whenever it runs, its
//! text goes along, in the same message as its values: `Parse`, `Bind`, `Describe`, `Execute`, `Sync`. That is one trip as
//! before. The parameters' types are declared as the server had inferred them, so values are encoded as for a named
//! statement, and mean the same.
//!
//! What the server answers to the messages that were put in is taken out again. One answer is looked at before: the columns of
//! the rows to come, which may have changed since the statement was prepared. A named statement is refused then, this one
//! runs; so the word that it was bound is held back until they are known, and [`Wire::redescribed`] gives the new ones.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

use crate::wire::Wire;

/// A statement as it was prepared.
#[derive(Debug)]
struct Known {
    /// Its text, with the NUL behind it.
    text: Vec<u8>,
    /// The number of its parameters and their types, as `ParameterDescription` and `Parse` write them.
    parameters: Vec<u8>,
    /// The body of its `RowDescription`; empty where it gives no rows.
    columns: Vec<u8>,
}

/// What was sent up to a `Sync`, as far as its reply has to be altered.
#[derive(Debug, Default)]
enum Request {
    /// Something whose reply passes as it is.
    #[default]
    Plain,
    /// A statement of this name is prepared.
    Prepares(Vec<u8>),
    /// A statement of this name runs.
    Runs { name: Vec<u8>, parsed: bool },
}

/// What becomes of a message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Drop,
    /// [`BIND_COMPLETE`] takes its place.
    Bound,
}

/// The message that was held back.
pub(crate) const BIND_COMPLETE: &[u8] = &[b'2', 0, 0, 0, 4];

/// At so many bytes that were not sent yet, more has to wait.
const FULL: usize = 64 << 10;

/// A message's header: its kind, and its length without the kind.
const HEADER: usize = 5;

/// The version of the protocol with which a session begins.
const PROTOCOL: [u8; 4] = [0, 3, 0, 0];

/// The two directions of a line on which statements have no names.
#[derive(Debug, Default)]
pub(crate) struct Unnamed {
    /// What the first message asks for besides what tokio-postgres lets it.
    settings: Vec<(&'static str, String)>,
    statements: HashMap<Vec<u8>, Known>,
    /// What was sent and has not been answered to its end.
    requests: VecDeque<Request>,
    /// What is being sent, since the last `Sync`.
    request: Request,
    /// The first message, which has no kind, was sent.
    is_open: bool,
    /// The next `Sync` ends data of a COPY: it is that of a statement whose own the server has passed over.
    ends_copy: bool,
    /// The beginning of a message, as far as it must be there at once.
    head: Vec<u8>,
    /// How much of a message is still to pass as it is, and what comes behind it.
    passing: usize,
    behind: Vec<u8>,
    out: BytesMut,
}

impl Unnamed {
    /// Begins with the session's first message, to which settings are added.
    pub(crate) fn new(settings: Vec<(&'static str, String)>) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Takes bytes that tokio-postgres sends, once there is room for them.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        while self.out.len() >= FULL {
            ready!(self.poll_send(stream, cx))?;
        }
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Sends all that was taken.
    pub(crate) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            ready!(self.poll_send(stream, cx))?;
        }
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_send<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(stream).poll_write(cx, &self.out))? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            sent => {
                self.out.advance(sent);
                Poll::Ready(Ok(()))
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let length = if self.passing > 0 { self.passing } else { self.missing() };
            let (now, rest) = bytes.split_at(length.min(bytes.len()));
            bytes = rest;
            if self.passing > 0 {
                self.out.extend_from_slice(now);
                self.passing -= now.len();
            } else {
                self.head.extend_from_slice(now);
                if self.missing() == 0 {
                    let head = std::mem::take(&mut self.head);
                    self.turn(&head);
                }
            }
            if self.passing == 0 {
                self.out.extend_from_slice(&std::mem::take(&mut self.behind));
            }
        }
    }

    /// Gives how many bytes of a message are missing before it can be told what becomes of it.
    fn missing(&self) -> usize {
        let head = &self.head[..];
        // The first message has no kind.
        let kind = usize::from(self.is_open);
        let header = kind + 4;
        let Some(length) = head.get(kind..header).and_then(|length| length.try_into().ok()).map(word) else {
            return header - head.len();
        };
        let rest = kind + length.max(4) - head.len();
        match head[0] {
            // Values may be long, and they pass; the two names before them are wanted.
            b'B' if self.is_open => {
                let names = cut(&head[header..]).and_then(|(_, rest)| cut(rest));
                if names.is_some() { 0 } else { rest.min(1) }
            }
            b'P' | b'D' | b'C' if self.is_open => rest,
            _ if self.is_open => 0,
            _ => rest,
        }
    }

    /// Decides what becomes of a message that is sent, by its beginning.
    fn turn(&mut self, head: &[u8]) {
        if !self.is_open {
            self.is_open = true;
            return self.open(head);
        }
        let length = 1 + word([head[1], head[2], head[3], head[4]]);
        self.passing = length.saturating_sub(head.len());
        let body = &head[HEADER..];
        match head[0] {
            b'P' => {
                if let Some((name, rest)) = cut(body).filter(|(name, _)| !name.is_empty()) {
                    let text = cut(rest).map_or(rest.len(), |(text, _)| text.len() + 1);
                    let (text, parameters) = rest.split_at(text);
                    let known = Known { text: text.to_vec(), parameters: parameters.to_vec(), columns: Vec::new() };
                    self.statements.insert(name.to_vec(), known);
                    self.request = Request::Prepares(name.to_vec());
                    return self.put(b'P', &[b"\0", rest], 0);
                }
            }
            b'D' | b'C' => {
                if let Some((name, _)) = body.strip_prefix(b"S").and_then(cut) {
                    if head[0] == b'C' {
                        self.statements.remove(name);
                    }
                    return self.put(head[0], &[b"S\0"], 0);
                }
            }
            b'B' => {
                if let Some((portal, rest)) = cut(body)
                    && let Some((name, rest)) = cut(rest)
                    && let Some(known) = self.statements.get(name)
                {
                    self.out.extend_from_slice(&message(b'P', &[b"\0", &known.text, &known.parameters], 0));
                    self.request = Request::Runs { name: name.to_vec(), parsed: false };
                    self.behind = message(b'D', &[b"P", portal, b"\0"], 0);
                    return self.put(b'B', &[portal, b"\0\0", rest], self.passing);
                }
            }
            b'S' if std::mem::take(&mut self.ends_copy) => {}
            b'S' => self.requests.push_back(std::mem::take(&mut self.request)),
            b'Q' => self.requests.push_back(Request::Plain),
            b'c' | b'f' => self.ends_copy = true,
            _ => {}
        }
        self.out.extend_from_slice(head);
    }

    /// Adds the settings to the first message.
    fn open(&mut self, first: &[u8]) {
        match first.get(4..8) {
            Some(version) if version == PROTOCOL => {}
            _ => return self.out.extend_from_slice(first),
        }
        let mut body = first[4..first.len() - 1].to_vec();
        for (name, value) in std::mem::take(&mut self.settings) {
            for text in [name, &value] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        }
        body.push(0);
        self.out.extend_from_slice(&message(0, &[&body], 0)[1..]);
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]], passing: usize) {
        self.out.extend_from_slice(&message(kind, parts, passing));
    }

    /// Tells whether a message of the server has to be looked at as a whole.
    pub(crate) fn heeds(&self, kind: u8) -> bool {
        match self.requests.front() {
            None | Some(Request::Plain) => kind == b'Z',
            Some(_) => matches!(kind, b'1' | b'2' | b'T' | b'n' | b't' | b'E' | b'Z'),
        }
    }

    /// Decides what becomes of a message of the server.
    pub(crate) fn read(&mut self, kind: u8, body: &[u8], wire: &Wire) -> Verdict {
        if kind == b'Z' {
            self.requests.pop_front();
            return Verdict::Pass;
        }
        match self.requests.front_mut() {
            Some(Request::Prepares(name)) => {
                if let Some(known) = self.statements.get_mut(name) {
                    match kind {
                        b't' => body.clone_into(&mut known.parameters),
                        b'T' => body.clone_into(&mut known.columns),
                        _ => {}
                    }
                }
                Verdict::Pass
            }
            Some(Request::Runs { name, parsed }) => match kind {
                b'1' => {
                    *parsed = true;
                    Verdict::Drop
                }
                b'2' => Verdict::Drop,
                b'T' | b'n' => {
                    if let Some(known) = self.statements.get(name)
                        && !columns(&known.columns).eq(columns(body))
                    {
                        let text = String::from_utf8_lossy(known.text.strip_suffix(&[0]).unwrap_or(&known.text));
                        wire.redescribe(&text, columns(body).map(|(name, of)| (name.to_owned(), of)).collect());
                    }
                    Verdict::Bound
                }
                b'E' => {
                    if !*parsed {
                        wire.refuse_text();
                    }
                    Verdict::Pass
                }
                _ => Verdict::Pass,
            },
            _ => Verdict::Pass,
        }
    }
}

/// Writes a message, or its beginning where so many bytes are to come.
fn message(kind: u8, parts: &[&[u8]], to_come: usize) -> Vec<u8> {
    let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut message = Vec::with_capacity(1 + length);
    message.push(kind);
    // No longer than what it was made of, whose length was in the same form.
    message.extend_from_slice(&u32::try_from(length + to_come).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        message.extend_from_slice(part);
    }
    message
}

/// Cuts a text off that ends with a NUL.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Gives the names and types of the columns of a `RowDescription`.
fn columns(body: &[u8]) -> impl Iterator<Item = (&str, u32)> {
    let mut rest = body.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, fields) = cut(rest)?;
        // Behind the name: the table, the column's number in it, the type, its length, its modifier, the format.
        let (fields, after) = fields.split_at_checked(18)?;
        rest = after;
        Some((std::str::from_utf8(name).unwrap_or_default(), u32::from_be_bytes(fields[6..10].try_into().ok()?)))
    })
}

fn word(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontend(kind: u8, body: &[u8]) -> Vec<u8> {
        message(kind, &[body], 0)
    }

    /// The first message of a session, which has no kind.
    fn startup(parameters: &[u8]) -> Vec<u8> {
        message(0, &[&PROTOCOL, parameters], 0)[1..].to_vec()
    }

    /// Sends bytes in pieces of a size, and gives what goes out.
    fn send(unnamed: &mut Unnamed, stream: &[u8], size: usize) -> Vec<u8> {
        stream.chunks(size).for_each(|piece| unnamed.take(piece));
        unnamed.out.split().to_vec()
    }

    fn columns_of(columns: &[(&str, u32)]) -> Vec<u8> {
        let mut body = u16::try_from(columns.len()).unwrap_or_default().to_be_bytes().to_vec();
        for (name, of) in columns {
            body.extend([name.as_bytes(), &[0; 7], &of.to_be_bytes(), &[0; 8]].concat());
        }
        body
    }

    const PREPARE: [(u8, &[u8]); 3] = [(b'P', b"s7\0SELECT $1\0\0\0"), (b'D', b"Ss7\0"), (b'S', b"")];
    const RUN: [(u8, &[u8]); 3] =
        [(b'B', b"\0s7\0\0\x01\0\x01\0\x01\0\0\0\x04abcd\0\0"), (b'E', b"\0\0\0\0\0"), (b'S', b"")];
    const CLOSE: [(u8, &[u8]); 2] = [(b'C', b"Ss7\0"), (b'S', b"")];

    fn all(messages: &[(u8, &[u8])]) -> Vec<u8> {
        messages.iter().flat_map(|(kind, body)| frontend(*kind, body)).collect()
    }

    #[test]
    fn a_text_goes_before_its_values_however_messages_are_cut() {
        for size in [1, 2, 3, 5, 8, 13, 1000] {
            let wire = Wire::default();
            let mut unnamed = Unnamed::new(vec![("TimeZone", "UTC".to_owned())]);
            let first = send(&mut unnamed, &startup(b"user\0ada\0\0"), size);
            assert_eq!(first, startup(b"user\0ada\0TimeZone\0UTC\0\0"), "pieces of {size}");

            let prepared = send(&mut unnamed, &all(&PREPARE), size);
            assert_eq!(prepared, all(&[(b'P', b"\0SELECT $1\0\0\0"), (b'D', b"S\0"), (b'S', b"")]));
            assert_eq!(unnamed.read(b'1', b"", &wire), Verdict::Pass);
            assert_eq!(unnamed.read(b't', &[0, 1, 0, 0, 0, 23], &wire), Verdict::Pass);
            assert_eq!(unnamed.read(b'T', &columns_of(&[("a", 23)]), &wire), Verdict::Pass);
            assert_eq!(unnamed.read(b'Z', b"I", &wire), Verdict::Pass);

            let run = send(&mut unnamed, &all(&RUN), size);
            let values = b"\0\0\0\x01\0\x01\0\x01\0\0\0\x04abcd\0\0";
            let parse = b"\0SELECT $1\0\0\x01\0\0\0\x17";
            assert_eq!(
                run,
                all(&[(b'P', parse), (b'B', values), (b'D', b"P\0"), (b'E', b"\0\0\0\0\0"), (b'S', b"")]),
                "pieces of {size}"
            );
            assert_eq!(send(&mut unnamed, &all(&CLOSE), size), all(&[(b'C', b"S\0"), (b'S', b"")]));
            assert!(unnamed.statements.is_empty(), "what is closed is forgotten");
        }
    }

    #[test]
    fn other_messages_pass_as_they_are() {
        let long = [&b"\0\0"[..], &vec![7; 90_000]].concat();
        let stream = [
            startup(b"user\0ada\0\0"),
            all(&[(b'p', b"secret\0"), (b'Q', b"BEGIN\0"), (b'P', b"\0SELECT 1\0\0\0"), (b'B', &long), (b'D', b"S\0")]),
            all(&[(b'E', b"\0\0\0\0\0"), (b'S', b""), (b'd', &[b'S'; 5000]), (b'c', b""), (b'S', b""), (b'X', b"")]),
        ]
        .concat();
        for size in [1, 7, 4096, stream.len()] {
            let mut unnamed = Unnamed::default();
            assert!(send(&mut unnamed, &stream, size) == stream, "pieces of {size}");
            // BEGIN, and the statement with its data, whose second Sync is the only one that is answered.
            assert_eq!(unnamed.requests.len(), 2);
        }
    }

    fn running() -> Unnamed {
        let mut unnamed = Unnamed { is_open: true, ..Unnamed::default() };
        let wire = Wire::default();
        send(&mut unnamed, &all(&PREPARE), 1000);
        unnamed.read(b't', &[0, 0], &wire);
        unnamed.read(b'T', &columns_of(&[("a", 23)]), &wire);
        unnamed.read(b'Z', b"I", &wire);
        send(&mut unnamed, &all(&RUN), 1000);
        unnamed
    }

    #[test]
    fn a_statement_is_bound_when_its_columns_are_known() {
        let changed = vec![("b".to_owned(), 700_u32)];
        for (kind, body, found) in [
            (b'T', columns_of(&[("a", 23)]), None),
            (b'T', columns_of(&[("b", 700)]), Some(changed)),
            (b'n', Vec::new(), Some(Vec::new())),
        ] {
            let wire = Wire::default();
            let mut unnamed = running();
            assert_eq!(unnamed.read(b'1', b"", &wire), Verdict::Drop);
            assert_eq!(unnamed.read(b'2', b"", &wire), Verdict::Drop);
            assert_eq!(unnamed.read(kind, &body, &wire), Verdict::Bound);
            assert_eq!(wire.redescribed("SELECT $1"), found);
            assert_eq!(unnamed.read(b'Z', b"I", &wire), Verdict::Pass);
            assert!(unnamed.requests.is_empty());
        }
    }

    #[test]
    fn an_error_tells_whether_the_text_was_read() {
        for (parsed, refused) in [(false, true), (true, false)] {
            let wire = Wire::default();
            let mut unnamed = running();
            if parsed {
                unnamed.read(b'1', b"", &wire);
            }
            assert_eq!(unnamed.read(b'E', b"", &wire), Verdict::Pass);
            assert_eq!(wire.is_text_refused(), refused);
        }
    }
}
