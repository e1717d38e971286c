//! How each migration stands.

use std::sync::Arc;

use crate::history::{Applied, History};
use crate::migration::Id;
use crate::{Migration, Version};

/// How the migrations of a source and of a database stand, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// All of them.
    pub entries: Vec<Entry>,
}

/// A migration, of the source or of the history or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The version; `None` for a repeatable migration.
    pub version: Option<Version>,
    /// What it is called: `20261121093000_create_users`, `R__views`.
    pub title: String,
    /// The file, as messages name it; `None` where it is missing.
    pub file: Option<String>,
    /// How it stands.
    pub state: State,
    /// Whether there is a way down.
    pub reversible: bool,
    /// Its entry in the history.
    pub applied: Option<Applied>,
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It is in the history, and reads as it did.
    Applied,
    /// The next run applies it.
    Pending,
    /// It was applied, and reads otherwise now, or has another name. A repeatable migration is [`Pending`](Self::Pending) then.
    Edited,
    /// It was applied, and its file is not there.
    Missing,
    /// It is pending and comes before one that was applied.
    OutOfOrder,
    /// A run was interrupted within it; the next run finishes it.
    Interrupted,
}

impl State {
    /// Gives the word for it, in small letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Edited => "edited",
            Self::Missing => "missing",
            Self::OutOfOrder => "out of order",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Status {
    /// Counts those that the next run would apply or finish.
    pub fn pending(&self) -> usize {
        let pending = |entry: &&Entry| matches!(entry.state, State::Pending | State::OutOfOrder | State::Interrupted);
        self.entries.iter().filter(pending).count()
    }

    /// Counts those that keep the next run from beginning.
    pub fn amiss(&self) -> usize {
        let amiss = |entry: &&Entry| matches!(entry.state, State::Edited | State::Missing | State::OutOfOrder);
        self.entries.iter().filter(amiss).count()
    }
}

pub(crate) fn status(migrations: &[Arc<Migration>], history: &History) -> Status {
    let latest = history.latest();
    let mut entries: Vec<Entry> = migrations
        .iter()
        .map(|migration| {
            let applied = history.find(migration).cloned();
            let under_way = history.under_way.as_ref().is_some_and(|under_way| under_way.is(migration));
            let same = applied
                .as_ref()
                .map(|applied| *applied.checksum == *migration.checksum() && !applied.is_renamed(migration));
            let state = match (migration.id(), same) {
                _ if under_way => State::Interrupted,
                (_, Some(true)) => State::Applied,
                (Id::Version(_), Some(false)) => State::Edited,
                (Id::Version(version), None) if version.number() < latest => State::OutOfOrder,
                _ => State::Pending,
            };
            Entry {
                version: migration.version(),
                title: migration.title().to_owned(),
                file: Some(migration.file().to_owned()),
                state,
                reversible: migration.down.is_some(),
                applied,
            }
        })
        .collect();
    let known = |applied: &&Applied| migrations.iter().any(|migration| applied.is(migration));
    entries.extend(history.applied.iter().filter(|applied| !known(applied)).map(|applied| Entry {
        version: Version::new(applied.version),
        title: applied.title.clone(),
        file: None,
        state: State::Missing,
        reversible: false,
        applied: Some(applied.clone()),
    }));
    entries.sort_by_key(|entry| (entry.version.is_none(), entry.version, entry.title.clone()));
    Status { entries }
}
