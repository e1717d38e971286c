//! The SQLite driver of oarlock, on rusqlite.
