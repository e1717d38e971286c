//! Links between records: from a record to those that it refers to, and to those that refer to it.

use oarlock_core::{Record, Result};

use crate::query::decode;
use crate::record::Located;
use crate::records::Source;
use crate::schema::TableDef;
use crate::state::State;
use crate::store::unknown_table;
use crate::work::Interval;

/// A relation of a record, which is what the derive's constants are (`Team::PLAYERS`): steps that lead from table to table.
pub trait Link<R> {
    /// What it leads to.
    type Record: Record;

    /// Gives the steps.
    fn hops(&self) -> Vec<Hop>;
}

/// A step from a record to those of a table that have equal values in some columns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// The table that it leads to.
    pub table: String,
    /// The columns of the record that it comes from.
    pub from: Vec<usize>,
    /// The columns there, one for each.
    pub to: Vec<usize>,
}

impl Hop {
    /// Makes a step.
    pub fn new(table: impl Into<String>, from: Vec<usize>, to: Vec<usize>) -> Self {
        Self { table: table.into(), from, to }
    }
}

/// Follows steps from a record.
pub(crate) fn follow<R: Record>(
    state: &State,
    record: &[u8],
    columns: usize,
    hops: &[Hop],
    mut read: impl FnMut(&Interval),
) -> Result<Vec<R>> {
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for (place, hop) in hops.iter().enumerate() {
        let slot = state.find(&hop.table).ok_or_else(|| unknown_table(&hop.table))?;
        let table = state.tables.get(slot).and_then(Option::as_ref).ok_or_else(|| unknown_table(&hop.table))?;
        let mut found = Vec::new();
        let mut from = |bytes: &[u8], columns: usize| -> Result<()> {
            let Some(interval) = interval(slot, &table.def, hop, &Located::new(bytes, columns)?)? else {
                return Ok(());
            };
            read(&interval);
            let mut source = Source::new(std::sync::Arc::clone(table), vec![interval], false, None);
            while let Some(row) = source.next(false, None)? {
                found.push(row.bytes.to_vec());
            }
            Ok(())
        };
        if place == 0 {
            from(record, columns)?;
        } else {
            let before = state.find(&hops[place - 1].table).ok_or_else(|| unknown_table(&hops[place - 1].table))?;
            let columns = state.table(before)?.def.columns().len();
            rows.iter().try_for_each(|row| from(row, columns))?;
        }
        rows = found;
    }
    rows.iter().map(|row| decode(row)).collect()
}

/// Gives the part of an index that a step leads to; `None` where a value is NULL.
fn interval(slot: usize, def: &TableDef, hop: &Hop, record: &Located<'_>) -> Result<Option<Interval>> {
    let indexes = def.indexes.iter().enumerate().map(|(place, index)| (Some(place), &index.key));
    let mut ways = std::iter::once((None, &def.key)).chain(indexes);
    let fits = |key: &crate::schema::KeyDef| {
        key.columns.len() >= hop.to.len() && key.columns[..hop.to.len()].iter().all(|column| hop.to.contains(column))
    };
    let Some((index, key)) = ways.find(|(_, key)| fits(key)) else {
        let message = format!("no key of {} leads from a record to those that are linked", def.name());
        return Err(oarlock_core::Error::not_supported(message));
    };
    let mut values = Vec::with_capacity(hop.to.len());
    for column in &key.columns[..hop.to.len()] {
        let place = hop.to.iter().position(|to| to == column).and_then(|place| hop.from.get(place));
        let value = record.get(*place.ok_or_else(|| unknown_table(&hop.table))?)?;
        if value.is_null() {
            return Ok(None);
        }
        values.push(value);
    }
    let prefix = key.of_values(values)?.into_vec();
    let high = std::ops::Bound::Excluded(crate::plan::after(&prefix));
    Ok(Some(Interval { slot, index, low: std::ops::Bound::Included(prefix), high }))
}
