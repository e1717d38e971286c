//! Values on their way to the database, as hooks see them.

use std::marker::PhantomData;

use oarlock_core::{FromValue, Result};

use super::Assignments;
use crate::expr::{Argument, Column};
use crate::model::Model;
use crate::validate::Invalid;

/// The values that a write gives a row, before it is sent.
pub struct Draft<'w, M> {
    assignments: &'w mut Assignments,
    model: PhantomData<fn() -> M>,
}

impl<'w, M: Model> Draft<'w, M> {
    pub(super) fn new(assignments: &'w mut Assignments) -> Self {
        Self { assignments, model: PhantomData }
    }

    /// Tells whether a column is given a value or an expression.
    pub fn has<T>(&self, column: Column<M, T>) -> bool {
        self.assignments.has(column.index())
    }

    /// Gives the value that a column is given, if it is given one; an expression is worked out by the database only.
    ///
    /// # Errors
    ///
    /// `Conversion` where the value cannot be read as the column's type.
    pub fn get<T: FromValue>(&self, column: Column<M, T>) -> Result<Option<T>> {
        self.assignments.value(column.index()).map(|value| T::from_value(value.as_ref())).transpose()
    }

    /// Gives a column a value or an expression.
    pub fn set<T>(&mut self, column: Column<M, T>, value: impl Argument<T>) {
        self.assignments.assign(column.index(), value.into_assigned());
    }

    /// Leaves a column out.
    pub fn unset<T>(&mut self, column: Column<M, T>) {
        self.assignments.columns.retain(|known| known.0 != column.index());
    }
}

/// Finds out which of a model's rules the values break.
pub(super) fn check_rules<M: Model>(assignments: &Assignments) -> Result<()> {
    let table = M::table();
    let mut invalid = Invalid::new(table.model());
    for index in table.ruled() {
        let Some(value) = assignments.value(*index) else { continue };
        let column = table.column(*index);
        for message in column.rules.iter().filter_map(|rule| rule.broken_by(value)) {
            invalid.add(column.field.as_str(), message);
        }
    }
    invalid.check()
}
