//! Transactions: how they begin, and when to run one again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::Result;

/// How much of other transactions' work a transaction sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// May see uncommitted rows where the database has such a level; PostgreSQL gives `ReadCommitted`.
    ReadUncommitted,
    /// Every statement sees what was committed before it.
    ReadCommitted,
    /// Every statement sees what was committed before the transaction's first.
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

impl Isolation {
    /// Gives the level in SQL's words.
    #[must_use]
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// How a transaction begins. The default is the database's own isolation level, and writing allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TxOptions {
    /// The isolation level; `None` is the session's.
    pub isolation: Option<Isolation>,
    /// Writes are refused.
    pub read_only: bool,
    /// A read-only serializable transaction waits for a snapshot on which it can never fail (PostgreSQL).
    pub deferrable: bool,
}

impl TxOptions {
    /// Makes the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the isolation level.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Refuses writes in the transaction.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Waits for a safe snapshot.
    #[must_use]
    pub fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }
}

/// Decides whether a transaction's work runs again: after a serialization failure or a deadlock, up to five times in all, each
/// time after a random part of a span that doubles from 20 ms on, so that those who met once do not meet again.
#[derive(Debug)]
pub struct Retry {
    left: u32,
    span: Duration,
}

impl Retry {
    const ATTEMPTS: u32 = 5;
    const FIRST_SPAN: Duration = Duration::from_millis(20);

    /// Starts counting. An inner transaction is never run again by itself: the outer one has to be.
    #[must_use]
    pub fn new(inner: bool) -> Self {
        Self { left: if inner { 0 } else { Self::ATTEMPTS - 1 }, span: Self::FIRST_SPAN }
    }

    /// Gives how long to wait before the next attempt, `None` when there is to be none.
    pub fn pause<T>(&mut self, result: &Result<T>) -> Option<Duration> {
        match result {
            Err(error) if error.is_retryable() && self.left > 0 => {
                let failed = Self::ATTEMPTS - self.left;
                self.left -= 1;
                let micros = u64::try_from(self.span.as_micros()).unwrap_or(u64::MAX);
                self.span *= 2;
                let pause = Duration::from_micros(RandomState::new().build_hasher().finish() % micros);
                tracing::info!(
                    target: "oarlock::transaction",
                    failed,
                    of = Self::ATTEMPTS,
                    kind = %error.kind(),
                    ?pause,
                    "a transaction is run again"
                );
                Some(pause)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    #[test]
    fn only_retryable_errors_of_outer_transactions_are_retried_and_not_for_ever() {
        let deadlock: Result<()> = Err(Error::new(ErrorKind::Deadlock, "deadlock"));
        let unique: Result<()> = Err(Error::new(ErrorKind::UniqueViolation, "unique"));
        let mut retry = Retry::new(false);
        assert_eq!(retry.pause(&unique), None);
        assert_eq!(retry.pause(&Ok(())), None);
        assert_eq!((0..9).filter(|_| retry.pause(&deadlock).is_some()).count(), 4);
        assert_eq!(Retry::new(true).pause(&deadlock), None);
    }
}
