//! The commands: one file for those that belong together.

mod dump;
mod history;
mod load;
mod new;
mod plan;
mod program;
mod run;
mod schema;
mod seed;
mod server;
mod status;
#[cfg(feature = "store")]
mod store;

use std::cell::OnceCell;
use std::io::ErrorKind as IoKind;
use std::time::Duration;

use clap::CommandFactory;
use oarlock_migrate::{Direction, Migrator, RustMigration, Source};
use serde::Serialize;

use crate::arguments::{Allowed, Arguments, Command, Options};
use crate::database::Database;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::models::Models;
use crate::output::Output;
use crate::settings::Settings;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) yes: bool,
    verbose: bool,
    lock_timeout: Option<Duration>,
    settings: Settings,
    database: OnceCell<Database>,
    models: Models,
    migrations: Vec<RustMigration>,
}

/// A migration that was applied or taken back.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Moved {
    migration: String,
    direction: &'static str,
    duration_ms: u64,
}

impl Moved {
    pub(crate) fn new(title: &str, direction: Direction, duration: Duration) -> Self {
        Self {
            migration: title.to_owned(),
            direction: direction.as_str(),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Context {
    pub(crate) fn new(
        options: Options,
        output: Output,
        models: Models,
        migrations: Vec<RustMigration>,
    ) -> Result<Self> {
        let settings = Settings::collect(&options)?;
        let Options { yes, verbose, lock_timeout, .. } = options;
        Ok(Self { output, yes, verbose, lock_timeout, settings, database: OnceCell::new(), models, migrations })
    }

    fn database(&self) -> Result<&Database> {
        let url = self.settings.url()?;
        Ok(self.database.get_or_init(|| Database::new(url)))
    }

    /// Reads the files, and adds the migrations in Rust. A program that has these need not have files.
    fn source(&self) -> Result<Source> {
        let directory = self.settings.directory();
        let read = Source::directory(directory);
        let found = !matches!(directory.metadata(), Err(error) if error.kind() == IoKind::NotFound);
        let files = match read {
            Ok(files) => files,
            Err(_) if !found && !self.migrations.is_empty() => Source::new(),
            Err(_) if !found => {
                return Err(Failure::new(Exit::Files, format!("there is no directory {}", directory.display()))
                    .with_hint("`new` makes it with the first migration; --dir names another one"));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(self.migrations.iter().cloned().fold(files, Source::rust))
    }

    fn migrator(&self, allowed: &Allowed) -> Result<Migrator> {
        let mut migrator = Migrator::new(self.source()?);
        for version in &allowed.out_of_order {
            migrator = migrator.allow_out_of_order(*version);
        }
        for version in &allowed.edited {
            migrator = migrator.allow_edited(*version);
        }
        for version in &allowed.missing {
            migrator = migrator.allow_missing(*version);
        }
        Ok(self.with_options(migrator))
    }

    fn with_options(&self, migrator: Migrator) -> Migrator {
        match self.lock_timeout {
            Some(limit) => migrator.lock_timeout(limit),
            None => migrator,
        }
    }
}

/// Runs a command, and ends its connections whatever came of it.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit> {
    let done = work(command, context).await;
    if let Some(database) = context.database.get() {
        database.close().await;
    }
    done
}

async fn work(command: Command, context: &Context) -> Result<Exit> {
    match command {
        Command::New(asked) if asked.bin => program::write(context, &asked.name),
        Command::New(asked) => new::write(context, &asked),
        Command::Up(asked) => run::up(context, &asked).await,
        Command::Down(asked) => run::down(context, &asked).await,
        Command::Redo(allowed) => run::redo(context, &allowed).await,
        Command::Reset(allowed) => run::reset(context, &allowed).await,
        Command::Status(asked) => status::show(context, &asked).await,
        Command::Plan(asked) => plan::show(context, &asked).await,
        Command::Verify(allowed) => history::verify(context, &allowed).await,
        Command::Repair => history::repair(context).await,
        Command::Baseline { version } => history::baseline(context, version).await,
        Command::Mark { version, pending } => history::mark(context, version, pending).await,
        Command::Seed { directory } => seed::run(context, &directory).await,
        Command::Create => server::create(context).await,
        Command::Drop(asked) => server::drop(context, &asked).await,
        Command::Wait { timeout } => server::wait(context, timeout).await,
        Command::Dump(asked) => dump::write(context, &asked).await,
        Command::Load(asked) => load::run(context, &asked).await,
        Command::Schema(asked) => schema::show(context, &asked).await,
        #[cfg(feature = "store")]
        Command::Store(asked) => store::run(context, asked),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, program_name(), &mut script);
            Output::text(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
    }
}

/// Gives the name by which the program was called: one of the user's own has another.
fn program_name() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    path.and_then(|path| Some(path.file_stem()?.to_str()?.to_owned())).unwrap_or_else(|| "oarlock".to_owned())
}

/// Writes "1 migration", "2 migrations".
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
