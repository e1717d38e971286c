//! Keeping a store: backups, checks, figures.

use std::io::{self, Read, Write};
use std::path::Path;

use oarlock_core::Result;

use crate::log::{self, Backup, FileCheck, Restored, Until};
use crate::state::State;
use crate::storage::Files;
use crate::store::Store;

/// Figures of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The last transaction.
    pub transaction: u64,
    /// The transaction that the file was packed to; 0 where it has all.
    pub base: u64,
    /// About how many bytes of memory records and indexes take.
    pub memory: usize,
    /// The figures of each table.
    pub tables: Vec<TableStats>,
}

/// Figures of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// The table.
    pub name: String,
    /// How many records it has.
    pub records: usize,
    /// How many deleted records have a history.
    pub deleted: usize,
    /// How many indexes it has beside the primary key, those of foreign keys among them.
    pub indexes: usize,
    /// About how many bytes of memory its records and indexes take.
    pub memory: usize,
}

impl Store {
    /// Writes the store's file as of the last commit to a writer: a full backup, which is a store's file. Reading and writing go on meanwhile.
    ///
    /// # Errors
    ///
    /// What reading and writing gives.
    pub fn backup(&self, to: &mut dyn Write) -> Result<Backup> {
        self.shared().log.backup(None, to)
    }

    /// Writes what was committed after a transaction to a writer: the increment to a backup that ends with it.
    ///
    /// # Errors
    ///
    /// `OutOfRange` where the file does not have the transaction, or was packed beyond it; what reading and writing gives.
    pub fn backup_since(&self, transaction: u64, to: &mut dyn Write) -> Result<Backup> {
        self.shared().log.backup(Some(transaction), to)
    }

    /// Makes a store's file of a full backup and the increments that follow on it. Every frame is checked, and the file is there as a whole
    /// or not at all.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` where there is a file; `Io` where a backup is damaged or does not follow on the one before; `OutOfRange` where they
    /// do not reach the transaction that is asked for.
    pub fn restore(
        path: impl AsRef<Path>,
        full: &mut dyn Read,
        increments: &mut dyn Iterator<Item = io::Result<Box<dyn Read>>>,
        until: Until,
    ) -> Result<Restored> {
        log::backup::restore(&Files, path.as_ref(), full, increments, until)
    }

    /// Reads all of a store's file, without a lock and without changing anything, and tells what is wrong: frames that are damaged, records that are
    /// none, keys that two records have, foreign keys that lead nowhere.
    ///
    /// # Errors
    ///
    /// What reading gives; `Io` where the file is no store.
    pub fn check(path: impl AsRef<Path>) -> Result<FileCheck> {
        let mut state = State::default();
        let mut found = log::check::check(&Files, path.as_ref(), &mut |frame| state.replay_frame(&frame, false))?;
        if let Err(error) = verify(state) {
            found.problems.push(log::Problem::new(found.used, error.to_string()));
        }
        Ok(found)
    }

    /// Gives figures of the store.
    pub fn stats(&self) -> Stats {
        let state = self.snapshot();
        let state = state.state();
        let tables = state.live().map(|table| TableStats {
            name: table.def.name().to_owned(),
            records: table.rows.len(),
            deleted: table.deleted.len(),
            indexes: table.def.indexes.len(),
            memory: table.memory,
        });
        Stats {
            transaction: state.transaction,
            base: self.shared().log.base(),
            memory: state.memory(),
            tables: tables.collect(),
        }
    }
}

/// Holds all records against what their tables ask of them.
fn verify(mut state: State) -> Result<()> {
    state.reindex()?;
    let slots: Vec<usize> = (0..state.tables.len()).filter(|slot| state.tables[*slot].is_some()).collect();
    for slot in slots {
        crate::work::verify(&state, slot)?;
    }
    Ok(())
}
