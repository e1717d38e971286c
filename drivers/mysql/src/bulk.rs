//! The future of a batch: a transaction or savepoint around it, and its rows one by one or in MariaDB's bulk command.

use std::mem::{discriminant, take};
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Statement, Value};

use crate::limit::size;
use crate::pump::{Aftermath, Done, Ending, Form, Slot, close, end};

/// The savepoint of a batch inside a transaction.
const SAVEPOINT: &str = "oarlock_many";

/// A batch to run.
pub(crate) struct Bulk {
    pub(crate) form: Form,
    pub(crate) rows: Vec<Vec<Value>>,
    /// A transaction is open.
    pub(crate) nested: bool,
    /// MariaDB's bulk command is used.
    pub(crate) commands: bool,
    /// A changed row may count twice.
    pub(crate) upserts: bool,
    /// How large a command may become.
    pub(crate) max_bytes: usize,
    /// Statements to close first.
    pub(crate) doomed: Vec<Statement>,
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
    let (begin, commit, undo) = if order.nested {
        (
            format!("SAVEPOINT {SAVEPOINT}"),
            format!("RELEASE SAVEPOINT {SAVEPOINT}"),
            format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}"),
        )
    } else {
        ("START TRANSACTION".to_owned(), "COMMIT".to_owned(), "ROLLBACK".to_owned())
    };
    conn.query_drop(begin).await?;
    let ran = if order.commands {
        commands(conn, slot, &statement, order).await
    } else {
        one_by_one(conn, slot, &statement, order).await
    };
    // Nobody waits for it any more: what has run is undone like a failure.
    match ran.and_then(|done| abandoned(slot).map(|()| done)) {
        Ok(done) => {
            slot.put_index(None);
            conn.query_drop(commit).await?;
            Ok(done)
        }
        Err(mysql_async::Error::Server(error)) => {
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

/// Breaks the batch off where nobody waits for it: as a server does that was told to stop.
fn abandoned(slot: &Slot) -> mysql_async::Result<()> {
    if slot.is_abandoned() {
        Err(mysql_async::ServerError {
            code: 1317,
            message: "the batch was abandoned".to_owned(),
            state: "70100".to_owned(),
        }
        .into())
    } else {
        Ok(())
    }
}

fn positional(row: Vec<Value>) -> Params {
    if row.is_empty() { Params::Empty } else { Params::Positional(row) }
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
}
