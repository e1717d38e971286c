//! A connection that answers from the script.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{BoxFuture, DriverInfo, Many, Query, admit, busy, closed};
use oarlock_core::lex::{Lexed, lex};
use oarlock_core::params::{Parameters, arrange};
use oarlock_core::result::{Description, Notice};
use oarlock_core::{
    Column, Connection, Error, ErrorKind, Health, Outcome, Result, RowBatch, TxOptions, TxState, ValueRef,
};

use crate::batch::{Batch, Set};
use crate::expectation::{Affected, Given, Line};
use crate::script::{Script, same_text};

/// A connection of a [`Mock`](crate::Mock).
pub struct MockConnection {
    script: Arc<Mutex<Script>>,
    info: Arc<DriverInfo>,
    state: TxState,
    open: bool,
    statement: Option<Statement>,
    columns: Arc<[Column]>,
    notices: Vec<Notice>,
}

/// The open statement's answer, as far as it was not given yet.
struct Statement {
    sets: VecDeque<Set>,
    next: usize,
    error: Option<Error>,
    outcome: Outcome,
}

impl MockConnection {
    pub(crate) fn new(script: Arc<Mutex<Script>>, info: Arc<DriverInfo>) -> Self {
        Self {
            script,
            info,
            state: TxState::Auto,
            open: true,
            statement: None,
            columns: Arc::default(),
            notices: Vec::new(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<()> {
        match (self.open, &self.statement) {
            (false, _) => Err(closed()),
            (true, Some(_)) => Err(busy()),
            (true, None) => Ok(()),
        }
    }

    fn read(&self, sql: &str, guarded: bool) -> Result<Lexed> {
        let lexed = lex(sql, &self.info.dialect)?;
        admit(&lexed, guarded)?;
        Ok(lexed)
    }

    fn control(&mut self, sql: &str, after: TxState) -> Result<()> {
        self.check()?;
        self.book().control(sql)?;
        self.state = after;
        Ok(())
    }

    fn take(&mut self, sql: &str, rows: &[Given]) -> Result<Line> {
        let mut line = self.book().take(sql, rows)?;
        self.notices = std::mem::take(&mut line.notices);
        Ok(line)
    }

    fn outcome(&self, line: &Line, given: usize) -> Outcome {
        let affected = match line.affected {
            Affected::Given => u64::try_from(given).ok(),
            Affected::Rows(rows) => Some(rows),
            Affected::Uncounted => None,
        };
        Outcome::rows(affected)
            .with_last_insert_id(line.inserted)
            .with_warnings(u32::try_from(self.notices.len()).unwrap_or(u32::MAX))
    }

    fn run(&mut self, query: Query<'_>) -> Result<()> {
        self.check()?;
        let lexed = self.read(query.sql, query.guarded)?;
        arrange(&lexed, query.params.names, query.params.values.len())?;
        let mut line = self.take(query.sql, &[given(query.params)?])?;
        let error = line.error.take();
        let sets: VecDeque<Set> = std::mem::take(&mut line.sets).into();
        match error {
            Some(error) if sets.is_empty() => Err(error),
            error => {
                self.columns = sets.front().map(|set| Arc::clone(&set.columns)).unwrap_or_default();
                let rows = sets.back().map_or(0, |set| set.rows.len());
                let outcome = self.outcome(&line, rows);
                self.statement = Some(Statement { sets, next: 0, error, outcome });
                Ok(())
            }
        }
    }

    fn run_many(&mut self, many: Many<'_>) -> Result<Outcome> {
        self.check()?;
        if many.rows == 0 {
            return Ok(Outcome::rows(Some(0)));
        }
        let lexed = self.read(many.sql, many.guarded)?;
        arrange(&lexed, many.names, many.width)?;
        let rows: Vec<Given> = (0..many.rows).map(|row| given(many.row(row))).collect::<Result<_>>()?;
        let mut line = self.take(many.sql, &rows)?;
        match line.error.take() {
            Some(error) => Err(error),
            None => Ok(self.outcome(&line, many.rows)),
        }
    }

    fn look_up(&self, query: CatalogQuery<'_>) -> Result<CatalogReply> {
        self.check()?;
        let script = self.book();
        let of = |schema: Option<&str>| {
            let mut tables: Vec<_> =
                script.tables.iter().filter(|table| table.schema.as_deref() == schema).cloned().collect();
            tables.sort_by(|one, other| one.name.cmp(&other.name));
            tables
        };
        Ok(match query {
            CatalogQuery::Schemas => {
                let mut names: Vec<String> = script.tables.iter().filter_map(|table| table.schema.clone()).collect();
                names.sort();
                names.dedup();
                CatalogReply::Names(names)
            }
            CatalogQuery::TableNames { schema } => {
                CatalogReply::Names(of(schema).into_iter().map(|table| table.name).collect())
            }
            CatalogQuery::Tables { schema } => CatalogReply::Tables(of(schema)),
            CatalogQuery::Table { schema, name } => {
                let found: Vec<_> = of(schema).into_iter().filter(|table| table.name == name).collect();
                if found.is_empty() {
                    let error = Error::new(ErrorKind::TableNotFound, format!("there is no table {name}"));
                    return Err(error.with_table(name));
                }
                CatalogReply::Tables(found)
            }
            CatalogQuery::Views { .. } => CatalogReply::Views(Vec::new()),
            _ => return Err(Error::not_supported("the mock's catalog has tables only")),
        })
    }

    /// Ends the open statement.
    fn end(&mut self) -> Result<Outcome> {
        self.columns = Arc::default();
        match self.statement.take() {
            None => Err(Error::interface("no statement is open")),
            Some(Statement { error: Some(error), .. }) => Err(error),
            Some(Statement { outcome, .. }) => Ok(outcome),
        }
    }
}

fn given(params: Parameters<'_>) -> Result<Given> {
    Ok(Given {
        names: params.names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        values: params.values.iter().map(|value| ValueRef::to_owned(*value)).collect::<Result<_>>()?,
    })
}

impl Connection for MockConnection {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn health(&self) -> Health {
        if self.open { Health::Ready } else { Health::Dead }
    }

    fn tx_state(&self) -> TxState {
        self.state
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.run(query) })
    }

    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        let Some(statement) = &mut self.statement else {
            return Poll::Ready(Err(Error::interface("no statement is open")));
        };
        let Some(set) = statement.sets.front() else { return Poll::Ready(Ok(None)) };
        let count = max.max(1).min(set.rows.len() - statement.next);
        if count == 0 {
            // The error of a statement that gives rows comes after the last of them.
            return match statement.error.take_if(|_| statement.sets.len() == 1) {
                Some(error) => {
                    self.statement = None;
                    Poll::Ready(Err(error))
                }
                None => Poll::Ready(Ok(None)),
            };
        }
        let batch = Batch { rows: Arc::clone(&set.rows), first: statement.next, count };
        statement.next += count;
        Poll::Ready(Ok(Some(Arc::new(batch))))
    }

    fn more_sets(&self) -> bool {
        self.statement.as_ref().is_some_and(|statement| statement.sets.len() > 1)
    }

    fn poll_next_set(&mut self, _: &mut Context<'_>) -> Poll<Result<bool>> {
        let Some(statement) = &mut self.statement else {
            return Poll::Ready(Err(Error::interface("no statement is open")));
        };
        statement.sets.pop_front();
        statement.next = 0;
        match statement.sets.front() {
            Some(set) => {
                self.columns = Arc::clone(&set.columns);
                Poll::Ready(Ok(true))
            }
            None => Poll::Ready(Ok(false)),
        }
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<Outcome>> {
        Poll::Ready(self.end())
    }

    fn abandon(&mut self) {
        self.statement = None;
        self.columns = Arc::default();
    }

    /// Tells the parameters by reading the text, and the columns of the next expectation where it is of this statement.
    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        Box::pin(async move {
            self.check()?;
            let lexed = self.read(sql, false)?;
            let script = self.book();
            let set = script.next().filter(|line| same_text(&line.sql, sql)).and_then(|line| line.sets.first());
            Ok(Description {
                arity: lexed.arity(),
                names: lexed.names().to_vec(),
                native_arity: lexed.slots().len(),
                parameters: vec![None; lexed.slots().len()],
                columns: set.map(|set| set.columns.to_vec()).unwrap_or_default(),
            })
        })
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { self.run_many(many) })
    }

    /// Takes the whole text for one expectation.
    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.check()?;
            match self.take(text, &[])?.error {
                Some(error) => Err(error),
                None => Ok(()),
            }
        })
    }

    fn begin<'a>(&'a mut self, _: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.check()?;
            if self.state != TxState::Auto {
                return Err(Error::interface("a transaction is open already"));
            }
            self.control("BEGIN", TxState::Open)
        })
    }

    /// Commits; where a `COMMIT` is expected to fail, the transaction is over all the same.
    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.check()?;
            if self.state == TxState::Auto {
                return Err(Error::interface("no transaction is open"));
            }
            self.state = TxState::Auto;
            self.control("COMMIT", TxState::Auto)
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.check()?;
            if self.state == TxState::Auto {
                return Ok(());
            }
            self.control("ROLLBACK", TxState::Auto)
        })
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.control(&format!("SAVEPOINT {name}"), self.state) })
    }

    fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.control(&format!("RELEASE SAVEPOINT {name}"), self.state) })
    }

    fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.control(&format!("ROLLBACK TO SAVEPOINT {name}"), self.state) })
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.check()?;
            self.state = TxState::Auto;
            Ok(())
        })
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.check() })
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        Box::pin(async move {
            self.check()?;
            Ok(std::mem::take(&mut self.notices))
        })
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        Box::pin(async move { self.look_up(query) })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.open = false;
            self.state = TxState::Auto;
            self.abandon();
            Ok(())
        })
    }

    /// Gives the mock's connection itself: there is nothing underneath.
    fn native(&mut self) -> &mut dyn Any {
        self
    }
}

impl std::fmt::Debug for MockConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockConnection").field("state", &self.state).field("open", &self.open).finish_non_exhaustive()
    }
}
