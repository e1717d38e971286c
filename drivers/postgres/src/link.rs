//! The line to the server: one request at a time, and the truth about it when one is dropped halfway.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use oarlock_core::cancel::{Cancel, Watch, end_or_stop};
use oarlock_core::connection::closed;
use oarlock_core::{Error, ErrorKind, Result, TxState};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::cancel::Canceller;
use crate::dial::Dialed;
use crate::error::{self, Context};
use crate::wire::Wire;

/// What a request that was dropped halfway leaves to be done, once the server has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    /// Nothing: the state that the server then reports is the state.
    Nothing,
    /// A transaction that nobody knows of.
    Transaction,
    /// The work since the savepoint of a batch.
    Batch,
    /// The session: it is half reset.
    Session,
}

/// The savepoint under which a batch runs in an open transaction.
pub(crate) const BATCH_SAVEPOINT: &str = "oarlock_batch";

/// How long a session's good end may take before it is cut.
const GOODBYE: Duration = Duration::from_secs(5);

/// The line to the server.
pub(crate) struct Link {
    /// `None` once the session was closed.
    client: Option<Client>,
    pub(crate) wire: Arc<Wire>,
    task: JoinHandle<()>,
    dead: bool,
    /// A request is on its way; whoever finds it here after the fact knows that its future was dropped.
    flight: Option<Undo>,
    pub(crate) canceller: Arc<Canceller>,
    /// Has the request stopped that was dropped on its way.
    watch: Option<Watch>,
    /// It is not stopped: that would fail the transaction.
    spared: bool,
}

impl Link {
    pub(crate) fn new(dialed: Dialed) -> Self {
        Self {
            client: Some(dialed.client),
            wire: dialed.wire,
            task: dialed.task,
            dead: false,
            flight: None,
            canceller: dialed.canceller,
            watch: None,
            spared: false,
        }
    }

    /// Gives the client for a request of the session's own.
    pub(crate) fn client(&self) -> Result<&Client> {
        match &self.client {
            Some(client) if !self.is_dead() => Ok(client),
            Some(_) => Err(self.wire.lost()),
            None => Err(closed()),
        }
    }

    /// Gives the client for the user, whatever the state.
    pub(crate) fn client_mut(&mut self) -> Option<&mut Client> {
        self.client.as_mut()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead || self.client.as_ref().is_none_or(Client::is_closed)
    }

    /// Tells whether a request was dropped halfway.
    pub(crate) fn is_recovering(&self) -> bool {
        self.flight.is_some()
    }

    /// Tells whether something has to be brought to its end before the next request: one that was dropped halfway, or a
    /// request to stop that may not have landed.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.flight.is_some() || !self.canceller.gate().is_quiet()
    }

    /// Gives up the request that was dropped halfway, whose reply may be long in coming.
    ///
    /// Where its rows `flow`, that is no reason to fail an open transaction: they are read to their end.
    pub(crate) fn give_up(&mut self, flow: bool) {
        if self.flight.is_none() || self.watch.is_some() || self.spared || self.is_dead() {
            return;
        }
        self.spared = flow && self.tx_state() == TxState::Open;
        if !self.spared {
            let wire = Arc::clone(&self.wire);
            let canceller: Arc<dyn Cancel> = Arc::clone(&self.canceller) as _;
            self.watch = Some(Watch::over(canceller, move || wire.is_busy()));
        }
    }

    pub(crate) fn tx_state(&self) -> TxState {
        if self.is_dead() { TxState::Auto } else { self.wire.tx_state() }
    }

    /// Marks that a request leaves; [`landed`](Self::landed) or [`failed`](Self::failed) take the mark away. Where several leave before
    /// the first reply is awaited, the [wire](Wire::leave_another) is told of each behind the first.
    pub(crate) fn leave(&mut self, undo: Undo) {
        self.flight = Some(undo);
        self.wire.leave();
    }

    /// Marks that the request's reply is complete, or is being read by whoever holds its stream.
    pub(crate) fn landed(&mut self) {
        self.flight = None;
        self.wire.landed();
    }

    /// Cuts the line: nothing that may come over it can be trusted.
    pub(crate) fn kill(&mut self) {
        self.dead = true;
        self.task.abort();
    }

    /// Takes the error of a request whose reply was not read to its end: waits for that end, after which the state of the
    /// transaction is known.
    pub(crate) async fn failed(&mut self, error: tokio_postgres::Error, context: Context<'_>) -> Error {
        if self.notes_fatal(&error) {
            return error::convert(error, &self.wire, context);
        }
        // Without the server's word nothing was sent.
        if error.as_db_error().is_some() && self.settle().await.is_err() {
            self.dead = true;
        }
        self.landed();
        error::convert(error, &self.wire, context)
    }

    /// Takes an error and tells whether the session is over with it.
    pub(crate) fn notes_fatal(&mut self, error: &tokio_postgres::Error) -> bool {
        if self.wire.is_copying() {
            self.kill();
        }
        if error::is_fatal(error) {
            self.dead = true;
            self.landed();
        }
        self.dead
    }

    /// Waits until the server has answered all that was sent: replies come in order, and an empty query has one too. A request
    /// to stop may hit that one.
    async fn settle(&self) -> Result<(), tokio_postgres::Error> {
        let Some(client) = &self.client else { return Ok(()) };
        loop {
            match client.batch_execute("").await {
                Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {}
                result => return result,
            }
        }
    }

    /// Waits until the server has answered all that was sent, and has it stop what takes long.
    async fn settle_soon(&mut self) -> Result<()> {
        self.watch = None;
        let settled = if std::mem::take(&mut self.spared) {
            Some(self.settle().await)
        } else {
            end_or_stop(self.settle(), &*self.canceller).await
        };
        match settled {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.dead = true;
                return Err(error::convert(error, &self.wire, Context::default()));
            }
            None => {
                self.kill();
                return Err(Error::new(ErrorKind::ConnectionLost, "the server did not stop an abandoned statement"));
            }
        }
        if self.canceller.gate().is_quiet() {
            return Ok(());
        }
        if !self.canceller.gate().landed().await {
            self.kill();
            return Err(Error::new(ErrorKind::ConnectionLost, "a request to stop a statement was lost on its way"));
        }
        self.settle().await.map_err(|error| {
            self.dead = true;
            error::convert(error, &self.wire, Context::default())
        })
    }

    /// Sends statements of the driver's own, without parameters or rows, in one message.
    pub(crate) async fn control(&mut self, sql: &str, undo: Undo) -> Result<()> {
        self.send(sql, undo, Context::default()).await
    }

    /// Sends statements without parameters in one message; rows are dropped.
    pub(crate) async fn send(&mut self, sql: &str, undo: Undo, context: Context<'_>) -> Result<()> {
        self.client()?;
        self.leave(undo);
        let started = Instant::now();
        let sent = match &self.client {
            Some(client) => client.batch_execute(sql).await,
            None => Ok(()),
        };
        self.answered(sent, started, context).await
    }

    /// Takes how the server answered statements that were sent as text.
    async fn answered(
        &mut self,
        answer: Result<(), tokio_postgres::Error>,
        started: Instant,
        context: Context<'_>,
    ) -> Result<()> {
        let Err(error) = answer else {
            self.landed();
            return Ok(());
        };
        let limit = context.limit.map(|(limit, _)| (limit, started.elapsed()));
        Err(self.failed(error, Context { limit, ..context }).await)
    }

    /// Sends several statements in one message, and counts those that ran; rows are dropped.
    pub(crate) async fn send_several(
        &mut self,
        sql: &str,
        undo: Undo,
        context: Context<'_>,
        ran: &mut usize,
    ) -> Result<()> {
        self.client()?;
        self.leave(undo);
        let started = Instant::now();
        let counted = async {
            let Some(client) = &self.client else { return Ok(()) };
            let mut replies = pin!(client.simple_query_raw(sql).await?);
            while let Some(reply) = replies.try_next().await? {
                *ran += usize::from(matches!(reply, SimpleQueryMessage::CommandComplete(_)));
            }
            Ok(())
        };
        let counted = counted.await;
        self.answered(counted, started, context).await
    }

    /// Ends what a dropped future left behind.
    pub(crate) async fn recover(&mut self) -> Result<()> {
        self.settle_soon().await?;
        let Some(undo) = self.flight else {
            return Ok(());
        };
        let state = self.wire.tx_state();
        match undo {
            Undo::Session => {
                self.kill();
                return Err(Error::new(ErrorKind::ConnectionLost, "the session was dropped while it was being reset"));
            }
            Undo::Transaction if state != TxState::Auto => self.control("ROLLBACK", undo).await?,
            Undo::Batch if state != TxState::Auto => {
                // Where the savepoint was never set, this fails the transaction, which is the honest end of it.
                let sql = format!("ROLLBACK TO SAVEPOINT {BATCH_SAVEPOINT}; RELEASE SAVEPOINT {BATCH_SAVEPOINT}");
                if let Err(error) = self.control(&sql, undo).await
                    && self.is_dead()
                {
                    return Err(error);
                }
            }
            Undo::Nothing | Undo::Transaction | Undo::Batch => {}
        }
        self.landed();
        Ok(())
    }

    /// Ends the session: with a word to the server where it listens, else at once.
    pub(crate) async fn close(&mut self) {
        let idle = !self.is_dead() && self.flight.is_none();
        self.dead = true;
        // The task says goodbye when the last client is gone.
        drop(self.client.take());
        if !idle || tokio::time::timeout(GOODBYE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// A session that is dropped ends; one that is dropped in the middle of a request ends at once, not when the server is done.
impl Drop for Link {
    fn drop(&mut self) {
        // The task may be waiting until rows are read.
        self.wire.rows.forget();
        if self.flight.is_some() || self.dead {
            self.task.abort();
        }
    }
}
