//! A migration, as it is read from its files by the rules of a dialect.

use std::fmt;
use std::sync::Arc;

use crate::script::Script;
use crate::source::RustStep;
use crate::{Error, ErrorKind, Result, Version};

/// A migration with what it does in one dialect.
#[derive(Clone)]
pub struct Migration {
    pub(crate) id: Id,
    pub(crate) name: Arc<str>,
    pub(crate) title: Arc<str>,
    pub(crate) file: Arc<str>,
    pub(crate) checksum: Arc<str>,
    pub(crate) up: Work,
    pub(crate) down: Option<Work>,
}

/// What a migration is known by. Those with a version come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Id {
    /// It runs once, in the order of versions.
    Version(Version),
    /// It runs after those, whenever its checksum has changed.
    Repeatable(Box<str>),
}

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It is applied.
    Up,
    /// It is taken back.
    Down,
}

/// What a migration does in one direction.
#[derive(Clone)]
#[non_exhaustive]
pub enum Work {
    /// Statements.
    Sql(Script),
    /// An async function.
    Rust(RustStep),
}

impl Id {
    /// Gives the number by which the history keeps it: 0 for a repeatable one.
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Version(version) => version.number(),
            Self::Repeatable(_) => 0,
        }
    }
}

impl Direction {
    /// Gives the word for it: `up` or `down`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Migration {
    /// Gives what it is known by.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Gives the version; `None` for a repeatable one.
    pub fn version(&self) -> Option<Version> {
        match &self.id {
            Id::Version(version) => Some(*version),
            Id::Repeatable(_) => None,
        }
    }

    /// Gives the name without the version.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives what stands in front of the file's ending: `20261121093000_create_users`, `R__views`.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Gives the file of the way up, as messages name it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Gives the checksum of the way up.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// Gives what it does in a direction; `None` where there is no way down.
    pub fn work(&self, direction: Direction) -> Option<&Work> {
        match direction {
            Direction::Up => Some(&self.up),
            Direction::Down => self.down.as_ref(),
        }
    }

    /// Gives what kind it is, in the word that the history keeps.
    pub fn kind(&self) -> &'static str {
        match (&self.id, &self.up) {
            (Id::Repeatable(_), _) => "repeatable",
            (_, Work::Sql(_)) => "sql",
            (_, Work::Rust(_)) => "rust",
        }
    }

    pub(crate) fn require(&self, direction: Direction) -> Result<&Work> {
        self.work(direction).ok_or_else(|| {
            Error::new(ErrorKind::Irreversible, "there is no way down")
                .of(&self.title)
                .with_hint("write its down.sql, or what follows `-- oarlock: down` in its file")
        })
    }
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("title", &self.title).field("file", &self.file).finish_non_exhaustive()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(script) => f.debug_tuple("Sql").field(script).finish(),
            Self::Rust(_) => f.write_str("Rust"),
        }
    }
}
