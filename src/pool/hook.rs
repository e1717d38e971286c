//! What a program wants to happen to connections, and how a pool's connection is given to it and taken back.

use std::fmt;
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
    pub(super) async fn run(&self, entry: Entry) -> Result<Entry> {
        let home = Arc::new(Mutex::new(None));
        let conn = Conn::on(Box::new(Guest { entry: Some(entry), home: Arc::clone(&home) }));
        let done = (self.0)(&conn).await;
        drop(conn);
        done?;
        let back = home.lock().unwrap_or_else(PoisonError::into_inner).take();
        back.filter(Entry::is_ready)
            .ok_or_else(|| Error::interface("a hook of the pool kept its connection in use, or in a transaction"))
    }

    /// Runs the work on a new session, to which what it sets then belongs.
    pub(super) async fn prepare(&self, entry: Entry) -> Result<Entry> {
        let mut entry = self.run(entry).await.map_err(|error| error.context("the pool's after_connect"))?;
        entry.connection.set_baseline();
        Ok(entry)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// A connection that goes home when it is dropped.
struct Guest {
    entry: Option<Entry>,
    home: Arc<Mutex<Option<Entry>>>,
}

impl Hold for Guest {
    fn connection(&mut self) -> &mut dyn Connection {
        let entry = self.entry.as_mut().expect("invariant: only drop takes the entry out");
        &mut *entry.connection
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.entry.take();
    }
}
