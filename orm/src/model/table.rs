//! A model's table as it is used: embedded structs laid out as columns, fields resolved to indexes.

use std::hash::{Hash, Hasher};

use oarlock_core::schema::{Action, EnumStorage, Type};

use super::{ColumnDef, DefaultDef, FieldDef, FieldKind, ForeignKeyDef, ModelDef, Role};
use crate::validate::Rule;

/// A model's table. There is one for each model in a program; two are equal when they are the same.
#[derive(Debug)]
pub struct TableInfo {
    model: &'static str,
    name: &'static str,
    schema: Option<&'static str>,
    columns: Vec<ColumnInfo>,
    key: Vec<usize>,
    foreign_keys: Vec<ForeignKeyInfo>,
    /// The columns whose values have rules to keep, and those that a new row does not do without.
    ruled: Vec<usize>,
    needed: Vec<usize>,
    def: ModelDef,
}

/// A column of a model's table.
#[derive(Debug, Clone)]
pub struct ColumnInfo {
    /// The field: `email`, or `address.city` of an embedded struct.
    pub field: String,
    /// The column's name.
    pub name: String,
    /// The type.
    pub ty: Type,
    /// Whether NULL may be stored.
    pub nullable: bool,
    /// What the column is to the ORM.
    pub role: Role,
    /// What is stored when an insert does not say.
    pub default: Option<DefaultDef>,
    /// What the column is for.
    pub comment: Option<&'static str>,
    /// The name that the column had before.
    pub renamed_from: Option<&'static str>,
    /// What its values have to keep.
    pub rules: &'static [Rule],
    /// Whether an embedded struct says that it is unique.
    unique: bool,
    /// Whether an embedded struct says that it has an index.
    index: bool,
}

impl ColumnInfo {
    fn is_needed(&self) -> bool {
        match self.role {
            Role::Auto => false,
            Role::CreatedAt | Role::UpdatedAt | Role::Version => true,
            _ => !self.nullable && self.default.is_none(),
        }
    }
}

/// A foreign key of a model's table.
#[derive(Debug, Clone)]
pub struct ForeignKeyInfo {
    columns: Vec<usize>,
    def: ForeignKeyDef,
}

impl TableInfo {
    /// Lays a model's definition out.
    ///
    /// # Panics
    ///
    /// When the definition names a field that it has not. `derive(Model)` has checked that.
    #[must_use]
    pub fn new(def: ModelDef) -> Self {
        let mut columns = Vec::new();
        lay_out(def.fields, "", "", &mut columns);
        let mut table = Self {
            model: def.name,
            name: def.table,
            schema: def.schema,
            columns,
            key: Vec::new(),
            foreign_keys: Vec::new(),
            ruled: Vec::new(),
            needed: Vec::new(),
            def,
        };
        table.ruled = table.of(|column| !column.rules.is_empty());
        table.needed = table.of(ColumnInfo::is_needed);
        table.key = table.indexes(def.key);
        table.foreign_keys = def
            .foreign_keys
            .iter()
            .map(|key| ForeignKeyInfo { columns: table.indexes(key.fields), def: *key })
            .collect();
        table.widen_keys();
        table
    }

    fn of(&self, is: impl Fn(&ColumnInfo) -> bool) -> Vec<usize> {
        (0..self.columns.len()).filter(|index| is(&self.columns[*index])).collect()
    }

    /// Gives text that is part of a key or an index a length, without which not every database can index it.
    fn widen_keys(&mut self) {
        let indexed: Vec<usize> = self
            .uniques()
            .chain(self.index_columns())
            .flatten()
            .chain(self.key.iter().copied())
            .chain(self.foreign_keys.iter().flat_map(|key| key.columns.iter().copied()))
            .collect();
        for index in indexed {
            let ty = &mut self.columns[index].ty;
            match ty {
                Type::Text => *ty = Type::VarChar(Self::INDEXED_LENGTH),
                Type::Bytes => *ty = Type::VarBinary(Self::INDEXED_LENGTH),
                _ => {}
            }
        }
    }

    /// How many characters text has that is part of a key or an index, if its model does not say.
    pub const INDEXED_LENGTH: u32 = 255;

    fn indexes(&self, fields: &[&str]) -> Vec<usize> {
        fields.iter().map(|field| self.index_of(field)).collect()
    }

    fn index_of(&self, field: &str) -> usize {
        let found = self.columns.iter().position(|column| column.field == field);
        found.unwrap_or_else(|| panic!("{} has no field {field} that is a column", self.model))
    }

    /// Gives the struct's name.
    pub fn model(&self) -> &'static str {
        self.model
    }

    /// Gives the table's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Gives the table's schema, if it is not the connection's own.
    pub fn schema(&self) -> Option<&'static str> {
        self.schema
    }

    /// Gives the columns, in the order of the struct.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// Gives one column.
    ///
    /// # Panics
    ///
    /// When there is none of that index.
    pub fn column(&self, index: usize) -> &ColumnInfo {
        &self.columns[index]
    }

    /// Gives the columns of the primary key.
    pub fn key(&self) -> &[usize] {
        &self.key
    }

    /// Gives the column that the database numbers.
    pub fn auto(&self) -> Option<usize> {
        self.of_role(Role::Auto)
    }

    /// Gives the column of a role, the first of several.
    pub fn of_role(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|column| column.role == role)
    }

    /// Gives the columns whose values have rules to keep.
    pub(crate) fn ruled(&self) -> &[usize] {
        &self.ruled
    }

    /// Gives the columns that a new row does not do without: the ORM gives them a value, or the program has to.
    pub(crate) fn needed(&self) -> &[usize] {
        &self.needed
    }

    /// Gives the foreign keys, in the order of the model's definition.
    pub fn foreign_keys(&self) -> &[ForeignKeyInfo] {
        &self.foreign_keys
    }

    /// Gives the columns of each unique constraint.
    pub fn uniques(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        self.def.uniques.iter().map(|fields| self.indexes(fields)).chain(self.alone(|column| column.unique))
    }

    /// Gives the columns of each index.
    pub fn index_columns(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        self.def.indexes.iter().map(|fields| self.indexes(fields)).chain(self.alone(|column| column.index))
    }

    /// Gives the columns of which something is true, each alone.
    fn alone(&self, of: impl Fn(&ColumnInfo) -> bool) -> impl Iterator<Item = Vec<usize>> {
        self.columns.iter().enumerate().filter(move |(_, column)| of(column)).map(|(index, _)| vec![index])
    }

    /// Gives the definition that this was made of.
    pub fn definition(&self) -> &ModelDef {
        &self.def
    }
}

impl ForeignKeyInfo {
    /// Gives the columns that refer.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Gives the table that they refer to.
    pub fn references(&self) -> &'static TableInfo {
        (self.def.model)()
    }

    /// Gives the columns there, one for each of [`columns`](Self::columns).
    pub fn referenced(&self) -> Vec<usize> {
        let table = self.references();
        if self.def.referenced.is_empty() { table.key.clone() } else { table.indexes(self.def.referenced) }
    }

    /// Gives what happens when the row there is deleted.
    pub fn on_delete(&self) -> Action {
        self.def.on_delete
    }

    /// Gives what happens when the key there is changed.
    pub fn on_update(&self) -> Action {
        self.def.on_update
    }
}

fn lay_out(fields: &[FieldDef], path: &str, prefix: &str, columns: &mut Vec<ColumnInfo>) {
    for field in fields {
        let place = format!("{path}{}", field.name);
        match field.kind {
            FieldKind::Column(def) => columns.push(column(&def, place, prefix)),
            FieldKind::Embedded { prefix: inner, fields } => {
                lay_out(fields, &format!("{place}."), &format!("{prefix}{inner}"), columns);
            }
        }
    }
}

fn column(def: &ColumnDef, field: String, prefix: &str) -> ColumnInfo {
    let ty = match (def.native, (def.ty)()) {
        (Some(native), _) => Type::Native(native.to_owned()),
        (None, Type::Text) => def.max_length.map_or(Type::Text, Type::VarChar),
        (None, Type::Bytes) => def.max_length.map_or(Type::Bytes, Type::VarBinary),
        (None, Type::Decimal { size: None }) => match def.precision {
            Some((precision, scale)) => Type::decimal(precision, scale),
            None => Type::Decimal { size: None },
        },
        (None, Type::Enum(mut texts)) => {
            if def.native_enum {
                texts.storage = EnumStorage::Native;
            }
            Type::Enum(texts)
        }
        (None, other) => other,
    };
    ColumnInfo {
        field,
        name: format!("{prefix}{}", def.name),
        ty,
        nullable: def.nullable,
        role: def.role,
        default: def.default,
        comment: def.comment,
        renamed_from: def.renamed_from,
        rules: def.rules,
        unique: def.unique,
        index: def.index,
    }
}

impl PartialEq for TableInfo {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for TableInfo {}

impl Hash for TableInfo {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self, state);
    }
}
