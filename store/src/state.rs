//! All tables as of one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, Result};

use crate::log::{Frame, Reader};
use crate::op::{Op, operations};
use crate::record::Located;
use crate::schema::{Stored, TableDef};
use crate::table::{Place, Row, TableState};

/// All tables as of one transaction. A copy takes a pointer for each table.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// The last transaction in it.
    pub(crate) transaction: u64,
    /// When that was committed, in microseconds since 1970.
    pub(crate) time: i64,
    /// The tables by their numbers; `None` where one was dropped.
    pub(crate) tables: Vec<Option<Arc<TableState>>>,
    pub(crate) catalog: Arc<Catalog>,
    /// The file that records' places are in.
    pub(crate) reader: Option<Reader>,
    /// How many times the file was packed: places of different epochs are in different files.
    pub(crate) epoch: u64,
}

/// What is found out anew when a table changes.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) by_name: HashMap<String, usize>,
    /// For each table, the foreign keys that lead to it: the table's number, and which of its keys.
    pub(crate) referenced_by: Vec<Vec<(usize, usize)>>,
}

impl State {
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.catalog.by_name.get(name).copied()
    }

    pub(crate) fn table(&self, slot: usize) -> Result<&TableState> {
        self.tables.get(slot).and_then(Option::as_deref).ok_or_else(no_table)
    }

    /// Gives a table to change it.
    pub(crate) fn table_mut(&mut self, slot: usize) -> Result<&mut TableState> {
        self.tables.get_mut(slot).and_then(Option::as_mut).map(Arc::make_mut).ok_or_else(no_table)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &TableState> {
        self.tables.iter().flatten().map(|table| &**table)
    }

    /// About how many bytes of memory the records and indexes take.
    pub(crate) fn memory(&self) -> usize {
        self.live().map(|table| table.memory).sum()
    }

    /// Puts a table's definition in the place of the one that is there, and its records into the new layout. [`link`](Self::link) has to follow.
    pub(crate) fn define(&mut self, stored: Stored) -> Result<()> {
        let slot = usize::try_from(stored.id).map_err(|_| no_table())?;
        if slot > self.tables.len() + 65_536 {
            return Err(no_table());
        }
        if self.tables.len() <= slot {
            self.tables.resize(slot + 1, None);
        }
        let def = Arc::new(TableDef::new(stored)?);
        let Some(table) = &mut self.tables[slot] else {
            self.tables[slot] = Some(Arc::new(TableState::new(def)));
            return Ok(());
        };
        let table = Arc::make_mut(table);
        let rekeyed = table.def.key.columns != def.key.columns || table.def.key.parts != def.key.parts;
        let converted = table.def.layout != def.layout;
        table.def = def;
        if !converted && !rekeyed {
            return Ok(());
        }
        let mut rows = table.rows.all();
        let mut modern = TableState { rows: crate::map::Map::new(), ..table.clone() };
        while let Some(entry) = rows.next() {
            let row = Row::new(entry.value);
            let converted = table.def.modern(row.bytes)?;
            let bytes = converted.as_deref().unwrap_or(row.bytes);
            let values = table.locate(bytes)?;
            let key = table.key_of(&values)?;
            if modern.rows.contains(key.as_bytes()) {
                let primary = &table.def.key;
                return Err(crate::table::duplicate(&table.def, &primary.name, &primary.columns, &values));
            }
            Row { bytes, ..row }.put(key.as_bytes(), &mut modern.rows);
        }
        *table = modern;
        Ok(())
    }

    pub(crate) fn drop_table(&mut self, slot: usize) -> Result<()> {
        self.table(slot)?;
        self.tables[slot] = None;
        Ok(())
    }

    /// Looks up anew what tables are to each other.
    ///
    /// # Errors
    ///
    /// `TableNotFound` where a foreign key leads nowhere.
    pub(crate) fn link(&mut self) -> Result<()> {
        let mut by_name = HashMap::new();
        let mut defs = Vec::with_capacity(self.tables.len());
        for (slot, table) in self.tables.iter().enumerate() {
            let Some(table) = table else {
                defs.push(None);
                continue;
            };
            if by_name.insert(table.def.name().to_owned(), slot).is_some() {
                let message = format!("there are two tables called {}", table.def.name());
                return Err(Error::new(ErrorKind::AlreadyExists, message).with_table(table.def.name()));
            }
            defs.push(Some(TableDef::new(table.def.stored.clone())?));
        }
        let find = |name: &str| {
            let slot = *by_name.get(name)?;
            Some((slot, &*self.tables.get(slot)?.as_ref()?.def))
        };
        let mut referenced_by = vec![Vec::new(); self.tables.len()];
        for (slot, def) in defs.iter_mut().enumerate() {
            let Some(def) = def else { continue };
            def.link(find)?;
            for (key, foreign) in def.foreign.iter().enumerate() {
                referenced_by[foreign.slot].push((slot, key));
            }
        }
        for (table, def) in self.tables.iter_mut().zip(defs) {
            if let (Some(table), Some(def)) = (table, def) {
                Arc::make_mut(table).def = Arc::new(def);
            }
        }
        self.catalog = Arc::new(Catalog { by_name, referenced_by });
        Ok(())
    }

    /// Makes all indexes anew.
    pub(crate) fn reindex(&mut self) -> Result<()> {
        for table in self.tables.iter_mut().flatten() {
            Arc::make_mut(table).reindex()?;
        }
        Ok(())
    }

    /// Says where the operations of a transaction stand, now that they are in the file.
    pub(crate) fn settle(&mut self, base: &Self, payload: u64) {
        for (slot, table) in self.tables.iter_mut().enumerate() {
            let Some(table) = table else { continue };
            let before = base.tables.get(slot).and_then(Option::as_ref);
            if !before.is_some_and(|before| Arc::ptr_eq(before, table)) {
                Arc::make_mut(table).settle(payload);
            }
        }
    }

    /// Takes over a frame of the file. Indexes are left alone.
    pub(crate) fn replay_frame(&mut self, frame: &Frame<'_>, history: bool) -> Result<()> {
        self.replay(crate::history::payload_of(frame), frame.place, history)
            .map_err(|error| error.context(format_args!("transaction {}", frame.transaction)))?;
        (self.transaction, self.time) = (frame.transaction, frame.time);
        Ok(())
    }

    /// Takes over what a frame of the file says. Indexes are left alone: [`reindex`](Self::reindex) makes them in the end.
    pub(crate) fn replay(&mut self, payload: &[u8], place: u64, history: bool) -> Result<()> {
        let mut redefined = false;
        for op in operations(payload) {
            match op? {
                Op::Put { table, link, record } => {
                    let table = self.table_mut(slot(table)?)?;
                    let modern = table.def.modern(record)?;
                    let bytes = modern.as_deref().unwrap_or(record);
                    let values = Located::new(bytes, table.def.columns().len())?;
                    let key = table.key_of(&values)?;
                    if let Some(auto) = table.def.auto {
                        number(table, &values, auto)?;
                    }
                    table.put_row(&key, Row { bytes, place: Place::in_file(place + link.offset) });
                }
                Op::Delete { table, link, key } => {
                    let deleted = history.then(|| Place::in_file(place + link.offset));
                    self.table_mut(slot(table)?)?.delete_row(&crate::key::Key::new(key), deleted);
                }
                Op::Define { json } => {
                    self.define(Stored::from_json(json)?)?;
                    redefined = true;
                }
                Op::Drop { table } => {
                    self.drop_table(slot(table)?)?;
                    redefined = true;
                }
                Op::Sequence { table, next } => self.table(slot(table)?)?.number_past(next.saturating_sub(1)),
            }
        }
        if redefined {
            self.link()?;
        }
        Ok(())
    }
}

/// Sees to it that the number of a record is not drawn again.
pub(crate) fn number(table: &TableState, record: &Located<'_>, auto: usize) -> Result<()> {
    use oarlock_core::value::ValueRef;
    match record.get(auto)? {
        ValueRef::I64(number) => table.number_past(u64::try_from(number).unwrap_or(0)),
        ValueRef::U64(number) => table.number_past(number),
        _ => {}
    }
    Ok(())
}

pub(crate) fn slot(table: u32) -> Result<usize> {
    usize::try_from(table).map_err(|_| no_table())
}

#[cold]
pub(crate) fn no_table() -> Error {
    Error::new(ErrorKind::TableNotFound, "the table is not in the store: it was dropped, or never defined")
        .with_hint("call `define` with it after opening")
}
