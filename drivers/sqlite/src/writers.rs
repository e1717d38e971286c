//! Turns among the writers of one process.
//!
//! SQLite lets one connection write at a time; another one polls for the lock with pauses, in no order, and while many do
//! some get it never. So the connections of a process queue up for each file before they ask SQLite, without holding a
//! thread, and only meet writers of other processes there.

use std::collections::HashMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use oarlock_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::session::Session;

static FILES: LazyLock<Mutex<HashMap<PathBuf, Weak<File>>>> = LazyLock::new(Mutex::default);

/// The turn to write to a file, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// What the connections to one file have in common.
#[derive(Debug)]
struct File {
    turn: Arc<Semaphore>,
    closing: Mutex<()>,
}

/// The queue of writers to one file.
#[derive(Debug, Clone)]
pub(crate) struct Writers(Arc<File>);

impl Writers {
    /// Finds the queue of a file, by its canonical path.
    pub(crate) fn of(path: PathBuf) -> Self {
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = files.get(&path).and_then(Weak::upgrade) {
            return Self(known);
        }
        files.retain(|_, file| file.strong_count() > 0);
        let new = Self::own();
        files.insert(path, Arc::downgrade(&new.0));
        new
    }

    /// Makes a queue of its own, for a database that only its holder knows.
    pub(crate) fn own() -> Self {
        Self(Arc::new(File { turn: Arc::new(Semaphore::new(1)), closing: Mutex::new(()) }))
    }

    /// Waits for the turn, first come first served, as long as a lock may be waited for.
    pub(crate) async fn turn(&self, timeout: Duration) -> Result<Turn> {
        if let Ok(turn) = Arc::clone(&self.0.turn).try_acquire_owned() {
            return Ok(turn);
        }
        let acquire = Arc::clone(&self.0.turn).acquire_owned();
        let turn = match Handle::try_current() {
            Ok(_) => tokio::time::timeout(timeout, acquire).await.ok(),
            Err(_) => within(timeout, acquire).await,
        };
        turn.and_then(Result::ok).ok_or_else(too_late)
    }

    /// Ends a session, one at a time.
    ///
    /// The last connection takes the write-ahead log away; of two that close at once, neither would be the last.
    pub(crate) fn close(&self, session: Session) -> Result<()> {
        let _one = self.0.closing.lock().unwrap_or_else(PoisonError::into_inner);
        session.close()
    }
}

/// Waits for a future as long as a thread sleeps: outside of a runtime nothing else keeps the time.
async fn within<F: Future>(timeout: Duration, work: F) -> Option<F::Output> {
    let (sender, late) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::sleep(timeout);
        drop(sender);
    });
    let (mut work, mut late) = (pin!(work), pin!(late));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => late.as_mut().poll(cx).map(|_| None),
    })
    .await
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
