//! How a program finds a driver: by the scheme of the URL, among those that are registered.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::connection::{BoxFuture, Connection, Endpoint};
use crate::trace::connecting;
use crate::url::Url;
use crate::{Error, ErrorKind, Result};

/// Who will use the connections of a [`Connector`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// One connection.
    Single,
    /// A pool: all its connections must see the same database, an in-memory one too.
    Pool,
}

/// A driver's way in.
pub trait DriverFactory: Send + Sync {
    /// Gives the schemes of URLs that mean this driver.
    fn schemes(&self) -> &'static [&'static str];

    /// Checks a URL and makes what opens connections to it. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// `Configuration` for an unknown option or a part that is missing or malformed.
    fn connector(&self, url: &Url, purpose: Purpose) -> Result<Arc<dyn Connector>>;
}

/// Opens a connection, and tells of it in a span: the way of whoever uses a [`Connector`].
///
/// # Errors
///
/// As [`Connector::connect`].
pub async fn open(connector: &dyn Connector) -> Result<Box<dyn Connection>> {
    connecting(connector).await
}

/// Opens connections to one database.
pub trait Connector: Send + Sync {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused`, `Authentication`, `TooManyConnections`, `ObjectNotFound` (no such database) and the like.
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>>;

    /// Tells where connections are to lead, as far as that is known before one is open: it is told of those that could not be opened.
    /// The server belongs to it only where there is no other that might be asked. By default nothing is known.
    fn endpoint(&self) -> Option<Endpoint> {
        None
    }
}

/// How long one server may take to let a connection in, its login included, where neither the URL nor the environment says
/// otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a connection to one server within a limit of time, where there is one. Past it the attempt is dropped.
///
/// # Errors
///
/// `ConnectionRefused` when the limit has passed, and the attempt's own.
pub async fn connect_within<T>(limit: Option<Duration>, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(limit) = limit else { return attempt.await };
    tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::ConnectionRefused, format!("the server let nobody in within {limit:?}"))
            .with_hint("see the option connect_timeout"))
    })
}

static DRIVERS: RwLock<Vec<&'static dyn DriverFactory>> = RwLock::new(Vec::new());

/// Makes a driver known to [`find`]. A driver that is registered later wins over an earlier one of the same scheme.
pub fn register(factory: &'static dyn DriverFactory) {
    let mut drivers = DRIVERS.write().unwrap_or_else(PoisonError::into_inner);
    if !drivers.iter().any(|known| std::ptr::addr_eq(*known, factory)) || size_of_val(factory) == 0 {
        drivers.retain(|known| known.schemes() != factory.schemes());
        drivers.push(factory);
    }
}

/// Finds the registered driver for a scheme.
pub fn find(scheme: &str) -> Option<&'static dyn DriverFactory> {
    let drivers = DRIVERS.read().unwrap_or_else(PoisonError::into_inner);
    drivers.iter().rev().find(|driver| driver.schemes().contains(&scheme)).copied()
}

/// Makes the error of a scheme that no registered driver has.
#[must_use]
pub fn unknown_scheme(scheme: &str) -> Error {
    let drivers = DRIVERS.read().unwrap_or_else(PoisonError::into_inner);
    let known: Vec<&str> = drivers.iter().flat_map(|driver| driver.schemes()).copied().collect();
    Error::new(ErrorKind::Configuration, format!("no driver is registered for {scheme} URLs")).with_hint(
        if known.is_empty() {
            "no driver is registered at all".to_owned()
        } else {
            format!("there are drivers for {}", known.join(", "))
        },
    )
}
