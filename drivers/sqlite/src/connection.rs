//! The front of a connection: what the caller holds, while the session is here or away on a worker thread.

use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use oarlock_core::cancel::Cancel;
use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{DriverInfo, Many, Query, busy, closed, run, savepoint_name};
use oarlock_core::lex::{Span, Verb, split};
use oarlock_core::params::Parameters;
use oarlock_core::result::{Description, Notice, RowSink};
use oarlock_core::{
    BoxFuture, Column, Connection, Dialect, Error, Health, Isolation, Outcome, Result, RowBatch, TxOptions, TxState,
};
use tokio::sync::oneshot;

use crate::error::lost;
use crate::guard::Guard;
use crate::inline;
use crate::lent::Lent;
use crate::open::Open;
use crate::options::Inline;
use crate::parameters::OwnedParameters;
use crate::queue::{Feed, Queue};
use crate::run::{Ended, gone};
use crate::session::Session;
use crate::worker;
use crate::writers::Writers;

/// A connection to a SQLite database.
///
/// # Cancellation
///
/// A statement whose future is dropped, or whose cursor is dropped half-read, is interrupted; the next call waits for that.
/// SQLite rolls the whole transaction back when it interrupts a statement that writes: the statements of a guard are then
/// refused until it is ended. A connection that is dropped is closed on a worker thread, as that may write.
#[derive(Debug)]
pub struct SqliteConnection {
    info: DriverInfo,
    place: Place,
    guard: Arc<Guard>,
    writers: Writers,
    tx: TxState,
    columns: Arc<[Column]>,
    pub(crate) open: Option<Open>,
    /// What [`native`](Connection::native) gives while SQLite's connection is not here.
    nothing: (),
}

/// Where the session is.
#[derive(Debug)]
enum Place {
    Here(Box<Session>),
    /// On a worker thread. It comes back by the receiver, which is kept here and not in the future that waits for it, so that
    /// a dropped future loses nothing.
    Away {
        home: oneshot::Receiver<Home>,
        /// The queue of the statement that is running, if it gives rows.
        queue: Option<Arc<Queue>>,
    },
    Closed,
}

/// A session that comes back, and how the statement that it ran ended.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) session: Box<Session>,
    pub(crate) ended: Result<Ended>,
}

/// Stops what runs on the worker when the future that waits for it is dropped.
struct StopOnDrop<'g>(Option<&'g Guard>);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.0 {
            guard.stop();
        }
    }
}

impl SqliteConnection {
    pub(crate) fn new(session: Session, info: DriverInfo, writers: Writers) -> Self {
        Self {
            info,
            guard: Arc::clone(&session.guard),
            place: Place::Here(Box::new(session)),
            writers,
            tx: TxState::Auto,
            columns: Arc::default(),
            open: None,
            nothing: (),
        }
    }

    /// Sends the session to a worker with a job.
    fn send(&mut self, queue: Option<Arc<Queue>>, job: impl FnOnce(&mut Session) -> Result<Ended> + Send + 'static) {
        let (sender, home) = oneshot::channel();
        match std::mem::replace(&mut self.place, Place::Away { home, queue }) {
            Place::Here(mut session) => {
                self.guard.depart();
                let writers = self.writers.clone();
                worker::spawn(move || {
                    let ended = job(&mut session);
                    // If nobody waits any more, the session ends here, on a thread that may block.
                    if let Err(home) = sender.send(Home { session, ended }) {
                        drop(writers.close(*home.session));
                    }
                });
            }
            elsewhere => self.place = elsewhere,
        }
    }

    /// Waits for the session to come back.
    pub(crate) fn poll_home(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended>> {
        let Place::Away { home, .. } = &mut self.place else { return Poll::Ready(Err(closed())) };
        if let Ok(Home { mut session, ended }) = ready!(Pin::new(home).poll(cx)) {
            session.settle();
            self.tx = session.tx_state();
            self.guard.clear();
            self.place = Place::Here(session);
            Poll::Ready(ended)
        } else {
            self.place = Place::Closed;
            Poll::Ready(Err(lost()))
        }
    }

    /// Asks what runs on the worker to end, unless it has written and is about to end by itself.
    fn stop(&self) {
        if let Place::Away { queue, .. } = &self.place {
            let written = queue.as_ref().is_some_and(|queue| {
                queue.close();
                queue.has_written()
            });
            if !written {
                self.guard.stop();
            }
        }
    }

    /// Ends what was left behind, and has the session here.
    pub(crate) async fn recover(&mut self) -> Result<&mut Session> {
        if self.open.is_some() {
            return Err(busy());
        }
        if let Place::Away { .. } = self.place {
            self.stop();
            if let Err(error) = poll_fn(|cx| self.poll_home(cx)).await
                && let Place::Closed = self.place
            {
                return Err(error);
            }
        }
        self.session()
    }

    fn session(&mut self) -> Result<&mut Session> {
        match &mut self.place {
            Place::Here(session) => Ok(session),
            Place::Away { .. } => Err(busy()),
            Place::Closed => Err(closed()),
        }
    }

    /// Runs a job on a worker and waits for what it gives; or here, where the options say so.
    pub(crate) async fn call<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let session = self.recover().await?;
        if session.options.inline == Inline::All {
            let given = session.rearm().and_then(|()| job(session));
            session.settle();
            self.tx = self.session()?.tx_state();
            return given;
        }
        let (sender, reply) = oneshot::channel();
        self.send(None, move |session| {
            let given = session.rearm().and_then(|()| job(session));
            drop(sender.send(given));
            Ok(Ended::Done(Outcome::default()))
        });
        let guard = Arc::clone(&self.guard);
        let mut stop = StopOnDrop(Some(&guard));
        let came = poll_fn(|cx| self.poll_home(cx)).await;
        stop.0 = None;
        came?;
        reply.await.map_err(|_| lost())?
    }

    /// Lends the session to another connection's job.
    pub(crate) fn lend(&mut self) -> Result<Lent> {
        self.session()?;
        let (sender, home) = oneshot::channel();
        let writers = self.writers.clone();
        match std::mem::replace(&mut self.place, Place::Away { home, queue: None }) {
            Place::Here(session) => Ok(Lent::new(session, sender, writers)),
            elsewhere => {
                self.place = elsewhere;
                Err(closed())
            }
        }
    }

    /// Waits for the turn to write. The session gives it back when it comes home without a transaction.
    pub(crate) async fn take_turn(&mut self) -> Result<()> {
        let turn = self.guard.wait_for(self.writers.turn(self.guard.busy_timeout())).await?;
        self.session()?.turn = Some(turn);
        Ok(())
    }

    /// Runs a statement here and now if it is short.
    fn start_here(&mut self, query: &Query<'_>) -> Result<bool> {
        let session = self.session()?;
        let ran = session.run_here(query);
        self.tx = session.tx_state();
        let Some(ran) = ran? else { return Ok(false) };
        self.columns = ran.columns;
        let rest = ran.rows.map(|rows| (Arc::new(rows), 0));
        self.open = Some(Open { rest, queue: None, ended: Some(Ok(ran.outcome)) });
        Ok(true)
    }

    async fn start_on_worker(&mut self, query: Query<'_>) -> Result<()> {
        self.columns = Arc::default();
        let sql: Arc<str> = query.sql.into();
        let parameters = Arc::new(OwnedParameters::of(query.params.names, query.params.values)?);
        let session = self.session()?;
        if session.known(&sql).is_some_and(|known| session.needs_turn(&known)) {
            self.take_turn().await?;
        }
        if let Ended::NeedsTurn = self.attempt(&sql, &parameters, query.guarded).await? {
            self.take_turn().await?;
            self.attempt(&sql, &parameters, query.guarded).await?;
        }
        Ok(())
    }

    /// Starts a statement on a worker and waits until its columns are known, or it has ended.
    async fn attempt(&mut self, sql: &Arc<str>, parameters: &Arc<OwnedParameters>, guarded: bool) -> Result<Ended> {
        let queue = Arc::new(Queue::default());
        let (sql, parameters, feed) = (Arc::clone(sql), Arc::clone(parameters), Feed::new(Arc::clone(&queue)));
        self.send(Some(Arc::clone(&queue)), move |session| {
            let mut feed = feed;
            parameters.with(|names, values| session.execute(&sql, Parameters { names, values }, guarded, &mut feed))
        });
        let guard = Arc::clone(&self.guard);
        let mut stop = StopOnDrop(Some(&guard));
        let ended = poll_fn(|cx| {
            if let Poll::Ready(ended) = self.poll_home(cx) {
                return Poll::Ready(Some(ended));
            }
            queue.poll_columns(cx).map(|columns| {
                self.columns = columns;
                None
            })
        })
        .await;
        stop.0 = None;
        let outcome = match ended.transpose()? {
            None => None,
            Some(Ended::NeedsTurn) => return Ok(Ended::NeedsTurn),
            Some(Ended::Done(outcome)) => {
                self.columns = queue.take_columns().unwrap_or_default();
                Some(outcome)
            }
        };
        self.open = Some(Open { rest: None, queue: Some(queue), ended: outcome.map(Ok) });
        Ok(Ended::Done(outcome.unwrap_or_default()))
    }
}

/// Tells whether such a statement of a script writes where others may.
fn writes(verb: Verb) -> bool {
    verb.changes_rows()
        || matches!(verb, Verb::With | Verb::Create | Verb::Alter | Verb::Drop | Verb::Analyze | Verb::Reindex)
}

impl Connection for SqliteConnection {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn health(&self) -> Health {
        match (&self.place, &self.open) {
            (Place::Closed, _) => Health::Dead,
            (Place::Away { .. }, None) => Health::Recovering,
            (Place::Away { .. }, Some(_)) | (Place::Here(_), _) => Health::Ready,
        }
    }

    fn tx_state(&self) -> TxState {
        self.tx
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if inline::is_long() {
                inline::pause().await;
            }
            // The rest is boxed, so that the future of a short statement stays small.
            if self.open.is_some() || !matches!(self.place, Place::Here(_)) {
                Box::pin(self.recover()).await?;
            }
            if self.start_here(&query)? { Ok(()) } else { Box::pin(self.start_on_worker(query)).await }
        })
    }

    fn run_now(&mut self, query: &Query<'_>, sink: &mut dyn RowSink) -> Result<Option<Outcome>> {
        let Place::Here(session) = &mut self.place else { return Ok(None) };
        if self.open.is_some() || inline::is_long() {
            return Ok(None);
        }
        let ran = session.lend_here(query, sink);
        self.tx = session.tx_state();
        Ok(ran?.map(|ran| {
            self.columns = ran.columns;
            ran.outcome
        }))
    }

    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        self.poll_rows(cx, max)
    }

    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        // There is one set. Its outcome is kept for the finish.
        let ended = match &mut self.open {
            None => return Poll::Ready(Ok(false)),
            Some(_) => ready!(self.poll_end(cx)),
        };
        let outcome = ended?;
        self.open = Some(Open { rest: None, queue: None, ended: Some(Ok(outcome)) });
        Poll::Ready(Ok(false))
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.poll_end(cx)
    }

    fn canceller(&self) -> Option<Arc<dyn Cancel>> {
        Some(Arc::clone(&self.guard) as _)
    }

    fn abandon(&mut self) {
        self.columns = Arc::default();
        if self.open.take().is_some() {
            self.stop();
        }
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        let sql = sql.to_owned();
        Box::pin(self.call(move |session| session.describe(&sql)))
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let session = self.recover().await?;
            if many.rows == 0 {
                return Ok(Outcome::rows(Some(0)));
            }
            let parameters = OwnedParameters::of(many.names, many.values)?;
            if session.turn.is_none() && !session.read_only {
                self.take_turn().await?;
            }
            let (sql, rows, guarded) = (many.sql.to_owned(), many.rows, many.guarded);
            self.call(move |session| session.run_many(&sql, &parameters, rows, guarded)).await
        })
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let session = self.recover().await?;
            let spans: Vec<Span> = split(text, &Dialect::SQLITE).collect();
            if session.turn.is_none() && !session.read_only && spans.iter().any(|span| writes(span.verb)) {
                self.take_turn().await?;
            }
            let text = text.to_owned();
            self.call(move |session| session.script(&text, &spans)).await
        })
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if inline::is_long() {
                inline::pause().await;
            }
            let session = self.recover().await?;
            if session.tx_state() != TxState::Auto {
                return Err(Error::interface("a transaction is open already").with_hint("set a savepoint"));
            }
            if options.isolation.is_some_and(|level| level != Isolation::Serializable) {
                return Err(Error::not_supported("sqlite's transactions are serializable, and nothing less"));
            }
            if options.deferrable {
                return Err(Error::not_supported("sqlite has no deferrable transactions"));
            }
            let read_only = options.read_only;
            if !read_only {
                self.take_turn().await?;
            }
            let session = self.session()?;
            if session.begin_here(read_only).inspect_err(|_| session.settle())? {
                self.tx = TxState::Open;
                return Ok(());
            }
            self.call(move |session| session.begin(read_only)).await
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let session = self.recover().await?;
            if session.tx_state() == TxState::Auto {
                return Err(gone());
            }
            let ended = session.end_here(Session::commit);
            self.tx = session.tx_state();
            if ended? { Ok(()) } else { self.call(Session::commit).await }
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let session = self.recover().await?;
            let ended = session.end_here(Session::rollback);
            self.tx = session.tx_state();
            if ended? { Ok(()) } else { self.call(Session::rollback).await }
        })
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info.dialect, name)?;
            // SQLite would begin a transaction with it.
            if self.recover().await?.tx_state() == TxState::Auto {
                return Err(gone());
            }
            run(self, &format!("SAVEPOINT {name}")).await.map(drop)
        })
    }

    fn is_clean(&self) -> bool {
        matches!(&self.place, Place::Here(session) if self.open.is_none() && session.is_clean())
    }

    fn set_baseline(&mut self) {
        if let Place::Here(session) = &mut self.place {
            session.keeps_temporary |= session.dirty;
            session.dirty = false;
        }
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.abandon();
            let session = self.recover().await?;
            if session.is_clean() {
                return Ok(());
            }
            self.call(Session::reset).await
        })
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.recover().await.map(drop) })
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        Box::pin(async move { self.recover().await.map(|_| Vec::new()) })
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        Box::pin(async move {
            let question = crate::catalog::Question::of(query)?;
            self.call(move |session| question.answer(&session.db)).await
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.abandon();
            // What was left behind ends first; where the connection is dead, there is nothing to close.
            drop(self.recover().await);
            let Place::Here(session) = std::mem::replace(&mut self.place, Place::Closed) else { return Ok(()) };
            self.tx = TxState::Auto;
            let (sender, done) = oneshot::channel();
            let writers = self.writers.clone();
            worker::spawn(move || drop(sender.send(writers.close(*session))));
            done.await.map_err(|_| lost())?
        })
    }

    fn driver(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }

    /// Gives the [`rusqlite::Connection`].
    ///
    /// Settings made through it last until the next [`reset`](Connection::reset); its busy handler, progress handler and
    /// update hook are the driver's own. While a statement is open or was abandoned the connection may be on another thread,
    /// and this gives a `()`. It can block: keep it off async threads.
    fn native(&mut self) -> &mut dyn Any {
        match &mut self.place {
            Place::Here(session) => {
                session.touched = true;
                session.shared = true;
                &mut session.db
            }
            Place::Away { .. } | Place::Closed => &mut self.nothing,
        }
    }
}

impl Drop for SqliteConnection {
    fn drop(&mut self) {
        self.stop();
        let session = match std::mem::replace(&mut self.place, Place::Closed) {
            Place::Here(session) => Some(session),
            Place::Away { mut home, .. } => {
                // From now on a job that ends closes its session itself; one may have come home meanwhile.
                home.close();
                home.try_recv().ok().map(|home| home.session)
            }
            Place::Closed => None,
        };
        if let Some(session) = session {
            let writers = self.writers.clone();
            worker::spawn(move || drop(writers.close(*session)));
        }
    }
}
