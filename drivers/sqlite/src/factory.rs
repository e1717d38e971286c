//! The way in: from a URL to connections.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::connection::{DriverInfo, Endpoint};
use oarlock_core::factory::{Connector, DriverFactory, Purpose};
use oarlock_core::{BoxFuture, Capabilities, Connection, Dialect, Isolation, Result, Url};
use rusqlite::limits::Limit;
use tokio::sync::oneshot;

use crate::connection::SqliteConnection;
use crate::error::{from_rusqlite, lost};
use crate::options::{Location, SqliteOptions, Trust};
use crate::session::{Session, Target};
use crate::worker;
use crate::writers::Writers;

/// What SQLite can do; the number of parameters is the library's, read when a connection is opened.
const CAPABILITIES: Capabilities = {
    let mut can = Capabilities::NONE;
    can.ddl_in_transaction = DdlInTransaction::RolledBack;
    can.isolation_levels = &[Isolation::Serializable];
    can.read_only_transactions = true;
    can.savepoints = true;
    can.deferrable_constraints = true;
    can.insert_returning = true;
    can.update_returning = true;
    can.delete_returning = true;
    can.last_insert_id = true;
    can.intervals = true;
    can.spans = true;
    can.nul_in_text = true;
    can.partial_indexes = true;
    can.expression_indexes = true;
    can.column_origin = true;
    can.cancel = true;
    can.catalog = true;
    can
};

/// The factory to register: the driver of `sqlite:` URLs.
#[derive(Debug, Clone, Copy)]
pub struct SqliteFactory;

/// [`SqliteFactory`] as it is registered.
pub static FACTORY: SqliteFactory = SqliteFactory;

impl DriverFactory for SqliteFactory {
    fn schemes(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    fn connector(&self, url: &Url, purpose: Purpose) -> Result<Arc<dyn Connector>> {
        let options = SqliteOptions::parse(url)?;
        Ok(Arc::new(SqliteConnector::new(options, purpose)))
    }
}

/// Opens connections to one database.
pub struct SqliteConnector {
    options: Arc<SqliteOptions>,
    target: Target,
    /// The connection that keeps a pool's database in memory alive, and its queue of writers.
    keeper: Mutex<Option<(rusqlite::Connection, Writers)>>,
    /// A file that may be hostile was found to be whole.
    checked: Arc<AtomicBool>,
}

impl SqliteConnector {
    /// Makes a connector. For a pool, a database in memory is one for all its connections.
    #[must_use]
    pub fn new(options: SqliteOptions, purpose: Purpose) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(1);
        let target = match (&options.location, purpose) {
            (Location::File(path), _) => Target::File(path.clone()),
            (Location::Memory, Purpose::Single) => Target::Private,
            (Location::Memory, _) => Target::Shared(format!("oarlock-{}", NAMES.fetch_add(1, Ordering::Relaxed))),
        };
        Self { options: Arc::new(options), target, keeper: Mutex::new(None), checked: Arc::default() }
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// `ObjectNotFound` for a file that does not exist and is not to be made, `LockTimeout` where another process keeps
    /// the file locked, `Io` for a file that is no database or cannot be read.
    pub async fn open(&self) -> Result<SqliteConnection> {
        let (target, options) = (self.target.clone(), Arc::clone(&self.options));
        let shared = self.keep()?;
        let (sender, opened) = oneshot::channel();
        let checked = Arc::clone(&self.checked);
        worker::spawn(move || {
            let open = || {
                let session = Session::open(&target, &options)?;
                if options.trusted == Trust::Nothing && !checked.load(Ordering::Acquire) {
                    session.check()?;
                    checked.store(true, Ordering::Release);
                }
                Self::front(session, &target, shared)
            };
            drop(sender.send(open()));
        });
        opened.await.map_err(|_| lost())?
    }

    /// Sees to it that a pool's database in memory is there, and gives its queue of writers.
    fn keep(&self) -> Result<Option<Writers>> {
        let Target::Shared(_) = self.target else { return Ok(None) };
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, writers)) = &*keeper {
            return Ok(Some(writers.clone()));
        }
        let writers = Writers::own();
        *keeper = Some((self.target.keep()?, writers.clone()));
        Ok(Some(writers))
    }

    fn front(session: Session, target: &Target, shared: Option<Writers>) -> Result<SqliteConnection> {
        let writers = match (target, shared) {
            (_, Some(writers)) => writers,
            (Target::File(path), None) => Writers::of(path.canonicalize().unwrap_or_else(|_| path.clone())),
            _ => Writers::own(),
        };
        let limit =
            session.db.limit(Limit::SQLITE_LIMIT_VARIABLE_NUMBER).map_err(|error| from_rusqlite(error, None))?;
        let mut capabilities = CAPABILITIES;
        capabilities.max_parameters = usize::try_from(limit).unwrap_or(0);
        let info = DriverInfo {
            name: "sqlite",
            server: format!("SQLite {}", rusqlite::version()),
            dialect: Dialect::SQLITE,
            capabilities,
            endpoint: Arc::new(endpoint(target)),
        };
        Ok(SqliteConnection::new(session, info, writers))
    }
}

/// Tells where connections lead.
fn endpoint(target: &Target) -> Endpoint {
    Endpoint::new("sqlite").namespace(Some(&target.name()))
}

impl Connector for SqliteConnector {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move { Ok(Box::new(self.open().await?) as Box<dyn Connection>) })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        Some(endpoint(&self.target))
    }
}

impl fmt::Debug for SqliteConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteConnector").field("options", &self.options).finish_non_exhaustive()
    }
}
