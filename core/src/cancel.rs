//! Stopping what a connection runs: because somebody asks for it, a limit has passed, or nobody waits for it any more.
//!
//! A request to stop travels on a road of its own, such as a side connection, and may arrive when the statement that it is
//! meant for has ended. So a driver counts the requests that are on their way ([`CancelGate`]), and its next call waits
//! until they have landed and the server has answered once more: what comes then can no longer be hit by them.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::connection::BoxFuture;
use crate::{Error, ErrorKind, Result};

/// How long an abandoned call may go on by itself: most end sooner, and a request to stop costs more than that.
pub const PATIENCE: Duration = Duration::from_millis(10);

/// How long a server may take to stop what it was asked to stop; the connection is given up then.
pub const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Stops what a connection runs, from outside of it: see [`Connection::canceller`](crate::Connection::canceller).
pub trait Cancel: Send + Sync {
    /// Asks the server to stop what the connection runs now.
    ///
    /// The statement then fails with [`Cancelled`](crate::ErrorKind::Cancelled), unless it comes to its end before. Where nothing
    /// runs, nothing happens; a statement that begins after this call is never hit.
    ///
    /// # Errors
    ///
    /// What kept the request from reaching the server: the statement goes on. Where it may still arrive, as one whose line broke after it
    /// was sent, the error's [`outcome_unknown`](Error::outcome_unknown) is set.
    ///
    /// # Cancellation
    ///
    /// A request that has begun goes on when the future is dropped.
    fn cancel(&self) -> BoxFuture<'static, ()>;
}

/// Stops the statement of a [`Conn`](crate::Conn) from another task: see [`Conn::canceller`](crate::Conn::canceller). Cloning shares
/// it.
///
/// Once the `Conn` is dropped it does nothing: a pool may have given the connection to somebody else.
#[derive(Clone)]
pub struct Canceller(Arc<Mutex<Option<Arc<dyn Cancel>>>>);

impl Canceller {
    pub(crate) fn new(cancel: Arc<dyn Cancel>) -> Self {
        Self(Arc::new(Mutex::new(Some(cancel))))
    }

    pub(crate) fn retire(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Asks the server to stop what the connection runs now: see [`Cancel::cancel`].
    ///
    /// # Errors
    ///
    /// What kept the request from reaching the server: the statement goes on.
    pub async fn cancel(&self) -> Result<()> {
        // Under the lock, so that the connection cannot change hands before the request is noted.
        let request = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|cancel| cancel.cancel());
        match request {
            Some(request) => request.await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}

/// The requests to stop that are on their way to the server.
#[derive(Debug, Default)]
pub struct CancelGate {
    /// A request was made, and no call has waited for its landing since.
    asked: AtomicBool,
    under_way: AtomicU32,
    lost: AtomicBool,
    landed: Notify,
}

impl CancelGate {
    /// Makes a request: what [`Cancel::cancel`] gives. It counts as under way from now on.
    ///
    /// It runs in a task of its own, for one that is broken off in the middle could land at any time; after [`STOP_LIMIT`], and where its
    /// error's [outcome is unknown](Error::outcome_unknown), it is lost. Dropped before it has begun, it was never made.
    pub fn send(
        self: &Arc<Self>,
        request: impl Future<Output = Result<()>> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        let unbegun = Unbegun(Some(self.depart()));
        Box::pin(async move {
            let mut unbegun = unbegun;
            let Some(under_way) = unbegun.0.take() else { return Ok(()) };
            tracing::debug!(target: "oarlock::cancel", "the server is asked to stop a statement");
            let task = tokio::spawn(async move {
                let Ok(sent) = tokio::time::timeout(STOP_LIMIT, request).await else {
                    return Err(Error::new(
                        ErrorKind::ConnectionLost,
                        "the server did not take the request to stop a statement",
                    ));
                };
                if !sent.as_ref().is_err_and(Error::outcome_unknown) {
                    under_way.landed();
                }
                sent
            });
            task.await.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Internal, "the request was ended").with_source(error))
            })
        })
    }

    /// Notes a request that begins; it is under way until what this gives is dropped.
    fn depart(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.asked.store(true, Ordering::Release);
        UnderWay { gate: Arc::clone(self), landed: false }
    }

    /// Tells whether no request was made that a call has not waited for.
    pub fn is_quiet(&self) -> bool {
        !self.asked.load(Ordering::Acquire)
    }

    /// Waits until all requests have landed; `false` when one was lost on its way and may still come, so that the connection
    /// must not be used any more. The server has to answer once more before a statement is safe from them.
    pub async fn landed(&self) -> bool {
        loop {
            let mut notified = pin!(self.landed.notified());
            notified.as_mut().enable();
            self.asked.store(false, Ordering::Release);
            if self.under_way.load(Ordering::Acquire) == 0 {
                return !self.lost.load(Ordering::Acquire);
            }
            notified.await;
        }
    }
}

/// A request that was not begun yet.
struct Unbegun(Option<UnderWay>);

impl Drop for Unbegun {
    fn drop(&mut self) {
        if let Some(under_way) = self.0.take() {
            under_way.landed();
        }
    }
}

/// A request on its way.
#[derive(Debug)]
struct UnderWay {
    gate: Arc<CancelGate>,
    landed: bool,
}

impl UnderWay {
    /// Notes that the server has taken the request, or never will.
    fn landed(mut self) {
        self.landed = true;
    }
}

/// A request that is dropped on its way is lost.
impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.landed {
            self.gate.lost.store(true, Ordering::Release);
        }
        self.gate.under_way.fetch_sub(1, Ordering::AcqRel);
        self.gate.landed.notify_waiters();
    }
}

/// Has an abandoned call stopped unless it ends soon by itself; for [`Connection::abandon`](crate::Connection::abandon).
///
/// Dropping it calls that off, as the connection's next call does, which sees to the matter by [`end_or_stop`].
#[derive(Debug)]
pub struct Watch(Option<AbortHandle>);

impl Watch {
    /// Waits for [`PATIENCE`], asks whether the call is still running, and has it stopped. Outside of a runtime, nothing is done
    /// before the connection's next call.
    pub fn over(canceller: Arc<dyn Cancel>, still_running: impl Fn() -> bool + Send + 'static) -> Self {
        let watch = async move {
            tokio::time::sleep(PATIENCE).await;
            if still_running() {
                note(canceller.cancel().await);
            }
        };
        Self(Handle::try_current().ok().map(|runtime| runtime.spawn(watch).abort_handle()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Waits for the end of an abandoned call: lets it end by itself for [`PATIENCE`], has it stopped then, and gives up after
/// [`STOP_LIMIT`], with `None`.
pub async fn end_or_stop<F: Future>(end: F, canceller: &dyn Cancel) -> Option<F::Output> {
    let mut end = pin!(end);
    if let Ok(ended) = tokio::time::timeout(PATIENCE, &mut end).await {
        return Some(ended);
    }
    let mut request = Some(canceller.cancel());
    let stopped = poll_fn(|cx| {
        if let Some(asked) = &mut request
            && let Poll::Ready(sent) = asked.as_mut().poll(cx)
        {
            request = None;
            note(sent);
        }
        end.as_mut().poll(cx)
    });
    tokio::time::timeout(STOP_LIMIT, stopped).await.ok()
}

/// A request that failed is no error of the caller's: the connection is given up if the statement goes on.
pub(crate) fn note(sent: Result<()>) {
    if let Err(error) = sent {
        tracing::warn!(target: "oarlock::cancel", kind = %error.kind(), "a statement could not be stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_failed_is_lost_only_where_it_may_still_arrive() {
        let failed = || Error::new(ErrorKind::ConnectionLost, "the line broke");
        for (error, is_safe) in [(failed(), true), (failed().with_outcome_unknown(), false)] {
            let gate = Arc::<CancelGate>::default();
            let sent = gate.send(async move { Err(error) }).await;
            assert_eq!(sent.map_err(|error| error.outcome_unknown()), Err(!is_safe));
            assert_eq!(gate.landed().await, is_safe);
        }
    }
}
