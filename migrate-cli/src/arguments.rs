//! The command line: what can be asked for, and what `--help` says of it.

#![allow(clippy::doc_markdown, reason = "the comments are what `--help` prints, and not Markdown")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use oarlock::Url;
use oarlock_migrate::Version;

use crate::exit::Exit;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do                  5  another runner has the lock
  1  failed                                  6  the database could not be reached
  2  command line, URL or .env               7  a file of the migrations is not understood
  3  migrations are pending (--check)        8  the database refused a statement
  4  history and files disagree              9  destruction was not confirmed
                                            10  the database is not empty (load)";

/// Migrations for SQLite, PostgreSQL, MySQL and MariaDB
///
/// Plain SQL files, each run once, in order, and finished after any interruption.
#[derive(Debug, Parser)]
#[command(name = "oarlock", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for every command")]
pub(crate) struct Options {
    /// The database, such as sqlite:app.db or postgres://user@host/name [env: DATABASE_URL, also from .env]
    #[arg(short = 'u', long, alias = "url", global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The directory of the migrations [env: OARLOCK_MIGRATIONS, also from .env] [default: migrations]
    #[arg(short, long, alias = "source", global = true, value_name = "DIRECTORY")]
    pub(crate) dir: Option<PathBuf>,
    /// The file to read variables from that are not set [default: .env, here or in a directory above]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Print the result as one document of JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do what destroys data without asking
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Print each statement as it is sent
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// How long another runner may have the lock, such as 500ms, 30s, 5m [default: 1m]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub(crate) lock_timeout: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the files of a new migration
    New(New),
    /// Apply what is pending
    Up(Up),
    /// Take applied migrations back: the latest one, unless said otherwise
    Down(Down),
    /// Take the latest migration back and apply what is pending then
    Redo(Allowed),
    /// Take all migrations back and apply them again
    Reset(Allowed),
    /// Show how each migration stands
    Status(Status),
    /// Show the SQL that `up` or `down` would send, with its transactions
    Plan(Plan),
    /// Check that the files say what was applied
    Verify(Allowed),
    /// Take the files as they are now for what was applied
    Repair,
    /// Enter all migrations up to a version into the history without running them
    Baseline {
        /// The last version that the database already has
        version: Version,
    },
    /// Enter one migration into the history without running it, or take it out
    Mark {
        /// Its version
        version: Version,
        /// Take it out of the history instead
        #[arg(long)]
        pending: bool,
    },
    /// Fill the database for development, from files of SQL
    Seed {
        /// The directory; its files run in the order of their names
        #[arg(default_value = "seeds")]
        directory: PathBuf,
    },
    /// Create the database
    Create,
    /// Drop the database, with all that is in it
    Drop(Drop),
    /// Wait until the database server lets connections in
    Wait {
        /// For how long, such as 500ms, 30s, 5m
        #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
        timeout: Duration,
    },
    /// Write the schema as SQL, with what has been applied, and rows where they are asked for
    Dump(Dump),
    /// Make a database anew from what `dump` has written
    Load(Load),
    /// Show the tables, as text or as a diagram
    Schema(Schema),
    /// Keep the file of a record store
    #[cfg(feature = "store")]
    #[command(subcommand)]
    Store(StoreCommand),
    /// Print a script that completes commands in your shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What can be done to the file of a record store.
#[cfg(feature = "store")]
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read all of a file, and tell what is wrong with it
    Check {
        /// The store's file
        file: PathBuf,
    },
    /// Show the transactions, the newest first
    Log {
        /// The store's file
        file: PathBuf,
        /// Only so many
        #[arg(long, value_name = "NUMBER")]
        last: Option<u64>,
    },
    /// Write the file anew without its history, or without the older part of it
    Pack {
        /// The store's file
        file: PathBuf,
        /// Keep the transactions from this one on
        #[arg(long, value_name = "TRANSACTION", conflicts_with_all = ["keep", "keep_last"])]
        before: Option<u64>,
        /// Keep the history of so long a time, such as 12h, 30d
        #[arg(long, value_name = "TIME", value_parser = duration)]
        keep: Option<Duration>,
        /// Keep so many of the last transactions; with --keep, what either keeps
        #[arg(long, value_name = "NUMBER")]
        keep_last: Option<u64>,
    },
    /// Write a backup, while the store may be in use
    Backup {
        /// The store's file
        file: PathBuf,
        /// The file to write, which must not exist
        to: PathBuf,
        /// Only what came after this transaction
        #[arg(long, value_name = "TRANSACTION")]
        since: Option<u64>,
    },
    /// Make a store's file of backups
    Restore {
        /// The file to make, which must not exist
        file: PathBuf,
        /// The full backup
        full: PathBuf,
        /// The increments that follow on it, in their order
        increments: Vec<PathBuf>,
        /// Only up to this transaction
        #[arg(long, value_name = "TRANSACTION")]
        until: Option<u64>,
    },
    /// Undo one transaction by another, unless later work stands on it
    Undo {
        /// The store's file
        file: PathBuf,
        /// The transaction, as `log` shows it
        transaction: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// What it does, such as create_users; with --bin, the name of the package
    pub(crate) name: String,
    /// Write one file with both ways in it
    #[arg(long, conflicts_with = "bin")]
    pub(crate) one_file: bool,
    /// Write a migration that runs whenever it has changed
    #[arg(long, conflicts_with_all = ["bin", "one_file"])]
    pub(crate) repeatable: bool,
    /// Write a file for each of these dialects
    #[arg(long, value_name = "DIALECT", value_delimiter = ',', conflicts_with = "bin")]
    pub(crate) dialects: Vec<Dialect>,
    /// Write a program that has these commands with your models and your migrations in Rust
    #[arg(long)]
    pub(crate) bin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
    Mariadb,
}

impl Dialect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The last version to apply; without it, all, and the repeatable migrations that have changed
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<Version>,
    #[command(flatten)]
    pub(crate) allowed: Allowed,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) back: Back,
    #[command(flatten)]
    pub(crate) allowed: Allowed,
}

/// How far to go back.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Back {
    /// Take back all that are later than this version
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,
    /// Take back so many
    #[arg(long, value_name = "NUMBER")]
    steps: Option<usize>,
    /// Take back all
    #[arg(long)]
    all: bool,
}

impl Back {
    /// Gives it in the engine's words.
    pub(crate) fn goal(&self) -> oarlock_migrate::Back {
        match (self.to, self.steps) {
            (Some(version), _) => oarlock_migrate::Back::To(version),
            (_, Some(steps)) => oarlock_migrate::Back::Steps(steps),
            _ if self.all => oarlock_migrate::Back::All,
            _ => oarlock_migrate::Back::Steps(1),
        }
    }
}

/// What is allowed by its version, though it is not as it should be.
#[derive(Debug, Default, Args)]
pub(crate) struct Allowed {
    /// Apply this migration though later ones have been applied; may be repeated
    #[arg(long = "allow-out-of-order", value_name = "VERSION")]
    pub(crate) out_of_order: Vec<Version>,
    /// Leave it at that that this applied migration reads otherwise now; may be repeated
    #[arg(long = "allow-edited", value_name = "VERSION")]
    pub(crate) edited: Vec<Version>,
    /// Leave it at that that the files of this applied migration are missing; may be repeated
    #[arg(long = "allow-missing", value_name = "VERSION")]
    pub(crate) missing: Vec<Version>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// End with code 3 where migrations are pending, and with 4 where the history and the files disagree
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Plan the way back instead: the latest one, unless said otherwise; --to is the way up else
    #[arg(long)]
    pub(crate) down: bool,
    #[command(flatten)]
    pub(crate) back: Back,
    #[command(flatten)]
    pub(crate) allowed: Allowed,
}

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up(Option<Version>),
    Down(oarlock_migrate::Back),
}

impl Plan {
    /// Gives what is planned: the way down where an option says so that only it has.
    pub(crate) fn way(&self) -> Way {
        let down = self.down || self.back.steps.is_some() || self.back.all;
        if down { Way::Down(self.back.goal()) } else { Way::Up(self.back.to) }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Drop {
    /// End the sessions of others in it (PostgreSQL)
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not fail where there is none
    #[arg(long)]
    pub(crate) if_exists: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// The file to write; without it, standard output
    pub(crate) file: Option<PathBuf>,
    /// Write the rows of all tables, too, or of this one; may be repeated
    #[arg(long, value_name = "TABLE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) data: Vec<String>,
    /// Leave out what has been applied
    #[arg(long)]
    pub(crate) no_history: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The file to read; without it, standard input
    pub(crate) file: Option<PathBuf>,
    /// Load into a database that is not empty, too
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub(crate) format: Format,
    /// Only these tables
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A list of columns, keys and indexes
    Text,
    /// A diagram for Markdown pages
    Mermaid,
    /// A drawing
    Svg,
}

/// Answers a command line that asks for help, or is not understood. What it repeats of the line holds no password.
pub(crate) fn answer(error: &clap::Error, words: &[OsString]) -> Exit {
    let shown = mask(&error.render().ansi().to_string(), words);
    if error.use_stderr() {
        let plain = console::strip_ansi_codes(&shown).into_owned();
        let _ = console::Term::stderr().write_line(if console::colors_enabled_stderr() { &shown } else { &plain });
        return Exit::Usage;
    }
    let plain = console::strip_ansi_codes(&shown).into_owned();
    let _ = console::Term::stdout().write_line(if console::colors_enabled() { &shown } else { &plain });
    Exit::Done
}

/// Takes the passwords of URLs among the words of a command line out of a text.
fn mask(text: &str, words: &[OsString]) -> String {
    let mut masked = text.to_owned();
    for word in words.iter().filter_map(|word| word.to_str()) {
        // `--database-url=postgres://…` is one word.
        let flag = if word.starts_with("--") { word.split_once('=') } else { None };
        let given = flag.map_or(word, |(_, value)| value);
        if given.contains("://") {
            let shown = Url::parse(given).map_or_else(|_| "***".to_owned(), |url| url.to_string());
            masked = masked.replace(given, &shown);
        }
    }
    masked
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let millis = number.parse::<u64>().ok().filter(|_| unit > 0).and_then(|number| number.checked_mul(unit));
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| "write a number with its unit, such as 500ms, 30s, 5m, 12h or 30d".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, read) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("30s", Some(Duration::from_secs(30))),
            ("5m", Some(Duration::from_mins(5))),
            ("12h", Some(Duration::from_hours(12))),
            ("30d", Some(Duration::from_hours(720))),
            ("0s", Some(Duration::ZERO)),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text).ok(), read, "{text:?}");
        }
    }

    #[test]
    fn a_word_that_is_repeated_has_no_password() {
        for (word, shown) in [
            ("postgres://ada:hunter2@h/db", "postgres://ada:***@h/db"),
            ("--ur=postgres://ada:hunter2@h/db", "--ur=postgres://ada:***@h/db"),
            ("mysql://ada:hunter2@h:x/db", "***"),
            ("sqlite:app.db", "sqlite:app.db"),
            ("create_users", "create_users"),
        ] {
            assert_eq!(mask(&format!("unexpected '{word}'"), &[word.into()]), format!("unexpected '{shown}'"));
        }
    }
}
