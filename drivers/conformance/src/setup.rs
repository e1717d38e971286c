//! What a driver tells the suite: how to get at a database of its own for each test, and what it must be able to do.

use std::any::Any;

use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::DriverFactory;
use oarlock_core::{Capabilities, Conn, Connection, Error, Result, Url};

use crate::dropped::Call;
use crate::fragments::Fragments;

/// A driver under test. See the [crate](crate) for an example.
pub trait Setup: Send + Sync + 'static {
    /// Gives the factory that programs register: the rules of `dynamic` go through it.
    fn factory(&self) -> &'static dyn DriverFactory;

    /// Opens a connection by the driver's own type: the rules of `direct` go through it.
    ///
    /// # Errors
    ///
    /// As the driver tells.
    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>>;

    /// Takes a connection from a pool, for the rules of `pooled`: see [`pooled_suite!`](crate::pooled_suite).
    ///
    /// # Errors
    ///
    /// `NotSupported` unless the setup has one.
    fn pooled<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Conn> {
        let _ = url;
        Box::pin(async { Err(Error::not_supported("the setup has no pool")) })
    }

    /// Makes an empty database for one test; `None` where no server is there, which [`require_server`](crate::require_server)
    /// has reported then. The name is unique, and made of at most 48 letters, digits and underscores.
    ///
    /// # Errors
    ///
    /// As the server tells. `ConnectionRefused` is taken for a server that is not there.
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>>;

    /// Removes a test's database, and lists what the test has left behind on the server: connections, transactions,
    /// prepared statements. What takes the server a moment to clear away is waited for: [`until`](crate::until) helps, and
    /// [`end_branches`] does with what was prepared for two-phase commit.
    ///
    /// # Errors
    ///
    /// As the server tells.
    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>>;

    /// Gives what the driver must declare on this server: more is welcome, less fails. [`required`](crate::required) has it
    /// for the databases that the suite knows.
    fn required(&self, info: &DriverInfo) -> Capabilities;

    /// Gives the SQL that the suite needs and no standard has.
    fn fragments(&self, info: &DriverInfo) -> Fragments {
        Fragments::of(&info.dialect)
    }

    /// Gives the reason why a rule cannot hold here, where something between driver and database keeps it from holding. The
    /// rule is not run then, and that is said. What the driver itself cannot do is no reason, but an undeclared capability.
    fn exception(&self, rule: &str) -> Option<&'static str> {
        let _ = rule;
        None
    }

    /// Makes a road to the test's database on which a call waits as often as it can, for rule 53: by way of a proxy that passes
    /// the server's bytes on one by one while it is told to. Unless the setup has one, calls are dropped where they happen to
    /// wait.
    ///
    /// # Errors
    ///
    /// As the setup tells.
    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        Box::pin(async { Ok(Slow::new(url.clone())) })
    }

    /// Gives the calls that the driver has beyond the contract, for rule 53.
    fn own_calls(&self) -> Vec<Call> {
        Vec::new()
    }

    /// Tells whether a connection may be lost when this call of rule 53 is dropped. The contract allows it.
    fn may_die(&self, call: &str) -> bool {
        let _ = call;
        true
    }

    /// Makes a user without any rights but to connect to the test's database, where the database has users.
    fn stranger(&self, place: &Place) -> Option<Stranger> {
        let _ = place;
        None
    }
}

/// A test's own database.
pub struct Place {
    /// Its name, as [`Setup::open`] got it.
    pub name: String,
    /// The URL that leads to it.
    pub url: Url,
    /// What has to live as long as the database does, such as a temporary directory.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl Place {
    /// Describes a database that needs nothing to be kept.
    pub fn new(name: impl Into<String>, url: Url) -> Self {
        Self { name: name.into(), url, keep: Box::new(()) }
    }

    /// Keeps something as long as the database is there.
    #[must_use]
    pub fn keep(mut self, keep: impl Any + Send + Sync) -> Self {
        self.keep = Box::new(keep);
        self
    }
}

/// Rolls back the branches of global transactions that a test has left prepared, and tells of each: for [`Setup::close`], as they may
/// keep the test's database from being dropped.
///
/// # Errors
///
/// As [`DbExt`](oarlock_core::DbExt)'s words of two-phase commit.
pub async fn end_branches(conn: &Conn, place: &Place) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for xid in conn.tpc_recover().await? {
        if xid.global_transaction_id().starts_with(place.name.as_bytes()) {
            conn.tpc_rollback(Some(&xid)).await?;
            left.push(format!("the prepared branch {xid}"));
        }
    }
    Ok(left)
}

/// A road to a test's database on which calls wait often.
pub struct Slow {
    /// The URL that leads over it.
    pub url: Url,
    drip: Option<Box<dyn Fn(bool) + Send + Sync>>,
}

impl Slow {
    /// Describes a road on which a call waits only for what takes a while.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self { url, drip: None }
    }

    /// Says how bytes are made to come one by one, from now on or no longer.
    #[must_use]
    pub fn dripping(mut self, drip: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.drip = Some(Box::new(drip));
        self
    }

    pub(crate) fn drips(&self) -> bool {
        self.drip.is_some()
    }

    pub(crate) fn drip(&self, on: bool) {
        if let Some(drip) = &self.drip {
            drip(on);
        }
    }
}

/// A user without rights.
pub struct Stranger {
    /// The statements that make the user.
    pub create: Vec<String>,
    /// The statements that remove the user.
    pub drop: Vec<String>,
    /// The URL by which the user connects to the test's database.
    pub url: Url,
}
