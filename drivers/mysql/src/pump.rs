//! One future per call, which owns the connection until the server has said all it has to say.
//!
//! `mysql_async` breaks when a future of its own is dropped between a command and its reply, and its row stream boxes a
//! future per row. Here every call on the server runs in one future that owns the [`Conn`] and lives in the driver's
//! connection, not in the caller's future: the caller's can be dropped at any point, and nothing is lost but the wish to
//! know. Rows go through a slot, a batch at a time: the future puts a batch down, returns `Pending`, and goes on
//! when it is polled for the next.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::{FromRow, Protocol, Queryable};
use mysql_async::{Conn, Params, QueryResult, Row, Statement, Value, from_row_opt};
use oarlock_core::RowBatch;
use tokio_util::sync::ReusableBoxFuture;

use crate::batch::Batch;
use crate::columns::{Plan, Reading};
use crate::guard::guarded;

/// The future of a call. Its allocation outlives the call: it is the largest of a statement's, past what an allocator keeps at
/// hand.
pub(crate) type Pump = ReusableBoxFuture<'static, Ending>;

/// What a pump holds while no call is on its way.
pub(crate) fn idle() -> std::future::Pending<Ending> {
    std::future::pending()
}

/// This command cannot be prepared.
pub(crate) const CANNOT_PREPARE: u16 = 1295;

/// What the future and whoever polls it tell each other. They never run at the same time, so no lock is ever waited for.
#[derive(Default)]
pub(crate) struct Slot {
    /// How many rows are wanted in the next batch; 0 drops the rest of the set.
    max: AtomicUsize,
    /// Everything that still comes is dropped.
    drain: AtomicBool,
    /// Whoever made the call is gone.
    abandoned: AtomicBool,
    columns: Mutex<Option<SetColumns>>,
    event: Mutex<Option<Event>>,
    prepared: Mutex<Option<Statement>>,
    /// The row of a batch that is being run.
    index: Mutex<Option<usize>>,
    /// How many sets, or statements without one, the server has come to the end of.
    finished: AtomicUsize,
}

/// The columns of a set of rows that begins.
pub(crate) struct SetColumns {
    /// How its rows are read.
    pub(crate) plan: Arc<Plan>,
    /// It is another plan than the order's.
    pub(crate) fresh: bool,
}

/// What an open statement has to hand over.
pub(crate) enum Event {
    /// Rows.
    Rows(Batch),
    /// The set is over, and another one follows.
    SetEnd,
}

impl Slot {
    /// Says what is wanted before the future is polled.
    pub(crate) fn want(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Says whether everything that still comes is dropped.
    pub(crate) fn drain(&self, drain: bool) {
        self.drain.store(drain, Ordering::Relaxed);
        if drain {
            self.want(0);
        }
    }

    /// Says whether the caller is gone.
    pub(crate) fn abandon(&self, abandoned: bool) {
        self.abandoned.store(abandoned, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn is_drained(&self) -> bool {
        self.drain.load(Ordering::Relaxed)
    }

    /// Takes the columns that the future has put down; they come before the rows.
    pub(crate) fn take_columns(&self) -> Option<SetColumns> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Drops what the future has put down.
    pub(crate) fn clear(&self) {
        self.take_columns();
        self.take();
    }

    /// Takes what the future has put down.
    pub(crate) fn take(&self) -> Option<Event> {
        self.event.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes the statement that the future has prepared.
    pub(crate) fn take_prepared(&self) -> Option<Statement> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn put_prepared(&self, statement: Statement) {
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(statement);
    }

    /// Notes the row of a batch that is being run.
    pub(crate) fn put_index(&self, index: Option<usize>) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = index;
    }

    /// Takes the row of a batch that was being run.
    pub(crate) fn take_index(&self) -> Option<usize> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gives how many sets, or statements without one, the server has come to the end of.
    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    fn finish(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    fn put(&self, event: Event) {
        *self.event.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }

    /// Puts an event down, after the one before it was taken, and waits until it is polled again.
    async fn hand(&self, event: Event) {
        poll_fn(|_| if self.is_taken() { Poll::Ready(()) } else { Poll::Pending }).await;
        self.put(event);
        poll_fn(|_| if self.is_taken() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn is_taken(&self) -> bool {
        self.event.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

/// How a call ended.
pub(crate) struct Ending {
    /// The connection, whatever state it is in.
    pub(crate) conn: Conn,
    /// What came of it.
    pub(crate) result: mysql_async::Result<Done>,
    /// The session's status as the server told it last.
    pub(crate) status: Option<StatusFlags>,
    /// `sql_mode` and `time_zone`, where the call may have changed them.
    pub(crate) settings: Option<(String, String)>,
}

/// What the server counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    /// The rows that were given, where there were columns.
    pub(crate) rows: Option<u64>,
    /// The rows that the server says were affected.
    pub(crate) affected: u64,
    /// The number of records of an INSERT of several rows.
    pub(crate) records: Option<u64>,
    pub(crate) last_insert_id: Option<u64>,
    pub(crate) warnings: u16,
}

/// How a statement reaches the server.
pub(crate) enum Form {
    /// As text, for what has neither parameters nor, as a rule, rows.
    Text(String),
    /// It is prepared first.
    Prepare(String),
    /// It is prepared.
    Prepared(Statement),
}

/// What is left of a form that was taken.
impl Default for Form {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// A statement to run.
pub(crate) struct Order {
    pub(crate) form: Form,
    pub(crate) params: Vec<Value>,
    /// The plan of the last execution.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) reading: Reading,
    pub(crate) aftermath: Aftermath,
    /// Statements to close first.
    pub(crate) doomed: Vec<Statement>,
    /// It begins a transaction that is undone where nobody waits for its end any more.
    pub(crate) begins: bool,
}

/// What has to be asked after a statement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Aftermath {
    /// An error may have ended a transaction: the status is asked for.
    pub(crate) status: bool,
    /// The statement may have changed the settings that we depend on.
    pub(crate) settings: bool,
}

/// Runs a statement.
pub(crate) async fn execute(mut conn: Conn, slot: Arc<Slot>, mut order: Order) -> Ending {
    let aftermath = order.aftermath;
    slot.finished.store(0, Ordering::Relaxed);
    let result = run(&mut conn, &slot, &mut order).await;
    if order.begins && slot.is_abandoned() && matches!(result, Ok(_) | Err(mysql_async::Error::Server(_))) {
        // Without a transaction it does nothing; what fails ends with the session.
        let _ = conn.query_drop("ROLLBACK").await;
    }
    end(conn, result, aftermath).await
}

/// Prepares a statement without running it.
pub(crate) async fn prepare(mut conn: Conn, slot: Arc<Slot>, wire: String, doomed: Vec<Statement>) -> Ending {
    let result = async {
        close(&mut conn, doomed).await?;
        let statement = conn.prep(wire).await?;
        slot.put_prepared(statement);
        Ok(Done::default())
    };
    let result = result.await;
    end(conn, result, Aftermath::default()).await
}

/// Asks for a sign of life.
pub(crate) async fn ping(mut conn: Conn) -> Ending {
    let result = conn.ping().await.map(|()| Done::default());
    end(conn, result, Aftermath::default()).await
}

/// A step of two-phase commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Xa {
    Start,
    Prepare,
    CommitOnePhase,
    EndAndRollback,
    Commit,
    Rollback,
}

/// Takes a step of two-phase commit on the branch of a name. A branch that nobody will know of is undone here: one that
/// began when its caller was gone, and one that could not be prepared or committed.
pub(crate) async fn xa(mut conn: Conn, slot: Arc<Slot>, step: Xa, name: String) -> Ending {
    let sql = match step {
        Xa::Start => format!("XA START {name}"),
        Xa::Prepare => format!("XA END {name}; XA PREPARE {name}"),
        Xa::CommitOnePhase => format!("XA END {name}; XA COMMIT {name} ONE PHASE"),
        Xa::EndAndRollback | Xa::Rollback => format!("XA ROLLBACK {name}"),
        Xa::Commit => format!("XA COMMIT {name}"),
    };
    if step == Xa::EndAndRollback {
        // It is an error where a deadlock has ended the branch's work, which is no reason to keep the branch.
        let _ = conn.query_drop(format!("XA END {name}")).await;
    }
    let result = conn.query_drop(sql).await;
    let is_undone = match &result {
        Ok(()) => step == Xa::Start && slot.is_abandoned(),
        Err(_) => matches!(step, Xa::Prepare | Xa::CommitOnePhase),
    };
    if is_undone {
        let _ = conn.query_drop(format!("XA END {name}")).await;
        let _ = conn.query_drop(format!("XA ROLLBACK {name}")).await;
    }
    end(conn, result.map(|()| Done::default()), Aftermath { status: true, settings: false }).await
}

/// Makes the session as good as new, all but what `setup` sets again. Prepared statements are gone.
pub(crate) async fn reset(mut conn: Conn, setup: String, change_user: bool) -> Ending {
    let result = async {
        if change_user || !conn.reset().await? {
            conn.change_user(mysql_async::ChangeUserOpts::default()).await?;
        }
        conn.query_drop(setup).await?;
        Ok(Done::default())
    };
    let result = result.await;
    end(conn, result, Aftermath { status: false, settings: true }).await
}

/// Brings what a future has left to its end: errors and settings that changed.
pub(crate) async fn end(mut conn: Conn, result: mysql_async::Result<Done>, aftermath: Aftermath) -> Ending {
    let mut settings = None;
    let result = match result {
        Ok(done) if aftermath.settings => {
            let asked = conn.query_first::<Row, _>("SELECT @@sql_mode, @@time_zone").await;
            asked.and_then(answer).map(|found| {
                settings = Some(found);
                done
            })
        }
        Err(mysql_async::Error::Server(error)) if aftermath.status => match conn.ping().await {
            Ok(()) => Err(mysql_async::Error::Server(error)),
            Err(lost) => Err(lost),
        },
        result => result,
    };
    let status = conn.last_ok_packet().map(mysql_async::OkPacket::status_flags);
    Ending { conn, result, status, settings }
}

/// Reads the row that the driver has asked for. `mysql_async` would panic where a server answers with another.
pub(crate) fn answer<T: FromRow>(row: Option<Row>) -> mysql_async::Result<T> {
    let answer = row.and_then(|row| from_row_opt(row).ok());
    answer.ok_or_else(|| mysql_async::Error::Other("the server's answer is not one to the question".into()))
}

pub(crate) async fn close(conn: &mut Conn, doomed: Vec<Statement>) -> mysql_async::Result<()> {
    for statement in doomed {
        conn.close(statement).await?;
    }
    Ok(())
}

async fn run(conn: &mut Conn, slot: &Slot, order: &mut Order) -> mysql_async::Result<Done> {
    if !order.doomed.is_empty() {
        Box::pin(close(conn, std::mem::take(&mut order.doomed))).await?;
    }
    let statement = match std::mem::take(&mut order.form) {
        Form::Text(sql) => return Box::pin(pump(conn.query_iter(sql).await?, slot, order)).await,
        Form::Prepared(statement) => statement,
        Form::Prepare(wire) => match conn.prep(&*wire).await {
            Ok(statement) => {
                slot.put_prepared(statement.clone());
                statement
            }
            Err(mysql_async::Error::Server(error)) if error.code == CANNOT_PREPARE && order.params.is_empty() => {
                return Box::pin(pump(conn.query_iter(wire).await?, slot, order)).await;
            }
            Err(error) => return Err(error),
        },
    };
    let params = match std::mem::take(&mut order.params) {
        none if none.is_empty() => Params::Empty,
        values => Params::Positional(values),
    };
    pump(conn.exec_iter(statement, params).await?, slot, order).await
}

/// Hands over all that a statement gives.
async fn pump<P: Protocol>(
    mut result: QueryResult<'_, 'static, P>,
    slot: &Slot,
    order: &Order,
) -> mysql_async::Result<Done> {
    let mut done = Done::default();
    loop {
        match result.columns() {
            // A set without columns is a statement that gives no rows, or the end of a CALL.
            Some(columns) if columns.is_empty() => {
                done.affected = result.affected_rows();
                done.last_insert_id = result.last_insert_id();
                done.records = records(&result.info());
                done.warnings = result.warnings();
                slot.finish();
                result.next().await?;
            }
            Some(columns) => {
                if done.rows.is_some() && !slot.is_drained() {
                    slot.hand(Event::SetEnd).await;
                }
                let (plan, fresh) = match &order.plan {
                    Some(plan) if plan.fits(&columns, order.reading) => (Arc::clone(plan), false),
                    _ => (Arc::new(Plan::new(columns, order.reading)), true),
                };
                *slot.columns.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(SetColumns { plan: Arc::clone(&plan), fresh });
                let rows = pump_set(&mut result, slot, plan).await?;
                done.rows = Some(done.rows.unwrap_or(0) + rows);
                done.warnings = result.warnings();
                slot.finish();
            }
            // Nothing follows, or the error of the next set.
            None => {
                result.next().await?;
                return Ok(done);
            }
        }
    }
}

/// Hands over the rows of one set, and counts them.
async fn pump_set<P: Protocol>(
    result: &mut QueryResult<'_, 'static, P>,
    slot: &Slot,
    plan: Arc<Plan>,
) -> mysql_async::Result<u64> {
    let mut batch = Batch::new(plan);
    let mut count = 0;
    loop {
        let row = {
            let mut next = pin!(result.next());
            poll_fn(|cx| {
                let polled = next.as_mut().poll(cx);
                // Nobody waits for a full batch while the server takes its time.
                if polled.is_pending() && !batch.is_empty() {
                    slot.put(Event::Rows(batch.take()));
                }
                polled
            })
            .await
        };
        match row {
            Ok(Some(row)) => {
                count += 1;
                // A full batch goes out when it is known what comes after it: often nothing but the end.
                if batch.is_full(slot.max.load(Ordering::Relaxed)) {
                    slot.hand(Event::Rows(batch.take())).await;
                }
                if slot.max.load(Ordering::Relaxed) > 0 {
                    batch.push(row);
                }
            }
            // The last rows go out together with the end of the statement, where nothing else comes between.
            Ok(None) => {
                if !batch.is_empty() {
                    slot.put(Event::Rows(batch));
                }
                return Ok(count);
            }
            Err(error) => {
                if !batch.is_empty() {
                    slot.hand(Event::Rows(batch)).await;
                }
                return Err(error);
            }
        }
    }
}

/// Reads the number of records out of `Records: 3  Duplicates: 1  Warnings: 0`.
pub(crate) fn records(info: &str) -> Option<u64> {
    info.strip_prefix("Records: ")?.split(' ').next()?.parse().ok()
}

/// Polls a future; it must not be polled again after an error.
pub(crate) fn poll(pump: &mut Pump, cx: &mut std::task::Context<'_>) -> Poll<oarlock_core::Result<Ending>> {
    match guarded(|| pump.poll(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(error) => Poll::Ready(Err(error)),
    }
}

/// Polls a future to its end and drops what it hands over.
pub(crate) fn poll_drained(
    pump: &mut Pump,
    slot: &Slot,
    cx: &mut std::task::Context<'_>,
) -> Poll<oarlock_core::Result<Ending>> {
    slot.drain(true);
    slot.clear();
    loop {
        match poll(pump, cx) {
            Poll::Ready(ending) => {
                slot.clear();
                return Poll::Ready(ending);
            }
            Poll::Pending if slot.take().is_some() => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}
