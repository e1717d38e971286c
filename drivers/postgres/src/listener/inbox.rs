//! What was heard and not read yet: bounded, so that a reader who is slow costs neither memory nor the server's patience.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use oarlock_core::{Error, Result};

use super::{ListenEvent, Notification};

/// What a notification weighs beside its texts.
const WEIGHT: usize = size_of::<ListenEvent>();

/// Notifications on their way to the reader.
#[derive(Debug)]
pub(crate) struct Inbox {
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<ListenEvent>,
    bytes: usize,
    /// Why there will be no more; `None` once that was told.
    end: Option<Error>,
    ended: bool,
    reader: Option<Waker>,
}

impl Inbox {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a notification, or drops it where there is no room left.
    pub(crate) fn push(&self, notification: Notification) {
        let mut state = self.state();
        let weight = weight(&notification);
        if state.bytes + weight > self.most_bytes {
            state.miss();
        } else {
            state.bytes += weight;
            state.events.push_back(ListenEvent::Notification(notification));
            state.wake();
        }
    }

    /// Notes that notifications may have been missed here.
    pub(crate) fn miss(&self) {
        self.state().miss();
    }

    /// Notes that nothing more will come, and why.
    pub(crate) fn end(&self, error: Error) {
        let mut state = self.state();
        state.ended = true;
        state.end = Some(error);
        state.wake();
    }

    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Result<ListenEvent>>> {
        let mut state = self.state();
        if let Some(event) = state.events.pop_front() {
            if let ListenEvent::Notification(notification) = &event {
                state.bytes -= weight(notification);
            }
            return Poll::Ready(Some(Ok(event)));
        }
        if state.ended {
            return Poll::Ready(state.end.take().map(Err));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn miss(&mut self) {
        // One word is enough where nothing was heard in between.
        if self.events.back() != Some(&ListenEvent::Missed) {
            self.events.push_back(ListenEvent::Missed);
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

fn weight(notification: &Notification) -> usize {
    WEIGHT + notification.channel.len() + notification.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(payload: &str) -> Notification {
        Notification { channel: "c".to_owned(), payload: payload.to_owned(), process_id: 1 }
    }

    fn take(inbox: &Inbox) -> Option<ListenEvent> {
        match inbox.poll_take(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event.map(|event| event.expect("no error was put in")),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_finds_no_room_is_missed_and_told_once() {
        let heard = |payload| Some(ListenEvent::Notification(notification(payload)));
        let inbox = Inbox::new(2 * (WEIGHT + 2));
        for payload in ["1", "2", "3", "4"] {
            inbox.push(notification(payload));
        }
        assert_eq!((take(&inbox), take(&inbox)), (heard("1"), heard("2")));
        inbox.push(notification("5"));
        assert_eq!((take(&inbox), take(&inbox), take(&inbox)), (Some(ListenEvent::Missed), heard("5"), None));
    }

    #[test]
    fn the_end_comes_after_what_was_heard_and_is_told_once() {
        let inbox = Inbox::new(1000);
        inbox.push(notification("1"));
        inbox.end(Error::interface("over"));
        assert!(take(&inbox).is_some());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(inbox.poll_take(&mut cx), Poll::Ready(Some(Err(_)))));
        assert!(matches!(inbox.poll_take(&mut cx), Poll::Ready(None)));
        assert!(matches!(inbox.poll_take(&mut cx), Poll::Ready(None)));
    }
}
