//! Statements: read, prepared and kept, and which of them need no preparing.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use oarlock_core::cache::StatementCache;
use oarlock_core::lex::{Lexed, TokenKind, Tokens, Verb};
use oarlock_core::result::Origin;
use oarlock_core::{Column, Dialect, Error, Result};
use tokio_postgres::types::{Kind, ToSql, Type};
use tokio_postgres::{Client, Statement};

use crate::batch::Plan;
use crate::decode::CellType;
use crate::wire::Wire;

/// A statement as the server prepared it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) lexed: Lexed,
    /// Dropping its last clone closes it on the server.
    pub(crate) statement: Statement,
    pub(crate) plan: Arc<Plan>,
    /// The statement for many rows, once it was asked for: `None` where there is none.
    pub(crate) unnest: OnceLock<Option<Statement>>,
    /// It may change the session beyond its transaction.
    pub(crate) soils: bool,
    /// How often tables had been changed by this connection when it was prepared.
    epoch: u64,
}

impl Prepared {
    /// Gives the way to read rows of other columns, which a statement without a name may turn out to have. What they come from
    /// is not asked; a type of the database's own that the statement had before is known.
    #[cold]
    fn replan(&self, columns: &[(String, u32)]) -> Arc<Plan> {
        let before = || self.statement.columns().iter().map(tokio_postgres::Column::type_);
        let find = |oid: u32| {
            let known = Type::from_oid(oid).or_else(|| before().find(|of| of.oid() == oid).cloned());
            known.unwrap_or_else(|| Type::new(format!("type {oid}"), oid, Kind::Simple, String::new()))
        };
        let cells: Box<[CellType]> = columns.iter().map(|(_, oid)| CellType::new(&find(*oid))).collect();
        let columns = columns.iter().zip(&cells).map(|((name, _), cell)| Column::new(&**name, cell.native.clone()));
        Arc::new(Plan { columns: columns.collect(), cells })
    }
}

/// The statements that a connection has prepared.
#[derive(Debug)]
pub(crate) struct Statements {
    cache: StatementCache<Arc<Prepared>>,
    epoch: u64,
    origins: Option<Origins>,
}

impl Statements {
    pub(crate) fn new(capacity: usize, column_origin: bool) -> Self {
        Self { cache: StatementCache::new(capacity), epoch: 0, origins: column_origin.then(Origins::default) }
    }

    /// Finds a statement that was prepared since this connection last changed tables. An older one would fail where its
    /// columns are others now, and with it the transaction; and the types that were inferred for its parameters may be wrong.
    pub(crate) fn get(&mut self, sql: &str) -> Option<Arc<Prepared>> {
        let epoch = self.epoch;
        self.cache.get(sql).filter(|found| found.epoch == epoch).map(|found| Arc::clone(found))
    }

    pub(crate) fn forget(&mut self, sql: &str) {
        self.cache.remove(sql);
    }

    /// Forgets all statements: they were read by rules that no longer hold, or the server has dropped them.
    pub(crate) fn clear(&mut self) {
        self.cache.drain().for_each(drop);
        if let Some(origins) = &mut self.origins {
            origins.query = None;
        }
    }

    /// Notes that this connection may have changed tables or types.
    pub(crate) fn tables_changed(&mut self) {
        self.epoch += 1;
        if let Some(origins) = &mut self.origins {
            origins.tables.clear();
        }
    }

    /// Gives the way to read the rows of a statement that was sent. Where it has no name, its columns may be others than when
    /// it was prepared; it is prepared anew the next time then.
    pub(crate) fn plan(&mut self, prepared: &Prepared, sql: &str, wire: &Wire) -> Arc<Plan> {
        match wire.redescribed(prepared.lexed.native()) {
            None => Arc::clone(&prepared.plan),
            Some(columns) => {
                self.forget(sql);
                prepared.replan(&columns)
            }
        }
    }

    /// Prepares a statement and keeps it.
    pub(crate) async fn prepare(
        &mut self,
        client: &Client,
        sql: &str,
        lexed: Lexed,
        soils: bool,
    ) -> Result<Arc<Prepared>, tokio_postgres::Error> {
        let statement = client.prepare(lexed.native()).await?;
        if let Some(origins) = &mut self.origins {
            origins.learn(client, &statement).await?;
        }
        let cells: Box<[CellType]> = statement.columns().iter().map(|column| CellType::new(column.type_())).collect();
        let columns = statement.columns().iter().zip(&cells).map(|(column, cell)| {
            let known = self.origins.as_ref().and_then(|origins| origins.find(column));
            Column {
                origin: known.map(|(origin, _)| origin.clone()),
                // A column that cannot be NULL in its table still is in the rows that an outer join adds.
                nullable: known.and_then(|(_, nullable)| nullable.then_some(true)),
                ..Column::new(column.name(), cell.native.clone())
            }
        });
        let plan = Arc::new(Plan { columns: columns.collect(), cells });
        let prepared = Arc::new(Prepared { lexed, statement, plan, soils, unnest: OnceLock::new(), epoch: self.epoch });
        drop(self.cache.insert(sql, Arc::clone(&prepared)));
        Ok(prepared)
    }
}

/// The names behind the numbers of tables and columns that come with a result's columns.
#[derive(Debug, Default)]
struct Origins {
    tables: HashMap<u32, HashMap<i16, (Origin, bool)>>,
    query: Option<Statement>,
}

const ORIGINS: &str = "SELECT a.attrelid, a.attnum, c.relname::text, a.attname::text, NOT a.attnotnull \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
    WHERE a.attrelid = ANY ($1) AND NOT a.attisdropped";

impl Origins {
    /// Asks for the names of the tables that are new to this connection.
    async fn learn(&mut self, client: &Client, statement: &Statement) -> Result<(), tokio_postgres::Error> {
        let mut unknown: Vec<u32> = statement.columns().iter().filter_map(tokio_postgres::Column::table_oid).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|table| !self.tables.contains_key(table));
        if unknown.is_empty() {
            return Ok(());
        }
        let query = match &self.query {
            Some(query) => query.clone(),
            None => self.query.insert(client.prepare(ORIGINS).await?).clone(),
        };
        let rows = client.query(&query, &[&unknown as &(dyn ToSql + Sync)]).await?;
        for table in unknown {
            self.tables.insert(table, HashMap::new());
        }
        for row in rows {
            let (table, column): (u32, i16) = (row.try_get(0)?, row.try_get(1)?);
            let origin = Origin { table: row.try_get::<_, &str>(2)?.into(), column: row.try_get::<_, &str>(3)?.into() };
            let nullable = row.try_get(4)?;
            self.tables.entry(table).or_default().insert(column, (origin, nullable));
        }
        Ok(())
    }

    fn find(&self, column: &tokio_postgres::Column) -> Option<(&Origin, bool)> {
        let (origin, nullable) = self.tables.get(&column.table_oid()?)?.get(&column.column_id()?)?;
        Some((origin, *nullable))
    }
}

/// Tells whether a statement is sent as it stands: it gives no rows and takes no parameters, and preparing it would cost
/// a round trip and a place in the cache.
pub(crate) fn is_direct(lexed: &Lexed) -> bool {
    let gives_no_rows = |verb| {
        matches!(
            verb,
            Verb::Set
                | Verb::Reset
                | Verb::Discard
                | Verb::Do
                | Verb::Prepare
                | Verb::Deallocate
                | Verb::Declare
                | Verb::Close
                | Verb::Listen
                | Verb::Unlisten
                | Verb::Notify
                | Verb::Lock
                | Verb::Analyze
                | Verb::Vacuum
                | Verb::Reindex
                | Verb::Create
                | Verb::CreateTemporary
                | Verb::Alter
                | Verb::Drop
                | Verb::Truncate
                | Verb::Comment
                | Verb::Grant
                | Verb::Revoke
        )
    };
    lexed.arity() == 0 && (lexed.verb().controls_transaction() || gives_no_rows(lexed.verb()))
}

/// Tells whether a statement may change tables or types, or what they mean to statements that were prepared before.
pub(crate) fn changes_tables(verb: Verb) -> bool {
    matches!(verb, Verb::Create | Verb::CreateTemporary | Verb::Alter | Verb::Drop | Verb::Do | Verb::Discard)
}

/// Refuses a COPY from or to the client: its data would come on a road of its own, and the server would wait for it.
pub(crate) fn refuse_copy(sql: &str, verb: Verb, dialect: &Dialect) -> Result<()> {
    let streams = |word: &str| word.eq_ignore_ascii_case("STDIN") || word.eq_ignore_ascii_case("STDOUT");
    let mut tokens = Tokens::new(sql, dialect.lexing);
    if verb == Verb::Copy && tokens.any(|token| token.kind == TokenKind::Word && streams(token.text(sql))) {
        return Err(Error::not_supported("COPY from STDIN or to STDOUT is no statement with a result")
            .with_hint("use copy_in or copy_out of oarlock_postgres::PostgresExt"));
    }
    Ok(())
}
