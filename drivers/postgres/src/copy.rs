//! COPY from and to the client: rows as a stream of bytes, or typed and in binary form.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Waiting, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, Stream};
use oarlock_core::connection::admit;
use oarlock_core::lex::{TokenKind, Tokens, Verb, lex};
use oarlock_core::params::{Bindings, Params};
use oarlock_core::trace::{Call, Work, hold};
use oarlock_core::{Db, Dialect, Error, ErrorKind, Lease, Outcome, Result, TxState};
use tokio_postgres::types::{Format, ToSql, Type};
use tokio_postgres::{Client, CopyInSink, CopyOutStream};

use crate::array;
use crate::connection::PostgresConnection;
use crate::encode::Encoder;
use crate::error::{self, Context};
use crate::link::Undo;
use crate::run::lost_commit;

/// What PostgreSQL has beyond the contract, for everything that is a [`Db`] on it: a pool, a connection, a transaction.
///
/// # Errors
///
/// On another database every method gives `NotSupported`.
pub trait PostgresExt: Db {
    /// Starts a `COPY … FROM STDIN`, whose data are the bytes that are then sent, in the format that the statement says.
    ///
    /// # Errors
    ///
    /// `Interface` for another statement, and as the server tells.
    ///
    /// # Examples
    ///
    /// ```
    /// # use oarlock_core::{Db, Result};
    /// use oarlock_postgres::PostgresExt;
    ///
    /// # async fn f(db: &dyn Db) -> Result<()> {
    /// let mut copy = db.copy_in("COPY city (name, people) FROM STDIN (FORMAT csv)").await?;
    /// copy.send("Turku,206073\nTampere,260358\n").await?;
    /// assert_eq!(copy.finish().await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    fn copy_in<'a>(&'a self, sql: &'a str) -> impl Future<Output = Result<CopyIn>> + Send + 'a {
        async move { CopyIn::start(self.lease().await?, sql).await }
    }

    /// Starts a `COPY … TO STDOUT`, and gives its data as they come, in the format that the statement says.
    ///
    /// # Errors
    ///
    /// `Interface` for another statement, and as the server tells.
    fn copy_out<'a>(&'a self, sql: &'a str) -> impl Future<Output = Result<CopyOut>> + Send + 'a {
        async move { CopyOut::start(self.lease().await?, sql).await }
    }

    /// Copies rows into columns of a table, all or nothing, and gives their number: the fastest way to insert many.
    ///
    /// The target is SQL: a table, and its columns in parentheses (`shop.item (id, name)`), which may be left out where none is
    /// generated. The values of a row come by position. Each is checked into its column's type before it is sent, and goes in
    /// binary form: a text goes into columns of text, JSON and enums only. Rows are taken as they are sent, 64 KiB at a time.
    ///
    /// # Errors
    ///
    /// `Syntax` for a target that is none, `Parameters` for a row of another width; for a row that is not sent, with its
    /// [`batch_index`](Error::batch_index). What the server says of a row comes at the end.
    ///
    /// # Cancellation
    ///
    /// When the future is dropped, nothing was copied.
    ///
    /// # Examples
    ///
    /// ```
    /// # use oarlock_core::{Db, Result};
    /// use oarlock_postgres::PostgresExt;
    ///
    /// # async fn f(db: &dyn Db) -> Result<()> {
    /// let rows = (0..1_000_000_i64).map(|id| (id, format!("item {id}")));
    /// assert_eq!(db.copy_rows("item (id, name)", rows).await?, 1_000_000);
    /// # Ok(())
    /// # }
    /// ```
    fn copy_rows<'a, P, I>(&'a self, target: &'a str, rows: I) -> impl Future<Output = Result<u64>> + Send + 'a
    where
        P: Params + 'a,
        I: IntoIterator<Item = P> + Send + 'a,
        I::IntoIter: Send,
    {
        async move { copy_rows(self.lease().await?, target, rows).await }
    }
}

impl<D: Db + ?Sized> PostgresExt for D {}

/// A `COPY … FROM STDIN` that takes its data.
///
/// It holds its connection. Unless it is [finished](Self::finish), nothing of it remains: outside a transaction it has one of
/// its own, and an open one is failed by it as by any statement that fails.
#[must_use = "what is not finished is not copied"]
pub struct CopyIn {
    // Before the lease: dropping it tells the server that nothing more comes.
    sink: Pin<Box<CopyInSink<Bytes>>>,
    lease: Lease,
    undo: Undo,
    call: Option<Box<Call>>,
}

impl CopyIn {
    async fn start(mut lease: Lease, sql: &str) -> Result<Self> {
        let mut call = lease.note(|| Work::statement(sql));
        let begun = hold(&mut call, Self::request(lease, sql)).await?;
        Ok(Self { call, ..begun })
    }

    async fn request(mut lease: Lease, sql: &str) -> Result<Self> {
        let guarded = lease.is_guarded();
        let connection = own(&mut lease)?;
        let native = read(sql, "STDIN", guarded, &connection.info.dialect)?;
        let undo = begin(connection).await?;
        // Its WHERE may call anything.
        connection.soiled = true;
        Self::open(lease, &native, undo).await
    }

    async fn open(mut lease: Lease, native: &str, undo: Undo) -> Result<Self> {
        let connection = own(&mut lease)?;
        connection.link.leave(undo);
        match connection.link.client()?.copy_in(native).await {
            Ok(sink) => {
                connection.link.wire.expect_copy();
                Ok(Self { sink: Box::pin(sink), lease, undo, call: None })
            }
            Err(error) => Err(failed(connection, error, undo).await),
        }
    }

    /// Sends some of the data; pieces need not end where rows do. It waits while the server has enough to do.
    ///
    /// # Errors
    ///
    /// `ConnectionLost`. What the server says of the data comes when the copy is finished.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<()> {
        let Self { sink, lease, undo, call } = self;
        let sent = async {
            match sink.feed(data.into()).await {
                Ok(()) => Ok(()),
                Err(error) => Err(failed(own(lease)?, error, *undo).await),
            }
        };
        hold(call, sent).await
    }

    /// Ends the data, and gives the number of rows that were copied.
    ///
    /// # Errors
    ///
    /// As the server tells: nothing was copied then. An error with [`outcome_unknown`](Error::outcome_unknown) when the
    /// connection went away before the server's word.
    pub async fn finish(mut self) -> Result<u64> {
        let mut call = self.call.take();
        let rows = hold(&mut call, self.end()).await?;
        if let Some(call) = &mut call {
            call.did(&Outcome::rows(Some(rows)));
        }
        Ok(rows)
    }

    async fn end(mut self) -> Result<u64> {
        let finished = self.sink.as_mut().finish().await;
        let connection = own(&mut self.lease)?;
        let rows = match finished {
            Ok(rows) => rows,
            Err(error) => return Err(failed(connection, error, self.undo).await),
        };
        if self.undo == Undo::Transaction {
            let committed = connection.link.control("COMMIT", Undo::Nothing).await;
            committed.map_err(|error| lost_commit(error, self.undo))?;
        } else {
            connection.link.landed();
        }
        Ok(rows)
    }
}

impl std::fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyIn").finish_non_exhaustive()
    }
}

/// The data of a `COPY … TO STDOUT`: a stream of pieces, which need not end where rows do.
///
/// It holds its connection, which is ready again at its end; when it is dropped before, the connection's next statement waits
/// until the server has come to the end.
pub struct CopyOut {
    stream: Pin<Box<CopyOutStream>>,
    lease: Lease,
    is_over: bool,
    call: Option<Box<Call>>,
}

impl CopyOut {
    async fn start(mut lease: Lease, sql: &str) -> Result<Self> {
        let mut call = lease.note(|| Work::statement(sql));
        let begun = hold(&mut call, Self::request(lease, sql)).await?;
        Ok(Self { call, ..begun })
    }

    async fn request(mut lease: Lease, sql: &str) -> Result<Self> {
        let guarded = lease.is_guarded();
        let connection = own(&mut lease)?;
        let native = read(sql, "STDOUT", guarded, &connection.info.dialect)?;
        connection.ready().await?;
        // Its query may call anything.
        connection.soiled = true;
        connection.link.leave(Undo::Nothing);
        match connection.link.client()?.copy_out(&*native).await {
            Ok(stream) => Ok(Self { stream: Box::pin(stream), lease, is_over: false, call: None }),
            Err(error) => Err(failed(connection, error, Undo::Nothing).await),
        }
    }

    fn poll_data(&mut self, cx: &mut Waiting<'_>) -> Poll<Result<Option<Bytes>>> {
        let next = ready!(self.stream.as_mut().poll_next(cx));
        self.is_over = !matches!(next, Some(Ok(_)));
        let connection = own(&mut self.lease)?;
        Poll::Ready(match next {
            Some(Ok(data)) => Ok(Some(data)),
            Some(Err(error)) => {
                connection.link.notes_fatal(&error);
                Err(error::convert(error, &connection.link.wire, Context::default()))
            }
            None => {
                connection.link.landed();
                Ok(None)
            }
        })
    }
}

impl Stream for CopyOut {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Waiting<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let polled = match self.call.take() {
            Some(mut call) => {
                let polled = call.poll(|| self.poll_data(cx));
                self.call = (!self.is_over).then_some(call);
                polled
            }
            None => self.poll_data(cx),
        };
        polled.map(Result::transpose)
    }
}

impl std::fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyOut").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// Gives the driver's own connection behind a lease.
fn own(lease: &mut Lease) -> Result<&mut PostgresConnection> {
    let name = lease.info().name;
    let driver = lease.connection().driver().and_then(|driver| driver.downcast_mut());
    driver.ok_or_else(|| {
        Error::not_supported(format!("COPY is PostgreSQL's, and this connection is the driver {name}'s"))
            .with_hint("insert many rows by `execute_many`")
    })
}

/// Begins a transaction where none is open: the end of a COPY is told before the deferred constraints are checked, which only a
/// COMMIT of its own shows.
async fn begin(connection: &mut PostgresConnection) -> Result<Undo> {
    connection.ready().await?;
    if connection.link.tx_state() != TxState::Auto {
        return Ok(Undo::Nothing);
    }
    connection.link.control("BEGIN", Undo::Transaction).await?;
    Ok(Undo::Transaction)
}

/// Takes the error of a COPY, and leaves the connection without it.
async fn failed(connection: &mut PostgresConnection, error: tokio_postgres::Error, undo: Undo) -> Error {
    let error = connection.link.failed(error, Context::default()).await;
    if undo != Undo::Nothing && !connection.link.is_dead() {
        connection.link.leave(undo);
        // What it cannot undo now, the next call does, or finds the connection dead.
        let _ = connection.link.recover().await;
    }
    error
}

/// Reads the statement, and refuses any but a COPY with the client at its other end.
fn read(sql: &str, end: &str, guarded: bool, dialect: &Dialect) -> Result<String> {
    let lexed = lex(sql, dialect)?;
    admit(&lexed, guarded)?;
    let native = lexed.native();
    let has = |word: &str| {
        Tokens::new(native, dialect.lexing)
            .any(|token| token.kind == TokenKind::Word && token.text(native).eq_ignore_ascii_case(word))
    };
    if lexed.verb() != Verb::Copy || !has(end) {
        return Err(Error::interface(format!("the statement is no COPY with {end}")));
    }
    if lexed.arity() > 0 {
        return Err(Error::new(ErrorKind::Parameters, "a COPY takes no parameters"));
    }
    Ok(native.to_owned())
}

/// How much is gathered before it is sent.
const CHUNK: usize = 64 << 10;

/// What the binary form begins with: its mark, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

async fn copy_rows<P: Params>(
    mut lease: Lease,
    target: &str,
    rows: impl IntoIterator<Item = P, IntoIter: Send>,
) -> Result<u64> {
    let mut call = lease.note(|| Work::statement(binary(target)));
    let rows = hold(&mut call, copy_all(lease, target, rows)).await?;
    if let Some(call) = &mut call {
        call.did(&Outcome::rows(Some(rows)));
    }
    Ok(rows)
}

async fn copy_all<P: Params>(
    mut lease: Lease,
    target: &str,
    rows: impl IntoIterator<Item = P, IntoIter: Send>,
) -> Result<u64> {
    let rows = rows.into_iter();
    let connection = own(&mut lease)?;
    let columns = describe(target, &connection.info.dialect)?;
    let undo = begin(connection).await?;
    connection.link.leave(undo);
    let types = match types(connection.link.client()?, &columns).await {
        Ok(types) => types,
        Err(error) => return Err(failed(connection, error, undo).await),
    };
    let mut copy = CopyIn::open(lease, &binary(target), undo).await?;
    let mut data = Binary::new();
    for (index, row) in rows.enumerate() {
        if let Some(data) = data.row(|out| write(&row, &types, out)).map_err(|error| error.with_batch_index(index))? {
            copy.send(data).await?;
        }
    }
    copy.send(data.end()).await?;
    copy.finish().await
}

/// Writes the COPY of typed rows into a target.
pub(crate) fn binary(target: &str) -> String {
    format!("COPY {target} FROM STDIN (FORMAT binary)")
}

/// Asks for the types of a query's columns. In a transaction they stay what they are until its end, for the server keeps the
/// table from being changed under those who have looked at it; binary data for another type could be taken for it.
pub(crate) async fn types(client: &Client, query: &str) -> Result<Vec<Type>, tokio_postgres::Error> {
    let statement = client.prepare(query).await?;
    Ok(statement.columns().iter().map(|column| column.type_().clone()).collect())
}

/// The data of a COPY in binary form, in pieces.
pub(crate) struct Binary(BytesMut);

impl Binary {
    pub(crate) fn new() -> Self {
        let mut data = BytesMut::with_capacity(CHUNK + CHUNK / 4);
        data.put_slice(HEADER);
        Self(data)
    }

    /// Adds a row, and gives a piece that is ready to be sent.
    pub(crate) fn row(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Option<Bytes>> {
        write(&mut self.0)?;
        if self.0.len() < CHUNK {
            return Ok(None);
        }
        let piece = self.0.split().freeze();
        self.0.reserve(CHUNK + CHUNK / 4);
        Ok(Some(piece))
    }

    /// Gives the last piece.
    pub(crate) fn end(mut self) -> Bytes {
        self.0.put_i16(-1);
        self.0.freeze()
    }
}

/// Writes the query that has the types of a target's columns.
pub(crate) fn describe(target: &str, dialect: &Dialect) -> Result<String> {
    let wrong = || {
        Error::new(ErrorKind::Syntax, "the target is not a table with its columns in parentheses")
            .with_hint("write it as in `COPY … FROM`: shop.item (id, name)")
    };
    let (mut open, mut close) = (None, None);
    let mut wants_name = true;
    for token in Tokens::new(target, dialect.lexing).filter(|token| !token.kind.is_blank()) {
        let parts = if open.is_none() { "." } else { "," };
        match (token.kind, token.text(target)) {
            _ if close.is_some() => return Err(wrong()),
            (TokenKind::Word | TokenKind::QuotedIdentifier, _) if wants_name => wants_name = false,
            (TokenKind::Symbol, text) if !wants_name && text == parts => wants_name = true,
            (TokenKind::Symbol, "(") if !wants_name && open.is_none() => (open, wants_name) = (Some(token), true),
            (TokenKind::Symbol, ")") if !wants_name && open.is_some() => close = Some(token),
            _ => return Err(wrong()),
        }
    }
    if wants_name {
        return Err(wrong());
    }
    match (open, close) {
        (Some(open), Some(close)) => {
            Ok(format!("SELECT {} FROM {}", &target[open.end..close.start], &target[..open.start]))
        }
        (None, None) => Ok(format!("SELECT * FROM {target}")),
        _ => Err(wrong()),
    }
}

/// Writes a row in binary form.
fn write<P: Params>(row: &P, types: &[Type], out: &mut BytesMut) -> Result<()> {
    let mut bound = Bindings::default();
    row.bind(&mut bound)?;
    if bound.names()?.is_some() {
        return Err(Error::new(ErrorKind::Parameters, "the values of a row to copy come by position"));
    }
    let fields = i16::try_from(types.len()).ok().filter(|_| bound.len() == types.len()).ok_or_else(|| {
        Error::new(ErrorKind::Parameters, format!("the row has {} values for {} columns", bound.len(), types.len()))
    })?;
    out.put_i16(fields);
    for (number, (value, of)) in (1..).zip(bound.values().iter().copied().zip(types)) {
        let encoder = Encoder::new(value, number);
        if let (Format::Text, false) = (encoder.encode_format(of), value.is_null()) {
            return Err(Error::new(
                ErrorKind::Conversion,
                format!("parameter {number}: a {} does not go into {} in binary form", value.kind_name(), of.name()),
            )
            .with_hint("bind a value of the column's own type"));
        }
        array::put_element(out, |out| encoder.write(of, out))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_table_and_columns() -> Result<()> {
        for (target, query) in
            [("t (a, \"B\")", "SELECT a, \"B\" FROM t "), ("\"my schema\".t", "SELECT * FROM \"my schema\".t")]
        {
            assert_eq!(describe(target, &Dialect::POSTGRES)?, query);
        }
        for target in [
            "t FROM PROGRAM 'x'",
            "t AS u (a)",
            "t (a b)",
            "(a)",
            "",
            "t.",
            "t (a) FROM",
            "t (a",
            "t (a, (b))",
            "t; DROP TABLE t",
            "(SELECT 1)",
            "t (a) b",
        ] {
            assert_eq!(
                describe(target, &Dialect::POSTGRES).map_err(|error| error.kind()),
                Err(ErrorKind::Syntax),
                "{target}"
            );
        }
        Ok(())
    }

    #[test]
    fn only_a_copy_with_its_own_end_is_taken() {
        let kind = |sql, end| read(sql, end, false, &Dialect::POSTGRES).map(drop).map_err(|error| error.kind());
        assert_eq!(kind("copy t from stdin", "STDIN"), Ok(()));
        assert_eq!(kind("COPY t TO STDOUT", "STDOUT"), Ok(()));
        for sql in
            ["COPY t TO STDOUT", "COPY t FROM '/etc/passwd'", "INSERT INTO stdin VALUES (1)", "COPY t FROM 'STDIN'"]
        {
            assert_eq!(kind(sql, "STDIN"), Err(ErrorKind::Interface), "{sql}");
        }
    }
}
