//! Foreign keys: that what is referred to is there, and what becomes of those that refer when it goes.

use oarlock_core::record::Sink;
use oarlock_core::schema::{Action, Default};
use oarlock_core::value::{Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};
use smallvec::SmallVec;

use super::Work;
use super::write::{check, no_record};
use crate::convert::default_value;
use crate::key::Key;
use crate::record::order::KeyBytes;
use crate::record::{Located, Writer};
use crate::schema::{Foreign, TableDef, Target};
use crate::state::State;
use crate::table::{Row, TableState};

/// What is left to do of a change that others follow.
enum Task {
    Delete(usize, Key),
    /// Gives the columns of a foreign key other values.
    Assign {
        slot: usize,
        foreign: usize,
        key: Key,
        values: Vec<Value>,
    },
}

/// What has to be gone in the end, for the foreign key says `NO ACTION`.
struct Late {
    slot: usize,
    foreign: usize,
    prefix: KeyBytes,
}

impl Work {
    /// Sees to it that what a record refers to is there. Gives the foreign keys that are looked at in the end.
    pub(super) fn check_parents(
        &self,
        slot: usize,
        record: &Located<'_>,
        old: Option<Row<'_>>,
    ) -> Result<SmallVec<[usize; 2]>> {
        let table = self.state.table(slot)?;
        let mut deferred = SmallVec::new();
        if table.def.foreign.is_empty() {
            return Ok(deferred);
        }
        let old = match old {
            Some(old) => Some(table.locate(old.bytes)?),
            None => None,
        };
        for (place, foreign) in table.def.foreign.iter().enumerate() {
            let unchanged = match &old {
                Some(old) => same(foreign.columns.iter().map(|column| (*column, *column)), old, record)?,
                None => false,
            };
            if unchanged || self.is_there(foreign, record)? || refers_to_itself(slot, foreign, record)? {
                continue;
            }
            if foreign.deferred {
                deferred.push(place);
            } else {
                return Err(no_parent(&table.def, foreign, &self.state));
            }
        }
        Ok(deferred)
    }

    /// Tells whether the record that a foreign key leads to is there, or it leads to none.
    pub(super) fn is_there(&self, foreign: &Foreign, record: &Located<'_>) -> Result<bool> {
        is_there(&self.state, foreign, record)
    }

    /// Looks at the foreign keys that were put off.
    pub(crate) fn check_deferred(&self) -> Result<()> {
        for (slot, foreign, key) in &self.deferred {
            let table = self.state.table(*slot)?;
            let Some(row) = table.row(key.as_bytes()) else { continue };
            let Some(foreign) = table.def.foreign.get(*foreign) else { continue };
            if !self.is_there(foreign, &table.locate(row.bytes)?)? {
                return Err(no_parent(&table.def, foreign, &self.state));
            }
        }
        Ok(())
    }

    /// Tells whether records refer to one.
    pub(super) fn has_children(&self, slot: usize, row: Row<'_>) -> Result<bool> {
        has_children(&self.state, slot, &self.state.table(slot)?.locate(row.bytes)?)
    }

    /// Tells whether records refer to one by values that it is about to lose.
    pub(super) fn leads_here(&self, slot: usize, old: Row<'_>, new: &Located<'_>) -> Result<bool> {
        let Some(referenced_by) = self.state.catalog.referenced_by.get(slot) else { return Ok(false) };
        if referenced_by.is_empty() {
            return Ok(false);
        }
        let old = self.state.table(slot)?.locate(old.bytes)?;
        for (child, foreign) in referenced_by {
            let foreign = &self.state.table(*child)?.def.foreign[*foreign];
            if !same(foreign.referenced.iter().map(|column| (*column, *column)), &old, new)?
                && let Some(prefix) = prefix_of(&self.state, *child, foreign, &old)?
                && self.state.table(*child)?.with_prefix(foreign.index, &prefix).len() > 0
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes out a record to which others refer.
    pub(super) fn delete_referenced(&mut self, slot: usize, key: &Key) -> Result<()> {
        self.carry_out(vec![Task::Delete(slot, key.clone())])
    }

    /// Changes a record to which others refer by what is changed.
    pub(super) fn update_referenced(&mut self, slot: usize, key: &Key, bytes: &[u8]) -> Result<Key> {
        let mut tasks = Vec::new();
        let mut late = Vec::new();
        let table = self.state.table(slot)?;
        let old = table.row(key.as_bytes()).ok_or_else(|| no_record(&table.def))?;
        let (before, after) = (table.locate(old.bytes)?, table.locate(bytes)?);
        let new_key = table.key_of(&after)?;
        for (child, place) in &self.state.catalog.referenced_by[slot] {
            let def = &self.state.table(*child)?.def;
            let foreign = &def.foreign[*place];
            if same(foreign.referenced.iter().map(|column| (*column, *column)), &before, &after)? {
                continue;
            }
            let Some(prefix) = prefix_of(&self.state, *child, foreign, &before)? else { continue };
            let new: Vec<Value> = foreign
                .referenced
                .iter()
                .map(|column| ValueRef::to_owned(after.get(*column)?))
                .collect::<Result<_>>()?;
            self.follow(*child, *place, prefix, foreign.on_update, Some(new), &mut tasks, &mut late)?;
        }
        if new_key == *key {
            let prepared = self.prepare(slot, key, &after, Some(old))?;
            self.put(slot, key, bytes, prepared)?;
        } else {
            self.move_to(slot, key, &new_key, bytes)?;
        }
        self.carry_out(tasks)?;
        self.check_late(&late)?;
        Ok(new_key)
    }

    /// Says what becomes of the records that refer by certain values.
    #[expect(clippy::too_many_arguments, reason = "it is one step of two changes, which have these in common")]
    fn follow(
        &self,
        slot: usize,
        foreign: usize,
        prefix: KeyBytes,
        action: Action,
        new: Option<Vec<Value>>,
        tasks: &mut Vec<Task>,
        late: &mut Vec<Late>,
    ) -> Result<()> {
        let table = self.state.table(slot)?;
        let key = &table.def.foreign[foreign];
        let mut children = table.with_prefix(key.index, &prefix);
        if children.len() == 0 {
            return Ok(());
        }
        let values = match (action, new) {
            (Action::Cascade, Some(new)) => new,
            (Action::Cascade, None) => {
                while let Some(child) = children.next() {
                    tasks.push(Task::Delete(slot, Key::new(child.value)));
                }
                return Ok(());
            }
            (Action::SetNull, _) => vec![Value::Null; key.columns.len()],
            (Action::SetDefault, _) => {
                let default = |column: &usize| {
                    let column = &table.def.columns()[*column];
                    let default = column.default.as_ref().map(|default: &Default| default_value(column, default));
                    default.unwrap_or(Ok(Value::Null))
                };
                key.columns.iter().map(default).collect::<Result<_>>()?
            }
            (Action::Restrict, _) => return Err(still_referred(&self.state, &table.def, key)),
            _ => {
                late.push(Late { slot, foreign, prefix });
                return Ok(());
            }
        };
        while let Some(child) = children.next() {
            tasks.push(Task::Assign { slot, foreign, key: Key::new(child.value), values: values.clone() });
        }
        Ok(())
    }

    /// Does what is to be done, and what follows from that, until nothing does.
    fn carry_out(&mut self, mut tasks: Vec<Task>) -> Result<()> {
        let mut late = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Delete(slot, key) => {
                    let Some(bytes) = self.take_out(slot, &key)? else { continue };
                    let record = self.state.table(slot)?.locate(&bytes)?;
                    let referenced_by = self.state.catalog.referenced_by.get(slot).cloned().unwrap_or_default();
                    for (child, place) in referenced_by {
                        let foreign = &self.state.table(child)?.def.foreign[place];
                        let action = foreign.on_delete;
                        if let Some(prefix) = prefix_of(&self.state, child, foreign, &record)? {
                            self.follow(child, place, prefix, action, None, &mut tasks, &mut late)?;
                        }
                    }
                }
                Task::Assign { slot, foreign, key, values } => {
                    let table = self.state.table(slot)?;
                    let Some(row) = table.row(key.as_bytes()) else { continue };
                    let columns = &table.def.foreign[foreign].columns;
                    let bytes = assigned(&table.def, &table.locate(row.bytes)?, columns, &values)?;
                    check(&table.def, &table.locate(&bytes)?)?;
                    self.update(slot, &key, &bytes)?;
                }
            }
        }
        self.check_late(&late)
    }

    fn check_late(&self, late: &[Late]) -> Result<()> {
        for Late { slot, foreign, prefix } in late {
            let table = self.state.table(*slot)?;
            let foreign = &table.def.foreign[*foreign];
            check_each(&self.state, table, foreign, prefix)?;
        }
        Ok(())
    }
}

/// Holds all records of a table against what it asks of them: after its definition has changed, and when a file is checked.
pub(crate) fn verify(state: &State, slot: usize) -> Result<()> {
    let table = state.table(slot)?;
    let mut rows = table.rows.all();
    while let Some(entry) = rows.next() {
        let record = table.locate(Row::new(entry.value).bytes)?;
        let checked = check(&table.def, &record).and_then(|()| {
            let missing = |foreign: &&Foreign| !matches!(is_there(state, foreign, &record), Ok(true));
            match table.def.foreign.iter().find(missing) {
                Some(foreign) => Err(no_parent(&table.def, foreign, state)),
                None => Ok(()),
            }
        });
        checked.map_err(|error| {
            let key = table.def.key.columns.iter().map(|column| record.get(*column).map(|value| format!("{value:?}")));
            let key: Vec<String> = key.collect::<Result<_>>().unwrap_or_default();
            error
                .context(format_args!("a record of {} breaks its definition", table.def.name()))
                .with_detail(format!("its key is ({})", key.join(", ")))
        })?;
    }
    Ok(())
}

/// Tells whether the record that a foreign key leads to is there, or it leads to none.
pub(super) fn is_there(state: &State, foreign: &Foreign, record: &Located<'_>) -> Result<bool> {
    let there = state.table(foreign.slot)?;
    let key = match foreign.target {
        Target::Primary => &there.def.key,
        Target::Index(index) => &there.def.indexes[index].key,
    };
    let mut values = SmallVec::<[ValueRef<'_>; 4]>::new();
    for column in &key.columns {
        let place = foreign.referenced.iter().position(|referenced| referenced == column);
        let own = place.and_then(|place| foreign.columns.get(place));
        let own = own.ok_or_else(|| Error::new(ErrorKind::Internal, "a foreign key lacks a column of its target"))?;
        let value = record.get(*own)?;
        if value.is_null() {
            return Ok(true);
        }
        values.push(value);
    }
    let bytes = key.of_values(values)?;
    Ok(match foreign.target {
        Target::Primary => there.rows.contains(&bytes),
        Target::Index(index) => there.indexes[index].contains(&bytes),
    })
}

/// Tells whether records refer to one.
pub(super) fn has_children(state: &State, slot: usize, record: &Located<'_>) -> Result<bool> {
    let Some(referenced_by) = state.catalog.referenced_by.get(slot) else { return Ok(false) };
    for (child, foreign) in referenced_by {
        let table = state.table(*child)?;
        let foreign = &table.def.foreign[*foreign];
        if let Some(prefix) = prefix_of(state, *child, foreign, record)?
            && table.with_prefix(foreign.index, &prefix).len() > 0
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sees to it that each record that refers by the values of one has a record to refer to.
pub(super) fn check_children(state: &State, slot: usize, record: &Located<'_>) -> Result<()> {
    for (child, foreign) in state.catalog.referenced_by.get(slot).map_or(&[][..], Vec::as_slice) {
        let table = state.table(*child)?;
        let foreign = &table.def.foreign[*foreign];
        let Some(prefix) = prefix_of(state, *child, foreign, record)? else { continue };
        check_each(state, table, foreign, &prefix)?;
    }
    Ok(())
}

fn check_each(state: &State, table: &TableState, foreign: &Foreign, prefix: &[u8]) -> Result<()> {
    let mut children = table.with_prefix(foreign.index, prefix);
    while let Some(child) = children.next() {
        let row = table.row(child.value).ok_or_else(crate::table::missing_row)?;
        // Another record may have the values now.
        if !is_there(state, foreign, &table.locate(row.bytes)?)? {
            return Err(still_referred(state, &table.def, foreign));
        }
    }
    Ok(())
}

/// Gives the beginning of the index keys that records have which refer to one; `None` where none can.
fn prefix_of(state: &State, child: usize, foreign: &Foreign, record: &Located<'_>) -> Result<Option<KeyBytes>> {
    let index = &state.table(child)?.def.indexes[foreign.index].key;
    let mut values = SmallVec::<[ValueRef<'_>; 4]>::new();
    for column in &foreign.referenced {
        let value = record.get(*column)?;
        if value.is_null() {
            return Ok(None);
        }
        values.push(value);
    }
    index.of_values(values).map(Some)
}

fn refers_to_itself(slot: usize, foreign: &Foreign, record: &Located<'_>) -> Result<bool> {
    Ok(foreign.slot == slot && {
        let pairs = foreign.columns.iter().copied().zip(foreign.referenced.iter().copied());
        same(pairs, record, record)?
    })
}

fn same(pairs: impl Iterator<Item = (usize, usize)>, one: &Located<'_>, other: &Located<'_>) -> Result<bool> {
    for (left, right) in pairs {
        if one.get(left)? != other.get(right)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes a record anew with other values in some columns.
pub(crate) fn assigned(def: &TableDef, record: &Located<'_>, columns: &[usize], values: &[Value]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = Writer::begin(&mut out, def.layout);
    for column in 0..def.columns().len() {
        match columns.iter().position(|assigned| *assigned == column) {
            Some(place) => writer.put(values[place].as_ref())?,
            None => writer.put(record.get(column)?)?,
        }
    }
    Ok(out)
}

#[cold]
fn no_parent(def: &TableDef, foreign: &Foreign, state: &State) -> Error {
    let there = state.table(foreign.slot).map_or("?", |table| table.def.name());
    violation(def, foreign, format!("a record of {} refers to one of {there} that is not there", def.name()))
}

#[cold]
fn still_referred(state: &State, def: &TableDef, foreign: &Foreign) -> Error {
    let there = state.table(foreign.slot).map_or("?", |table| table.def.name());
    violation(def, foreign, format!("records of {} still refer to the one of {there}", def.name()))
}

fn violation(def: &TableDef, foreign: &Foreign, message: String) -> Error {
    let column = foreign.columns.first().map_or("", |column| def.columns()[*column].name.as_str());
    Error::new(ErrorKind::ForeignKeyViolation, format!("{message}: it violates {}", foreign.name))
        .with_sqlstate("23503")
        .with_constraint(foreign.name.as_str())
        .with_table(def.name())
        .with_column(column)
}
