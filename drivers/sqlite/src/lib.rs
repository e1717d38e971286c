//! The SQLite driver of oarlock, on rusqlite.

mod arena;
mod bind;
mod catalog;
mod connection;
mod decode;
mod error;
mod factory;
mod guard;
mod inline;
mod options;
mod program;
mod queue;
mod run;
mod session;
mod statement;
mod worker;
mod writers;

pub use connection::SqliteConnection;
pub use factory::{FACTORY, SqliteConnector, SqliteFactory};
pub use options::{JournalMode, Location, Mode, SqliteOptions, Synchronous};
