//! The record store: typed records, links between them, transactions and their whole history, in one file, in pure Rust.
//!
//! The log is the database. A commit appends one frame to the file and syncs it; the records that live, and their indexes, are kept in memory in
//! ordered maps that are copied on writing, so that a reader's snapshot costs nothing and blocks nobody.

#[allow(dead_code, reason = "the tables, which stand on it, come next")]
mod log;
#[cfg(test)]
mod proof;
pub mod storage;

pub use log::{Backup, Cut, FileCheck, Opening, Problem, Restored, SyncMode, Until};
