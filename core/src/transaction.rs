//! Transactions: their options, and the guard that rolls back what is not committed.

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
