//! What a run tells of itself while it goes on.

use std::sync::Arc;
use std::time::Duration;

use crate::{Direction, Migration};

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// Another runner has the lock.
    Waiting {
        /// Who has it, as far as the server tells.
        holder: Option<&'e str>,
    },
    /// A migration begins. On SQLite, another runner may be faster: it is then begun again, or not, after another look at the history.
    Started {
        /// The migration.
        migration: &'e Migration,
        /// Which way it goes.
        direction: Direction,
        /// How many statements it has.
        statements: usize,
        /// How many of them an interrupted run has done already.
        done: usize,
    },
    /// A statement is sent.
    Statement {
        /// The migration.
        migration: &'e Migration,
        /// Its index, from 0.
        index: usize,
        /// Its text.
        sql: &'e str,
    },
    /// A statement of a file that is loaded is sent.
    Loading {
        /// The file.
        file: &'e str,
        /// The statement's index, from 0.
        index: usize,
        /// How many the file has.
        statements: usize,
        /// Its text.
        sql: &'e str,
    },
    /// A migration is done, and in the history.
    Finished {
        /// The migration.
        migration: &'e Migration,
        /// Which way it went.
        direction: Direction,
        /// How long it took.
        duration: Duration,
    },
}

/// Whoever wants to know.
#[derive(Clone)]
pub(crate) struct Observer(Option<Arc<Listener>>);

type Listener = dyn Fn(&Event<'_>) + Send + Sync;

impl Observer {
    pub(crate) const NOBODY: Self = Self(None);

    pub(crate) fn new(observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.0 {
            observer(event);
        }
    }
}
