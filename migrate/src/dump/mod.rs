//! Writes a database down as plain SQL, and makes it anew from that.

mod load;
mod rows;
mod write;

use std::io;

use oarlock_core::Db;

pub use load::{Load, Loaded};

use self::write::Writer;
use crate::catalog::{Catalog, Object};
use crate::engine::Session;
use crate::{Error, ErrorKind, Result};

/// Writes what a database holds as SQL: the schema, what has been applied, and rows where they are asked for.
///
/// The text is the same whenever and wherever it is written, as long as the database holds the same: objects stand in the order in
/// which they can be made, and by kind and name where that leaves a choice; no times, versions, users or counters are in it. Of the history it has
/// which migrations were applied, and not when. So it can be kept beside the migrations, where a change shows what they have done.
///
/// What belongs to the machine is left out: owners and privileges, tablespaces, the definers of MySQL's programs and views.
///
/// # Examples
///
/// ```no_run
/// # async fn f(db: &dyn oarlock_core::Db) -> oarlock_migrate::Result<()> {
/// use oarlock_migrate::Dump;
///
/// let mut text = Vec::new();
/// let dumped = Dump::new().rows_of("country").write(db, &mut text).await?;
/// println!("{} objects, {} rows", dumped.objects, dumped.rows);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Dump {
    data: Data,
    history: bool,
}

/// Which rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    None,
    Of(Vec<String>),
    All,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dumped {
    /// How many objects: tables, views, indexes, …
    pub objects: usize,
    /// How many rows, those of the history among them.
    pub rows: u64,
}

impl Default for Dump {
    fn default() -> Self {
        Self::new()
    }
}

impl Dump {
    /// Makes a dump of the schema and of what has been applied.
    #[must_use]
    pub fn new() -> Self {
        Self { data: Data::None, history: true }
    }

    /// Adds the rows of all tables, and the counters of generated keys and sequences.
    #[must_use]
    pub fn all_rows(mut self) -> Self {
        self.data = Data::All;
        self
    }

    /// Adds the rows of a table, and the counters of its keys. A table of another schema than the session's is named `schema.table`.
    #[must_use]
    pub fn rows_of(mut self, table: impl Into<String>) -> Self {
        match &mut self.data {
            Data::All => {}
            Data::Of(tables) => tables.push(table.into()),
            Data::None => self.data = Data::Of(vec![table.into()]),
        }
        self
    }

    /// Leaves out what has been applied, and the tables for it.
    #[must_use]
    pub fn without_history(mut self) -> Self {
        self.history = false;
        self
    }

    /// Writes it. Rows are passed on as they come, and all are of one moment; a server's definitions are of the moment at which each is read,
    /// so nobody should migrate meanwhile. `out` is written to between two reads, on the thread that polls.
    ///
    /// # Errors
    ///
    /// `NotSupported` for an object that is not known, by its name, and for rows that cannot be written; `UnknownTable` for a table
    /// whose rows were asked for; `Interrupted` where a migration is half done; `Io` where `out` fails; `Database`. Part of the text may
    /// have been written then.
    pub async fn write(&self, db: &dyn Db, out: &mut (dyn io::Write + Send)) -> Result<Dumped> {
        let session = Session::open(db).await?;
        if let Some(under_way) = session.history().await?.under_way {
            return Err(Error::new(ErrorKind::Interrupted, "the migration is half done, and so would be the dump")
                .of(under_way.title())
                .with_hint("`up` finishes it"));
        }
        let snapshot = session.snapshot().await?;
        let written = async {
            let catalog = Catalog::within(&snapshot.tx, &session).await?;
            catalog.require_known()?;
            self.check(&catalog)?;
            Writer::new(self, &catalog, &snapshot.tx, out).write().await
        };
        let written = written.await;
        let left = session.leave(snapshot).await;
        let dumped = written?;
        left.map(|()| dumped)
    }

    /// Refuses tables that are not there, and rows that cannot be had.
    fn check(&self, catalog: &Catalog) -> Result<()> {
        if let Data::Of(names) = &self.data {
            let mut known = catalog
                .objects()
                .iter()
                .filter(|object| object.rows.as_ref().is_some_and(|rows| !rows.into.is_empty()));
            for name in names {
                if !known.clone().any(|object| object.name.to_string() == *name) {
                    let tables: Vec<String> = known.by_ref().map(|object| object.name.to_string()).collect();
                    let hint = match &*tables.join(", ") {
                        "" => "there are none".to_owned(),
                        tables => format!("there are: {tables}"),
                    };
                    return Err(
                        Error::new(ErrorKind::UnknownTable, format!("there is no table {name}")).with_hint(hint)
                    );
                }
            }
        }
        for object in catalog.objects().iter().filter(|object| self.wants_rows(object)) {
            if let Some(why) = object.rows.as_ref().and_then(|rows| rows.refused.as_deref()) {
                return Err(Error::new(
                    ErrorKind::NotSupported,
                    format!("the rows of the {} cannot be written: {why}", object.title()),
                )
                .with_hint("name the tables whose rows you want"));
            }
        }
        Ok(())
    }

    /// Tells whether the rows and counters of an object are wanted, apart from the history's.
    fn wants_rows(&self, object: &Object) -> bool {
        let Some(rows) = &object.rows else { return false };
        match &self.data {
            _ if object.is_history() => false,
            Data::None => false,
            Data::All => true,
            Data::Of(names) => !rows.into.is_empty() && names.contains(&object.name.to_string()),
        }
    }

    /// Tells whether all rows are wanted, so that those of a table's parts are written as theirs.
    fn is_whole(&self) -> bool {
        self.data == Data::All
    }
}
