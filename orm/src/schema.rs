//! Models as tables: what `core`'s schema model says of them, and their DDL.

use std::panic::Location;

use oarlock_core::dialect::Flavor;
use oarlock_core::schema::{
    Auto, Check, Column, Default, EnumStorage, ForeignKey, Index, Literal, QualifiedName, Schema, Table, Type, render,
};
use oarlock_core::{Db, Dialect, Result};

use crate::model::{ColumnInfo, DefaultDef, Role, TableInfo};
use crate::query::cursor;

/// Gives models' tables as a schema, with the enums of the database's own that they need.
///
/// ```
/// # use oarlock_orm as orm;
/// # fn f<User: orm::Model, Post: orm::Model>() {
/// let schema = orm::schema::of([User::table(), Post::table()]);
/// # }
/// ```
pub fn of(tables: impl IntoIterator<Item = &'static TableInfo>) -> Schema {
    let mut schema = Schema::new();
    for info in tables {
        for column in info.columns() {
            if let Type::Enum(texts) = &column.ty
                && texts.storage == EnumStorage::Native
                && !schema.enums.contains(texts)
            {
                schema.enums.push(texts.clone());
            }
        }
        schema.tables.push(table(info));
    }
    schema
}

/// Gives the statements that create models' tables, each after those it refers to; what refers in a circle is added at the end.
///
/// # Errors
///
/// `NotSupported` for what the dialect has no words for, with the table and the column.
pub fn create_statements(
    tables: impl IntoIterator<Item = &'static TableInfo>,
    dialect: &Dialect,
) -> Result<Vec<String>> {
    render::create_schema(&by_code_point(of(tables), dialect), dialect)
}

/// Has text compare by code point, as it does on every database then. PostgreSQL's tables have to say so, text by text: the others do by
/// themselves, or with their whole table.
fn by_code_point(mut schema: Schema, dialect: &Dialect) -> Schema {
    if dialect.flavor == Flavor::Postgres {
        for column in schema.tables.iter_mut().flat_map(|table| &mut table.columns) {
            let is_text = match &column.ty {
                Type::Text | Type::VarChar(_) => true,
                Type::Enum(texts) => texts.storage == EnumStorage::Text,
                _ => false,
            };
            if is_text && column.collation.is_none() {
                column.collation = Some("C".to_owned());
            }
        }
    }
    schema
}

/// Creates models' tables, each after those it refers to.
///
/// For tests and first steps: a program whose tables live on migrates them.
///
/// # Errors
///
/// As [`create_statements`], and what the database says.
#[track_caller]
pub fn create_tables<D: Db + ?Sized>(
    db: &D,
    tables: impl IntoIterator<Item = &'static TableInfo>,
) -> impl Future<Output = Result<()>> + Send {
    let site = Location::caller();
    let schema = of(tables);
    async move {
        let mut cursor = cursor(db, site).await?;
        let dialect = cursor.info().dialect;
        for statement in render::create_schema(&by_code_point(schema, &dialect), &dialect)? {
            cursor.execute(&statement, ()).await?;
        }
        Ok(())
    }
}

/// Gives a model's table.
pub fn table(info: &TableInfo) -> Table {
    let name = |column: usize| info.column(column).name.clone();
    let names = |columns: &[usize]| columns.iter().map(|column| name(*column)).collect::<Vec<_>>();
    let mut table = Table::new(info.name());
    table.schema = info.schema().map(str::to_owned);
    table.comment = info.definition().comment.map(str::to_owned);
    table.columns = info.columns().iter().map(column).collect();
    table = table.primary_key(names(info.key()));
    for columns in info.uniques() {
        table = table.unique(names(&columns));
    }
    for columns in info.index_columns() {
        table = table.index(Index::new(names(&columns)));
    }
    for key in info.foreign_keys() {
        let there = key.references();
        let referenced: Vec<String> =
            key.referenced().iter().map(|column| there.column(*column).name.clone()).collect();
        // A column that refers is of the type of the one that it refers to, the length of text among that.
        for (own, other) in key.columns().iter().zip(key.referenced()) {
            let ty = &there.column(other).ty;
            if matches!(ty, Type::VarChar(_) | Type::VarBinary(_)) {
                table.columns[*own].ty = ty.clone();
            }
        }
        let reference = QualifiedName { schema: there.schema().map(str::to_owned), name: there.name().to_owned() };
        table = table.foreign_key(
            ForeignKey::new(names(key.columns()), reference, referenced)
                .on_delete(key.on_delete())
                .on_update(key.on_update()),
        );
    }
    for check in info.definition().checks {
        table = table.check(Check::new(*check));
    }
    table
}

fn column(info: &ColumnInfo) -> Column {
    let mut column = Column::new(info.name.as_str(), info.ty.clone());
    column.nullable = info.nullable;
    column.default = info.default.map(default);
    column.auto = (info.role == Role::Auto).then_some(Auto::ByDefault);
    column.comment = info.comment.map(str::to_owned);
    column.renamed_from = info.renamed_from.map(str::to_owned);
    column
}

fn default(def: DefaultDef) -> Default {
    match def {
        DefaultDef::Now => Default::Now,
        DefaultDef::Uuid => Default::Uuid,
        DefaultDef::Bool(truth) => Literal::Bool(truth).into(),
        DefaultDef::Int(number) => Literal::Int(number).into(),
        DefaultDef::Number(digits) => Default::number(digits),
        DefaultDef::Text(text) => Literal::Text(text.to_owned()).into(),
        DefaultDef::Sql(sql) => Default::expression(sql),
    }
}
