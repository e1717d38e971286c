//! The statements that write the history and the journal.
//!
//! Their values stand in them, so that a whole transaction can be one message, and what a plan shows is what the server gets. They
//! are numbers, words of our own, hexadecimal digits, and names of nothing but letters, digits, `_` and `-`; what may hold other
//! characters is written as the hexadecimal digits of its bytes.

use std::fmt::Write;
use std::time::Duration;

use oarlock_core::dialect::Flavor;

use crate::history::{Begun, Tables, UnderWay};
use crate::migration::{Direction, Id};
use crate::script::hexadecimal;
use crate::step::begin;
use crate::{Applied, Migration};

/// How long a migration took, in the words of the server that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// It was not run, or how long is written later.
    Nothing,
    /// Since the transaction began.
    SinceBegin,
    /// Since the journal got its line, where it has one.
    SinceJournal,
}

/// A line of the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'l> {
    pub(crate) done: usize,
    /// The checksum of the statements that are done.
    pub(crate) prefix: &'l str,
    pub(crate) next: Next<'l>,
    pub(crate) direction: Direction,
}

/// What the journal says of the statement after those that are done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next<'l> {
    /// It has not begun.
    Idle,
    /// It begins.
    Begun(&'l Begun),
    /// It will begin: what the catalog says is known only then, and shown as `?`.
    Planned {
        /// Its checksum.
        statement: &'l str,
    },
}

impl Tables {
    /// Enters a migration into the history. On PostgreSQL this fails where another has the lock, for want of a version.
    pub(crate) fn insert(&self, migration: &Migration, state: &str, took: Took) -> String {
        let number = migration.id().number();
        let version = match self.dialect.flavor {
            Flavor::Postgres => format!("CASE WHEN {} THEN {number} END", self.lock_is_ours()),
            _ => number.to_string(),
        };
        format!(
            "INSERT INTO {} (version, name, title, kind, state, checksum, duration_ms) \
             VALUES ({version}, '{}', '{}', '{}', '{state}', '{}', {})",
            self.history,
            migration.name(),
            migration.title(),
            migration.kind(),
            migration.checksum(),
            self.took(migration, took),
        )
    }

    /// Writes how long a migration took.
    pub(crate) fn time(&self, migration: &Migration, took: Duration) -> String {
        format!("UPDATE {} SET duration_ms = {}{}", self.history, took.as_millis(), key(migration))
    }

    /// Writes how long migrations took.
    pub(crate) fn times(&self, took: &[(i64, Duration)]) -> String {
        let [mut cases, mut versions] = [String::new(), String::new()];
        for (version, took) in took {
            let _ = write!(cases, " WHEN {version} THEN {}", took.as_millis());
            let _ = write!(versions, "{}{version}", if versions.is_empty() { "" } else { ", " });
        }
        format!("UPDATE {} SET duration_ms = CASE version{cases} END WHERE version IN ({versions})", self.history)
    }

    fn took(&self, migration: &Migration, took: Took) -> String {
        let since_begin = self.since_begin();
        match took {
            Took::SinceBegin if since_begin.is_some() => "DEFAULT".to_owned(),
            Took::SinceBegin | Took::Nothing => "0".to_owned(),
            Took::SinceJournal => {
                let (since, begin) = (self.since("begun_at"), since_begin.as_deref().unwrap_or("0"));
                format!("COALESCE((SELECT {since} FROM {}{}), {begin})", self.journal, key(migration))
            }
        }
    }

    /// Gives the milliseconds since the transaction began, where the server tells. The history has it as its default: to read it at
    /// each entry takes PostgreSQL as long as it takes for the rest of the entry.
    pub(crate) fn since_begin(&self) -> Option<String> {
        (self.dialect.flavor == Flavor::Postgres).then(|| self.since("pg_catalog.transaction_timestamp()"))
    }

    /// Gives the milliseconds since a time.
    fn since(&self, time: &str) -> String {
        match self.dialect.flavor {
            Flavor::MySql => {
                format!("CAST((UNIX_TIMESTAMP(CURRENT_TIMESTAMP(3)) - UNIX_TIMESTAMP({time})) * 1000 AS SIGNED)")
            }
            Flavor::Postgres => {
                format!("CAST(extract(epoch FROM pg_catalog.clock_timestamp() - {time}) * 1000 AS int8)")
            }
            _ => format!("CAST(round((julianday('now') - julianday({time})) * 86400000) AS integer)"),
        }
    }

    /// Takes a migration out of the history.
    pub(crate) fn delete(&self, migration: &Migration) -> String {
        format!("DELETE FROM {}{}", self.history, key(migration))
    }

    /// Asks whether a migration is in the history: a repeatable one, as it reads now.
    pub(crate) fn is_applied(&self, migration: &Migration) -> String {
        let same = match migration.id() {
            Id::Version(_) => String::new(),
            Id::Repeatable(_) => format!(" AND checksum = '{}'", migration.checksum()),
        };
        format!("SELECT COUNT(*) FROM {}{}{same}", self.history, key(migration))
    }

    /// Has the history take a migration as its file is now.
    pub(crate) fn rewrite(&self, migration: &Migration) -> String {
        let (name, title, kind) = (migration.name(), migration.title(), migration.kind());
        format!(
            "UPDATE {} SET name = '{name}', title = '{title}', kind = '{kind}', checksum = '{}'{}",
            self.history,
            migration.checksum(),
            key(migration)
        )
    }

    /// Takes a migration of which there is no file out of the history, or one only if it still is what it was.
    pub(crate) fn delete_entry(&self, applied: &Applied) -> String {
        let Applied { version, name, checksum, .. } = applied;
        let name = self.text(name);
        format!(
            "DELETE FROM {} WHERE version = {version} AND name = {name} AND checksum = {}",
            self.history,
            self.text(checksum)
        )
    }

    /// Puts a line into the journal.
    pub(crate) fn open(&self, migration: &Migration, line: Line<'_>) -> String {
        self.open_as(migration.id().number(), migration.name(), line)
    }

    fn open_as(&self, number: i64, name: &str, line: Line<'_>) -> String {
        let columns = "done, prefix, statement, scope, digest, direction, version, name";
        let [statement, scope, digest] = self.next(line.next);
        format!(
            "INSERT INTO {} ({columns}) VALUES ({}, '{}', {statement}, {scope}, {digest}, '{}', {number}, {})",
            self.journal,
            line.done,
            line.prefix,
            line.direction,
            self.text(name)
        )
    }

    /// Takes a series out of the journal.
    pub(crate) fn close_series(&self, version: i64) -> String {
        format!("DELETE FROM {} WHERE version = {version}", self.journal)
    }

    /// Has the journal tell of the one migration that may have run where it told of a series.
    pub(crate) fn part(&self, series: i64, under_way: Option<&UnderWay>) -> String {
        let mut text = format!("START TRANSACTION;\n{};\n", self.close_series(series));
        if let Some(UnderWay { version, name, direction, done, prefix, begun }) = under_way {
            let next = begun.as_ref().map_or(Next::Idle, Next::Begun);
            let line = Line { done: *done, prefix, next, direction: *direction };
            let _ = writeln!(text, "{};", self.open_as(*version, name, line));
        }
        text + "COMMIT"
    }

    /// Writes something and leaves nothing: a commit that waits for the disk.
    pub(crate) fn touch(&self) -> String {
        let begin = begin(self.dialect.flavor);
        let line = Line { done: 0, prefix: "", next: Next::Idle, direction: Direction::Up };
        let [open, close] = [self.open_as(-1, "", line), self.close_series(-1)];
        format!("{begin};\n{open};\n{close};\nCOMMIT")
    }

    /// Puts it in the place of the one that is there.
    pub(crate) fn mark(&self, migration: &Migration, line: Line<'_>) -> String {
        let [statement, scope, digest] = self.next(line.next);
        format!(
            "UPDATE {} SET done = {}, prefix = '{}', statement = {statement}, scope = {scope}, digest = {digest}, direction = '{}'{}",
            self.journal,
            line.done,
            line.prefix,
            line.direction,
            key(migration)
        )
    }

    /// Takes the migration out of the journal.
    pub(crate) fn close(&self, migration: &Migration) -> String {
        format!("DELETE FROM {}{}", self.journal, key(migration))
    }

    fn next(&self, next: Next<'_>) -> [String; 3] {
        match next {
            Next::Idle => ["NULL"; 3].map(str::to_owned),
            Next::Begun(begun) => {
                [format!("'{}'", begun.statement), self.text(&begun.scope), format!("'{}'", begun.digest)]
            }
            Next::Planned { statement } => [format!("'{statement}'"), "?".to_owned(), "?".to_owned()],
        }
    }

    /// Writes any text, so that no setting of the session's reads it otherwise.
    fn text(&self, text: &str) -> String {
        if text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            return format!("'{text}'");
        }
        let digits = hexadecimal(text.as_bytes());
        match self.dialect.flavor {
            Flavor::MySql => format!("_utf8mb4 X'{digits}'"),
            Flavor::Postgres => format!("convert_from(decode('{digits}', 'hex'), 'UTF8')"),
            _ => format!("CAST(X'{digits}' AS text)"),
        }
    }
}

/// A version is one migration, whatever it is called.
fn key(migration: &Migration) -> String {
    match migration.id() {
        Id::Version(version) => format!(" WHERE version = {version}"),
        Id::Repeatable(name) => format!(" WHERE version = 0 AND name = '{name}'"),
    }
}
