//! The connection: what is known of the session, and the one call that is on its way.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mysql_async::consts::StatusFlags;
use mysql_async::{Conn, Statement};
use oarlock_core::cache::StatementCache;
use oarlock_core::cancel::{STOP_LIMIT, Watch, end_or_stop};
use oarlock_core::connection::{DriverInfo, Health, Query, TxState, admit, busy, closed, lost};
use oarlock_core::lex::{Lexed, Verb, lex};
use oarlock_core::params::{Parameters, arrange};
use oarlock_core::tpc::Branch;
use oarlock_core::{Column, Error, ErrorKind, Outcome, Result};

use crate::bind::{Zone, bind};
use crate::cancel::Canceller;
use crate::columns::{Plan, Reading};
use crate::error::{Stage, convert, local_infile};
use crate::infile::Refusal;
use crate::limit::PacketLimit;
use crate::options::MysqlOptions;
use crate::pump::{self, Aftermath, Done, Ending, Event, Form, Order, Pump, SetColumns, Slot};
use crate::server::{MAX_PARAMETERS, Server, zone};
use crate::statement::{Cached, Traits};
use crate::wire;

/// The statement must be prepared again; its handle is unknown to the server.
const STALE: [i64; 2] = [1615, 1243];

/// A connection to MySQL or MariaDB.
///
/// Invariant: `conn` is there exactly when no call is on its way and the connection is alive.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact of the session")]
pub struct MysqlConnection {
    pub(crate) info: DriverInfo,
    pub(crate) server: Server,
    pub(crate) options: Arc<MysqlOptions>,
    pub(crate) conn: Option<Conn>,
    /// The call on its way, where `running` tells of one.
    pump: Pump,
    running: Option<Running>,
    pub(crate) phase: Phase,
    pub(crate) slot: Arc<Slot>,
    pub(crate) canceller: Arc<Canceller>,
    /// Has the call stopped that was dropped on its way.
    watch: Option<Watch>,
    pub(crate) refusal: Refusal,
    pub(crate) cache: StatementCache<Cached>,
    /// Handles that are closed on the server with the next call.
    pub(crate) doomed: Vec<Statement>,
    pub(crate) columns: Arc<[Column]>,
    pub(crate) no_columns: Arc<[Column]>,
    zone: Zone,
    pub(crate) limit: PacketLimit,
    pub(crate) tx: TxState,
    pub(crate) branch: Branch,
    autocommit: bool,
    /// The server rolled the transaction back by itself, and whoever began it has not yet been told.
    pub(crate) rolled_back: bool,
    /// The session may differ from a new one by more than a transaction.
    pub(crate) soiled: bool,
    pub(crate) warnings: u32,
    /// How the open statement ended, while its last rows are still being read.
    over: Option<Result<(Done, Outcome)>>,
    pub(crate) closed: bool,
    /// What [`native`](oarlock_core::Connection::native) gives while there is no connection to give.
    pub(crate) nothing: (),
}

/// The statement whose rows are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Phase {
    /// None. A call that is on its way all the same was abandoned.
    Idle,
    /// Its future is at work.
    Open {
        /// The set is over, and another one follows.
        set_ended: bool,
    },
    /// It came to its end, and nobody has asked for its outcome.
    Ended(Outcome),
}

/// A call on its way.
struct Running {
    traits: Option<Traits>,
    /// What the statement is kept under once it is prepared.
    fresh: Option<Fresh>,
}

/// A statement that is being prepared.
pub(crate) struct Fresh {
    pub(crate) sql: Box<str>,
    pub(crate) lexed: Lexed,
    pub(crate) traits: Traits,
}

/// A step of an open statement.
pub(crate) enum Step {
    Columns(SetColumns),
    Event(Event),
    Over(Result<(Done, Outcome)>),
}

impl MysqlConnection {
    pub(crate) fn new(
        conn: Conn,
        info: DriverInfo,
        server: Server,
        canceller: Canceller,
        refusal: Refusal,
        zone: Zone,
        limit: PacketLimit,
    ) -> Self {
        let no_columns: Arc<[Column]> = Arc::new([]);
        Self {
            cache: StatementCache::new(canceller.options().statement_cache),
            info,
            server,
            options: canceller.options(),
            conn: Some(conn),
            pump: Pump::new(pump::idle()),
            running: None,
            phase: Phase::Idle,
            slot: Arc::default(),
            canceller: Arc::new(canceller),
            watch: None,
            refusal,
            doomed: Vec::new(),
            columns: Arc::clone(&no_columns),
            no_columns,
            zone,
            limit,
            tx: TxState::Auto,
            branch: Branch::None,
            autocommit: true,
            rolled_back: false,
            soiled: false,
            warnings: 0,
            over: None,
            closed: false,
            nothing: (),
        }
    }

    /// Says where the server is reached once more, to have a statement stopped.
    pub(crate) fn stop_at(&mut self, options: Arc<MysqlOptions>) {
        self.canceller = Arc::new(self.canceller.at(options));
    }

    pub(crate) fn health_now(&self) -> Health {
        match (&self.running, &self.conn, self.phase) {
            (Some(_), _, Phase::Open { .. }) | (None, Some(_), _) => Health::Ready,
            (Some(_), ..) => Health::Recovering,
            (None, None, _) => Health::Dead,
        }
    }

    /// Ends what was abandoned, and refuses a call where none is possible.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        self.recovered().await?;
        self.branch.check_statement()
    }

    /// Makes the connection ready for what is possible on a prepared branch too.
    pub(crate) async fn recovered(&mut self) -> Result<()> {
        if !matches!(self.phase, Phase::Idle) {
            return Err(busy());
        }
        if self.running.is_some() || !self.canceller.gate().is_quiet() {
            Box::pin(self.recover()).await;
        }
        match self.conn {
            Some(_) => Ok(()),
            None if self.closed => Err(closed()),
            None => Err(lost()),
        }
    }

    /// Ends the call that was abandoned, and waits for requests to stop that are on their way. What the call came to, nobody
    /// wants to know.
    async fn recover(&mut self) {
        self.watch = None;
        if self.running.is_some() {
            self.slot.abandon(true);
            let canceller = Arc::clone(&self.canceller);
            let runs_xa = self.runs_xa();
            let end = std::future::poll_fn(|cx| self.poll_over(cx));
            let ended = if runs_xa {
                tokio::time::timeout(STOP_LIMIT, end).await.ok()
            } else {
                end_or_stop(end, &*canceller).await
            };
            if ended.is_none() {
                self.break_off();
            }
        }
        if self.canceller.gate().is_quiet() {
            return;
        }
        if self.canceller.gate().landed().await {
            // It may hit the next command: let it be this one.
            let _ = self.call(None, |conn, _| pump::ping(conn)).await;
        } else {
            self.conn = None;
        }
    }

    /// Gives up the call that was dropped on its way.
    pub(crate) fn give_up(&mut self) {
        if self.running.is_some() && self.watch.is_none() && !self.runs_xa() {
            // Nobody drives the call until the next one, so only that one could tell that it has ended.
            self.watch = Some(Watch::over(Arc::clone(&self.canceller) as _, || true));
        }
    }

    /// Tells whether the call on its way is a word of two-phase commit. Such a call is not stopped when it is abandoned: the
    /// server would leave a branch as it is that is taken here to have come to its end.
    fn runs_xa(&self) -> bool {
        let traits = self.running.as_ref().and_then(|running| running.traits);
        traits.is_some_and(|traits| traits.verb == Verb::Xa)
    }

    /// Runs a call to its end. When this future is dropped, the call is left to the next one.
    pub(crate) async fn call<F>(
        &mut self,
        traits: Option<Traits>,
        make: impl FnOnce(Conn, Arc<Slot>) -> F,
    ) -> Result<(Done, Outcome)>
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        self.call_fresh(traits, None, make).await
    }

    /// Runs a call to its end that may prepare a statement.
    pub(crate) async fn call_fresh<F>(
        &mut self,
        traits: Option<Traits>,
        fresh: Option<Fresh>,
        make: impl FnOnce(Conn, Arc<Slot>) -> F,
    ) -> Result<(Done, Outcome)>
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        let Some(conn) = self.conn.take() else { return Err(closed()) };
        self.give_up_prepared();
        self.slot.abandon(false);
        self.pump.set(make(conn, Arc::clone(&self.slot)));
        self.running = Some(Running { traits, fresh });
        std::future::poll_fn(|cx| self.poll_over(cx)).await
    }

    /// Runs a statement of the driver's own as text.
    pub(crate) async fn command(&mut self, traits: Traits, sql: String) -> Result<(Done, Outcome)> {
        self.message(traits, sql, false).await
    }

    /// Runs statements as one text, which may begin a transaction of its own.
    pub(crate) async fn message(&mut self, traits: Traits, sql: String, begins: bool) -> Result<(Done, Outcome)> {
        self.limit.check(sql.len())?;
        let order = Order {
            form: Form::Text(sql),
            params: Vec::new(),
            plan: None,
            reading: self.reading(),
            aftermath: Aftermath { status: begins || self.aftermath(traits).status, ..self.aftermath(traits) },
            doomed: std::mem::take(&mut self.doomed),
            begins,
        };
        self.call(Some(traits), |conn, slot| pump::execute(conn, slot, order)).await
    }

    /// Polls the call on its way, and drops all that it hands over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Done, Outcome)>> {
        if let Some(over) = self.over.take() {
            self.slot.clear();
            return Poll::Ready(over);
        }
        if self.running.is_none() {
            return Poll::Ready(Err(closed()));
        }
        let ending = ready!(pump::poll_drained(&mut self.pump, &self.slot, cx));
        self.keep_prepared();
        Poll::Ready(self.settle(ending))
    }

    /// Polls the call on its way up to its next step.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if let Some(step) = self.waiting_step() {
            return Poll::Ready(step);
        }
        if self.running.is_none() {
            return Poll::Ready(Step::Over(Err(closed())));
        }
        let polled = pump::poll(&mut self.pump, cx);
        self.keep_prepared();
        if let Poll::Ready(ending) = polled {
            self.over = Some(self.settle(ending));
        }
        self.waiting_step().map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes the next of what was handed over.
    fn waiting_step(&mut self) -> Option<Step> {
        if let Some(columns) = self.slot.take_columns() {
            return Some(Step::Columns(columns));
        }
        if let Some(event) = self.slot.take() {
            return Some(Step::Event(event));
        }
        self.over.take().map(Step::Over)
    }

    /// Forgets what was handed over and nobody has taken.
    pub(crate) fn forget_steps(&mut self) {
        self.over = None;
        self.slot.clear();
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Breaks the call on its way off, and with it the connection.
    pub(crate) fn break_off(&mut self) {
        if self.running.take().is_some() {
            self.pump.set(pump::idle());
            self.tx = TxState::Auto;
        }
    }

    /// Keeps the statement that the call on its way has prepared.
    fn keep_prepared(&mut self) {
        let Some(running) = self.running.as_mut().filter(|running| running.fresh.is_some()) else { return };
        let Some(statement) = self.slot.take_prepared() else { return };
        if let Some(Fresh { sql, lexed, traits }) = running.fresh.take() {
            self.keep(&sql, Cached { lexed, statement, plan: None, traits });
        }
    }

    /// Gives up a statement that a dropped call has prepared for itself, before the next call could take it for its own.
    fn give_up_prepared(&mut self) {
        self.doomed.extend(self.slot.take_prepared());
    }

    /// Keeps a prepared statement; what has to go for it is closed with the next call.
    pub(crate) fn keep(&mut self, sql: &str, cached: Cached) {
        self.doomed.extend(self.cache.insert(sql, cached).map(|old| old.statement));
    }

    /// Takes the connection back and learns what the call has changed.
    fn settle(&mut self, ending: Result<Ending>) -> Result<(Done, Outcome)> {
        let was = self.tx;
        let Ending { conn, result, status, settings } = match ending {
            Ok(ending) => ending,
            Err(error) => {
                self.break_off();
                return Err(if was == TxState::Auto { error.with_outcome_unknown() } else { error });
            }
        };
        let traits = self.running.take().and_then(|running| running.traits);
        let refused = self.refusal.take();
        let index = self.slot.take_index();
        match &result {
            Ok(_) | Err(mysql_async::Error::Server(_)) => self.conn = Some(conn),
            Err(_) => self.tx = TxState::Auto,
        }
        if let Some(status) = status.filter(|_| self.conn.is_some()) {
            self.follow(status);
        }
        if let Some((sql_mode, time_zone)) = settings {
            let mut dialect = self.info.dialect;
            dialect.set_sql_mode(&sql_mode);
            self.adapt(dialect, zone(&time_zone));
        }
        if let Some(traits) = traits {
            self.soiled |= traits.soils;
            if traits.verb == Verb::Use {
                // A prepared statement runs in the database in which it was prepared.
                self.forget_statements();
            }
        }
        match result {
            Ok(_) if refused => Err(local_infile()),
            Ok(done) => {
                self.warnings = u32::from(done.warnings);
                Ok((done, traits.map_or_else(Outcome::default, |traits| traits.outcome(&done))))
            }
            Err(error) => {
                self.warnings = 0;
                let flavor = self.info.dialect.flavor;
                let commits = traits.is_some_and(|traits| traits.verb.commits_implicitly(flavor));
                if was == TxState::Open && self.tx == TxState::Auto && !commits {
                    self.rolled_back = true;
                }
                let dated = traits.is_some_and(|traits| traits.dated);
                let mut error = convert(error, if dated { Stage::Dated } else { Stage::Connected });
                if let Some(index) = index {
                    error = error.with_batch_index(index);
                }
                let unknown =
                    error.is_connection_lost() && was == TxState::Auto && traits.is_some_and(Traits::may_take_effect);
                Err(if unknown { error.with_outcome_unknown() } else { error })
            }
        }
    }

    fn follow(&mut self, status: StatusFlags) {
        self.tx = if status.contains(StatusFlags::SERVER_STATUS_IN_TRANS) { TxState::Open } else { TxState::Auto };
        self.autocommit = status.contains(StatusFlags::SERVER_STATUS_AUTOCOMMIT);
        let escapes = !status.contains(StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES);
        if escapes != self.info.dialect.lexing.backslash_escapes {
            let mut dialect = self.info.dialect;
            dialect.lexing.backslash_escapes = escapes;
            self.adapt(dialect, self.zone);
        }
    }

    /// Adapts to settings of the session. What was lexed under others is forgotten.
    fn adapt(&mut self, dialect: oarlock_core::Dialect, zone: Zone) {
        if dialect != self.info.dialect {
            self.info.dialect = dialect;
            self.forget_statements();
        }
        self.zone = zone;
    }

    /// Drops all prepared statements; they are closed with the next call.
    pub(crate) fn forget_statements(&mut self) {
        self.doomed.extend(self.cache.drain().map(|cached| cached.statement));
    }

    /// Starts a statement and waits for its columns.
    pub(crate) async fn start_statement(&mut self, query: Query<'_>) -> Result<()> {
        self.ready().await?;
        let was_kept = self.launch(query)?;
        match self.started(query.sql).await {
            Err(error) if was_kept && error.code().is_some_and(|code| STALE.contains(&code)) && self.conn.is_some() => {
                self.doomed.extend(self.cache.remove(query.sql).map(|cached| cached.statement));
                self.launch(query)?;
                self.started(query.sql).await
            }
            result => result,
        }
    }

    /// Puts a statement on its way; tells whether it was prepared before.
    fn launch(&mut self, query: Query<'_>) -> Result<bool> {
        if self.rolled_back && query.guarded {
            return Err(rolled_back());
        }
        if let Some(cached) = self.cache.get(query.sql) {
            admit(&cached.lexed, query.guarded)?;
            let params = parameters(&cached.lexed, query.params, self.zone)?;
            let (form, plan, traits) = (Form::Prepared(cached.statement.clone()), cached.plan.clone(), cached.traits);
            return self.dispatch(form, params, plan, traits, None).map(|()| true);
        }
        let lexed = lex(query.sql, &self.info.dialect)?;
        admit(&lexed, query.guarded)?;
        let params = parameters(&lexed, query.params, self.zone)?;
        let traits = Traits::of(lexed.verb(), query.sql);
        if traits.goes_as_text() && lexed.slots().is_empty() {
            return self.dispatch(Form::Text(lexed.native().to_owned()), params, None, traits, None).map(|()| false);
        }
        let wire = wire::render(lexed.native(), &self.info.dialect)?.into_owned();
        let fresh = Fresh { sql: query.sql.into(), lexed, traits };
        self.dispatch(Form::Prepare(wire), params, None, traits, Some(fresh)).map(|()| false)
    }

    /// Puts a statement on its way that gives its rows step by step.
    fn dispatch(
        &mut self,
        form: Form,
        params: Vec<mysql_async::Value>,
        plan: Option<Arc<Plan>>,
        traits: Traits,
        fresh: Option<Fresh>,
    ) -> Result<()> {
        let traits = traits.with_params(&params);
        if let Form::Text(sql) | Form::Prepare(sql) = &form {
            self.limit.check(sql.len())?;
        }
        self.limit.check_values(&params)?;
        let Some(conn) = self.conn.take() else { return Err(closed()) };
        let order = Order {
            form,
            params,
            plan,
            reading: self.reading(),
            aftermath: self.aftermath(traits),
            doomed: std::mem::take(&mut self.doomed),
            begins: false,
        };
        self.give_up_prepared();
        self.slot.drain(false);
        self.slot.abandon(false);
        // One row comes with the columns: whoever asks for one needs no second step.
        self.slot.want(1);
        self.pump.set(pump::execute(conn, Arc::clone(&self.slot), order));
        self.running = Some(Running { traits: Some(traits), fresh });
        Ok(())
    }

    /// Waits for the columns of the statement on its way.
    async fn started(&mut self, sql: &str) -> Result<()> {
        self.columns = Arc::clone(&self.no_columns);
        match std::future::poll_fn(|cx| self.poll_step(cx)).await {
            Step::Columns(columns) => {
                if columns.fresh
                    && let Some(cached) = self.cache.get(sql)
                {
                    cached.plan = Some(Arc::clone(&columns.plan));
                }
                self.columns = Arc::clone(&columns.plan.columns);
                self.phase = Phase::Open { set_ended: false };
                Ok(())
            }
            Step::Event(_) => Err(Error::new(ErrorKind::Internal, "rows came before their columns")),
            Step::Over(result) => {
                self.phase = Phase::Ended(result?.1);
                Ok(())
            }
        }
    }

    /// Starts a statement of the driver's own, as text, whose rows are read.
    pub(crate) async fn start_text(&mut self, verb: Verb, sql: &str) -> Result<()> {
        self.dispatch(Form::Text(sql.to_owned()), Vec::new(), None, Traits::own(verb), None)?;
        self.started(sql).await
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading { zero_dates: self.options.zero_dates, tinyint1: self.options.tinyint1, zone: self.zone }
    }

    fn aftermath(&self, traits: Traits) -> Aftermath {
        Aftermath { status: self.tx == TxState::Open || !self.autocommit, settings: traits.sets }
    }
}

/// Converts the parameters of one execution.
pub(crate) fn parameters(lexed: &Lexed, given: Parameters<'_>, zone: Zone) -> Result<Vec<mysql_async::Value>> {
    let arrangement = arrange(lexed, given.names, given.values.len())?;
    if arrangement.len() > MAX_PARAMETERS {
        return Err(Error::new(
            ErrorKind::Parameters,
            format!("the statement has {} parameters; MySQL takes at most {MAX_PARAMETERS}", arrangement.len()),
        ));
    }
    // Collecting results would not know how many there are, and move them as the list grows.
    let mut values = Vec::with_capacity(arrangement.len());
    for index in arrangement.indexes() {
        values.push(bind(given.values[index], zone, index + 1)?);
    }
    Ok(values)
}

/// Makes the error of a statement, or a commit, in a transaction that is gone.
pub(crate) fn rolled_back() -> Error {
    Error::new(ErrorKind::TransactionFailed, "the server has rolled the transaction back")
        .with_hint("run the whole transaction again")
}
