//! What a driver can do on a server, as data: declared once, tested both ways by the conformance suite.

use crate::transaction::Isolation;

/// What happens to DDL inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DdlInTransaction {
    /// It is part of the transaction and is rolled back with it.
    RolledBack,
    /// It commits what went before it, and itself.
    Commits,
}

/// What a driver can do. A driver starts from [`Capabilities::NONE`] and says what it has; what it does not declare must be a
/// `NotSupported` error, never something half done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each is an independent fact, and a struct of facts is the point.
#[non_exhaustive]
pub struct Capabilities {
    /// What DDL inside a transaction does.
    pub ddl_in_transaction: DdlInTransaction,
    /// Isolation levels that `begin` accepts.
    pub isolation_levels: &'static [Isolation],
    /// Transactions can be read-only.
    pub read_only_transactions: bool,
    /// Read-only serializable transactions can be deferrable.
    pub deferrable_transactions: bool,
    /// A failed statement fails its transaction until a rollback.
    pub failed_transaction_state: bool,
    /// Savepoints, and with them nested transactions.
    pub savepoints: bool,
    /// Two-phase commit: `tpc_begin` and its like. A server may still refuse it by its settings, and says by which.
    pub two_phase: bool,
    /// Constraints can be deferred to the commit.
    pub deferrable_constraints: bool,
    /// INSERT … RETURNING.
    pub insert_returning: bool,
    /// UPDATE … RETURNING.
    pub update_returning: bool,
    /// DELETE … RETURNING.
    pub delete_returning: bool,
    /// `last_insert_id` after an INSERT into a table with a generated key.
    pub last_insert_id: bool,
    /// CALL of stored procedures.
    pub procedures: bool,
    /// A statement can give several result sets.
    pub multiple_result_sets: bool,
    /// Arrays as parameters and columns.
    pub arrays: bool,
    /// Spans of calendar parts as parameters and columns.
    pub intervals: bool,
    /// Spans of fixed length as parameters and columns (MySQL's TIME, PostgreSQL's interval).
    pub spans: bool,
    /// NaN and infinities as floating-point numbers.
    pub non_finite_floats: bool,
    /// The NUL character in text.
    pub nul_in_text: bool,
    /// Roles or users with rights, and thus permission errors.
    pub permissions: bool,
    /// Locks between writers are per row: a deadlock or a lock timeout can be had with two connections.
    pub row_locks: bool,
    /// A statement can be stopped by a time limit that the server enforces.
    pub statement_timeout: bool,
    /// Several statements travel in one round trip.
    pub pipelining: bool,
    /// A batch of new rows travels in one round trip, and fewer bytes than one statement with all of them.
    pub batched_inserts: bool,
    /// A statement can be stopped from outside, and is where a limit of time has passed or nobody waits for it any more.
    pub cancel: bool,
    /// Warnings and notices come with statements.
    pub warnings: bool,
    /// Partial indexes (`CREATE INDEX … WHERE`).
    pub partial_indexes: bool,
    /// Indexes on expressions.
    pub expression_indexes: bool,
    /// The columns of a result tell the table's column they come from.
    pub column_origin: bool,
    /// Schemas (namespaces) inside a database.
    pub schemas: bool,
    /// The catalog can be read: names of schemas and tables, tables in full, views.
    pub catalog: bool,
    /// The largest number of parameters of one statement.
    pub max_parameters: usize,
}

impl Capabilities {
    /// Nothing: what a new driver starts from.
    pub const NONE: Self = Self {
        ddl_in_transaction: DdlInTransaction::Commits,
        isolation_levels: &[],
        read_only_transactions: false,
        deferrable_transactions: false,
        failed_transaction_state: false,
        savepoints: false,
        two_phase: false,
        deferrable_constraints: false,
        insert_returning: false,
        update_returning: false,
        delete_returning: false,
        last_insert_id: false,
        procedures: false,
        multiple_result_sets: false,
        arrays: false,
        intervals: false,
        spans: false,
        non_finite_floats: false,
        nul_in_text: false,
        permissions: false,
        row_locks: false,
        statement_timeout: false,
        pipelining: false,
        batched_inserts: false,
        cancel: false,
        warnings: false,
        partial_indexes: false,
        expression_indexes: false,
        column_origin: false,
        schemas: false,
        catalog: false,
        max_parameters: 0,
    };
}
