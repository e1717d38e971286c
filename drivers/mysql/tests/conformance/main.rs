//! The shared conformance suite, on MySQL or MariaDB.

mod setup;

oarlock_conformance::suite!(setup::Mysql);
