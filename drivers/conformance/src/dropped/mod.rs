//! Rule 53: the future of every call dropped at every poll.
//!
//! A call is made again and again, and dropped one poll later each time, until one comes to its end. After each drop the next
//! statement gives its own result, or the connection says that it is lost; what the call had to write is there as a whole or not at
//! all; and the server holds no transaction and no lock of it.
//!
//! Over a network the server's bytes come one by one meanwhile, so that a call waits wherever it can: see [`Setup::slow`].
//!
//! [`Setup::slow`]: crate::Setup::slow

mod calls;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use oarlock_core::connection::BoxFuture;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Health, Isolation, Result, TxState};
use tokio::sync::Notify;

use crate::bench::{Bench, Way, is_full};
use crate::failure::Verdict;
use crate::setup::Slow;
use crate::tables::{LOCKED, items};

/// How many polls all drops of one call may take together. A call that waits so often that every poll would take more is
/// dropped at points spread evenly over it, unless `OARLOCK_RELIABILITY` is `full`.
const POLLS: usize = 40_000;

/// How long the server may take to end what a dropped call has begun.
const SOON: Duration = Duration::from_secs(2);

/// The first call's number. The rows that calls write have higher keys than those that they read.
const KEYS: i64 = 1_000;

/// A call to drop.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// What it is, for the message of a failure.
    pub name: &'static str,
    /// How many rows of `item` may be there after it, those with the keys from ten times its number on; the last where it
    /// came to its end.
    pub rows: &'static [i64],
    /// Makes the call, which gets a number of its own each time.
    pub make: for<'c> fn(&'c Conn, i64) -> BoxFuture<'c, ()>,
}

/// Queries and each way of fetching.
pub async fn r53_queries_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    let field = Field::new(&bench).await?;
    field.drop_all(calls::QUERIES).await?;
    if let (true, Some(procedure)) = (bench.capabilities().procedures, bench.fragments().procedure) {
        field.witness.execute(procedure, ()).await?;
        field.drop_all(calls::PROCEDURES).await?;
    }
    Ok(())
}

/// Statements that write, scripts, batches and pipelines.
pub async fn r53_writes_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    Field::new(&bench).await?.drop_all(calls::WRITES).await
}

/// Transactions and the ones inside them.
pub async fn r53_transactions_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    let field = Field::new(&bench).await?;
    field.drop_all(calls::TRANSACTIONS).await?;
    let can = bench.capabilities();
    if can.read_only_transactions && can.isolation_levels.contains(&Isolation::Serializable) {
        field.drop_all(calls::READING).await?;
    }
    if can.savepoints {
        field.drop_all(calls::INSIDE).await?;
    }
    Ok(())
}

/// Calls that concern the session: its description of statements and tables, its reset, its end.
pub async fn r53_calls_of_the_session_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    let field = Field::new(&bench).await?;
    field.drop_all(calls::SESSION).await?;
    if bench.capabilities().catalog {
        field.drop_all(calls::CATALOG).await?;
    }
    Ok(())
}

/// What the driver has beyond the contract.
pub async fn r53_the_drivers_own_calls_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    let own = bench.setup().own_calls();
    Field::new(&bench).await?.drop_all(&own).await
}

/// Connecting: the suite finds the session that is left behind.
pub async fn r53_connecting_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    let field = Field::new(&bench).await?;
    let polls = field.count(Box::pin(field.connect_and_close())).await?;
    for point in points(polls) {
        if let Some(result) = field.road.drop_at(point, Box::pin(field.connect_and_close())).await {
            result?;
            break;
        }
    }
    field.is_free("connecting").await
}

/// Where the calls are dropped.
pub(crate) struct Field {
    bench: Bench,
    pub(crate) road: Slow,
    pub(crate) witness: Conn,
    /// The number of the next call.
    next: AtomicI64,
}

impl Field {
    pub(crate) async fn new(bench: &Bench) -> Result<Self> {
        let witness = bench.conn().await?;
        items(bench, &witness, 100).await?;
        for statement in bench.fragments().lock_timeout {
            witness.execute(statement, ()).await?;
        }
        let road = bench.setup().slow(&bench.place().url).await?;
        Ok(Self { bench: bench.clone(), road, witness, next: AtomicI64::new(KEYS) })
    }

    /// Opens a connection on the slow road.
    pub(crate) async fn open(&self) -> Result<Conn> {
        self.bench.conn_to(&self.road.url).await
    }

    async fn connect_and_close(&self) -> Result<()> {
        self.open().await?.close().await
    }

    /// Counts the polls that a call takes.
    pub(crate) async fn count(&self, call: BoxFuture<'_, ()>) -> Result<usize> {
        let mut polls = 0;
        self.road.walk(usize::MAX, call, &mut polls).await.unwrap_or(Ok(()))?;
        Ok(polls)
    }

    /// Gives a call its number, by which its rows are told from another's.
    fn number(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    async fn drop_all(&self, calls: &[Call]) -> Verdict {
        for call in calls {
            self.drop_everywhere(call).await?;
        }
        Ok(())
    }

    async fn drop_everywhere(&self, call: &Call) -> Verdict {
        let mut conn = self.open().await?;
        // The statements that are not to be new are prepared by this.
        (call.make)(&conn, self.number()).await.unwrap_or_else(|error| panic!("{}: {error:?}", call.name));
        if is_dead(&conn).await {
            conn = self.open().await?;
        }
        let polls = self.count((call.make)(&conn, self.number())).await?;
        for point in points(polls) {
            let number = self.number();
            let place = format!("{} dropped at point {point} of {polls}", call.name);
            if is_dead(&conn).await {
                conn = self.open().await?;
            }
            let ended = self.road.drop_at(point, (call.make)(&conn, number)).await;
            if let Some(Err(error)) = ended {
                panic!("{}: {error:?}", call.name);
            }
            if self.bench.way() == Way::Pooled {
                // The next borrower must not find anything of it.
                drop(conn);
                conn = self.open().await?;
                assert_eq!(
                    conn.lease().await?.connection().tx_state(),
                    TxState::Auto,
                    "{place}: a transaction is open"
                );
            }
            if !self.answers(&conn, number, &place).await? {
                assert!(self.bench.setup().may_die(call.name), "{place}: the connection is lost");
                conn = self.open().await?;
                assert!(self.answers(&conn, number, &place).await?, "{place}: a new connection is lost");
            }
            self.is_free(&place).await?;
            let rows: i64 = self
                .witness
                .fetch_value("SELECT count(*) FROM item WHERE id >= ? AND id < ?", (number * 10, number * 10 + 10))
                .await?;
            assert!(call.rows.contains(&rows), "{place}: {rows} rows are there");
            if ended.is_some() {
                assert_eq!(call.rows.last(), Some(&rows), "{} came to its end", call.name);
                break;
            }
        }
        Ok(())
    }

    /// Requires that the next statements give their own results; `false` where the connection is lost and says so.
    pub(crate) async fn answers(&self, conn: &Conn, number: i64, place: &str) -> Result<bool> {
        let id = number % 99 + 1;
        let known = conn.fetch_value::<i64>("SELECT n FROM item WHERE id = ?", (id,)).await;
        let known = match known {
            Err(error) => {
                assert!(is_dead(conn).await, "{place}: {error:?}");
                // A connection that the call has closed says that.
                assert!(matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::Interface), "{place}: {error:?}");
                return Ok(false);
            }
            Ok(known) => known,
        };
        assert_eq!(known, id * 10, "{place}: the result of another statement");
        let new: i64 = conn.fetch_value(&format!("SELECT n + {number} FROM item WHERE id = ?"), (id,)).await?;
        assert_eq!(new, id * 10 + number, "{place}: the result of another statement");
        assert_eq!(conn.lease().await?.connection().tx_state(), TxState::Auto, "{place}: a transaction is open");
        Ok(true)
    }

    /// Requires that the server soon holds neither a lock nor a transaction.
    pub(crate) async fn is_free(&self, place: &str) -> Verdict {
        let end = Instant::now() + SOON;
        loop {
            let touched = self.witness.execute(LOCKED, ()).await;
            let open: i64 = match self.bench.fragments().open_transactions {
                Some(sql) => self.witness.fetch_value(sql, ()).await?,
                None => 0,
            };
            match touched {
                Ok(_) if open == 0 => return Ok(()),
                touched if Instant::now() >= end => {
                    panic!("{place}: after {SOON:?} {open} transactions are open, and of the lock: {touched:?}")
                }
                // InnoDB tells the same again to whoever has asked within a tenth of a second.
                _ => tokio::time::sleep(Duration::from_millis(if open > 0 { 120 } else { 5 })).await,
            }
        }
    }
}

/// Tells whether a connection says that it is lost.
async fn is_dead(conn: &Conn) -> bool {
    match conn.lease().await {
        Ok(mut lease) => lease.connection().health() == Health::Dead,
        // What a dropped transaction has left could not be undone.
        Err(error) => error.is_connection_lost(),
    }
}

/// Gives the points at which a call of so many polls is dropped: all of them, or as many as there is time for.
pub(crate) fn points(polls: usize) -> impl Iterator<Item = usize> {
    let step = if is_full() { 1 } else { (polls * polls / 2).div_ceil(POLLS).max(1) };
    (0..).step_by(step)
}

impl Slow {
    /// Makes so many steps with a future and drops it; gives what came of it where it came to its end before.
    pub(crate) async fn drop_at(&self, point: usize, future: BoxFuture<'_, ()>) -> Option<Result<()>> {
        self.walk(point, future, &mut 0).await
    }

    async fn walk(&self, point: usize, mut future: BoxFuture<'_, ()>, steps: &mut usize) -> Option<Result<()>> {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        self.drip(true);
        let mut ended = None;
        while *steps < point && ended.is_none() {
            *steps += 1;
            if self.drips() {
                // A byte comes between two polls.
                ended = poll(&mut future, Waker::noop());
                tokio::task::yield_now().await;
            } else if *steps % 2 == 1 {
                ended = poll(&mut future, &waker);
            } else {
                // What the call waits for has come, and nobody looks at it.
                woken.0.notified().await;
            }
        }
        drop(future);
        self.drip(false);
        ended
    }
}

fn poll(future: &mut BoxFuture<'_, ()>, waker: &Waker) -> Option<Result<()>> {
    match future.as_mut().poll(&mut Context::from_waker(waker)) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[derive(Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}
