//! The ORM, with the same results on every engine.

/// Makes a test on every engine of each function named. They are functions, for `mutants` runs them where something is wrong.
macro_rules! proofs {
    ($($proof:ident($($argument:ident: $type:ty),+) after $setup:path;)+) => {$(
        mod $proof {
            #[allow(clippy::wildcard_imports, reason = "the proof's file stands around it")]
            use super::*;

            #[oarlock::test(engines = [sqlite, postgres, mysql], setup = $setup, flavor = "multi_thread")]
            async fn holds($($argument: $type),+) -> Result<()> {
                super::$proof($($argument),+).await
            }
        }
    )+};
}

mod blog;
mod decimals;
mod extremes;
mod graph;
#[allow(clippy::print_stdout)] // What a reader's own program would do.
mod guide;
mod mutants;
mod pages;
mod reads;
mod relations;
mod rules;
mod sea;
mod selections;
mod shop;
mod sql;
mod types;
mod without_returning;
mod writes;
