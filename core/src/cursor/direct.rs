//! Calls that run a statement and see it to its end: with nothing kept open between them, a driver may do both in one.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Cursor, State};
use crate::Result;
use crate::connection::{Many, Query};
use crate::params::{Bindings, BoundRows, Parameters, Params};
use crate::result::{Column, Outcome, RowSink};
use crate::row::{FromRow, RowRef};
use crate::trace::Work;

impl Cursor {
    /// Runs a statement and reads all its rows: [`execute`](Self::execute) and [`fetch_all`](Self::fetch_all) in one, with less to do
    /// where the driver can [lend](crate::Connection::run_now) the rows.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute) and [`fetch_all`](Self::fetch_all).
    pub async fn query_all<T: FromRow, P: Params>(&mut self, sql: &str, params: P) -> Result<Vec<T>> {
        self.query_up_to(sql, params, usize::MAX).await
    }

    /// Runs a statement and reads its first row, `None` where it gives none; the others are dropped.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute) and [`fetch_one`](Self::fetch_one).
    pub async fn query_one<T: FromRow, P: Params>(&mut self, sql: &str, params: P) -> Result<Option<T>> {
        Ok(self.query_up_to(sql, params, 1).await?.pop())
    }

    async fn query_up_to<T: FromRow, P: Params>(&mut self, sql: &str, params: P, most: usize) -> Result<Vec<T>> {
        let mut bindings = Bindings::default();
        params.bind(&mut bindings)?;
        let values = bindings.values();
        let params = Parameters { names: bindings.names()?, values: &values };
        if !T::KEEPS_ROW {
            let mut gathered = Gathered { plan: None, rows: Vec::new(), most };
            if self.run_now(sql, params, &mut gathered)? {
                self.row_number = u64::try_from(gathered.rows.len()).unwrap_or(u64::MAX);
                self.check_rows()?;
                return Ok(gathered.rows);
            }
        }
        self.execute_bound(sql, params).await?;
        self.fetch_up_to(most).await
    }

    /// Runs a statement to its end, dropping its rows if it gives any.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute) and [`finish`](Self::finish).
    pub async fn run<P: Params>(&mut self, sql: &str, params: P) -> Result<Outcome> {
        let mut bindings = Bindings::default();
        params.bind(&mut bindings)?;
        let values = bindings.values();
        let params = Parameters { names: bindings.names()?, values: &values };
        if self.run_now(sql, params, &mut Dropped)? {
            return Ok(self.outcome);
        }
        self.execute_bound(sql, params).await?;
        self.finish().await
    }

    /// Runs a statement once for every row of parameters: see [`DbExt::execute_many`](crate::DbExt::execute_many).
    ///
    /// # Errors
    ///
    /// As [`Connection::execute_many`](crate::Connection::execute_many); a row that cannot be bound, before anything is sent.
    pub async fn execute_many<P: Params>(&mut self, sql: &str, rows: &[P]) -> Result<Outcome> {
        self.close_statement();
        let bound = BoundRows::of(rows)?;
        if bound.rows() == 0 {
            return Ok(Outcome::rows(Some(0)));
        }
        let values = bound.values();
        let guarded = self.lease.is_guarded();
        let many =
            Many { sql, names: bound.names(), width: bound.width(), rows: bound.rows(), values: &values, guarded };
        let work = || Work::batch(sql, bound.rows());
        self.outcome = self.lease.call(work, |connection| connection.execute_many(many)).await?;
        self.state = State::Over;
        Ok(self.outcome)
    }

    /// Runs a statement here and now, if that can be done and nobody watches.
    fn run_now(&mut self, sql: &str, params: Parameters<'_>, sink: &mut dyn RowSink) -> Result<bool> {
        self.close_statement();
        if self.lease.is_watched() {
            return Ok(false);
        }
        let query = Query { sql, params, guarded: self.lease.is_guarded() };
        let connection = self.lease.connection();
        let Some(outcome) = connection.run_now(&query, sink)? else { return Ok(false) };
        self.columns = Arc::clone(connection.columns());
        self.outcome = outcome;
        self.state = State::Over;
        Ok(true)
    }
}

/// Rows that are read as they come.
struct Gathered<T: FromRow> {
    plan: Option<T::Plan>,
    rows: Vec<T>,
    most: usize,
}

impl<T: FromRow> RowSink for Gathered<T> {
    fn begin(&mut self, columns: &Arc<[Column]>) -> Result<()> {
        if !columns.is_empty() {
            self.plan = Some(T::plan(columns)?);
        }
        Ok(())
    }

    #[inline]
    fn row(&mut self, row: RowRef<'_>) -> Result<ControlFlow<()>> {
        if let Some(plan) = &self.plan {
            self.rows.push(T::from_row(plan, row)?);
        }
        Ok(if self.rows.len() < self.most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

/// Rows that nobody wants.
struct Dropped;

impl RowSink for Dropped {
    fn begin(&mut self, _: &Arc<[Column]>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: RowRef<'_>) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}
