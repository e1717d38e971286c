//! Which parts of which index hold the records that a query wants.

mod values;

use std::ops::Bound;

use oarlock_core::value::ValueRef;

use self::values::{End, Span, Values};
use crate::expr::Expr;
use crate::query::{Nulls, Term};
use crate::record::order::{Form, KeyBytes, Part, VALUE};
use crate::schema::{KeyDef, TableDef};
use crate::work::Interval;

/// Where records are looked for. What is found there has still to be held against the condition.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Parts of one index, or of the table, in its order, with nothing in common.
    pub(crate) intervals: Vec<Interval>,
    /// Whether the records come in the order that was asked for, or, with `backwards`, from its end.
    pub(crate) ordered: bool,
    pub(crate) backwards: bool,
}

/// In how many parts records are looked for at the most. What would be more is looked for between the first and the last.
const MOST_PARTS: usize = 1 << 16;

/// Chooses the parts of the table or an index with the most that is known about its key; of equal ones, those in the order that is asked for.
pub(crate) fn plan(slot: usize, def: &TableDef, condition: Option<&Expr>, order: &[Term]) -> Plan {
    let indexes = def.indexes.iter().enumerate().map(|(place, index)| (Some(place), &index.key, index.unique));
    let ways = std::iter::once((None, &def.key, true)).chain(indexes);
    let mut best: Option<(usize, Plan)> = None;
    for (index, key, unique) in ways {
        let parts = Parts::of(key, def, condition);
        let direction = direction(def, key, parts.single, order);
        let known = parts.worth(unique && parts.exact == key.columns.len());
        // Without a word about its key an index is only good for its order.
        if known == 0 && index.is_some() && (direction.is_none() || order.is_empty()) {
            continue;
        }
        let worth = known * 4 + usize::from(direction.is_some()) * 2 + usize::from(index.is_none());
        if best.as_ref().is_none_or(|(least, _)| worth > *least) {
            let intervals = parts.bounds.into_iter().map(|(low, high)| Interval { slot, index, low, high }).collect();
            let plan = Plan { intervals, ordered: direction.is_some(), backwards: direction == Some(true) };
            best = Some((worth, plan));
        }
    }
    best.map_or_else(
        || Plan { intervals: vec![Interval::all(slot)], ordered: order.is_empty(), backwards: false },
        |(_, plan)| plan,
    )
}

impl Plan {
    /// Tells it in words.
    pub(crate) fn told(&self, def: &TableDef) -> String {
        let Some(first) = self.intervals.first() else { return format!("nothing of {}", def.name()) };
        let is_all = matches!((&first.low, &first.high), (Bound::Unbounded, Bound::Unbounded));
        let key = first.index.map_or(&def.key, |index| &def.indexes[index].key);
        let mut told = if is_all && first.index.is_none() {
            format!("all of {}", def.name())
        } else {
            format!("{} by {}", def.name(), key.name)
        };
        if !is_all {
            let count = self.intervals.len();
            told = format!("{told}, {count} {}", if count == 1 { "part" } else { "parts" });
        }
        if self.backwards {
            told += ", from the end";
        }
        if !self.ordered {
            told += ", then sorted";
        }
        told
    }
}

impl Interval {
    /// A whole table.
    pub(crate) const fn all(slot: usize) -> Self {
        Self { slot, index: None, low: Bound::Unbounded, high: Bound::Unbounded }
    }
}

/// The parts of a key's order that are left by what is known.
struct Parts {
    /// How many of its first columns are one value.
    single: usize,
    /// How many are one of some.
    exact: usize,
    /// Whether the next one has bounds.
    bounded: bool,
    bounds: Vec<KeyBounds>,
}

impl Parts {
    fn of(key: &KeyDef, def: &TableDef, condition: Option<&Expr>) -> Self {
        let mut parts = Self { single: 0, exact: 0, bounded: false, bounds: Vec::new() };
        let mut prefixes = vec![Vec::new()];
        for (column, part) in key.columns.iter().zip(&key.parts) {
            let form = Form::of(&def.columns()[*column].ty);
            let left = condition.and_then(|condition| Values::left_by(condition, *column, form));
            let Some(mut values) = left else { break };
            if prefixes.len().saturating_mul(values.count()) > MOST_PARTS {
                values = values.hull();
            }
            if values.is_exact() {
                parts.single += usize::from(parts.single == parts.exact && values.count() == 1);
                parts.exact += 1;
                prefixes = followed(&prefixes, *part, &values);
                continue;
            }
            parts.bounded = true;
            parts.bounds = between(&prefixes, *part, &values);
            return parts;
        }
        let whole = |prefix: Vec<u8>| {
            if prefix.is_empty() {
                (Bound::Unbounded, Bound::Unbounded)
            } else {
                let high = behind(&prefix);
                (Bound::Included(prefix), high)
            }
        };
        parts.bounds = prefixes.into_iter().map(whole).collect();
        parts
    }

    /// Tells how much is known; `one` of what can be one record for each part at the most.
    fn worth(&self, one: bool) -> usize {
        match (self.bounds.len(), one) {
            (0, _) => 2_000,
            (1, true) => 1_000,
            (_, true) => 500,
            _ => self.single * 10 + (self.exact - self.single) * 8 + usize::from(self.bounded) * 5,
        }
    }
}

/// Gives beginnings of keys, each followed by each of some values, in the key's order.
fn followed(prefixes: &[Vec<u8>], part: Part, values: &Values) -> Vec<Vec<u8>> {
    let mut ends: Vec<Vec<u8>> = Vec::with_capacity(values.count());
    ends.extend(values.null.then(|| vec![null(part)]));
    ends.extend(values.spans.iter().map(|span| {
        let span = if part.descending { &span.turned() } else { span };
        marked(&span.low.bytes)
    }));
    ends.sort_unstable();
    prefixes.iter().flat_map(|prefix| ends.iter().map(move |end| [prefix.as_slice(), end].concat())).collect()
}

/// Gives the parts between the ends of spans behind each beginning of a key, in the key's order.
fn between(prefixes: &[Vec<u8>], part: Part, values: &Values) -> Vec<KeyBounds> {
    let mut spans: Vec<Span> =
        values.spans.iter().map(|span| if part.descending { span.turned() } else { span.clone() }).collect();
    if part.descending {
        spans.reverse();
    }
    let mut bounds = Vec::with_capacity(prefixes.len() * values.count());
    for prefix in prefixes {
        let null = values.null.then(|| {
            let key = [prefix.as_slice(), &[null(part)]].concat();
            let high = behind(&key);
            (Bound::Included(key), high)
        });
        let (first, last) = if part.nulls_last { (None, null) } else { (null, None) };
        bounds.extend(first);
        bounds.extend(spans.iter().map(|span| {
            let key = |end: &End| [prefix.as_slice(), &marked(&end.bytes)].concat();
            let low = match behind(&key(&span.low)) {
                Bound::Excluded(behind) if span.low.behind => Bound::Included(behind),
                _ => Bound::Included(key(&span.low)),
            };
            (low, if span.high.behind { behind(&key(&span.high)) } else { Bound::Excluded(key(&span.high)) })
        }));
        bounds.extend(last);
    }
    bounds
}

const fn null(part: Part) -> u8 {
    if part.nulls_last { VALUE + 1 } else { VALUE - 1 }
}

fn marked(bytes: &[u8]) -> Vec<u8> {
    [&[VALUE], bytes].concat()
}

/// Gives the end of all keys with a beginning, in whose first byte there is room above.
fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    let Some(last) = prefix.iter().rposition(|byte| *byte != u8::MAX) else { return Bound::Unbounded };
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Bound::Excluded(next)
}

/// Gives what stands behind all keys with a beginning.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[255]].concat()
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
        let bytes = |value: ValueRef<'_>| self.of_values([value]).map(KeyBytes::into_vec);
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
