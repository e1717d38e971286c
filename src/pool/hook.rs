//! What a program wants to happen to connections, and how a pool's connection is given to it and taken back.

use std::fmt;
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, PoisonError};

use oarlock_core::connection::{BoxFuture, Connection};
use oarlock_core::lease::Hold;
use oarlock_core::{Conn, Error, Result};

use super::entry::Entry;

type Work = dyn for<'c> Fn(&'c Conn) -> BoxFuture<'c, ()> + Send + Sync;

/// Work on a connection.
#[derive(Clone)]
pub(super) struct Hook(Arc<Work>);

impl Hook {
    pub(super) fn new<F>(work: F) -> Self
    where
        F: for<'c> Fn(&'c Conn) -> BoxFuture<'c, ()> + Send + Sync + 'static,
    {
        Self(Arc::new(work))
    }

    /// Runs the work. The connection is dropped where it fails, or leaves it in use or in a transaction.
    pub(super) async fn run<E: Guest>(&self, entry: E) -> Result<E> {
        let home = Arc::new(Mutex::new(None));
        let conn = Conn::on(Box::new(Visit { entry: Some(entry), home: Arc::clone(&home) }));
        let done = (self.0)(&conn).await;
        drop(conn);
        done?;
        let back = home.lock().unwrap_or_else(PoisonError::into_inner).take();
        back.filter(|entry: &E| entry.is_ready())
            .ok_or_else(|| Error::interface("a hook of the pool kept its connection in use, or in a transaction"))
    }

    /// Runs the work on a new session, to which what it sets then belongs.
    pub(super) async fn prepare<E: Guest>(&self, entry: E) -> Result<E> {
        let mut entry = self.run(entry).await.map_err(|error| error.context("the pool's after_connect"))?;
        entry.connection().set_baseline();
        Ok(entry)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What a hook works on: an entry that has its place in the pool, or none yet.
pub(super) trait Guest: DerefMut<Target = Entry> + Send + 'static {}

impl<E: DerefMut<Target = Entry> + Send + 'static> Guest for E {}

/// A connection that goes home when it is dropped.
struct Visit<E: Guest> {
    entry: Option<E>,
    home: Arc<Mutex<Option<E>>>,
}

impl<E: Guest> Hold for Visit<E> {
    fn connection(&mut self) -> &mut dyn Connection {
        self.entry.as_mut().expect("invariant: only drop takes the entry out").connection()
    }
}

impl<E: Guest> Drop for Visit<E> {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.entry.take();
    }
}
