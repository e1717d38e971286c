//! The record store: typed records, links between them, transactions and their whole history, in one file, in pure Rust.
//!
//! The log is the database. A commit appends one frame to the file and syncs it; the records that live, and their indexes, are kept in memory in
//! ordered maps that are copied on writing, so that a reader's snapshot costs nothing and blocks nobody.

mod change;
mod check;
mod convert;
pub mod expr;
mod history;
mod image;
mod key;
mod link;
mod log;
mod map;
mod op;
mod operations;
mod options;
mod pack;
mod plan;
#[cfg(test)]
mod proof;
mod query;
mod record;
mod records;
mod retention;
mod schema;
mod state;
pub mod storage;
mod store;
mod table;
mod transaction;
mod typed;
mod view;
mod work;

pub use history::{Changed, Entry, Version};
pub use link::{Hop, Link};
#[cfg(any(test, feature = "simulation"))]
pub use log::make_checks_right;
pub use log::{Backup, Cut, FileCheck, Opening, Problem, Restored, SyncMode, Until};
pub use operations::{Stats, TableStats};
pub use options::Options;
pub use pack::Packed;
pub use query::{Condition, Field, Nulls, Ordering, Query, Term};
pub use records::Records;
pub use store::{Commit, Store};
pub use transaction::{Isolation, Savepoint, Snapshot, Transaction};
pub use typed::Table;
pub use view::{Change, View};
