//! What a serializable transaction has read, to be looked at again when it commits.

use std::ops::Bound;

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

    /// Tells whether all that was read is in another state of the epoch what it was.
    pub(crate) fn hold(&self, before: &State, now: &State) -> bool {
        let rows = self.rows.iter().all(|(slot, key)| match (before.table(*slot), now.table(*slot)) {
            (Ok(before), Ok(now)) => is_same(before.row(key.as_bytes()), now.row(key.as_bytes())),
            _ => false,
        });
        rows && self.intervals.iter().all(|interval| interval.holds(before, now))
    }
}

/// Tells whether a record is the same version in two states of one epoch: each version has a place of its own.
pub(super) fn is_same(before: Option<Row<'_>>, now: Option<Row<'_>>) -> bool {
    before.map(|row| row.place) == now.map(|row| row.place)
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
            while let (Some(own), Some(other)) = (own.next(), other.next()) {
                if own != other || !is_same(before.row(own.value), now.row(own.value)) {
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
        while let (Some(before), Some(now)) = (before.next(), now.next()) {
            if before.key != now.key || Row::new(before.value).place != Row::new(now.value).place {
                return false;
            }
        }
        true
    }
}
