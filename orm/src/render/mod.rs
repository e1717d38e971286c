//! Shapes as SQL, by sea-query: once for each shape and dialect.
//!
//! A shape becomes a statement of sea-query's in which each value is a stand-in that tells its index. What sea-query collects
//! as the statement's parameters is then the order in which the values have to be bound: see [`Rendered`].

mod cache;
mod expr;
mod select;
mod stand_in;
mod write;

use oarlock_core::dialect::{Dialect, Flavor};
use oarlock_core::params::{Bindings, Params};
use oarlock_core::value::Value;
use oarlock_core::{Error, ErrorKind, Result};
use sea_query::{
    DynIden, IntoIden, MysqlQueryBuilder, PostgresQueryBuilder, SchemaName, SqliteQueryBuilder, TableName,
};

pub(crate) use cache::rendered;
pub(crate) use write::{Conflict, Delete, Insert, Update};

use crate::model::TableInfo;
use crate::query::Select;
use stand_in::Param;

/// What a statement is, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Select(Box<Select>),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
}

/// A statement's text, and where its values go.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) sql: String,
    params: Vec<Param>,
    /// Whether one of the parameters is not a value as it is given.
    rewrites: bool,
}

impl Rendered {
    fn of(sql: String, values: sea_query::Values) -> Result<Self> {
        let params = values.0.into_iter().map(Param::of).collect::<Result<Vec<_>>>()?;
        let rewrites = params.iter().any(Param::is_rewritten);
        Ok(Self { sql, params, rewrites })
    }

    /// Gives the statement's parameters, taken from a shape's values.
    ///
    /// # Errors
    ///
    /// `Internal` where the values do not fit the shape.
    pub(crate) fn bind<'v>(&'v self, values: &'v [Value]) -> Result<Arguments<'v>> {
        let rewritten = if self.rewrites {
            self.params.iter().filter_map(|param| param.rewritten(values).transpose()).collect::<Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Arguments { params: &self.params, values, rewritten })
    }
}

/// A statement's parameters.
#[derive(Debug)]
pub(crate) struct Arguments<'v> {
    params: &'v [Param],
    values: &'v [Value],
    /// Those that are not values as they are given.
    rewritten: Vec<Value>,
}

impl Arguments<'_> {
    pub(crate) fn len(&self) -> usize {
        self.params.len()
    }
}

impl Params for Arguments<'_> {
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
        bindings.reserve(self.params.len());
        let mut rewritten = self.rewritten.iter();
        for param in self.params {
            let given = if param.is_rewritten() { rewritten.next() } else { param.given(self.values) };
            bindings.push_ref(given.ok_or_else(missing)?.as_ref());
        }
        Ok(())
    }
}

#[cold]
fn missing() -> Error {
    Error::new(ErrorKind::Internal, "a statement's values do not fit its shape")
}

/// Writes a shape as SQL.
pub(crate) fn render(shape: &Shape, flavor: Flavor) -> Result<Rendered> {
    let mut writer = Renderer::new(flavor);
    let (mut sql, values) = match shape {
        Shape::Select(select) => build(flavor, &writer.select(select)?),
        Shape::Insert(insert) => build(flavor, &writer.insert(insert)?),
        Shape::Update(update) => build(flavor, &writer.update(update)?),
        Shape::Delete(delete) => build(flavor, &writer.delete(delete)?),
    };
    if let Shape::Insert(Insert { table, returning: true, .. }) = shape {
        write::append_returning(&mut sql, table, flavor);
    }
    Rendered::of(sql, values)
}

/// Gives a shape's text on a kind of database.
pub(crate) fn sql(shape: &Shape, dialect: &Dialect) -> Result<String> {
    Ok(rendered(shape, dialect.flavor)?.sql.clone())
}

/// Writes a query's statement after a program has changed it.
pub(crate) fn changed_select(
    select: &Select,
    flavor: Flavor,
    change: impl FnOnce(&mut sea_query::SelectStatement),
) -> Result<Rendered> {
    let mut statement = Renderer::new(flavor).select(select)?;
    change(&mut statement);
    of_sea_query(&statement, flavor)
}

/// Writes an update's statement after a program has changed it.
pub(crate) fn changed_update(
    update: &Update,
    flavor: Flavor,
    change: impl FnOnce(&mut sea_query::UpdateStatement),
) -> Result<Rendered> {
    let mut statement = Renderer::new(flavor).update(update)?;
    change(&mut statement);
    of_sea_query(&statement, flavor)
}

/// Writes a delete's statement after a program has changed it.
pub(crate) fn changed_delete(
    delete: &Delete,
    flavor: Flavor,
    change: impl FnOnce(&mut sea_query::DeleteStatement),
) -> Result<Rendered> {
    let mut statement = Renderer::new(flavor).delete(delete)?;
    change(&mut statement);
    of_sea_query(&statement, flavor)
}

/// Writes a statement of sea-query's.
pub(crate) fn of_sea_query(statement: &impl sea_query::QueryStatementWriter, flavor: Flavor) -> Result<Rendered> {
    let (sql, values) = build(flavor, statement);
    Rendered::of(sql, values)
}

fn build(flavor: Flavor, statement: &impl sea_query::QueryStatementWriter) -> (String, sea_query::Values) {
    match flavor {
        Flavor::Postgres => statement.build(PostgresQueryBuilder),
        Flavor::MySql => statement.build(MysqlQueryBuilder),
        _ => statement.build(SqliteQueryBuilder),
    }
}

/// Writes one statement.
pub(crate) struct Renderer {
    flavor: Flavor,
    /// How many of the values have their place.
    taken: usize,
    /// The tables of the query that is being written, and of those around it.
    scopes: Vec<Scope>,
}

/// The tables that take part in a query.
struct Scope {
    tables: Vec<Named>,
    /// Whether columns are written with their table's name.
    qualified: bool,
}

/// A table and the name under which the SQL has it.
struct Named {
    table: &'static TableInfo,
    alias: Option<&'static str>,
    name: String,
}

impl Renderer {
    fn new(flavor: Flavor) -> Self {
        Self { flavor, taken: 0, scopes: Vec::new() }
    }

    /// Takes the next value.
    fn take(&mut self) -> usize {
        self.taken += 1;
        self.taken - 1
    }

    fn is(&self, flavor: Flavor) -> bool {
        self.flavor == flavor
    }
}

fn iden(name: &str) -> DynIden {
    name.to_owned().into_iden()
}

fn table_name(table: &TableInfo) -> TableName {
    TableName(table.schema().map(|schema| SchemaName(None, iden(schema))), iden(table.name()))
}

#[cold]
fn malformed(what: &str) -> Error {
    Error::interface(format!("an expression's program is malformed: {what}"))
}
