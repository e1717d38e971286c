//! The command line of oarlock's migrations, as a library.
//!
//! The program `oarlock` knows files of SQL only. A program of your own knows your migrations in Rust and your models, too;
//! `oarlock new --bin` writes it:
//!
//! ```no_run
//! use oarlock::{DbExt, Model, Result, Tx};
//! use oarlock_cli::{migrations, models};
//!
//! #[derive(Model)]
//! struct Post {
//!     #[model(primary_key)]
//!     id: i64,
//!     title: String,
//!     slug: Option<String>,
//! }
//!
//! async fn slugs(tx: Tx) -> Result<()> {
//!     tx.execute("UPDATE post SET slug = lower(title)", ()).await?;
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     oarlock_cli::run(models![Post], migrations![20261121093000 => slugs])
//! }
//! ```
//!
//! # Exit codes
//!
//! | Code | Meaning |
//! |---|---|
//! | 0 | it is done, or there was nothing to do |
//! | 1 | it failed in a way that has no code of its own |
//! | 2 | the command line, the URL or `.env` is not understood |
//! | 3 | migrations are pending: `status --check` |
//! | 4 | the history and the files disagree: edited, missing, out of order, interrupted; or a model and its table |
//! | 5 | another runner has the lock |
//! | 6 | the database could not be reached, or did not let the user in |
//! | 7 | a file of the migrations is not understood, or has no way down |
//! | 8 | the database refused a statement of a migration |
//! | 9 | what would destroy data was not confirmed |
//! | 10 | the database is not empty: `load` |
//!
//! # Features
//!
//! `sqlite`, `postgres` and `mysql`, all on by default, bring the drivers; `store`, on by default, the commands for record stores.

mod arguments;
mod command;
mod confirm;
mod database;
mod exit;
mod failure;
mod models;
mod output;
mod progress;
mod settings;
mod timestamp;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use oarlock_migrate::RustMigration;

use crate::arguments::Arguments;
use crate::command::Context;
use crate::failure::Failure;
use crate::output::Output;

pub use models::Models;

#[doc(hidden)]
pub mod __private {
    pub use oarlock::Model;
    pub use oarlock_migrate::RustMigration;
}

/// Runs the command that the program's arguments ask for, and gives its exit code.
///
/// `models` are compared with their tables by `verify`; `migrations` run among the files, in the order of their versions.
pub fn run(models: Models, migrations: Vec<RustMigration>) -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return arguments::answer(&error, &words).code(),
    };
    let output = Output::new(arguments.options.json);
    let done = Context::new(arguments.options, output, models, migrations).and_then(|context| {
        // One thread: there is one connection, whose server does the work.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(exit::Exit::Failed, format!("no runtime: {error}")))?;
        let done = runtime.block_on(command::run(arguments.command, &context));
        // What a statement that was left still does on a thread of its own, nobody waits for.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(exit) => exit.code(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit().code()
        }
    }
}

/// Lists the migrations in Rust for [`run`]: a version, and the async function whose name the migration takes, or one for each way.
///
/// ```
/// use oarlock::{DbExt, Result, Tx};
/// use oarlock_cli::migrations;
///
/// async fn slugs(tx: Tx) -> Result<()> {
///     tx.execute("UPDATE post SET slug = lower(title)", ()).await.map(drop)
/// }
///
/// async fn prices(tx: Tx) -> Result<()> {
///     tx.execute("UPDATE product SET cents = price * 100", ()).await.map(drop)
/// }
///
/// async fn no_prices(tx: Tx) -> Result<()> {
///     tx.execute("UPDATE product SET cents = NULL", ()).await.map(drop)
/// }
///
/// let migrations = migrations![20261121093000 => slugs, 20261122081500 => (prices, no_prices)];
/// assert_eq!(migrations.len(), 2);
/// ```
#[macro_export]
macro_rules! migrations {
    ($($version:literal => $way:tt),* $(,)?) => {
        ::std::vec::Vec::<$crate::__private::RustMigration>::from([$($crate::__migration!($version, $way)),*])
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __migration {
    ($version:literal, ($up:ident, $down:ident)) => {
        $crate::__private::RustMigration::new($version, ::std::stringify!($up), $up).down($down)
    };
    ($version:literal, $up:ident) => {
        $crate::__private::RustMigration::new($version, ::std::stringify!($up), $up)
    };
}

/// Lists the models for [`run`].
///
/// ```
/// use oarlock::Model;
/// use oarlock_cli::models;
///
/// #[derive(Model)]
/// struct Post {
///     #[model(primary_key)]
///     id: i64,
///     title: String,
/// }
///
/// let models = models![Post];
/// assert_eq!(models.len(), 1);
/// ```
#[macro_export]
macro_rules! models {
    ($($model:ty),* $(,)?) => {
        $crate::Models::new([$(<$model as $crate::__private::Model>::table()),*])
    };
}
