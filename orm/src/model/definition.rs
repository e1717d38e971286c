//! A model as constants, as `derive(Model)` writes it.

use oarlock_core::schema::{Action, Type};

use super::TableInfo;
use crate::validate::Rule;

/// What a model says about its table.
///
/// Fields are named as the struct names them; a name with a point in it is that of a field of an embedded struct.
#[derive(Debug, Clone, Copy)]
pub struct ModelDef {
    /// The struct's name, for messages.
    pub name: &'static str,
    /// The table's name.
    pub table: &'static str,
    /// The table's schema, if it is not the connection's own.
    pub schema: Option<&'static str>,
    /// What the table is for.
    pub comment: Option<&'static str>,
    /// The fields that are columns or embedded structs, in their order.
    pub fields: &'static [FieldDef],
    /// The fields of the primary key.
    pub key: &'static [&'static str],
    /// The foreign keys.
    pub foreign_keys: &'static [ForeignKeyDef],
    /// The fields of each unique constraint.
    pub uniques: &'static [&'static [&'static str]],
    /// The fields of each index.
    pub indexes: &'static [&'static [&'static str]],
    /// The check constraints, as SQL.
    pub checks: &'static [&'static str],
}

/// A field of a model.
#[derive(Debug, Clone, Copy)]
pub struct FieldDef {
    /// The field's name.
    pub name: &'static str,
    /// What it is.
    pub kind: FieldKind,
}

/// What a field of a model is.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// A column.
    Column(ColumnDef),
    /// The columns of another struct, their names with a prefix.
    Embedded {
        /// What their names begin with.
        prefix: &'static str,
        /// The struct's fields.
        fields: &'static [FieldDef],
    },
}

/// A column of a model.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is said by an option of its own")]
pub struct ColumnDef {
    /// The column's name.
    pub name: &'static str,
    /// The type that holds the field's Rust type.
    pub ty: fn() -> Type,
    /// Whether NULL may be stored.
    pub nullable: bool,
    /// What the column is to the ORM.
    pub role: Role,
    /// What is stored when an insert does not say.
    pub default: Option<DefaultDef>,
    /// How many characters, or bytes, it may hold at the most.
    pub max_length: Option<u32>,
    /// How many digits a decimal has, and how many of them after the point.
    pub precision: Option<(u16, u16)>,
    /// Whether an enum is the database's own type.
    pub native_enum: bool,
    /// The type in one database's words, for what there is no type for.
    pub native: Option<&'static str>,
    /// What the column is for.
    pub comment: Option<&'static str>,
    /// The name that the column had before, for a migration that renames it.
    pub renamed_from: Option<&'static str>,
    /// What its values have to keep.
    pub rules: &'static [Rule],
    /// Whether an embedded struct says that it is unique; a model says so of its own fields in [`ModelDef::uniques`].
    pub unique: bool,
    /// Whether an embedded struct says that it has an index.
    pub index: bool,
}

impl ColumnDef {
    /// A column of which only its name and type are said.
    #[must_use]
    pub const fn new(name: &'static str, ty: fn() -> Type, nullable: bool) -> Self {
        Self {
            name,
            ty,
            nullable,
            role: Role::Plain,
            default: None,
            max_length: None,
            precision: None,
            native_enum: false,
            native: None,
            comment: None,
            renamed_from: None,
            rules: &[],
            unique: false,
            index: false,
        }
    }
}

/// What a column is to the ORM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing but a column.
    Plain,
    /// The database numbers it.
    Auto,
    /// It counts the updates, for optimistic locking.
    Version,
    /// It holds when the row was made.
    CreatedAt,
    /// It holds when the row was last changed.
    UpdatedAt,
    /// It holds when the row was deleted, which is then still there.
    DeletedAt,
}

/// What is stored when an insert does not say.
#[derive(Debug, Clone, Copy)]
pub enum DefaultDef {
    /// The present date, time or instant.
    Now,
    /// A new UUID.
    Uuid,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number, in decimal digits.
    Number(&'static str),
    /// Text.
    Text(&'static str),
    /// SQL as it stands.
    Sql(&'static str),
}

/// A foreign key of a model.
#[derive(Debug, Clone, Copy)]
pub struct ForeignKeyDef {
    /// The fields that refer.
    pub fields: &'static [&'static str],
    /// The table that they refer to.
    pub table: &'static str,
    /// The model that they refer to.
    pub model: fn() -> &'static TableInfo,
    /// The fields there, one for each of `fields`; the primary key where there are none.
    pub referenced: &'static [&'static str],
    /// What happens when the row there is deleted.
    pub on_delete: Action,
    /// What happens when the key there is changed.
    pub on_update: Action,
}

impl ModelDef {
    /// Tells whether there is a column for each of the fields.
    #[must_use]
    pub const fn has_columns(&self, fields: &[&str]) -> bool {
        let mut index = 0;
        while index < fields.len() {
            let (mut known, mut found) = (0, false);
            while known < self.fields.len() {
                let field = &self.fields[known];
                found = found || (matches!(field.kind, FieldKind::Column(_)) && equal(field.name, fields[index]));
                known += 1;
            }
            if !found {
                return false;
            }
            index += 1;
        }
        true
    }
}

/// Finds the first foreign key among `keys` that refers to `table`, by the fields that are named, if any are.
///
/// # Panics
///
/// When there is none. A relation has asked [`foreign_keys`] before, at compile time.
#[must_use]
pub const fn foreign_key(keys: &[ForeignKeyDef], table: &str, fields: &[&str]) -> usize {
    let mut index = 0;
    while !keys[index].leads_to(table, fields) {
        index += 1;
    }
    index
}

/// Counts the foreign keys among `keys` that refer to `table`, by the fields that are named, if any are.
#[must_use]
pub const fn foreign_keys(keys: &[ForeignKeyDef], table: &str, fields: &[&str]) -> usize {
    let (mut index, mut count) = (0, 0);
    while index < keys.len() {
        if keys[index].leads_to(table, fields) {
            count += 1;
        }
        index += 1;
    }
    count
}

impl ForeignKeyDef {
    const fn leads_to(&self, table: &str, fields: &[&str]) -> bool {
        equal(self.table, table) && (fields.is_empty() || all_equal(self.fields, fields))
    }
}

const fn all_equal(left: &[&str], right: &[&str]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if !equal(left[index], right[index]) {
            return false;
        }
        index += 1;
    }
    true
}

const fn equal(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}
