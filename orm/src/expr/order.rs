//! How rows are ordered.

use std::sync::Arc;

use oarlock_core::value::Value;
use oarlock_core::{Error, Result};

use super::{ColumnOp, Expr, Op, raise};

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// Where NULLs stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// As less than everything: first going up, last going down.
    Least,
    /// Before everything.
    First,
    /// After everything.
    Last,
}

/// One thing that rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderTerm {
    /// The expression.
    pub ops: Vec<Op>,
    /// Up or down.
    pub direction: Direction,
    /// Where NULLs stand.
    pub nulls: Nulls,
}

/// What rows are ordered by. NULLs count as less than everything, on every database, unless it says otherwise.
#[derive(Debug, Clone)]
#[must_use = "an order does nothing until a query has it"]
pub struct Order {
    term: OrderTerm,
    values: Vec<Value>,
    error: Option<Arc<Error>>,
}

impl Order {
    pub(crate) fn new<T>(expr: Expr<T>, direction: Direction) -> Self {
        let Expr { ops, values, error, .. } = expr;
        Self { term: OrderTerm { ops, direction, nulls: Nulls::Least }, values, error }
    }

    /// Puts NULLs before everything.
    pub fn nulls_first(mut self) -> Self {
        self.term.nulls = Nulls::First;
        self
    }

    /// Puts NULLs after everything.
    pub fn nulls_last(mut self) -> Self {
        self.term.nulls = Nulls::Last;
        self
    }

    /// Gives the same order from its end.
    pub fn reverse(mut self) -> Self {
        self.term = self.term.reversed();
        self
    }

    /// Takes the order apart.
    ///
    /// # Errors
    ///
    /// That of a value which could not be bound.
    pub fn into_parts(self) -> Result<(OrderTerm, Vec<Value>)> {
        match self.error {
            Some(error) => Err(raise(error)),
            None => Ok((self.term, self.values)),
        }
    }
}

impl OrderTerm {
    /// Gives the same order from its end.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            direction: match self.direction {
                Direction::Ascending => Direction::Descending,
                Direction::Descending => Direction::Ascending,
            },
            nulls: match self.nulls {
                Nulls::Least => Nulls::Least,
                Nulls::First => Nulls::Last,
                Nulls::Last => Nulls::First,
            },
            ops: self.ops,
        }
    }

    /// Gives the one column that it is, if it is one.
    pub fn column(&self) -> Option<&ColumnOp> {
        match self.ops.as_slice() {
            [Op::Column(column)] => Some(column),
            _ => None,
        }
    }
}
