//! Turns among the writers of one process.
//!
//! SQLite lets one connection write at a time; another one polls for the lock with pauses, in no order, and while many do
//! some get it never. So the connections of a process queue up for each file before they ask SQLite, without holding a
//! thread, and only meet writers of other processes there.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use oarlock_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

static FILES: LazyLock<Mutex<HashMap<PathBuf, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// The turn to write to a file, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// The queue of writers to one file.
#[derive(Debug, Clone)]
pub(crate) struct Writers(Arc<Semaphore>);

impl Writers {
    /// Finds the queue of a file, by its canonical path.
    pub(crate) fn of(file: PathBuf) -> Self {
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = files.get(&file).and_then(Weak::upgrade) {
            return Self(known);
        }
        files.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Semaphore::new(1));
        files.insert(file, Arc::downgrade(&queue));
        Self(queue)
    }

    /// Makes a queue of its own, for a database that only its holder knows.
    pub(crate) fn own() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Waits for the turn, first come first served, as long as a lock may be waited for.
    pub(crate) async fn turn(&self, timeout: Duration) -> Result<Turn> {
        if let Ok(turn) = Arc::clone(&self.0).try_acquire_owned() {
            return Ok(turn);
        }
        let acquire = Arc::clone(&self.0).acquire_owned();
        let turn = match Handle::try_current() {
            Ok(_) => tokio::time::timeout(timeout, acquire).await.map_err(|_| too_late())?,
            // Outside of a runtime nothing keeps the time.
            Err(_) => acquire.await,
        };
        turn.map_err(|_| too_late())
    }
}

#[cold]
fn too_late() -> Error {
    Error::new(ErrorKind::LockTimeout, "another connection of this process is writing to the database")
        .with_hint("end its transaction sooner, or raise the option busy_timeout")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_writer_at_a_time_for_each_file() -> Result<()> {
        let first = Writers::of("a.db".into());
        let turn = first.turn(Duration::ZERO).await?;
        drop(Writers::of("b.db".into()).turn(Duration::ZERO).await?);
        let again = Writers::of("a.db".into());
        let error = again.turn(Duration::from_millis(1)).await.expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::LockTimeout);
        drop(turn);
        again.turn(Duration::ZERO).await.map(drop)
    }
}
