//! The mock: a script that its connections share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::connection::{BoxFuture, DriverInfo, Endpoint};
use oarlock_core::factory::Connector;
use oarlock_core::schema::Table;
use oarlock_core::{Capabilities, Conn, Connection, Dialect, Isolation};

use crate::connection::MockConnection;
use crate::expectation::Expectation;
use crate::script::Script;

/// A scripted database. Cloning shares the script.
///
/// It is also a [`Connector`], so that a pool can be built on it.
#[derive(Clone)]
pub struct Mock {
    pub(crate) script: Arc<Mutex<Script>>,
    info: Arc<DriverInfo>,
}

impl Default for Mock {
    fn default() -> Self {
        Self::new()
    }
}

impl Mock {
    /// Makes a mock with an empty script, PostgreSQL's dialect, and all capabilities that code above the contract asks for.
    #[must_use]
    pub fn new() -> Self {
        let mut capabilities = Capabilities::NONE;
        capabilities.ddl_in_transaction = DdlInTransaction::RolledBack;
        capabilities.isolation_levels =
            &[Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];
        capabilities.read_only_transactions = true;
        capabilities.deferrable_transactions = true;
        capabilities.savepoints = true;
        capabilities.insert_returning = true;
        capabilities.catalog = true;
        capabilities.update_returning = true;
        capabilities.delete_returning = true;
        capabilities.last_insert_id = true;
        capabilities.procedures = true;
        capabilities.multiple_result_sets = true;
        capabilities.arrays = true;
        capabilities.intervals = true;
        capabilities.spans = true;
        capabilities.non_finite_floats = true;
        capabilities.nul_in_text = true;
        capabilities.warnings = true;
        capabilities.schemas = true;
        capabilities.max_parameters = usize::MAX;
        let (server, endpoint) = ("mock".to_owned(), Arc::new(Endpoint::new("mock")));
        let info = DriverInfo { name: "mock", server, dialect: Dialect::POSTGRES, capabilities, endpoint };
        Self { script: Arc::default(), info: Arc::new(info) }
    }

    /// Sets the dialect by which statements are read.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        Arc::make_mut(&mut self.info).dialect = dialect;
        self
    }

    /// Sets what the mock declares to be able to do, for code that asks.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        Arc::make_mut(&mut self.info).capabilities = capabilities;
        self
    }

    /// Sets the tables that the catalog tells of.
    #[must_use]
    pub fn with_tables(self, tables: impl IntoIterator<Item = Table>) -> Self {
        self.script().tables = tables.into_iter().collect();
        self
    }

    /// Expects a statement, after all that is expected already. Its text is compared word by word, however it is spaced.
    ///
    /// Say more of it by the [`Expectation`]'s methods.
    pub fn expect(&self, sql: impl Into<String>) -> Expectation<'_> {
        let number = self.script().add(sql.into());
        Expectation::new(self, number)
    }

    /// Opens a connection as users hold it.
    #[must_use]
    pub fn conn(&self) -> Conn {
        Conn::new(Box::new(self.connection()))
    }

    /// Opens a connection as drivers have it.
    #[must_use]
    pub fn connection(&self) -> MockConnection {
        MockConnection::new(Arc::clone(&self.script), Arc::clone(&self.info))
    }

    /// Gives all statements that were run so far, with those that control transactions: `BEGIN`, `COMMIT`, `ROLLBACK`,
    /// `SAVEPOINT name`, `RELEASE SAVEPOINT name`, `ROLLBACK TO SAVEPOINT name`.
    #[must_use]
    pub fn ran(&self) -> Vec<String> {
        self.script().ran.clone()
    }

    /// Checks that all that was expected was asked, and nothing else.
    ///
    /// # Panics
    ///
    /// When it was not; the message tells each difference.
    #[track_caller]
    pub fn verify(&self) {
        let script = self.script();
        let mut complaints = script.wrong.clone();
        complaints.extend(script.rest().map(|sql| format!("expected, and never run: {sql}")));
        drop(script);
        assert!(complaints.is_empty(), "the mock's script:\n{}", complaints.join("\n"));
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for Mock {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        let connection = self.connection();
        Box::pin(async move { Ok(Box::new(connection) as Box<dyn Connection>) })
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.script();
        let expected: Vec<&str> = script.rest().collect();
        f.debug_struct("Mock").field("expected", &expected).field("ran", &script.ran).finish_non_exhaustive()
    }
}
