//! The shared conformance suite, on PostgreSQL.

mod setup;

oarlock_conformance::suite!(setup::Postgres);
