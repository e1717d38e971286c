//! The shared conformance suite, on SQLite.

mod setup;

oarlock_conformance::suite!(setup::Sqlite);
