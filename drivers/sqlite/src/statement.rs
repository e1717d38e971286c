//! What is known of a statement once it is prepared: its text for SQLite, its columns, its program.
//!
//! The prepared handle itself stays in rusqlite's own cache, by the text for SQLite: it borrows from the connection, and
//! only there can it be kept without `unsafe`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use oarlock_core::lex::{Lexed, Verb, lex};
use oarlock_core::result::{Description, Origin};
use oarlock_core::value::NativeType;
use oarlock_core::{Column, Dialect, Error, Result};
use rusqlite::{Connection, Statement, StatementStatus};

use crate::decode::Decoder;
use crate::error::from_rusqlite;
use crate::program::{Program, Route, Tables};
use crate::session::Session;

/// For how many runs a read that went past its budget stays on workers.
const BANISHED: u32 = 1000;

/// A statement as it was prepared.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) lexed: Lexed,
    pub(crate) columns: Arc<[Column]>,
    pub(crate) decoders: Arc<[Decoder]>,
    /// SQLite says that it leaves the database as it is.
    pub(crate) reads: bool,
    pub(crate) program: Program,
    /// It inserts unless a row is there already, and then may update that: its count does not tell which.
    pub(crate) upserts: bool,
    /// How often SQLite had prepared the handle again when it was looked at.
    pub(crate) revision: i32,
    /// The version of the schema for which it was, where that is known.
    pub(crate) schema: Option<i64>,
    epoch: u64,
    banished: AtomicU32,
}

impl Prepared {
    pub(crate) fn verb(&self) -> Verb {
        self.lexed.verb()
    }

    /// Makes an error of SQLite's, its position in the caller's text.
    pub(crate) fn error(&self, error: rusqlite::Error) -> Error {
        from_rusqlite(error, Some(&self.lexed))
    }

    /// Tells whether the read went past its budget lately; asking counts as a run.
    pub(crate) fn is_banished(&self) -> bool {
        match self.banished.load(Ordering::Relaxed) {
            0 => false,
            left => {
                self.banished.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }

    /// Keeps the read on workers for a while.
    pub(crate) fn banish(&self) {
        self.banished.store(BANISHED, Ordering::Relaxed);
    }

    /// Gives what `describe` tells.
    pub(crate) fn describe(&self, native_arity: usize) -> Description {
        Description {
            arity: self.lexed.arity(),
            names: self.lexed.names().to_vec(),
            native_arity,
            parameters: vec![None; native_arity],
            columns: self.columns.to_vec(),
        }
    }
}

impl Session {
    /// Finds a statement that is prepared and still as it was.
    pub(crate) fn known(&mut self, sql: &str) -> Option<Arc<Prepared>> {
        let epoch = self.epoch;
        self.statements.get(sql).filter(|known| known.epoch == epoch).map(|known| Arc::clone(known))
    }

    /// Prepares a statement, or finds it prepared.
    ///
    /// It may read the schema: not on an async thread.
    pub(crate) fn prepare(&mut self, sql: &str) -> Result<Arc<Prepared>> {
        if let Some(known) = self.known(sql) {
            return Ok(known);
        }
        let lexed = lex(sql, &Dialect::SQLITE)?;
        if self.tables.is_none() {
            self.tables = Some(Tables::read(&self.db).map_err(|error| from_rusqlite(error, None))?);
        }
        if lexed.verb() == Verb::Pragma {
            let native = lexed.native().to_ascii_lowercase();
            if native.contains("busy_timeout") {
                self.lend_waiting().map_err(|error| from_rusqlite(error, None))?;
            }
            self.defers |= native.contains("defer_foreign_keys");
        }
        let prepared = {
            let statement =
                self.db.prepare_cached(lexed.native()).map_err(|error| from_rusqlite(error, Some(&lexed)))?;
            let prepared = Arc::new(self.look_at(lexed, &statement, None));
            if prepared.verb() == Verb::Pragma {
                statement.discard();
            }
            prepared
        };
        self.keep(sql, &prepared);
        Ok(prepared)
    }

    /// Looks at a statement again that SQLite has prepared anew, as the schema had changed.
    pub(crate) fn look_again(&self, prepared: &Prepared, statement: &Statement<'_>, schema: Option<i64>) -> Prepared {
        self.look_at(prepared.lexed.clone(), statement, schema)
    }

    /// Keeps what is known of a statement.
    pub(crate) fn keep(&mut self, sql: &str, prepared: &Arc<Prepared>) {
        // A PRAGMA takes effect when it is prepared.
        if prepared.verb() != Verb::Pragma {
            drop(self.statements.insert(sql, Arc::clone(prepared)));
        }
    }

    fn look_at(&self, lexed: Lexed, statement: &Statement<'_>, schema: Option<i64>) -> Prepared {
        let columns = columns(&self.db, statement);
        let decoders = statement.columns().iter_decoders();
        let mut program = match (lexed.verb(), &self.tables) {
            // Its program would be run, in part, by being made; and what is explained already is not explained again.
            (Verb::Pragma | Verb::Explain, _) | (_, None) => Program::UNKNOWN,
            (_, Some(tables)) => {
                let immediate = !self.shared && !self.defers;
                Program::explain(&self.db, lexed.native(), tables, !self.shared, immediate).unwrap_or(Program::UNKNOWN)
            }
        };
        if let Verb::Begin | Verb::Commit | Verb::Rollback | Verb::Savepoint | Verb::Release | Verb::RollbackTo =
            lexed.verb()
        {
            program.route = Route::Control;
        }
        Prepared {
            columns,
            decoders,
            reads: statement.readonly(),
            program,
            upserts: program.numbers && lexed.native().to_ascii_uppercase().contains("CONFLICT"),
            revision: statement.get_status(StatementStatus::RePrepare),
            schema,
            epoch: self.epoch,
            banished: AtomicU32::new(0),
            lexed,
        }
    }
}

/// Describes the columns of a statement.
fn columns(db: &Connection, statement: &Statement<'_>) -> Arc<[Column]> {
    let declared: Vec<Option<String>> =
        statement.columns().map(|column| column.decl_type().map(str::to_owned)).collect();
    statement
        .columns_with_metadata()
        .zip(declared)
        .map(|(found, declared)| {
            let mut column = Column::new(found.name(), NativeType::new(0, declared.unwrap_or_default()));
            if let (Some(table), Some(name)) = (found.table_name(), found.origin_name()) {
                column.origin = Some(Origin { table: table.into(), column: name.into() });
                let may_be_null = db
                    .column_metadata(found.database_name(), table, name)
                    .is_ok_and(|(_, _, not_null, key, _)| !not_null && !key);
                // NOT NULL says nothing: an outer join makes NULLs of it.
                column.nullable = may_be_null.then_some(true);
            }
            column
        })
        .collect()
}

trait Decoders {
    fn iter_decoders(self) -> Arc<[Decoder]>;
}

impl<'c, I: Iterator<Item = rusqlite::Column<'c>>> Decoders for I {
    fn iter_decoders(self) -> Arc<[Decoder]> {
        self.map(|column| Decoder::of(column.decl_type())).collect()
    }
}
