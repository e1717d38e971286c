//! LOAD DATA from a stream of the program's, instead of a file.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, InfileData, Statement};
use oarlock_core::connection::{TxState, admit};
use oarlock_core::lex::{TokenKind, Tokens, Verb, lex};
use oarlock_core::trace::{Work, hold};
use oarlock_core::{Db, Dialect, Error, ErrorKind, Outcome, Result};

use crate::bulk::{begin, conclude, interrupted};
use crate::connection::{MysqlConnection, rolled_back};
use crate::infile::Refusal;
use crate::pump::{Aftermath, Done, Ending, Slot, close, end, records};
use crate::statement::Traits;

/// What MySQL and MariaDB have beyond the contract, for everything that is a [`Db`] on them: a pool, a connection, a
/// transaction.
pub trait MysqlExt: Db {
    /// Runs a `LOAD DATA LOCAL INFILE` with a stream as its file, whatever name the statement gives, all or nothing: in a
    /// transaction of its own, or in a savepoint inside one. The outcome's count is that of the rows that were loaded.
    ///
    /// No file is ever read: the server is sent the stream, and only for this statement. It has to allow the statement by its
    /// `local_infile`. With LOCAL, a row that breaks a unique key is left out with a warning, and values that do not fit are
    /// changed with a warning: look at the outcome's number of warnings.
    ///
    /// # Errors
    ///
    /// `Interface` for another statement, `Io` when the stream fails, `NotSupported` on another database, and as the server
    /// tells; nothing remains of it.
    ///
    /// # Cancellation
    ///
    /// When the future is dropped, the connection's next call breaks the load off and undoes it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use oarlock_core::{Db, Result};
    /// use oarlock_mysql::MysqlExt;
    ///
    /// # async fn f(db: &dyn Db) -> Result<()> {
    /// let rows = futures_util::stream::iter([Ok("1\tTurku\n".into()), Ok("2\tTampere\n".into())]);
    /// let outcome = db.load_data("LOAD DATA LOCAL INFILE 'rows' INTO TABLE city (id, name)", rows).await?;
    /// assert_eq!((outcome.rows_affected, outcome.warnings), (Some(2), 0));
    /// # Ok(())
    /// # }
    /// ```
    fn load_data<'a, S>(&'a self, sql: &'a str, data: S) -> impl Future<Output = Result<Outcome>> + Send + 'a
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let data = data.boxed();
        async move {
            let mut lease = self.lease().await?;
            let mut call = lease.note(|| Work::statement(sql));
            let guarded = lease.is_guarded();
            let name = lease.info().name;
            let driver = lease.connection().driver().and_then(|driver| driver.downcast_mut::<MysqlConnection>());
            let connection = driver.ok_or_else(|| {
                Error::not_supported(format!("LOAD DATA is MySQL's, and this connection is the driver {name}'s"))
                    .with_hint("insert many rows by `execute_many`")
            })?;
            let outcome = hold(&mut call, load(connection, sql, guarded, data)).await?;
            if let Some(call) = &mut call {
                call.did(&outcome);
            }
            Ok(outcome)
        }
    }
}

impl<D: Db + ?Sized> MysqlExt for D {}

async fn load(
    connection: &mut MysqlConnection,
    sql: &str,
    guarded: bool,
    data: BoxStream<'static, io::Result<Bytes>>,
) -> Result<Outcome> {
    connection.ready().await?;
    if connection.rolled_back && guarded {
        return Err(rolled_back());
    }
    let native = read(sql, guarded, &connection.info.dialect)?;
    connection.limit.check(native.len())?;
    let failure = Arc::new(Mutex::new(None));
    let feed = Feed { data, rest: Bytes::new(), slot: Arc::clone(&connection.slot), failure: Arc::clone(&failure) };
    // Columns may be read into variables, which stay.
    let traits = Traits::of(Verb::Load, &native);
    let order = Load {
        sql: native,
        feed,
        refusal: connection.refusal.clone(),
        nested: connection.tx == TxState::Open,
        doomed: std::mem::take(&mut connection.doomed),
    };
    let loaded = connection.call(Some(traits), |conn, slot| execute(conn, slot, order)).await;
    match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(error),
        None => loaded.map(|(_, outcome)| outcome),
    }
}

/// Reads the statement, and refuses any but a LOAD with the client at its other end.
fn read(sql: &str, guarded: bool, dialect: &Dialect) -> Result<String> {
    let lexed = lex(sql, dialect)?;
    admit(&lexed, guarded)?;
    let native = lexed.native();
    let local = Tokens::new(native, dialect.lexing)
        .any(|token| token.kind == TokenKind::Word && token.text(native).eq_ignore_ascii_case("LOCAL"));
    if lexed.verb() != Verb::Load || !local {
        return Err(Error::interface("the statement is no LOAD DATA LOCAL"));
    }
    if lexed.arity() > 0 {
        return Err(Error::new(ErrorKind::Parameters, "a LOAD DATA takes no parameters"));
    }
    Ok(native.to_owned())
}

/// A load to run.
struct Load {
    sql: String,
    feed: Feed,
    refusal: Refusal,
    /// A transaction is open.
    nested: bool,
    /// Statements to close first.
    doomed: Vec<Statement>,
}

async fn execute(mut conn: Conn, slot: Arc<Slot>, order: Load) -> Ending {
    let nested = order.nested;
    let result = run(&mut conn, &slot, order).await;
    end(conn, result, Aftermath { status: nested, settings: false }).await
}

async fn run(conn: &mut Conn, slot: &Slot, order: Load) -> mysql_async::Result<Done> {
    let Load { sql, feed, refusal, nested, doomed } = order;
    close(conn, doomed).await?;
    begin(conn, nested).await?;
    let failure = Arc::clone(&feed.failure);
    let feed = Mutex::new(feed);
    conn.set_infile_handler(async move {
        let feed = feed.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(feed.boxed() as InfileData)
    });
    let ran = query(conn, sql).await;
    // It may not have been asked for; what another statement asks for is refused.
    conn.set_infile_handler(async move { Ok(refusal.refuse()) });
    let failed = failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    conclude(conn, slot, nested, if failed { ran.and_then(|_| Err(interrupted())) } else { ran }).await
}

async fn query(conn: &mut Conn, sql: String) -> mysql_async::Result<Done> {
    let result = conn.query_iter(sql).await?;
    let done = Done {
        affected: result.affected_rows(),
        records: records(&result.info()),
        warnings: result.warnings(),
        ..Done::default()
    };
    result.drop_result().await?;
    Ok(done)
}

/// How much is sent in one packet: less than any server's limit.
const PIECE: usize = 64 << 10;

/// The data on its way to the server. The protocol has no way to break it off: it ends early, and what was loaded is undone.
struct Feed {
    data: BoxStream<'static, io::Result<Bytes>>,
    rest: Bytes,
    slot: Arc<Slot>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Stream for Feed {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Nobody waits for it any more.
        if self.slot.is_abandoned() {
            return Poll::Ready(None);
        }
        while self.rest.is_empty() {
            match ready!(self.data.poll_next_unpin(cx)) {
                Some(Ok(data)) => self.rest = data,
                Some(Err(error)) => {
                    let error = Error::new(ErrorKind::Io, "the data to load could not be read").with_source(error);
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return Poll::Ready(None);
                }
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_load_from_the_client_is_taken() {
        let kind = |sql| read(sql, true, &Dialect::MARIADB).map(drop).map_err(|error| error.kind());
        assert_eq!(kind("load data low_priority local infile 'x' into table t"), Ok(()));
        assert_eq!(kind("LOAD DATA INFILE '/etc/passwd' INTO TABLE t"), Err(ErrorKind::Interface));
        assert_eq!(kind("LOAD DATA INFILE 'LOCAL' INTO TABLE t"), Err(ErrorKind::Interface));
        assert_eq!(kind("INSERT INTO local VALUES (1)"), Err(ErrorKind::Interface));
        assert_eq!(kind("LOAD DATA LOCAL INFILE ? INTO TABLE t"), Err(ErrorKind::Parameters));
    }
}
