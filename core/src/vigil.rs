//! What is kept an eye on while a call is under way: its limit of time, and what is noted of it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use crate::Result;
use crate::deadline::Deadline;
use crate::trace::Call;

/// A call that has a limit of time, or to which somebody listens, or both.
#[derive(Debug)]
pub(crate) struct Vigil {
    pub(crate) call: Option<Call>,
    pub(crate) deadline: Option<Deadline>,
}

impl Vigil {
    /// Polls a future of the call to its end, or to its limit's.
    pub(crate) async fn hold<T>(&mut self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let mut future = pin!(future);
        let (call, deadline) = (&mut self.call, &mut self.deadline);
        let limited = poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            match deadline {
                Some(deadline) => deadline.check(cx, polled),
                None => polled,
            }
        });
        match call {
            Some(call) => call.hold(limited).await,
            None => limited.await,
        }
    }

    /// Polls something of the call once.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        let deadline = &mut self.deadline;
        let limited = || {
            let polled = poll(cx);
            match deadline {
                Some(deadline) => deadline.check(cx, polled),
                None => polled,
            }
        };
        match &mut self.call {
            Some(call) => call.poll(limited),
            None => limited(),
        }
    }

    /// Tells whether the call was given up at its limit before it had ended.
    pub(crate) fn gave_up(&self) -> bool {
        self.deadline.as_ref().is_some_and(Deadline::gave_up)
    }
}
