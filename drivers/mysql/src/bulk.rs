//! The future of a batch: a transaction or savepoint around it, and its rows one by one, in MariaDB's bulk command, or many in
//! one INSERT.

use std::mem::{discriminant, take};
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Statement, Value};

use crate::limit::size;
use crate::pump::{Aftermath, Done, Ending, Form, Slot, close, end};
use crate::server::MAX_PARAMETERS;

/// The savepoint of a batch inside a transaction.
const SAVEPOINT: &str = "oarlock_many";

/// A batch to run.
pub(crate) struct Bulk {
    pub(crate) form: Form,
    pub(crate) rows: Vec<Vec<Value>>,
    /// A transaction is open.
    pub(crate) nested: bool,
    pub(crate) way: Way,
    /// A changed row may count twice.
    pub(crate) upserts: bool,
    /// How large a command may become.
    pub(crate) max_bytes: usize,
    /// Statements to close first.
    pub(crate) doomed: Vec<Statement>,
}

/// How the rows of a batch reach the server.
#[derive(Debug, Default)]
pub(crate) enum Way {
    /// One by one.
    #[default]
    Rows,
    /// By MariaDB's bulk command.
    Commands,
    /// Many in one INSERT.
    Insert(Insert),
}

/// An INSERT of one row, in parts, to be made one of many.
#[derive(Debug)]
pub(crate) struct Insert {
    /// What stands before the rows, `VALUES` included.
    pub(crate) head: String,
    /// A row with its parentheses.
    pub(crate) row: String,
    /// What stands after the rows.
    pub(crate) tail: String,
}

impl Insert {
    /// Writes the INSERT of so many rows.
    pub(crate) fn of(&self, rows: usize) -> String {
        let mut sql = String::with_capacity(self.head.len() + self.tail.len() + rows * (self.row.len() + 1));
        sql.push_str(&self.head);
        for row in 0..rows {
            if row > 0 {
                sql.push(',');
            }
            sql.push_str(&self.row);
        }
        sql.push_str(&self.tail);
        sql
    }
}

/// Runs a batch. When its caller is gone, what is left of it is not run, and the rest is undone.
pub(crate) async fn execute(mut conn: Conn, slot: Arc<Slot>, order: Bulk) -> Ending {
    let nested = order.nested;
    let result = envelope(&mut conn, &slot, order).await;
    end(conn, result, Aftermath { status: nested, settings: false }).await
}

async fn envelope(conn: &mut Conn, slot: &Slot, mut order: Bulk) -> mysql_async::Result<Done> {
    close(conn, take(&mut order.doomed)).await?;
    let statement = match take(&mut order.form) {
        Form::Prepared(statement) => statement,
        Form::Prepare(sql) | Form::Text(sql) => {
            let statement = conn.prep(sql).await?;
            slot.put_prepared(statement.clone());
            statement
        }
    };
    let nested = order.nested;
    begin(conn, nested).await?;
    let ran = match take(&mut order.way) {
        Way::Rows => one_by_one(conn, slot, &statement, order).await,
        Way::Commands => commands(conn, slot, &statement, order).await,
        Way::Insert(insert) => inserts(conn, slot, &insert, order).await,
    };
    conclude(conn, slot, nested, ran).await
}

/// Begins what a batch can be undone by.
pub(crate) async fn begin(conn: &mut Conn, nested: bool) -> mysql_async::Result<()> {
    conn.query_drop(if nested { format!("SAVEPOINT {SAVEPOINT}") } else { "START TRANSACTION".to_owned() }).await
}

/// Keeps what has run, or undoes it: after a failure, and where nobody waits for it any more.
pub(crate) async fn conclude(
    conn: &mut Conn,
    slot: &Slot,
    nested: bool,
    ran: mysql_async::Result<Done>,
) -> mysql_async::Result<Done> {
    match ran.and_then(|done| abandoned(slot).map(|()| done)) {
        Ok(done) => {
            slot.put_index(None);
            let keep = if nested { format!("RELEASE SAVEPOINT {SAVEPOINT}") } else { "COMMIT".to_owned() };
            conn.query_drop(keep).await?;
            Ok(done)
        }
        Err(mysql_async::Error::Server(error)) => {
            let undo = if nested {
                format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}")
            } else {
                "ROLLBACK".to_owned()
            };
            // A deadlock has undone it all, savepoint included.
            match conn.query_drop(undo).await {
                Ok(()) | Err(mysql_async::Error::Server(_)) => Err(error.into()),
                Err(lost) => Err(lost),
            }
        }
        Err(error) => Err(error),
    }
}

async fn one_by_one(conn: &mut Conn, slot: &Slot, statement: &Statement, order: Bulk) -> mysql_async::Result<Done> {
    let mut sum = Done::default();
    for (index, row) in order.rows.into_iter().enumerate() {
        abandoned(slot)?;
        slot.put_index(Some(index));
        let mut result = conn.exec_iter(statement, positional(row)).await?;
        let mut given = None;
        while let Some(columns) = result.columns() {
            if columns.is_empty() {
                let affected = result.affected_rows();
                sum.affected += if order.upserts {
                    affected.min(crate::pump::records(&result.info()).unwrap_or(1))
                } else {
                    affected
                };
                result.next().await?;
            } else {
                while result.next().await?.is_some() {
                    given = Some(given.unwrap_or(0) + 1);
                }
            }
        }
        // The error of a later set, where there is one.
        result.next().await?;
        sum.warnings = sum.warnings.saturating_add(result.warnings());
        drop(result);
        sum.rows = match (sum.rows, given) {
            (None, None) => None,
            (rows, given) => Some(rows.unwrap_or(0) + given.unwrap_or(0)),
        };
    }
    Ok(sum)
}

async fn commands(conn: &mut Conn, slot: &Slot, statement: &Statement, order: Bulk) -> mysql_async::Result<Done> {
    let mut sum = Done::default();
    let mut rows = order.rows.into_iter().peekable();
    while let Some(first) = rows.next() {
        abandoned(slot)?;
        let mut bytes = size(&first);
        let types = first.iter().map(kind).collect::<Vec<_>>();
        let mut command = vec![positional(first)];
        // One command has one type per parameter, and stays below the server's limit.
        while let Some(row) = rows.next_if(|row| bytes + size(row) <= order.max_bytes && fits(&types, row)) {
            bytes += size(&row);
            command.push(positional(row));
        }
        let count = u64::try_from(command.len()).unwrap_or(u64::MAX);
        match command.pop() {
            // A command of one row may be of any size.
            Some(only) if command.is_empty() => conn.exec_drop(statement, only).await?,
            last => {
                command.extend(last);
                conn.exec_batch(statement, command).await?;
            }
        }
        let affected = conn.affected_rows();
        sum.affected += if order.upserts { affected.min(count) } else { affected };
        sum.warnings = sum.warnings.saturating_add(conn.get_warnings());
    }
    Ok(sum)
}

/// How many rows one INSERT has.
const ROWS: usize = 1000;

/// Inserts many rows by one statement, as often as it takes.
async fn inserts(conn: &mut Conn, slot: &Slot, insert: &Insert, order: Bulk) -> mysql_async::Result<Done> {
    let mut kept = None;
    let inserted = insert_all(conn, slot, insert, order, &mut kept).await;
    if let Ok(_) | Err(mysql_async::Error::Server(_)) = &inserted {
        close(conn, kept.into_iter().map(|(_, statement)| statement).collect()).await?;
    }
    inserted
}

async fn insert_all(
    conn: &mut Conn,
    slot: &Slot,
    insert: &Insert,
    order: Bulk,
    kept: &mut Option<(usize, Statement)>,
) -> mysql_async::Result<Done> {
    let mut sum = Done::default();
    let mut rows = order.rows.into_iter().peekable();
    while let Some(first) = rows.next() {
        abandoned(slot)?;
        let most = ROWS.min(MAX_PARAMETERS / first.len().max(1)).max(1);
        let mut bytes = size(&first);
        let (mut count, mut values) = (1, first);
        while let Some(row) = rows.next_if(|row| count < most && bytes + size(row) <= order.max_bytes) {
            bytes += size(&row);
            values.extend(row);
            count += 1;
        }
        let statement = match kept.take() {
            Some((prepared, statement)) if prepared == count => statement,
            other => {
                close(conn, other.into_iter().map(|(_, statement)| statement).collect()).await?;
                conn.prep(insert.of(count)).await?
            }
        };
        let (_, statement) = &*kept.insert((count, statement));
        conn.exec_drop(statement, positional(values)).await?;
        if conn.get_warnings() > 0 {
            return Err(doubtful());
        }
        sum.affected += conn.affected_rows().min(u64::try_from(count).unwrap_or(u64::MAX));
    }
    Ok(sum)
}

/// Breaks the batch off where nobody waits for it.
fn abandoned(slot: &Slot) -> mysql_async::Result<()> {
    if slot.is_abandoned() { Err(interrupted()) } else { Ok(()) }
}

/// Makes the error of a server that was told to stop.
pub(crate) fn interrupted() -> mysql_async::Error {
    let (code, message, state) = (1317, "the batch was broken off".to_owned(), "70100".to_owned());
    mysql_async::ServerError { code, message, state }.into()
}

/// Makes the error of rows that came with a warning: outside of strict mode that may be an error for a row by itself.
fn doubtful() -> mysql_async::Error {
    let (code, message, state) = (1265, "the rows came with a warning".to_owned(), "01000".to_owned());
    mysql_async::ServerError { code, message, state }.into()
}

fn positional(row: Vec<Value>) -> Params {
    if row.is_empty() { Params::Empty } else { Params::Positional(row) }
}

/// Gives about how many bulk commands rows take: each has one type per parameter.
pub(crate) fn commands_of(rows: &[Vec<Value>]) -> usize {
    let mut types: Vec<Kind> = Vec::new();
    let mut count = 0;
    for row in rows {
        if !fits(&types, row) {
            types = row.iter().map(kind).collect();
            count += 1;
        }
    }
    count
}

type Kind = Option<std::mem::Discriminant<Value>>;

/// Tells a value's type in the protocol; NULL has any.
fn kind(value: &Value) -> Kind {
    (*value != Value::NULL).then(|| discriminant(value))
}

/// Tells whether a row's types are those of the first one.
fn fits(types: &[Kind], row: &[Value]) -> bool {
    let agree = types.iter().zip(row).all(|(known, value)| match (known, kind(value)) {
        (Some(known), Some(found)) => *known == found,
        // The command tells the types of its first row.
        (None, Some(_)) => false,
        (_, None) => true,
    });
    agree && types.len() == row.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_holds_rows_of_the_same_types() {
        let types = || [Value::Int(1), Value::NULL].iter().map(kind).collect::<Vec<_>>();
        assert!(fits(&types(), &[Value::Int(2), Value::NULL]));
        assert!(fits(&types(), &[Value::NULL, Value::NULL]));
        assert!(!fits(&types(), &[Value::UInt(2), Value::NULL]));
        assert!(!fits(&types(), &[Value::Int(2), Value::Int(2)]));
        assert!(!fits(&types(), &[Value::Int(2)]));
    }

    #[test]
    fn an_insert_of_one_row_becomes_one_of_many() {
        let insert =
            Insert { head: "INSERT INTO t VALUES ".to_owned(), row: "(?, 1)".to_owned(), tail: " -- end".to_owned() };
        assert_eq!(insert.of(3), "INSERT INTO t VALUES (?, 1),(?, 1),(?, 1) -- end");
    }
}
