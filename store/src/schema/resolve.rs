//! A table's definition with every name looked up.

use std::sync::OnceLock;

use oarlock_core::record::Definition;
use oarlock_core::schema::{
    Action, Column, Default, Deferrable, EnumType, IndexKey, Nulls, Order, Table, Type, UniqueNulls, derived_name,
};
use oarlock_core::{Error, ErrorKind, Result};

use super::Stored;
use crate::check::Check;
use crate::record::order::{Form, Part};

/// A table's definition with every name looked up.
#[derive(Debug)]
pub(crate) struct TableDef {
    pub(crate) stored: Stored,
    /// The number of the layout of new records.
    pub(crate) layout: usize,
    pub(crate) key: KeyDef,
    pub(crate) indexes: Vec<IndexDef>,
    pub(crate) foreign: Vec<Foreign>,
    pub(crate) checks: Vec<Check>,
    /// The column that is numbered.
    pub(crate) auto: Option<usize>,
    /// The columns of which a new record gets the present time or a new UUID where it has none.
    pub(crate) generated: Vec<usize>,
    /// The columns whose values have more to keep than their type.
    pub(crate) limits: Vec<(usize, Limit)>,
    /// The struct that was found to be of this table, by where its definition lies.
    verified: OnceLock<usize>,
}

/// The columns of a key, in its order.
#[derive(Debug, Clone)]
pub(crate) struct KeyDef {
    /// The constraint's or the index's name.
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) parts: Vec<Part>,
}

/// An index beside the primary key.
#[derive(Debug, Clone)]
pub(crate) struct IndexDef {
    pub(crate) key: KeyDef,
    pub(crate) unique: bool,
    /// Whether several NULLs may stand in a unique index.
    pub(crate) nulls_distinct: bool,
}

/// A foreign key.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    /// Where the table that is referred to stands.
    pub(crate) slot: usize,
    pub(crate) target: Target,
    /// The columns there, in the order of `columns`.
    pub(crate) referenced: Vec<usize>,
    /// The index of this table on `columns`.
    pub(crate) index: usize,
    pub(crate) on_delete: Action,
    pub(crate) on_update: Action,
    /// Whether it is checked at commit.
    pub(crate) deferred: bool,
}

/// By which key a foreign key finds the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Primary,
    Index(usize),
}

/// What a value has to keep beside its type.
#[derive(Debug, Clone)]
pub(crate) enum Limit {
    NotNull,
    Characters(u32),
    Bytes(u32),
    Words(EnumType),
    Integer(i64, i64),
    /// Digits before the point, and after it.
    Digits(u16, u16),
}

impl TableDef {
    /// Looks everything up but for other tables.
    pub(crate) fn new(stored: Stored) -> Result<Self> {
        let table = &stored.table;
        let name = table.name.as_str();
        let Some(primary) = &table.primary_key else {
            return Err(unsupported(table, "a table without a primary key"));
        };
        let key_name = primary.name.clone().unwrap_or_else(|| derived_name(name, [], "pkey"));
        let key = KeyDef::new(
            table,
            key_name,
            primary.columns.iter().map(|column| (column.as_str(), Order::Ascending, None)),
        )?;
        let mut indexes = Vec::new();
        for unique in &table.uniques {
            let columns = unique.columns.iter().map(String::as_str);
            let index_name = unique.name.clone().unwrap_or_else(|| derived_name(name, columns.clone(), "key"));
            let key = KeyDef::new(table, index_name, columns.map(|column| (column, Order::Ascending, None)))?;
            indexes.push(IndexDef { key, unique: true, nulls_distinct: unique.nulls == UniqueNulls::Distinct });
        }
        for index in &table.indexes {
            if index.predicate.is_some() || index.method.is_some() {
                return Err(unsupported(table, "an index with a condition or a method"));
            }
            let mut columns = Vec::new();
            for part in &index.parts {
                let IndexKey::Column(column) = &part.key else {
                    return Err(unsupported(table, "an index on an expression"));
                };
                columns.push((column.as_str(), part.order, part.nulls));
            }
            let names = columns.iter().map(|(column, ..)| *column);
            let index_name = index.name.clone().unwrap_or_else(|| derived_name(name, names, "idx"));
            let key = KeyDef::new(table, index_name, columns.into_iter())?;
            let nulls_distinct = index.nulls == UniqueNulls::Distinct;
            indexes.push(IndexDef { key, unique: index.unique, nulls_distinct });
        }
        let mut checks = Vec::new();
        for (count, check) in table.checks.iter().enumerate() {
            let suffix = if count == 0 { "check".to_owned() } else { format!("check{count}") };
            let check_name = check.name.clone().unwrap_or_else(|| derived_name(name, [], &suffix));
            checks.push(Check::parse(table, check_name, &check.expression)?);
        }
        let mut limits = Vec::new();
        for (column, definition) in table.columns.iter().enumerate() {
            if definition.generated.is_some() {
                return Err(unsupported(table, "a column that is computed"));
            }
            if let Some(Default::Expression(sql)) = &definition.default {
                return Err(unsupported(table, &format!("the default {sql} of {}", definition.name)));
            }
            if matches!(definition.ty, Type::Native(_)) {
                return Err(unsupported(table, &format!("the type of {}", definition.name)));
            }
            limits.extend((!definition.nullable).then_some((column, Limit::NotNull)));
            limits.extend(Limit::of(&definition.ty).map(|limit| (column, limit)));
        }
        let auto = table.columns.iter().position(|column| column.auto.is_some());
        let is_generated = |column: &Column| matches!(column.default, Some(Default::Now | Default::Uuid));
        let generated = table.columns.iter().enumerate().filter(|(_, column)| is_generated(column));
        let generated = generated.map(|(place, _)| place).collect();
        let layout = stored.layouts.len() - 1;
        Ok(Self {
            layout,
            key,
            indexes,
            foreign: Vec::new(),
            checks,
            auto,
            generated,
            limits,
            verified: OnceLock::new(),
            stored,
        })
    }

    /// Looks up the tables that foreign keys refer to, and gives each an index by which its records are found.
    pub(crate) fn link<'t>(&mut self, find: impl Fn(&str) -> Option<(usize, &'t Self)>) -> Result<()> {
        let table = self.stored.table.clone();
        let own = KeysOf { primary: self.key.clone(), indexes: self.indexes.clone() };
        for key in &table.foreign_keys {
            let names = || key.columns.iter().map(String::as_str);
            let name = key.name.clone().unwrap_or_else(|| derived_name(&table.name, names(), "fkey"));
            let columns = positions(&table, &key.columns)?;
            let missing = |what: String| {
                Error::new(ErrorKind::TableNotFound, format!("foreign key {name} of {}: {what}", table.name))
                    .with_constraint(name.as_str())
                    .with_table(table.name.as_str())
            };
            let there = &key.references.name;
            let (slot, other, keys) = if *there == table.name {
                let (slot, _) = find(there).ok_or_else(|| missing(format!("there is no table {there}")))?;
                (slot, &table, own.clone())
            } else {
                let (slot, def) = find(there).ok_or_else(|| missing(format!("there is no table {there}")))?;
                (slot, &def.stored.table, KeysOf { primary: def.key.clone(), indexes: def.indexes.clone() })
            };
            let referenced = positions(other, &key.referenced_columns)?;
            let target = keys.on(&referenced).ok_or_else(|| {
                missing(format!("{there} has no unique key of ({})", key.referenced_columns.join(", ")))
            })?;
            for (from, to) in columns.iter().zip(&referenced) {
                let (from, to) = (&table.columns[*from], &other.columns[*to]);
                if Form::of(&from.ty) != Form::of(&to.ty) {
                    return Err(missing(format!("{} and {there}.{} are of different types", from.name, to.name)));
                }
            }
            let index = self.index_for(&table, &columns, &name)?;
            self.foreign.push(Foreign {
                name,
                columns,
                slot,
                target,
                referenced,
                index,
                on_delete: key.on_delete,
                on_update: key.on_update,
                deferred: key.deferrable == Deferrable::InitiallyDeferred,
            });
        }
        Ok(())
    }

    /// Finds an index that begins with the columns, or adds one.
    fn index_for(&mut self, table: &Table, columns: &[usize], name: &str) -> Result<usize> {
        let plain = |part: &Part| !part.descending;
        let found = self.indexes.iter().position(|index| {
            index.key.columns.starts_with(columns) && index.key.parts[..columns.len()].iter().all(plain)
        });
        if let Some(found) = found {
            return Ok(found);
        }
        let names = columns.iter().map(|column| (table.columns[*column].name.as_str(), Order::Ascending, None));
        let key = KeyDef::new(table, name.to_owned(), names)?;
        self.indexes.push(IndexDef { key, unique: false, nulls_distinct: true });
        Ok(self.indexes.len() - 1)
    }

    /// Tells whether a struct is known to be of this table.
    #[inline]
    pub(crate) fn is_verified(&self, definition: &'static Definition) -> bool {
        self.verified.get() == Some(&std::ptr::from_ref(definition).addr())
    }

    /// Sees to it that a struct has the table's columns.
    pub(crate) fn verify_struct(&self, definition: &'static Definition) -> Result<()> {
        let table = &definition.table;
        let same = |(own, other): (&Column, &Column)| {
            own.name == other.name && own.ty == other.ty && own.nullable == other.nullable
        };
        if self.columns().len() != table.columns.len() || !self.columns().iter().zip(&table.columns).all(same) {
            let message =
                format!("the struct {} has other columns than the table {} of the store", definition.name, table.name);
            return Err(Error::new(ErrorKind::Interface, message)
                .with_table(table.name.as_str())
                .with_hint("call `define` with it after opening"));
        }
        let _ = self.verified.set(std::ptr::from_ref(definition).addr());
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.stored.table.name
    }

    pub(crate) fn columns(&self) -> &[oarlock_core::schema::Column] {
        &self.stored.table.columns
    }

    /// Finds a unique index, or the primary key, on exactly the columns, in their order.
    pub(crate) fn unique_on(&self, columns: &[usize]) -> Option<Target> {
        if self.key.columns == columns {
            return Some(Target::Primary);
        }
        self.indexes.iter().position(|index| index.unique && index.key.columns == columns).map(Target::Index)
    }
}

#[derive(Clone)]
struct KeysOf {
    primary: KeyDef,
    indexes: Vec<IndexDef>,
}

impl KeysOf {
    /// Finds the unique key of exactly the columns, in whatever order.
    fn on(&self, columns: &[usize]) -> Option<Target> {
        let same =
            |key: &KeyDef| key.columns.len() == columns.len() && key.columns.iter().all(|own| columns.contains(own));
        if same(&self.primary) {
            return Some(Target::Primary);
        }
        self.indexes.iter().position(|index| index.unique && same(&index.key)).map(Target::Index)
    }
}

impl KeyDef {
    fn new<'c>(
        table: &Table,
        name: String,
        columns: impl Iterator<Item = (&'c str, Order, Option<Nulls>)>,
    ) -> Result<Self> {
        let mut key = Self { name, columns: Vec::new(), parts: Vec::new() };
        for (column, order, nulls) in columns {
            let place = position(table, column)?;
            let form = Form::of(&table.columns[place].ty);
            if form == Form::None {
                return Err(unsupported(table, &format!("a key on {column}, which has no order")));
            }
            let descending = order == Order::Descending;
            // NULLs are less than everything, unless it says otherwise.
            let nulls_last = nulls.map_or(descending, |nulls| nulls == Nulls::Last);
            key.columns.push(place);
            key.parts.push(Part { form, descending, nulls_last });
        }
        Ok(key)
    }
}

impl Limit {
    fn of(ty: &Type) -> Option<Self> {
        Some(match ty {
            Type::VarChar(most) => Self::Characters(*most),
            Type::VarBinary(most) => Self::Bytes(*most),
            Type::Enum(words) => Self::Words(words.clone()),
            Type::Int2 => Self::Integer(i16::MIN.into(), i16::MAX.into()),
            Type::Int4 => Self::Integer(i32::MIN.into(), i32::MAX.into()),
            Type::UInt4 => Self::Integer(0, u32::MAX.into()),
            Type::Decimal { size: Some(size) } => Self::Digits(size.precision.saturating_sub(size.scale), size.scale),
            _ => return None,
        })
    }
}

fn positions(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    names.iter().map(|name| position(table, name)).collect()
}

pub(crate) fn position(table: &Table, name: &str) -> Result<usize> {
    table.columns.iter().position(|column| column.name == name).ok_or_else(|| {
        let known: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let message = format!("{} has no column {name}; it has {}", table.name, known.join(", "));
        Error::new(ErrorKind::UnknownColumn, message).with_table(table.name.as_str()).with_column(name)
    })
}

#[cold]
fn unsupported(table: &Table, what: &str) -> Error {
    Error::not_supported(format!("table {}: the record store has no words for {what}", table.name))
        .with_table(table.name.as_str())
}
