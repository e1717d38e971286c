//! Queries of records: a condition, an order, a part of what is left.

use std::cmp;

use oarlock_core::value::Value;
use oarlock_core::{Error, Record, Result};

use crate::expr::{self, Expr};
use crate::plan::plan;
use crate::table::TableState;
use crate::typed::Table;
use crate::view::{Change, View};

/// A column of a record, with the type of its values: what the derive's constants are (`User::EMAIL`).
pub trait Field<R>: Copy {
    /// The type of the column's values.
    type Type;

    /// Gives the column, counted as in the table.
    fn column(self) -> usize;
}

/// What records are chosen by.
#[diagnostic::on_unimplemented(message = "`{Self}` is no condition on `{R}`", label = "expected a condition")]
pub trait Condition<R> {
    /// Makes it an expression over the table's columns.
    ///
    /// # Errors
    ///
    /// `NotSupported` for what the store has no words for, and that of a value that could not be bound.
    fn into_condition(self) -> Result<Expr>;
}

impl<R> Condition<R> for Expr {
    fn into_condition(self) -> Result<Expr> {
        Ok(self)
    }
}

/// What records are ordered by.
#[diagnostic::on_unimplemented(message = "`{Self}` is no order of `{R}`", label = "expected an order")]
pub trait Ordering<R> {
    /// Makes it a list of terms, the most important one first.
    ///
    /// # Errors
    ///
    /// As [`Condition::into_condition`].
    fn into_terms(self) -> Result<Vec<Term>>;
}

impl<R> Ordering<R> for Term {
    fn into_terms(self) -> Result<Vec<Self>> {
        Ok(vec![self])
    }
}

/// One thing that records are ordered by.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// What is compared.
    pub expr: Expr,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Where NULLs stand.
    pub nulls: Nulls,
}

/// Where NULLs stand in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nulls {
    /// As less than everything.
    #[default]
    Least,
    /// Before everything.
    First,
    /// After everything.
    Last,
}

/// A query of a table's records.
///
/// The primary key or an index is used where the condition says something of its first columns, and where it has the order that is asked for;
/// else all records are looked at. That something may be `=`, `<` and the like, `IN`, `LIKE` with a pattern that begins with letters, `IS NULL`, and `AND`
/// and `OR` of such: [`explain`](Self::explain) tells.
#[must_use = "a query does nothing until it is run"]
#[derive(Debug)]
pub struct Query<'v, R, V> {
    table: Table<'v, R, V>,
    condition: Option<Expr>,
    order: Vec<Term>,
    limit: Option<usize>,
    offset: usize,
    error: Option<Error>,
}

impl<'v, R: Record, V: View> Query<'v, R, V> {
    pub(crate) fn new(table: Table<'v, R, V>) -> Self {
        Self { table, condition: None, order: Vec::new(), limit: None, offset: 0, error: None }
    }

    /// Keeps the records for which the condition is true, too.
    pub fn filter(mut self, condition: impl Condition<R>) -> Self {
        match condition.into_condition() {
            Ok(condition) => {
                self.condition = Some(match self.condition.take() {
                    Some(before) => Expr::binary(expr::Binary::And, before, condition),
                    None => condition,
                });
            }
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// Orders the records, after what was said before.
    pub fn order_by(mut self, order: impl Ordering<R>) -> Self {
        match order.into_terms() {
            Ok(terms) => self.order.extend(terms),
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// Gives so many records at the most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Leaves out so many records at the beginning.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Reads the records.
    ///
    /// # Errors
    ///
    /// `TableNotFound`, `InvalidValue` of a condition whose operands do not go together, `Conversion`.
    pub fn all(self) -> Result<Vec<R>> {
        let mut found = Vec::new();
        self.each(|_, row| {
            found.push(decode(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads the first record.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    pub fn first(self) -> Result<Option<R>> {
        Ok(self.limit(1).all()?.pop())
    }

    /// Counts the records.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    pub fn count(self) -> Result<usize> {
        let mut count = 0;
        self.each(|_, _| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Tells whether there is a record.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    pub fn exists(self) -> Result<bool> {
        Ok(self.limit(1).count()? > 0)
    }

    /// Tells how the records would be looked for: `all of item`, or `item by item_name_idx, 3 parts`, and `, then sorted` where the order is
    /// not that of the index. A part is what lies between two keys; nothing outside of them is looked at. The words may change from one version to the next.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    pub fn explain(&self) -> Result<String> {
        if let Some(error) = &self.error {
            return Err(Error::new(error.kind(), error.message().to_owned()));
        }
        self.table.look(|slot, def| {
            let plan = plan(slot, def, self.condition.as_ref(), &self.order);
            Ok(plan.told(def))
        })
    }

    /// Deletes the records, all or none, and tells how many.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all) and [`Table::delete`].
    pub fn delete(self) -> Result<usize>
    where
        V: Change,
    {
        let table = self.table.clone();
        let mut keys = Vec::new();
        self.each(|state, row| {
            keys.push(state.key_of(&state.locate(row)?)?);
            Ok(())
        })?;
        table.delete_records(&keys)?;
        Ok(keys.len())
    }

    /// Calls a function with each record, in order.
    fn each(self, mut act: impl FnMut(&TableState, &[u8]) -> Result<()>) -> Result<()> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let (mut source, backwards, ordered) = self.table.open(|slot, def| {
            let plan = plan(slot, def, self.condition.as_ref(), &self.order);
            Ok((plan.intervals, plan.backwards, plan.ordered))
        })?;
        let condition = self.condition;
        let (offset, limit) = (self.offset, self.limit.unwrap_or(usize::MAX));
        let table = source.table();
        if ordered {
            let mut passed = 0;
            while passed < offset.saturating_add(limit) {
                let Some(row) = source.next(backwards, condition.as_ref())? else { break };
                if passed >= offset {
                    act(&table, row.bytes)?;
                }
                passed += 1;
            }
            return Ok(());
        }
        let mut sorted = Vec::new();
        while let Some(row) = source.next(false, condition.as_ref())? {
            let record = table.locate(row.bytes)?;
            let keys =
                self.order.iter().map(|term| expr::evaluate(&term.expr, &|column| record.get(column))?.into_value());
            sorted.push((keys.collect::<Result<Vec<Value>>>()?, row.bytes.to_vec()));
        }
        sort(&mut sorted, &self.order)?;
        sorted.iter().skip(offset).take(limit).try_for_each(|(_, row)| act(&table, row))
    }
}

pub(crate) fn decode<R: Record>(bytes: &[u8]) -> Result<R> {
    R::decode(&mut crate::record::Reader::new(bytes)?)
}

/// Sorts, and tells the first thing that could not be compared.
fn sort(rows: &mut [(Vec<Value>, Vec<u8>)], order: &[Term]) -> Result<()> {
    let mut error = None;
    rows.sort_by(|(left, _), (right, _)| {
        for ((left, right), term) in left.iter().zip(right).zip(order) {
            match term.compare(left, right) {
                Ok(cmp::Ordering::Equal) => {}
                Ok(ordering) => return ordering,
                Err(found) => error = error.take().or(Some(found)),
            }
        }
        cmp::Ordering::Equal
    });
    error.map_or(Ok(()), Err)
}

impl Term {
    fn compare(&self, left: &Value, right: &Value) -> Result<cmp::Ordering> {
        let (left, right) = (left.as_ref(), right.as_ref());
        let falling = |ordering: cmp::Ordering| if self.descending { ordering.reverse() } else { ordering };
        Ok(match (left.is_null(), right.is_null()) {
            (false, false) => falling(expr::compare(left, right)?),
            (one, other) => match self.nulls {
                Nulls::Least => falling(other.cmp(&one)),
                Nulls::First => other.cmp(&one),
                Nulls::Last => one.cmp(&other),
            },
        })
    }
}
