//! A driver of one's own, as small as one that keeps every promise can be: SQLite files behind `tiny:` URLs.
//!
//! `docs/writing-a-driver.md` goes through it step by step, and `tests/tests/custom_driver.rs` runs the conformance suite on it. It
//! is naive where that is honest: it prepares each statement anew, keeps whole results in memory, and declares no more than it has.
//! oarlock's own driver for SQLite is another one.

#![allow(unreachable_pub, reason = "a driver is a crate; here it is a module of a program, and of its tests")]

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use oarlock::capabilities::DdlInTransaction;
use oarlock::catalog::{CatalogQuery, CatalogReply};
use oarlock::connection::{DriverInfo, Endpoint, Many, Query, admit, busy, closed, lost};
use oarlock::lex::{Lexed, lex};
use oarlock::params::arrange;
use oarlock::result::{Description, Notice};
use oarlock::schema::Type;
use oarlock::value::temporal::{DateText, DateTimeText, InstantText, TimeText};
use oarlock::value::temporal::{parse_date, parse_datetime, parse_instant, parse_time};
use oarlock::value::{NativeType, UuidText, parse_uuid};
use oarlock::{
    BoxFuture, Capabilities, Column, Connection, Connector, Dialect, DriverFactory, Error, ErrorKind, Health,
    Isolation, Outcome, Purpose, Result, RowBatch, TxOptions, TxState, Url, Value, ValueRef,
};
use rusqlite::types::Value as Stored;
use rusqlite::{Statement, ffi};

/// The driver of `tiny:` URLs: `oarlock::register(&TinyFactory)`.
pub struct TinyFactory;

impl DriverFactory for TinyFactory {
    fn schemes(&self) -> &'static [&'static str] {
        &["tiny"]
    }

    fn connector(&self, url: &Url, _: Purpose) -> Result<Arc<dyn Connector>> {
        url.allow_options(&["statement_cache"])?;
        match url.path() {
            "" => Err(Error::new(ErrorKind::Configuration, "a tiny URL names no file").with_hint("write tiny:app.db")),
            path => Ok(Arc::new(TinyConnector { file: PathBuf::from(path) })),
        }
    }
}

struct TinyConnector {
    file: PathBuf,
}

impl Connector for TinyConnector {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move { Ok(Box::new(TinyConnection::open(&self.file).await?) as Box<dyn Connection>) })
    }
}

const CAPABILITIES: Capabilities = {
    let mut can = Capabilities::NONE;
    can.ddl_in_transaction = DdlInTransaction::RolledBack;
    can.isolation_levels = &[Isolation::Serializable];
    can.savepoints = true;
    can.deferrable_constraints = true;
    can.insert_returning = true;
    can.update_returning = true;
    can.delete_returning = true;
    can.partial_indexes = true;
    can.expression_indexes = true;
    can.nul_in_text = true;
    can.max_parameters = 32_766;
    can
};

/// A connection to one file.
pub struct TinyConnection {
    file: PathBuf,
    /// SQLite waits for the disk and for locks, which no asynchronous thread may do: a call takes the database to another thread
    /// and brings it back. Where the call's future is dropped it does not come back, and the connection is dead.
    db: Option<rusqlite::Connection>,
    closed: bool,
    open: Option<Open>,
    columns: Arc<[Column]>,
    info: DriverInfo,
}

/// An open statement, which has run already: what of its result was not fetched.
struct Open {
    rows: Vec<Vec<Value>>,
    end: Result<Outcome>,
}

impl TinyConnection {
    /// Opens a file, which is made when it does not exist.
    ///
    /// # Errors
    ///
    /// `Io` when the file cannot be opened or is no database.
    pub async fn open(file: &Path) -> Result<Self> {
        let path = file.to_owned();
        let db = on_thread(move || session(&path)).await?;
        let server = format!("SQLite {}", rusqlite::version());
        let endpoint = Arc::new(Endpoint::new("sqlite").namespace(Some(&file.display().to_string())));
        let info = DriverInfo { name: "tiny", server, dialect: Dialect::SQLITE, capabilities: CAPABILITIES, endpoint };
        Ok(Self { file: file.to_owned(), db: Some(db), closed: false, open: None, columns: Arc::default(), info })
    }

    /// Runs work on the database, on a thread that may wait; an open statement keeps it from running.
    async fn with_db<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut rusqlite::Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.open.is_some() {
            return Err(busy());
        }
        let mut db = self.db.take().ok_or_else(if self.closed { closed } else { lost })?;
        let (db, result) = on_thread(move || {
            let result = work(&mut db);
            Ok((db, result))
        })
        .await?;
        self.db = Some(db);
        result
    }

    async fn run(&mut self, sql: &'static str) -> Result<()> {
        self.with_db(move |db| db.execute_batch(sql).map_err(error)).await
    }
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(ErrorKind::Internal, "the database's thread panicked").with_source(error)),
    }
}

fn session(file: &Path) -> Result<rusqlite::Connection> {
    let db = rusqlite::Connection::open(file).map_err(error)?;
    db.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = wal; PRAGMA foreign_keys = on")
        .map_err(error)?;
    Ok(db)
}

impl Connection for TinyConnection {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn health(&self) -> Health {
        if self.db.is_some() { Health::Ready } else { Health::Dead }
    }

    fn tx_state(&self) -> TxState {
        match &self.db {
            Some(db) if !db.is_autocommit() => TxState::Open,
            _ => TxState::Auto,
        }
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let lexed = lex(query.sql, &self.info.dialect)?;
            admit(&lexed, query.guarded)?;
            let params = parameters(&lexed, query.params.names, query.params.values)?;
            let (columns, open) = self.with_db(move |db| fetch(db, &lexed, params)).await?;
            self.columns = columns;
            self.open = Some(open);
            Ok(())
        })
    }

    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(Ok(None)) };
        if !open.rows.is_empty() {
            let rest = open.rows.split_off(max.min(open.rows.len()));
            let rows = std::mem::replace(&mut open.rows, rest);
            return Poll::Ready(Ok(Some(Arc::new(Rows(rows)))));
        }
        match self.open.take_if(|open| open.end.is_err()) {
            Some(Open { end: Err(late), .. }) => Poll::Ready(Err(late)),
            _ => Poll::Ready(Ok(None)),
        }
    }

    fn poll_next_set(&mut self, _: &mut Context<'_>) -> Poll<Result<bool>> {
        if let Some(open) = &mut self.open {
            open.rows.clear();
        }
        Poll::Ready(Ok(false))
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<Outcome>> {
        Poll::Ready(match self.open.take() {
            Some(open) => open.end,
            None => Err(Error::interface("no statement is open")),
        })
    }

    fn abandon(&mut self) {
        self.open = None;
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        Box::pin(async move {
            let lexed = lex(sql, &self.info.dialect)?;
            self.with_db(move |db| {
                let statement = db.prepare(lexed.native()).map_err(error)?;
                Ok(Description {
                    arity: lexed.arity(),
                    names: lexed.names().to_vec(),
                    native_arity: statement.parameter_count(),
                    parameters: vec![None; statement.parameter_count()],
                    columns: columns(&statement).0.to_vec(),
                })
            })
            .await
        })
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let lexed = lex(many.sql, &self.info.dialect)?;
            admit(&lexed, many.guarded)?;
            let row = |row| {
                let values = &many.values[row * many.width..][..many.width];
                parameters(&lexed, many.names, values).map_err(|error| error.with_batch_index(row))
            };
            let rows: Vec<Vec<Stored>> = (0..many.rows).map(row).collect::<Result<_>>()?;
            self.with_db(move |db| {
                // A savepoint outside a transaction begins one: this is all or nothing either way.
                db.execute_batch("SAVEPOINT tiny_many").map_err(error)?;
                let done = all(db, &lexed, rows);
                let undo = if done.is_err() { "ROLLBACK TO tiny_many; " } else { "" };
                db.execute_batch(&format!("{undo}RELEASE tiny_many")).map_err(error)?;
                done
            })
            .await
        })
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        let text = text.to_owned();
        Box::pin(self.with_db(move |db| db.execute_batch(&text).map_err(error)))
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if options.read_only || options.deferrable {
                return Err(Error::not_supported("tiny has neither read-only nor deferrable transactions"));
            }
            match options.isolation {
                None | Some(Isolation::Serializable) => self.run("BEGIN IMMEDIATE").await,
                Some(level) => Err(Error::not_supported(format!("tiny has no isolation level {}", level.as_sql()))),
            }
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.run("COMMIT"))
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match self.tx_state() {
                TxState::Auto if self.db.is_some() => Ok(()),
                _ => self.run("ROLLBACK").await,
            }
        })
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        let file = self.file.clone();
        Box::pin(self.with_db(move |db| {
            // The plainest way to a session as good as new is a new one; what was open in the old one is rolled back.
            *db = session(&file)?;
            Ok(())
        }))
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.run("SELECT 1"))
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        Box::pin(self.with_db(|_| Ok(Vec::new())))
    }

    fn catalog<'a>(&'a mut self, _: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        Box::pin(self.with_db(|_| Err(Error::not_supported("tiny does not read the catalog"))))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        (self.open, self.columns, self.closed) = (None, Arc::default(), true);
        let db = self.db.take();
        Box::pin(on_thread(move || {
            drop(db);
            Ok(())
        }))
    }

    fn native(&mut self) -> &mut dyn Any {
        &mut self.db
    }
}

/// Rows that own their memory; a cell is lent out.
struct Rows(Vec<Vec<Value>>);

impl RowBatch for Rows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        Ok(self.0[row][column].as_ref())
    }
}

/// Runs a statement to its end. An error after the first rows is told after them.
fn fetch(db: &rusqlite::Connection, lexed: &Lexed, params: Vec<Stored>) -> Result<(Arc<[Column]>, Open)> {
    let mut statement = db.prepare(lexed.native()).map_err(error)?;
    let (mut names, mut types) = columns(&statement);
    bind(&mut statement, params)?;
    let (mut rows, mut cursor) = (Vec::new(), statement.raw_query());
    let end = loop {
        match cursor.next() {
            Ok(Some(row)) => {
                if rows.is_empty() {
                    // Where another connection has changed the table, SQLite has prepared the statement anew by now.
                    (names, types) = columns(row.as_ref());
                }
                let mut cells = Vec::with_capacity(types.len());
                for (index, ty) in types.iter().enumerate() {
                    cells.push(value(row.get(index).map_err(error)?, ty.as_ref()));
                }
                rows.push(cells);
            }
            Ok(None) => break Ok(()),
            Err(late) => break Err(error(late)),
        }
    };
    let affected = match lexed.verb().changes_rows() {
        true => Some(db.changes()),
        false if names.is_empty() => None,
        false => u64::try_from(rows.len()).ok(),
    };
    let end = end.map(|()| Outcome::rows(affected));
    match end {
        Err(at_once) if rows.is_empty() => Err(at_once),
        end => Ok((names, Open { rows, end })),
    }
}

fn all(db: &rusqlite::Connection, lexed: &Lexed, rows: Vec<Vec<Stored>>) -> Result<Outcome> {
    let mut statement = db.prepare(lexed.native()).map_err(error)?;
    let mut sum = 0;
    for (index, row) in rows.into_iter().enumerate() {
        let step = bind(&mut statement, row).and_then(|()| {
            let mut cursor = statement.raw_query();
            while cursor.next().map_err(error)?.is_some() {}
            Ok(())
        });
        step.map_err(|error| error.with_batch_index(index))?;
        sum += db.changes();
    }
    Ok(Outcome::rows(Some(sum)))
}

/// The columns of a result, and their declared types.
fn columns(statement: &Statement<'_>) -> (Arc<[Column]>, Vec<Option<Type>>) {
    let declared: Vec<_> = statement.columns().collect();
    let column = |column: &rusqlite::Column<'_>| {
        Column::new(column.name(), NativeType::new(0, column.decl_type().unwrap_or_default()))
    };
    let ty = |column: &rusqlite::Column<'_>| column.decl_type().map(|name| Type::from_native(name, &Dialect::SQLITE));
    (declared.iter().map(column).collect(), declared.iter().map(ty).collect())
}

/// Converts all parameters, before anything runs.
fn parameters(lexed: &Lexed, names: Option<&[&str]>, values: &[ValueRef<'_>]) -> Result<Vec<Stored>> {
    let order = arrange(lexed, names, values.len())?;
    let number = |(index, value)| stored(value).map_err(|e: Error| e.context(format_args!("parameter {}", index + 1)));
    order.values(values).enumerate().map(number).collect()
}

/// What SQLite stores for a value, in the forms that the schema renderer declares columns for.
fn stored(value: ValueRef<'_>) -> Result<Stored> {
    Ok(match value {
        ValueRef::Null => Stored::Null,
        ValueRef::Bool(value) => Stored::Integer(value.into()),
        ValueRef::I64(value) => Stored::Integer(value),
        // As a column for u64 keeps it, where text sorts as the numbers do; a column for smaller ones reads it as a number.
        ValueRef::U64(value) => Stored::Text(format!("{value:020}")),
        ValueRef::F32(value) if !value.is_nan() => Stored::Real(value.into()),
        ValueRef::F64(value) if !value.is_nan() => Stored::Real(value),
        ValueRef::Text(text) | ValueRef::Json(text) => Stored::Text(text.to_owned()),
        ValueRef::Bytes(bytes) => Stored::Blob(bytes.to_owned()),
        ValueRef::Decimal(value) => Stored::Text(value.to_string()),
        ValueRef::Uuid(bytes) => Stored::Text(UuidText(bytes).to_string()),
        ValueRef::Date(days) => Stored::Text(DateText(days).to_string()),
        ValueRef::Time(micros) => Stored::Text(format!("{:.6}", TimeText(micros))),
        ValueRef::DateTime(micros) => Stored::Text(format!("{:.6}", DateTimeText(micros))),
        ValueRef::Instant(micros) => Stored::Text(format!("{:.6}", InstantText(micros))),
        other => return Err(Error::not_supported(format!("tiny cannot store this {}", other.kind_name()))),
    })
}

/// What a stored value means in a column of the declared type; where it means nothing there, it is handed out as it is.
fn value(stored: Stored, declared: Option<&Type>) -> Value {
    match (stored, declared) {
        (Stored::Null, _) => Value::Null,
        (Stored::Integer(truth @ (0 | 1)), Some(Type::Bool)) => Value::Bool(truth == 1),
        (Stored::Integer(number), _) => Value::I64(number),
        (Stored::Real(number), _) => Value::F64(number),
        (Stored::Blob(bytes), _) => Value::Bytes(bytes),
        (Stored::Text(text), Some(ty)) => meaning(&text, ty).unwrap_or(Value::Text(text)),
        (Stored::Text(text), None) => Value::Text(text),
    }
}

fn meaning(text: &str, ty: &Type) -> Option<Value> {
    match ty {
        Type::UInt8 => text.parse().ok().map(Value::U64),
        Type::Decimal { .. } => text.parse().ok().map(Value::Decimal),
        Type::Uuid => parse_uuid(text).ok().map(Value::Uuid),
        Type::Json => Some(Value::Json(text.to_owned())),
        Type::Date => parse_date(text).ok().map(Value::Date),
        Type::Time => parse_time(text).ok().map(Value::Time),
        Type::DateTime => parse_datetime(text).ok().map(Value::DateTime),
        Type::Timestamp => parse_instant(text).ok().map(Value::Instant),
        _ => None,
    }
}

fn bind(statement: &mut Statement<'_>, params: Vec<Stored>) -> Result<()> {
    for (index, param) in params.into_iter().enumerate() {
        statement.raw_bind_parameter(index + 1, param).map_err(error)?;
    }
    Ok(())
}

/// SQLite's errors in the contract's kinds: by code where it has one, by its message where the code is the generic 1.
fn error(error: rusqlite::Error) -> Error {
    use ErrorKind as K;
    let (code, message) = match error {
        rusqlite::Error::SqliteFailure(code, message) => (code.extended_code, message.unwrap_or_default()),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error.extended_code, msg),
        other => return Error::new(K::Internal, "rusqlite failed").with_source(other),
    };
    let begins = |start: &str| message.starts_with(start);
    let kind = match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => K::UniqueViolation,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => K::ForeignKeyViolation,
        ffi::SQLITE_CONSTRAINT_NOTNULL => K::NotNullViolation,
        ffi::SQLITE_CONSTRAINT_CHECK => K::CheckViolation,
        ffi::SQLITE_MISMATCH => K::InvalidValue,
        _ => match code & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => K::LockTimeout,
            ffi::SQLITE_READONLY => K::ReadOnly,
            ffi::SQLITE_CANTOPEN | ffi::SQLITE_NOTADB | ffi::SQLITE_IOERR => K::Io,
            ffi::SQLITE_ERROR if begins("no such table") => K::TableNotFound,
            ffi::SQLITE_ERROR if begins("no such column") || message.contains("has no column") => K::UnknownColumn,
            ffi::SQLITE_ERROR if message.contains("already exists") || begins("duplicate column") => K::AlreadyExists,
            ffi::SQLITE_ERROR if begins("integer overflow") => K::OutOfRange,
            ffi::SQLITE_ERROR if begins("cannot ") => K::Interface,
            ffi::SQLITE_ERROR if begins("variable number") || begins("too many SQL variables") => K::Parameters,
            ffi::SQLITE_ERROR => K::Syntax,
            _ => K::Database,
        },
    };
    Error::new(kind, message).with_code(code.into())
}
