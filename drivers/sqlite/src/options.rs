//! How a SQLite database is opened, as a URL tells it.

use std::path::PathBuf;
use std::time::Duration;

use oarlock_core::cache::StatementCache;
use oarlock_core::{Error, ErrorKind, Result, Url};

use crate::functions::{Collation, Function};

/// Which database is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A database in memory. A pool has one for all its connections; it is gone with the last of them.
    Memory,
}

/// What may be done with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// It is read only, must exist, and nobody writes it meanwhile: no lock is taken, and no file is made beside it, as a reader of a
    /// write-ahead log has to. Where somebody writes it all the same, what is read may be anything.
    Immutable,
    /// It is read only, and must exist.
    ReadOnly,
    /// It is read and written, and must exist.
    ReadWrite,
    /// It is read and written, and made when it does not exist.
    #[default]
    Create,
}

/// How a transaction is kept until it is committed; see SQLite's `PRAGMA journal_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JournalMode {
    /// A write-ahead log: readers and a writer do not wait for each other.
    #[default]
    Wal,
    /// A rollback journal that is deleted at commit.
    Delete,
    /// A rollback journal that is cut at commit.
    Truncate,
    /// A rollback journal whose header is overwritten at commit.
    Persist,
    /// What the file says by itself: nothing is changed.
    Keep,
}

impl JournalMode {
    pub(crate) fn as_sql(self) -> Option<&'static str> {
        match self {
            Self::Wal => Some("wal"),
            Self::Delete => Some("delete"),
            Self::Truncate => Some("truncate"),
            Self::Persist => Some("persist"),
            Self::Keep => None,
        }
    }
}

/// When SQLite waits for the disk; see SQLite's `PRAGMA synchronous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// Never: a crash of the system may destroy the database.
    Off,
    /// At checkpoints: with a write-ahead log, a crash of the system may lose the last commits and nothing else.
    Normal,
    /// At every commit: what is committed stays.
    #[default]
    Full,
    /// At every commit, and the directory too.
    Extra,
}

impl Synchronous {
    pub(crate) fn as_sql(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Normal => "normal",
            Self::Full => "full",
            Self::Extra => "extra",
        }
    }
}

/// How far what stands in a file is trusted; see the [crate's page](crate#files-of-others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// The schema too: its views and triggers may call functions with side effects, and SQL may corrupt the file by writing
    /// to what SQLite keeps for itself.
    Schema,
    /// The data, and not the schema.
    #[default]
    Data,
    /// Nothing: the file may have been made to do harm. All of it is checked when it is opened, every page again when it is
    /// read, and no other file can be attached.
    Nothing,
}

/// What runs on the caller's thread, and not on one that may block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Inline {
    /// Nothing: for files on a network or on slow disks.
    Nothing,
    /// Statements that are known to be short.
    #[default]
    Short,
    /// Scripts, batches, commits and the catalog, too, whatever they take: for a program that has nothing else to do meanwhile, such
    /// as a tool of the command line. Nothing stops these: no limit of time, and no drop of their futures.
    All,
}

/// How a database is opened. The crate's documentation lists the URL's options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// Which database.
    pub location: Location,
    /// What may be done with the file.
    pub mode: Mode,
    /// Whether foreign keys are enforced.
    pub foreign_keys: bool,
    /// How long a lock is waited for.
    pub busy_timeout: Duration,
    /// How a transaction is kept until it is committed. A database in memory has its own way.
    pub journal_mode: JournalMode,
    /// When SQLite waits for the disk.
    pub synchronous: Synchronous,
    /// How many prepared statements are kept.
    pub statement_cache: usize,
    /// What runs on the caller's thread.
    pub inline: Inline,
    /// How far what stands in the file is trusted.
    pub trusted: Trust,
    /// Functions that SQL may call.
    pub functions: Vec<Function>,
    /// Orders of texts that SQL may name.
    pub collations: Vec<Collation>,
}

const OPTIONS: [&str; 8] =
    ["mode", "foreign_keys", "busy_timeout", "journal_mode", "synchronous", "statement_cache", "inline", "trusted"];

impl SqliteOptions {
    /// Makes the default options for a database.
    #[must_use]
    pub fn new(location: Location) -> Self {
        Self {
            location,
            mode: Mode::default(),
            foreign_keys: true,
            busy_timeout: Duration::from_secs(5),
            journal_mode: JournalMode::default(),
            synchronous: Synchronous::default(),
            statement_cache: StatementCache::<()>::DEFAULT_CAPACITY,
            inline: Inline::default(),
            trusted: Trust::default(),
            functions: Vec::new(),
            collations: Vec::new(),
        }
    }

    /// Trusts nothing in the file, and leaves it in its journal mode: see [`Trust::Nothing`].
    #[must_use]
    pub fn untrusted(self) -> Self {
        Self { trusted: Trust::Nothing, journal_mode: JournalMode::Keep, ..self }
    }

    /// Adds a function that SQL may call.
    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        self.functions.push(function);
        self
    }

    /// Adds an order of texts that SQL may name.
    #[must_use]
    pub fn collation(mut self, collation: Collation) -> Self {
        self.collations.push(collation);
        self
    }

    /// Tells whether a function that SQLite is known to be quick with may be the program's.
    pub(crate) fn shadows(&self) -> bool {
        self.functions.iter().any(Function::shadows)
    }

    /// Reads a URL: `sqlite:app.db`, `sqlite:///var/lib/app.db`, `sqlite::memory:`.
    ///
    /// # Errors
    ///
    /// `Configuration` for a URL without a file, and for an option that is unknown or has a wrong value.
    pub fn parse(url: &Url) -> Result<Self> {
        url.allow_options(&OPTIONS)?;
        let mut options = Self::new(location(url)?);
        let accesses =
            [("immutable", Mode::Immutable), ("ro", Mode::ReadOnly), ("rw", Mode::ReadWrite), ("rwc", Mode::Create)];
        if let Some(mode) = choice(url, "mode", &accesses)? {
            options.mode = mode;
        }
        if let Some(on) = url.switch_option("foreign_keys")? {
            options.foreign_keys = on;
        }
        if let Some(timeout) = url.duration_option("busy_timeout")? {
            options.busy_timeout = timeout;
        }
        let modes = [
            ("wal", JournalMode::Wal),
            ("delete", JournalMode::Delete),
            ("truncate", JournalMode::Truncate),
            ("persist", JournalMode::Persist),
            ("keep", JournalMode::Keep),
        ];
        let trusts = [("on", Trust::Schema), ("off", Trust::Data), ("nothing", Trust::Nothing)];
        if let Some(trust) = choice(url, "trusted", &trusts)? {
            options = if trust == Trust::Nothing { options.untrusted() } else { Self { trusted: trust, ..options } };
        }
        if let Some(mode) = choice(url, "journal_mode", &modes)? {
            options.journal_mode = mode;
        }
        let levels = [
            ("off", Synchronous::Off),
            ("normal", Synchronous::Normal),
            ("full", Synchronous::Full),
            ("extra", Synchronous::Extra),
        ];
        if let Some(level) = choice(url, "synchronous", &levels)? {
            options.synchronous = level;
        }
        if let Some(size) = url.parse_option("statement_cache", "a number of statements")? {
            options.statement_cache = size;
        }
        match url.option("inline") {
            Some("all") => options.inline = Inline::All,
            _ if url.switch_option("inline")? == Some(false) => options.inline = Inline::Nothing,
            _ => {}
        }
        Ok(options)
    }
}

/// Finds the file. `sqlite://app.db` is written by so many that it means what they mean: a file, not a host.
fn location(url: &Url) -> Result<Location> {
    let name: String = url.hosts().iter().map(|host| host.name.as_str()).chain([url.path()]).collect();
    match name.as_str() {
        "" => Err(Error::new(ErrorKind::Configuration, "the URL names no database file")
            .with_hint("write sqlite:app.db, or sqlite::memory: for a database in memory")),
        ":memory:" => Ok(Location::Memory),
        // SQLite would read this as a URI with options of its own.
        name if name.starts_with("file:") => Ok(Location::File(PathBuf::from(format!("./{name}")))),
        name => Ok(Location::File(PathBuf::from(name))),
    }
}

fn choice<T: Copy>(url: &Url, name: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
    let Some(given) = url.option(name) else { return Ok(None) };
    if let Some((_, choice)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(given)) {
        Ok(Some(*choice))
    } else {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        Err(Error::new(
            ErrorKind::Configuration,
            format!("the option {name} takes {}, not {given:?}", words.join(", ")),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<SqliteOptions> {
        SqliteOptions::parse(&Url::parse(url)?)
    }

    #[test]
    fn a_url_names_a_file_or_memory() -> Result<()> {
        for (url, path) in [
            ("sqlite:app.db", "app.db"),
            ("sqlite:///var/app.db", "/var/app.db"),
            ("sqlite://app.db", "app.db"),
            ("sqlite://dir/app.db", "dir/app.db"),
            ("sqlite:my%20app.db?mode=ro", "my app.db"),
            ("sqlite:file:x?mode=ro", "./file:x"),
        ] {
            assert_eq!(parse(url)?.location, Location::File(path.into()), "{url}");
        }
        assert_eq!(parse("sqlite::memory:")?.location, Location::Memory);
        assert_eq!(parse("sqlite:").expect_err("no file").kind(), ErrorKind::Configuration);
        Ok(())
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() -> Result<()> {
        let options = parse(
            "sqlite:a?mode=ro&busy_timeout=20ms&journal_mode=DELETE&synchronous=normal&inline=off&statement_cache=7",
        )?;
        assert_eq!(options.mode, Mode::ReadOnly);
        assert_eq!(options.busy_timeout, Duration::from_millis(20));
        assert_eq!(options.journal_mode, JournalMode::Delete);
        assert_eq!(options.synchronous, Synchronous::Normal);
        assert_eq!((options.inline, options.statement_cache, options.foreign_keys), (Inline::Nothing, 7, true));
        for url in ["sqlite:a?cash=1", "sqlite:a?mode=x", "sqlite:a?synchronous=2", "sqlite:a?statement_cache=-1"] {
            assert_eq!(parse(url).expect_err(url).kind(), ErrorKind::Configuration);
        }
        Ok(())
    }
}
