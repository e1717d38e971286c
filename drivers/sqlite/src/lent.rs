//! A session that another connection's job works with.

use oarlock_core::Outcome;
use tokio::sync::oneshot;

use crate::connection::Home;
use crate::run::Ended;
use crate::session::Session;
use crate::writers::Writers;

/// A session that is lent out; it comes home when this is dropped, and ends where nobody waits for it any more.
pub(crate) struct Lent {
    /// Both are there until the drop.
    session: Option<Box<Session>>,
    home: Option<oneshot::Sender<Home>>,
    writers: Writers,
}

impl Lent {
    pub(crate) fn new(session: Box<Session>, home: oneshot::Sender<Home>, writers: Writers) -> Self {
        Self { session: Some(session), home: Some(home), writers }
    }

    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(session), Some(home)) = (self.session.take(), self.home.take())
            && let Err(home) = home.send(Home { session, ended: Ok(Ended::Done(Outcome::default())) })
        {
            drop(self.writers.close(*home.session));
        }
    }
}
