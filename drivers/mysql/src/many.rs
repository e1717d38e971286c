//! One statement for many rows of parameters, all or nothing.
//!
//! MariaDB takes hundreds of rows in one command, and both servers many rows in one INSERT; of a failure they then tell only that
//! there was one. The batch is undone and runs once more row by row, which finds the row at fault.

use oarlock_core::connection::{Many, TxState, admit};
use oarlock_core::lex::{InsertRow, Lexed, Verb, lex};
use oarlock_core::{Dialect, Error, ErrorCategory, Outcome, Result};

use crate::bulk::{self, Bulk, Insert, Way};
use crate::connection::{Fresh, MysqlConnection, parameters, rolled_back};
use crate::pump::{CANNOT_PREPARE, Form};
use crate::statement::Traits;
use crate::wire;

/// The first MariaDB with the bulk command in its final form.
const BULK_SINCE: u32 = 100_206;

/// From how many rows on it is worth preparing another statement.
const FEW: usize = 16;

/// Runs a batch; see [`Connection::execute_many`](oarlock_core::Connection::execute_many).
pub(crate) async fn execute(connection: &mut MysqlConnection, many: Many<'_>) -> Result<Outcome> {
    connection.ready().await?;
    if connection.rolled_back && many.guarded {
        return Err(rolled_back());
    }
    let was = connection.tx;
    match run(connection, many, true).await {
        // What is wrong with a row will be wrong again; what came from outside needs no second try.
        Err(error) if error.batch_index().is_none() && can_be_told(&error) && connection.tx == was => {
            run(connection, many, false).await
        }
        result => result,
    }
}

fn can_be_told(error: &Error) -> bool {
    // MariaDB's command takes an INSERT of values, and none of a query.
    error.code() == Some(i64::from(CANNOT_PREPARE))
        || error.code().is_some()
            && matches!(
                error.category(),
                ErrorCategory::Integrity | ErrorCategory::Data | ErrorCategory::Programming | ErrorCategory::Database
            )
}

async fn run(connection: &mut MysqlConnection, many: Many<'_>, in_bulk: bool) -> Result<Outcome> {
    let Prepared { form, rows, traits, returns, insert, fresh } = prepare(connection, many)?;
    if rows.is_empty() {
        return Ok(Outcome::rows(Some(0)));
    }
    for (index, row) in rows.iter().enumerate() {
        connection.limit.check_values(row).map_err(|error| error.with_batch_index(index))?;
    }
    let server = connection.server;
    let has_command = server.mariadb
        && server.version >= BULK_SINCE
        && matches!(traits.verb, Verb::Insert | Verb::Replace | Verb::Update | Verb::Delete);
    let way = match insert {
        _ if !in_bulk || many.width == 0 || many.rows < 2 || returns => Way::Rows,
        // Where the types differ from row to row, a command holds few of them.
        Some(insert) if rows.len() >= FEW && (!has_command || bulk::commands_of(&rows) * FEW > rows.len()) => {
            Way::Insert(insert)
        }
        _ if has_command => Way::Commands,
        _ => Way::Rows,
    };
    let traits = traits.with_params(rows.first().map(Vec::as_slice).unwrap_or_default());
    let order = Bulk {
        form,
        rows,
        nested: connection.tx == TxState::Open,
        way,
        upserts: matches!(traits.verb, Verb::Insert | Verb::Replace),
        max_bytes: connection.limit.command(),
        doomed: std::mem::take(&mut connection.doomed),
    };
    let (done, _) = connection.call_fresh(Some(traits), fresh, |conn, slot| bulk::execute(conn, slot, order)).await?;
    Ok(Outcome::rows(Some(done.rows.unwrap_or(done.affected))))
}

/// A batch before it is sent.
struct Prepared {
    form: Form,
    rows: Vec<Vec<mysql_async::Value>>,
    traits: Traits,
    returns: bool,
    /// The parts of an INSERT that can have many rows.
    insert: Option<Insert>,
    fresh: Option<Fresh>,
}

/// Reads the statement and converts all rows, before anything is sent.
fn prepare(connection: &mut MysqlConnection, many: Many<'_>) -> Result<Prepared> {
    let zone = connection.reading().zone;
    let dialect = connection.info.dialect;
    let rows = |lexed| {
        (0..many.rows)
            .map(|row| parameters(lexed, many.row(row), zone).map_err(|error| error.with_batch_index(row)))
            .collect::<Result<Vec<_>>>()
    };
    let prepared = if let Some(cached) = connection.cache.get(many.sql) {
        admit(&cached.lexed, many.guarded)?;
        Prepared {
            form: Form::Prepared(cached.statement.clone()),
            rows: rows(&cached.lexed)?,
            traits: cached.traits,
            returns: cached.lexed.has_returning(),
            insert: insert(&cached.lexed, &dialect),
            fresh: None,
        }
    } else {
        let lexed = lex(many.sql, &dialect)?;
        admit(&lexed, many.guarded)?;
        let traits = Traits::of(lexed.verb(), many.sql);
        let wire = wire::render(lexed.native(), &dialect)?.into_owned();
        Prepared {
            form: Form::Prepare(wire),
            rows: rows(&lexed)?,
            traits,
            returns: lexed.has_returning(),
            insert: insert(&lexed, &dialect),
            fresh: Some(Fresh { sql: many.sql.into(), lexed, traits }),
        }
    };
    if let Form::Prepare(wire) = &prepared.form {
        connection.limit.check(wire.len())?;
    }
    if prepared.traits.verb.commits_implicitly(dialect.flavor) {
        Err(Error::not_supported("the statement commits by itself, so a batch of it could not be undone"))
    } else {
        Ok(prepared)
    }
}

/// Takes an INSERT of one row apart, unless more rows would have to be written otherwise on their way than one.
fn insert(lexed: &Lexed, dialect: &Dialect) -> Option<Insert> {
    let row = InsertRow::of(lexed, dialect)?;
    let insert = Insert {
        head: format!("{}VALUES ", row.head()),
        row: format!("({})", row.values()),
        tail: row.tail().to_owned(),
    };
    let two = insert.of(2);
    wire::render(&two, dialect).is_ok_and(|wire| *wire == *two).then_some(insert)
}
