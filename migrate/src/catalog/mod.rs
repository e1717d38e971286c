//! What a database holds, object by object, in the words of its engine: what a dump writes, and what a comparison of two databases
//! can go by.
//!
//! It stands beside the contract's catalog, which gives tables in the words of `core::schema`. That model is neutral, and so has no
//! words for much that an engine has (a trigger, a partition, an exclusion constraint, the options of an index); here every object
//! is kept as the statements that make it, as the engine itself writes them, and none is left out: one that is not known is refused by its
//! name. It is read by queries through the contract, so that no driver has to know of it.

mod mysql;
mod order;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::fmt;

use oarlock_core::dialect::Flavor;
use oarlock_core::schema::{EnumType, QualifiedName, Schema, Sequence, Unmodelled};
use oarlock_core::{Db, DbExt, Dialect, FromRow, Isolation, Tx, TxOptions};
use sha2::{Digest, Sha256};

use crate::engine::Session;
use crate::history::{JOURNAL, TABLE};
use crate::script::hexadecimal;
use crate::{Error, ErrorKind, Result};

pub(crate) use mysql::{settings as settings_of_mysql, without_counter};
pub(crate) use order::Draft;

/// What a database holds, in an order in which it can be made.
///
/// That is everything in the database (all of PostgreSQL's schemas, MySQL's one database, SQLite's main file) but what belongs to
/// the machine and not to the schema: owners and privileges, tablespaces, the definers of MySQL's programs, statistics.
/// Names in the session's schema stand without it.
///
/// # Examples
///
/// ```no_run
/// # async fn f(db: &dyn oarlock_core::Db) -> oarlock_migrate::Result<()> {
/// use oarlock_migrate::Catalog;
///
/// let catalog = Catalog::read(db).await?;
/// for object in catalog.objects() {
///     println!("{} {}", object.kind, object.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) dialect: Dialect,
    pub(crate) objects: Vec<Object>,
    pub(crate) unknown: Vec<String>,
}

/// What an engine's reader has found.
#[derive(Debug, Default)]
struct Found {
    drafts: Vec<Draft>,
    /// What nothing is known of, by its names.
    unknown: Vec<String>,
}

/// An object in the words of `core::schema`, beside its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Model {
    Enum(EnumType),
    Sequence(Sequence),
}

/// An object, with all that has no name of its own in the database and goes with it: a table with its columns, keys and checks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name; of a routine on PostgreSQL, with the types of its arguments. The schema is `None` for the session's.
    pub name: QualifiedName,
    /// The table or view that it belongs to.
    pub table: Option<QualifiedName>,
    /// The statements that make it, in the engine's own words, without semicolons.
    pub statements: Vec<String>,
    /// Settings of the session under which it is made, as SQL: MySQL's programs keep them.
    pub settings: BTreeMap<&'static str, String>,
    /// It is made when rows are there: because rows are faster without it, or because it would change them.
    pub after_rows: bool,
    /// Of an enum and a sequence.
    pub(crate) model: Option<Model>,
    /// Of a table: how its rows are read and written.
    pub(crate) rows: Option<Rows>,
}

/// How the rows of a table are read and written. Names and expressions are SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// The table as `FROM` has it.
    pub(crate) from: String,
    /// The table as `INSERT INTO` has it.
    pub(crate) into: String,
    /// The columns that can be written: name, and the expression that gives a literal.
    pub(crate) columns: Vec<(String, String)>,
    /// What the rows are ordered by.
    pub(crate) order: Vec<String>,
    /// What stands before `VALUES`.
    pub(crate) overriding: &'static str,
    /// Queries for statements that set counters.
    pub(crate) counters: Vec<String>,
    /// The statement that makes all rows from what another table has.
    pub(crate) instead: Option<String>,
    /// The rows are those of other tables of the dump, and are read here only where this table is asked for by its name.
    pub(crate) of_parts: bool,
    /// Why the rows cannot be had.
    pub(crate) refused: Option<String>,
}

/// What an object is.
///
/// The order is that in which objects are made which do not need each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A setting that the database keeps: SQLite's `user_version`.
    Setting,
    /// PostgreSQL's extension, with all that it brings.
    Extension,
    /// A schema of PostgreSQL's.
    Schema,
    /// A collation.
    Collation,
    /// An enum.
    Enum,
    /// A composite type.
    Composite,
    /// A range type.
    Range,
    /// A domain.
    Domain,
    /// A sequence that stands for itself.
    Sequence,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// An aggregate.
    Aggregate,
    /// A table.
    Table,
    /// A virtual table of SQLite's.
    VirtualTable,
    /// The default of a column, apart from its table because each needs the other.
    Default,
    /// A constraint, apart from its table.
    Constraint,
    /// An index.
    Index,
    /// A foreign key, apart from its table.
    ForeignKey,
    /// Extended statistics.
    Statistics,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A rule.
    Rule,
    /// A trigger.
    Trigger,
    /// A policy for rows, or that there are some.
    Policy,
    /// An event.
    Event,
}

impl Kind {
    /// Gives it in words: `materialized view`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Extension => "extension",
            Self::Schema => "schema",
            Self::Collation => "collation",
            Self::Enum => "enum",
            Self::Composite => "composite type",
            Self::Range => "range type",
            Self::Domain => "domain",
            Self::Sequence => "sequence",
            Self::Function => "function",
            Self::Procedure => "procedure",
            Self::Aggregate => "aggregate",
            Self::Table => "table",
            Self::VirtualTable => "virtual table",
            Self::Default => "default",
            Self::Constraint => "constraint",
            Self::Index => "index",
            Self::ForeignKey => "foreign key",
            Self::Statistics => "statistics",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Rule => "rule",
            Self::Trigger => "trigger",
            Self::Policy => "policy",
            Self::Event => "event",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Object {
    pub(crate) fn new(kind: Kind, name: QualifiedName) -> Self {
        Self {
            kind,
            name,
            table: None,
            statements: Vec::new(),
            settings: BTreeMap::new(),
            after_rows: false,
            model: None,
            rows: None,
        }
    }

    pub(crate) fn sql(mut self, statement: impl Into<String>) -> Self {
        self.statements.push(statement.into());
        self
    }

    pub(crate) fn of(mut self, table: QualifiedName) -> Self {
        self.table = Some(table);
        self
    }

    pub(crate) fn after_rows(mut self) -> Self {
        self.after_rows = true;
        self
    }

    /// Gives what it is and its name: `trigger posts_touch on posts`.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.table {
            Some(table) => format!("{} {} on {table}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// Tells whether it is one of the engine's own tables, which keep what has been applied.
    #[must_use]
    pub fn is_history(&self) -> bool {
        self.kind == Kind::Table && self.name.schema.is_none() && [TABLE, JOURNAL].contains(&self.name.name.as_str())
    }

    /// Tells whether somebody has put it there: an extension may come with the server's template.
    pub(crate) fn is_content(&self) -> bool {
        self.kind != Kind::Extension
    }
}

impl Catalog {
    /// Reads what a database holds. It writes nothing, and a role that may only read can ask.
    ///
    /// On SQLite all is of one moment; the servers write each definition by what holds when they are asked for it.
    ///
    /// # Errors
    ///
    /// `NotSupported` for objects that need each other in a circle; `Database`.
    pub async fn read(db: &dyn Db) -> Result<Self> {
        let session = Session::open(db).await?;
        let snapshot = session.snapshot().await?;
        let catalog = Self::within(&snapshot.tx, &session).await;
        session.leave(snapshot).await?;
        catalog
    }

    /// Reads it within a transaction of [`Session::snapshot`].
    pub(crate) async fn within(tx: &Tx, session: &Session) -> Result<Self> {
        let mut dialect = *session.dialect();
        if dialect.flavor == Flavor::MySql {
            // Under the settings of the snapshot, whatever the session's own are.
            dialect.set_sql_mode("");
        }
        let Found { drafts, unknown } = match dialect.flavor {
            Flavor::Postgres => postgres::read(tx).await?,
            Flavor::MySql => mysql::read(tx, &dialect).await?,
            _ => sqlite::read(tx).await?,
        };
        Ok(Self { dialect, objects: order::sort(drafts)?, unknown })
    }

    /// Gives the objects, each behind those that it needs; those that do not need each other by kind and name.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Gives what is there and not known here, as kinds and names. Whoever must not leave anything out refuses it.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Refuses what is not known.
    ///
    /// # Errors
    ///
    /// `NotSupported`, with the names.
    pub fn require_known(&self) -> Result<()> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        let message = format!("the database holds what is not known here: {}", listed(&self.unknown));
        Err(Error::new(ErrorKind::NotSupported, message)
            .with_hint("nothing of a database is left out in silence; use the database's own tools for this one"))
    }

    /// Gives a digest of all objects but those that keep what has been applied: two databases that have the same digest hold the same. Of
    /// what is not known, the names count.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let objects = self.objects.iter().filter(|object| !object.is_history());
        let statements = objects.flat_map(|object| object.settings.values().chain(&object.statements));
        for text in statements.chain(&self.unknown) {
            hash.update(text);
            hash.update([0]);
        }
        hexadecimal(&hash.finalize())
    }

    /// Gives what the session's schema holds in the words of `core::schema`: its tables and views as the contract's catalog tells them, enums
    /// and sequences, and everything else, what is not known here included, as it stands.
    ///
    /// # Errors
    ///
    /// `Database`.
    pub async fn schema(&self, db: &dyn Db) -> Result<Schema> {
        let mut schema = Schema::new();
        schema.tables = db.tables(None).await.map_err(unreadable)?;
        schema.tables.retain(|table| ![TABLE, JOURNAL].contains(&table.name.as_str()));
        schema.views = db.views(None).await.map_err(unreadable)?;
        for object in self.objects.iter().filter(|object| object.name.schema.is_none() && !object.is_history()) {
            match object.kind {
                // The contract's catalog has told them, with what belongs to them; it leaves partitions out.
                Kind::View
                | Kind::MaterializedView
                | Kind::Index
                | Kind::Default
                | Kind::Constraint
                | Kind::ForeignKey => {}
                Kind::Table if schema.find_table(&object.name.name).is_some() => {}
                kind => match &object.model {
                    Some(Model::Enum(known)) => schema.enums.push(known.clone()),
                    Some(Model::Sequence(known)) => schema.sequences.push(known.clone()),
                    None => {
                        let other = Unmodelled::new(kind.as_str(), object.name.clone());
                        schema.unmodelled.push(other.definition(object.statements.join(";\n")));
                    }
                },
            }
        }
        schema.unmodelled.extend(self.unknown.iter().map(|named| Unmodelled::new("unknown", named.as_str())));
        Ok(schema)
    }
}

/// The transaction in which all is read.
pub(crate) struct Snapshot {
    pub(crate) tx: Tx,
    /// What sets the session as it was before.
    restore: Option<String>,
}

impl Session {
    /// Begins the transaction in which all is read, and lets the server write its answers in one way only.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        let mut restore = None;
        if self.dialect.flavor == Flavor::MySql {
            let before = self.conn.require_one(mysql::SETTINGS_NOW, ()).await.map_err(unreadable)?;
            restore = Some(mysql::set(before));
            self.conn.script(mysql::SETTINGS).await.map_err(unreadable)?;
        }
        let options = match self.dialect.flavor {
            Flavor::Sqlite => TxOptions::new().read_only(),
            _ => TxOptions::new().isolation(Isolation::RepeatableRead).read_only(),
        };
        let tx = self.conn.begin_with(options).await.map_err(unreadable)?;
        if self.dialect.flavor == Flavor::Postgres {
            let home = self.dialect.quote_identifier(&self.schema);
            let settings = format!("{} SET LOCAL search_path = {home}", postgres::SETTINGS);
            tx.script(&settings).await.map_err(unreadable)?;
        }
        Ok(Snapshot { tx, restore })
    }

    /// Ends it, and leaves the session as it was.
    pub(crate) async fn leave(&self, snapshot: Snapshot) -> Result<()> {
        snapshot.tx.rollback().await.map_err(unreadable)?;
        match snapshot.restore {
            Some(settings) => self.conn.script(&settings).await.map_err(unreadable),
            None => Ok(()),
        }
    }
}

/// Reads rows of the catalog.
async fn rows<T: FromRow + Send>(tx: &Tx, sql: &str) -> Result<Vec<T>> {
    tx.fetch_all(sql, ()).await.map_err(unreadable)
}

pub(crate) fn unreadable(error: oarlock_core::Error) -> Error {
    Error::database("the catalog could not be read", error)
}

/// Names the first few of many.
pub(crate) fn listed(names: &[String]) -> String {
    const NAMED: usize = 5;
    let first = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED { format!("{first} and {} more", names.len() - NAMED) } else { first }
}
