//! A model's columns as constants.

use std::fmt;
use std::marker::PhantomData;

use super::{ColumnOp, Expr, Op};
use crate::model::Model;

/// A column of a model, as `derive(Model)` writes one for each field: `User::EMAIL`.
///
/// It is an index and two types, and copied freely.
pub struct Column<M, T> {
    index: usize,
    alias: Option<&'static str>,
    types: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Column<M, T> {
    /// Names the column of an index.
    #[must_use]
    pub const fn new(index: usize) -> Self {
        Self { index, alias: None, types: PhantomData }
    }

    /// Gives the column's index among the table's.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index
    }

    /// Gives the column of the table under another name, where it takes part in a query several times.
    #[must_use]
    pub const fn of(self, alias: &'static str) -> Self {
        Self { index: self.index, alias: Some(alias), types: PhantomData }
    }
}

impl<M: Model, T> Column<M, T> {
    /// Makes it an expression.
    pub fn expr(self) -> Expr<T> {
        // Room for a comparison and its value.
        let mut ops = Vec::with_capacity(4);
        ops.push(self.op());
        Expr::new(ops, Vec::new())
    }

    /// Gives the operation that reads it.
    pub fn op(self) -> Op {
        Op::Column(ColumnOp { table: M::table(), alias: self.alias, column: self.index })
    }
}

impl<M: Model, T> From<Column<M, T>> for Expr<T> {
    fn from(column: Column<M, T>) -> Self {
        column.expr()
    }
}

impl<M, T> Clone for Column<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Column<M, T> {}

impl<M: Model, T> fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = M::table();
        write!(f, "{}.{}", table.model(), table.column(self.index).field)
    }
}
