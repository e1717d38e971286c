//! Statements that write.

use oarlock_core::dialect::{Dialect, Flavor};
use oarlock_core::{Error, Result};
use sea_query::{DeleteStatement, Expr, InsertStatement, OnConflict, Query, ReturningClause, UpdateStatement};

use super::{Named, Renderer, Scope, iden, malformed, table_name};
use crate::expr::Op;
use crate::model::TableInfo;

/// New rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Insert {
    pub(crate) table: &'static TableInfo,
    /// The columns that are given, with the program of each one's value.
    pub(crate) columns: Vec<(usize, Vec<Op>)>,
    /// How many rows there are. With several, every program is one value.
    pub(crate) rows: usize,
    pub(crate) conflict: Option<Box<Conflict>>,
    /// Whether the new row is read back.
    pub(crate) returning: bool,
}

/// What happens to a row whose key is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Conflict {
    /// The columns of the key.
    pub(crate) key: Vec<usize>,
    /// The columns that are set to what the row would have had; with none, the row that is there stays as it is.
    pub(crate) update: Vec<usize>,
    /// The column that counts the updates.
    pub(crate) version: Option<usize>,
}

/// Changes to rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Update {
    pub(crate) table: &'static TableInfo,
    pub(crate) set: Vec<(usize, Vec<Op>)>,
    pub(crate) filter: Vec<Op>,
    pub(crate) returning: bool,
}

/// Rows that go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Delete {
    pub(crate) table: &'static TableInfo,
    pub(crate) filter: Vec<Op>,
}

impl Renderer {
    pub(super) fn insert(&mut self, insert: &Insert) -> Result<InsertStatement> {
        self.enter_table(insert.table, false);
        let mut statement = Query::insert();
        statement.into_table(table_name(insert.table));
        if insert.columns.is_empty() {
            for _ in 0..insert.rows {
                statement.or_default_values();
            }
        }
        statement.columns(insert.columns.iter().map(|(column, _)| iden(&insert.table.column(*column).name)));
        for _ in 0..insert.rows {
            let row = insert.columns.iter().map(|(_, ops)| self.expr(ops)).collect::<Result<Vec<_>>>()?;
            if !row.is_empty() {
                statement.values(row).map_err(|error| malformed(&error.to_string()))?;
            }
        }
        if let Some(conflict) = &insert.conflict {
            statement.on_conflict(on_conflict(insert.table, conflict));
        }
        if insert.returning {
            statement.returning(returning(insert.table));
        }
        self.scopes.pop();
        Ok(statement)
    }

    pub(super) fn update(&mut self, update: &Update) -> Result<UpdateStatement> {
        // Within a subquery a bare name would be that of its own table.
        let subquery = has_subquery(&update.filter) || update.set.iter().any(|(_, ops)| has_subquery(ops));
        self.enter_table(update.table, subquery);
        let mut statement = Query::update();
        statement.table(table_name(update.table));
        let mut set = Vec::with_capacity(update.set.len());
        for (column, ops) in &update.set {
            set.push((*column, ops.as_slice(), self.expr(ops)?));
        }
        if self.is(Flavor::MySql) {
            set = one_after_the_other(update.table, set)?;
        }
        for (column, _, value) in set {
            statement.value(iden(&update.table.column(column).name), value);
        }
        if !update.filter.is_empty() {
            statement.and_where(self.expr(&update.filter)?);
        }
        if update.returning {
            statement.returning(returning(update.table));
        }
        self.scopes.pop();
        Ok(statement)
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Result<DeleteStatement> {
        self.enter_table(delete.table, has_subquery(&delete.filter));
        let mut statement = Query::delete();
        statement.from_table(table_name(delete.table));
        if !delete.filter.is_empty() {
            statement.and_where(self.expr(&delete.filter)?);
        }
        self.scopes.pop();
        Ok(statement)
    }

    fn enter_table(&mut self, table: &'static TableInfo, qualified: bool) {
        let tables = vec![Named { table, alias: None, name: table.name().to_owned() }];
        self.scopes.push(Scope { tables, qualified });
    }
}

/// Puts assignments into an order in which each sees the row as it was: MySQL carries them out one after the other, and what comes later
/// sees what came before.
fn one_after_the_other<'o>(
    table: &'static TableInfo,
    mut left: Vec<(usize, &'o [Op], Expr)>,
) -> Result<Vec<(usize, &'o [Op], Expr)>> {
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let reads = |index: usize, column: usize| {
            left.iter().enumerate().any(|(other, (_, ops, _))| other != index && reads_column(ops, table, column))
        };
        let Some(next) = (0..left.len()).find(|index| !reads(*index, left[*index].0)) else {
            return Err(Error::not_supported(format!(
                "columns of {} that change places: MySQL sets one after the other",
                table.model()
            ))
            .with_hint("read the row, and set its columns to values"));
        };
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

/// Tells whether a program reads a column of the row that is changed.
fn reads_column(ops: &[Op], table: &'static TableInfo, column: usize) -> bool {
    ops.iter().any(|op| match op {
        Op::Column(read) | Op::Outer(read) => read.table == table && read.column == column,
        Op::Subquery(_, select) => select.programs().any(|ops| reads_column(ops, table, column)),
        _ => false,
    })
}

fn has_subquery(ops: &[Op]) -> bool {
    ops.iter().any(|op| matches!(op, Op::Subquery(..)))
}

fn on_conflict(table: &TableInfo, conflict: &Conflict) -> OnConflict {
    let name = |column: &usize| iden(&table.column(*column).name);
    let mut clause = OnConflict::columns(conflict.key.iter().map(name));
    if conflict.update.is_empty() {
        clause.do_nothing();
    } else {
        clause.update_columns(conflict.update.iter().map(name));
    }
    if let Some(version) = conflict.version {
        let column = name(&version);
        let there = Expr::col((iden(table.name()), column.clone()));
        clause.value(column, sea_query::ExprTrait::add(there, Expr::Constant(1.into())));
    }
    clause
}

fn returning(table: &TableInfo) -> ReturningClause {
    Query::returning().columns(table.columns().iter().map(|column| iden(&column.name)))
}

/// Writes what sea-query leaves out on MySQL, because MySQL has it not: MariaDB has.
pub(super) fn append_returning(sql: &mut String, table: &TableInfo, flavor: Flavor) {
    if flavor == Flavor::MySql {
        let columns: Vec<String> =
            table.columns().iter().map(|column| Dialect::MYSQL.quote_identifier(&column.name)).collect();
        sql.push_str(" RETURNING ");
        sql.push_str(&columns.join(", "));
    }
}
