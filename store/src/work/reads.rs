//! What a serializable transaction has read, to be looked at again when it commits.

use std::ops::Bound;
use std::sync::Arc;

use crate::key::Key;
use crate::state::State;
use crate::table::Row;

/// What a serializable transaction has read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    rows: Vec<(usize, Key)>,
    intervals: Vec<Interval>,
}

/// A part of a table, or of one of its indexes, in which records were looked for.
#[derive(Debug, Clone)]
pub(crate) struct Interval {
    pub(crate) slot: usize,
    /// The index; the table itself without one.
    pub(crate) index: Option<usize>,
    pub(crate) low: Bound<Vec<u8>>,
    pub(crate) high: Bound<Vec<u8>>,
}

impl Reads {
    pub(crate) fn row(&mut self, slot: usize, key: &Key) {
        self.rows.push((slot, key.clone()));
    }

    pub(crate) fn interval(&mut self, interval: Interval) {
        self.intervals.push(interval);
    }

    /// Tells whether all that was read is in another state what it was.
    pub(crate) fn hold(&self, before: &State, now: &State) -> bool {
        let rows = self.rows.iter().all(|(slot, key)| match (before.table(*slot), now.table(*slot)) {
            (Ok(before), Ok(now)) => is_same(before.rows.get(key.as_bytes()), now.rows.get(key.as_bytes())),
            _ => false,
        });
        rows && self.intervals.iter().all(|interval| interval.holds(before, now))
    }
}

/// Tells whether a record is the same version; a version's bytes are shared by all states that have it.
pub(super) fn is_same(before: Option<&Row>, now: Option<&Row>) -> bool {
    match (before, now) {
        (None, None) => true,
        (Some(before), Some(now)) => Arc::ptr_eq(&before.bytes, &now.bytes),
        _ => false,
    }
}

impl Interval {
    fn holds(&self, before: &State, now: &State) -> bool {
        let (Ok(before), Ok(now)) = (before.table(self.slot), now.table(self.slot)) else { return false };
        let low = self.low.as_ref().map(Vec::as_slice);
        let high = self.high.as_ref().map(Vec::as_slice);
        if let Some(index) = self.index {
            let (Some(own), Some(other)) = (before.indexes.get(index), now.indexes.get(index)) else { return false };
            if own.is_same(other) && before.rows.is_same(&now.rows) {
                return true;
            }
            let (mut own, mut other) = (own.range(low, high), other.range(low, high));
            if own.len() != other.len() {
                return false;
            }
            while let (Some((entry, key)), Some((other_entry, other_key))) = (own.next(), other.next()) {
                let rows = (before.rows.get(key.as_bytes()), now.rows.get(key.as_bytes()));
                if entry != other_entry || key != other_key || !is_same(rows.0, rows.1) {
                    return false;
                }
            }
            return true;
        }
        if before.rows.is_same(&now.rows) {
            return true;
        }
        let (mut before, mut now) = (before.rows.range(low, high), now.rows.range(low, high));
        if before.len() != now.len() {
            return false;
        }
        while let (Some((key, row)), Some((other_key, other))) = (before.next(), now.next()) {
            if key != other_key || !is_same(Some(row), Some(other)) {
                return false;
            }
        }
        true
    }
}
