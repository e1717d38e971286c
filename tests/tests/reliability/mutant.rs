//! A connection that breaks a promise: every proof must find it out.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use oarlock::catalog::{CatalogQuery, CatalogReply};
use oarlock::connection::{BoxFuture, DriverInfo, Many, Query};
use oarlock::factory::find;
use oarlock::result::{Description, Notice};
use oarlock::{
    Column, Conn, Connection, Connector, Error, ErrorKind, Health, Outcome, Purpose, Result, RowBatch, TxOptions,
    TxState, Url,
};
use oarlock_tests::Verdict;

/// What a connection does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// A commit whose reply was lost is said to have succeeded.
    LostCommitIsOk,
    /// A commit whose reply was lost is said not to have been applied.
    LostCommitFailed,
    /// A statement whose reply was lost is run again on a new connection.
    RunsAgain,
    /// A reset leaves the session as it is.
    ResetDoesNothing,
    /// Every hundredth row that is given belongs to the statement before.
    MixesRowsUp,
}

/// Opens connections of which each tells the same lie.
pub(crate) struct Liar {
    connector: Arc<dyn Connector>,
    lie: Lie,
}

impl Liar {
    pub(crate) fn new(url: &str, lie: Lie) -> Result<Self> {
        let url = Url::parse(url)?;
        // The built-in drivers are registered by the facade only when they are asked for by URL.
        let factory: &'static dyn oarlock::DriverFactory = match url.scheme() {
            "postgres" => &oarlock::postgres::PostgresFactory,
            "mysql" => &oarlock::mysql::MysqlFactory,
            "sqlite" => &oarlock::sqlite::SqliteFactory,
            other => find(other).unwrap_or_else(|| panic!("no driver for {other}")),
        };
        Ok(Self { connector: factory.connector(&url, Purpose::Pool)?, lie })
    }

    pub(crate) async fn open(&self) -> Result<Conn> {
        self.connect().await.map(Conn::new)
    }
}

impl Connector for Liar {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let inner = self.connector.connect().await?;
            let connector = Arc::clone(&self.connector);
            Ok(Box::new(Lying { inner, connector, lie: self.lie, filled: 0, last: None }) as Box<dyn Connection>)
        })
    }
}

struct Lying {
    inner: Box<dyn Connection>,
    connector: Arc<dyn Connector>,
    lie: Lie,
    filled: u64,
    last: Option<Arc<dyn RowBatch>>,
}

impl Connection for Lying {
    fn info(&self) -> &DriverInfo {
        self.inner.info()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn tx_state(&self) -> TxState {
        self.inner.tx_state()
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let result = self.inner.start(query).await;
            if self.lie == Lie::RunsAgain && result.as_ref().is_err_and(Error::is_connection_lost) {
                self.inner = self.connector.connect().await?;
                return self.inner.start(query).await;
            }
            result
        })
    }

    fn columns(&self) -> &Arc<[Column]> {
        self.inner.columns()
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        let filled = self.inner.poll_fill(cx, max);
        if let (Lie::MixesRowsUp, Poll::Ready(Ok(Some(batch)))) = (self.lie, &filled) {
            self.filled += 1;
            let before = self.last.replace(Arc::clone(batch));
            if let (0, Some(before)) = (self.filled % 100, before) {
                return Poll::Ready(Ok(Some(before)));
            }
        }
        filled
    }

    fn more_sets(&self) -> bool {
        self.inner.more_sets()
    }

    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        self.inner.poll_next_set(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.inner.poll_finish(cx)
    }

    fn abandon(&mut self) {
        self.inner.abandon();
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        self.inner.describe(sql)
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        self.inner.execute_many(many)
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        self.inner.script(text)
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        self.inner.begin(options)
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match (self.inner.commit().await, self.lie) {
                (Err(error), Lie::LostCommitIsOk) if error.is_connection_lost() => Ok(()),
                (Err(error), Lie::LostCommitFailed) if error.is_connection_lost() => {
                    Err(Error::new(ErrorKind::ConnectionLost, "the connection was lost"))
                }
                (result, _) => result,
            }
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        self.inner.rollback()
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        if self.lie == Lie::ResetDoesNothing {
            return self.inner.rollback();
        }
        self.inner.reset()
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        self.inner.ping()
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        self.inner.warnings()
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        self.inner.catalog(query)
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }

    fn native(&mut self) -> &mut dyn Any {
        self.inner.native()
    }
}

/// Requires a proof to fail as it must on a connection that lies, and to say so in some of these words.
pub(crate) async fn caught(lie: impl fmt::Debug, words: &[&str], proof: impl Future<Output = Verdict>) {
    let told = match AssertUnwindSafe(proof).catch_unwind().await {
        Ok(Ok(())) => panic!("{lie:?} passes"),
        Ok(Err(failure)) => format!("{failure:?}"),
        Err(panic) => match panic.downcast::<String>() {
            Ok(told) => *told,
            Err(other) => (*other.downcast::<&str>().expect("a panic says something")).to_owned(),
        },
    };
    assert!(words.iter().any(|words| told.contains(words)), "{lie:?} is found out, but by another failure: {told}");
}
