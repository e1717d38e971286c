//! End-to-end tests of the oarlock facade: how each gets a database of its own on every engine.
//!
//! PostgreSQL and MySQL or MariaDB are found by `OARLOCK_TEST_POSTGRES_URL` and `OARLOCK_TEST_MYSQL_URL`. A test that finds no
//! server says that it is skipped, and fails where `CI=true`.

mod engine;
mod http;
mod items;
mod lies;
mod panics;
mod proof;
mod report;
mod tampered;

pub use engine::{Database, Engine, LIMIT, run, run_within};
pub use http::{Answer, Client};
pub use items::{create_item, ids, insert, refused};
pub use lies::{Liar, Lie, caught};
pub use oarlock_conformance::{Failure, Verdict, until};
pub use panics::{count_panics, panics};
pub use proof::{Dice, is_full};
pub use report::report;
pub use tampered::{Tamper, Tampered};

/// README.md's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// So are those of docs/observability.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/observability.md")]
pub struct Observability;
