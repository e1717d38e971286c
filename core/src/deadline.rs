//! Limits of time on calls: what runs past its limit is stopped on the server.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::cancel::{Cancel, note};
use crate::connection::{BoxFuture, Connection};
use crate::{Error, ErrorKind, Result};

/// How long the server may take to say that a statement past its limit has stopped.
const GRACE: Duration = Duration::from_secs(1);

/// The limit of a call that has begun.
///
/// When it has passed, the server is asked to stop the call, and its word is waited for: it says whether the call took effect
/// after all. Where the word does not come either, the call is given up, and its outcome is unknown.
pub(crate) struct Deadline {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    canceller: Option<Arc<dyn Cancel>>,
    /// The request to stop, once the limit has passed.
    request: Option<BoxFuture<'static, ()>>,
    passed: bool,
    gave_up: bool,
}

impl Deadline {
    /// Starts the clock of a call on a connection.
    pub(crate) fn start(limit: Duration, connection: &dyn Connection) -> Self {
        Self {
            limit,
            timer: Box::pin(tokio::time::sleep(limit)),
            canceller: connection.canceller(),
            request: None,
            passed: false,
            gave_up: false,
        }
    }

    /// Tells whether the call was given up before it had ended.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Takes what polling the call gave, and looks at the clock if that is nothing yet.
    pub(crate) fn check<T>(&mut self, cx: &mut Context<'_>, polled: Poll<Result<T>>) -> Poll<Result<T>> {
        match polled {
            Poll::Ready(Err(error)) if self.passed && error.kind() == ErrorKind::Cancelled => {
                return Poll::Ready(Err(self.stopped(error)));
            }
            Poll::Ready(result) => return Poll::Ready(result),
            Poll::Pending => {}
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.passed || self.canceller.is_none() {
                self.gave_up = true;
                return Poll::Ready(Err(self.unanswered()));
            }
            self.passed = true;
            self.timer.as_mut().reset(Instant::now() + GRACE);
            self.request = self.canceller.as_ref().map(|canceller| canceller.cancel());
        }
        if let Some(request) = &mut self.request
            && let Poll::Ready(sent) = request.as_mut().poll(cx)
        {
            self.request = None;
            note(sent);
        }
        Poll::Pending
    }

    #[cold]
    fn stopped(&self, source: Error) -> Error {
        let error = Error::new(
            ErrorKind::StatementTimeout,
            format!("the statement ran past its limit of {:?} and was stopped", self.limit),
        );
        let error = match source.sqlstate() {
            Some(state) => error.with_sqlstate(state),
            None => error,
        };
        error.with_source(source)
    }

    #[cold]
    fn unanswered(&self) -> Error {
        Error::new(
            ErrorKind::StatementTimeout,
            format!("the statement ran past its limit of {:?} and did not stop when it was told to", self.limit),
        )
        .with_outcome_unknown()
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("limit", &self.limit).field("passed", &self.passed).finish_non_exhaustive()
    }
}
