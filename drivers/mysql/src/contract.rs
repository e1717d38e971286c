//! The contract's calls, each on the connection's own means.

use std::any::Any;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use oarlock_core::cancel::Cancel;
use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{BoxFuture, Connection, DriverInfo, Health, Many, Query, TxState};
use oarlock_core::lex::{Verb, first_message, lex};
use oarlock_core::result::{Description, Notice};
use oarlock_core::tpc::Branch;
use oarlock_core::value::Value;
use oarlock_core::{Column, Error, Outcome, Result, RowBatch, TxOptions, Xid};

use crate::columns::describe;
use crate::connection::{MysqlConnection, Phase, Step, rolled_back};
use crate::options::ResetPolicy;
use crate::pump::{self, Event};
use crate::server::SETUP;
use crate::statement::{Cached, Traits};
use crate::{catalog, many, wire};

impl Connection for MysqlConnection {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn health(&self) -> Health {
        self.health_now()
    }

    fn tx_state(&self) -> TxState {
        // MariaDB goes on to report a transaction.
        if matches!(self.branch, Branch::Prepared(_)) { TxState::Auto } else { self.tx }
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(self.start_statement(query))
    }

    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        let Phase::Open { set_ended: false } = self.phase else { return Poll::Ready(Ok(None)) };
        self.slot.want(max.max(1));
        Poll::Ready(match ready!(self.poll_step(cx)) {
            Step::Event(Event::Rows(batch)) => Ok(Some(Arc::new(batch.seal()))),
            Step::Event(Event::SetEnd) | Step::Columns(_) => {
                self.phase = Phase::Open { set_ended: true };
                Ok(None)
            }
            Step::Over(result) => self.ended(result).map(|()| None),
        })
    }

    fn more_sets(&self) -> bool {
        matches!(self.phase, Phase::Open { set_ended: true })
    }

    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        while let Phase::Open { set_ended } = self.phase {
            // The rest of this set is dropped; of the next one, a row comes with the columns.
            self.slot.want(usize::from(set_ended));
            match ready!(self.poll_step(cx)) {
                Step::Event(Event::Rows(_)) => {}
                Step::Event(Event::SetEnd) => self.phase = Phase::Open { set_ended: true },
                Step::Columns(columns) => {
                    self.columns = Arc::clone(&columns.plan.columns);
                    self.phase = Phase::Open { set_ended: false };
                    return Poll::Ready(Ok(true));
                }
                Step::Over(result) => return Poll::Ready(self.ended(result).map(|()| false)),
            }
        }
        Poll::Ready(Ok(false))
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        if let Phase::Open { .. } = self.phase {
            let result = ready!(self.poll_over(cx));
            self.ended(result)?;
        }
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Ended(outcome) => Poll::Ready(Ok(outcome)),
            _ => Poll::Ready(Ok(Outcome::default())),
        }
    }

    fn abandon(&mut self) {
        self.phase = Phase::Idle;
        self.forget_steps();
        if self.is_running() {
            // A branch that begins here is nobody's.
            self.slot.abandon(true);
            // What has arrived already is dropped at once, which is all there is after most statements.
            let _ = self.poll_over(&mut Context::from_waker(Waker::noop()));
        }
        self.give_up();
    }

    fn canceller(&self) -> Option<Arc<dyn Cancel>> {
        Some(Arc::clone(&self.canceller) as _)
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        Box::pin(self.describe_statement(sql))
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(many::execute(self, many))
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.run_script(text))
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.branch.check_plain_end()?;
            if self.tx != TxState::Auto {
                return Err(Error::interface("a transaction is open").with_hint("commit or roll it back first"));
            }
            if options.deferrable {
                return Err(Error::not_supported("MySQL has no deferrable transactions"));
            }
            self.rolled_back = false;
            let start = if options.read_only { "START TRANSACTION READ ONLY" } else { "START TRANSACTION" };
            let sql = match options.isolation {
                Some(level) => format!("SET TRANSACTION ISOLATION LEVEL {}; {start}", level.as_sql()),
                None => start.to_owned(),
            };
            self.command(Traits::own(Verb::Begin), sql).await.map(drop)
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.branch.check_plain_end()?;
            if std::mem::take(&mut self.rolled_back) {
                return Err(rolled_back());
            }
            if self.tx == TxState::Auto {
                return Ok(());
            }
            match self.command(Traits::own(Verb::Commit), "COMMIT".to_owned()).await {
                Err(error) if error.is_connection_lost() => Err(error.with_outcome_unknown()),
                result => result.map(drop),
            }
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.branch.check_plain_end()?;
            self.roll_back().await
        })
    }

    fn tpc_branch(&self) -> &Branch {
        &self.branch
    }

    fn tpc_begin<'a>(&'a mut self, xid: &'a Xid) -> BoxFuture<'a, ()> {
        Box::pin(self.begin_branch(xid))
    }

    fn tpc_prepare(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.prepare_branch())
    }

    fn tpc_commit<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        Box::pin(self.commit_branch(recovered))
    }

    fn tpc_rollback<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        Box::pin(self.roll_branch_back(recovered))
    }

    fn tpc_recover(&mut self) -> BoxFuture<'_, Vec<Xid>> {
        Box::pin(self.pending_branches())
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.reset_session())
    }

    fn is_clean(&self) -> bool {
        self.options.reset == ResetPolicy::Dirty
            && !self.soiled
            && !self.rolled_back
            && !self.is_running()
            && matches!(self.phase, Phase::Idle)
            && self.conn.is_some()
            && self.tx == TxState::Auto
            && self.branch.is_none()
    }

    fn set_baseline(&mut self) {
        self.soiled = false;
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.call(None, |conn, _| pump::ping(conn)).await.map(drop)
        })
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        Box::pin(async move {
            self.ready().await?;
            if self.warnings == 0 {
                return Ok(Vec::new());
            }
            self.start_text(Verb::Show, "SHOW WARNINGS").await?;
            let notices = self.rest().await?.into_iter().map(notice).collect();
            self.warnings = 0;
            Ok(notices)
        })
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        Box::pin(catalog::read(self, query))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let was_closed = std::mem::replace(&mut self.closed, true);
            self.phase = Phase::Idle;
            self.forget_steps();
            // A call that is on its way is broken off: the server rolls back what it was in.
            self.break_off();
            match self.conn.take() {
                Some(conn) if !was_closed => {
                    self.tx = TxState::Auto;
                    conn.disconnect()
                        .await
                        .map_err(|error| crate::error::convert(error, crate::error::Stage::Connected))
                }
                _ => Ok(()),
            }
        })
    }

    fn native(&mut self) -> &mut dyn Any {
        // Whatever is done to the session there is not seen here.
        self.soiled = true;
        self.forget_statements();
        match &mut self.conn {
            Some(conn) => conn,
            None => &mut self.nothing,
        }
    }

    fn driver(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }
}

impl MysqlConnection {
    /// Takes note of how the open statement ended.
    fn ended(&mut self, result: Result<(pump::Done, Outcome)>) -> Result<()> {
        match result {
            Ok((_, outcome)) => {
                self.phase = Phase::Ended(outcome);
                Ok(())
            }
            Err(error) => {
                self.phase = Phase::Idle;
                Err(error)
            }
        }
    }

    /// Reads the open statement to its end, into owned values: for what the driver asks for itself.
    pub(crate) async fn rest(&mut self) -> Result<Vec<Vec<Value>>> {
        let open = Question(self);
        let width = open.0.columns.len();
        let mut rows = Vec::new();
        while let Some(batch) = poll_fn(|cx| open.0.poll_fill(cx, 256)).await? {
            for row in 0..batch.len() {
                let cells = (0..width).map(|column| batch.get(row, column)?.to_owned());
                rows.push(cells.collect::<Result<_>>()?);
            }
        }
        poll_fn(|cx| open.0.poll_finish(cx)).await?;
        Ok(rows)
    }

    pub(crate) async fn roll_back(&mut self) -> Result<()> {
        self.rolled_back = false;
        if self.tx == TxState::Auto {
            return Ok(());
        }
        self.command(Traits::own(Verb::Rollback), "ROLLBACK".to_owned()).await.map(drop)
    }

    async fn describe_statement(&mut self, sql: &str) -> Result<Description> {
        self.ready().await?;
        if self.cache.get(sql).is_none() {
            let lexed = lex(sql, &self.info.dialect)?;
            let traits = Traits::of(lexed.verb(), sql);
            let native = lexed.slots().len();
            let unknown = Description {
                arity: lexed.arity(),
                names: lexed.names().to_vec(),
                native_arity: native,
                ..Description::default()
            };
            if traits.goes_as_text() && native == 0 {
                return Ok(unknown);
            }
            let wire = wire::render(lexed.native(), &self.info.dialect)?.into_owned();
            self.limit.check(wire.len())?;
            let doomed = std::mem::take(&mut self.doomed);
            match self.call(None, |conn, slot| pump::prepare(conn, slot, wire, doomed)).await {
                Err(error) if error.code() == Some(i64::from(pump::CANNOT_PREPARE)) => return Ok(unknown),
                result => result?,
            };
            let Some(statement) = self.slot.take_prepared() else { return Ok(unknown) };
            let described = description(unknown, &statement);
            self.keep(sql, Cached { lexed, statement, plan: None, traits });
            return Ok(described);
        }
        let Some(Cached { lexed, statement, .. }) = self.cache.get(sql) else { return Ok(Description::default()) };
        let known = Description { arity: lexed.arity(), names: lexed.names().to_vec(), ..Description::default() };
        Ok(description(known, statement))
    }

    /// Runs a script in messages of several statements, as far as the failing one is known then.
    async fn run_script(&mut self, text: &str) -> Result<()> {
        self.ready().await?;
        let mut from = 0;
        loop {
            // A change of sql_mode changes how what follows it is cut.
            let dialect = self.info.dialect;
            let rest = &text[from..];
            let spans =
                first_message(rest, &dialect, |span, next| gives_one_answer(span.verb) && gives_one_answer(next.verb));
            let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(()) };
            let traits = spans[1..].iter().fold(Traits::of(first.verb, first.text(rest)), |traits, span| {
                traits.and(Traits::of(span.verb, span.text(rest)))
            });
            let begins = self.tx == TxState::Auto && spans.len() > 1 && first.verb == Verb::Begin;
            let sql = rest[first.start..last.end].to_owned();
            if let Err(error) = self.message(traits, sql, begins).await {
                let failed = spans.get(self.slot.finished()).unwrap_or(first);
                return Err(error.with_position(from + failed.start));
            }
            from += last.end;
        }
    }

    async fn reset_session(&mut self) -> Result<()> {
        self.recovered().await?;
        self.leave_branch().await?;
        if self.options.reset == ResetPolicy::Dirty && !self.soiled {
            return self.roll_back().await;
        }
        // The server forgets them, so there is nothing to close.
        self.cache.drain().for_each(drop);
        self.doomed.clear();
        let setup = match &self.options.database {
            Some(name) => format!("{SETUP}; USE {}", self.info.dialect.quote_identifier(name)),
            None => SETUP.to_owned(),
        };
        // A reset leaves the database selected, which only another login undoes where none was selected.
        let change_user = self.options.database.is_none();
        self.call(None, |conn, _| pump::reset(conn, setup, change_user)).await?;
        self.soiled = false;
        self.rolled_back = false;
        Ok(())
    }
}

/// Tells whether the server answers a statement once, whatever it does, so that the answers tell how many of a message have run, and
/// whether the rest is read by the same rules.
fn gives_one_answer(verb: Verb) -> bool {
    verb.changes_rows()
        || matches!(
            verb,
            Verb::Begin
                | Verb::Commit
                | Verb::Rollback
                | Verb::Create
                | Verb::CreateTemporary
                | Verb::Alter
                | Verb::Drop
                | Verb::DropTemporary
                | Verb::Truncate
                | Verb::Rename
        )
}

/// A statement of the driver's own, which nobody outside knows to be open: with the call that asks, it is abandoned.
struct Question<'c>(&'c mut MysqlConnection);

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if !matches!(self.0.phase, Phase::Idle) {
            self.0.abandon();
        }
    }
}

fn description(known: Description, statement: &mysql_async::Statement) -> Description {
    let native_arity = usize::from(statement.num_params());
    Description {
        native_arity,
        // Neither server tells the types: what they send says VARCHAR for everything.
        parameters: vec![None; native_arity],
        columns: statement.columns().iter().map(describe).collect(),
        ..known
    }
}

fn notice(row: Vec<Value>) -> Notice {
    let mut cells = row.into_iter().map(|cell| match cell {
        Value::Text(text) => text,
        Value::I64(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        _ => String::new(),
    });
    let mut next = || cells.next().unwrap_or_default();
    Notice { severity: next(), code: Some(next()), message: next() }
}
