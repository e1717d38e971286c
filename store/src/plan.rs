//! Which part of which index holds the records that a query wants.

use std::ops::Bound;

use oarlock_core::value::{Value, ValueRef};

use crate::expr::{Binary, Expr};
use crate::query::{Nulls, Term};
use crate::record::order::{VALUE, put};
use crate::schema::{KeyDef, TableDef};
use crate::work::Interval;

/// Where records are looked for. What is found there has still to be held against the condition.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) interval: Interval,
    /// Whether the records come in the order that was asked for, or, with `backwards`, from its end.
    pub(crate) ordered: bool,
    pub(crate) backwards: bool,
}

/// What a condition says about one column at the least.
#[derive(Debug)]
struct Fact<'e> {
    column: usize,
    binary: Binary,
    value: &'e Value,
}

/// Chooses the part of the table or an index with the most that is known about its key; of equal ones, one in the order that is asked for.
pub(crate) fn plan(slot: usize, def: &TableDef, condition: Option<&Expr>, order: &[Term]) -> Plan {
    let mut facts = Vec::new();
    if let Some(condition) = condition {
        collect(condition, &mut facts);
    }
    let indexes = def.indexes.iter().enumerate().map(|(place, index)| (Some(place), &index.key, index.unique));
    let ways = std::iter::once((None, &def.key, true)).chain(indexes);
    let mut best: Option<(usize, Plan)> = None;
    for (index, key, unique) in ways {
        let part = part_of(key, &facts);
        let direction = direction(def, key, part.equal, order);
        let whole = unique && part.equal == key.columns.len();
        let known = if whole { 1000 } else { part.equal * 10 + usize::from(part.bounded) * 5 };
        // Without a word about its key an index is only good for its order.
        if known == 0 && index.is_some() && (direction.is_none() || order.is_empty()) {
            continue;
        }
        let worth = known * 4 + usize::from(direction.is_some()) * 2 + usize::from(index.is_none());
        if best.as_ref().is_none_or(|(least, _)| worth > *least) {
            let interval = Interval { slot, index, low: part.low, high: part.high };
            let plan = Plan { interval, ordered: direction.is_some(), backwards: direction == Some(true) };
            best = Some((worth, plan));
        }
    }
    best.map_or_else(
        || Plan { interval: Interval::all(slot), ordered: order.is_empty(), backwards: false },
        |(_, plan)| plan,
    )
}

impl Interval {
    /// A whole table.
    pub(crate) const fn all(slot: usize) -> Self {
        Self { slot, index: None, low: Bound::Unbounded, high: Bound::Unbounded }
    }
}

fn collect<'e>(condition: &'e Expr, facts: &mut Vec<Fact<'e>>) {
    let Expr::Binary(binary, left, right) = condition else { return };
    match (binary, &**left, &**right) {
        (Binary::And, left, right) => {
            collect(left, facts);
            collect(right, facts);
        }
        (_, Expr::Column(column), Expr::Value(value)) if !value.as_ref().is_null() => {
            facts.push(Fact { column: *column, binary: *binary, value });
        }
        (_, Expr::Value(value), Expr::Column(column)) if !value.as_ref().is_null() => {
            let turned = match binary {
                Binary::Lt => Binary::Gt,
                Binary::Le => Binary::Ge,
                Binary::Gt => Binary::Lt,
                Binary::Ge => Binary::Le,
                other => *other,
            };
            facts.push(Fact { column: *column, binary: turned, value });
        }
        _ => {}
    }
}

/// The part of a key's order that is left by what is known.
struct Part {
    /// How many of its first columns are equal to something.
    equal: usize,
    /// Whether the next one has a bound.
    bounded: bool,
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

fn part_of(key: &KeyDef, facts: &[Fact<'_>]) -> Part {
    let mut prefix = Vec::new();
    let mut equal = 0;
    for (column, part) in key.columns.iter().zip(&key.parts) {
        let is_equal = |fact: &&Fact<'_>| fact.column == *column && matches!(fact.binary, Binary::Eq | Binary::Same);
        let length = prefix.len();
        let known =
            facts.iter().find(is_equal).is_some_and(|fact| put(&mut prefix, *part, fact.value.as_ref()).is_ok());
        if !known {
            prefix.truncate(length);
            break;
        }
        equal += 1;
    }
    let (mut low, mut high) = (Bound::Included(prefix.clone()), Bound::Excluded(after(&prefix)));
    let mut bounded = false;
    if let (Some(column), Some(part)) = (key.columns.get(equal), key.parts.get(equal)) {
        for fact in facts.iter().filter(|fact| fact.column == *column) {
            let mut bytes = prefix.clone();
            if put(&mut bytes, *part, fact.value.as_ref()).is_err() {
                continue;
            }
            let rising = match fact.binary {
                Binary::Gt | Binary::Ge => !part.descending,
                Binary::Lt | Binary::Le => part.descending,
                _ => continue,
            };
            let inclusive = matches!(fact.binary, Binary::Ge | Binary::Le);
            bounded = true;
            match (rising, inclusive) {
                (true, true) => low = higher(low, bytes),
                (true, false) => low = higher(low, after(&bytes)),
                (false, true) => high = lower(high, after(&bytes)),
                (false, false) => high = lower(high, bytes),
            }
        }
    }
    if equal == 0 && !bounded {
        return Part { equal, bounded, low: Bound::Unbounded, high: Bound::Unbounded };
    }
    Part { equal, bounded, low, high }
}

/// Gives what stands behind all keys with a beginning.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[255]].concat()
}

fn higher(low: Bound<Vec<u8>>, other: Vec<u8>) -> Bound<Vec<u8>> {
    match low {
        Bound::Included(own) if own > other => Bound::Included(own),
        _ => Bound::Included(other),
    }
}

fn lower(high: Bound<Vec<u8>>, other: Vec<u8>) -> Bound<Vec<u8>> {
    match high {
        Bound::Excluded(own) if own < other => Bound::Excluded(own),
        _ => Bound::Excluded(other),
    }
}

/// Tells whether a key has the order that is asked for, behind columns that are equal: forwards with `false`, backwards with `true`.
fn direction(def: &TableDef, key: &KeyDef, equal: usize, order: &[Term]) -> Option<bool> {
    let mut direction = None;
    let mut places = key.columns.iter().zip(&key.parts).skip(equal);
    for term in order {
        let Expr::Column(column) = term.expr else { return None };
        if key.columns[..equal].contains(&column) {
            continue;
        }
        let (own, part) = places.next()?;
        let nullable = def.columns().get(column)?.nullable;
        let usual = term.nulls == Nulls::Least && part.nulls_last == part.descending;
        if *own != column || (nullable && !usual) {
            return None;
        }
        let backwards = part.descending != term.descending;
        if direction.is_some_and(|direction| direction != backwards) {
            return None;
        }
        direction = Some(backwards);
    }
    Some(direction.unwrap_or(false))
}

/// Between which keys something lies.
pub(crate) type KeyBounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl KeyDef {
    /// Gives the part of an index whose keys begin with values between two bounds. NULL is no value.
    pub(crate) fn between(
        &self,
        low: Bound<ValueRef<'_>>,
        high: Bound<ValueRef<'_>>,
    ) -> oarlock_core::Result<KeyBounds> {
        let bytes = |value: ValueRef<'_>| self.of_values([value]);
        let (low, high) =
            if self.parts.first().is_some_and(|part| part.descending) { (high, low) } else { (low, high) };
        Ok((
            match low {
                Bound::Included(value) => Bound::Included(bytes(value)?),
                Bound::Excluded(value) => Bound::Included(after(&bytes(value)?)),
                Bound::Unbounded => Bound::Included(vec![VALUE]),
            },
            match high {
                Bound::Included(value) => Bound::Excluded(after(&bytes(value)?)),
                Bound::Excluded(value) => Bound::Excluded(bytes(value)?),
                Bound::Unbounded => Bound::Excluded(vec![VALUE + 1]),
            },
        ))
    }
}
