//! A driver that breaks a promise, to see that its proof would notice.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use oarlock::connection::{BoxFuture, Query};
use oarlock::decorate::{Decorate, Decorated};
use oarlock::params::Parameters;
use oarlock::{
    Conn, Connection, Connector, Error, ErrorKind, Health, Purpose, Result, RowBatch, TxOptions, TxState, Url,
    ValueRef, factory,
};
use oarlock_conformance::Verdict;

/// What a driver does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Nothing.
    None,
    /// A lost session is said to live.
    Alive,
    /// A commit whose reply was lost is said to have succeeded.
    LostCommitIsOk,
    /// A commit whose reply was lost is said not to have been applied.
    LostCommitFailed,
    /// A statement whose reply was lost is run again on a new connection.
    RunsAgain,
    /// A reset ends the transaction, and leaves the session as it is otherwise.
    ResetDoesNothing,
    /// A reset leaves all as it is, an open transaction too.
    ResetIsSaidOnly,
    /// A transaction is said to be over, and is not.
    TransactionsStay,
    /// The end of the session is taken for that of the rows.
    EndsEarly,
    /// Every hundredth row that is given belongs to the statement before.
    MixesRowsUp,
    /// Values may be told: parameters are written to the log, and into errors.
    Tells,
    /// What is too much is told only after something was sent.
    SendsTooMuch,
    /// Lengths are cut to the bits that the protocol has for them.
    LengthsWrap,
}

/// Opens connections of which each tells the same lie.
pub struct Liar {
    connector: Arc<dyn Connector>,
    lie: Lie,
}

impl Liar {
    /// Takes the driver of a URL.
    ///
    /// # Errors
    ///
    /// As the driver's factory.
    pub fn new(url: &str, lie: Lie) -> Result<Self> {
        Self::of(&Url::parse(url)?, lie)
    }

    /// Takes the driver of a parsed URL.
    ///
    /// # Errors
    ///
    /// As the driver's factory.
    pub fn of(url: &Url, lie: Lie) -> Result<Self> {
        Ok(Self { connector: driver(url)?, lie })
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// As the driver tells.
    pub async fn open(&self) -> Result<Conn> {
        self.connect().await.map(Conn::new)
    }
}

/// Gives what opens connections of a URL for a pool.
pub(crate) fn driver(url: &Url) -> Result<Arc<dyn Connector>> {
    let drivers: [&dyn factory::DriverFactory; 3] =
        [&oarlock::sqlite::SqliteFactory, &oarlock::postgres::PostgresFactory, &oarlock::mysql::MysqlFactory];
    let driver = drivers.into_iter().find(|driver| driver.schemes().contains(&url.scheme()));
    driver.ok_or_else(|| factory::unknown_scheme(url.scheme()))?.connector(url, Purpose::Pool)
}

impl Connector for Liar {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let inner = self.connector.connect().await?;
            let connector = Arc::clone(&self.connector);
            let lying = Lying { inner, connector, lie: self.lie, filled: 0, last: None };
            Ok(Box::new(Decorated(lying)) as Box<dyn Connection>)
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

impl Lying {
    fn hides_transactions(&self) -> bool {
        matches!(self.lie, Lie::ResetIsSaidOnly | Lie::TransactionsStay)
    }

    async fn send(&mut self, query: Query<'_>) -> Result<()> {
        if self.lie == Lie::TransactionsStay && self.inner.tx_state() == TxState::Failed {
            // The statement would notice.
            self.inner.rollback().await?;
        }
        if self.lie == Lie::LengthsWrap {
            let values: Vec<_> = query.params.values.iter().map(|value| wrapped(*value)).collect();
            let params = Parameters { values: &values, ..query.params };
            return self.inner.start(Query { params, ..query }).await;
        }
        if self.lie == Lie::Tells {
            let values = format!("{:?}", query.params.values);
            tracing::trace!(target: "oarlock::tampered", %values, "a statement with its parameters");
            return self.inner.start(query).await.map_err(|error| error.context(values));
        }
        let result = self.inner.start(query).await;
        match (self.lie, &result) {
            (Lie::RunsAgain, Err(error)) if error.is_connection_lost() => {
                self.inner = self.connector.connect().await?;
                self.inner.start(query).await
            }
            (Lie::SendsTooMuch, Err(error)) if !error.is_connection_lost() => {
                self.inner.script(&format!("SELECT '{}'", "x".repeat(300))).await?;
                result
            }
            _ => result,
        }
    }
}

/// Cuts a length to 31 bits, as a careless cast does.
fn wrapped(value: ValueRef<'_>) -> ValueRef<'_> {
    match value {
        ValueRef::Bytes(bytes) => ValueRef::Bytes(&bytes[..bytes.len() & 0x7fff_ffff]),
        value => value,
    }
}

impl Decorate for Lying {
    fn inner(&self) -> &dyn Connection {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut *self.inner
    }

    fn health(&self) -> Health {
        if self.lie == Lie::Alive { Health::Ready } else { self.inner.health() }
    }

    fn tx_state(&self) -> TxState {
        if self.hides_transactions() { TxState::Auto } else { self.inner.tx_state() }
    }

    fn is_clean(&self) -> bool {
        self.lie == Lie::Alive || self.inner.is_clean()
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(self.send(query))
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
        match filled {
            Poll::Ready(Err(error)) if self.lie == Lie::EndsEarly && error.is_connection_lost() => {
                Poll::Ready(Ok(None))
            }
            filled => filled,
        }
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.lie == Lie::TransactionsStay && self.inner.tx_state() == TxState::Open {
                return Ok(());
            }
            if self.lie == Lie::TransactionsStay {
                self.inner.rollback().await?;
            }
            self.inner.begin(options).await
        })
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
        match self.lie {
            Lie::TransactionsStay if self.inner.tx_state() == TxState::Open => Box::pin(async { Ok(()) }),
            _ => self.inner.rollback(),
        }
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        match self.lie {
            Lie::ResetDoesNothing => self.inner.rollback(),
            Lie::ResetIsSaidOnly | Lie::TransactionsStay => Box::pin(async { Ok(()) }),
            _ => self.inner.reset(),
        }
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        match self.lie {
            Lie::Alive => Box::pin(async { Ok(()) }),
            _ => self.inner.ping(),
        }
    }
}

/// Requires a proof to fail as it must where a promise is broken, and to say so in some of these words.
///
/// # Panics
///
/// When the proof passes, or fails by other words.
pub async fn caught(what: impl std::fmt::Debug, words: &[&str], proof: impl Future<Output = Verdict>) {
    let told = match AssertUnwindSafe(proof).catch_unwind().await {
        Ok(Ok(())) => panic!("{what:?} passes"),
        Ok(Err(failure)) => format!("{failure:?}"),
        Err(panic) => match panic.downcast::<String>() {
            Ok(told) => *told,
            Err(other) => (*other.downcast::<&str>().expect("a panic says something")).to_owned(),
        },
    };
    assert!(words.iter().any(|words| told.contains(words)), "{what:?} is found out, but by another failure: {told}");
}
